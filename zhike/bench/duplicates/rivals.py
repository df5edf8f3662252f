"""What others find in the same rows: equal texts, RapidFuzz with one threshold, and Splink as its manual sets it up.

Between two lists all are given the same last step as ours, one row for one row; within one list the better of their
pairs and of the groups that these make.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import combinations
from typing import Any

import numpy as np
from rapidfuzz import fuzz, process, utils

from zhike.base.likeness import learn

from .sets import Labelled, Pairs, Rows, within

Scored = list[tuple[int, int, float]]
THRESHOLD = 85
SCORERS = (fuzz.token_sort_ratio, fuzz.WRatio)
SPLINK_PAIRS = 3_000_000  # what a rule may bring together, above which it is left out


def exact(labelled: Labelled) -> list[Pairs]:
    """Rows whose texts are equal, but for case."""
    left, right = _texts(labelled.left, str.casefold), _texts(labelled.right or [], str.casefold)
    if labelled.judged:
        return [{(n, n) for n, (a, b) in enumerate(zip(left, right, strict=True)) if a == b}]
    return _found(labelled, [(a, b, 1.0) for a, b in _equal(left, right if labelled.right is not None else None)])


def rapidfuzz(labelled: Labelled) -> list[Pairs]:
    """All fields as one text, by either of its usual measures from 85 of 100 on."""
    left, right = _texts(labelled.left, utils.default_process), _texts(labelled.right or [], utils.default_process)
    other = right if labelled.right is not None else left
    found = []
    for scorer in SCORERS:
        if labelled.judged:
            likeness = [scorer(a, b) for a, b in zip(left, other, strict=True)]
            found.append({(n, n) for n, score in enumerate(likeness) if score >= THRESHOLD})
            continue
        scores = process.cdist(left, other, scorer=scorer, score_cutoff=THRESHOLD, workers=-1, dtype=np.float32)
        rows, columns = np.nonzero(scores)
        pairs = [(int(a), int(b), float(scores[a, b])) for a, b in zip(rows, columns, strict=True)]
        found += _found(labelled, pairs if labelled.right is not None else [p for p in pairs if p[0] < p[1]])
    return found


def splink(labelled: Labelled) -> list[Pairs]:
    """Its unsupervised set-up on DuckDB: u from random pairs, m by expectation and maximisation per field, 0.5."""
    scored = _splink(labelled)
    if labelled.judged:
        return [{(a, b) for a, b, _score in scored if a == b}]
    return _found(labelled, scored)


def _texts(rows: Rows, tidy: Callable[[str], str]) -> list[str]:
    return [tidy(" ".join(row)) for row in rows]


def _equal(left: list[str], right: list[str] | None) -> Iterable[tuple[int, int]]:
    places: dict[str, list[int]] = {}
    for n, text in enumerate(left if right is None else right):
        places.setdefault(text, []).append(n)
    if right is None:
        return sorted(within(places.values()))
    return [(n, other) for n, text in enumerate(left) for other in places.get(text, ())]


def _found(labelled: Labelled, scored: Scored) -> list[Pairs]:
    if labelled.right is not None:
        once = learn.each_once([learn.Pair(a, b, score, ()) for a, b, score in scored])
        return [{(pair.left, pair.right) for pair in once}]
    pairs = {(a, b) for a, b, _score in scored}
    return [pairs, grouped(pairs)]


def grouped(pairs: Pairs) -> Pairs:
    """All pairs of the groups that pairs make; of too great ones those pairs alone."""
    groups = learn.groups(pairs)
    return within(g for g in groups if len(g) < 200) | (pairs if any(len(g) >= 200 for g in groups) else set())


# ---- Splink


def _splink(labelled: Labelled) -> Scored:
    import splink as library  # of those who work on Zhike alone

    logging.getLogger("splink").setLevel(logging.CRITICAL)
    keys = [f"f{n}" for n in range(len(labelled.kinds))]
    lists = [labelled.left] if labelled.right is None else [labelled.left, labelled.right]
    rules: list[Any] = [library.block_on(key) for key in _blocking(keys, lists)] or ["1=1"]
    settings = library.SettingsCreator(
        link_type="dedupe_only" if labelled.right is None else "link_only",
        comparisons=_comparisons(labelled.kinds, keys),
        blocking_rules_to_generate_predictions=rules,
        probability_two_random_records_match=0.02 if len(keys) == 1 else 1 / max(len(labelled.left), 10),
    )
    database = library.DuckDBAPI()
    tables = [database.register(_arrow(rows, keys), dataset_display_name=f"d{n}") for n, rows in enumerate(lists)]
    linker = library.Linker(tables if len(tables) > 1 else tables[0], settings, log_level=logging.CRITICAL)
    _train(library, linker, _certain(keys, lists), keys)
    if len(keys) == 1:
        _tell(linker)
    answer = linker.inference.predict(threshold_match_probability=0.5)
    query = f"SELECT unique_id_l, unique_id_r, match_probability FROM {answer.physical_name}"  # noqa: S608
    return [(int(a), int(b), float(p)) for a, b, p in database.duckdb_con.execute(query).fetchall()]


def _certain(keys: list[str], lists: list[Rows]) -> list[tuple[str, ...]]:
    """Pairs of fields in which some rows are equal: without any it would take nothing for the same, and fail."""
    found: list[tuple[str, ...]] = []
    for a, b in combinations(range(len(keys)), 2):
        counts = [Counter((row[a], row[b]) for row in rows if row[a] and row[b]) for rows in lists]
        if any(n > 1 if len(lists) == 1 else counts[1][value] for value, n in counts[0].items()):
            found.append((keys[a], keys[b]))
    return found


def _train(library: Any, linker: Any, certain: list[tuple[str, ...]], keys: list[str]) -> None:
    """What it cannot learn from so little, it leaves at its defaults, as it does by itself."""
    two = [library.block_on(*pair) for pair in certain]
    of_pairs = linker.training.estimate_probability_two_random_records_match
    steps: list[Callable[[], Any]] = [
        *([lambda: of_pairs(two, recall=0.7)] if two else []),
        lambda: linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1),
        *(
            lambda key=key: linker.training.estimate_parameters_using_expectation_maximisation(library.block_on(key))
            for key in keys
            if len(keys) > 1
        ),
    ]
    for step in steps:
        try:
            step()
        except Exception as error:
            logging.getLogger(__name__).debug("splink: %s", error)


def _tell(linker: Any) -> None:
    """What random pairs of few names never show: a level that was never met is as rare as one in ten thousand."""
    for level in linker._settings_obj.comparisons[0].comparison_levels:
        if not level.is_null_level and not isinstance(level._u_probability, float):
            level.u_probability = 1e-4


def _blocking(keys: list[str], lists: list[Rows]) -> list[str]:
    """Equal fields, and equal beginnings, as far as they do not bring everything together."""
    if len(keys) == 1 and len(lists[0]) * len(lists[-1]) <= SPLINK_PAIRS:
        return []
    found = []
    for n, key in enumerate(keys):
        for length, rule in ((None, key), (4, f"substr({key}, 1, 4)"), (2, f"substr({key}, 1, 2)")):
            counts = [Counter(row[n].lower()[:length] for row in rows if row[n]) for rows in lists]
            pairs = sum(counts[0][value] * counts[-1][value] for value in counts[0])
            if pairs <= SPLINK_PAIRS and (length != 2 or len(keys) == 1):
                found.append(rule)
    return found


def _comparisons(kinds: tuple[str, ...], keys: list[str]) -> list[Any]:
    """A single field cannot be learned from: it is told how often the same names are written alike."""
    found = [_comparison(kind, key) for kind, key in zip(kinds, keys, strict=True)]
    return found if len(found) > 1 else [found[0].configure(m_probabilities=[0.4, 0.25, 0.15, 0.1, 0.1])]


def _comparison(kind: str, key: str) -> Any:
    from splink import comparison_library as of

    if kind == "word":
        return of.NameComparison(key)
    if kind == "mail":
        return of.EmailComparison(key)
    if kind in ("code", "phone", "date"):
        return of.DamerauLevenshteinAtThresholds(key, [1, 2])
    if kind in ("number", "group"):
        return of.ExactMatch(key).configure(term_frequency_adjustments=True)
    return of.JaroWinklerAtThresholds(key, [0.95, 0.88, 0.8])


def _arrow(rows: Rows, keys: list[str]) -> Any:
    import pyarrow  # type: ignore[import-untyped]

    columns = {key: pyarrow.array([row[n].lower() or None for row in rows], "string") for n, key in enumerate(keys)}
    return pyarrow.table({"unique_id": pyarrow.array(range(len(rows)), "int64"), **columns})
