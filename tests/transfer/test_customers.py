"""The same 790 customers in twenty layouts, imported blind, alone and on top of each other."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.db.models import Sum

from zhike.modules.customers.models import Account

from .conftest import load

SUM = Decimal("16117548.237")
WITH_SALES = {
    "customers.xlsx",
    "customers_gb18030.csv",
    "customers_gbk_semicolon_quoted.csv",
    "customers_gbk_tab.txt",
    "customers_utf16le_bom_tab.txt",
    "customers_utf8_bom_crlf.csv",
    "customers_utf8_lf.csv",
    "vcard30_utf8.vcf",
    "vcard40_utf8.vcf",
}
ROUNDED = {"customers_messy_report.xlsx"}  # its amounts are written with two places
WITHOUT_SALES = {
    "google_contacts.csv",
    "google_contacts_utf16.csv",
    "hubspot_contacts.csv",
    "outlook_zh_gbk.csv",
    "pipedrive_people.csv",
    "salesforce_contacts_dataloader.csv",
    "vcard21_qp_gb2312_label.vcf",
    "vcard21_qp_gbk.vcf",
    "vcard21_qp_utf8.vcf",
    "zoho_contacts.csv",
}
FILES = sorted(WITH_SALES | ROUNDED | WITHOUT_SALES)


def figures() -> tuple[int, int, Decimal | None]:
    """Customers, distinct names, sum of earlier sales."""
    rows = Account._base_manager.filter(deleted_at=None)
    return rows.count(), rows.values("name").distinct().count(), rows.aggregate(s=Sum("prior_sales"))["s"]


def test_every_file_is_listed(native: Path) -> None:
    files = {path.name for path in (native / "derived_zh_customers").iterdir()} - {"_truth.csv"}
    assert files == set(FILES)


@pytest.mark.parametrize("file", FILES)
def test_a_file_alone_and_again(file: str, native: Path, firm: Any) -> None:
    path = native / "derived_zh_customers" / file
    first = load(firm.actor("admin"), "account", path)
    assert (first.rows, first.new, first.errors, first.duplicates) == (790, 790, 0, 0)
    count, names, total = figures()
    assert (count, names) == (790, 771)
    if file in WITH_SALES:
        assert total == SUM
    elif file in ROUNDED:
        assert total is not None
        assert abs(total - SUM) < Decimal("0.5")
    else:
        assert total is None
    assert Account._base_manager.exclude(phone="").count() == 790
    again = load(firm.actor("admin"), "account", path)
    assert (again.new, again.updated, again.unchanged, again.errors) == (0, 0, 790, 0)
    assert figures() == (count, names, total)


@pytest.mark.long
def test_all_files_after_each_other_are_one_list(native: Path, firm: Any) -> None:
    """Whatever program wrote it: a further file of the same customers adds none and keeps the sum."""
    folder = native / "derived_zh_customers"
    assert load(firm.actor("admin"), "account", folder / "customers.xlsx").new == 790
    for file in FILES:
        if file in ROUNDED:  # its rounded amounts are other amounts
            continue
        result = load(firm.actor("admin"), "account", folder / file)
        assert (file, result.new, result.errors, figures()) == (file, 0, 0, (790, 771, SUM))


def test_another_program_adds_none(native: Path, firm: Any) -> None:
    folder = native / "derived_zh_customers"
    load(firm.actor("admin"), "account", folder / "customers_gb18030.csv")
    result = load(firm.actor("admin"), "account", folder / "hubspot_contacts.csv")
    assert (result.new, result.errors, figures()) == (0, 0, (790, 771, SUM))
    one = Account._base_manager.get(email="u0001@example.com")
    assert one.external_id == "丁君-15280"
