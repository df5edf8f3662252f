"""The 500 queries of the bench `search` are fixed, and each has one right answer."""

from __future__ import annotations

from collections import Counter

from zhike.base import fold
from zhike.bench import search_queries
from zhike.bench.load_words import GIVEN, PROJECTS, STEMS, SURNAMES, TRADES


def test_there_are_500_and_they_are_always_the_same() -> None:
    wanted, queries = search_queries.draw()
    assert Counter(q.kind for q in queries) == search_queries.SHARES
    assert len(queries) == len(set(queries)) == 500
    assert (wanted, queries) == search_queries.draw()
    names = [w.name for w in wanted]
    assert len(set(names)) == len(names)
    assert {q.name for q in queries} <= set(names)


def test_the_large_firm_uses_none_of_their_signs() -> None:
    used = set("".join((*STEMS, *TRADES, *PROJECTS, *GIVEN, *SURNAMES)))
    assert used & set(search_queries.FIRST + search_queries.SECOND) == set()


def test_what_is_typed_is_not_the_name_where_a_slip_or_another_script_is_meant() -> None:
    _wanted, queries = search_queries.draw()
    slips = [q for q in queries if q.kind == "typo"]
    assert [q for q in slips if fold.fold(q.text) in fold.fold(q.name)] == []
    assert [q for q in queries if q.kind == "traditional" and q.text in q.name] == []
