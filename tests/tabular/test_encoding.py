from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from zhike.engine.tabular import read
from zhike.engine.tabular.encoding import detect

SIMPLIFIED = [
    "客户名称,手机,金额\n北京华为技术有限公司,13800138000,1200\n",
    "姓名,电话\n张三,010-62770334\n李四,0755-1234567\n",
    "联通",
    "公司\n阿里巴巴\n",
    "名称,备注\n上海浦东发展银行,“重点客户”，每月回访一次\n",
    "编号;客户;省份\n1;鑫淼垚科技;内蒙古\n",
    "彤,婷,璐\n媛,琪,珊\n",
    "姓名\t部门\n欧阳娜娜\t研发部\n",
]
TRADITIONAL = [
    "客戶名稱,聯絡電話,地址\n台積電股份有限公司,02-12345678,新竹市\n",
    "姓名,性別\n王小明,男\n林美玲,女\n",
    "公司名稱\t負責人\n鴻海精密工業\t郭台銘\n",
    "統一編號,業務,備註\n12345678,陳先生,請於週五前回覆\n",
]
WESTERN = ["Name,City\nJosé Müller,São Paulo\nZoë,Århus\n", "name,mail\nAnn,ann@example.com\n"]
WIDE = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be")
CASES = [
    *((text, codec) for text in SIMPLIFIED for codec in (*WIDE, "gbk", "gb18030")),
    *((text, codec) for text in TRADITIONAL for codec in (*WIDE, "gbk", "gb18030", "big5")),
    *((text, codec) for text in WESTERN for codec in WIDE),
]


def test_there_are_enough_cases() -> None:
    assert len(CASES) == 98


@pytest.mark.parametrize(("text", "codec"), CASES)
def test_the_text_comes_back(text: str, codec: str, tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(text.encode(codec))
    assert path.read_bytes().decode(detect(path)) == text


def test_utf16_be_with_a_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes(codecs.BOM_UTF16_BE + SIMPLIFIED[0].encode("utf-16-be"))
    with read(path) as table:
        assert (table.encoding, table.headers) == ("UTF-16", ["客户名称", "手机", "金额"])


def test_the_euro_sign_of_windows(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("名称,价格\n客户,".encode("gbk") + b"\x80100\n")
    with read(path) as table:
        assert (table.encoding, next(table.rows())[1]) == ("GB18030", ["客户", "€100"])


def test_latin_one_is_the_last_resort(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_bytes("Name,City\nJosé,Köln\nZoë,Málaga\n".encode("cp1252"))
    with read(path) as table:
        assert (table.encoding, [cells for _, cells in table.rows()]) == (
            "Windows-1252", [["José", "Köln"], ["Zoë", "Málaga"]],
        )  # fmt: skip
