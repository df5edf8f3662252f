"""Several tables that belong together: what each of them is, in which order they link, and all of them tried at once.

A part knows its records by name, number or code, and later parts are linked to them by the same (links.py). A trial of
a later part therefore runs behind the parts before it: they are written and taken back in one transaction, so that it
says what the import itself will say.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from django.db import transaction
from django.utils.translation import override

from zhike.base.i18n import LANGUAGES
from zhike.engine import access, numbering
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Invalid
from zhike.engine.tabular import FieldSpec, Table, TabularError, guess, read
from zhike.engine.tabular.bundle import unpack
from zhike.engine.tabular.folding import fold, has_han
from zhike.engine.tabular.reader import allowed

from .cells import Reader
from .links import REACHED, clean_reach, identifying, pieces
from .model import Plan, Progress
from .planning import Promised, make, specs
from .report import Tally
from .running import run

SURE = 0.6  # below it nobody guesses what a table is
HEAD = 40
NOTHING = ("no_rows", "only_headers", "no_records", "empty")  # sheets that are there for other things
_WORDS = re.compile(r"[^\W_]+")


@dataclass
class Part:
    """One table of a set: what people call it, the entity of its rows ("" where it is left out), how it is read."""

    name: str
    table: Table
    entity: str = ""
    plan: Plan | None = None

    @property
    def to(self) -> AnyEntity:
        """The entity itself."""
        return get(self.entity)


class Done(NamedTuple):
    """What became of a part."""

    part: Part
    tally: Tally
    written: bool


# ---- files


def files(path: Path, name: str, folder: Path) -> list[tuple[str, Path]]:
    """(name, place) of the files that one file holds: those of a zip, else itself. Raises TabularError."""
    return unpack(path, folder, allowed()) or [(name, path)]


def tables(path: Path, name: str, place: Callable[[], Path | None]) -> Iterator[tuple[str, str, Table]]:
    """(what it is called, sheet, table) of each table of a file: the sheets of a workbook, else the file itself.

    `place` gives where the rows of the next one are kept; None is a temporary place. Sheets without rows are no
    tables. Raises TabularError for a file without any.
    """
    first = read(path, name=name, spool=place())
    yield _called(name, first.sheet if len(first.sheets) > 1 else None), first.sheet or "", first
    for sheet in first.sheets:
        if sheet != first.sheet:
            try:
                found = read(path, name=name, sheet=sheet, spool=place())
            except TabularError as error:
                if error.code not in NOTHING:
                    raise
            else:
                yield _called(name, sheet), sheet, found


def _called(name: str, sheet: str | None) -> str:
    return f"{name} › {sheet}" if sheet else name


# ---- what it is


def offered(actor: Actor) -> list[AnyEntity]:
    """What tables of a set may be, in the order of the menu."""
    found = [e for e in entities().values() if (e.menu or e.match or e.called) and access.may(actor, e, "import")]
    return sorted(found, key=lambda e: (e.menu or 10_000, e.key))


def guess_entity(actor: Actor, name: str, table: Table) -> str:
    """The key of the entity that a table most likely holds, from its name and headings; "" where neither tells."""
    head, best = table.head(HEAD), (SURE, "")
    for entity in offered(actor):
        fields = specs(actor, entity)
        found = guess(table.headers, head, fields)
        score = sum(g.confidence for g in found) / max(1, len(table.headers)) + _fits(name, entity)
        score -= 0 if _finds(entity, fields, {g.field_key for g in found}) else 0.5
        best = max(best, (score, entity.key), key=lambda pair: pair[0])
    return best[1]


def _finds(entity: AnyEntity, fields: Sequence[FieldSpec], fed: set[str | None]) -> bool:
    """Whether a row says by what its record is called, or known."""
    keys = {entity.title, *(k for key in entity.match for k in key)} & {f.key for f in fields}
    return bool(keys & fed)


def _fits(name: str, entity: AnyEntity) -> float:
    """How well a table's name is that of an entity (0 to 1): it ends with it, or holds it."""
    stem, _sep, sheet = name.partition(" › ")
    told = sheet or re.sub(r"\.\w{2,6}$", "", stem.rpartition("/")[2])
    return max((_part(told, one) for one in _names(entity)), default=0.0)


def _names(entity: AnyEntity) -> list[str]:
    found = [entity.key, *entity.called]
    for lang in LANGUAGES:
        with override(lang):
            found += [str(entity.label), str(entity.plural)]
    return list(dict.fromkeys(found))


def _part(told: str, name: str) -> float:
    if has_han(name):
        whole, wanted = fold(told), fold(name)
        if not wanted or wanted not in whole:
            return 0.0
        return 0.4 + 0.3 * len(wanted) / len(whole) + (0.3 if whole.endswith(wanted) else 0.0)
    words, wanted_words = _singular(told), _singular(name)
    n = len(wanted_words)
    places = [at for at in range(len(words) - n + 1) if words[at : at + n] == wanted_words]
    if not n or not places:
        return 0.0
    return 0.4 + 0.3 * n / len(words) + (0.3 if places[-1] + n == len(words) else 0.0)


def _singular(text: str) -> list[str]:
    """Words, without the s of many: companies is company."""
    words = _WORDS.findall(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text).lower())
    return [re.sub(r"(?<=\w\w)s$", "", re.sub(r"ies$", "y", word)) for word in words if not word.isdigit()]


# ---- in which order


def order(parts: Sequence[tuple[str, Plan | None]]) -> list[int]:
    """The places of the parts (entity, plan) in the order in which they link; those left out (no plan) come last.

    What links lead to comes first; where they lead in a circle, the order of the menu decides.
    """
    open_parts = {n: _leads_to(key, plan) for n, (key, plan) in enumerate(parts) if plan is not None}
    found: list[int] = []
    while open_parts:
        waiting = {parts[n][0] for n in open_parts}
        found.append(min(open_parts, key=lambda n: (len(open_parts[n] & waiting), get(parts[n][0]).menu or 0, n)))
        del open_parts[found[-1]]
    return found + [n for n, (_key, plan) in enumerate(parts) if plan is None]


def _leads_to(key: str, plan: Plan) -> set[str]:
    """The other entities that the rows of a part are linked to."""
    attributes = get(key).attributes
    return {attributes[k].target for k in plan.fields() if k in attributes and attributes[k].is_link} - {key}


def arrange(actor: Actor, parts: Sequence[Part], known: Callable[[Part], Mapping[str, Any]]) -> list[Part]:
    """Plan each part, knowing what the parts before it will make, and put them in order.

    `known` is what a person said of the columns of a part. Raises as `planning.make`.
    """
    for part in parts:
        part.plan = _planned(actor, part, known, lambda _key, words: words) if part.entity else None
    ordered = [parts[n] for n in order([(p.entity, p.plan) for p in parts])]
    for n, part in enumerate(ordered):
        if part.plan is not None:
            part.plan = _planned(actor, part, known, promised(actor, ordered[:n]))
    return ordered


def _planned(
    actor: Actor, part: Part, known: Callable[[Part], Mapping[str, Any]], expected: Promised
) -> Plan:  # fmt: skip
    try:
        return make(actor, part.to, part.table, known(part), promised=expected)
    except Invalid:  # a field is gone since, or no longer theirs
        return make(actor, part.to, part.table, promised=expected)


# ---- what earlier parts will make


def promised(actor: Actor, before: Sequence[Part]) -> Promised:
    """Tells which names and codes of an entity the parts before will make, of those that it is asked for."""

    def told(key: str, words: set[str]) -> set[str]:
        wanted: dict[str, set[str]] = {}
        for word in words:
            for piece in (word, *pieces(word)):
                for form in _forms(get(key), piece):
                    wanted.setdefault(form, set()).add(word)
        found: set[str] = set()
        for part in before:
            if part.entity == key and part.plan is not None and len(found) < len(words):
                for form in _made(actor, part, part.plan):
                    found |= wanted.get(form, set())
        return found

    return told


def _forms(target: AnyEntity, text: str) -> set[str]:
    """A name as it may stand in another file: folded, or as the number or mail that it is."""
    cleaned = (clean_reach(a, text) for a in target.attributes.values() if a.kind.key in REACHED)
    return {fold(text) or text, *(one for one in cleaned if one)}


def _made(actor: Actor, part: Part, plan: Plan) -> Iterator[str]:
    """By what the records of a part will be found."""
    entity = part.to
    keys = {entity.title, *identifying(actor, entity)}
    fed = Plan(columns=[c for c in plan.columns if c.field in keys])
    if not fed.columns:
        return
    reader = Reader(entity, fed, {}, escaped=True)
    for number, cells in part.table.rows():
        for value in reader.draft(number, cells).values.values():
            text = str(value)
            yield fold(text) or text
            yield text


# ---- all of them at once


def rehearse(
    actor: Actor,
    parts: Sequence[Part],
    tallies: Sequence[Tally],
    *,
    progress: Progress | None = None,
    stop: Callable[[], bool] | None = None,
) -> None:
    """A trial run of one part after another, each of which sees what those before it would write; nothing stays.

    What a later part is linked to is written and taken back, all else only tried. Raises as `running.run`.
    """
    total, done = sum(p.table.row_count for p in parts), 0
    with transaction.atomic(), numbering.trial():
        for n, (part, tally) in enumerate(zip(parts, tallies, strict=True)):
            assert part.plan is not None  # noqa: S101  for the types: parts left out are not given
            needed = any(part.entity in {p.entity, *_leads_to(p.entity, p.plan)} for p in parts[n + 1 :] if p.plan)
            told = _shifted(progress, done, total)
            run(actor, part.to, part.table, part.plan, dry=not needed, progress=told, stop=stop, tally=tally)
            tally.result.dry = True
            done += tally.result.rows
        transaction.set_rollback(True)


def _shifted(progress: Progress | None, before: int, total: int) -> Progress | None:
    if progress is None:
        return None
    return lambda done, _total, text: progress(before + done, total, text)


def write(
    actor: Actor, parts: Iterable[Part], *, anyway: bool = False, progress: Progress | None = None
) -> Iterator[Done]:
    """Import one part after another, each after a trial run of its own.

    Ends with the first part that has rows in error, which is not written; with `anyway` such rows are left out.
    """
    for part in parts:
        assert part.plan is not None  # noqa: S101  for the types: parts left out are not given
        if not anyway:
            tally = Tally()
            if run(actor, part.to, part.table, part.plan, dry=True, progress=progress, tally=tally).errors:
                yield Done(part, tally, written=False)
                return
            tally.__exit__(None, None, None)
        tally = Tally()
        run(actor, part.to, part.table, part.plan, dry=False, progress=progress, tally=tally)
        yield Done(part, tally, written=True)
