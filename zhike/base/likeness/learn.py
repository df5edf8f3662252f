"""Which of many records are the same, with weights learned from the records themselves.

Candidates share rare pieces of their values. How much a likeness of each field says is learned from the candidates by
expectation and maximisation (Fellegi and Sunter 1969, Winkler 1988): nothing is labelled, and nothing is told about a
set of data but the kinds of its fields. A single field has nothing to be learned from: its own measure decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from . import firms, values

Array = NDArray[np.float64]
STEPS = (0.999, 0.9, 0.8, 0.65, 0.5, 0.35, 0.2)  # likenesses from which on a level begins
LEVELS = len(STEPS) + 1
NEAREST = 25  # candidates of one record
ROUNDS = 60
SURE = 0.5
_COMMON = 0.08  # pieces in more than this share of the records lead to nobody
_PRIOR = 2.0  # pairs that every level is given of what is believed beforehand


@dataclass(frozen=True)
class Pair:
    """Two rows (of two lists: one of each), how likely they are the same, and the likeness of each field."""

    left: int
    right: int
    score: float
    fields: tuple[float | None, ...]


@dataclass(frozen=True)
class Table:
    """Rows of prepared values with the kinds of their fields and what is rare in each."""

    kinds: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    rare: tuple[values.Weights, ...]

    def compare(self, left: int, right: int) -> tuple[float | None, ...]:
        """The likeness of each field, None where one of the two says nothing."""
        a, b = self.rows[left], self.rows[right]
        return tuple(
            values.compare(kind, x, y, rare) if x and y else None
            for kind, x, y, rare in zip(self.kinds, a, b, self.rare, strict=True)
        )


def table(kinds: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Prepare rows of texts; ValueError for a kind that is not known."""
    if unknown := set(kinds) - set(values.KINDS):
        raise ValueError(f"kinds of values: {sorted(unknown)}")
    made = tuple(tuple(values.prepare(k, v) for k, v in zip(kinds, row, strict=True)) for row in rows)
    rare = tuple(values.weights(k, column) for k, column in zip(kinds, zip(*made, strict=True), strict=True))
    return Table(tuple(kinds), made, rare)


def same(
    kinds: Sequence[str], left: Sequence[Sequence[str]], right: Sequence[Sequence[str]] | None = None
) -> list[Pair]:
    """Pairs that are more likely the same than not: within one list, or between two lists that have no doubles.

    Between two lists each row is taken for one row at most, the most likely.
    """
    known = table(kinds, [*left, *(right or ())])
    border = len(left) if right is not None else 0
    pairs = candidates(known, border)
    seen = [known.compare(a, b) for a, b in pairs]
    scores = judge(known, pairs, seen)
    found = [Pair(a, b, s, f) for (a, b), s, f in zip(pairs, scores, seen, strict=True) if s >= SURE]
    return [Pair(p.left, p.right - border, p.score, p.fields) for p in each_once(found)] if border else found


def each_once(pairs: Sequence[Pair]) -> list[Pair]:
    """The most likely pairs, such that no row stands in two."""
    left: set[int] = set()
    right: set[int] = set()
    found = []
    for pair in sorted(pairs, key=lambda p: -p.score):
        if pair.left not in left and pair.right not in right:
            left.add(pair.left)
            right.add(pair.right)
            found.append(pair)
    return found


def groups(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Rows that pairs lead from one to another, each group sorted."""
    above: dict[int, int] = {}

    def top(row: int) -> int:
        while above.setdefault(row, row) != row:
            above[row] = row = above[above[row]]
        return row

    for a, b in pairs:
        above[top(a)] = top(b)
    found: dict[int, list[int]] = defaultdict(list)
    for row in sorted(above):
        found[top(row)].append(row)
    return list(found.values())


# ---- candidates


def candidates(known: Table, border: int = 0) -> list[tuple[int, int]]:
    """Pairs that share the most of what is rare, at most NEAREST of a row; with a border, only across it."""
    postings = _postings(known)
    count = len(known.rows)
    weight = {piece: log(count / len(rows)) for piece, rows in postings.items()}
    of_row: dict[int, list[str]] = defaultdict(list)
    for piece, rows in postings.items():
        for row in rows:
            of_row[int(row)].append(piece)
    found: set[tuple[int, int]] = set()
    for row in range(border or count):
        for other in _nearest(row, of_row[row], postings, weight, count, border):
            found.add((row, other) if row < other else (other, row))
    return sorted(found)


def _postings(known: Table) -> dict[str, NDArray[np.int32]]:
    rows: dict[str, list[int]] = defaultdict(list)
    for n, row in enumerate(known.rows):
        for piece in {piece for f, value in enumerate(row) for piece in _pieces(known.kinds[f], f, value)}:
            rows[piece].append(n)
    most = max(30, _COMMON * len(known.rows))
    return {piece: np.array(found, np.int32) for piece, found in rows.items() if 1 < len(found) <= most}


def _pieces(kind: str, field: int, value: str) -> Iterator[str]:
    """What of a value leads to others: three letters that follow one another, whole words, and the whole."""
    if not value:
        return
    if kind == "firm":
        firm = firms.parse(value)
        value = firm.core
    yield f"{field}={value}"
    for word in values.words(value):
        yield f"{field}:{word}"
        padded = f" {word} "
        yield from (f"{field}~{padded[n : n + 3]}" for n in range(len(padded) - 2))


def _nearest(
    row: int,
    pieces: Sequence[str],
    postings: dict[str, NDArray[np.int32]],
    weight: dict[str, float],
    count: int,
    border: int,
) -> Iterator[int]:
    if not pieces:
        return
    rows = [postings[piece] for piece in pieces]
    heavy = np.repeat([weight[piece] for piece in pieces], [len(r) for r in rows])
    score = np.bincount(np.concatenate(rows), heavy, count)
    score[row] = 0
    score[:border] = 0
    best = np.argpartition(score, -NEAREST)[-NEAREST:] if count > NEAREST else np.arange(count)
    yield from (int(n) for n in best if score[n] > 0)


# ---- what a likeness says


def judge(known: Table, pairs: Sequence[tuple[int, int]], seen: Sequence[tuple[float | None, ...]]) -> list[float]:
    """How likely each pair is the same."""
    if len(known.kinds) == 1:
        return [_alone(found[0]) for found in seen]
    if not pairs:
        return []
    levels = np.array([[_level(s) for s in found] for found in seen])
    common = _commonness(known, pairs, levels)
    return [float(s) for s in _learn(levels, _believed(seen), common)]


def _alone(score: float | None) -> float:
    """A likeness as a probability: one half where names are taken for the same."""
    return 0.0 if score is None else score / firms.ALIKE * SURE if score < firms.ALIKE else 0.5 + score / 2 - 0.4


def _level(score: float | None) -> int:
    """0 for the same to LEVELS - 1 for another, -1 for nothing said."""
    return -1 if score is None else next((n for n, step in enumerate(STEPS) if score >= step), LEVELS - 1)


def _believed(seen: Sequence[tuple[float | None, ...]]) -> Array:
    """A first belief: fields that are there are alike on the whole."""
    mean = np.array([np.mean([s for s in found if s is not None] or [0.0]) for found in seen])
    said = np.array([sum(s is not None for s in found) for found in seen])
    return np.asarray(1 / (1 + np.exp(-14 * (mean - 0.72))) * np.minimum(1, 0.4 + 0.3 * said))


def _commonness(known: Table, pairs: Sequence[tuple[int, int]], levels: NDArray[np.int64]) -> Array:
    """What equal values say more or less than equal values on average: a rare one says more."""
    found = np.zeros(levels.shape)
    for f, rare in enumerate(known.rare):
        usual = log(sum(n * n for n in rare.wholes.values()) / max(1, rare.rows) ** 2 or 1.0)
        for n in np.flatnonzero(levels[:, f] == 0):
            value = known.rows[pairs[int(n)][0]][f]
            found[n, f] = np.clip(usual - log(rare.wholes.get(value, 1) / rare.rows), -2.5, 1.5)
    return found


def _learn(levels: NDArray[np.int64], belief: Array, common: Array) -> Array:
    """Expectation and maximisation over the pairs, begun with a first belief."""
    for _round in range(ROUNDS):
        share = np.clip(belief.mean(), 1e-4, 0.9)
        odds = np.full(len(belief), np.log(share / (1 - share)))
        for f in range(levels.shape[1]):
            column = levels[:, f]
            said = column >= 0
            odds[said] += _evidence(column[said], belief[said])[column[said]] + common[said, f]
        after = 1 / (1 + np.exp(-np.clip(odds, -50, 50)))
        if np.abs(after - belief).max() < 1e-4:
            return np.asarray(after)
        belief = after
    return belief


def _evidence(column: NDArray[np.int64], belief: Array) -> Array:
    """The logarithm of how much more often each level stands among the same than among others; it never rises."""
    yes = np.bincount(column, belief, LEVELS)
    no = np.bincount(column, 1 - belief, LEVELS)
    prior = np.linspace(1, 0.05, LEVELS)
    yes, no = yes + _PRIOR * prior / prior.sum(), no + _PRIOR * prior[::-1] / prior.sum()
    yes, no = yes / yes.sum(), no / no.sum()
    blocks: list[list[float]] = []  # pool adjacent levels that are in the wrong order
    for m, u in zip(yes, no, strict=True):
        blocks.append([m, u, 1])
        while len(blocks) > 1 and blocks[-1][0] * blocks[-2][1] > blocks[-2][0] * blocks[-1][1]:
            m2, u2, n2 = blocks.pop()
            blocks[-1] = [blocks[-1][0] + m2, blocks[-1][1] + u2, blocks[-1][2] + n2]
    return np.concatenate([np.full(int(n), np.log(m / u)) for m, u, n in blocks])
