"""JSON, OpenDocument, calendars and mails: what is read of them, and what hostile ones come to."""

from __future__ import annotations

import json
import zipfile
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from zhike.engine.tabular import Limits, Table, TabularError, read

CHINA = timezone(timedelta(hours=8))


def rows_of(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.headers, cells, strict=True)) for _row, cells in table.rows()]


def loaded(path: Path, content: str | bytes, **kwargs: Any) -> tuple[list[dict[str, Any]], Table]:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    table = read(path, **kwargs)
    return rows_of(table), table


def code(path: Path, content: str | bytes, **kwargs: Any) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(TabularError) as caught:
        read(path, **kwargs)
    return caught.value.code


# ---- JSON


@pytest.mark.parametrize("array", [False, True])
def test_objects_of_json(array: bool, tmp_path: Path) -> None:
    objects = [
        '{"name": "华为", "amount": 12345678901234567890.10, "at": {"city": "深圳", "no": 7}, "tags": ["a", "b"]}',
        '{"name": "中兴 ]}, \\"Inc\\"", "ok": true, "people": [{"n": 1}], "amount": null}',
    ]
    text = "[" + ",\n".join(objects) + "]" if array else "\n".join(objects) + "\n"
    rows, table = loaded(tmp_path / "a.json", text)
    assert table.kind == "json"
    assert rows[0] == {
        "name": "华为", "amount": Decimal("12345678901234567890.10"), "at.city": "深圳", "at.no": 7, "tags": "a; b",
        "ok": None, "people": None,
    }  # fmt: skip
    assert (rows[1]["name"], rows[1]["ok"], rows[1]["people"]) == ('中兴 ]}, "Inc"', True, '[{"n": 1}]')


@pytest.mark.parametrize("array", [False, True])
def test_json_cut_off_and_broken(array: bool, tmp_path: Path) -> None:
    parts = ['{"a": 1}', '{"a": nonsense}', '{"a": 3}', '{"a": "cut off in the mid']
    text = ("[" + ",".join(parts)) if array else "\n".join(parts)
    rows, table = loaded(tmp_path / "a.json", text)
    assert [row["a"] for row in rows] == [1, 3]
    assert [(note.code, note.row) for note in table.notes] == [("json_broken", 2), ("record_cut", 4)]


def test_json_with_keys_twice_and_numbers_too_long(tmp_path: Path) -> None:
    rows, table = loaded(tmp_path / "a.jsonl", '{"a": 1, "a": 2, "n": ' + "9" * 5000 + ', "e": 1e999999, "x": NaN}\n')
    assert (rows[0]["a"], rows[0]["n"], rows[0]["e"], rows[0]["x"]) == (1, "9" * 5000, "1e999999", "NaN")
    assert table.note_counts == {"key_again": 1}


def test_hostile_json(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert code(path, '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}") == "too_deep"
    assert code(path, '[{"a": ' + '{"a": ' * 100_000) == "too_deep"
    assert code(path, '{"a": "' + "x" * 9_000_000 + '"}') == "line_too_long"
    assert code(path, '[{"a": "' + "x" * 9_000_000 + '"}]') == "line_too_long"
    assert code(path, json.dumps({f"k{n}": n for n in range(400)})) == "too_many_columns"
    assert code(path, '{"a": 1}\n' * 20, limits=Limits(rows=10)) == "too_many_rows"
    rows, table = loaded(path, '{"a": "x\x00y"}\n{"b": "[{\\\\"}\n{"a": "z"}')
    assert [row["a"] for row in rows] == ["xy", None, "z"]
    assert table.note_counts == {}


# ---- OpenDocument

HEAD = (
    '<?xml version="1.0"?><office:document-content xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"><office:body><office:spreadsheet>'
)
TAIL = "</office:spreadsheet></office:body></office:document-content>"


def cell(text: str, repeat: int = 1) -> str:
    more = f' table:number-columns-repeated="{repeat}"' if repeat > 1 else ""
    return f'<table:table-cell office:value-type="string"{more}><text:p>{text}</text:p></table:table-cell>'


def ods(path: Path, *rows: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet", zipfile.ZIP_STORED)
        archive.writestr("content.xml", f'{HEAD}<table:table table:name="客户">{"".join(rows)}</table:table>{TAIL}')
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
    return path


def row(*cells: str, repeat: int = 1) -> str:
    more = f' table:number-rows-repeated="{repeat}"' if repeat > 1 else ""
    return f"<table:table-row{more}>{''.join(cells)}</table:table-row>"


def test_ods(tmp_path: Path) -> None:
    amount = '<table:table-cell office:value-type="float" office:value="12.5"><text:p>12.5</text:p></table:table-cell>'
    day = '<table:table-cell office:value-type="date" office:date-value="2024-03-05"/>'
    empty = '<table:table-cell table:number-columns-repeated="16380"/>'
    end = '<table:table-row table:number-rows-repeated="1048500"><table:table-cell/></table:table-row>'
    head = row(cell("客户名称"), cell("金额"), cell("日期"), empty)
    path = ods(tmp_path / "a.ods", head, row(cell("华为"), amount, day, empty), row(cell("中兴"), amount, day), end)
    with read(path) as table:
        assert (table.kind, table.sheet, table.headers) == ("ods", "客户", ["客户名称", "金额", "日期"])
        first = rows_of(table)[0]
        assert (first["客户名称"], first["金额"], str(first["日期"])[:10]) == ("华为", Decimal("12.5"), "2024-03-05")
        assert table.row_count == 2


def test_ods_that_unpacks_to_far_more(tmp_path: Path) -> None:
    path = tmp_path / "a.ods"
    for rows, expected in (
        ([row(cell("x", 16384))], "too_many_columns"),
        ([row(cell("x", 200), repeat=1_000_000)], "too_many_rows"),
        ([row(cell("x", 200), repeat=100_000)], "too_many_cells"),
        ([row(cell("x" * 20_000_000))], "cell_too_long"),
    ):
        with pytest.raises(TabularError) as caught:
            read(ods(path, *rows))
        assert caught.value.code == expected


# ---- calendars

EVENTS = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VTIMEZONE
TZID:Our own
BEGIN:STANDARD
DTSTART:19700101T000000
TZOFFSETFROM:+0800
TZOFFSETTO:+0800
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1
SUMMARY:评审\\, 第二轮
DTSTART;TZID=Our own:20240305T093000
DURATION:PT1H30M
RRULE:FREQ=WEEKLY;COUNT=500000
ORGANIZER;CN=王芳:mailto:Wang@zhike.example
ATTENDEE;CN="张, 经理":mailto:zhang@huawei.example
DESCRIPTION:一行\\n又一行
END:VEVENT
BEGIN:VEVENT
UID:2
SUMMARY:展会
DTSTART;VALUE=DATE:20300301
DTEND;VALUE=DATE:20300303
STATUS:CANCELLED
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART:no day
SUMMARY:坏
END:VEVENT
BEGIN:VTODO
UID:4
SUMMARY:寄样品
DUE;TZID=Nowhere/Land:20240310T180000
COMPLETED:20240309T010000Z
PRIORITY:1
END:VTODO
BEGIN:VEVENT
UID:5
SUMMARY:cut
"""


def test_calendar(tmp_path: Path) -> None:
    rows, table = loaded(tmp_path / "a.ics", EVENTS)
    first, fair, broken, task = rows
    assert (first["Type"], first["Status"], first["Subject"], first["Minutes"]) == (
        "meeting",
        "done",
        "评审, 第二轮",
        90,
    )
    assert first["Start"] == datetime(2024, 3, 5, 9, 30, tzinfo=CHINA)
    assert first["Done at"] == datetime(2024, 3, 5, 11, 0, tzinfo=CHINA)
    assert first["Contact"] == first["Owner"] == "wang@zhike.example; zhang@huawei.example"
    assert (first["Attendees"], first["Content"]) == ("张, 经理 <zhang@huawei.example>", "一行\n又一行")
    assert first["RRULE"] == "RRULE FREQ=WEEKLY;COUNT=500000"
    assert (fair["Status"], fair["All day"], fair["Start"], fair["End"]) == (
        "cancelled", True, date(2030, 3, 1), date(2030, 3, 2),
    )  # fmt: skip
    assert (broken["Subject"], broken["Start"]) == ("坏", None)
    assert (task["Type"], task["Status"], task["Priority"]) == ("task", "done", "high")
    assert (task["Due"], task["Done at"].utcoffset()) == (datetime(2024, 3, 10, 18, 0), timedelta(0))  # noqa: DTZ001
    assert table.note_counts == {"event_repeats": 1, "value_broken": 1, "zone_unknown": 1, "record_cut": 1}


def test_calendars_of_old_programs_and_hostile_ones(tmp_path: Path) -> None:
    path = tmp_path / "a.ics"
    old = "BEGIN:VCALENDAR\nVERSION:1.0\nBEGIN:VEVENT\nDTSTART:20240305T093000Z\n"
    old += "SUMMARY;ENCODING=QUOTED-PRINTABLE;CHARSET=GB2312:=C6=C0=C9=F3\nEND:VEVENT\nEND:VCALENDAR\n"
    rows, _table = loaded(path, old)
    assert rows[0]["Subject"] == "评审"
    assert code(path, "BEGIN:VCALENDAR\n" + "BEGIN:VEVENT\n" * 10_000) == "too_deep"
    assert code(path, "BEGIN:VCALENDAR\nEND:VCALENDAR\n") == "no_records"
    long = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:x\nDESCRIPTION:" + "y" * 50_000 + "\nEND:VEVENT\nEND:VCALENDAR\n"
    rows, table = loaded(path, long)
    assert (len(rows[0]["Content"]), table.note_counts) == (32_767, {"text_cut": 1})


# ---- mails


def test_mail(tmp_path: Path) -> None:
    subject = "关于报价".encode()
    words = " ".join(f"=?utf-8?b?{part}?=" for part in _base64(subject[:4], subject[4:]))  # cut inside a character
    text = f"""Return-Path: <x@y.example>
Subject: {words}
From: "=?gb2312?B?{_base64("王䶮".encode("gb18030"))[0]}?=" <Wang@Zhike.example>
To: zhang@huawei.example,
 "Li, Lei" <li@huawei.example>
Date: Tue, 5 Mar 2024 09:30:00 +0800
Message-ID: <1@zhike.example>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/html; charset=gb2312
Content-Transfer-Encoding: base64

{_base64("<style>p{}</style><p>您好：</p><p>报价&nbsp;见<b>附件</b>䶮</p><script>x</script>".encode("gb18030"))[0]}
--b
Content-Type: application/octet-stream; name="=?utf-8?b?{_base64("报价单.xlsx".encode())[0]}?="
Content-Disposition: attachment; filename="..\\..\\=?utf-8?b?{_base64("报价单.xlsx".encode())[0]}?="

AAAA
--b--
"""
    rows, table = loaded(tmp_path / "a.eml", text)
    one = rows[0]
    assert (table.kind, one["Type"], one["Status"], one["Subject"]) == ("eml", "mail", "done", "关于报价")
    assert (one["From"], one["From address"]) == ("王䶮", "wang@zhike.example")
    assert one["To"] == "zhang@huawei.example; Li, Lei <li@huawei.example>"
    assert one["Contact"] == one["Owner"] == "wang@zhike.example; zhang@huawei.example; li@huawei.example"
    assert one["Content"] == "您好：\n\n报价 见附件䶮"
    assert one["Done at"] == datetime(2024, 3, 5, 9, 30, tzinfo=CHINA)
    assert (one["Attachments"], one["Message-ID"]) == ("报价单.xlsx", "1@zhike.example")
    assert table.note_counts == {}


def _base64(*parts: bytes) -> list[str]:
    import base64

    return [base64.b64encode(part).decode() for part in parts]


def test_bytes_without_a_label_or_with_a_wrong_one(tmp_path: Path) -> None:
    head = "Subject: 关于采购合同的报价确认\nFrom: zhang@huawei.example\nDate: Tue, 5 Mar 2024 09:30:00 +0800\n"
    text = head + 'Content-Type: text/plain; charset="%s"\n\n附件为最新报价单，请于三月八日前确认。\n'
    for label, encoding in (
        ("us-ascii", "gb18030"),
        ("utf-8", "big5"),
        ("x-unknown", "gb18030"),
        ("gb2312", "gb18030"),
    ):
        content = (
            text
            if encoding != "big5"
            else text.translate(str.maketrans("关购报价确认为单请于", "關購報價確認為單請於"))
        )
        rows, _table = loaded(tmp_path / "a.eml", (content % label).encode(encoding))
        assert rows[0]["Content"] == content.rpartition("\n\n")[2].strip()
        assert rows[0]["Subject"] == content.split("\n")[0].removeprefix("Subject: ")


def test_box_of_mails(tmp_path: Path) -> None:
    one = (
        "From a@b.example Tue Mar  5 09:30:00 2024\nSubject: {n}\nFrom: a@b.example\nDate: {day}\n\nFirst\n>From me\n\n"
    )
    text = one.format(n=1, day="Tue, 5 Mar 2024 09:30:00 -0500") + one.format(n=2, day="soon")
    rows, table = loaded(tmp_path / "a.mbox", text + one.format(n=3, day="Tue, 5 Mar 2024 09:30:00 +0000"))
    assert (table.kind, [row["Subject"] for row in rows]) == ("mbox", ["1", "2", "3"])
    assert rows[0]["Content"] == "First\nFrom me"
    assert rows[0]["Done at"].isoformat() == "2024-03-05T09:30:00-05:00"
    assert (rows[1]["Done at"], [(note.code, note.row) for note in table.notes]) == (None, [("mail_undated", 2)])


def test_hostile_mails(tmp_path: Path) -> None:
    path = tmp_path / "a.eml"
    head = "From: a@b.example\nTo: c@d.example\nDate: Tue, 5 Mar 2024 09:30:00 +0800\n"
    deep = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(1_000))
    rows, table = loaded(path, f"{head}Subject: x\n{deep}Content-Type: text/plain\n\nhello\n")
    assert (rows[0]["Subject"], rows[0]["Content"]) == ("x", None)
    assert table.note_counts == {"mail_too_deep": 1}
    injected = "=?utf-8?q?hello=0D=0ABcc:_victim=40x.example?="
    rows, _table = loaded(path, f"{head}Subject: {injected}\n\nbody")
    assert (rows[0]["Subject"], rows[0]["Cc"]) == ("hello Bcc: victim@x.example", None)
    rows, _table = loaded(path, f"{head}Subject: {'x' * 2_000_000}\n\nbo\x00dy {'y' * 5_000_000}")
    assert (len(rows[0]["Subject"]), len(rows[0]["Content"])) == (200, 32_767)
    assert rows[0]["Content"].startswith("body y")
    many = ", ".join(f"p{n}@x.example" for n in range(20_000))
    rows, _table = loaded(path, f"{head}Subject: x\nCc: {many}\n\nbody")
    assert len(rows[0]["Contact"].split("; ")) == 50


def test_texts_that_only_look_like_other_formats(tmp_path: Path) -> None:
    rows, table = loaded(tmp_path / "a.csv", "Subject: from,Date: to\n1,2\n3,4\n")
    assert (table.kind, len(rows)) == ("csv", 2)
    rows, table = loaded(tmp_path / "b.csv", "[1],名称\n[2],华为\n")
    assert table.kind == "csv"
    rows, table = loaded(
        tmp_path / "c.vcf", "item.BEGIN:VCARD\r\r\nFN:张三\r\r\nNOTE:一\r\r\n 二\r\r\nitem.END:VCARD\r\r\n"
    )
    assert (table.kind, rows[0]["Full Name"], rows[0]["Note"]) == ("vcard", "张三", "一二")
