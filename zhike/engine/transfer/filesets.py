"""Import of linked tables from files named on a command line: a workbook, a zip, or several files."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.utils.translation import get_language, override
from django.utils.translation import gettext as _

from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Wrong

from . import mappings, sets
from .files import person, told
from .model import Progress
from .report import Tally, write_left_out


def import_set(
    paths: Sequence[Path],
    *,
    username: str = "",
    chosen: Mapping[str, str] | None = None,
    dry_run: bool = False,
    anyway: bool = False,
    errors: Path | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Import the tables of files in the order in which they link; counts and problems of each, and their sum.

    `chosen` says what a table is, by its name, the name of its sheet or its file, or "" to leave it out; else it is
    guessed. It ends with the first table that has rows in error, which is not written then, unless `anyway` leaves such
    rows out. `errors` names a folder for the rows left out. Raises Invalid for a name that is not there or a table that
    nobody can guess, TabularError, Refused.
    """
    user = person(username)
    with ExitStack() as stack:
        stack.enter_context(override(user.language or get_language()))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="zhike-set-")))
        actor = Actor(user, "import")
        parts = []
        for n, path in enumerate(paths):
            for name, place in sets.files(path, path.name, folder / str(n)):
                for called, _sheet, table in sets.tables(place, name, lambda: None):
                    parts.append(sets.Part(called, stack.enter_context(table)))
        _choose(actor, parts, chosen or {})
        ordered = sets.arrange(actor, parts, lambda part: mappings.recall(actor, part.to, part.table.headers))
        taken = [part for part in ordered if part.plan is not None]
        done = list(_rehearsed(actor, taken, progress) if dry_run else sets.write(
            actor, taken, anyway=anyway, progress=progress
        ))  # fmt: skip
        return _summary(parts, done, errors, dry=dry_run)


def _choose(actor: Actor, parts: Sequence[sets.Part], chosen: Mapping[str, str]) -> None:
    known = {e.key for e in sets.offered(actor)}
    used: set[str] = set()
    for part in parts:
        names = [n for n in chosen if n in (part.name, *part.name.split(" › "), Path(part.name).stem)]
        used |= set(names)
        part.entity = chosen[names[0]] if names else sets.guess_entity(actor, part.name, part.table)
        if part.entity and part.entity not in known:
            text = _("There is no “%(name)s”; there are: %(known)s.")
            raise _invalid(text % {"name": part.entity, "known": ", ".join(sorted(known))})
        if not part.entity and not names:
            text = _(
                "What “%(name)s” holds cannot be told. Say --part “%(name)s=ENTITY”, or “%(name)s=” to leave it out."
            )
            raise _invalid(text % {"name": part.name})
    if unknown := chosen.keys() - used:
        text = _("There is no table “%(name)s”; there are: %(known)s.")
        raise _invalid(text % {"name": min(unknown), "known": ", ".join(part.name for part in parts)})


def _invalid(text: str) -> Invalid:
    return Invalid([{"part": [Wrong(text)]}])


def _rehearsed(actor: Actor, parts: Sequence[sets.Part], progress: Progress | None) -> list[sets.Done]:
    tallies = [Tally() for _part in parts]
    sets.rehearse(actor, parts, tallies, progress=progress)
    return [sets.Done(part, tally, written=False) for part, tally in zip(parts, tallies, strict=True)]


def _summary(
    parts: Sequence[sets.Part], done: Sequence[sets.Done], errors: Path | None, *, dry: bool
) -> dict[str, Any]:  # fmt: skip
    found = []
    for n, (part, tally, written) in enumerate(done, 1):
        assert part.plan is not None  # noqa: S101  for the types
        found.append({**told(part.name, part.entity, part.plan, tally.result), "written": written})
        if errors and tally.result.errors:
            errors.mkdir(parents=True, exist_ok=True)
            write_left_out(part.table, tally.errors(), errors / f"{n} {part.entity}.xlsx")
        tally.__exit__(None, None, None)
    told_of = {part["file"] for part in found}
    open_parts = [part.name for part in parts if part.entity and part.name not in told_of]
    stopped = [part["file"] for part in found if not part["written"] and not dry]
    return {
        "parts": found,
        "errors": sum(part["errors"] for part in found),
        "not_imported": stopped + open_parts,
        "left_out": [part.name for part in parts if not part.entity],
    }
