"""Files that other programs wrote: none may crash the reader."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import pytest

from zhike.engine.tabular import TabularError, read
from zhike.engine.tabular.encoding import detect


@dataclass
class Loaded:
    rows: list[list[str]]
    clean: list[list[str]]
    notes: set[str]


# Pollock files that do not load equal to their clean version, and why.
POLLOCK_OTHER = {
    "file_escape_char_0x00.csv": "the NUL signs are lost in the copy at hand",
    "file_field_delimiter_0x20.csv": "blanks separate cells and stand in them, unquoted",
    "row_field_delimiter_27_0x20.csv": "the same, in one row",
    "file_multitable_same.csv": "the clean version drops the second table; ours reads on below the same headings",
    "file_quotation_char_0x27.csv": "a doubled double quote that was meant stands in one cell",
}


@pytest.fixture(scope="module")
def pollock(native: Path) -> dict[str, Loaded]:
    """What each Pollock file was read as, beside its clean version."""
    folder = native / "csv" / "pollock_polluted"
    return {path.name: loaded(path, folder / "clean" / path.name) for path in (folder / "csv").glob("*.csv")}


def loaded(path: Path, clean: Path) -> Loaded:
    with clean.open(encoding="utf-8", newline="") as file:
        expected = list(csv.reader(file))
    try:
        with read(path) as table:
            rows = [["" if cell is None else str(cell) for cell in cells] for _, cells in table.rows()]
            rows = [table.headers, *rows] if table.header_row else rows
            return Loaded(cut(rows), cut(expected), set(table.note_counts))
    except TabularError as error:
        # A file of headings alone is refused, and its clean version holds no row either.
        rows = expected if error.code == "only_headers" and len(expected) == 1 else []
        return Loaded(cut(rows), cut(expected), {error.code})


def cut(rows: list[list[str]]) -> list[list[str]]:
    """Rows without the columns at the right end that hold nothing at all."""
    width = max((place + 1 for row in rows for place, cell in enumerate(row) if cell), default=0)
    return [row[:width] for row in rows]


def test_pollock_files_load_like_their_clean_version(pollock: dict[str, Loaded]) -> None:
    different = {name for name, one in pollock.items() if one.rows != one.clean}
    lost_separator = {name for name in different if name.startswith("row_less_sep_")}
    assert different - lost_separator == set(POLLOCK_OTHER)
    assert len(lost_separator) == 9
    assert (len(pollock), len(pollock) - len(different)) == (77, 63)


def test_pollock_rows_that_stay_wrong_are_noted(pollock: dict[str, Loaded]) -> None:
    silent = {name for name, one in pollock.items() if one.rows != one.clean and not one.notes}
    # A comma inside unquoted text makes up for the separator that is missing.
    assert silent == {"row_less_sep_row18_col5.csv"}


@pytest.mark.parametrize("script", ["Big5", "GB2312"])
def test_encodings_are_found(script: str, native: Path) -> None:
    expected = {"Big5": {"cp950"}, "GB2312": {"gb18030"}}[script]
    files = sorted((native / "encodings" / script).iterdir())
    assert len(files) == {"Big5": 13, "GB2312": 9}[script]
    assert {detect(path) for path in files} == expected


def outcome(path: Path) -> str | int:
    try:
        with read(path) as table:
            return len(list(table.rows()))
    except TabularError as error:
        return error.code


def test_workbooks(native: Path) -> None:
    found = {path.name: outcome(path) for path in sorted((native / "xls").glob("*/*")) if path.suffix != ".md"}
    found |= {"hubspot-deals.xlsx": outcome(native / "csv" / "hubspot_public_test" / "hubspot-deals.xlsx")}
    assert found == {
        "formula_test_names.xls": 7,
        "hubspot-deals.xlsx": 4,
        "invalid_formula.xls": "no_rows",
        "issue20.xls": 6,
        "picture_in_cell.xls": "no_rows",
        "profiles.xls": 14,
        "ragged.xls": 4,
        "sample.xlsx": "no_rows",
        "sample.zip": "not_a_table",
        "user.xlsx": 1,
        "user1.xlsx": 1,
        "user_import_cn.xlsx": "only_headers",
        "xf_class.xls": 5,
    }


def test_vcards_of_many_programs(native: Path) -> None:
    found = {path.name: outcome(path) for path in sorted((native / "vcard" / "ez-vcard").glob("*.vcf"))}
    text = {
        path.name: path.read_bytes().upper().count(b"BEGIN:VCARD")
        for path in (native / "vcard" / "ez-vcard").glob("*.vcf")
    }
    assert found == text
    with read(native / "vcard" / "ez-vcard" / "John_Doe_IPHONE.vcf") as table:
        card = dict(zip(table.headers, next(table.rows())[1], strict=True))
    assert (card["Full Name"], card["Mobile"], card["Email"]) == (
        "Mr. John Richter James Doe Sr.", "905-555-1234", "john.doe@ibm.com",
    )  # fmt: skip
    assert (card["Company"], card["Department"], card["Job Title"]) == ("IBM", "Accounting", "Money Counter")


def test_a_record_cut_in_the_middle_of_a_quote(native: Path) -> None:
    folder = native.parent / "service" / "cfpb_complaints_sample"
    path = max(folder.glob("*.csv"), key=lambda path: path.stat().st_size)
    with read(path) as table:
        assert table.row_count == 2067
        assert [(note.code, note.row) for note in table.notes] == [("record_cut", 2069)]
