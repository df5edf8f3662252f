"""Export of a list: what the reader may read, filtered as the list is, streamed to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from zhike.engine import access, layouts, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute
from zhike.engine.query import View
from zhike.engine.tabular import Cell
from zhike.engine.tabular.write import write_csv, write_xlsx

from . import leaving
from .model import Progress

FORMATS = ("xlsx", "csv")
CHUNK = 2_000


def export(
    actor: Actor,
    entity: AnyEntity,
    view: View,
    path: Path,
    *,
    kind: str = "xlsx",
    progress: Progress | None = None,
    approved: int = 0,
    approved_by: str = "",
    console: bool = False,
) -> int:
    """Write the rows of a list that the actor may export, with all fields that the actor may read; how many.

    `approved` is for how many rows a second person (`approved_by`) said yes; `console` is for who runs the machine.
    Raises Refused without the right to export or without an approval that so many rows need, Limited beyond the day's.
    """
    access.require(actor, entity, "export")
    shown = columns(actor, entity)
    ids = list(query.select(actor, entity, view, "export").filter(_read(actor, entity)).values_list("pk", flat=True))
    headers = [str(a.label) for a in shown]
    asked = view.but(page=1).query()
    mark = leaving.marks(actor, entity, len(ids), asked)
    with leaving.counted(actor, len(ids), approved=approved, console=console):
        rows = _rows(actor, entity, shown, ids, progress)
        if kind == "csv":
            count = write_csv(path, headers, rows, mark=mark)
        else:
            count = write_xlsx(path, headers, rows, sheet=str(entity.plural), mark=mark)
        leaving.note(actor, entity, shown, path, rows=count, query=asked, kind=kind, approved_by=approved_by)
    return count


def _read(actor: Actor, entity: AnyEntity) -> Any:
    return access.rows(actor, entity, "list")


def columns(actor: Actor, entity: AnyEntity) -> list[Attribute]:
    """The fields of an export: as the form orders them, then the rest of what the actor may read."""
    known = {k: a for k, a in access.readable(actor, entity).items() if a.kind.key not in ("json", "file")}
    layout = layouts.of(actor, entity)
    order = dict.fromkeys([entity.title, *layout.keys, *layout.columns, *known])
    return [known[k] for k in order if k in known]


def _rows(
    actor: Actor, entity: AnyEntity, shown: Sequence[Attribute], ids: Sequence[UUID], progress: Progress | None
) -> Iterator[list[Cell]]:
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        rows = query.read(actor, entity, query.visible(actor, entity, "export").filter(pk__in=part), shown, clear=True)
        labels = query.labels(actor, shown, rows)
        by_id = {row.id: row for row in rows}
        for pk in part:
            if row := by_id.get(pk):
                yield [cast("Cell", a.kind.export(a, row.values.get(a.key), labels)) for a in shown]
        if progress:
            progress(start + len(part), len(ids), "")
