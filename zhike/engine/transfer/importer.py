"""Rows of a file through the one write path, a batch at a time: read, found again, written or rehearsed, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import access, records
from zhike.engine.access import Actor
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import AnyEntity, Sign
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.kinds import Links
from zhike.engine.pools import known as pools
from zhike.engine.pools import owning
from zhike.engine.records import Change, taken_already
from zhike.engine.tabular import Cell
from zhike.engine.tabular.folding import fold
from zhike.engine.tabular.values import blank

from .cells import NUMBERS as SUMMED
from .cells import Draft, Reader, cell_of, first_good, further, names_in, problem
from .links import finders, same_title
from .match import Existing, Group, Matcher, department_name
from .model import NUMBER, ORIGIN, Column, Plan, Problem, Result, Sum
from .rehearsal import Kept, Rehearsal

Row = tuple[int, list[Cell]]
Chunk = Sequence[tuple[Row, list[str]]]  # rows with the reasons why the reader of the file refuses them
Recall = Callable[[Iterable[UUID]], dict[UUID, int]]  # records -> the row of this file that they came from


class Collision(Exception):
    """Somebody else wrote a record of this batch while it was written: the batch is to be read and matched anew."""


@dataclass
class Taken:
    """What became of a batch: counts, what was found in its rows, and of each record the first row and whether it is
    new."""

    result: Result = field(default_factory=Result)
    problems: list[Problem] = field(default_factory=list)
    records: dict[UUID, tuple[int, bool]] = field(default_factory=dict)


def _nothing(ids: Iterable[UUID]) -> dict[UUID, int]:
    return {}


def may_date(actor: Actor, entity: AnyEntity) -> bool:
    """Whether somebody may say since when records are there and who made them: who may make and give any of them."""
    return entity.has_owner and all(access.scope(actor, entity, action) == "all" for action in ("create", "transfer"))


class Importer:
    """One import on its way; `rehearsal` is that of a trial run which writes nothing.

    Raises Refused for columns of the plan that feed what the actor may not write.
    """

    def __init__(
        self,
        actor: Actor,
        entity: AnyEntity,
        plan: Plan,
        *,
        rehearsal: Rehearsal | None = None,
        recall: Recall = _nothing,
    ) -> None:
        self.actor, self.plan, self.rehearsal = actor, plan, rehearsal
        fed, self.may_create = plan.fields(), access.may(actor, entity, "create")
        allowed = access.writable(actor, entity).keys() | {NUMBER} | (ORIGIN if may_date(actor, entity) else set())
        if beyond := fed - allowed:
            raise Refused(f"fields {sorted(beyond)} of {entity.key}")
        if plan.pool and plan.pool not in {str(k.pool.pk) for k in pools.kept_by(actor, entity)}:
            raise Refused(f"pool {plan.pool}")
        self.changes: list[Change[Any]] = []
        # This batch hook comes last and sees the changes as they will be: hooks leave warnings for imports in them.
        self.entity = replace(entity, before_all=(*entity.before_all, self.changes.extend))
        self.begin()
        self._recall = rehearsal.rows if rehearsal else recall
        self.matcher = Matcher(actor, entity, plan, recall=self._came_from, rehearsal=rehearsal)
        self.columns: dict[str, Column] = {key: plan.of(key)[0] for key in fed}
        own = NUMBER in self.columns
        kinds = {} if own else {k: entity.attributes[k] for k in self.columns}
        self.open = [k for k, a in kinds.items() if a.is_link or a.kind.key == "date"]
        self.summed = [k for k, a in kinds.items() if a.kind.key in SUMMED]
        self.taken, self.careful = Taken(), False
        self._gains: owning.Gains = Counter()  # what owners would have more by a trial run
        self._own: set[UUID] = set()  # the records that the rows at hand are about
        self.remember: Callable[[Taken], None] = lambda _taken: None  # called with each batch that was read

    def _came_from(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        """The row of this file that each record came from, be it of this batch."""
        wanted = list(ids)
        here = {pk: self.taken.records[pk][0] for pk in wanted if pk in self.taken.records}
        return {**self._recall([pk for pk in wanted if pk not in here]), **here}

    def begin(self) -> None:
        """Know no names of linked records yet: those that were made are gone where a batch was taken back."""
        entity, plan = self.entity, self.plan
        self.reader = Reader(entity, plan, finders(self.actor, entity, plan.fields(), create=True), escaped=True)
        self.own_links = self.reader.links_to(entity.key)
        self.known_by = {entity.title, *(k for key in entity.match for k in key)} if self.own_links else set()

    def take(self, chunk: Chunk, *, careful: bool = False) -> Taken:
        """Read, match and write a batch of rows. Raises Collision unless `careful`, which leaves single rows out."""
        self.taken, self.careful = Taken(), careful
        self.reader.prepare([row for row, refused in chunk if not refused])
        drafts: list[Draft] = []
        told: set[str] = set()  # names of what the drafts are about, where rows of this file may link to each other
        for row, refused in chunk:
            if told and not told.isdisjoint(self._names_linked(row)):
                self._settle(drafts)
                drafts, told = [], set()
            if (draft := self._draft(row, refused)) is not None:
                drafts.append(draft)
                told |= {fold(str(draft.values[k])) for k in self.known_by if k in draft.values}
        self._settle(drafts)
        if self.rehearsal:
            self.rehearsal.note({pk: row for pk, (row, _made) in self.taken.records.items()})
        self.taken.problems = sorted(self.taken.problems, key=lambda p: (p.row, p.column is None, p.column or 0))
        self.remember(self.taken)
        self.changes.clear()  # hooks of the entity lead back here, so that nothing else would let go of them at once
        return self.taken

    def _settle(self, drafts: Sequence[Draft]) -> None:
        """Match rows and write them, those that have to do with each other one after the other."""
        while drafts:
            groups, drafts = self.matcher.group(drafts)
            self.taken.problems += self._create([g for g in groups if g.existing is None])
            self.taken.problems += self._update([(g, g.existing) for g in groups if g.existing is not None])

    def _names_linked(self, row: Row) -> Iterator[str]:
        """The names of records of the same kind to which a row links."""
        for a, c, _finder in self.own_links:
            yield from map(fold, names_in(a, c.words.get(str(cell := cell_of(row[1], c)), cell)))

    def _draft(self, row: Row, refused: Sequence[str]) -> Draft | None:
        """A row with its values; none where it must be left out."""
        (number, cells), result, found = row, self.taken.result, self.taken.problems
        result.rows += 1
        draft = self.reader.draft(number, cells) if not refused else Draft(number)
        for key in self.open:
            if blank(cell_of(cells, self.columns[key])):
                gap = result.gaps.setdefault(key, [number, 0])
                gap[1] += 1
        for key in self.summed:
            if (value := draft.values.get(key)) is not None:
                self._sum(key, read=value)
        found += [problem(number, None, "", text) for text in refused] + draft.problems
        if not (draft.bad or refused) and draft.values:
            return draft
        result.errors += 1
        self._left_out(draft)
        if not (draft.bad or refused):
            found.append(problem(number, None, "", _("The row holds nothing that is imported.")))
        return None

    def _sum(self, key: str, *, read: Any = 0, left: Any = 0, again: Any = 0) -> None:
        total = self.taken.result.sums.setdefault(key, Sum())
        total.cells += bool(read or not (left or again))
        total.read, total.left_out, total.repeated = total.read + read, total.left_out + left, total.repeated + again

    def _left_out(self, *drafts: Draft) -> None:
        for draft in drafts:
            for key in self.summed:
                if value := draft.values.get(key):
                    self._sum(key, left=value)

    def _settled(self, g: Group, pk: UUID, first: int, *, made: bool) -> None:
        """A group that became a record, or is one: of its amounts the last stands, in that record."""
        self.taken.records.setdefault(pk, (first, made))
        before = g.existing.values if g.existing and first != g.row else {}
        for key in self.summed:
            given = [value for d in g.drafts if (value := d.values.get(key)) is not None]
            if again := sum(given[:-1]) + ((before.get(key) or 0) if given else 0):
                self._sum(key, again=again)

    def _create(self, groups: Sequence[Group]) -> Iterator[Problem]:
        """New records."""
        wanted = []
        for g in groups:
            if g.several:
                yield from self._refuse(g, _("Several records fit this row. Add a number or a phone that tells which."))
            elif self.plan.mode == "update":
                yield from self._skip(g, _("There is no such record yet; the row was left out."))
            elif not self.may_create:
                yield from self._refuse(g, _("You may not create %(what)s.") % {"what": self.entity.plural})
            else:
                wanted.append(g)

        new: list[tuple[Group, Any]] = []
        for g, made in self._write(wanted, self._make):
            if isinstance(made, list):
                yield from self._failed(g, made)
                continue
            self.taken.result.new += 1
            self._settled(g, made.pk, g.row, made=True)
            for _a, _c, finder in self.own_links:
                finder.learn(made)
            new.append((g, made))
            yield from self._later(g)
        if self.rehearsal:
            self.rehearsal.make((made.pk, g.row, *self._kept(made)) for g, made in new)

    def _make(self, batch: Sequence[Group]) -> list[Any]:
        """New records; where the file says so, since when they are there and who had made them."""
        values = [{k: v for k, v in g.values.items() if k != NUMBER and k not in ORIGIN} for g in batch]
        extra = {"pool": UUID(self.plan.pool)} if self.plan.pool else None
        if extra:
            values = [{"owner": None, **row} for row in values]
        if not ORIGIN & self.columns.keys():
            return records.create_many(self.actor, self.entity, values, extra=extra)
        now = timezone.now()
        at = [g.values.get("created_at") or now for g in batch]
        authors = [g.values.get("created_by") for g in batch]
        return records.create_many(self.actor, self.entity, values, at=at, authors=authors, extra=extra)

    def _update(self, groups: Sequence[tuple[Group, Existing]]) -> Iterator[Problem]:
        """Records that are there already."""
        wanted: dict[UUID, dict[str, Any]] = {}
        chosen: dict[bool, list[Group]] = {False: [], True: []}  # by whether a trial run would have made the record
        for g, existing in groups:
            first = self.matcher.earlier.setdefault(existing.id, g.row)
            values, notes = self._differences(g, existing)
            if not existing.seen:
                yield from self._refuse(g, self._hidden(existing))
            elif self.plan.mode == "create" and first == g.row:
                yield from self._skip(g, _("There is such a record already; the row was left out."))
            elif not values:
                yield from notes
                self._settled(g, existing.id, first, made=False)
                yield from self._same(g, first)
            elif not existing.may_update:
                yield from self._refuse(g, _("You may not change this record; it was left as it is."))
            else:
                yield from notes
                wanted[existing.id] = values
                chosen[existing.rehearsed].append(g)

        def act(batch: Sequence[Group]) -> list[Any]:
            ids = [g.existing.id for g in batch if g.existing]
            return records.update_many(self.actor, self.entity, {pk: wanted[pk] for pk in ids})

        def act_again(batch: Sequence[Group]) -> list[Any]:
            rows = [(g.existing.values, wanted[g.existing.id]) for g in batch if g.existing]
            return records.update_made(self.actor, self.entity, rows)

        for rehearsed, do in ((False, act), (True, act_again)):
            for g, made in self._write(chosen[rehearsed], do):
                assert g.existing  # noqa: S101  for the types
                if isinstance(made, list):
                    yield from self._failed(g, made)
                    continue
                pk = g.existing.id
                first = self.matcher.earlier[pk]
                self._settled(g, pk, first, made=False)
                if self.rehearsal:
                    (values, _now), keys = self._kept(made)
                    numbers = "\n".join((g.existing.searched, self.matcher.numbers(g.values)))
                    self.rehearsal.change(pk, first, (values, numbers), keys)
                yield from self._changed(g, first)

    def _kept(self, record: Any) -> tuple[Kept, list[int]]:
        """What a trial run remembers of a record: its values, its numbers, and the keys by which it is found."""
        values = {key: a.read(record) for key, a in self.matcher.fields.items()}
        return (values, getattr(record, "numbers", "")), self.matcher.digests(values)

    def _differences(self, g: Group, existing: Existing) -> tuple[dict[str, Any], list[Problem]]:
        """The values that the record does not have yet; an empty cell says nothing."""
        found: dict[str, Any] = {}
        notes: list[Problem] = []
        for key, given in g.values.items():
            a, now = self.entity.attributes[key], existing.values.get(key)
            value = [*(now or ()), *(v for v in given if v not in (now or ()))] if isinstance(a.kind, Links) else given
            if key == NUMBER or key in ORIGIN or now == value or (self.plan.empty_only and now not in (None, "", [])):
                continue
            known = key in g.key or self.matcher.earlier[existing.id] != g.row
            if key == self.entity.title and known and same_title(str(now), str(value)):
                continue
            if now and first_good(a, value) != value and all(n in existing.searched for n in further(a, value)):
                continue
            if key in self.matcher.unique and key not in g.key and now:
                text = _("The record has another %(field)s already (%(value)s); it is kept.")
                said = text % {"field": a.label, "value": now}
                notes.append(problem(g.row, self.columns[key], value, said, level="warning", code="kept"))
                continue
            found[key] = value
        return found, notes

    def _write(
        self, groups: Sequence[Group], act: Callable[[Sequence[Group]], list[Any]]
    ) -> Iterator[tuple[Group, Any]]:
        """Each group with its record, or with the list of problems for which it was left out."""
        clashes = {g.row: key for g in groups if self.rehearsal and (key := self.matcher.clash(g))}
        for g in (g for g in groups if g.row in clashes):
            key = clashes[g.row]
            yield g, [self._problem(g, key, taken_already([self.entity.attributes[key].label]))]
        yield from self._act([g for g in groups if g.row not in clashes], act)

    def _act(self, groups: Sequence[Group], act: Callable[[Sequence[Group]], list[Any]]) -> Iterator[tuple[Group, Any]]:
        batch, failed = list(groups), 0
        while batch:
            self.changes.clear()
            self._own = {g.existing.id for g in batch if g.existing}
            try:
                further = self._double if self.rehearsal else None
                asked = doubles.at("imported", confirmed=not self.plan.leave_doubles, further=further)
                with asked, self._judged() if self.rehearsal else nullcontext():
                    made = act(batch)
            except Invalid as invalid:
                errors = [*invalid.rows, *({} for _n in batch)][: len(batch)]
                codes = {w.code for row in errors for found in row.values() for w in found}
                if "constraint" in codes and not self.careful:
                    raise Collision from invalid
                if "constraint" in codes and len(batch) > 1:
                    yield from self._halves(batch, act)
                    return
                for g, row in zip(batch, errors, strict=True):
                    if row:
                        yield g, [self._problem(g, key, w.text) for key, found in row.items() for w in found]
                batch = [g for g, row in zip(batch, errors, strict=True) if not row]
                failed += 1
                continue
            except (Refused, Missing, Conflict) as refused:
                if len(batch) > 1:
                    yield from self._halves(batch, act)
                else:
                    yield batch[0], [self._problem(batch[0], "", refused.text)]
                return
            for g, record, change in zip(batch, made, list(self.changes), strict=True):
                warnings = change.extra.get("warnings", ())
                self.taken.problems += [self._problem(g, key, str(text), level="warning") for key, text in warnings]
                yield g, record
            return

    @contextmanager
    def _judged(self) -> Iterator[None]:
        """A batch of a trial run: all rules, on top of what earlier batches would have made."""
        with records.rehearsed(self._rehearsed), owning.trial(self._gains):
            yield
        owning.gain(self._gains, self.changes)

    def _rehearsed(self, ids: Collection[UUID]) -> Collection[UUID]:
        """Which records a trial run has made."""
        return self.rehearsal.rows(ids).keys() if self.rehearsal else ()

    def _double(self, sign: Sign, level: str, c: Change[Any]) -> doubles.Hit | None:
        """What a row before this one would have made, as if it were there."""
        own = {*self._own, c.record.pk}
        name = self.matcher.double(sign, {k: c.get(k) for k in sign.fields}, own)
        return None if name is None else doubles.Hit(sign, level, self.entity, c.record.pk, name, "", is_owned=True)

    def _halves(
        self, batch: Sequence[Group], act: Callable[[Sequence[Group]], list[Any]]
    ) -> Iterator[tuple[Group, Any]]:
        middle = len(batch) // 2
        yield from self._act(batch[:middle], act)
        yield from self._act(batch[middle:], act)

    def _problem(self, g: Group, key: str, text: str, *, level: str = "error") -> Problem:
        column = self.columns.get(key)
        known = column and not self.entity.attributes[key].is_link  # the value of a link is an id
        return problem(g.row, column, g.values.get(key) if known else "", text, level=level)

    def _hidden(self, existing: Existing) -> str:
        """A record out of sight is told by its department alone."""
        place = department_name(existing.department)
        if place:
            return _("There is such a record already, at %(department)s. Ask there.") % {"department": place}
        return _("There is such a record already, out of your sight. Ask your administrator.")

    def _failed(self, g: Group, found: Iterable[Problem]) -> Iterator[Problem]:
        self.taken.result.errors += len(g.drafts)
        self._left_out(*g.drafts)
        yield from found
        for draft in g.drafts[1:]:
            yield problem(
                draft.row, None, "", _("Same record as row %(row)s, which cannot be imported.") % {"row": g.row}
            )

    def _refuse(self, g: Group, text: str) -> Iterator[Problem]:
        self.taken.result.errors += len(g.drafts)
        self._left_out(*g.drafts)
        yield from (problem(d.row, None, "", text) for d in g.drafts)

    def _skip(self, g: Group, text: str) -> Iterator[Problem]:
        self.taken.result.skipped += len(g.drafts)
        self._left_out(*g.drafts)
        yield from (problem(d.row, None, "", text, level="warning", code="skipped") for d in g.drafts)

    def _same(self, g: Group, first: int) -> Iterator[Problem]:
        """Nothing new: the row repeats an earlier one, or the record is as the row says."""
        if first == g.row:
            self.taken.result.unchanged += 1
            yield from self._later(g)
        else:
            yield from self._repeated(g.drafts, _("Same as row %(row)s."), first)

    def _changed(self, g: Group, first: int) -> Iterator[Problem]:
        if first == g.row:
            self.taken.result.updated += 1
        else:
            yield from self._repeated(g.drafts[:1], _("Same record as row %(row)s; its values were added."), first)
        yield from self._later(g)

    def _later(self, g: Group) -> Iterator[Problem]:
        """Rows that say the same as the one before them."""
        yield from self._repeated(g.drafts[1:], _("Same as row %(row)s."), g.row)

    def _repeated(self, drafts: Sequence[Draft], text: str, first: int) -> Iterator[Problem]:
        """Rows about the record of an earlier row: equal ones add nothing, others were written over it."""
        for draft in drafts:
            self.taken.result.duplicates += 1
            yield problem(draft.row, None, "", text % {"row": first}, level="warning", code="duplicate")
