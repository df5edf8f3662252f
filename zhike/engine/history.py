"""History by database trigger: no path, not even bulk SQL, can change a record without leaving a trace."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import connection, migrations, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from markupsafe import Markup, escape

from zhike.base.models import User

from . import access, lineage, query
from .access import Actor
from .entity import AnyEntity, entities
from .exactjson import COLUMN
from .kinds import Attribute, Labels
from .models import History

NONE = UUID(int=0)
ERASED = "erased"  # stands for a personal value that was taken out: zhike_history_erased() writes it
IGNORED = (
    "search_text",
    "search_grams",
    "updated_at",
    "version",
    "ancestors",
    "department_id",
    "password",
    "last_login",
    "pinyin",
    "name_key",
    "numbers",
    "last_contact_at",
    "next_follow_up_on",  # kept in step by rules, from records with a history
    "last_seen_on",
    "pool_id",
    "recycle_at",
    "response_due_at",
    "recycle_rule",  # worked out from rules and from records with a history; pools have a ledger of their own
    "must_change_password",
    "password_changed_at",
)

FUNCTION = """
CREATE OR REPLACE FUNCTION zhike_history() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    who uuid := nullif(current_setting('zhike.actor', true), '')::uuid;
    via text := coalesce(nullif(current_setting('zhike.channel', true), ''), 'sql');
    act text := coalesce(nullif(current_setting('zhike.action', true), ''), lower(TG_OP));
    dated bool := coalesce(current_setting('zhike.dated', true), '') = 'on';
BEGIN
    IF TG_OP = 'UPDATE' THEN
        -- MATERIALIZED, or the planner would turn each row into JSON again for every one of its columns
        WITH o AS MATERIALIZED (SELECT r.id, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM old_rows r),
            n AS MATERIALIZED (SELECT r.id, r.updated_at, to_jsonb(r) - TG_ARGV[1]::text[] AS j FROM new_rows r),
            d AS MATERIALIZED (
                SELECT n.id, n.updated_at, o.j AS was, n.j AS now FROM n JOIN o ON o.id = n.id WHERE n.j <> o.j
            )
        INSERT INTO engine_history (at, actor, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN d.updated_at ELSE clock_timestamp() END, who, via, act, TG_ARGV[0], d.id, (
            SELECT jsonb_object_agg(e.key, jsonb_build_array(d.was -> e.key, e.value))
            FROM jsonb_each(d.now) e WHERE e.value IS DISTINCT FROM d.was -> e.key
        )
        FROM d;
    ELSIF TG_OP = 'INSERT' THEN
        INSERT INTO engine_history (at, actor, channel, action, entity, record, changes)
        SELECT CASE WHEN dated THEN r.created_at ELSE clock_timestamp() END,
            who, via, act, TG_ARGV[0], r.id, '{}'::jsonb
        FROM new_rows r;
    ELSE
        INSERT INTO engine_history (at, actor, channel, action, entity, record, changes)
        SELECT clock_timestamp(), who, via, 'erase', TG_ARGV[0], r.id, '{}'::jsonb FROM old_rows r;
    END IF;
    RETURN NULL;
END $$;
CREATE OR REPLACE FUNCTION zhike_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the history is never changed';
END $$;
DROP TRIGGER IF EXISTS append_only ON engine_history;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON engine_history
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
DROP TRIGGER IF EXISTS append_only ON engine_stageevent;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON engine_stageevent
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_append_only();
"""

TRIGGERS = """
CREATE TRIGGER history_i AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_history('{entity}', '{{{ignored}}}');
CREATE TRIGGER history_u AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_history('{entity}', '{{{ignored}}}');
CREATE TRIGGER history_d AFTER DELETE ON {table} REFERENCING OLD TABLE AS old_rows
    FOR EACH STATEMENT EXECUTE FUNCTION zhike_history('{entity}', '{{{ignored}}}');
"""


def track(table: str, entity: str) -> migrations.RunSQL:
    """A migration operation that makes `table` leave history as `entity`."""
    sql = TRIGGERS.format(table=table, entity=entity, ignored=",".join(IGNORED))
    drop = "".join(f"DROP TRIGGER history_{op} ON {table};" for op in "iud")
    return migrations.RunSQL(sql, drop)


def retrack(table: str, entity: str) -> migrations.RunSQL:
    """A migration operation after which the history of a table leaves out what is left out by now."""
    sql = TRIGGERS.format(table=table, entity=entity, ignored=",".join(IGNORED))
    drop = "".join(f"DROP TRIGGER IF EXISTS history_{op} ON {table};" for op in "iud")
    return migrations.RunSQL(drop + sql, migrations.RunSQL.noop)


def track_whole(table: str, entity: str, *, record: str, without: Sequence[str] = ()) -> migrations.RunSQL:
    """A migration operation for a table of rights or settings: history keeps its rows whole, new and deleted ones too.

    `record` is the column whose id the steps belong to ("" for none), `without` names secrets.
    """
    ignored = ",".join((*IGNORED, *without))
    sql = TRIGGERS.replace("zhike_history(", "zhike_history_whole(").replace("')", "', '{record}')")
    drop = "".join(f"DROP TRIGGER history_{op} ON {table};" for op in "iud")
    return migrations.RunSQL(sql.format(table=table, entity=entity, ignored=ignored, record=record), drop)


def note(
    actor: Actor,
    action: str,
    *,
    entity: str = "",
    record: UUID | None = None,
    details: Mapping[str, Any] | None = None,
) -> None:
    """Keep what changes no record (reveal, export, print, view-as, share …), in the transaction it happens in.

    `details` never hold values of records or secrets. Known keys: fields [keys], rows (how many), records [ids, as
    text] where they are few enough, token (its id), address, reason, filter.
    """
    behalf = actor.user.pk if actor.by else None
    _write(action, actor.channel, entity, record, details, who=actor.hand.pk, behalf=behalf)


def note_event(
    action: str, *, user: User | None = None, channel: str = "web", details: Mapping[str, Any] | None = None
) -> None:
    """Keep what happened without somebody acting by right: a failed sign-in, a session that ended."""
    _write(action, channel, "user" if user else "", user.pk if user else None, details, who=user.pk if user else None)


def _write(
    action: str,
    channel: str,
    entity: str,
    record: UUID | None,
    details: Mapping[str, Any] | None,
    *,
    who: UUID | None,
    behalf: UUID | None = None,
) -> None:
    History.objects.create(
        at=timezone.now(),
        actor=who,
        behalf=behalf,
        channel=channel,
        action=action,
        entity=entity,
        record=record,
        changes={},
        details=json.loads(json.dumps(details or {}, cls=DjangoJSONEncoder)),
    )


def acting(actor: Actor, action: str, *, dated: bool = False) -> None:
    """Tell the triggers who is about to change tables, and whether the rows say when; until the transaction ends."""
    for_whom = str(actor.user.pk) if actor.by else ""
    values = [
        "" if actor.is_rule else str(actor.hand.pk),
        for_whom,
        actor.channel,
        action,
        "on" if dated else "",
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('zhike.actor', %s, true), set_config('zhike.behalf', %s, true), "
            "set_config('zhike.channel', %s, true), set_config('zhike.action', %s, true), "
            "set_config('zhike.dated', %s, true)",
            values,
        )


def redact(entity: str, record: UUID, fields: Collection[str], by: Actor | None, reason: str) -> int:
    """Erase values of fields (keys or columns; keys of custom fields too) from all steps of a record; gives how many.

    The steps stay, with the word "erased" for what was in them. A step of its own keeps who did it, why, and the
    digests before and after, so that `chain.verify` takes it for what it is. `by` is none for rules of the firm.
    """
    known = entities()[entity].attributes if entity in entities() else {}
    names = sorted({*fields, *(known[key].column for key in fields if key in known and known[key].column)})
    who, whom = (by.hand.pk if by else None), (by.user.pk if by and by.by else None)
    values: list[Any] = [entity, record, names, who, whom, by.channel if by else "job", reason]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT zhike_history_redact(%s, %s, %s, %s, %s, %s, %s)", values)
        return int(cursor.fetchone()[0])


@dataclass(frozen=True)
class Entry:
    """One step of a record's history as its reader may see it.

    `actor` is who did it, `behalf` for whom ("" for themselves); `changes` are (label, before, after), `fields` the
    labels of the fields that were revealed, `rows` how many records a step touched, 0 where it was this one.
    """

    id: int
    at: Any
    actor: str
    channel: str
    action: str
    changes: Sequence[tuple[Any, Markup, Markup]]
    behalf: str = ""
    fields: Sequence[Any] = ()
    rows: int = 0


def of(actor: Actor, entity: AnyEntity, pk: UUID, limit: int = 100, without: Collection[str] = ()) -> list[Entry]:
    """The newest steps of a record: stored whole, redacted for the reader when shown. Missing if it is not visible.

    Beside its changes: who revealed, printed, shared it, and who took it along in an export. The steps of records that
    were merged into it are among them.
    """
    query.record(actor, entity, pk)
    readable = access.readable(actor, entity)
    shown = {place(a): a for a in readable.values() if a.stored and a.column not in without}
    ids = lineage.ids(entity.key, pk)
    mine = Q(record__in=ids)
    for one in ids:
        mine |= Q(details__has_key="records", details__contains={"records": [str(one)]})
    entries = list(History.objects.filter(mine, entity=entity.key).order_by("-id")[:limit])
    labels = _labels(actor, entries, shown)
    people = names_of(entries)
    masked = access.masked(actor, entity)
    return [
        Entry(
            e.id,
            e.at,
            people.get(e.actor, ""),
            e.channel,
            e.action,
            _changes(e, shown, labels, masked),
            people.get(e.behalf, ""),
            [readable[key].label for key in e.details.get("fields", ()) if key in readable],
            _rows(e) if e.record is None else 0,
        )
        for e in entries
        if e.action not in ("update", "undo") or any(c in shown for c in e.changes)
    ]


def names_of(entries: Iterable[History]) -> dict[UUID | None, str]:
    """Names of who did it and for whom, by id."""
    ids = {pk for e in entries for pk in (e.actor, e.behalf) if pk}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "name"))


def place(a: Attribute) -> str:
    """Where the history keeps the changes of a field: its column, or its key among the custom ones."""
    return f"{COLUMN}.{a.key}" if a.custom else a.column


def steps(changes: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Any]]]:
    """The changes of one step, (place, [before, after]); each custom field is one of them."""
    for column, sides in changes.items():
        if column == COLUMN and isinstance(sides, list) and all(isinstance(side, dict) for side in sides):
            old, new = sides
            yield from ((f"{COLUMN}.{k}", [old.get(k), new.get(k)]) for k in {**old, **new})
        else:
            yield column, sides


def _rows(entry: History) -> int:
    found = entry.details.get("rows", 0)
    return found if isinstance(found, int) else 0


def _value(a: Any, raw: Any) -> Any:
    try:
        return a.kind.clean(a, raw)
    except ValueError:
        return None


def _changes(entry: History, shown: Any, labels: Labels, masked: Collection[str]) -> list[tuple[Any, Markup, Markup]]:
    found = []
    for column, sides in steps(entry.changes):
        if (a := shown.get(column)) is not None:
            old, new = (_html(a, raw, labels, masked=a.key in masked) for raw in sides)
            found.append((a.label, old, new))
    return found


def _html(a: Any, raw: Any, labels: Labels, *, masked: bool) -> Markup:
    if raw == ERASED:
        return escape(_("erased"))
    value = _value(a, raw)
    found: Markup = a.kind.html(a, a.kind.mask(value) if masked else value, labels)
    return found


def _labels(actor: Actor, entries: Sequence[History], shown: Any) -> Labels:
    links = [a for a in shown.values() if a.is_link]
    rows = []
    for e in entries:
        changes = dict(steps(e.changes))
        for side in (0, 1):
            values = {a.key: _value(a, changes[place(a)][side]) for a in links if place(a) in changes}
            rows.append(query.Row(e.record or NONE, 0, values))
    return query.labels(actor, links, rows)
