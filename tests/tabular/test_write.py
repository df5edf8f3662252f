from __future__ import annotations

import csv
import io
import re
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zhike.engine.tabular import Cell, read
from zhike.engine.tabular.delimited import unescape
from zhike.engine.tabular.write import escape, quoted, write_csv, write_xlsx

FORMULAS = [
    "=1+1", "=cmd|' /C calc'!A0", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠SUM",
    "'=1+1", "''=1", " =1+1", "\u3000＝1", "\u200b=1", "\ufeff=1", "\n=1", "﹦1", "﹢1", "﹣1", "﹫A1", "−1+1",
    "\u00a0@A1", "\t-1", '="00123"', "=HYPERLINK(\"http://a.cn\")", "+86 138 0013 8000", "-", "=",
]  # fmt: skip
SPLIT = ["a;=1+1", "x\t=1+1", "甲|@SUM(1)", "a\n=1+1", "a\r\n+1", "a;'=1", "a;-1;=2", '";=1+1;"', "a;\t=1"]
PLAIN = ["张三", "-12.5", "-5", "'引号", "a=b", "1+1", "_x000D_", "多\n行", '带"引号",和逗号', " 前后 "]


@pytest.mark.parametrize("write", [write_csv, write_xlsx])
def test_every_text_comes_back_the_same(write: object, tmp_path: Path) -> None:
    path = tmp_path / "out"
    texts = FORMULAS + SPLIT + PLAIN
    assert write(path, ["姓名", "备注"], ([f"客户{n}", text] for n, text in enumerate(texts))) == len(texts)  # type: ignore[operator]
    with read(path) as table:
        assert table.headers == ["姓名", "备注"]
        assert [cells[1] for _, cells in table.rows()] == texts


def test_no_cell_of_a_csv_can_run(tmp_path: Path) -> None:
    write_csv(tmp_path / "out.csv", ["=姓名"], ([text] for text in FORMULAS))
    data = (tmp_path / "out.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    for line in data.decode("utf-8-sig").split("\r\n"):
        assert line.lstrip('"')[:1] in ("'", "")
    assert [escape(text) for text in ("-12.5", "-5")] == ["-12.5", "-5"]
    assert [escape(text)[0] for text in FORMULAS] == ["'"] * len(FORMULAS)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_no_cell_of_a_csv_can_run_whatever_the_separator(separator: str, tmp_path: Path) -> None:
    texts = FORMULAS + SPLIT
    write_csv(tmp_path / "out.csv", ["=姓名", "备注"], ([f"客户{n}", text] for n, text in enumerate(texts)))
    with (tmp_path / "out.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = [cell for row in csv.reader(file, delimiter=separator) for cell in row]
    assert len(cells) > len(texts)
    assert [cell for cell in cells if re.match(r"\s*[=@＝＠]|[+-]\S", cell)] == []


def test_no_cell_of_a_workbook_is_a_formula(tmp_path: Path) -> None:
    write_xlsx(tmp_path / "out.xlsx", ["姓名"], ([text] for text in FORMULAS))
    with zipfile.ZipFile(tmp_path / "out.xlsx") as archive:
        assert b"<f>" not in archive.read("xl/worksheets/sheet1.xml")


def test_types_come_back_from_a_workbook(tmp_path: Path) -> None:
    row: list[Cell] = [
        "张三", 5, Decimal("5236.92"), True, date(2024, 2, 29), datetime(2024, 2, 29, 9, 30), None,  # noqa: DTZ001
        13800138000, "13800138000", Decimal("12345678901234567.89"),
    ]  # fmt: skip
    write_xlsx(tmp_path / "out.xlsx", [f"列{n}" for n in range(10)], [row, row])
    with read(tmp_path / "out.xlsx") as table:
        assert next(table.rows())[1] == [*row[:9], "12345678901234567.89"]
        assert [type(cell) for cell in next(table.rows())[1]][:6] == [str, int, Decimal, bool, date, datetime]


def test_numbers_of_a_csv_stay_plain(tmp_path: Path) -> None:
    write_csv(tmp_path / "out.csv", ["金额", "日期", "是否"], [[Decimal("-1234567.50"), date(2024, 2, 29), False]])
    assert (tmp_path / "out.csv").read_text("utf-8-sig").splitlines()[1] == "-1234567.50,2024-02-29,FALSE"


@settings(max_examples=500, deadline=None)
@given(st.text() | st.text("';|\t\r\n=+-@＝ a1\u200b"))
def test_unescaping_takes_back_escaping(text: str) -> None:
    field = next(csv.reader(io.StringIO(quoted(text) + ",x", newline=""), strict=True))[0]
    assert unescape(field) == text.replace("\x00", "")
