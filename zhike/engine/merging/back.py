"""Taking a merge back: everything as it was before, but what somebody has changed since, which is told row by row.

What moved and has a history goes back by it (undo.py); what has none by where the merge noted that it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import access, fieldrules, history, operations, outbox, records, undo
from zhike.engine.access import Actor
from zhike.engine.attempts import CONFLICT, Outcome
from zhike.engine.duplicates import groups
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import Erasure, Merge, Operation, OperationStep, SavedView
from zhike.engine.operations import Tally
from zhike.engine.undo import GONE, Net

from .doing import recount, settle
from .moving import renamed

Left = list[tuple[str, UUID, list[str]]]  # entity, id, fields that stay as they are


def take_back(actor: Actor, operation: Operation, step: OperationStep, made: Operation) -> Outcome:
    """Take a merge back as a step of `made`. Raises Missing, Refused, or Invalid with what stands in the way."""
    steps = list(operation.steps.order_by("pk"))
    if step.pk != steps[0].pk:
        return Outcome()  # what came in late (doing.sweep) goes back with the rest
    back = Back(actor, operation, _joined(net for one in steps for net in undo.read(one)))
    mark = operations.marked()
    with transaction.atomic():
        left = back.run()
    outcome = Outcome([back.keep, *back.losers])
    outcome.skip([pk for _key, pk, _fields in left], CONFLICT)
    made.left = [[key, str(pk), fields] for key, pk, fields in left]
    made.save(update_fields=["left"])
    operations.add(actor, made, mark, Tally(len(outcome.done), outcome.counts()))
    return outcome


def _joined(nets: Iterable[Net]) -> list[Net]:
    """What several steps did to each row in all."""
    found: dict[tuple[str, UUID], Net] = {}
    for net in nets:
        whole = found.setdefault((net.entity, net.record), net)
        whole.before = {**net.before, **whole.before}
        whole.after = {**whole.after, **net.after}
        whole.last = net.last
    return list(found.values())


def _refuse(text: str) -> Invalid:
    return Invalid([{"": [Wrong(text, "closed")]}])


@dataclass
class Back:
    """One merge on its way back."""

    actor: Actor
    operation: Operation
    nets: Sequence[Net]

    def __post_init__(self) -> None:
        self.entity = get(self.operation.entity)
        self.keep: UUID = self.operation.record or UUID(int=0)
        mine = Merge.objects.filter(operation=self.operation)
        self.losers = list(mine.filter(entity=self.entity.key, keeper=self.keep).values_list("loser", flat=True))
        self.moved = {
            (n.entity, n.record): n for n in self.nets if n.record not in self.losers and n.record != self.keep
        }

    def run(self) -> Left:
        """Everything back; what stays as it is."""
        self._require()
        start = operations.marked()
        wanted, left = self._standing()
        history.acting(self.actor, "undo")
        Merge.objects.filter(operation=self.operation).delete()
        own = wanted.pop((self.entity.key, self.keep), None)
        self._write(wanted.values())  # first, or what stood above the record would seem to stand below it
        if own is not None:
            left += self._keeper(own)
        self._come_back()
        self._unnoted()
        ids, moved = [self.keep, *self.losers], self._by_entity()
        settle(self.entity, ids, moved, back=True)
        for hook in self.entity.after_remove:
            hook(self.losers)
        self._straighten(start, {**wanted, **({(self.entity.key, self.keep): own} if own else {})})
        recount(self.entity, ids, moved)
        groups.apart(self.entity, self.operation, self.keep, self.losers)
        for key, rows in moved.items():
            outbox.emit(f"{key}.update", key, sorted(rows), self.actor)
        details = {"rows": len(ids), "records": self.losers, "doing": "merge"}
        history.note(self.actor, "undo", entity=self.entity.key, record=self.keep, details=details)
        return left

    # ---- may it

    def _require(self) -> None:
        entity, ids = self.entity, [self.keep, *self.losers]
        access.require(self.actor, entity, "merge")
        rows = entity.rows("locked first, then asked for").filter(pk__in=ids).order_by("pk")
        found = {r.pk: r for r in rows.select_for_update(of=("self",))}
        if not self.losers or len(found) != len(ids):
            raise _refuse(_("The merged records were erased for good: this cannot be undone any more."))
        if Merge.objects.filter(entity=entity.key, loser=self.keep).exists():
            raise _refuse(_("The record has since been merged into another one. Undo that first."))
        reach = rows.filter(access.rows(self.actor, entity, "merge"))
        if reach.count() != len(ids):
            raise Missing
        if found[self.keep].deleted_at is not None:
            raise _refuse(_("The record lies in the recycle bin. Restore it first."))
        if Erasure.objects.filter(entity=entity.key, record__in=ids).exists():
            raise _refuse(_("Personal data of the record were erased since: this cannot be undone any more."))
        parts = [pk for (key, pk), n in self.moved.items() if key != entity.key and not n.deleted]
        if Merge.objects.filter(keeper__in=parts).exclude(operation=self.operation).exists():
            raise _refuse(_("Another record was merged into this one since. Undo that first."))

    # ---- what still stands

    def _standing(self) -> tuple[dict[tuple[str, UUID], Net], Left]:
        """(each row with those of its columns that are as the merge left them, what was changed since)."""
        wanted: dict[tuple[str, UUID], Net] = {}
        left: Left = []
        nets = [n for n in self.nets if n.record not in self.losers]
        for key in {n.entity for n in nets}:
            entity, some = get(key), [n for n in nets if n.entity == key]
            rows = entity.rows("ids of the history, compared").filter(pk__in=[n.record for n in some])
            now = {r.pk: r for r in rows.order_by("pk").select_for_update(of=("self",))}
            later = undo.touched_since([n for n in some if n.made])
            for n in some:
                if n.record in later:
                    left.append((key, n.record, []))
                if n.record in later or n.record not in now:
                    continue  # erased for good: nothing to put back
                stands = [c for c in n.after if _stands(entity, now[n.record], n, c)]
                if gone := [c for c in n.after if c not in stands and not n.made]:
                    left.append((key, n.record, sorted(_named(entity, c) for c in gone)))
                wanted[key, n.record] = replace(n, before={c: n.before[c] for c in stands})
        return wanted, left

    # ---- putting back

    def _keeper(self, net: Net) -> Left:
        """The record that stays, through the write path; fields that the actor may not write any more stay."""
        if not net.before:
            return []
        row = self.entity.rows("reached by the caller").get(pk=self.keep)
        known = access.writable(self.actor, self.entity, row.status if self.entity.is_staged else "")
        closed = {
            self.entity.attributes[k] for k in self.operation.keys if k not in known and k in self.entity.attributes
        }
        names = {history.place(a) for a in closed}
        net.before = {c: v for c, v in net.before.items() if c not in names and v != history.ERASED}
        values = undo.columns(self.entity, row, net.before)
        records.update_many(self.actor, self.entity, {self.keep: {}}, action="merge", back={self.keep: values})
        return [(self.entity.key, self.keep, sorted(a.key for a in closed))] if closed else []

    def _write(self, nets: Iterable[Net]) -> None:
        by_entity: dict[str, list[Net]] = {}
        for n in nets:
            by_entity.setdefault(n.entity, []).append(n)
        for key, some in by_entity.items():
            _set(get(key), some)

    def _come_back(self) -> None:
        entity = self.entity
        rows = entity.rows("reached by the caller").filter(pk__in=self.losers)
        for keys in fieldrules.unique(entity):
            values = {tuple(entity.attributes[k].read(r) for k in keys): r for r in rows}
            whole = {v for v in values if all(x not in (None, "") for x in v)}
            if whole and fieldrules.holders(entity, keys, whole).keys() & whole:
                label = entity.attributes[keys[0]].label
                raise _refuse(
                    _("Another record has taken this %(field)s since. Change it there first.") % {"field": label}
                )
        try:
            with transaction.atomic():
                rows.update(deleted_at=None, updated_at=timezone.now())
        except IntegrityError as error:
            raise _refuse(
                _("Another record has taken one of the unique values since. Change it there first.")
            ) from error
        outbox.emit(f"{entity.key}.restore", entity.key, self.losers, self.actor)

    def _unnoted(self) -> None:
        """Rows without a history of their own, where they still are where the merge put them."""
        pairs = dict.fromkeys(self.losers, self.keep)
        groups: dict[tuple[str, Any], list[str]] = {}
        for move in self.operation.moves.all():
            if move.table == "engine.savedview.query":
                view = SavedView._base_manager.filter(pk=move.row)
                if view.filter(query=renamed(move.was, pairs)).exists():
                    view.update(query=move.was)
            else:
                groups.setdefault((move.table, move.was), []).append(move.row)
        for (place, was), rows in groups.items():
            table, column = place.rsplit(".", 1)
            model = apps.get_model(table)
            model._base_manager.filter(pk__in=rows, **{column: self.keep}).update(**{column: was})

    def _by_entity(self) -> dict[str, set[UUID]]:
        found: dict[str, set[UUID]] = {}
        for key, pk in self.moved:
            found.setdefault(key, set()).add(pk)
        return found

    def _straighten(self, start: tuple[int, int], wanted: Mapping[tuple[str, UUID], Net]) -> None:
        """Rules that ran meanwhile know what is, not what was: what they moved beyond that is put back once more."""
        tx, last = operations.marked()
        drifted = []
        for n in undo.read(OperationStep(tx=tx, first=start[1], last=last)):
            if n.made:
                continue
            put = wanted.get((n.entity, n.record))
            skip = {GONE} if n.record in self.losers else put.before if put else ()
            aim = {c: v for c, v in n.before.items() if c not in skip}
            aim = {c: v for c, v in aim.items() if n.after.get(c) != v}
            if put is not None:
                aim |= {c: v for c, v in put.before.items() if c in n.after and n.after[c] != v}
            if aim:
                drifted.append(replace(n, before=aim))
        history.acting(self.actor, "undo")
        self._write(drifted)


def _stands(entity: AnyEntity, record: Any, net: Net, column: str) -> bool:
    """Whether a column is as the merge left it; what was erased from the history since is not."""
    if history.ERASED in (net.after[column], net.before[column]):
        return False
    wanted = undo.columns(entity, record, {column: net.after[column]})
    return all(getattr(record, c) == value for c, value in wanted.items())


def _named(entity: AnyEntity, column: str) -> str:
    """The key of the field that a column of the history belongs to."""
    return next((k for k, a in entity.attributes.items() if history.place(a) == column), column)


def _set(entity: AnyEntity, nets: Sequence[Net]) -> None:
    rows = entity.rows("consequences of a merge").in_bulk([n.record for n in nets])
    now = timezone.now()
    written, changed = [], {"updated_at", "version"}
    for n in nets:
        values = {GONE: now} if n.made and n.after.get(GONE) is None else undo.columns(entity, rows[n.record], n.before)
        if not values:
            continue
        record = rows[n.record]
        for column, value in values.items():
            setattr(record, column, value)
        changed |= set(values)
        record.updated_at, record.version = now, record.version + 1
        written.append(record)
    if written:
        entity.rows("consequences of a merge").bulk_update(written, sorted(changed), batch_size=1_000)


undo.WAYS["merge"] = take_back
