"""Export of a list: what the reader may read, filtered as the list is, streamed to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine import access, layouts
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.query import View
from zhike.engine.tabular.sheet import SHEET_ROWS, TooManyRows

from . import formats, leaving
from .formats import FORMATS
from .model import Progress
from .source import Source


def export(
    actor: Actor,
    entity: AnyEntity,
    view: View,
    path: Path,
    *,
    kind: str = "xlsx",
    keys: Sequence[str] = (),
    purpose: str = "",
    progress: Progress | None = None,
    approved: int = 0,
    approved_by: str = "",
    console: bool = False,
) -> int:
    """Write the rows of a list that the actor may export, with the fields `keys`, or all that the actor may read.

    Gives how many. The file is there once it is whole, and not before; what changes meanwhile does not tear it.
    `approved` is for how many rows a second person (`approved_by`) said yes; `console` is for who runs the machine.
    Raises Refused without the right to export or without an approval that so many rows need, Limited beyond the day's,
    Invalid for a format that cannot hold them.
    """
    access.require(actor, entity, "export")
    required(kind, entity)
    shown = formats.needed(kind, entity, columns(actor, entity, keys))
    source = Source(actor, entity, view, shown)
    asked = view.but(page=1).query()
    with leaving.counted(actor, approved=approved, console=console) as allow, _whole(path) as part:
        total = source.count()
        allow(total)
        if kind == "xlsx" and total >= SHEET_ROWS:
            raise _too_many()

        def told(done: int) -> None:
            if progress:
                progress(done, max(total, done), "")

        def mark(rows: int) -> list[tuple[str, str]]:
            return leaving.marks(actor, entity, rows, asked, purpose)

        try:
            count = FORMATS[kind].write(formats.Job(source, part, mark, told))
        except TooManyRows:
            raise _too_many() from None
        allow(count)  # there may be more of them than a moment ago
        leaving.note(
            actor, entity, shown, part, rows=count, query=asked, kind=kind, approved_by=approved_by, purpose=purpose
        )
    return count


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Where to write what is to be at `path` once it is whole; nothing is left of what is not."""
    part = path.with_name(f"{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def required(kind: str, entity: AnyEntity) -> None:
    """Invalid for a format that there is not, or not for records of this entity, or not on this machine."""
    if kind in formats.offered(entity):
        return
    text = _("There is no such format here; there are: %(choices)s.")
    if kind == "parquet":
        text = _("Parquet needs a package that is not installed: pip install pyarrow. There are: %(choices)s.")
    raise Invalid([{"format": [Wrong(text % {"choices": ", ".join(formats.offered(entity))})]}])


def _too_many() -> Invalid:
    text = _("A spreadsheet ends at 1,048,575 rows. Choose csv, or export less.")
    return Invalid([{"format": [Wrong(text)]}])


def columns(actor: Actor, entity: AnyEntity, keys: Sequence[str] = ()) -> list[Attribute]:
    """The fields of an export: `keys` in their order, as far as the actor may read them; else all of those, as the form
    orders them. Invalid where none is left."""
    known = {k: a for k, a in access.readable(actor, entity).items() if a.kind.key not in ("json", "file")}
    if keys:
        found = [known[k] for k in dict.fromkeys(keys) if k in known]
        if not found:
            raise Invalid([{"fields": [Wrong(_("None of these fields can be exported."))]}])
        return found
    layout = layouts.of(actor, entity)
    order = dict.fromkeys([entity.title, *layout.keys, *layout.columns, *known])
    return [known[k] for k in order if k in known]


def listed(actor: Actor, entity: AnyEntity, view: View) -> list[str]:
    """The keys of the columns that a list shows, the title first."""
    known: dict[str, Any] = {a.key: a for a in columns(actor, entity)}
    order = dict.fromkeys([entity.title, *(view.columns or layouts.of(actor, entity).columns)])
    return [k for k in order if k in known]
