"""Every hostile or broken file ends in a message or a table, soon and within bounds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.tabular import hostile
from zhike.engine.tabular import Limits, TabularError, read
from zhike.engine.tabular.messages import _ERRORS

MiB = 1024 * 1024
ROOT = Path(__file__).resolve().parents[2]
# What the family is, how it is made, and the code it must end in (a number: rows read).
CASES: dict[str, tuple[Callable[[Path], Path], str | int]] = {
    "far cell": (hostile.far_cell, "too_many_columns"),
    "far dimension": (hostile.far_dimension, 2),
    "sparse": (hostile.sparse, "too_many_cells"),
    "cell of 200 MB": (lambda path: hostile.long_cell(path, 200 * MiB), "cell_too_long"),
    "cell of 10 MB": (lambda path: hostile.long_cell(path, 10 * MiB), "cell_too_long"),
    "1,048,576 filled rows": (lambda path: hostile.many_rows(path, 1_048_576), 1_048_576),
    "1,060,000 filled rows": (lambda path: hostile.many_rows(path, 1_060_000), "too_many_rows"),
    "1,048,576 painted rows": (lambda path: hostile.many_rows(path, 1_048_576, filled=False), "no_rows"),
    "2,000,000 unnumbered rows": (lambda path: hostile.many_rows(path, 2_000_000, numbered=False), "zip_bomb"),
    "entries": (lambda path: hostile.many_entries(path, 2_100), "zip_bomb"),
    "media bomb": (lambda path: hostile.media_bomb(path, 300 * MiB), "zip_bomb"),
    "lying sizes": (lambda path: hostile.lying_sizes(path, 300 * MiB), "zip_bomb"),
    "small lie": (lambda path: hostile.lying_sizes(path, 1 * MiB), "broken"),
    "overlap": (lambda path: hostile.overlapping(path, 500), "zip_bomb"),
    "encrypted": (hostile.encrypted, "password"),
}
MEASURE = """
import json, resource, sys, time
from zhike.engine.tabular import TabularError, read
start = time.monotonic()
try:
    with read(sys.argv[1]) as table:
        outcome = len(list(table.rows()))
except TabularError as error:
    outcome = error.code
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([outcome, peak, time.monotonic() - start]))
"""


def measured(path: Path) -> tuple[str | int, int, float]:
    """Outcome, greatest memory of the reading child in bytes, seconds."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path)],
        capture_output=True, check=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    outcome, peak, seconds = json.loads(done.stdout)
    return outcome, peak, seconds


@pytest.mark.parametrize("case", CASES)
def test_hostile_workbooks(case: str, tmp_path: Path) -> None:
    make, expected = CASES[case]
    outcome, peak, seconds = measured(make(tmp_path / "hostile.xlsx"))
    assert outcome == expected
    assert peak <= 300 * MiB
    assert seconds <= (60 if isinstance(outcome, int) and outcome > 1_000_000 else 10)  # a million rows are no attack


def test_entities_are_not_followed(tmp_path: Path) -> None:
    outcome, peak, seconds = measured(hostile.entities(tmp_path / "entities.xlsx"))
    assert outcome in ("broken", "no_rows", "only_headers", 1)
    assert peak <= 300 * MiB
    assert seconds <= 10
    if outcome == 1:
        with read(tmp_path / "entities.xlsx") as table:
            assert "root:" not in str([table.headers, *table.rows()])


def code_of(path: Path, *, limits: Limits | None = None, name: str | None = None) -> str:
    with pytest.raises(TabularError) as caught:
        read(path, limits=limits, name=name)
    assert "Error" not in str(caught.value.params.get("detail", ""))
    return caught.value.code


def test_a_workbook_cut_anywhere(tmp_path: Path) -> None:
    whole = hostile.workbook(
        tmp_path / "whole.xlsx", [["姓名", "手机"], *([f"张{n}", n] for n in range(500))]
    ).read_bytes()
    cut = tmp_path / "cut.xlsx"
    codes = set()
    for part in range(1, 10):
        cut.write_bytes(whole[: len(whole) * part // 10])
        codes.add(code_of(cut))
    assert codes == {"broken"}


def test_an_old_workbook_with_a_password(native: Path, tmp_path: Path) -> None:
    """The record after the first one is turned into FILEPASS, as encryption would put it there."""
    data = bytearray((native / "xls" / "xlrd" / "ragged.xls").read_bytes())
    begin = data.find(b"\x09\x08\x10\x00\x00\x06")
    record = begin + 4 + 16
    data[record : record + 2] = b"\x2f\x00"
    data[record + 4 : record + 6] = b"\x01\x00"
    path = tmp_path / "old.xls"
    path.write_bytes(data)
    assert code_of(path) == "password"


def test_a_workbook_with_damaged_bytes(tmp_path: Path) -> None:
    path = hostile.workbook(tmp_path / "whole.xlsx", [["姓名", "手机"], *([f"张{n}", n] for n in range(500))])
    data = bytearray(path.read_bytes())
    start = data.find(b"xl/worksheets/sheet1.xml") + 40
    data[start : start + 200] = bytes(200)
    path.write_bytes(data)
    assert code_of(path) == "broken"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty"),
        (b"\x00" * 3000, "empty"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj", "not_a_table"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "not_a_table"),
        (b"Rar!\x1a\x07\x00" + b"\x00" * 50, "not_a_table"),
        (bytes(range(256)) * 20, "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600 + "WordDocument".encode("utf-16-le"), "not_a_table"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\x00" * 600 + "Workbook".encode("utf-16-le"), "broken"),
        ("姓名,手机\r\n".encode(), "only_headers"),
        (b",,,\r\n,,\r\n", "no_rows"),
        (b"BEGIN:VCARD\r\nEND:VCARD\r\n", "no_records"),
    ],
)  # fmt: skip
def test_files_without_rows(content: bytes, code: str, tmp_path: Path) -> None:
    path = tmp_path / "file.xlsx"
    path.write_bytes(content)
    assert code_of(path) == code


def test_a_workbook_under_another_name_and_a_text_under_the_name_of_a_workbook(tmp_path: Path) -> None:
    hostile.workbook(tmp_path / "book.xlsx", [["姓名", "手机"], ["张三", 1]]).rename(tmp_path / "list.csv")
    (tmp_path / "text.xls").write_text("姓名\t手机\n张三\t1\n", encoding="gbk")
    (tmp_path / "page.xls").write_text(
        "<html><meta charset=utf-8><table><tr><th>姓名<th>手机</tr><tr><td>张三</td><td>1</td></tr></table></html>",
        encoding="utf-8",
    )
    for name, kind in (("list.csv", "xlsx"), ("text.xls", "csv"), ("page.xls", "html")):
        with read(tmp_path / name) as table:
            assert (table.kind, table.headers) == (kind, ["姓名", "手机"])
            assert [str(cell) for cell in next(table.rows())[1]] == ["张三", "1"]
            assert table.note_counts == {"other_kind": 1}


def test_undecodable_bytes_name_the_line(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    lines = [f"客户{number},备注\n".encode() for number in range(9_000)]
    lines[7_000] = b"\xff\xfe\xff\x81\n"
    path.write_bytes(b"".join(lines))
    with pytest.raises(TabularError) as caught:
        read(path)
    assert (caught.value.code, caught.value.params) == ("undecodable", {"line": 7001, "encoding": "UTF-8"})


def test_a_text_cell_of_10_mb(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("姓名,备注\n张三," + "长" * (10 * MiB // 3) + "\n李四,短\n", encoding="utf-8")
    outcome, peak, seconds = measured(path)
    assert (outcome, peak <= 300 * MiB, seconds <= 10) == (2, True, True)
    with read(path) as table:
        assert {row: [note.code for note in notes] for row, notes in table.refused_rows().items()} == {
            2: ["cell_too_long"]
        }
    path.write_text('姓名,备注\n张三,"' + "很长的一行\n" * 900_000 + '"\n', encoding="utf-8")
    with pytest.raises(TabularError) as caught:
        read(path)
    assert (caught.value.code, caught.value.params["row"]) == ("cell_too_long", 2)


def test_twenty_thousand_columns(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("\n".join(",".join(f"列{n}" for n in range(20_000)) for _ in range(3)), encoding="utf-8")
    assert code_of(path) == "too_many_columns"


def test_limits_on_rows_and_size(tmp_path: Path, settings: Any) -> None:
    assert (2_000_000, 1024 * MiB) == (settings.IMPORT_ROWS, settings.IMPORT_BYTES)
    settings.IMPORT_ROWS = 200_000
    path = tmp_path / "list.csv"
    path.write_text("姓名\n" + "张三\n" * 200_001, encoding="utf-8")
    assert code_of(path) == "too_many_rows"
    path.write_text("姓名\n" + "张三\n" * 200_000, encoding="utf-8")
    with read(path) as table:
        assert table.row_count == 200_000
    assert code_of(path, limits=Limits(file_bytes=1000)) == "file_too_large"


def test_a_slow_child_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("姓名,手机\n" + "张三,13800000000\n" * 150_000, encoding="utf-8")
    start = time.monotonic()
    assert code_of(path, limits=Limits(seconds=0.15, seconds_per_mib=0)) == "too_slow"
    assert time.monotonic() - start < 5


def test_too_little_memory_is_told(tmp_path: Path) -> None:
    path = hostile.workbook(tmp_path / "book.xlsx", [["姓名", "手机"], *([f"张{n}" * 20, n] for n in range(60_000))])
    small = Limits(memory_bytes=40 * MiB, memory_ceiling=41 * MiB)
    assert code_of(path, limits=small) == "too_much_memory"


def test_a_full_disk_is_told() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full here")
    with pytest.raises(TabularError) as caught:
        read(ROOT / "pyproject.toml", spool=full)
    assert caught.value.code == "disk_full"


def test_the_child_gets_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from zhike.engine.confined import environment

    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    monkeypatch.setenv("ZHIKE_SECRET_KEY", "secret")
    assert "secret" not in str(environment())


def test_nul_bytes_and_control_signs(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("姓名,手机\n张\x00三,138\n李四,139\n".encode())
    with read(path) as table:
        assert [cells for _, cells in table.rows()] == [["张三", "138"], ["李四", "139"]]
        assert [(note.code, note.row) for note in table.notes] == [("nul_removed", 2)]


def test_temporary_rows_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "rows"))
    (tmp_path / "rows").mkdir()
    (tmp_path / "list.csv").write_text("姓名,手机\n张三,1\n", encoding="utf-8")
    with read(tmp_path / "list.csv"):
        assert len(list((tmp_path / "rows").iterdir())) == 1
    assert list((tmp_path / "rows").iterdir()) == []
    (tmp_path / "list.csv").write_text("", encoding="utf-8")
    assert code_of(tmp_path / "list.csv") == "empty"
    (tmp_path / "list.csv").write_text("姓名,手机\n", encoding="utf-8")
    assert code_of(tmp_path / "list.csv") == "only_headers"
    assert list((tmp_path / "rows").iterdir()) == []


HARD_TEXTS = {
    "every line opens a quote": "姓名,手机\n" + '"张三,138\n' * 200_000,
    "one quote opens and none closes": "姓名,手机\n" + '张三,"138\n' + "李四,139\n" * 200_000,
    "quotes without separators": "姓名,手机\n" + '"a"b' * 500_000 + "\n",
    "a card with a huge head": "BEGIN:VCARD\nTEL" + ";X=1" * 500_000 + ":138\nFN:张三\nEND:VCARD\n",
    "a card with a huge folded line": "BEGIN:VCARD\nFN:张三\nPHOTO;ENCODING=b:/9j/\n"
    + (" " + "A" * 74 + "\n") * 200_000,
    "cards inside cards": "BEGIN:VCARD\n" * 300_000,
    "a page of open tags": "<html><table>" + "<td>" * 500_000,
    "a page of open comments": "<html><table><tr><td>a" + "<!--" * 200_000,
    "separators only": ",;|\t" * 1_000_000,
    "blank lines": "姓名,手机\n" + "\n" * 2_000_000 + "张三,1\n",
}


@pytest.mark.parametrize("case", HARD_TEXTS)
def test_texts_made_to_be_slow(case: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(HARD_TEXTS[case], encoding="utf-8")
    outcome, peak, seconds = measured(path)
    assert outcome != "reader_died"
    assert outcome != "broken"
    assert peak <= 300 * MiB
    assert seconds <= 10


@pytest.mark.long
@pytest.mark.parametrize("seed", range(400))
def test_files_damaged_at_random(seed: int, tmp_path: Path, native: Path) -> None:
    random = Random(seed)
    files = [
        *sorted((native / "xls").glob("*/*.xls*")),
        native / "derived_zh_customers" / "customers.xlsx",
        native / "derived_zh_customers" / "customers_gbk_tab.txt",
        *sorted((native / "vcard" / "ez-vcard").glob("*.vcf")),
    ]
    data = bytearray(random.choice(files).read_bytes())
    for _ in range(random.choice((1, 10, 100))):
        data[random.randrange(len(data))] = random.randrange(256)
    path = tmp_path / "damaged"
    path.write_bytes(data[: random.choice((len(data), random.randrange(1, len(data))))])
    start = time.monotonic()
    outcome = outcome_of(path)
    assert isinstance(outcome, int) or outcome in _ERRORS
    assert time.monotonic() - start < 15


def outcome_of(path: Path) -> int | str:
    """Rows read, the code of the error, or the text of a fault of the reader itself."""
    try:
        with read(path) as table:
            count = len(list(table.rows()))
            return count if count == table.row_count else "rows lost"
    except TabularError as error:
        faults = [
            kind for kind in ("Type", "Key", "Index", "Attribute", "Value") if f"{kind}Error" in str(error.params)
        ]
        return f"fault {error.params}" if faults else error.code
