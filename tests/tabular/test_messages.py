from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.utils import translation
from django.utils.functional import Promise

import zhike.engine.tabular as package
from zhike.engine.tabular import Note, TabularError
from zhike.engine.tabular.messages import _ERRORS, _NOTES, message, note_message

SOURCES = [path.read_text("utf-8") for path in Path(package.__file__).parent.glob("*.py")]


def codes(pattern: str) -> set[str]:
    return {code for source in SOURCES for code in re.findall(pattern, source)}


def test_every_code_has_a_text() -> None:
    of_the_child = {"too_slow", "too_much_memory", "disk_full", "reader_died"}  # said by zhike.engine.confined
    assert codes(r'(?:TabularError|Failure)\(\s*"(\w+)"') | of_the_child == set(_ERRORS)
    assert codes(r'notes\.add\(\s*"(\w+)"') | codes(r'found\)?, "(row_\w+)"') == set(_NOTES)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TabularError("empty"), "The file is empty. Check that it was saved, and choose it again."),
        (
            TabularError("cell_too_long", row=5, column=2, sheet="客户", size=40000, limit=32767),
            (
                "Sheet 客户, row 5, column C: A cell holds 40000 characters; at most 32767 are allowed. "
                "Shorten it, or close the quotation mark that was left open."
            ),
        ),
        (
            TabularError("file_too_large", size=30 * 1024 * 1024, limit=25 * 1024 * 1024),
            "The file is 30 MB; at most 25 MB can be read. Split it into several files.",
        ),
        (
            TabularError("not_a_table", found="pdf"),
            "This is not a list of rows (a PDF document). Choose a spreadsheet, a csv, JSON, vCard, ics or mail file.",
        ),
        (
            TabularError("only_headers", row=4, sheet="S"),
            "Sheet S: Row 4 holds the headings, but no row follows it. Add at least one row of data.",
        ),
    ],
)
def test_errors_say_what_where_and_what_to_do(error: TabularError, text: str) -> None:
    with translation.override("en"):
        shown = message(error)
        assert isinstance(shown, Promise)
        assert str(shown) == text


def test_notes_name_the_column() -> None:
    with translation.override("en"):
        note = Note("header_blank", 1, 3)
        assert str(note_message(note)) == "The heading of column D is empty; the column is called D."


PARAMS: dict[str, str | int] = {
    "row": 1, "size": 1, "limit": 1, "columns": 1, "cells": 1, "line": 1, "encoding": "x", "found": "ods", "seconds": 1,
}  # fmt: skip
NOTE_PARAMS: dict[str, str | int] = {
    "header": "x", "text": "x", "cells": 1, "expected": 1, "size": 1, "limit": 1, "kind": "x", "name": "x", "count": 1,
    "sheet": "x", "label": "x", "field": "x",
}  # fmt: skip


def test_every_text_can_be_filled() -> None:
    for code in _ERRORS:
        assert "%(" not in str(message(TabularError(code, **PARAMS)))
    for code in _NOTES:
        assert "%(" not in str(note_message(Note(code, 1, 1, NOTE_PARAMS)))
