"""The same 790 customers in twenty layouts, read without being told anything about the file."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path

import pytest

from zhike.engine.tabular import FieldSpec, Table, guess, name_parts, read
from zhike.engine.tabular.values import labelled_amount, money

SUM = Decimal("16117548.237")
# file -> (kind, encoding, delimiter, header row, where the sales stand)
FILES = {
    "customers.xlsx": ("xlsx", None, None, 1, "column"),
    "customers_messy_report.xlsx": ("xlsx", None, None, 4, "column"),
    "customers_gb18030.csv": ("csv", "GB18030", ",", 1, "column"),
    "customers_gbk_semicolon_quoted.csv": ("csv", "GB18030", ";", 1, "column"),
    "customers_gbk_tab.txt": ("csv", "GB18030", "\t", 1, "column"),
    "customers_utf16le_bom_tab.txt": ("csv", "UTF-16", "\t", 1, "column"),
    "customers_utf8_bom_crlf.csv": ("csv", "UTF-8 (BOM)", ",", 1, "column"),
    "customers_utf8_lf.csv": ("csv", "UTF-8", ",", 1, "column"),
    "google_contacts.csv": ("csv", "UTF-8", ",", 1, "absent"),
    "google_contacts_utf16.csv": ("csv", "UTF-16", ",", 1, "absent"),
    "hubspot_contacts.csv": ("csv", "UTF-8 (BOM)", ",", 1, "absent"),
    "outlook_zh_gbk.csv": ("csv", "GB18030", ",", 1, "absent"),
    "pipedrive_people.csv": ("csv", "UTF-8", ",", 1, "absent"),
    "salesforce_contacts_dataloader.csv": ("csv", "UTF-8", ",", 1, "absent"),
    "vcard21_qp_gb2312_label.vcf": ("vcard", "GB2312", None, None, "absent"),
    "vcard21_qp_gbk.vcf": ("vcard", "GBK", None, None, "absent"),
    "vcard21_qp_utf8.vcf": ("vcard", "UTF-8", None, None, "absent"),
    "vcard30_utf8.vcf": ("vcard", "UTF-8", None, None, "note"),
    "vcard40_utf8.vcf": ("vcard", "UTF-8", None, None, "note"),
    "zoho_contacts.csv": ("csv", "UTF-8", ",", 1, "absent"),
}
FIELDS = [
    FieldSpec("name", ["客户名称", "客戶名稱", "Customer name"], meanings=["name", "company"]),
    FieldSpec("mobile", ["手机", "手機", "Mobile"], kind="phone", meanings=["mobile", "phone"]),
    FieldSpec("email", ["邮箱", "郵箱", "Email"], kind="email", meanings=["email"]),
    FieldSpec("province", ["省份", "省份", "Province"], meanings=["province"]),
    FieldSpec("city", ["城市", "城市", "City"], meanings=["city"]),
    FieldSpec("sales", ["累计金额", "累計金額", "Sales"], kind="money", meanings=["amount"]),
    FieldSpec("remark", ["备注", "備註", "Remark"], meanings=["remark"]),
]


@pytest.fixture(scope="module")
def truth(native: Path) -> dict[str, dict[str, str]]:
    with (native / "derived_zh_customers" / "_truth.csv").open(encoding="utf-8", newline="") as file:
        return {row["email"]: row for row in csv.DictReader(file)}


def records(table: Table) -> list[dict[str, str]]:
    """Every record by field key, as the guesses alone read it."""
    guesses = guess(table.headers, table.head(20), FIELDS)
    found = []
    for _, cells in table.rows():
        record = {one.field_key: str(cells[one.column] or "") for one in guesses if one.field_key}
        record["name"] = name_parts(guesses, cells) or record["name"]
        found.append({str(key): value for key, value in record.items()})
    return found


@pytest.mark.parametrize("file", FILES)
def test_customers_are_read_blind(file: str, native: Path, truth: dict[str, dict[str, str]]) -> None:
    kind, encoding, delimiter, header_row, place = FILES[file]
    with read(native / "derived_zh_customers" / file) as table:
        assert (table.kind, table.encoding, table.delimiter, table.header_row) == (
            kind, encoding, delimiter, header_row,
        )  # fmt: skip
        assert not table.refused_rows()
        found = records(table)
    assert len(found) == table.row_count == 790
    assert len({record["name"] for record in found}) == 771
    assert {record["email"] for record in found} == set(truth)
    for record in found:
        true = truth[record["email"]]
        assert record["name"] == true["name"]
        assert re.sub(r"\D", "", record["mobile"])[-11:] == true["phone"]
        place_known = "pipedrive" not in file
        assert not place_known or (record["city"], record["province"]) == (true["city"], true["prov"])
    assert sum(amounts(found, place, truth)) == pytest.approx(SUM, abs=Decimal("0.5") if "messy" in file else 0)


def amounts(found: list[dict[str, str]], place: str, truth: dict[str, dict[str, str]]) -> list[Decimal]:
    """Sales of every record; layouts without them must still have every customer exactly once."""
    if place == "column":
        return [money(record["sales"])[0] for record in found]
    if place == "note":
        return [labelled_amount(record["remark"], "金额") or Decimal(0) for record in found]
    assert "sales" not in {key for record in found for key in record}
    return [Decimal(truth[record["email"]]["sales"]) for record in found]


def test_a_messy_report_tells_what_it_left_out(native: Path) -> None:
    with read(native / "derived_zh_customers" / "customers_messy_report.xlsx") as table:
        assert table.note_counts == {"total_row": 1, "sheets_many": 1}
        assert [(note.code, note.row) for note in table.notes] == [("sheets_many", None), ("total_row", 795)]
        assert table.sheets == ["客户明细", "说明"]
        assert table.sheet == "客户明细"
        assert next(table.rows())[0] == 5
        kinds = {type(cells[10]).__name__ for _, cells in table.rows()}
        assert kinds == {"date", "str"}
        assert {type(cells[3]).__name__ for _, cells in table.rows()} == {"int", "str"}


def test_every_fixture_file_is_listed(native: Path) -> None:
    files = {path.name for path in (native / "derived_zh_customers").iterdir()} - {"_truth.csv"}
    assert files == set(FILES)
