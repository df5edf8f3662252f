"""How a list becomes a file: a spreadsheet, text with commas, JSON lines, address cards, Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute
from zhike.engine.tabular.write import Mark, marked, write_lines, write_xlsx

from . import cards, fastcsv, parquet
from .source import Source, cells

JSON_MARK = "#zhike"  # the key of the last line of a file of JSON lines: who made it, and when
WIDTHS: Mapping[str, int] = {
    "longtext": 40, "richtext": 40, "address": 32, "url": 28, "email": 26, "link": 26, "links": 24, "multichoice": 24,
    "phone": 17, "datetime": 19, "date": 12, "money": 15, "boolean": 8, "integer": 10, "percent": 9, "region": 24,
    "industry": 24, "identity": 21,
}  # fmt: skip


@dataclass(frozen=True)
class Job:
    """What a format is given: the rows, where they go, the mark, and whom to tell after each chunk of them."""

    source: Source
    path: Path
    mark: Mark
    told: Callable[[int], None]

    def rows(self) -> Iterator[list[Any]]:
        """Rows as cells of a spreadsheet."""
        render, count = cells(self.source.shown), 0
        for chunk in self.source.chunks():
            for values in chunk.rows:
                yield render(values, chunk.labels)
            count += len(chunk.rows)
            self.told(count)


@dataclass(frozen=True)
class Format:
    """A format: what people call it, its ending, and what writes it (how many rows)."""

    label: Any
    suffix: str
    write: Callable[[Job], int]
    about: Any = ""


def _xlsx(job: Job) -> int:
    shown = job.source.shown
    widths = [max(min(WIDTHS.get(a.kind.key, 18), 40), min(2 * len(str(a.label)), 24)) for a in shown]
    headers = [str(a.label) for a in shown]
    return write_xlsx(
        job.path, headers, job.rows(), sheet=str(job.source.entity.plural), mark=job.mark, widths=widths
    )  # fmt: skip


def _csv(job: Job) -> int:
    headers = [str(a.label) for a in job.source.shown]
    lines = _told(fastcsv.lines(job.source), job.told) if fastcsv.possible(job.source) else fastcsv.slowly(job.rows())
    return write_lines(job.path, headers, lines, mark=job.mark)


def _told(lines: Iterator[bytes], told: Callable[[int], None]) -> Iterator[bytes]:
    for count, line in enumerate(lines, 1):
        yield line
        if not count % 2_000:
            told(count)


def _jsonl(job: Job) -> int:
    """One object a line: the keys of the fields, values as the API gives them, links with their names."""
    encode, count = msgspec.json.Encoder(enc_hook=_odd).encode, 0
    work = [(a.key, a.kind.to_json, a.target if a.is_link else "") for a in job.source.shown]
    with job.path.open("wb", buffering=1 << 20) as file:
        for chunk in job.source.chunks():
            for pk, values in zip(chunk.ids, chunk.rows, strict=True):
                found: dict[str, Any] = {"id": pk}
                for (key, to_json, target), value in zip(work, values, strict=True):
                    found[key] = _linked(target, value, chunk.labels) if target else to_json(value)
                file.write(encode(found) + b"\n")
            count += len(chunk.rows)
            job.told(count)
        lines = marked(job.mark, count)
        if lines:
            file.write(encode({JSON_MARK: dict(lines)}) + b"\n")
    return count


def _odd(value: Any) -> Any:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _linked(target: str, value: Any, labels: Mapping[tuple[str, UUID], str]) -> Any:
    if isinstance(value, (list, tuple)):
        return [{"id": one, "name": labels.get((target, one))} for one in value]
    return {"id": value, "name": labels.get((target, value))} if value else None


def _cards(version: str) -> Callable[[Job], int]:
    def write(job: Job) -> int:
        source, count = job.source, 0
        line = "; ".join(f"{label}: {text}" for label, text in marked(job.mark, 0) if text and text != "0")
        with job.path.open("wb", buffering=1 << 20) as file:
            card = cards.writer(source, version, line)
            for chunk in source.chunks():
                for pk, values in zip(chunk.ids, chunk.rows, strict=True):
                    file.write(card(pk, values, chunk.labels))
                count += len(chunk.rows)
                job.told(count)
        return count

    return write


def _parquet(job: Job) -> int:
    return parquet.write(job.source, job.path, job.mark, job.told)


FORMATS: Mapping[str, Format] = {
    "xlsx": Format(_("Spreadsheet (.xlsx)"), "xlsx", _xlsx, _("for Excel and WPS; at most 1,048,575 rows")),
    "csv": Format(_("Text with commas (.csv)"), "csv", _csv, _("for any program")),
    "jsonl": Format(_("JSON lines (.jsonl)"), "jsonl", _jsonl, _("with ids and exact values, for programs")),
    "vcf": Format(_("Address cards (.vcf)"), "vcf", _cards("4.0"), _("vCard 4.0, for phones and mail programs")),
    "vcf3": Format(
        _("Address cards for older phones (.vcf)"), "vcf", _cards("3.0"), _("vCard 3.0, for phones that know no 4.0")
    ),
    "parquet": Format(_("Parquet (.parquet)"), "parquet", _parquet, _("typed columns, for data analysis")),
}


def offered(entity: AnyEntity) -> list[str]:
    """The formats in which records of an entity can be had here: cards where they are people or firms."""
    return [
        key
        for key, found in FORMATS.items()
        if (found.suffix != "vcf" or cards.suits(entity)) and (key != "parquet" or parquet.is_there())
    ]


def needed(kind: str, entity: AnyEntity, shown: Sequence[Attribute]) -> list[Attribute]:
    """The fields that a format takes of those shown; a card has room for some, whatever a list shows."""
    return cards.fields(entity, shown) if FORMATS[kind].suffix == "vcf" else list(shown)
