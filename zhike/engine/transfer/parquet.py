"""Parquet with typed columns, by pyarrow, which is an extra: without it the format is not offered."""

from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.db import models

from zhike.engine.kinds import Attribute
from zhike.engine.tabular.write import Mark, marked

from .source import Source

GROUP = 10_000  # rows that are in memory at once
DIGITS = 38


def is_there() -> bool:
    """Whether the package for it is installed."""
    return find_spec("pyarrow") is not None


def write(source: Source, path: Path, mark: Mark, told: Callable[[int], None]) -> int:
    """Write all rows in groups; how many. A link is two columns, `KEY` with the id and `KEY.name`."""
    import pyarrow as pa  # type: ignore[import-untyped]  # an extra, and slow to load
    from pyarrow import parquet as pq

    columns = [column for a in source.shown for column in _columns(pa, source, a)]
    about = [pa.field(key, kind, metadata={"label": label}) for key, label, kind, _value in columns]
    schema = pa.schema([pa.field("id", pa.string()), *about])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        held: list[list[Any]] = [[] for _field in schema]
        for chunk in source.chunks():
            held[0].extend(map(str, chunk.ids))
            for place, (_key, _label, _kind, value) in enumerate(columns, 1):
                held[place].extend(value(row, chunk.labels) for row in chunk.rows)
            count += len(chunk.rows)
            if len(held[0]) >= GROUP:
                _flush(pa, writer, schema, held)
            told(count)
        _flush(pa, writer, schema, held)
        writer.add_key_value_metadata({f"zhike.{n}": f"{la}: {te}" for n, (la, te) in enumerate(marked(mark, count))})
    return count


def _flush(pa: Any, writer: Any, schema: Any, held: list[list[Any]]) -> None:
    if held[0]:
        writer.write_batch(pa.record_batch([pa.array(v, f.type) for v, f in zip(held, schema, strict=True)], schema))
    for values in held:
        values.clear()


def _columns(pa: Any, source: Source, a: Attribute) -> list[tuple[str, str, Any, Callable[[Any, Any], Any]]]:
    """(key, label, type, what gives the value of a row) of a field."""
    n, label = source.shown.index(a), str(a.label)
    if a.is_link:
        return _linked(pa, a, n, label)
    kind, convert = _kind(pa, source, a)
    return [(a.key, label, kind, lambda row, _labels: None if row[n] is None else convert(row[n]))]


def _linked(pa: Any, a: Attribute, n: int, label: str) -> list[tuple[str, str, Any, Callable[[Any, Any], Any]]]:
    text = pa.string()
    if a.kind.blank == ():
        several = pa.list_(text)
        return [
            (a.key, label, several, lambda row, _labels: [str(pk) for pk in row[n] or ()]),
            (f"{a.key}.name", label, several, lambda row, labels: [labels.get((a.target, pk)) for pk in row[n] or ()]),
        ]
    return [
        (a.key, label, text, lambda row, _labels: str(row[n]) if row[n] else None),
        (f"{a.key}.name", label, text, lambda row, labels: labels.get((a.target, row[n]))),
    ]


def _kind(pa: Any, source: Source, a: Attribute) -> tuple[Any, Callable[[Any], Any]]:
    key = a.kind.key
    if key == "integer":
        return pa.int64(), int
    if key in ("decimal", "money", "percent"):
        field = source.field(a)
        places = field.decimal_places if isinstance(field, models.DecimalField) and field.decimal_places else None
        unit = Decimal(1).scaleb(-(getattr(a.kind, "places", 4) if places is None else places))
        return pa.decimal128(DIGITS, -int(unit.as_tuple().exponent)), lambda v: Decimal(v).quantize(
            unit, ROUND_HALF_EVEN
        )
    simple: dict[str, tuple[Any, Callable[[Any], Any]]] = {
        "boolean": (pa.bool_(), bool),
        "date": (pa.date32(), _same),
        "multichoice": (pa.list_(pa.string()), list),
    }
    if key == "datetime":
        return pa.timestamp("us", tz="UTC"), _same
    return simple.get(key, (pa.string(), str))


def _same(value: Any) -> Any:
    return value
