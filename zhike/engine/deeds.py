"""One deed done to many records: what, to which of them, and what becomes of each row.

Rows are chosen by ticks or by a view, never by a list that was made of a view: a view is read in the order of ids,
batch after batch. The preview is the deed itself, done and rolled back, so that it cannot say anything else.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from . import access, lineage, query, records
from .access import Actor
from .attempts import CONFLICT, RIGHT, SAME, STAGE, Outcome, attempt, reached
from .duplicates import check as doubles
from .entity import AnyEntity
from .errors import Invalid, Missing, Refused, Wrong
from .kinds import Attribute, Labels
from .query import View

AT_ONCE = 500  # more rows than this are previewed, and done by the worker
BATCH = 1_000
SAMPLES = 5
TRIED = 60  # rows that the samples of a preview are looked for in
PLAIN = ("update", "transfer", "delete", "restore")


@dataclass(frozen=True)
class Deed:
    """What is done to each row: fields set ("" or none clears), values of lists added or removed, or an action."""

    action: str
    values: Mapping[str, Any] = field(default_factory=dict)
    add: Mapping[str, Any] = field(default_factory=dict)
    remove: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""

    @property
    def keys(self) -> list[str]:
        """The fields it touches."""
        return sorted({*self.values, *self.add, *self.remove})

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        return {
            "action": self.action, "values": dict(self.values), "add": dict(self.add), "remove": dict(self.remove),
            "note": self.note,
        }  # fmt: skip

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Deed:
        """Back from a job."""
        return cls(raw["action"], raw["values"], raw["add"], raw["remove"], raw["note"])


@dataclass(frozen=True)
class Chosen:
    """Rows that were ticked, with the versions seen where they are known; or, with `where`, all that a view shows."""

    ids: Sequence[UUID] = ()
    versions: Mapping[UUID, int] = field(default_factory=dict)
    where: str | None = None  # a view as its address

    @property
    def view(self) -> View:
        """The view of `where`."""
        return query.parse(self.where or "")

    def to_json(self) -> dict[str, Any]:
        """As a job keeps it."""
        versions = {str(pk): v for pk, v in self.versions.items()}
        return {"ids": [str(pk) for pk in self.ids], "versions": versions, "where": self.where}

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Chosen:
        """Back from a job."""
        versions = {UUID(pk): v for pk, v in raw["versions"].items()}
        return cls(tuple(UUID(pk) for pk in raw["ids"]), versions, raw["where"])

    def rows(self, actor: Actor, entity: AnyEntity, deed: Deed) -> Any:
        """What was chosen, as far as the actor may list it, in no order; restoring looks into the recycle bin."""
        if deed.action == "restore":
            bin_ = entity.rows("rows from access, in the bin")
            found = bin_.filter(access.rows(actor, entity, "restore"), deleted_at__isnull=False)
            found = lineage.single(entity, found)
            return found if self.where is not None else found.filter(pk__in=self.ids)
        if self.where is None:
            return query.visible(actor, entity, "list").filter(pk__in=self.ids)
        return query.select(actor, entity, self.view.start().but(sort="", group=""), "list").order_by()

    def count(self, actor: Actor, entity: AnyEntity, deed: Deed, limit: int | None = None) -> int:
        """How many there are, or `limit` + 1 for more."""
        if self.where is None:
            return len(self.ids)
        rows = self.rows(actor, entity, deed)
        return int(rows.count() if limit is None else rows[: limit + 1].count())

    def next(
        self, actor: Actor, entity: AnyEntity, deed: Deed, after: UUID | None, size: int, until: dt.datetime
    ) -> list[UUID]:
        """The next rows in the order of ids. What came to be after `until` is not among them."""
        if self.where is None:
            return [pk for pk in sorted(set(self.ids)) if after is None or pk > after][:size]
        rows = self.rows(actor, entity, deed).filter(created_at__lte=until)
        if after is not None:
            rows = rows.filter(pk__gt=after)
        return list(rows.order_by("pk").values_list("pk", flat=True)[:size])


@dataclass
class Sample:
    """One row before and after, as texts for its reader: (label, before, after)."""

    id: UUID
    title: str
    changes: list[tuple[Any, str, str]]


def offered(actor: Actor, entity: AnyEntity) -> list[str]:
    """What the actor may do to many rows at once."""
    if not access.may(actor, entity, "bulk"):
        return []
    actions = [name for name in entity.actions if name not in access.EXPLICIT]
    found = [name for name in (*PLAIN, *actions) if access.may(actor, entity, name)]
    return [n for n in found if n != "transfer" or (entity.has_owner and "owner" in access.writable(actor, entity))]


def editable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields that can be given to many rows at once: written by the actor, and not one of a kind."""
    unique = {k for keys in entity.unique if len(keys) == 1 for k in keys}
    found = access.writable(actor, entity)
    return {
        k: a for k, a in found.items() if k not in unique and k != "pipeline" and a.kind.key not in ("file", "json")
    }


def required(actor: Actor, entity: AnyEntity, deed: Deed) -> None:
    """Raises Refused or Missing where the actor may not do this at all, Invalid where what is given cannot be."""
    access.require(actor, entity, "bulk")
    access.require(actor, entity, deed.action)
    if deed.action not in offered(actor, entity):
        raise Missing
    known = editable(actor, entity)
    allowed = set(known)
    if deed.action == "transfer":
        allowed = {"owner"}
    elif deed.action != "update":
        allowed = set(entity.actions[deed.action].fields) if deed.action in entity.actions else set()
    errors: dict[str, list[Wrong]] = {}
    for key in deed.keys:
        if key not in allowed or key not in access.writable(actor, entity):
            raise Refused(f"field {key[:60]} of {entity.key}")
        if wrong := _wrong(entity.attributes[key], deed):
            errors[key] = [wrong]
    if deed.action == "update" and not deed.keys:
        errors[""] = [Wrong(_("Choose a field and say what it is to be."), "required")]
    if deed.action == "transfer" and not deed.values.get("owner"):
        errors["owner"] = [Wrong(_("Say who is to own these records."), "required")]
    if errors:
        raise Invalid([errors])


def _wrong(a: Attribute, deed: Deed) -> Wrong | None:
    """Why what is given for a field cannot be taken by any row."""
    parts = [x[a.key] for x in (deed.add, deed.remove) if a.key in x]
    if parts and a.kind.blank != ():
        return Wrong(_("Only lists take values one by one."), "list")
    try:
        for raw in (*parts, *([deed.values[a.key]] if a.key in deed.values else [])):
            a.kind.clean(a, raw)
    except Wrong as wrong:
        return wrong
    if a.required and a.key in deed.values and deed.values[a.key] in (None, ""):
        return Wrong(_("%(field)s is required.") % {"field": a.label}, "required")
    return None


def do(actor: Actor, entity: AnyEntity, deed: Deed, ids: Sequence[UUID], versions: Mapping[UUID, int]) -> Outcome:
    """Do it to these rows, as far as it can be done, in the transaction of the caller. Raises Refused once the actor
    has no such right at all."""
    access.require(actor, entity, "bulk")
    access.require(actor, entity, deed.action)
    outcome = Outcome()
    with transaction.atomic():
        mine = reached(actor, entity, deed.action, ids, bulk=True)
        outcome.skip([pk for pk in ids if pk not in mine], RIGHT)
        rows = entity.rows("reached by the actor").filter(pk__in=mine).order_by("pk")
        found = {r.pk: r for r in rows.select_for_update(of=("self",))}
        outcome.skip([pk for pk, r in found.items() if versions.get(pk, r.version) != r.version], CONFLICT)
        left = [pk for pk in found if pk not in outcome.skipped]
        if deed.action in ("delete", "restore"):
            attempt(left, lambda some: _move(actor, entity, deed, some), outcome)
        else:
            _write(actor, entity, deed, {pk: found[pk] for pk in left}, outcome)
    return outcome


def _move(actor: Actor, entity: AnyEntity, deed: Deed, ids: Sequence[UUID]) -> None:
    if deed.action == "delete":
        records.delete_many(actor, entity, ids)
    elif records.restore_many(actor, entity, ids) != len(ids):
        raise Missing


def _write(actor: Actor, entity: AnyEntity, deed: Deed, found: Mapping[UUID, Any], outcome: Outcome) -> None:
    action = entity.actions.get(deed.action)
    data: dict[UUID, dict[str, Any]] = {}
    for pk, record in found.items():
        status = getattr(record, "status", "")
        closed = entity.is_staged and not access.writable(actor, entity, status).keys() >= {*deed.keys}
        if closed or (action and action.when and status not in action.when):
            outcome.skip([pk], STAGE)
            continue
        values = _values(entity, deed, record)
        if action is None and _is_same(actor, entity, values, record):
            outcome.skip([pk], SAME)
            continue
        data[pk] = values
    # nobody can be asked row by row: the preview and the outcome tell what may be there already
    with doubles.at("typed" if actor.channel == "web" else "api", confirmed=True) as told:
        attempt(
            list(data),
            lambda some: records.update_many(
                actor, entity, {pk: data[pk] for pk in some}, action=deed.action, note=deed.note
            ),
            outcome,
        )
    outcome.warned = {pk: told[pk] for pk in outcome.done if pk in told}


def _values(entity: AnyEntity, deed: Deed, record: Any) -> dict[str, Any]:
    values = dict(deed.values)
    for key in {*deed.add, *deed.remove}:
        a = entity.attributes[key]
        added, removed = (a.kind.clean(a, x.get(key)) or [] for x in (deed.add, deed.remove))
        values[key] = [v for v in dict.fromkeys([*a.read(record), *added]) if v not in removed]
    return values


def _is_same(actor: Actor, entity: AnyEntity, values: Mapping[str, Any], record: Any) -> bool:
    """Whether the row has these values already. What the actor does not see whole is never compared."""
    known, masked = access.readable(actor, entity), access.masked(actor, entity)
    for key, raw in values.items():
        a = entity.attributes[key]
        value = a.kind.clean(a, raw)
        value = a.kind.blank if value is None else value
        if key not in known or key in masked or a.read(record) != (list(value) if value == () else value):
            return False
    return True


def samples(actor: Actor, entity: AnyEntity, deed: Deed, chosen: Chosen, until: dt.datetime) -> list[Sample]:
    """A few rows before and after, as their reader sees them: done for a moment, and rolled back."""
    ids = chosen.next(actor, entity, deed, None, TRIED, until)
    known = access.readable(actor, entity)
    wanted = [known[k] for k in shown_keys(entity, deed) if k in known]
    with transaction.atomic():
        before = {r.id: r for r in _read(actor, entity, ids, wanted)}
        done = do(actor, entity, deed, ids, chosen.versions).done[:SAMPLES]
        after = {r.id: r for r in _read(actor, entity, done, wanted)}
        transaction.set_rollback(True)
    labels = query.labels(actor, wanted, [*before.values(), *after.values()])
    names = query.names(actor, entity.key, done) if deed.action != "restore" else {}
    return [
        Sample(pk, names.get(pk, "…"), _changes(wanted, before[pk], after[pk], labels))
        for pk in done
        if pk in before and pk in after
    ]


def shown_keys(entity: AnyEntity, deed: Deed) -> list[str]:
    """The fields of a preview: those that are given, and for an action what it moves."""
    moved = ["stage", "status"] if deed.action in entity.actions else []
    return list(dict.fromkeys(k for k in (*deed.keys, *moved) if k in entity.attributes))


def _read(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], wanted: Sequence[Attribute]) -> list[query.Row]:
    rows = entity.rows("rows of a preview, of which the actor sees the fields they may read")
    return query.read(actor, entity, rows.filter(pk__in=ids), wanted)


def _changes(
    wanted: Sequence[Attribute], before: query.Row, after: query.Row, labels: Labels
) -> list[tuple[Any, str, str]]:
    pairs = [(a.label, *(a.kind.text(a, r.values.get(a.key), labels) for r in (before, after))) for a in wanted]
    return [(label, old, new) for label, old, new in pairs if old != new] or pairs
