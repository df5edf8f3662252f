"""How cost grows with the number of customers: the same benches at each size, as a table and a plot.

Figures are kept as soon as a size is done: a run that was stopped goes on with the next size, and a size is measured
anew when its part of the file is removed.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from . import Figure, Options, load

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
BENCHES = ("load", "lists", "search")
DOCS = Path(__file__).resolve().parents[2] / "docs"
KEPT, PAGE, PLOT = "performance.json", "performance.md", "performance.svg"
BETWEEN = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)
PLOTTED: Mapping[str, str] = {
    "own: filtered by a custom field, first page, fragment, p95": "own, custom filter",
    "branch: filtered by a custom field, first page, fragment, p95": "branch, custom filter",
    "root: filtered by a custom field, first page, fragment, p95": "all, custom filter",
    "root: sorted by an indexed custom field, first page, fragment, p95": "all, by a custom field",
    "root: sorted by a linked title, 500 pages deep, fragment, p95": "all, by a linked title, 500 pages deep",
    "root: board, page, p95": "all, board",
}
COLOURS = ("#0f766e", "#2563eb", "#7c3aed", "#b45309", "#be123c", "#4d7c0f")
Sized = Mapping[str, Sequence[Figure]]


def run(options: Options) -> list[Figure]:
    """The figures of every size up to `rows` (a million); writes table and plot into `to` (docs) after each size."""
    folder = Path(options.get("to") or DOCS)
    sizes = [size for size in options.get("sizes", SIZES) if size <= (options.get("rows") or load.ROWS)]
    found: dict[str, Any] = _read(folder / KEPT)
    for size in sizes:
        if str(size) not in found:
            found[str(size)] = _measure({**options, "rows": size})
            (folder / KEPT).write_text(json.dumps(found, ensure_ascii=False, indent=1), "utf-8")
        write(folder, found)
    return [f | {"name": f"{size:,}: {f['name']}"} for size in sizes for f in found[str(size)]]


def _measure(options: Options) -> list[Figure]:
    figures: list[Figure] = []
    for name in options.get("benches", BENCHES):
        figures += import_module(f"zhike.bench.{name}").run({**options, "keep": True})
    load.forget(options)
    return figures


def _read(file: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def write(folder: Path, found: Sized) -> None:
    """Table and plot of what was measured so far; the page keeps its words."""
    (folder / PLOT).write_text(plot(found), "utf-8")
    page = folder / PAGE
    text = page.read_text("utf-8") if page.is_file() else "<!-- figures -->\n<!-- end of figures -->\n"
    page.write_text(BETWEEN.sub(lambda m: m[1] + "\n".join(table(found)) + "\n" + m[2], text), "utf-8")


# ---- table


def table(found: Sized) -> Iterator[str]:
    """A row for each figure, a column for each size: the ratio to its baseline first, where it has one."""
    sizes = sorted(found, key=int)
    names = dict.fromkeys(f["name"] for size in sizes for f in found[size])
    by_name = {size: {f["name"]: f for f in found[size]} for size in sizes}
    yield f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}. ✗ marks a goal that was missed."
    yield ""
    yield "| Figure | Goal | " + " | ".join(f"{int(size):,}" for size in sizes) + " |"
    yield "|---|---|" + "---|" * len(sizes)
    for name in names:
        row = [by_name[size].get(name) for size in sizes]
        goal = next((f["goal"] for f in row if f and f["goal"] is not None), "")
        yield f"| {name} | {goal} | " + " | ".join(_cell(f) for f in row) + " |"


def _cell(f: Figure | None) -> str:
    if f is None:
        return ""
    value = f["value"]
    told = (
        f"{value:,.4g}" if isinstance(value, float) and value < 1_000 else f"{value:,.0f}" if _is_number(value) else ""
    )
    told = f"{told or value} {f['unit']}".strip()
    ratio = f"{f['ratio']:.2f} × · " if f["baseline"] and _is_number(f["baseline"]) and f["ratio"] != 1 else ""
    return f"{ratio}{told}{'' if f['met'] else ' ✗'}"


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# ---- plot

WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 860, 420, 60, 50, 20, 280
FONT = 'font-family="sans-serif" font-size="12"'
TICKS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)


def plot(found: Sized) -> str:
    """Milliseconds at the 95th percentile by the number of customers, both on logarithmic scales, as SVG."""
    sizes = sorted(int(size) for size in found)
    low, high = math.log10(min(sizes)), max(math.log10(max(sizes)), math.log10(min(sizes)) + 1)

    def x(size: float) -> float:
        return LEFT + (math.log10(size) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        share = math.log10(min(max(value, TICKS[0]), TICKS[-1])) / math.log10(TICKS[-1])
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {FONT}>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
    ]
    for tick in TICKS:
        parts.append(f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#e5e7eb"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end" fill="#374151">{tick}</text>')
    parts.append(f'<text x="{LEFT}" y="{TOP - 6}" fill="#374151">ms, p95, 8 people at a time</text>')
    for size in sizes:
        text = f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle" fill="#374151">{size:,}</text>'
        parts.append(text)
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 10}" fill="#374151">customers</text>')
    for n, (name, label) in enumerate(PLOTTED.items()):
        parts += _line(found, name, label, n, x, y)
    return "\n".join([*parts, "</svg>\n"])


def _line(found: Sized, name: str, label: str, n: int, x: Any, y: Any) -> Iterator[str]:
    colour, at = COLOURS[n % len(COLOURS)], TOP + 16 + n * 20
    points = [
        (x(int(size)), y(f["value"])) for size in sorted(found, key=int) for f in found[size] if f["name"] == name
    ]
    if not points:
        return
    path = " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
    yield from (f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3" fill="{colour}"/>' for a, b in points)
    yield f'<rect x="{WIDTH - RIGHT + 14}" y="{at - 9}" width="12" height="3" fill="{colour}"/>'
    yield f'<text x="{WIDTH - RIGHT + 32}" y="{at - 3}" fill="#111827">{escape(label)}</text>'
