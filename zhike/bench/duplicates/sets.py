"""Labelled sets of duplicates: rows of texts, the kinds of their fields, and which pairs are the same.

The kinds say what stands in a column, as a declared field of Zhike does; nothing else is told about a set.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

Rows = list[list[str]]
Pairs = set[tuple[int, int]]
Row = dict[str, str]

PERSONS = {
    "given_name": "word", "surname": "word", "street_number": "code", "address_1": "text", "address_2": "text",
    "suburb": "word", "postcode": "code", "state": "group", "date_of_birth": "date", "soc_sec_id": "code",
}  # fmt: skip
PAPERS = {"title": "text", "authors": "person", "venue": "text", "year": "number"}
PRODUCTS = {"name": "text", "description": "text", "price": "number"}
RESTAURANTS = {"name": "firm", "phone_number": "phone", "street": "text"}
SITES = {"Site name": "firm", "Address": "text", "Zip": "code", "Phone": "phone"}
FAKE = {"first_name": "word", "surname": "word", "dob": "date", "city": "word", "email": "mail"}


@dataclass(frozen=True)
class Labelled:
    """One set; `right` is None where doubles stand within one list. `pairs` are those to judge, where only some are."""

    name: str
    kinds: tuple[str, ...]
    left: Rows
    right: Rows | None
    truth: Pairs
    chinese: bool = False
    judged: bool = False  # the n-th row of one list is to be compared with the n-th of the other, and no other


def all_sets(data: Path) -> Iterator[Labelled]:
    """The sets in the folder `duplicates` of the data."""
    folder = data / "duplicates"
    yield from _persons(folder / "febrl")
    yield _linked("dblp_acm", folder / "dblp_acm", ("dblp", "acm"), PAPERS, "%")
    yield _linked("abt_buy", folder / "abt_buy", ("abt", "buy"), PRODUCTS, "|")
    yield _linked("restaurants_oaei", folder / "restaurants_oaei", ("rest1", "rest2"), RESTAURANTS, "|")
    sites = _read(folder / "chicago_early_childhood" / "csv_example_input_with_true_ids.csv")
    yield _single("chicago_early_childhood", sites, SITES, (row["True Id"] for row in sites))
    fake = _read(folder / "splink_fake_1000" / "fake_1000.csv")
    yield _single("splink_fake_1000", fake, FAKE, (row["cluster"] for row in fake))
    pairs = _read(folder / "company_name_pairs" / "test_data.csv")
    same = {(n, n) for n, row in enumerate(pairs) if row["Targets"] == "1"}
    sides = [[[row[side]] for row in pairs] for side in ("Name_x", "Name_y")]
    yield Labelled("company_name_pairs", ("firm",), sides[0], sides[1], same, judged=True)
    han = [n for n, row in enumerate(pairs) if _is_chinese(row["Name_x"] + row["Name_y"])]
    chosen = {(k, k) for k, n in enumerate(han) if (n, n) in same}
    some = [[side[n] for n in han] for side in sides]
    yield Labelled("company_name_pairs, Chinese", ("firm",), some[0], some[1], chosen, chinese=True, judged=True)
    names = _read(folder / "zh_company_variants" / "zh_company_variants.csv")
    made = _single("zh_company_variants", names, {"name": "firm"}, (row["entity_id"] for row in names))
    yield Labelled(made.name, made.kinds, made.left, None, made.truth, chinese=True)


def within(groups: Iterable[Iterable[int]]) -> Pairs:
    """All pairs within groups."""
    return {pair for group in groups for pair in combinations(sorted(group), 2)}


def _is_chinese(text: str) -> bool:
    return any("\u4e00" <= c <= "\u9fff" for c in text) and not any("\u3040" <= c <= "\u30ff" for c in text)


def _persons(folder: Path) -> Iterator[Labelled]:
    left, right = _read(folder / "dataset4a.csv"), _read(folder / "dataset4b.csv")
    place = {_person(row): n for n, row in enumerate(right)}
    truth = {(n, place[_person(row)]) for n, row in enumerate(left)}
    yield Labelled("febrl4", tuple(PERSONS.values()), _chosen(left, PERSONS), _chosen(right, PERSONS), truth)
    rows = _read(folder / "dataset1.csv")
    yield _single("febrl1", rows, PERSONS, map(_person, rows))


def _person(row: Row) -> str:
    return row["rec_id"].split("-")[1]


def _linked(name: str, folder: Path, files: tuple[str, str], kinds: Mapping[str, str], delimiter: str) -> Labelled:
    left, right = (_chosen(_read(folder / f"{file}.csv", delimiter), kinds) for file in files)
    truth = {(int(row["D1"]), int(row["D2"])) for row in _read(folder / "gt.csv", delimiter)}
    return Labelled(name, tuple(kinds.values()), left, right, truth)


def _single(name: str, rows: list[Row], kinds: Mapping[str, str], entities: Iterable[str]) -> Labelled:
    groups: dict[str, list[int]] = defaultdict(list)
    for n, entity in enumerate(entities):
        groups[entity].append(n)
    return Labelled(name, tuple(kinds.values()), _chosen(rows, kinds), None, within(groups.values()))


def _chosen(rows: list[Row], kinds: Mapping[str, str]) -> Rows:
    return [[row[key] for key in kinds] for row in rows]


def _read(path: Path, delimiter: str = ",") -> list[Row]:
    """Rows by the last part of their column's name: some are whole addresses."""
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        return [
            {key.split("#")[-1].strip(): (value or "").strip() for key, value in row.items() if key}
            for row in csv.DictReader(file, delimiter=delimiter)
        ]
