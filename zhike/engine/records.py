"""The one write path. Forms, imports, actions and jobs all end here.

It takes lists, because a list of one costs nothing and a second path for bulk would drift from the first. The order
is the same for every channel: refuse unwritable fields, clean by kind, run the action, run the hooks, place the record
in the organisation, apply the rules of its stage, require, check links and uniqueness, write, check that it is still
within reach, then note owner periods, stage events and the outbox. History is written by a database trigger.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.i18n import listed
from zhike.base.models import Stored, User

from . import access, fieldrules, history, lineage, numbering, outbox, query, rolling, stages, words
from . import bulk as storage
from .access import Actor
from .duplicates import check as doubles
from .entity import AnyEntity, Entity, get
from .errors import Conflict, Invalid, Missing, Refused, Wrong
from .kinds import Attribute
from .models import IdempotencyKey, OwnerPeriod
from .pools import known as pools
from .pools import owning, settling

M = TypeVar("M", bound=Stored)
Values = Mapping[str, Any]
BATCH = 1_000
Made = Callable[[Collection[UUID]], Collection[UUID]]  # which of some ids are of records that a trial run has made
_rehearsed: ContextVar[Made | None] = ContextVar("rehearsed", default=None)


@contextmanager
def rehearsed(made: Made) -> Iterator[None]:
    """What is saved inside is judged by all rules and not written; `before_all` is the last hook that runs.

    `made` says what may be linked to although it is not stored: records that were rehearsed before.
    """
    token = _rehearsed.set(made)
    try:
        yield
    finally:
        _rehearsed.reset(token)


@dataclass
class Change(Generic[M]):
    """One change to one record, as hooks see it. `values` are cleaned, `before` is empty for a new record."""

    actor: Actor
    entity: Entity[M]
    record: M
    action: str
    values: dict[str, Any]
    before: dict[str, Any] = field(default_factory=dict)
    stored: dict[str, Any] = field(default_factory=dict)  # every column as it was, those that no person sees too
    errors: dict[str, list[Wrong]] = field(default_factory=dict)
    at: dt.datetime = field(default_factory=timezone.now)
    dated: bool = False  # the past as it is loaded: `at` was said, and is the time of every trace
    author: UUID | None = None  # who made the record where it comes from, if not the actor
    note: str = ""
    extra: dict[str, Any] = field(default_factory=dict)  # what an action is told, and what hooks hand to later hooks
    back: dict[str, Any] | None = None  # columns as they were, where an operation is taken back (undo.py)
    attributes: dict[str, Attribute] = field(init=False)  # of the entity, as configured at this moment

    def __post_init__(self) -> None:
        self.attributes = self.entity.attributes

    @property
    def is_new(self) -> bool:
        """Whether the record is being created."""
        return not self.before

    def get(self, key: str) -> Any:
        """The value as it will be saved."""
        return self.attributes[key].read(self.record)

    def set(self, key: str, value: Any) -> None:
        """Set a field from a hook; the value must be clean already."""
        self.attributes[key].write(self.record, value)

    def was(self, key: str) -> Any:
        """The value before, None for a new record."""
        return self.before.get(key)

    def changed(self, key: str) -> bool:
        """Whether this change gives `key` another value."""
        before = self.before[key] if self.before else self.attributes[key].empty
        return bool(self.get(key) != before)

    def fail(self, key: str, text: str, code: str = "invalid") -> None:
        """Refuse the change with a text at a field, or at the record as a whole with the key ""."""
        self.errors.setdefault(key, []).append(Wrong(text, code))


def create_many(
    actor: Actor,
    entity: AnyEntity,
    rows: Sequence[Values],
    *,
    keys: Sequence[str] | None = None,
    at: Sequence[dt.datetime] | None = None,
    authors: Sequence[UUID | None] | None = None,
    extra: Values | None = None,
) -> list[Any]:
    """New records, in the order of `rows`. `extra` is what hooks are told beside the fields.

    `keys` are idempotency keys: a key seen before gives the record it made then. `at` says when each came to be and
    `authors` who made it, for history that is loaded. Raises Invalid with the errors of every row, or Refused; then
    nothing is written.
    """
    access.require(actor, entity, "create")
    with transaction.atomic():
        made = _repeated(actor, entity, keys or ())
        fresh = [i for i in range(len(rows)) if not keys or keys[i] not in made]
        changes = [
            Change(
                actor,
                entity,
                entity.make(),
                "create",
                dict(rows[i]),
                at=at[i] if at else timezone.now(),
                dated=at is not None,
            )
            for i in fresh
        ]
        for i, change in zip(fresh, changes, strict=True):
            change.author, change.extra = authors[i] if authors else None, dict(extra or {})
        saved = iter(_save(changes, at=[changes[n].at for n in range(len(changes))]))
        result = [made[keys[i]] if keys and keys[i] in made else next(saved) for i in range(len(rows))]
        if keys:
            IdempotencyKey.objects.bulk_create(
                IdempotencyKey(actor=actor.user.pk, key=keys[i], entity=entity.key, record=result[i].pk) for i in fresh
            )
    return result


def _repeated(actor: Actor, entity: AnyEntity, keys: Sequence[str]) -> dict[str, Any]:
    if not keys:
        return {}
    with connection.cursor() as cursor:  # two requests with one key must not both find it unused
        for key in sorted(set(keys)):
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{actor.user.pk}:{key}"])
    seen = dict(
        IdempotencyKey.objects.filter(actor=actor.user.pk, key__in=keys, entity=entity.key).values_list("key", "record")
    )
    found = entity.rows("the actor's own creation").in_bulk(list(seen.values()))
    return {key: found[pk] for key, pk in seen.items() if pk in found}


def update_many(
    actor: Actor,
    entity: AnyEntity,
    data: Mapping[UUID, Values],
    *,
    action: str = "update",
    versions: Mapping[UUID, int] | None = None,
    at: Mapping[UUID, dt.datetime] | None = None,
    note: str = "",
    extra: Values | None = None,
    bulk: bool = False,
    back: Mapping[UUID, Mapping[str, Any]] | None = None,
) -> list[Any]:
    """Change records by id. `extra` is what an action is told beside the fields of the record.

    `back` are columns as they stood before, where an operation with the right `action` is taken back: hooks see them
    and none has the last word, no action runs, and what was complete then need not be complete by the rules of now.

    `bulk` is for many at once by a person's or a program's one request: a right of its own besides the action.

    `versions` are the versions that the changes are based on. Raises Missing for what is not there for this actor,
    Conflict when a version has moved on, Invalid or Refused; then nothing is written.
    """
    with transaction.atomic():
        found = _locked(actor, entity, list(data), action)
        if bulk:
            require_bulk(actor, entity, list(data))
        if stale := [pk for pk, v in (versions or {}).items() if found[pk].version != v]:
            raise Conflict(stale)
        changes = []
        for pk, values in data.items():
            change = Change(actor, entity, found[pk], action, dict(values), note=note, extra=dict(extra or {}))
            change.stored = {f.attname: getattr(found[pk], f.attname) for f in entity.model._meta.concrete_fields}
            change.before = {k: a.read(found[pk]) for k, a in entity.attributes.items() if a.stored}
            if at:
                change.at, change.dated = at[pk], True
            if back is not None:
                change.back = dict(back[pk])
            changes.append(change)
        return _save(changes)


def update_made(actor: Actor, entity: AnyEntity, rows: Sequence[tuple[Values, Values]]) -> list[Any]:
    """What `update_many` would say of records that are not stored: given as they are, clean, and what is to change.

    For a trial run, inside `rehearsed`, of records that it would have made. Raises Invalid, Refused.
    """
    changes = []
    for now, values in rows:
        record = entity.make()
        change = Change(actor, entity, record, "update", dict(values))
        for key, value in now.items():
            change.set(key, value)
        change.stored = {f.attname: getattr(record, f.attname) for f in entity.model._meta.concrete_fields}
        change.before = {k: a.read(record) for k, a in change.attributes.items() if a.stored}
        changes.append(change)
    return _save(changes)


def _locked(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], action: str) -> dict[UUID, Any]:
    access.require(actor, entity, action)
    found: dict[UUID, Any] = (
        query.visible(actor, entity, action).order_by("pk").select_for_update(of=("self",)).in_bulk(list(ids))
    )
    if len(found) != len(set(ids)):
        raise Missing
    return found


def require_bulk(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> None:
    """Refused without the right to change many at once, Missing where it does not reach one of them."""
    access.require(actor, entity, "bulk")
    if query.visible(actor, entity, "bulk").filter(pk__in=ids).count() != len(set(ids)):
        raise Missing


def delete_many(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], *, bulk: bool = False) -> int:
    """Move records to the recycle bin; raises Missing, or Invalid where other records still need one.

    `bulk` as in `update_many`.
    """
    with transaction.atomic():
        found = _locked(actor, entity, ids, "delete")
        if bulk:
            require_bulk(actor, entity, ids)
        _refuse_if_needed(entity, list(found))
        history.acting(actor, "delete")
        now = timezone.now()
        entity.rows("ids from the gate").filter(pk__in=found).update(deleted_at=now, updated_at=now)
        rolling.follow(entity, list(found))
        for hook in entity.after_remove:
            hook(list(found))
        outbox.emit(f"{entity.key}.delete", entity.key, list(found), actor)
    return len(found)


def _refuse_if_needed(entity: AnyEntity, ids: list[UUID]) -> None:
    """A customer with contacts or deals is not deleted; what is only a part or a trace of it does not hold it."""
    for related in entity.lists:
        if not related.holds:
            continue
        other = get(related.entity)
        leads = other.attributes[related.by].leads_to(ids)
        rows = other.rows("existence only, nothing is shown").filter(leads, deleted_at=None)
        if rows.exists():
            text = _("It still has %(what)s. Move or delete those first.") % {"what": other.plural}
            raise Invalid([{"": [Wrong(text, "needed")]}])


def restore_many(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], *, bulk: bool = False) -> int:
    """Bring records back from the recycle bin; how many. `bulk` as in `update_many`."""
    reach = Q()
    for action in ("restore", *(("bulk",) if bulk else ())):
        access.require(actor, entity, action)
        reach &= access.rows(actor, entity, action)
    with transaction.atomic():
        rows = entity.rows("rows from access, in the bin").filter(reach, pk__in=ids, deleted_at__isnull=False)
        rows = lineage.single(entity, rows)
        found = list(rows.values_list("pk", flat=True))
        if pools.is_pooled(entity):
            _hold_to(actor, entity, ids, rows.filter(pk__in=found, owner__isnull=False))
        history.acting(actor, "restore")
        restored = rows.filter(pk__in=found).update(deleted_at=None, updated_at=timezone.now())
        settling.settle(entity, found)
        rolling.follow(entity, found)
        for hook in entity.after_remove:
            hook(found)
        return restored


def _hold_to(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], rows: Iterable[Any]) -> None:
    """What lies in the bin is not held: it comes out as far as its owners may hold it. Raises Invalid, by `ids`."""
    given = {row.pk: Change(actor, entity, row, "restore", {}) for row in rows}
    owning.hold_to(list(given.values()))
    if any(c.errors for c in given.values()):
        raise Invalid([given[pk].errors if pk in given else {} for pk in ids])


def create(actor: Actor, entity: AnyEntity, values: Values, *, key: str = "") -> Any:
    """One new record."""
    return create_many(actor, entity, [values], keys=[key] if key else None)[0]


def update(actor: Actor, entity: AnyEntity, pk: UUID, values: Values, *, version: int | None = None) -> Any:
    """One changed record."""
    return update_many(actor, entity, {pk: values}, versions=None if version is None else {pk: version})[0]


def act(
    actor: Actor,
    entity: AnyEntity,
    pk: UUID,
    name: str,
    values: Values | None = None,
    *,
    version: int | None = None,
    note: str = "",
    extra: Values | None = None,
) -> Any:
    """Run a named action: a change like any other, with its own permission. KeyError for an unknown name."""
    entity.actions[name]
    versions = None if version is None else {pk: version}
    return update_many(actor, entity, {pk: values or {}}, action=name, versions=versions, note=note, extra=extra)[0]


def maintain(entity: AnyEntity, data: Mapping[UUID, Values], reason: str) -> None:
    """Keep derived fields (last contact, primary phone) in step; no permission asked, so only for fields nobody writes.

    `reason` is for the reader. Versions stay, because nothing that a person edits changes.
    """
    plain = {pk: {entity.attributes[k].column: v for k, v in values.items()} for pk, values in data.items()}
    columns = {column for values in plain.values() for column in values}
    searched = {entity.attributes[k].column or "custom" for k in words.searched(entity)}
    if not columns & searched and storage.takes(entity.model, columns) and len({*map(frozenset, plain.values())}) == 1:
        storage.assign(entity.model, plain)
    else:
        _maintain_searched(entity, plain, columns, searched, reason)
    rolling.follow(entity, list(plain), keys={k for values in data.values() for k in values})


def _maintain_searched(
    entity: AnyEntity, plain: Mapping[UUID, Values], columns: set[str], searched: set[str], reason: str
) -> None:
    rows = entity.rows(reason).in_bulk(list(plain))
    for pk, record in rows.items():
        for column, value in plain[pk].items():
            setattr(record, column, value)
        if columns & searched:
            columns |= set(words.index(entity, record))
    if rows and columns:
        entity.rows(reason).bulk_update(list(rows.values()), sorted(columns), batch_size=BATCH)


def _save(changes: Sequence[Change[Any]], *, at: Sequence[dt.datetime] | None = None) -> list[Any]:
    if not changes:
        return []
    actor, entity, action = changes[0].actor, changes[0].entity, changes[0].action
    if changes[0].back is None:
        _require_writable(actor, entity, changes)
    for change in changes:
        _apply(change)
    for hook in entity.before_all:
        hook(changes)
    _place(actor, entity, changes)
    if entity.is_staged:
        stages.prepare(changes)
    for change in changes:
        fieldrules.require(change)
        fieldrules.check_offered(change)
        _settle(change)
    _check_links(actor, entity, changes)
    _check_unique(entity, changes)
    doubles.check(changes)
    if any(c.errors for c in changes):
        raise Invalid([c.errors for c in changes])
    if _rehearsed.get():
        return [c.record for c in changes]
    _write(actor, entity, action, changes)
    _check_reach(actor, entity, action, changes)
    _after(actor, entity, action, changes)
    return [c.record for c in changes]


def _require_writable(actor: Actor, entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    refused: set[str] = set()
    for status in {c.before.get("status", "") if entity.is_staged else "" for c in changes}:
        allowed = access.writable(actor, entity, status)
        same = [c for c in changes if not entity.is_staged or c.before.get("status", "") == status]
        refused |= {k for c in same for k in c.values if k not in allowed}
    if refused:
        raise Refused(f"fields {sorted(refused)} of {entity.key}")


def _apply(change: Change[Any]) -> None:
    """Clean each value by its kind, then run the action and the hooks."""
    attributes = change.attributes
    fieldrules.fill(change)
    _settle(change)
    _leave_masked(change)
    for hook in change.entity.on_input:
        hook(change)
    for key, raw in change.values.items():
        try:
            change.values[key] = value = attributes[key].kind.clean(attributes[key], raw)
        except Wrong as wrong:
            change.errors.setdefault(key, []).append(wrong)
            continue
        if value is None:
            value = attributes[key].empty
        change.set(key, value)
    hooks: list[Callable[[Change[Any]], None]] = list(change.entity.before_save)
    if change.back is None:
        named = change.entity.actions.get(change.action)
        if named is not None or change.action in owning.GIVING:
            hooks.insert(0, named.run if named else owning.run)
    for hook in hooks:
        hook(change)


def _settle(change: Change[Any]) -> None:
    """What is taken back is as it was, whatever the rules derive."""
    for column, value in (change.back or {}).items():
        setattr(change.record, column, value)


def _leave_masked(change: Change[Any]) -> None:
    """A value that came back as it was shown, in part, was not touched."""
    for key in access.masked(change.actor, change.entity) & change.values.keys():
        shown = change.entity.attributes[key].kind.mask(change.before.get(key))
        if change.before and shown and str(change.values[key]).strip() == str(shown):
            del change.values[key]


def _place(actor: Actor, entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """Owner, department and its ancestors; giving a record to somebody else is a right of its own."""
    if not entity.has_owner:
        return
    for c in changes:
        if c.is_new:
            c.record.created_by_id = c.author or actor.hand.pk
            if "owner" not in c.values:
                c.record.owner_id = actor.user.pk
    moved = [c for c in changes if c.is_new or c.changed("owner")]
    given = [c for c in moved if c.action not in owning.GIVING and (c.record.owner_id != actor.user.pk or not c.is_new)]
    for c in _not_given(actor, entity, given):
        c.fail("owner", _("You may not hand this over to somebody else."), "refused")
    owners = User.objects.select_related("department").in_bulk({c.record.owner_id for c in moved if c.record.owner_id})
    place: Any = entity.model._meta.get_field("department")
    for c in moved:
        owner = owners.get(c.record.owner_id)
        if owner is not None and not owner.is_active:
            c.fail("owner", _("%(name)s no longer works here.") % {"name": owner.name})
        department = owner.department if owner else None
        c.record.department_id = department.pk if department else None
        place.set_cached_value(c.record, department)
        c.record.ancestors = list(department.ancestors) if department else []
    if pools.is_pooled(entity):
        owning.stamp(changes)
        owning.limit(changes)


def _not_given(actor: Actor, entity: AnyEntity, given: Sequence[Change[Any]]) -> list[Change[Any]]:
    """What the actor may not hand over: a record that is there must itself lie where the right reaches."""
    if not given or not access.may(actor, entity, "transfer"):
        return list(given)
    if _rehearsed.get():  # where the right reaches all (running.py), and what was made is not there to be asked for
        return []
    ids = [c.record.pk for c in given if not c.is_new]
    reached = set(query.visible(actor, entity, "transfer").filter(pk__in=ids).values_list("pk", flat=True))
    return [c for c in given if not c.is_new and c.record.pk not in reached]


def _check_links(actor: Actor, entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """A link may only point at a record that the actor can see: one query per linked entity."""
    for key, a in entity.attributes.items():
        if not a.is_link:
            continue
        wanted: dict[UUID, list[Change[Any]]] = {}
        for c in changes:
            value = c.values.get(key)
            if key in c.values and key not in c.errors and value:
                for pk in value if isinstance(value, list) else [value]:
                    wanted.setdefault(pk, []).append(c)
        unknown = wanted.keys() - query.names(actor, a.target, wanted).keys()
        if unknown and a.target == entity.key and (made := _rehearsed.get()):
            unknown -= set(made(unknown))
        for pk in unknown:
            for c in wanted[pk]:
                c.fail(key, _("There is no such %(what)s, or you may not see it.") % {"what": a.label})


def _check_unique(entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """One query per unique key, against the table and within the batch; whose the other record is, is not told."""
    for keys in fieldrules.unique(entity):
        seen: dict[tuple[Any, ...], list[Change[Any]]] = {}
        for c in changes:
            value = tuple(c.get(k) for k in keys)
            if all(v not in (None, "") for v in value) and (c.is_new or any(c.changed(k) for k in keys)):
                seen.setdefault(value, []).append(c)
        if not seen:
            continue
        taken = fieldrules.holders(entity, keys, seen.keys())
        for value, same in seen.items():
            for n, c in enumerate(same):
                if n > 0 or (value in taken and taken[value] != c.record.pk):
                    c.fail(keys[0], taken_already(entity.attributes[k].label for k in keys), "unique")


def taken_already(labels: Iterable[object]) -> str:
    """That another record has what may be there once."""
    return _("A record with this %(field)s exists already.") % {"field": listed(str(label) for label in labels)}


def _write(actor: Actor, entity: AnyEntity, action: str, changes: Sequence[Change[Any]]) -> None:
    history.acting(actor, action if changes[0].back is None else "undo", dated=changes[0].dated)
    if entity.pattern and changes[0].is_new:
        _number(entity, changes)
    try:
        with transaction.atomic():
            if changes[0].is_new:
                storage.insert(entity.model, _finished(entity, changes))
            else:
                _overwrite(entity, changes)
    except IntegrityError as error:
        raise _translated(error, entity, len(changes)) from error


def _finished(entity: AnyEntity, changes: Sequence[Change[Any]]) -> Iterator[Any]:
    """The records with what they are found by, one after the other: meanwhile the database stores those before."""
    is_found = hasattr(changes[0].record, "search_text")
    for c in changes:
        if is_found and (c.is_new or _refound(c)):
            words.index(entity, c.record)
        if c.is_new:
            c.record.created_at = c.record.updated_at = c.at
        else:
            c.record.updated_at = max(c.at, c.record.updated_at) if c.dated else timezone.now()
            c.record.version += 1
        yield c.record


def _overwrite(entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """Write the columns that differ in at least one of the records, and those that always move."""
    for _record in _finished(entity, changes):
        pass
    columns = {"updated_at", "version"}
    for c in changes:
        columns |= {k for k, value in c.stored.items() if getattr(c.record, k) != value}
    if storage.takes(entity.model, columns):
        storage.assign(entity.model, {c.record.pk: {k: getattr(c.record, k) for k in columns} for c in changes})
    else:
        rows = entity.rows("the write path itself")
        rows.bulk_update([c.record for c in changes], sorted(columns), batch_size=BATCH)


def _refound(change: Change[Any]) -> bool:
    """Whether the record is found by other words than before."""
    return any(change.changed(k) for k in (change.entity.title, *words.searched(change.entity)))


def _number(entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    """Running numbers for new records that bring none."""
    lacking = [c for c in changes if not c.record.number]
    for c, number in zip(lacking, numbering.take(entity.key, entity.pattern, len(lacking)), strict=True):
        c.record.number = number


def _translated(error: IntegrityError, entity: AnyEntity, rows: int) -> Invalid:
    """A database constraint as an error of the record: two people did the same thing at the same moment."""
    cause = getattr(error.__cause__, "diag", None)
    name = getattr(cause, "constraint_name", "") or ""
    if name == "user_one_office":
        text = _("Nobody holds two of the administrators' offices. Take the other role away first.")
        key = next(k for k in ("roles", "office") if k in entity.attributes)
        return Invalid([{key: [Wrong(text, "office")]}, *({} for _n in range(rows - 1))])
    text = _("This cannot be saved, because it would break the rule %(name)s. Reload and try again.") % {"name": name}
    return Invalid([{"": [Wrong(text, "constraint")]}, *({} for _n in range(rows - 1))])


def _check_reach(actor: Actor, entity: AnyEntity, action: str, changes: Sequence[Change[Any]]) -> None:
    """A change may not put a record where its author cannot reach it, unless handing over is what the author may do.

    The stored conditions of a right hold for what is handed over too.
    """
    gives = entity.has_owner and access.may(actor, entity, "transfer")
    away = {
        c.record.pk
        for c in changes
        if entity.has_owner and (c.changed("owner") if not c.is_new else gives and c.record.owner_id != actor.user.pk)
    }
    ids = {c.record.pk for c in changes} - away
    reached = query.visible(actor, entity, action).filter(pk__among=ids).count()
    bounds = access.bounds(actor, entity, action)
    if away and bounds:
        reached += entity.rows("written by the actor just now").filter(bounds, pk__in=away).count()
        ids |= away
    if reached != len(ids):
        raise Refused("beyond reach")


def _after(actor: Actor, entity: AnyEntity, action: str, changes: Sequence[Change[Any]]) -> None:
    if entity.has_owner:
        _note_owners(actor, entity, changes)
    if entity.is_staged:
        stages.note(changes)
    if pools.is_pooled(entity):
        owning.note(changes)
    rolling.follow_changes(entity, changes)
    for hook in entity.after_save:
        hook(changes)
    action = action if changes[0].back is None else "update"
    outbox.emit(f"{entity.key}.{action}", entity.key, [c.record.pk for c in changes], actor)
    for name, ids in _meanings(entity, action, changes).items():
        outbox.emit(f"{entity.key}.{name}", entity.key, ids, actor)


def _meanings(entity: AnyEntity, action: str, changes: Sequence[Change[Any]]) -> dict[str, list[UUID]]:
    """What a plain update also was: a hand-over, a win, a loss; listeners need not know how it was made."""
    found: dict[str, list[UUID]] = {}
    if entity.has_owner and action != "transfer":
        found["transfer"] = [c.record.pk for c in changes if not c.is_new and c.changed("owner")]
    if entity.is_staged:
        for status, name in (("won", "win"), ("lost", "lose")):
            if action != name:
                found[name] = [c.record.pk for c in changes if c.record.status == status and c.was("status") != status]
    return {name: ids for name, ids in found.items() if ids}


def _note_owners(actor: Actor, entity: AnyEntity, changes: Sequence[Change[Any]]) -> None:
    moved = [c for c in changes if c.is_new or c.changed("owner")]
    since = {c.record.pk: c.at if c.is_new or c.dated else moved[0].at for c in moved}  # one ends as the next begins
    ended: dict[dt.datetime, list[UUID]] = {}
    for c in moved:
        if not c.is_new:
            ended.setdefault(since[c.record.pk], []).append(c.record.pk)
    for at, old in ended.items():
        OwnerPeriod.objects.filter(record__in=old, to_at=None).update(to_at=at)
    storage.lay_down(
        OwnerPeriod,
        ("entity", "record", "owner_id", "from_at", "by_id", "reason"),
        ((entity.key, c.record.pk, c.record.owner_id, since[c.record.pk], actor.user.pk, c.note) for c in moved),
    )
