"""The life of a configuration: one shared draft, published as a whole, taken back by publishing an older one anew."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.models import Grant
from zhike.engine import catalog, history, rolling
from zhike.engine.access import Actor
from zhike.engine.errors import Conflict, Missing, Refused
from zhike.engine.models import Configuration, History

from . import changes, convert, document, rows
from .changes import Change, Document
from .checking import Problem

OFFICES = ("all", "system")
CORE = ("fields", "objects", "choices", "layouts", "numbers")
Path = tuple[str, ...]
State = Configuration.State


class Unfit(Exception):
    """A document cannot be taken: what is wrong, each with its path."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(f"{p.path}: {p.text}" for p in problems)[:500])


def check_office(actor: Actor) -> None:
    """Only system administrators as themselves; Refused otherwise."""
    if actor.office not in OFFICES or actor.by:
        raise Refused("configuration")


def published() -> Configuration | None:
    """What is in force."""
    return Configuration.objects.filter(state=State.PUBLISHED).first()


def draft() -> Configuration | None:
    """What is being worked on, by all administrators together."""
    return Configuration.objects.filter(state=State.DRAFT, deleted_at=None).order_by("created_at").first()


def in_force() -> dict[str, Any]:
    """The published document: fields, objects, choices, layouts and numbers."""
    row = published()
    return core(row.document) if row else {}


def core(found: Document) -> dict[str, Any]:
    """A document without what lives in rows of its own."""
    return {k: copy.deepcopy(found[k]) for k in CORE if found.get(k)}


def working() -> dict[str, Any]:
    """The document as it would be published: of the draft, or what is in force where there is none."""
    row = draft()
    return {k: v for k, v in row.document.items() if k != "base"} if row else in_force()


def base_number(row: Configuration) -> int:
    """The number of the configuration that a draft was begun from."""
    found = row.document.get("base", 0)
    return found if isinstance(found, int) else 0


def is_stale(row: Configuration) -> bool:
    """Whether something else was published since a draft was begun."""
    now = published()
    return base_number(row) != ((now.number or 0) if now else 0)


def before(wanted: Document) -> dict[str, Any]:
    """What is in force of all that a document speaks of."""
    found, now = in_force(), rows.read()
    for section in rows.SECTIONS:
        for path, _value in changes.entries({section: wanted.get(section, {})}):
            old = at(now, path)
            if old is not None:
                found = put(found, path, old)
    return found


def pending() -> list[Change]:
    """What publishing the draft would change."""
    found = working()
    return changes.diff(before(found), found) if draft() else []


def at(found: Document, path: Path) -> Any:
    """The entry of a document at a path, None where there is none."""
    here: Any = found
    for key in path:
        here = here.get(key) if isinstance(here, Mapping) else None
    return here


def entry(found: Document, path: Path) -> Any:
    """The entry of a draft at a path; of pipelines, views and tags that it does not speak of, as they stand."""
    held = at(found, path)
    return at(rows.read(), path) if held is None and path[0] in rows.SECTIONS else held


def put(found: Document, path: Path, value: Any) -> dict[str, Any]:
    """The document with another entry at a path; None takes it out, and tables that are empty then."""
    key, rest = path[0], path[1:]
    below = put(found.get(key, {}), rest, value) if rest else value
    without = {k: v for k, v in found.items() if k != key}
    return without if below is None or (rest and not below) else {**without, key: below}


def mark(value: Any) -> str:
    """A short text for a value, by which a form tells whether somebody else has changed it meanwhile."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]


@transaction.atomic
def change(actor: Actor, entries: Mapping[Path, Any], marks: Mapping[Path, str] | None = None) -> Configuration:
    """Write entries into the draft, beginning one where there is none; None takes an entry out.

    Raises Unfit with what is wrong, Conflict where an entry is not what its form was made from.
    """
    check_office(actor)
    now = published()
    row = _locked() or Configuration(
        document={**(core(now.document) if now else {}), "base": (now.number or 0) if now else 0}
    )
    for path, said in (marks or {}).items():
        if mark(entry(row.document, path)) != said:
            raise Conflict
    wanted = dict(row.document)
    for path, value in entries.items():
        wanted = put(wanted, path, value)
    wrong = [p for p in document.problems(wanted) if not p.warns]
    if wrong:
        raise Unfit(wrong)
    row.document, row.by, row.at = wanted, actor.user, timezone.now()
    row.version += 1
    row.save()
    noted = {"paths": [".".join(path) for path in entries][:200]}
    history.note(actor, "configure", entity="configuration", record=row.pk, details=noted)
    return row


def _locked() -> Configuration | None:
    found = Configuration.objects.select_for_update().filter(state=State.DRAFT, deleted_at=None)
    return found.order_by("created_at").first()


def authors() -> dict[str, str]:
    """Who last changed each entry of the draft, by its path."""
    row = draft()
    if row is None:
        return {}
    steps = list(History.objects.filter(record=row.pk, entity="configuration", action="configure").order_by("id"))
    names = history.names_of(steps)
    return {path: names.get(s.actor, "") for s in steps for path in s.details.get("paths", ())}


@transaction.atomic
def discard(actor: Actor) -> None:
    """Throw the draft away."""
    check_office(actor)
    row = _locked()
    if row is not None:
        history.note(actor, "discard_draft", entity="configuration", record=row.pk)
        row.delete()


@transaction.atomic
def carry_over(actor: Actor) -> list[str]:
    """Begin the draft anew from what is in force now, with its own changes; gives the paths that were lost.

    What has changed on both sides is taken from what is in force.
    """
    check_office(actor)
    row, now = _locked(), published()
    if row is None:
        raise Missing
    old = Configuration.objects.filter(number=base_number(row)).first()
    start, fresh = core(old.document if old else {}), core(now.document if now else {})
    lost = []
    for step in changes.diff(start, core(row.document)):
        if at(fresh, step.path) == at(start, step.path):
            fresh = put(fresh, step.path, at(row.document, step.path))
        elif at(fresh, step.path) != at(row.document, step.path):
            lost.append(step.where)
    extra = {k: row.document[k] for k in rows.SECTIONS if k in row.document}
    row.document = {**fresh, **extra, "base": (now.number or 0) if now else 0}
    row.version += 1
    row.save()
    history.note(actor, "carry_over", entity="configuration", record=row.pk, details={"paths": lost})
    return lost


@transaction.atomic
def publish(actor: Actor, version: int, note: str = "") -> Configuration:
    """Put the draft in force for everybody, as a whole or not at all.

    Raises Conflict where the draft is not the one that was looked at (`version`), or not begun from what is in force.
    """
    check_office(actor)
    row = _locked()
    if row is None:
        raise Missing
    if row.version != version or is_stale(row):
        raise Conflict([row.pk])
    wanted = {k: v for k, v in row.document.items() if k != "base"}
    made = put_in_force(actor, wanted, note)
    row.delete()
    return made


@transaction.atomic
def roll_back(actor: Actor, number: int) -> Configuration:
    """Publish an older configuration anew. Values of fields that come back are still there."""
    check_office(actor)
    old = Configuration.objects.filter(number=number, state=State.PAST).first()
    if old is None:
        raise Missing
    return put_in_force(actor, old.document, _("Back to version %(n)s") % {"n": number})


def put_in_force(actor: Actor, wanted: Document, note: str = "") -> Configuration:
    """Publish a document; Unfit where it does not fit. Call it inside a transaction."""
    wrong = [p for p in document.problems(wanted) if not p.warns]
    if wrong:
        raise Unfit(wrong)
    now = Configuration.objects.select_for_update().filter(state=State.PUBLISHED).first()
    old = core(now.document) if now else {}
    steps = changes.diff(before(wanted), wanted)
    fresh = core(wanted)
    convert.all_values(old, fresh)
    with catalog.preview(fresh):
        _objects(actor, old, fresh)
        rows.write(actor, {k: wanted[k] for k in rows.SECTIONS if k in wanted})
    if now:
        Configuration.objects.filter(pk=now.pk).update(state=State.PAST)
    last = Configuration.objects.exclude(number=None).order_by("-number").values_list("number", flat=True).first() or 0
    whole = {**fresh, **rows.read()}
    made = Configuration(number=last + 1, state=State.PUBLISHED, document=whole, by=actor.user, note=note[:200])
    made.save()
    catalog.refresh()
    rolling.published(old, fresh)
    noted = {"number": made.number, "paths": [s.where for s in steps][:200], "reason": note[:200]}
    history.note(actor, "publish", entity="configuration", record=made.pk, details=noted)
    return made


def _objects(actor: Actor, old: Document, fresh: Document) -> None:
    """Numbers of new objects, and rights like those on another object, where whoever publishes may give rights."""
    for key, said in fresh.get("objects", {}).items():
        if key in old.get("objects", {}):
            continue
        like = said.get("like", "")
        if like and actor.office == "all" and not Grant.objects.filter(entity=key).exists():
            history.acting(actor, "publish")
            for g in Grant.objects.filter(entity=like):
                Grant.objects.create(role_id=g.role_id, entity=key, action=g.action, scope=g.scope)
