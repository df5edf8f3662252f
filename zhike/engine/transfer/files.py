"""Import from and export to files named on a command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from zhike.base.models import Role, User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.models import Job
from zhike.engine.tabular import read

from .export import export
from .formats import FORMATS
from .model import Plan, Progress, Result
from .planning import make
from .report import Tally, write_left_out
from .running import run

SHOWN = 200


def import_file(
    entity: str,
    path: Path,
    *,
    username: str = "",
    mapping: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    sheet: str | None = None,
    errors: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Import a file as `username` (the first administrator where none is named); the counts, how columns were read,
    and the first problems. `errors` names an xlsx for the rows left out.

    Raises Invalid for an unknown entity, person or column, TabularError for a file that cannot be read, Refused.
    """
    found, user = _entity(entity), person(username)
    with override(user.language or get_language()), read(path, sheet=sheet) as table, Tally() as tally:
        actor = Actor(user, "import")
        plan = make(actor, found, table, mapping)
        result = run(actor, found, table, plan, dry=dry_run, progress=progress, tally=tally)
        if errors and result.errors:
            write_left_out(table, tally.errors(), errors)
        return told(path.name, found.key, plan, result)


def told(name: str, entity: str, plan: Plan, result: Result) -> dict[str, Any]:
    """What became of a file, as plain data."""
    shown = ("row", "value", "level", "text", "count")
    return {
        "file": name,
        "entity": entity,
        **result.counts(),
        "columns": {c.header: c.field or None for c in plan.columns},
        "problems": [{"column": p.header, **{key: getattr(p, key) for key in shown}} for p in result.problems[:SHOWN]],
    }


def export_file(
    entity: str,
    path: Path,
    *,
    username: str = "",
    query_text: str = "",
    kind: str = "",
    keys: Sequence[str] = (),
    purpose: str = "",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Export a list to one of FORMATS (`kind`, else the ending of `path`), all fields or those named.

    Raises Invalid, Refused.
    """
    found, user = _entity(entity), person(username)
    kind = kind or path.suffix.lower().lstrip(".")
    if kind not in FORMATS:
        text = _("Give the file one of these endings: %(choices)s.")
        raise Invalid([{"output": [Wrong(text % {"choices": ", ".join(f".{f.suffix}" for f in FORMATS.values())})]}])
    actor = Actor(user, "export")
    with override(user.language or get_language()):
        count = export(
            actor, found, query.parse(query_text), path, kind=kind, keys=keys, purpose=purpose, progress=progress,
            console=True,
        )  # fmt: skip
    note(actor, found, count, query_text, kind, purpose)
    return {"file": str(path), "entity": found.key, "rows": count}


def note(actor: Actor, entity: AnyEntity, count: int, query_text: str, kind: str, purpose: str = "") -> Job:
    """Remember who exported what: data that leaves the firm leaves a trace."""
    return Job.objects.create(
        kind="export", entity=entity.key, user=actor.user, state=Job.State.DONE, done=count, total=count,
        options={"query": query_text, "format": kind, "channel": actor.channel, "purpose": purpose},
    )  # fmt: skip


def _entity(key: str) -> AnyEntity:
    if key not in entities():
        known = ", ".join(sorted(k for k, e in entities().items() if e.menu or e.match))
        raise Invalid(
            [{"entity": [Wrong(_("There is no “%(name)s”; there are: %(known)s.") % {"name": key, "known": known})]}]
        )
    return entities()[key]


def person(username: str) -> User:
    """Who is meant by a login name, the first administrator by ""; Invalid for nobody."""
    people = User.objects.filter(is_active=True, deleted_at=None)
    if username:
        found = people.filter(username=username).first()
    else:
        admins = Role.objects.filter(office__in=("all", "system"), deleted_at=None).values_list("pk", flat=True)
        found = people.filter(roles__overlap=list(admins)).order_by("created_at").first()
    if found is None:
        raise Invalid([{"as": [Wrong(_("There is nobody with the login name “%(name)s”.") % {"name": username})]}])
    return found
