"""The lines of a csv made by the database: for every row of which each value is plain, the very bytes that
`tabular.write` makes of it. Any other row comes as its values and is written by Python.

Plain is what needs no judgement: a number, a day, a choice with a name, a text that begins with a letter, a digit or a
Han character and holds no sign at which a spreadsheet starts a cell. tests/transfer/test_fast.py compares the two.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import Q
from django.utils import timezone

from zhike.base import industries, regions
from zhike.base.i18n import listed
from zhike.engine.exactjson import Decoder
from zhike.engine.kinds import Attribute
from zhike.engine.tabular.write import csv_line, quoted

from .source import CLEAR, Source, cells

RAW = b"\x02"  # begins a row that comes as its values; no line of a csv begins so
NEVER = "false"
TEXTS = frozenset({"text", "longtext", "richtext", "email", "url", "address", "identity", "reach"})
LINKS = frozenset({"link", "user", "department", "stage"})
NUMBERS = frozenset({"integer", "decimal", "money", "percent"})
BOOL, INT8, INT2, INT4, TEXT, VARCHAR, DATE, MOMENT, NUMERIC = 16, 20, 21, 23, 25, 1043, 1082, 1184, 1700
WHOLE = (INT2, INT4, INT8)
# A text that begins with a letter, a digit or a Han character, in an order of bytes that no language changes.
PLAIN = (
    "(({x} COLLATE \"C\" >= 'A' AND {x} COLLATE \"C\" < '{{') OR ({x} COLLATE \"C\" >= '0' AND {x} COLLATE \"C\" < ':')"
    " OR ({x} COLLATE \"C\" >= U&'\\3001' AND {x} COLLATE \"C\" < U&'\\FB00'))"
    " AND translate({x}, E';|\\t\\r\\n', '') = {x}"
)
QUOTED = "'\"' || replace({x}, '\"', '\"\"') || '\"'"


@dataclass(frozen=True)
class Cell:
    """One column in SQL: when it is plain, what it looks like then, and the values of both."""

    plain: str
    text: str
    params: tuple[tuple[Any, ...], tuple[Any, ...]] = ((), ())


def possible(source: Source) -> bool:
    """Whether the rows of a source come in one statement alone."""
    return not source.lookups


def slowly(rows: Iterator[Sequence[Any]]) -> Iterator[bytes]:
    """The same lines of rows that are cells already."""
    return (csv_line(row).encode() for row in rows)


def lines(source: Source) -> Iterator[bytes]:
    """Every row as a line of a csv, in UTF-8 with its end, in the order of the source."""
    inner, given = source.query().query.sql_with_params()
    names = [f"c{n}" for n in range(len(source.columns))]
    rows = f"({inner}) AS r({', '.join(names)})"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {rows} LIMIT 0", given)  # noqa: S608
        kinds = [column.type_code for column in cursor.description]
        made = [_cell(source, a, kinds) for a in source.shown]
        raws = [_raw(source, a) for a in source.shown]
        labels = [f"c{source.columns.index(source.names[a.key])}" for a in source.shown if a.key in source.names]
        clear = f"c{source.columns.index(CLEAR)}" if CLEAR in source.columns else str(source.clear == Q()).lower()
        plain = " AND ".join(cell.plain for cell in made)
        line = " || ',' || ".join(f"coalesce({cell.text}, '')" for cell in made)
        raw = f"E'\\x02' || jsonb_build_array({', '.join([clear, *raws, *labels])})::text"
        statement = (
            f"COPY (SELECT CASE WHEN {plain} THEN {line} || E'\\r\\n' ELSE {raw} END FROM {rows})"  # noqa: S608
            " TO STDOUT (FORMAT BINARY)"
        )
        params = [p for cell in made for p in cell.params[0]] + [p for cell in made for p in cell.params[1]]
        yield from _read(cursor, statement, [*params, *given], _writer(source, kinds))


def _read(cursor: Any, statement: str, params: Sequence[Any], write: Callable[[bytes], bytes]) -> Iterator[bytes]:
    with connection.wrap_database_errors, cursor.copy(statement, params) as copy:
        copy.set_types(["bytea"])
        for (line,) in copy.rows():
            yield write(line) if line[:1] == RAW else line


def _writer(source: Source, kinds: Sequence[int]) -> Callable[[bytes], bytes]:
    """What makes the line of a row that came as its values, as the other way of writing does."""
    loads = [_load(source, a, kinds[source.place(a)]) for a in source.shown]
    masks = [(source.shown.index(a), a.kind.mask) for a in source.masked]
    named = [(n, a) for n, a in enumerate(source.shown) if a.key in source.names]
    decoder, render = Decoder(), cells(source.shown)

    def write(line: bytes) -> bytes:
        clear, *found = decoder.decode(line[1:].decode())
        values = [load(raw) for load, raw in zip(loads, found, strict=False)]
        if not clear:
            for n, mask in masks:
                values[n] = mask(values[n])
        labels = source.small
        if named:
            labels = dict(source.small)
            for (n, a), name in zip(named, found[len(values) :], strict=True):
                if name is not None:
                    hide = source.hidden.get(a.target)
                    labels[a.target, values[n]] = str(hide(name)) if hide else name
        return csv_line(render(values, labels)).encode()

    return write


def _raw(source: Source, a: Attribute) -> str:
    column = f"c{source.place(a)}"
    return f"to_jsonb({column} -> '{a.key}')" if a.custom else f"to_jsonb({column})"


def _load(source: Source, a: Attribute, kind: int) -> Callable[[Any], Any]:
    """From JSON to the value that the database driver and Django would have given."""
    if a.custom:
        return lambda raw: a.loaded({a.key: raw})
    if isinstance(source.field(a), models.IntegerField):
        return lambda raw: None if raw is None else int(raw)
    if kind == NUMERIC or isinstance(source.field(a), models.DecimalField):
        return lambda raw: None if raw is None else Decimal(raw)
    if a.kind.key in ("date", "datetime"):
        return a.kind.unpack
    if a.is_link:
        return lambda raw: [UUID(one) for one in raw] if isinstance(raw, list) else raw and UUID(raw)
    return lambda raw: raw


# ---- one column


def _cell(source: Source, a: Attribute, kinds: Sequence[int]) -> Cell:
    """How SQL writes a column; `NEVER` plain where only Python can."""
    place = source.place(a)
    x, kind = f"c{place}", kinds[place]
    if a.key in {m.key for m in source.masked}:
        return _masked(source, a, x)
    if a.is_link:
        return _link(source, a, x)
    if a.custom:
        return _custom(a, f"({x} -> '{a.key}')")
    return _native(source, a, x, kind)


def _masked(source: Source, a: Attribute, x: str) -> Cell:
    """A value that not everybody sees whole: plain where it is empty, or in the rows where it is seen."""
    inner = _custom(a, f"({x} -> '{a.key}')") if a.custom else _native(source, a, x, VARCHAR)
    empty = f"coalesce({x} ->> '{a.key}', '') = ''" if a.custom else f"coalesce({x}, '') = ''"
    if source.clear == Q():
        return inner
    seen = f"c{source.columns.index(CLEAR)}" if CLEAR in source.columns else NEVER
    return Cell(f"({empty} OR ({seen} AND {inner.plain}))", inner.text, inner.params)


def _native(source: Source, a: Attribute, x: str, kind: int) -> Cell:
    key, never = a.kind.key, Cell(f"{x} IS NULL", "''")
    if key in NUMBERS:
        return _number(source.field(a), x, kind)
    if kind in (TEXT, VARCHAR):
        return _words(a, x) or never
    if key in ("multichoice", "links"):
        return Cell(f"coalesce(cardinality({x}) = 0, true)", "''")
    return _moment(a, x, kind) or never


def _words(a: Attribute, x: str) -> Cell | None:
    if a.kind.key in TEXTS:
        return _text(x)
    if a.kind.key == "phone":
        return _phone(x)
    return _chosen(a, x) if a.kind.key in ("choice", "region", "industry") else None


def _moment(a: Attribute, x: str, kind: int) -> Cell | None:
    """Days, moments and yes or no; the years are those for which everybody knows the clocks of a place."""
    key = a.kind.key
    if key == "boolean" and kind == BOOL:
        yes, no = (quoted(str(a.kind.export(a, value, {}))) for value in (True, False))
        return Cell("true", f"CASE {x} WHEN true THEN %s WHEN false THEN %s END", ((), (yes, no)))
    if key == "date" and kind == DATE:
        return Cell(f"coalesce({x} BETWEEN '0001-01-01' AND '9999-12-31', true)", f"to_char({x}, 'YYYY-MM-DD')")
    if key == "datetime" and kind == MOMENT:
        zone = timezone.get_current_timezone_name()
        text = f"to_char({x} AT TIME ZONE %s, 'YYYY-MM-DD HH24:MI:SS')"
        return Cell(f"coalesce({x} BETWEEN '1950-01-01' AND '2500-01-01', true)", text, ((), (zone,)))
    return None


def _number(field: Any, x: str, kind: int) -> Cell:
    if isinstance(field, models.IntegerField):
        text = f"{x}::text" if kind in WHOLE else f"trunc({x})::text" if kind == NUMERIC else ""
    else:
        text = f"{x}::text" if kind in (*WHOLE, NUMERIC) else ""
    return Cell("true", text) if text else Cell(f"{x} IS NULL", "''")


def _text(x: str) -> Cell:
    return Cell(
        f"(coalesce({x}, '') = '' OR {PLAIN.format(x=x)})", f"CASE WHEN {x} <> '' THEN {QUOTED.format(x=x)} END"
    )


def _phone(x: str) -> Cell:
    """Mobiles of the mainland are written without their country code."""
    mobile = f"{x} ~ '^\\+861[3-9][0-9]{{9}}$'"
    return Cell(f"(coalesce({x}, '') = '' OR {mobile})", f"CASE WHEN {x} <> '' THEN '\"' || substr({x}, 4) || '\"' END")


def _chosen(a: Attribute, x: str) -> Cell:
    """By a map from keys to names; what is not in it is for Python."""
    known = json.dumps({key: quoted(text) for key, text in _choices(a).items() if key}, ensure_ascii=False)
    return Cell(
        f"(coalesce({x}, '') = '' OR jsonb_exists(%s::jsonb, {x}))",
        f"CASE WHEN {x} <> '' THEN %s::jsonb ->> {x} END",
        ((known,), (known,)),
    )


def _several(a: Attribute, x: str) -> Cell | None:
    """Several choices as JSON, their names joined; None where a name is one that needs judgement."""
    known = {key: str(a.kind.export(a, [key], {})) for key, _label in a.choices}
    sign = listed("ab")[1:-1]
    if any(quoted(text) != f'"{text}"' or text != sign.join([text]) for text in (*known.values(), f"a{sign}b")):
        return None
    names = json.dumps(known, ensure_ascii=False)
    array = f"CASE WHEN jsonb_typeof({x}) = 'array' THEN {x} END"
    parts = f"jsonb_array_elements_text({array}) WITH ORDINALITY AS e(v, n)"
    return Cell(
        f"CASE WHEN {x} IS NULL OR {x} = 'null' THEN true WHEN jsonb_typeof({x}) = 'array' THEN {x} <@ %s::jsonb"
        " ELSE false END",
        f"(SELECT '\"' || string_agg(%s::jsonb ->> v, %s ORDER BY n) || '\"' FROM {parts})",  # noqa: S608
        ((json.dumps(list(known)),), (names, sign)),
    )


def _choices(a: Attribute) -> Mapping[str, str]:
    keys: Sequence[str] = [key for key, _label in a.choices]
    if a.kind.key == "region":
        keys = list(regions.table())
    elif a.kind.key == "industry":
        keys = [way for code in industries.table() for way in {code, industries.path(code)[0] + code}]
    return {key: str(a.kind.export(a, key, {})) for key in keys}


def _link(source: Source, a: Attribute, x: str) -> Cell:
    if a.kind.blank == ():
        empty = f"coalesce({x} -> '{a.key}', '[]') = '[]'" if a.custom else f"coalesce(cardinality({x}) = 0, true)"
        return Cell(empty, "''")
    if (column := source.names.get(a.key)) is not None:
        name = f"c{source.columns.index(column)}"
        return Cell(f"{name} IS NULL", "''") if a.target in source.hidden else _text(name)
    here = f"({x} ->> '{a.key}')" if a.custom else f"{x}::text"
    found = {str(pk): quoted(str(name)) for (target, pk), name in source.small.items() if target == a.target}
    return Cell("true", f"%s::jsonb ->> {here}", ((), (json.dumps(found, ensure_ascii=False),)))


def _custom(a: Attribute, x: str) -> Cell:
    """A value kept as JSON; a kind that SQL does not know, or another than the field has, is for Python."""
    text, key = f"({x} #>> '{{}}')", a.kind.key
    absent = f"({x} IS NULL OR {x} = 'null')"
    if key in TEXTS or key in ("phone", "choice", "region", "industry"):
        inner = _text(text) if key in TEXTS else _phone(text) if key == "phone" else _chosen(a, text)
        return Cell(f"({absent} OR (jsonb_typeof({x}) = 'string' AND {inner.plain}))", inner.text, inner.params)
    if key in NUMBERS:
        places = getattr(a.kind, "places", 0)
        right = f"CASE WHEN jsonb_typeof({x}) = 'number' THEN scale({x}::numeric) <= {places} ELSE false END"
        return Cell(f"({absent} OR {right})", f"round({text}::numeric, {places})::text")
    if key == "multichoice" and (found := _several(a, x)):
        return found
    if key == "date":
        day = f"jsonb_typeof({x}) = 'string' AND {text} ~ '^[1-9][0-9]{{3}}-[0-9]{{2}}-[0-9]{{2}}$'"
        return Cell(f"({absent} OR ({day}))", text)
    if key == "boolean":
        yes, no = (quoted(str(a.kind.export(a, value, {}))) for value in (True, False))
        return Cell("true", f"CASE WHEN {x} = 'true' THEN %s ELSE %s END", ((), (yes, no)))
    return Cell(absent, "''")
