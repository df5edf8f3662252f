"""How the columns of a file are to be read: guessed from headings and values, then as the user says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from zhike.base import datetext
from zhike.base.i18n import LANGUAGES
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.pools import known as pools
from zhike.engine.tabular import Cell, FieldSpec, Guess, Table, guess
from zhike.engine.tabular.folding import fold
from zhike.engine.tabular.values import blank, labelled_amount

from .cells import NAME_PARTS, PLACE_PARTS, Reader, cell_of, text_of
from .importer import may_date
from .links import finders, grows
from .model import MODES, NUMBER, ORIGIN, Column, Plan

HEAD = 40  # rows that guesses are made from
UNKNOWN = 60  # distinct unmatched words that are offered for matching
SEEN = 2_000  # distinct words of a column that are looked at
LABELS = ("累计金额", "销售金额", "销售额", "总金额", "金额", "amount", "sales")
# (entity, names) -> those by which records of it will be found once other files are imported
Promised = Callable[[str, set[str]], set[str]]
Rows = Callable[[], Iterable[tuple[int, list[Cell]]]]
OWN = 2  # so many columns that nobody can write are only in an export of this entity
VAGUE = ("part", "similar", "values")  # guesses that are dropped when not one word fits
_SCALE = re.compile(r"[(（\[【]?\s*(亿|億|百万|百萬|万|萬|千)\s*元?\s*[)）\]】]?$")
SCALES = {"亿": 10**8, "億": 10**8, "百万": 10**6, "百萬": 10**6, "万": 10**4, "萬": 10**4, "千": 1_000}


def specs(actor: Actor, entity: AnyEntity) -> list[FieldSpec]:
    """The fields that columns may feed: those the actor may write, with their names in the three languages."""
    found = []
    for a in importable(actor, entity).values():
        meanings = [meaning for meaning, key in entity.meanings.items() if key == a.key]
        found.append(FieldSpec(a.key, _labels(a), kind=a.kind.key, meanings=meanings))
    return found


def _labels(a: Attribute) -> list[str]:
    """The name of a field in the three languages."""
    found = []
    for lang in LANGUAGES:
        with override(lang):
            found.append(str(a.label))
    return list(dict.fromkeys(found))


def importable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """Fields that a file can carry; for who may give records to anybody also since when they are there and by whom."""
    allowed = access.writable(actor, entity).keys() | (ORIGIN if may_date(actor, entity) else set())
    return {k: a for k, a in entity.attributes.items() if k in allowed and a.kind.key not in ("file", "json")}


def make(
    actor: Actor,
    entity: AnyEntity,
    table: Table,
    mapping: Mapping[str, Any] | None = None,
    *,
    promised: Promised | None = None,
) -> Plan:
    """The guessed plan, changed as `mapping` says, with every word and date of the file looked at.

    `mapping` is plain data: {"columns": {heading or "#place": field, or {field, part, words, order, scale}}, "also":
    [{"column": heading, "field": field, …}] for a column that feeds a second field, "constants": {field: text},
    "match": [fields], "mode": "create" | "update" | "both", "empty_only": bool, "quiet": bool,
    "leave_doubles": bool, "pool": id}; what it does not name stays as guessed. `promised` tells which names of linked
    records will be there by then, though they are not yet. Raises Invalid for a name that is not there, or a field
    that the actor may not write.
    """
    access.require(actor, entity, "import")
    head = table.head(HEAD)
    guesses = guess(table.headers, head, specs(actor, entity))
    samples = [
        [text_of(row[n]) for row in head if n < len(row) and not blank(row[n])] for n in range(len(table.headers))
    ]
    columns = [_column(g, table.headers[g.column], samples[g.column]) for g in guesses]
    _own(actor, entity, columns, table.rows)
    _share(entity, columns, guesses)
    _from_remarks(entity, columns, head, importable(actor, entity))
    plan = Plan(columns=columns, rows=table.row_count)
    if mapping:
        _revise(actor, entity, plan, mapping)
    _look(actor, entity, plan, table.rows(), promised)
    return plan


def _samples(head: Sequence[Sequence[Cell]], n: int) -> list[str]:
    return [text_of(row[n])[:60] for row in head if n < len(row) and not blank(row[n])][:3]


def _column(g: Guess, header: str, samples: Sequence[str]) -> Column:
    scale = _SCALE.search(header)
    return Column(
        index=g.column, header=header, field=g.field_key or "", part=g.part or "", confidence=g.confidence,
        reason=g.reason, samples=list(samples), scale=SCALES[scale[1]] if scale else 1,
    )  # fmt: skip


def _own(actor: Actor, entity: AnyEntity, columns: Sequence[Column], rows: Rows) -> None:
    """Columns of an own export: the running number finds the record again, what nobody writes is left alone."""
    known, allowed = access.readable(actor, entity), importable(actor, entity)
    labels = {fold(name): k for k, a in known.items() if k not in allowed for name in _labels(a)}
    taken = {fold(name) for a in allowed.values() for name in _labels(a)}
    own = sum(labels.get(fold(c.header), NUMBER) != NUMBER for c in columns) >= OWN
    for c in columns:
        key = labels.get(fold(c.header), "")
        if own and key == NUMBER and _are_numbers(entity, (row[c.index] for _n, row in rows() if c.index < len(row))):
            c.field, c.reason, c.confidence = NUMBER, "exact", 1.0
        elif key not in ("", NUMBER) and fold(c.header) not in taken:
            c.field, c.part, c.reason, c.confidence = "", "", "readonly", 0.0


def _are_numbers(entity: AnyEntity, cells: Iterable[Cell]) -> bool:
    """Whether cells are running numbers of this entity, given out here."""
    if not entity.pattern:
        return False
    shape = re.compile(re.sub(r"%0?\d*d", r"\\d+", re.escape(entity.pattern).replace(r"\%", "%")))
    filled = [str(cell).strip() for cell in cells if not blank(cell)]
    return bool(filled) and all(shape.fullmatch(text) for text in filled)


def _share(entity: AnyEntity, columns: Sequence[Column], guesses: Sequence[Guess]) -> None:
    """Let several columns feed one field where the pieces belong together: places, further numbers, a second line."""
    for key in {g.same_as for g in guesses if g.same_as} | {c.field for c in columns if c.field}:
        kind = entity.attributes[key].kind.key
        mine = [g for g in guesses if key in (g.field_key, g.same_as) and columns[g.column].reason != "readonly"]
        if kind == "region":
            _share_region(key, columns, mine)
        elif kind in ("phone", "email") and entity.on_input:
            for g in mine:
                if g.reason == "duplicate" and g.meaning in ("phone", "mobile", "email"):
                    _feed(columns[g.column], key, "more")
        elif kind == "address":
            for g in mine:
                if g.reason == "duplicate" and g.meaning == "address_line2":
                    _feed(columns[g.column], key, "more")


def _share_region(key: str, columns: Sequence[Column], mine: Sequence[Guess]) -> None:
    """Province, city and district together are a region; a sales territory beside them is not."""
    pieces = [g for g in mine if g.meaning in PLACE_PARTS]
    if pieces:
        for g in mine:
            if g.field_key == key:
                columns[g.column].field = ""
        for g in pieces:
            _feed(columns[g.column], key, str(g.meaning))


def _feed(c: Column, key: str, part: str) -> None:
    c.field, c.part, c.confidence, c.reason = key, part, max(c.confidence, 0.85), "composed"


def _from_remarks(
    entity: AnyEntity, columns: list[Column], head: Sequence[Sequence[Cell]], allowed: Mapping[str, Attribute]
) -> None:
    """An amount that stands in a remark behind its label, when no column of its own carries it."""
    target = entity.meanings.get("amount", "")
    if target not in allowed or any(c.field == target for c in columns):
        return
    for c in [c for c in columns if c.field and entity.attributes[c.field].kind.key == "longtext"]:
        texts = [str(row[c.index]) for row in head if c.index < len(row) and not blank(row[c.index])]
        for label in LABELS:
            amounts = [labelled_amount(text, label) for text in texts]
            if texts and sum(a is not None for a in amounts) >= 0.8 * len(texts):
                found = Column(index=c.index, header=f"{c.header} › {label}", field=target, part=label, reason="label")
                found.samples = [text_of(a) for a in amounts[:3] if a is not None]
                found.confidence = 0.7
                columns.append(found)
                return


def _revise(actor: Actor, entity: AnyEntity, plan: Plan, mapping: Mapping[str, Any]) -> None:
    allowed = importable(actor, entity)
    errors: dict[str, list[Wrong]] = {}
    chosen = [(str(name), wanted) for name, wanted in (mapping.get("columns") or {}).items()]
    for name, wanted, column in [*((n, w, _named(plan.columns, n)) for n, w in chosen), *_added(plan, mapping)]:
        asked = wanted if isinstance(wanted, Mapping) else {"field": wanted}
        field = str(asked.get("field", column.field if column else "") or "")
        if column is None:
            errors["columns"] = [Wrong(_("The file has no column “%(name)s”.") % {"name": name[:60]})]
        elif field and field not in allowed and not (field == column.field == NUMBER):
            errors[name] = [Wrong(_("There is no field “%(name)s” that you may write.") % {"name": field[:60]})]
        else:
            _choose(column, field, asked)
    mode: Any = mapping.get("mode") or "both"
    match = list(mapping.get("match") or [])
    if mode not in MODES:
        errors["mode"] = [Wrong(_("Choose what may happen to records: create, update or both."))]
    if any(k not in plan.fields() for k in match):
        errors["match"] = [Wrong(_("A field by which records are found again must have a column in the file."))]
    pool = str(mapping.get("pool") or "")
    if pool and pool not in {str(k.pool.pk) for k in pools.kept_by(actor, entity)}:
        errors["pool"] = [Wrong(_("There is no such pool, or you may not put anything into it."))]
    _check_shared(entity, plan, errors)
    if errors:
        raise Invalid([errors])
    plan.mode, plan.match, plan.empty_only = mode, match, bool(mapping.get("empty_only"))
    plan.quiet, plan.leave_doubles = bool(mapping.get("quiet", True)), bool(mapping.get("leave_doubles"))
    plan.pool = pool


def _added(plan: Plan, mapping: Mapping[str, Any]) -> list[tuple[str, Any, Column | None]]:
    """Columns that feed a second field, and values that stand in no column; they are put at the end of the plan."""
    found: list[tuple[str, Any, Column | None]] = []
    for asked in mapping.get("also") or ():
        name = str(asked.get("column", ""))
        column = _named(plan.columns, name)
        if column is not None:
            samples = list(column.samples)
            column = Column(index=column.index, header=column.header, samples=samples, reason="chosen")
            plan.columns.append(column)
        found.append((name, asked, column))
    for field, text in (mapping.get("constants") or {}).items():
        column = Column(index=-1, header="", constant=str(text), samples=[str(text)], reason="chosen")
        plan.columns.append(column)
        found.append((str(field), field, column))
    return found


def _named(columns: Sequence[Column], name: str) -> Column | None:
    """A column by "#place in the list", else by its heading."""
    if re.fullmatch(r"#\d{1,4}", name):
        return columns[int(name[1:])] if int(name[1:]) < len(columns) else None
    return next((c for c in columns if c.header == name), None)


def _choose(c: Column, field: str, asked: Mapping[str, Any]) -> None:
    if field != c.field:
        c.part, c.reason, c.confidence = "", "chosen", 1.0
    c.field = field
    c.part = str(asked.get("part", c.part))
    c.order = asked["order"] if asked.get("order") in ("dmy", "mdy") else ""
    c.words = {str(k): str(v) for k, v in (asked.get("words") or {}).items()}
    scale = asked.get("scale", c.scale)
    c.scale = int(scale) if str(scale).isdecimal() and int(scale) in (1, *SCALES.values()) else 1


def _check_shared(entity: AnyEntity, plan: Plan, errors: dict[str, list[Wrong]]) -> None:
    """Several columns may feed one field only where a value is made of them."""
    joined = ("region", "address", "longtext", "links", "multichoice")
    for key in plan.fields():
        columns, a = plan.of(key), entity.attributes[key]
        if len(columns) < 2 or a.kind.key in joined or all(c.part in NAME_PARTS for c in columns):
            continue
        if a.kind.key == "text" and all(c.part == "more" for c in columns):
            continue
        if a.kind.key in ("phone", "email") and entity.on_input:
            continue
        text = _("Two columns feed %(field)s: %(one)s and %(two)s. Leave one of them out.")
        said = text % {"field": a.label, "one": columns[0].header, "two": columns[1].header}
        errors[columns[1].header] = [Wrong(said)]


def _look(
    actor: Actor, entity: AnyEntity, plan: Plan, rows: Iterable[tuple[int, list[Cell]]], promised: Promised | None
) -> None:
    """Find the words that mean no choice and no record, and days whose order is open."""
    watched = [c for c in plan.columns if c.field and _has_words(entity.attributes[c.field])]
    dates = [c for c in plan.columns if c.field and entity.attributes[c.field].kind.key in ("date", "datetime")]
    if not watched and not dates:
        return
    words: list[Counter[str]] = [Counter() for _c in watched]
    days: list[set[str]] = [set() for _c in dates]
    for _number, cells in rows:
        for c, seen in zip(watched, words, strict=True):
            if not blank(cell := cell_of(cells, c)) and len(seen) < SEEN:
                seen[text_of(cell).strip()] += 1
        for c, texts in zip(dates, days, strict=True):
            if isinstance(cell := cell_of(cells, c), str) and len(texts) < SEEN:
                texts.add(cell)
    for c, texts in zip(dates, days, strict=True):
        order = datetext.guess_order(texts)
        c.ambiguous = order == "ambiguous"
        c.order = c.order or (order if order in ("dmy", "mdy") else "")
    _unknown(actor, entity, plan, watched, words, promised)


def _has_words(a: Attribute) -> bool:
    return a.is_link or a.kind.key in ("choice", "multichoice")


def _unknown(
    actor: Actor, entity: AnyEntity, plan: Plan, watched: Sequence[Column], words: Sequence[Counter[str]],
    promised: Promised | None,
) -> None:  # fmt: skip
    """Try each distinct word once, as the import itself would read it."""
    found = finders(actor, entity, {c.field for c in watched})
    for c, seen in zip(watched, words, strict=True):
        alone = Column(index=0, header=c.header, field=c.field, words={})
        reader = Reader(entity, Plan(columns=[alone]), found, escaped=False)
        texts = [text for text, _n in seen.most_common()]
        reader.prepare([(n, [text]) for n, text in enumerate(texts)])
        bad = [t for t in texts if any(p.code != "folded" for p in reader.draft(0, [t]).problems)]
        a = entity.attributes[c.field]
        if grows(actor, a):
            bad = []
        elif bad and a.is_link and promised is not None:
            coming = promised(a.target, set(bad))
            bad = [t for t in bad if t not in coming]
        if texts and len(bad) == len(texts) and c.reason in VAGUE:
            c.field, c.reason, c.confidence = "", "unknown", 0.0
            continue
        c.unknown = {text[:200]: seen[text] for text in bad[:UNKNOWN]}
        if not entity.attributes[c.field].is_link:
            keys = {"", *(k for k, _label in entity.attributes[c.field].choices)}
            c.words = {word: key for word, key in c.words.items() if key in keys}
