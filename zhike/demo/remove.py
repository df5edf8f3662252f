"""Takes the demo firm away.

The history says which rows the demo made. What people added stays, unless it hangs on the demo: follow-ups, numbers and
the like go with the record they are about; a contact or deal of a demo customer goes if it was entered as one of the
demo's people, and stops the removal if somebody else entered it. Records that stay lose owners who are no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from gettext import gettext as _
from typing import Any

from django.apps import apps
from django.contrib.auth.hashers import make_password
from django.core.files.storage import default_storage
from django.db import connection, models, transaction

from zhike.base.models import Stored, User
from zhike.engine import history, numbering
from zhike.engine.entity import declared
from zhike.engine.models import Counter, History, IdempotencyKey, OwnerPeriod, PoolMove, Seal, StageEvent, StoredFile
from zhike.launch.errors import LaunchError
from zhike.modules.activities.models import Activity
from zhike.modules.assigning.models import Decision, Offer
from zhike.modules.customers.models import Address, Affiliation, Consent, Contact, ContactPoint, PersonRequest
from zhike.modules.handover.models import Handover
from zhike.modules.leads.models import Lead
from zhike.modules.promises.models import Promise
from zhike.modules.sales.models import Deal, DealCompetitor, DealContact
from zhike.modules.targets.models import Target

from .store import CHANNEL, sign

# what is about another record, and what stands for itself, with the links that it hangs by
PARTS: dict[type[Stored], tuple[str, ...]] = {
    Promise: ("account",),
    Target: ("unit",),
    Handover: ("person", "author"),
    Activity: ("account", "contact", "lead", "deal"),
    Affiliation: ("account", "contact"),
    ContactPoint: ("account", "contact"),
    Address: ("account",),
    Consent: ("contact",),
    PersonRequest: ("contact",),
    DealContact: ("deal", "contact"),
    DealCompetitor: ("deal", "competitor"),
}
HANGING: dict[type[Stored], tuple[str, ...]] = {
    Contact: ("account",),
    Deal: ("account",),
    Lead: ("account", "contact"),
}
SHOWN = 20
TRACES = (History, StageEvent, PoolMove, Decision, Seal)


def remove() -> dict[str, int]:
    """Remove the demo firm; gives how many rows went, by table.

    Raises LaunchError, and changes nothing, when there is none or when records of real people hang on it.
    """
    if not Counter.objects.filter(entity="demo").exists():
        raise LaunchError(_("There is no demo firm in this database."))
    with transaction.atomic():
        _open_traces(opened=True)
        _mark()
        _refuse()
        _keep_departments()
        _keep_uploaders()
        files = _files()
        _let_go()
        counts = _erase()
        chain = _cut()
        _open_traces(opened=False)
        history.note_event("chain", channel=CHANNEL, details={**chain, "reason": "the demo firm was removed"})
        transaction.on_commit(partial(_unlink, files))
    return counts


def _run(sql: str, *values: Any) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _open_traces(*, opened: bool) -> None:
    """Traces are never changed by anybody; only here they go together with what they are about."""
    _run("SET CONSTRAINTS ALL IMMEDIATE")
    for model in TRACES:
        _run(f"ALTER TABLE {model._meta.db_table} {'DISABLE' if opened else 'ENABLE'} TRIGGER USER")
    if opened:
        _run("SET CONSTRAINTS ALL DEFERRED")


# ---- what goes


def _mark() -> None:
    """The table `gone`: ids of everything the demo made, and of what hangs on it."""
    _run("CREATE TEMP TABLE gone (id uuid PRIMARY KEY) ON COMMIT DROP")
    _run(
        "INSERT INTO gone SELECT DISTINCT record FROM engine_history WHERE channel = %s AND action = 'create'", CHANNEL
    )
    while sum(_hanging()):
        _run("ANALYZE gone")


def _hanging() -> Iterator[int]:
    for model, links in PARTS.items():
        yield _run(f"INSERT INTO gone SELECT t.id FROM {_table(model)} t WHERE {_on_gone(model, links)}")  # noqa: S608
    for model, links in HANGING.items():
        yield _run(
            f"INSERT INTO gone SELECT t.id FROM {_table(model)} t WHERE {_on_gone(model, links)} "  # noqa: S608
            "AND (t.created_by_id IS NULL OR t.created_by_id IN (SELECT id FROM gone))"
        )


def _table(model: type[models.Model]) -> str:
    return connection.ops.quote_name(model._meta.db_table)


def _on_gone(model: type[models.Model], links: tuple[str, ...]) -> str:
    """SQL: a row of `t` that stays so far and links to one that goes."""
    columns = (model._meta.get_field(name).column for name in links)  # type: ignore[union-attr]
    linked = " OR ".join(f"t.{c} IN (SELECT id FROM gone)" for c in columns)  # noqa: S608
    return f"t.id NOT IN (SELECT id FROM gone) AND ({linked})"  # noqa: S608


def _refuse() -> None:
    found: list[str] = []
    for model, links in HANGING.items():
        rows = _rows(f"SELECT t.name FROM {_table(model)} t WHERE {_on_gone(model, links)} ORDER BY t.created_at")  # noqa: S608
        found += [f"{model._meta.verbose_name}: {name}" for (name,) in rows]
    if found:
        shown = "\n  ".join([*found[:SHOWN], *(["…"] if len(found) > SHOWN else [])])
        raise LaunchError(
            _(
                "%(count)d records that you entered belong to customers of the demo firm. Move them to customers of "
                "your own or delete them, then try again. Nothing was removed.\n  %(records)s"
            )
            % {"count": len(found), "records": shown}
        )


def _keep_departments() -> None:
    """Departments of the demo in which real people or departments are stay, with those above them."""
    _run(
        "DELETE FROM gone WHERE id IN (SELECT unnest(d.ancestors) FROM base_department d WHERE d.id NOT IN "
        "(SELECT id FROM gone) OR EXISTS (SELECT 1 FROM base_user u WHERE u.department_id = d.id "
        "AND u.id NOT IN (SELECT id FROM gone)))"
    )


def _keep_uploaders() -> None:
    """Files of records that stay need somebody who brought them: a real person, else the account, which is closed."""
    stays = "uploader_id IN (SELECT id FROM gone) AND record IS NOT NULL AND record NOT IN (SELECT id FROM gone)"
    heir = _rows("SELECT id FROM base_user WHERE id NOT IN (SELECT id FROM gone) ORDER BY is_active DESC, created_at")
    if heir:
        _run(f"UPDATE engine_storedfile SET uploader_id = %s WHERE {stays}", heir[0][0])  # noqa: S608
        return
    for (pk,) in _rows(f"SELECT DISTINCT uploader_id FROM engine_storedfile WHERE {stays}"):  # noqa: S608
        _run("DELETE FROM gone WHERE id = %s", pk)
        closed = {"username": f"demo-{pk}", "is_active": False, "password": make_password(None)}
        User.objects.filter(pk=pk).update(**closed, department=None, roles=[])


def _files() -> list[str]:
    _run(
        "INSERT INTO gone SELECT id FROM engine_storedfile "
        "WHERE record IN (SELECT id FROM gone) OR uploader_id IN (SELECT id FROM gone)"
    )
    found = StoredFile.objects.extra(where=["id IN (SELECT id FROM gone)"])
    return list(found.values_list("blob", flat=True))


def _unlink(files: list[str]) -> None:
    for name in files:
        default_storage.delete(name)


# ---- how it goes


def _let_go() -> None:
    """What stays forgets what goes: owners, parents, products, tags."""
    sign()
    theirs = "SELECT id FROM engine_operation WHERE user_id IN (SELECT id FROM gone)"
    _run(f"DELETE FROM engine_operationstep WHERE operation_id IN ({theirs})")  # noqa: S608  what hangs on what cascades
    _run("SELECT set_config('zhike.action', 'update', true)")
    for model in apps.get_models():
        for f in model._meta.concrete_fields:
            if isinstance(f, models.ForeignKey) and issubclass(f.related_model, Stored):
                _forget(model, f)
    for entity in declared().values():
        for a in entity.attributes.values():
            if a.kind.key == "links" and a.column and entity.model is not User:
                _run(
                    f"UPDATE {_table(entity.model)} SET {a.column} = ARRAY(SELECT x FROM unnest({a.column}) x "  # noqa: S608
                    f"WHERE x NOT IN (SELECT id FROM gone)) WHERE {a.column} && ARRAY(SELECT id FROM gone) "
                    "AND id NOT IN (SELECT id FROM gone)"
                )
        if entity.has_owner:
            lost = "department_id IS NULL AND ancestors <> '{}'"
            _run(f"UPDATE {_table(entity.model)} SET ancestors = '{{}}' WHERE {lost}")  # noqa: S608


def _forget(model: type[models.Model], f: models.ForeignKey[Any, Any]) -> None:
    """A link of rows that stay to rows that go: the row goes too, or the link is emptied."""
    column = connection.ops.quote_name(f.column)
    stays = "AND id NOT IN (SELECT id FROM gone)" if issubclass(model, Stored) else ""
    if f.remote_field.on_delete is models.CASCADE:
        sql = f"DELETE FROM {_table(model)} WHERE {column} IN (SELECT id FROM gone) {stays}"  # noqa: S608
    elif f.null:
        sql = f"UPDATE {_table(model)} SET {column} = NULL WHERE {column} IN (SELECT id FROM gone) {stays}"  # noqa: S608
    else:
        return
    _run(sql)


def _cut() -> dict[str, Any]:
    """The chain over what is no more ends; what stays is sealed anew. Gives where the old one ended."""
    last = Seal.objects.order_by("-id").first()
    _run("DELETE FROM engine_seal")
    return {"seals": last.pk if last else 0, "head": bytes(last.digest).hex() if last else ""}


def _erase() -> dict[str, int]:
    counts: dict[str, int] = {}
    for model in (m for m in apps.get_models() if issubclass(m, Stored)):
        if n := _run(f"DELETE FROM {_table(model)} WHERE id IN (SELECT id FROM gone)"):  # noqa: S608
            counts[model._meta.label_lower] = n
    for trace in (History, StageEvent, OwnerPeriod, PoolMove, IdempotencyKey):
        _run(f"DELETE FROM {_table(trace)} WHERE record IN (SELECT id FROM gone)")  # noqa: S608
    _run("DELETE FROM engine_history WHERE record IS NULL AND actor IN (SELECT id FROM gone)")
    for made in (Decision, Offer):
        _run(f"DELETE FROM {_table(made)} WHERE record IN (SELECT id FROM gone) OR rule_id IN (SELECT id FROM gone)")  # noqa: S608
    for entity in declared().values():
        if entity.number and not entity.rows().exists():
            numbering.restart(entity.key)
    Counter.objects.filter(entity="demo").delete()
    return counts
