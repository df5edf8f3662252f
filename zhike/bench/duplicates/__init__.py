"""Duplicates: on labelled sets beside what others find in the same rows, and the finder over a million names.

Ours has the same settings for all sets. The sets need the folder of data; RapidFuzz stands for its two usual measures
at one threshold, of which the better counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from gettext import gettext as _
from pathlib import Path

from zhike.base.likeness import firms, learn
from zhike.bench import Figure, Options, UnknownBench, at_least, figure

from . import planted, rivals, sets, typing
from .sets import Labelled, Pairs

BELOW = 0.02  # of F1, how far ours may be below the best of the others where names are not Chinese
RIVALS: tuple[tuple[str, Callable[[Labelled], list[Pairs]]], ...] = (
    ("exact", rivals.exact), ("RapidFuzz", rivals.rapidfuzz), ("Splink", rivals.splink),
)  # fmt: skip


def run(options: Options) -> list[Figure]:
    """Precision, recall and F1 on every labelled set, then the finder over `rows` names and what a form says."""
    found: list[Figure] = []
    if options.get("data"):
        try:
            import splink  # noqa: F401
        except ImportError as error:
            text = _("The bench duplicates compares with Splink, which only those have who work on Zhike: make dev.")
            raise UnknownBench(text) from error
        for labelled in sets.all_sets(Path(options["data"])):
            found += _measured(labelled)
    if not options.get("data") or options.get("rows"):
        found += planted.run(options)
        found += typing.run(options)
    return found


def ours(labelled: Labelled) -> Pairs:
    """What Zhike finds: pairs, and within one list the groups that they make, as people are shown them."""
    if labelled.judged:
        pairs = zip(labelled.left, labelled.right or (), strict=True)
        return {(n, n) for n, (a, b) in enumerate(pairs) if firms.similarity(a[0], b[0])[0] >= firms.ALIKE}
    found = {(p.left, p.right) for p in learn.same(labelled.kinds, labelled.left, labelled.right)}
    return rivals.grouped(found) if labelled.right is None else found


def scores(found: Pairs, truth: Pairs) -> tuple[float, float, float]:
    """Precision, recall and F1 of pairs."""
    hits = len(found & truth)
    precision, recall = hits / max(len(found), 1), hits / max(len(truth), 1)
    return precision, recall, 2 * hits / max(len(found) + len(truth), 1)


def _measured(labelled: Labelled) -> Iterator[Figure]:
    precision, recall, f1 = scores(ours(labelled), labelled.truth)
    best = 0.0
    told = []
    for name, find in RIVALS:
        other = max((scores(pairs, labelled.truth) for pairs in find(labelled)), key=lambda s: s[2])
        best = max(best, other[2])
        told += [
            figure(f"{labelled.name}: {name}, {what}", value, "", mine)
            for what, value, mine in zip(("precision", "recall", "F1"), other, (precision, recall, f1), strict=True)
        ]
    goal = best + 1e-9 if labelled.chinese else best - BELOW
    yield at_least(f"{labelled.name}: F1", f1, "", best, goal)
    yield figure(f"{labelled.name}: precision", precision, "", 0)
    yield figure(f"{labelled.name}: recall", recall, "", 0)
    yield from told
