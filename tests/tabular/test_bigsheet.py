"""Long sheets are read a row at a time and say the same as short ones, which the library reads."""

from __future__ import annotations

import datetime as dt
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from zhike.engine.tabular import Limits, TabularError, read

LONG = Limits(held_cells=0)


@pytest.fixture
def book(tmp_path: Path) -> Path:
    """Everything that a cell can be, behind a title, an empty column and empty rows."""
    made = openpyxl.Workbook()
    sheet = made.active
    assert sheet is not None
    sheet.title = "客户"
    sheet["B2"] = "客户一览"
    sheet.append([])
    sheet.append([None, "客户名称", "日期", "时间", "金额", "好", "备注", "地区"])
    moments: list[Any] = [
        dt.date(2024, 3, 1),
        dt.datetime(2024, 2, 29, 9, 30, 15),  # noqa: DTZ001  as a sheet has it
        dt.time(9, 30),
        dt.timedelta(hours=30),
    ]
    for n, moment in enumerate(moments):
        sheet.append(
            [None, f"公司{n} & <Sons>", moment, moment, n * 1.1 or 12345678901234, n % 2 == 0, "一\n二", "华东"]
        )
    sheet.append(
        [None, CellRichText("富", TextBlock(InlineFont(b=True), "文本")), "2024-01-01", "=1+1", -0.5, None, " x "]
    )
    sheet["C12"], sheet["B12"] = "隔了几行", "末"
    sheet.merge_cells("H5:H8")
    sheet["F9"].number_format = "yyyy-mm-dd"
    made.create_sheet("隐藏").sheet_state = "hidden"
    other = made.create_sheet("别的")
    other.append(["姓名", "手机"])
    other.append(["张三", 13800138001])
    path = tmp_path / "book.xlsx"
    made.save(path)
    return path


def everything(path: Path, limits: Limits | None = None, sheet: str | None = None) -> Any:
    with read(path, limits=limits, sheet=sheet) as table:
        return table.headers, table.header_row, table.sheets, table.sheet, list(table.rows()), table.note_counts


def changed(path: Path, change: Callable[[str], str], entry: str = "xl/worksheets/sheet1.xml") -> Path:
    """The book with one of its parts written otherwise."""
    other = path.with_name("other.xlsx")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(other, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            new.writestr(name, change(text.decode("utf-8")) if name == entry else text)
    return other


def prefixed(text: str) -> str:
    text = re.sub(r"<(/?)(?=[a-zA-Z])", r"<\1x:", text)
    return text.replace('xmlns="', 'xmlns:x="', 1)


def test_it_says_what_the_library_says(book: Path) -> None:
    held = everything(book)
    assert everything(book, LONG) == held
    assert (held[3], held[1], len(held[4]), held[5]["merged_filled"]) == ("客户", 4, 6, 1)
    assert everything(book, LONG, "别的") == everything(book, sheet="别的")
    with pytest.raises(TabularError, match="no_such_sheet"):
        read(book, limits=LONG, sheet="没有")


SHAPES: dict[str, Callable[[str], str]] = {
    "prefixes": prefixed,
    "blanks": lambda text: text.replace("<c ", "\n  <c ").replace("</row>", "\n</row>\n"),
    "no places of rows": lambda text: re.sub(r'<row r="(4|5|6|7|8|9)"', "<row", text),
    "attributes turned round": lambda text: re.sub(r'<c (r="\w+")((?: \w+="\w*")+)', r"<c\2 \1", text),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_other_ways_to_write_the_same(shape: str, book: Path) -> None:
    assert everything(changed(book, SHAPES[shape]), LONG)[4] == everything(book)[4]


def test_days_counted_from_1904(book: Path) -> None:
    other = changed(
        book, lambda text: re.sub(r"<workbookPr[^>]*/>", '<workbookPr date1904="1"/>', text), "xl/workbook.xml"
    )
    assert everything(other, LONG)[4] == everything(other)[4]
    assert everything(other, LONG)[4] != everything(book)[4]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text[: len(text) // 2],
        lambda text: '<!DOCTYPE x [<!ENTITY a "b">]>' + text.partition("?>")[2],
        lambda text: text.replace("</v></c>", "</v></d>", 1),
    ],
)
def test_a_broken_sheet_is_told(change: Callable[[str], str], book: Path) -> None:
    with pytest.raises(TabularError):
        everything(changed(book, change), LONG, "客户")
