"""Phone numbers and mail addresses: rows of their own, the primary ones kept on the customer and the contact.

Always true: of one kind, an owner has at most one primary row, and the field `phone` or `email` of the owner is the
value of that row, or empty where there is none.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import mail, phone
from zhike.engine import bulk, guard
from zhike.engine.entity import get
from zhike.engine.errors import Wrong
from zhike.engine.kinds import KINDS
from zhike.engine.records import Change, maintain

from .models import Account, Contact, ContactPoint

MODELS: dict[str, type[Account | Contact]] = {"account": Account, "contact": Contact}
PHONE, EMAIL = ContactPoint.Kind.PHONE, ContactPoint.Kind.EMAIL
BATCH = 1_000
Changes = Sequence[Change[Any]]


@dataclass(frozen=True)
class Point:
    """A number or mail that an owner is to have."""

    owner: UUID
    kind: str
    value: str
    primary: bool = False
    valid: bool = True

    @property
    def key(self) -> tuple[UUID, str, str]:
        """What makes it the same row."""
        return self.owner, self.kind, comparable(self.kind, self.value)


def comparable(kind: str, value: str) -> str:
    """The form in which two spellings of a number or mail are equal."""
    if kind == EMAIL:
        return mail.key(value)
    read = phone.parse(value)
    digits = phone.digits(read) or value.casefold()
    return f"{digits}-{read.extension}" if read.extension else digits


def split_cells(change: Change[Any]) -> None:
    """Several numbers or mails in one cell: the first good one is primary, the others become rows."""
    for key, kind in (("phone", PHONE), ("email", EMAIL)):
        raw = change.values.get(key)
        parts = (phone.split(raw) if kind == PHONE else mail.split(raw)) if isinstance(raw, str) else []
        if len(parts) < 2:
            continue
        good = [part for part in parts if _is_good(kind, part)]
        change.values[key] = good[0] if good else raw
        if good:
            rest = [(kind, part, part in good) for part in parts if part != good[0]]
            change.extra.setdefault("points", []).extend(rest)


def _is_good(kind: str, part: str) -> bool:
    return not (phone.parse(part).problem if kind == PHONE else mail.problem(mail.normalise(part)))


def note_numbers(change: Change[Any]) -> None:
    """A new record is found by all of its numbers from the first moment."""
    if change.is_new:
        change.record.numbers = _joined(p.key[2] for p in _points(change))


def _joined(values: Iterable[str]) -> str:
    return "\n".join(dict.fromkeys(v for v in values if v))


def _points(change: Change[Any]) -> list[Point]:
    """The rows that this change asks for, primary ones first."""
    pk, record = change.record.pk, change.record
    found = [
        Point(pk, kind, getattr(record, key), primary=True)
        for key, kind in (("phone", PHONE), ("email", EMAIL))
        if getattr(record, key) and (change.is_new or change.changed(key))
    ]
    if getattr(record, "landline", "") and (change.is_new or change.changed("landline")):
        found.append(Point(pk, PHONE, record.landline))
    for kind, raw, valid in change.extra.get("points", ()):
        value = KINDS[str(kind)].clean(get("contactpoint").attributes["value"], raw) if valid else raw
        found.append(Point(pk, kind, value, valid=valid))
    return list({p.key: p for p in reversed(found)}.values())[::-1]


def file_numbers(changes: Changes) -> None:
    """Rows follow the fields of the owner. A number that was there before keeps what was known of it."""
    if changes[0].back is not None:
        return  # the rows are taken back with the owner, as they were
    field = changes[0].entity.key
    wanted = [p for c in changes for p in _points(c)]
    cleared = {
        kind: [c.record.pk for c in changes if not c.is_new and c.changed(key) and not getattr(c.record, key)]
        for key, kind in (("phone", PHONE), ("email", EMAIL))
    }
    for kind, owners in cleared.items():
        if not owners:
            continue
        _rows(field, owners, kind).filter(is_primary=True).update(
            is_primary=False, deleted_at=timezone.now(), updated_at=timezone.now(), version=F("version") + 1
        )
    old = [c.record.pk for c in changes if not c.is_new]
    _file(field, wanted, set(old))
    touched = {p.owner for p in wanted} | {pk for owners in cleared.values() for pk in owners}
    if again := [pk for pk in old if pk in touched]:
        materialise(field, again)


def _rows(field: str, owners: Iterable[UUID], kind: str) -> Any:
    return ContactPoint.objects.filter(**{f"{field}__among": list(owners)}, kind=kind, deleted_at=None)


def _file(field: str, wanted: Sequence[Point], old: set[UUID]) -> None:
    """Rows as wanted; only the `old` owners may have some already."""
    for kind in (PHONE, EMAIL):
        if owners := [p.owner for p in wanted if p.primary and p.kind == kind and p.owner in old]:
            _rows(field, owners, kind).filter(is_primary=True).update(is_primary=False, version=F("version") + 1)
    before = ContactPoint.objects.filter(**{f"{field}__among": old}).order_by("-deleted_at") if old else ()
    known = {(getattr(row, f"{field}_id"), row.kind, row.digits): row for row in before}
    made: list[tuple[Any, ...]] = []
    kept = []
    for p in wanted:
        if (row := known.get(p.key)) is None:
            made.append((p.owner, p.kind, p.value, p.key[2], p.primary, p.valid))
        else:
            row.deleted_at, row.is_primary, row.value = None, row.is_primary or p.primary, p.value
            row.version, row.updated_at = row.version + 1, timezone.now()
            kept.append(row)
    if made:
        bulk.lay_down(ContactPoint, (f"{field}_id", "kind", "value", "digits", "is_primary", "is_valid"), made)
    ContactPoint.objects.bulk_update(
        kept, ["deleted_at", "is_primary", "value", "version", "updated_at"], batch_size=BATCH
    )


def tidy_point(change: Change[ContactPoint]) -> None:
    """Clean the value by its kind; a row belongs to a customer or to a contact, not to both."""
    point = change.record
    point.kind = point.kind or PHONE
    if not change.is_new and (change.changed("account") or change.changed("contact")):
        change.fail("", _("A number cannot move to another owner. Enter it there anew."))
    if (point.account_id is None) == (point.contact_id is None):
        change.fail("", _("A number belongs either to a customer or to a contact. Choose one of them."))
    try:
        point.value = KINDS[point.kind].clean(change.entity.attributes["value"], point.value)
    except Wrong as wrong:
        change.fail("value", wrong.text)
        return
    point.digits = comparable(point.kind, point.value)


def remember_refusals(changes: Sequence[Change[ContactPoint]]) -> None:
    """Who asked not to be contacted at a number stays so when the number is entered again."""
    new = [c for c in changes if c.is_new]
    said = ContactPoint.objects.filter(digits__in={c.record.digits for c in new}, opted_out=True)
    refused = set(said.values_list("account", "contact", "kind", "digits"))
    for c in new:
        point = c.record
        if (point.account_id, point.contact_id, point.kind, point.digits) in refused:
            point.opted_out = True


def follow_points(changes: Sequence[Change[ContactPoint]]) -> None:
    """The owner's fields follow its rows: a new primary row replaces the old one, a first row becomes primary."""
    new = [c.record.pk for c in changes if c.is_new]
    favoured = [c.record.pk for c in changes if c.record.is_primary and (c.is_new or c.changed("is_primary"))]
    for field in MODELS:
        rows = [c.record for c in changes if getattr(c.record, f"{field}_id")]
        _settle(field, rows, favoured, promote=new)


def follow_removal(ids: Sequence[UUID]) -> None:
    """When the primary row goes, the oldest valid one takes its place; when it comes back, so does its place."""
    rows = list(ContactPoint.objects.filter(pk__in=ids))
    favoured = [row.pk for row in rows if row.is_primary and row.deleted_at is None]
    for field in MODELS:
        _settle(field, [r for r in rows if getattr(r, f"{field}_id")], favoured, promote=None)


def _settle(
    field: str, rows: Sequence[ContactPoint], favoured: Sequence[UUID], *, promote: Sequence[UUID] | None
) -> None:
    """Make exactly one row primary per owner and kind; `promote` are the rows that may step in, None means any."""
    touched = {(getattr(r, f"{field}_id"), r.kind) for r in rows}
    if not touched:
        return
    live = ContactPoint.objects.filter(**{f"{field}__in": {o for o, _k in touched}}, deleted_at=None)
    groups: dict[tuple[UUID, str], list[ContactPoint]] = {key: [] for key in touched}
    for row in live.order_by("created_at", "pk"):
        groups.get((getattr(row, f"{field}_id"), row.kind), []).append(row)
    moved = []
    for group in groups.values():
        chosen = _chosen(group, favoured, promote)
        for row in group:
            if row.is_primary != (row.pk == chosen):
                row.is_primary, row.version = row.pk == chosen, row.version + 1
                moved.append(row)
    ContactPoint.objects.bulk_update(moved, ["is_primary", "version"], batch_size=BATCH)
    materialise(field, {owner for owner, _kind in touched})


def follow_move(key: str, ids: Sequence[UUID], _rows: Sequence[UUID], back: bool) -> None:
    """Numbers that came to an owner by merging leave it the primary ones that it has."""
    if key not in MODELS:
        return
    if not back:
        said = guard.rows(MODELS[key], "numbers follow their owner").filter(pk__in=ids).values("pk", "phone", "email")
        wanted = {(r["pk"], str(kind)): r[kind] for r in said for kind in (PHONE, EMAIL)}
        live = ContactPoint.objects.filter(**{f"{key}__in": list(ids)}, deleted_at=None, is_primary=True)
        extra, kept = [], set()
        for row in live.order_by("created_at", "pk"):
            place = (getattr(row, f"{key}_id"), row.kind)
            if place in kept or row.value != wanted.get(place):
                extra.append(row.pk)
            else:
                kept.add(place)
        ContactPoint.objects.filter(pk__in=extra).update(is_primary=False, version=F("version") + 1)
    materialise(key, ids)


def _chosen(group: Sequence[ContactPoint], favoured: Sequence[UUID], promote: Sequence[UUID] | None) -> UUID | None:
    primary = [row.pk for row in group if row.is_primary]
    if named := [pk for pk in primary if pk in favoured]:
        return named[-1]
    if primary:
        return primary[0]
    free = [row.pk for row in group if row.is_valid and (promote is None or row.pk in promote)]
    return free[0] if free else None


def materialise(field: str, owners: Iterable[UUID]) -> None:
    """Write primary phone, primary mail and all numbers of the owners."""
    model = MODELS[field]
    wanted = sorted(set(owners))
    locked = guard.rows(model, "numbers follow their rows").filter(pk__in=wanted).order_by("pk").select_for_update()
    before = {r[0]: r[1:] for r in locked.values_list("pk", "phone", "email", "numbers")}
    values: dict[UUID, dict[str, Any]] = {pk: {"phone": "", "email": "", "numbers": []} for pk in before}
    for row in ContactPoint.objects.filter(**{f"{field}__in": wanted}, deleted_at=None).order_by("created_at", "pk"):
        owner = values.get(getattr(row, f"{field}_id"))
        if owner is not None:
            owner["numbers"].append(row.digits)
            if row.is_primary:
                owner[row.kind] = row.value
    data = {pk: {**v, "numbers": _joined(v["numbers"])} for pk, v in values.items()}
    changed = {pk: v for pk, v in data.items() if (v["phone"], v["email"], v["numbers"]) != before[pk]}
    if changed:
        maintain(get(field), changed, "phone and mail follow the primary rows")
