"""The import itself: rows in chunks through the one write path, all of them in one transaction or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from zhike.engine import access, numbering, records
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.kinds import Links
from zhike.engine.records import Change
from zhike.engine.tabular import Cell, Table
from zhike.engine.tabular.messages import note_message
from zhike.engine.tabular.values import blank

from .cells import Draft, Reader, cell_of, first_good, further, problem
from .links import finders, same_title
from .match import Existing, Group, Matcher, department_name
from .model import NUMBER, Column, Plan, Problem, Progress, Result, Stopped
from .report import Tally

CHUNK = 1_000
Row = tuple[int, list[Cell]]
Finish = Callable[[Result], None]


def run(
    actor: Actor,
    entity: AnyEntity,
    table: Table,
    plan: Plan,
    *,
    dry: bool,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
    tally: Tally | None = None,
    finish: Finish | None = None,
) -> Result:
    """Import a table as planned; a dry run does the very same and takes it back, so its counts are true.

    Rows in error are left out, all others are written, in one transaction. `stop` is asked after each chunk,
    `finish` is called inside the transaction when all is well. Raises Refused without the right to import, Stopped.
    """
    access.require(actor, entity, "import")
    importer = Importer(Actor(actor.user, "import"), entity, plan, tally or Tally())
    with transaction.atomic(), numbering.trial() if dry else nullcontext():
        for chunk in _chunks(table):
            importer.take(chunk)
            if progress:
                progress(importer.result.rows, table.row_count, "")
            if stop and stop():
                raise Stopped
        importer.tell_gaps()
        importer.result.dry = dry
        importer.tally.close()
        if finish:
            finish(importer.result)
        if dry:
            transaction.set_rollback(True)
    return importer.result


def _chunks(table: Table) -> Iterator[list[tuple[Row, list[str]]]]:
    """Rows with the reasons why the reader of the file refuses them."""
    refused = table.refused_rows()
    rows = ((row, [str(note_message(n)) for n in refused.get(row[0], ())]) for row in table.rows())
    while chunk := list(islice(rows, CHUNK)):
        yield chunk


class Importer:
    """One import on its way."""

    def __init__(self, actor: Actor, entity: AnyEntity, plan: Plan, tally: Tally) -> None:
        self.actor, self.plan, self.tally = actor, plan, tally
        allowed = access.writable(actor, entity)
        if beyond := plan.fields() - allowed.keys() - {NUMBER}:
            raise Refused(f"fields {sorted(beyond)} of {entity.key}")
        self.changes: list[Change[Any]] = []
        # The last batch hook sees the changes as they were saved: hooks leave warnings for imports in them.
        self.entity = replace(entity, after_save=(*entity.after_save, self.changes.extend))
        self.reader = Reader(entity, plan, finders(actor, entity, plan.fields(), create=True), escaped=True)
        self.matcher = Matcher(actor, entity, plan)
        self.result = tally.result
        self.may_create = access.may(actor, entity, "create")
        self.columns: dict[str, Column] = {key: plan.of(key)[0] for key in plan.fields()}
        kinds = {} if NUMBER in self.columns else {k: entity.attributes[k] for k in self.columns}
        self.gaps = {k: [0, 0] for k, a in kinds.items() if a.is_link or a.kind.key == "date"}  # first row, how many

    def take(self, chunk: Sequence[tuple[Row, list[str]]]) -> None:
        """Read, match and write a chunk."""
        self.reader.prepare([row for row, refused in chunk if not refused])
        found: list[Problem] = []
        drafts = []
        for (number, cells), refused in chunk:
            self.result.rows += 1
            draft = self.reader.draft(number, cells) if not refused else Draft(number)
            for key, gap in self.gaps.items():
                if blank(cell_of(cells, self.columns[key])):
                    gap[:] = gap[0] or number, gap[1] + 1
            found += [problem(number, None, "", text) for text in refused] + draft.problems
            if draft.bad or refused:
                self.result.errors += 1
            elif not draft.values:
                self.result.errors += 1
                found.append(problem(number, None, "", _("The row holds nothing that is imported.")))
            else:
                drafts.append(draft)
        groups = self.matcher.group(drafts)
        found += self._create([g for g in groups if g.existing is None])
        found += self._update([(g, g.existing) for g in groups if g.existing is not None])
        self.tally.add(sorted(found, key=lambda p: (p.row, p.column is None, p.column or 0)))

    def tell_gaps(self) -> None:
        """Columns of links and days that some rows leave open: one remark each, unless the file was made here."""
        for key, (first, count) in self.gaps.items():
            if 0 < count < self.result.rows:
                said = _("%(count)s of %(rows)s rows have nothing here.") % {"count": count, "rows": self.result.rows}
                self.tally.add([problem(first, self.columns[key], "", said, level="warning", code="empty")])

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

        def act(batch: Sequence[Group]) -> list[Any]:
            values = [{k: v for k, v in g.values.items() if k != NUMBER} for g in batch]
            return records.create_many(self.actor, self.entity, values)

        for g, made in self._write(wanted, act):
            if isinstance(made, list):
                yield from self._failed(g, made)
                continue
            self.result.new += 1
            self.matcher.earlier[made.pk] = g.row
            yield from self._later(g)

    def _update(self, groups: Sequence[tuple[Group, Existing]]) -> Iterator[Problem]:
        """Records that are there already."""
        wanted: dict[UUID, dict[str, Any]] = {}
        chosen = []
        for g, existing in groups:
            first = self.matcher.earlier.setdefault(existing.id, g.row)
            values, notes = self._differences(g, existing)
            if not existing.seen:
                yield from self._refuse(g, self._hidden(existing))
            elif self.plan.mode == "create" and first == g.row:
                yield from self._skip(g, _("There is such a record already; the row was left out."))
            elif not values:
                yield from self._same(g, first)
            elif not existing.may_update:
                yield from self._refuse(g, _("You may not change this record; it was left as it is."))
            else:
                yield from notes
                wanted[existing.id] = values
                chosen.append(g)

        def act(batch: Sequence[Group]) -> list[Any]:
            ids = [g.existing.id for g in batch if g.existing]
            return records.update_many(self.actor, self.entity, {pk: wanted[pk] for pk in ids})

        for g, made in self._write(chosen, act):
            if isinstance(made, list):
                yield from self._failed(g, made)
                continue
            yield from self._changed(g, self.matcher.earlier[made.pk])

    def _differences(self, g: Group, existing: Existing) -> tuple[dict[str, Any], list[Problem]]:
        """The values that the record does not have yet; an empty cell says nothing."""
        found: dict[str, Any] = {}
        notes: list[Problem] = []
        for key, given in g.values.items():
            a, now = self.entity.attributes[key], existing.values.get(key)
            value = [*(now or ()), *(v for v in given if v not in (now or ()))] if isinstance(a.kind, Links) else given
            if key == NUMBER or now == value or (self.plan.empty_only and now not in (None, "", [])):
                continue
            if key == self.entity.title and key in g.key and same_title(str(now), str(value)):
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
        batch, failed = list(groups), 0
        while batch:
            self.changes.clear()
            try:
                made = act(batch)
            except Invalid as invalid:
                errors = [*invalid.rows, *({} for _n in batch)][: len(batch)]
                codes = {w.code for row in errors for found in row.values() for w in found}
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
                self.tally.add([self._problem(g, key, str(text), level="warning") for key, text in warnings])
                yield g, record
            return

    def _halves(
        self, batch: Sequence[Group], act: Callable[[Sequence[Group]], list[Any]]
    ) -> Iterator[tuple[Group, Any]]:
        middle = len(batch) // 2
        yield from self._write(batch[:middle], act)
        yield from self._write(batch[middle:], act)

    def _problem(self, g: Group, key: str, text: str, *, level: str = "error") -> Problem:
        column = self.columns.get(key)
        return problem(g.row, column, g.values.get(key) if column else "", text, level=level)

    def _hidden(self, existing: Existing) -> str:
        """A record out of sight is told by its department alone."""
        place = department_name(existing.department)
        if place:
            return _("There is such a record already, at %(department)s. Ask there.") % {"department": place}
        return _("There is such a record already, out of your sight. Ask your administrator.")

    def _failed(self, g: Group, found: Iterable[Problem]) -> Iterator[Problem]:
        self.result.errors += len(g.drafts)
        yield from found
        for draft in g.drafts[1:]:
            yield problem(
                draft.row, None, "", _("Same record as row %(row)s, which cannot be imported.") % {"row": g.row}
            )

    def _refuse(self, g: Group, text: str) -> Iterator[Problem]:
        self.result.errors += len(g.drafts)
        yield from (problem(d.row, None, "", text) for d in g.drafts)

    def _skip(self, g: Group, text: str) -> Iterator[Problem]:
        self.result.skipped += len(g.drafts)
        yield from (problem(d.row, None, "", text, level="warning", code="skipped") for d in g.drafts)

    def _same(self, g: Group, first: int) -> Iterator[Problem]:
        """Nothing new: the row repeats an earlier one, or the record is as the row says."""
        if first == g.row:
            self.result.unchanged += 1
            yield from self._later(g)
        else:
            yield from self._repeated(g.drafts, first, g)

    def _changed(self, g: Group, first: int) -> Iterator[Problem]:
        if first == g.row:
            self.result.updated += 1
            yield from self._later(g)
        else:
            yield from self._repeated(g.drafts, first, g)

    def _later(self, g: Group) -> Iterator[Problem]:
        yield from self._repeated(g.drafts[1:], g.row, g)

    def _repeated(self, drafts: Sequence[Draft], first: int, g: Group) -> Iterator[Problem]:
        """Rows about the record of an earlier row: equal ones add nothing, others were written over it."""
        for draft in drafts:
            self.result.duplicates += 1
            equal = any(draft.values == d.values for d in g.drafts if d is not draft)
            text = _("Same as row %(row)s.") if equal else _("Same record as row %(row)s; its values were added.")
            yield problem(draft.row, None, "", text % {"row": first}, level="warning", code="duplicate")
