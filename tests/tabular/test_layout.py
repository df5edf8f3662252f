from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter

from tests.tabular import hostile
from zhike.engine.tabular import Table, TabularError, read


def table_of(tmp_path: Path, text: str) -> Table:
    path = tmp_path / "list.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read(path)


def cells_of(table: Table) -> list[list[object]]:
    return [list(cells) for _, cells in table.rows()]


@pytest.mark.parametrize(
    ("text", "row", "headers"),
    [
        ("姓名,手机\n张三,1\n", 1, ["姓名", "手机"]),
        (
            "客户明细表,,\n导出时间：2024-01-01,,\n,,\n姓名,手机,省份\n张三,1,吉林\n李四,2,湖南\n",
            4,
            ["姓名", "手机", "省份"],
        ),
        ("公司,城市\n公司,北京\n公司,上海\n", 1, ["公司", "城市"]),
        ("张三,13800000000,a@b.cn\n李四,13900000000,c@d.cn\n", None, ["A", "B", "C"]),
        ("商品,颜色\n帽子,红\n鞋,蓝\n", 1, ["商品", "颜色"]),
        ("手机\n13800000000\n13900000000\n", 1, ["手机"]),
        ("客户,2023,2024\n张三,1,2\n李四,3,4\n", 1, ["客户", "2023", "2024"]),
        ("基本信息,,联系方式,\n姓名,城市,手机,邮箱\n张三,北京,1,a@b.cn\n", 2, ["姓名", "城市", "手机", "邮箱"]),
        (
            "姓名,城市,联系方式,\n,,手机,邮箱\n张三,北京,1,a@b.cn\n李四,北京,2,c@b.cn\n",
            2,
            ["姓名", "城市", "手机", "邮箱"],
        ),
        ("sep=;\n姓名;手机\n张三;1\n", 2, ["姓名", "手机"]),
        ("* 姓名(必填),金额（元）\n张三,1\n", 1, ["* 姓名(必填)", "金额（元）"]),
    ],
)
def test_the_header_row_is_found(text: str, row: int | None, headers: list[str], tmp_path: Path) -> None:
    with table_of(tmp_path, text) as table:
        assert (table.header_row, table.headers) == (row, headers)


def test_headings_are_made_unique_and_blank_ones_lettered(tmp_path: Path) -> None:
    with table_of(tmp_path, "姓名,电话,电话,,电话\n张三,1,2,3,4\n") as table:
        assert table.headers == ["姓名", "电话", "电话 (2)", "D", "电话 (3)"]
        assert [(note.code, note.row, note.column) for note in table.notes] == [
            ("header_repeated", 1, 2), ("header_blank", 1, 3), ("header_repeated", 1, 4),
        ]  # fmt: skip


def test_blank_total_footer_and_repeated_rows_are_left_out_with_their_numbers_kept(tmp_path: Path) -> None:
    head = "姓名,省份,城市,金额\n"
    text = f"{head}\n张三,吉林,扶余,1\n,,,\n小计,,,1\n{head}李四,湖南,长沙,2\n合计：,,,3\n制表人：王五,,,\n"
    with table_of(tmp_path, text) as table:
        assert [number for number, _ in table.rows()] == [3, 7]
        assert [(note.code, note.row) for note in table.notes] == [
            ("total_row", 5), ("header_again", 6), ("total_row", 8), ("footer_row", 9),
        ]  # fmt: skip


def test_a_customer_called_like_a_total_stays(tmp_path: Path) -> None:
    with table_of(tmp_path, "姓名,省份,城市,金额\n合计,吉林,扶余,1\n总计科技,湖南,长沙,2\n") as table:
        assert (table.row_count, table.notes) == (2, [])


def test_ragged_rows_are_noted(tmp_path: Path) -> None:
    rows = "".join(f"客户{n},吉林,{n},2024-01-0{n}\n" for n in range(1, 9))
    odd = "张三,湖南\n李四,湖南,5,2024-02-01,多,余\n王五,,湖南,7,2024-02-02\n赵六;湖南;8;2024-02-03\n"
    text = f"姓名,省份,数量,日期\n{rows}{odd}"
    with table_of(tmp_path, text) as table:
        assert [(note.code, note.row, note.refuses) for note in table.notes] == [
            ("row_shorter", 10, False),
            ("row_longer", 11, True),
            ("row_realigned", 12, False),
            ("other_delimiter", 13, False),
        ]
        assert cells_of(table)[8:] == [
            ["张三", "湖南", None, None],
            ["李四", "湖南", "5", "2024-02-01"],
            ["王五", "湖南", "7", "2024-02-02"],
            ["赵六", "湖南", "8", "2024-02-03"],
        ]
        assert list(table.refused_rows()) == [11]


def test_broken_quotes_do_not_swallow_rows(tmp_path: Path) -> None:
    text = '姓名,备注,省份\n张三,"他说"好",吉林\n李四,"没关,湖南\n王五,"两\n行",北京\n赵六,"a ""b"" c",上海\n'
    with table_of(tmp_path, text) as table:
        assert cells_of(table) == [
            ["张三", '他说"好', "吉林"],
            ["李四", '"没关', "湖南"],
            ["王五", "两\n行", "北京"],
            ["赵六", 'a "b" c', "上海"],
        ]
        assert [(note.code, note.row) for note in table.notes] == [("quotes_mended", 2), ("quotes_mended", 3)]


def test_a_last_record_cut_inside_a_quote(tmp_path: Path) -> None:
    with table_of(tmp_path, '姓名,备注\n张三,"好"\n李四,"说到一半') as table:
        assert cells_of(table) == [["张三", "好"]]
        assert [(note.code, note.row) for note in table.notes] == [("record_cut", 3)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_delimiters_and_line_ends(delimiter: str, end: str, tmp_path: Path) -> None:
    rows = [["姓名", "地址"], ["张三", f'"吉林{delimiter}扶余"'], ["李四", '"长沙' + end + '市"']]
    with table_of(tmp_path, end.join(delimiter.join(cells) for cells in rows)) as table:
        assert (table.delimiter, table.headers) == (delimiter, ["姓名", "地址"])
        assert cells_of(table) == [["张三", f"吉林{delimiter}扶余"], ["李四", f"长沙{end}市"]]


def test_cells_of_a_workbook_keep_their_types(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path), {"strings_to_formulas": False})
    page = book.add_worksheet("客户")
    page.write_row(0, 0, ["姓名", "手机", "金额", "日期", "时间", "是否", "公式", "文本", "错误"])
    page.write_string(2, 0, "张三")
    page.write_number(2, 1, 18292580000.0)
    page.write_number(2, 2, 5236.924)
    page.write_datetime(2, 3, date(2017, 6, 23), book.add_format({"num_format": "yyyy-mm-dd"}))
    page.write_number(2, 4, 42909.5, book.add_format({"num_format": "yyyy-mm-dd hh:mm"}))
    page.write_boolean(2, 5, True)
    page.write_formula(2, 6, "=1+1", None, 2)
    page.write_string(2, 7, "=1+1")
    page.write_formula(2, 8, "=1/0", None, "#DIV/0!")
    book.close()
    with read(path) as table:
        number, cells = next(table.rows())
        assert number == 3
        assert cells[:3] == ["张三", 18292580000, Decimal("5236.924")]
        assert [repr(cell) for cell in cells[3:]] == [
            "datetime.date(2017, 6, 23)", "datetime.datetime(2017, 6, 23, 12, 0)", "True", "2", "'=1+1'", "None",
        ]  # fmt: skip


def test_merged_cells_name_every_row_they_cover(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    page = book.add_worksheet()
    page.merge_range(0, 0, 0, 2, "客户一览表")
    page.write_row(1, 0, ["大区", "姓名", "手机"])
    page.merge_range(2, 0, 4, 0, "东北")
    for row in range(3):
        page.write_row(2 + row, 1, [f"客户{row}", 13800000000 + row])
    book.close()
    with read(path) as table:
        assert (table.header_row, table.headers) == (2, ["大区", "姓名", "手机"])
        assert [cells[0] for cells in cells_of(table)] == ["东北", "东北", "东北"]
        assert table.note_counts == {"merged_filled": 1}


def test_the_sheet_with_the_list_is_chosen_and_another_can_be(tmp_path: Path) -> None:
    path = tmp_path / "book.xlsx"
    book = xlsxwriter.Workbook(str(path))
    guide = book.add_worksheet("填写说明")
    guide.write_column(0, 0, ["请先阅读", "每行一个客户", "不要改表头"])
    book.add_worksheet("空")
    page = book.add_worksheet("客户")
    page.write_row(0, 0, ["姓名", "手机"])
    page.write_row(1, 0, ["张三", "1"])
    hidden = book.add_worksheet("字典")
    hidden.write_row(0, 0, ["姓名", "手机", "邮箱"])
    hidden.hide()
    book.close()
    with read(path) as table:
        assert (table.sheets, table.sheet) == (["填写说明", "空", "客户"], "客户")
    with read(path, sheet="填写说明") as table:
        assert (table.sheet, table.row_count) == ("填写说明", 2)
    with pytest.raises(TabularError) as caught:
        read(path, sheet="没有")
    assert (caught.value.code, caught.value.params) == ("no_such_sheet", {"sheet": "没有"})


def test_rows_can_be_read_twice_and_reopened(tmp_path: Path) -> None:
    from zhike.engine.tabular import open_table

    path = hostile.workbook(tmp_path / "book.xlsx", [["姓名", "手机"], *([f"张{n}", n] for n in range(1000))])
    table = read(path, spool=tmp_path / "kept")
    again = open_table(tmp_path / "kept")
    assert list(table.rows()) == list(table.rows()) == list(again.rows())
    assert again.row_count == 1000
    assert table.head(2) == [["张0", 0], ["张1", 1]]
    table.close()
    assert (tmp_path / "kept").exists()


VCARD = """BEGIN:VCARD
VERSION:2.1
N;CHARSET=GB2312;ENCODING=QUOTED-PRINTABLE:=96=5C;=E3=85;;;
FN;CHARSET=GB2312;ENCODING=BASE64:{base64}
TEL;CELL;VOICE:138 0013 8000
TEL;WORK:010-62770334
TEL;WORK;FAX:010-62770335
ORG:某某公司;研发部;一组
END:VCARD
BEGIN:VCARD
VERSION:4.0
N:Smith;John;;;
FN:John Smith
TEL;VALUE=uri;TYPE="work,voice":tel:+1-418-656-9254;ext=102
NOTE:一行\\n二行\\, 完
"""


def test_vcards_old_and_new(tmp_path: Path) -> None:
    import base64

    path = tmp_path / "cards.vcf"
    name = base64.b64encode("朶鍏".encode("gb18030")).decode()
    path.write_bytes((VCARD.format(base64=name) + "END:VCARD\n").encode())
    with read(path) as table:
        rows = [dict(zip(table.headers, cells, strict=True)) for cells in (cells for _, cells in table.rows())]
    assert rows[0]["Full Name"] == "朶鍏"
    assert (rows[0]["Mobile"], rows[0]["Phone"], rows[0]["Fax"]) == ("138 0013 8000", "010-62770334", "010-62770335")
    assert (rows[0]["Company"], rows[0]["Department"]) == ("某某公司", "研发部 / 一组")
    assert (rows[1]["Full Name"], rows[1]["Phone"]) == ("John Smith", "+1-418-656-9254 ext. 102")
    assert rows[1]["Note"] == "一行\n二行, 完"


def test_a_card_file_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "cards.vcf"
    path.write_bytes(VCARD.format(base64="1cXI/Q==").encode())
    with read(path) as table:
        assert (table.row_count, table.note_counts) == (1, {"record_cut": 1})


REGULAR = "".join(
    f"{day:02d}/02/2024,AB-{day}{day},Boots number {day},https://shop.example/{day}\n" for day in range(10, 28)
)
HEADINGS = "Date,Product,Text,Link\n"


@pytest.mark.parametrize(
    ("line", "expected", "code"),
    [
        ("28/02/2024,CD-77,Boots, of leather,https://shop.example/7", "Boots, of leather", "row_joined"),
        ("28/02/2024,CD-77,Boots of leather\"https://shop.example/7\"", "Boots of leather", "row_cut_apart"),
        ("28/02/2024,,CD-77,Boots of leather,https://shop.example/7", "Boots of leather", "row_realigned"),
    ],
)  # fmt: skip
def test_rows_with_a_slip_are_mended(line: str, expected: str, code: str, tmp_path: Path) -> None:
    with table_of(tmp_path, HEADINGS + REGULAR + line + "\n") as table:
        assert list(table.rows())[-1][1] == ["28/02/2024", "CD-77", expected, "https://shop.example/7"]
        assert table.note_counts == {code: 1}


def test_a_second_table_is_told_and_left_out(tmp_path: Path) -> None:
    second = "Date,Product,Text,Link,Price\n" + "01/03/2024,AB-1,Boots,https://shop.example/1,5\n" * 3
    with table_of(tmp_path, HEADINGS + REGULAR + second) as table:
        assert table.row_count == 18
        assert [(note.code, note.row, note.params["count"]) for note in table.notes] == [("second_table", 20, 3)]


def test_full_rows_of_headings_are_joined(tmp_path: Path) -> None:
    with table_of(
        tmp_path, "客户,客户,2024,2024\n名称,电话,订单数,金额\n华为,0755-28780808,3,400\n中兴,0755-26770000,4,500\n"
    ) as t:
        assert (t.headers, t.header_row) == (["客户 名称", "客户 电话", "2024 订单数", "2024 金额"], 2)
        assert t.note_counts == {}


def test_blanks_as_separators(tmp_path: Path) -> None:
    lines = [
        f'2024-01-{n:02d} A-{n} {"Red boots" if n % 3 else "Boots"} "a long text{", too" * (n % 2)}" {n}.50'
        for n in range(1, 20)
    ]
    with table_of(tmp_path, 'Day Code Kind "Text" Price\n' + "\n".join(lines) + "\n") as table:
        assert table.delimiter == " "
        assert next(table.rows())[1] == ["2024-01-01", "A-1", "Red boots", "a long text, too", "1.50"]


def test_a_row_of_totals_with_blanks_in_its_cells(tmp_path: Path) -> None:
    with table_of(tmp_path, "客户,城市,电话,金额\n华为,深圳,1,2\n中兴,深圳,1,3\n 合计 ,  ,  ,5\n") as table:
        assert (table.row_count, table.note_counts) == (2, {"total_row": 1})


def test_the_last_column_of_a_file_without_headings_stays(tmp_path: Path) -> None:
    with table_of(tmp_path, "2024-01-01,华为,138,\n" * 50 + "2024-01-02,中兴,139,备注\n") as table:
        assert list(table.rows())[-1][1] == ["2024-01-02", "中兴", "139", "备注"]
        assert "row_longer" not in table.note_counts
