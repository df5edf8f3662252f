"""Pollock's measure of readers of polluted csv files (Vitagliano and others, VLDB 2023), its "simple" score of 10.

For each file: whether it loaded, and precision, recall and F1 of header, records and cells against its clean version,
each from 0 to 1; the score is the sum of the ten, averaged over the files. Header and records are compared as bags
of texts, a record being its cells joined; here only case is levelled, where Pollock levels numbers and dates as well,
so that this score is never higher than its own. The files are read blind; the parameters beside them are not used.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from zhike.engine.tabular import TabularError, read

from . import Figure, at_least, exact

GOAL = 9.9
PUBLISHED = 9.721  # Python's csv module, told all parameters; on all 2,289 files
Rows = list[list[str]]


def score(folder: Path) -> list[Figure]:
    """The score, how many files crashed the reader, and which files fall short most."""
    marks: dict[str, float] = {}
    crashed = []
    for path in sorted((folder / "csv").glob("*.csv")):
        with (folder / "clean" / path.name).open(encoding="utf-8-sig", newline="") as file:
            clean = list(csv.reader(file))
        rows, code = _loaded(path, clean)
        if code in ("broken", "reader_died", "too_slow", "too_much_memory"):
            crashed.append(path.name)
        marks[path.name] = 0.0 if code and clean[1:] else sum(measures(clean, rows))
    short = ", ".join(f"{name} {mark:.2f}" for name, mark in sorted(marks.items(), key=lambda m: m[1]) if mark < 9.995)
    mean = sum(marks.values()) / len(marks)
    return [
        at_least(f"Pollock, {len(marks)} files, of 10 (short of it: {short})", mean, "points", PUBLISHED, GOAL),
        exact("Pollock: files that crashed the reader", crashed, []),
    ]


def _loaded(path: Path, clean: Rows) -> tuple[Rows, str]:
    """The headings and rows as texts, or the reason; a file of headings alone has no row to give."""
    try:
        with read(path) as table:
            rows = [["" if cell is None else str(cell) for cell in cells] for _number, cells in table.rows()]
            return ([table.headers, *rows] if table.header_row else rows), ""
    except TabularError as error:
        return (clean[:1] if error.code == "only_headers" else []), error.code


def measures(clean: Rows, rows: Rows) -> list[float]:
    """The ten measures of one file."""
    if not clean:
        return [1.0] * 10
    source, loaded = ([[cell.lower() for cell in row] for row in part] for part in (clean, rows))
    return [
        1.0,
        *_bags(source[0], loaded[0] if loaded else []),
        *_bags(["".join(row) for row in source[1:]], ["".join(row) for row in loaded[1:]]),
        *_bags([cell for row in clean for cell in row], [cell for row in rows for cell in row]),
    ]


def _bags(source: Sequence[str], loaded: Sequence[str]) -> list[float]:
    """Precision, recall and F1, as Pollock names them, of what two bags have in common."""
    if not source:
        return [1.0, 1.0, 1.0]
    both = (Counter(source) & Counter(loaded)).total()
    if not both:
        return [0.0, 0.0, 0.0]
    one, other = both / len(source), both / len(loaded)
    return [one, other, 2 * one * other / (one + other)]
