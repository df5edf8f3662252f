"""Mails and calendar entries imported again are the same activities: by their own number, else by what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from zhike.engine.tabular import read
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact

from .conftest import load

HEAD = "From: zhang@huawei.example\nTo: seller@zhike.example\nDate: Tue, 5 Mar 2024 09:30:00 +0800\n"
MAIL = HEAD + "Subject: {subject}\n{number}\n请确认。\n"
BOX = "From a@b.example Tue Mar  5 09:30:00 2024\n"
ENTRY = """BEGIN:VEVENT
UID:{uid}
SUMMARY:{subject}
DTSTAMP:{stamp}
DTSTART;TZID=Asia/Shanghai:20240306T100000
ATTENDEE;CN=张经理:mailto:zhang@huawei.example
{more}END:VEVENT
"""


@pytest.fixture
def actor(firm: Any) -> Any:
    """Who imports, beside a contact with a mail address."""
    account = Account._base_manager.create(name="华为", owner=firm.seller, department=firm.north)
    Contact._base_manager.create(
        name="张经理", email="zhang@huawei.example", account=account, owner=firm.seller, department=firm.north
    )
    return firm.actor("admin")


def counts(result: Any) -> tuple[int, ...]:
    return result.new, result.updated, result.unchanged, result.duplicates, result.errors


def numbers() -> set[str]:
    return set(Activity._base_manager.values_list("external_id", flat=True))


def test_a_box_of_mails_twice(actor: Any, tmp_path: Path) -> None:
    path, one = tmp_path / "in.mbox", MAIL.format(subject="报价", number="Message-ID: <1@huawei.example>\n")
    other = MAIL.format(subject="合同", number="")
    long = MAIL.format(subject="长", number=f"Message-ID: <{'x' * 300}@huawei.example>\n")
    path.write_text("\n".join(BOX + mail for mail in (one, other, long, other)), "utf-8")
    assert counts(load(actor, "activity", path, dry=True)) == (3, 0, 0, 1, 0)
    assert counts(load(actor, "activity", path)) == (3, 0, 0, 1, 0)
    assert counts(load(actor, "activity", path)) == (0, 0, 3, 1, 0)
    assert "1@huawei.example" in numbers()
    assert len({n for n in numbers() if n.startswith("sha256:")}) == 2
    single = tmp_path / "1.eml"  # the same mail, saved alone
    single.write_text(other, "utf-8")
    assert counts(load(actor, "activity", single)) == (0, 0, 1, 0, 0)


def test_a_calendar_twice_and_what_was_moved(actor: Any, tmp_path: Path) -> None:
    path = tmp_path / "a.ics"

    def write(stamp: str, subject: str) -> None:
        moved = "RECURRENCE-ID;TZID=Asia/Shanghai:20240313T100000\n"
        entries = [
            ENTRY.format(uid="1", subject=subject, stamp=stamp, more="RRULE:FREQ=WEEKLY;COUNT=3\n"),
            ENTRY.format(uid="1", subject="改期", stamp=stamp, more=moved),
            ENTRY.format(uid="", subject="无号", stamp=stamp, more=""),
        ]
        path.write_text("BEGIN:VCALENDAR\nVERSION:2.0\n" + "".join(entries) + "END:VCALENDAR\n", "utf-8")

    write("20240301T000000Z", "评审")
    assert counts(load(actor, "activity", path)) == (3, 0, 0, 0, 0)
    assert {"1", "1#20240313T100000"} < numbers()
    write("20240302T000000Z", "评审会")  # another export, and a subject changed since
    assert counts(load(actor, "activity", path)) == (0, 1, 2, 0, 0)


def test_a_customer_number_is_no_number_of_the_activity(actor: Any, tmp_path: Path) -> None:
    Account._base_manager.update(external_id="C-7")
    path = tmp_path / "calls.csv"
    path.write_text("Subject,Type,Customer ID\n一,call,C-7\n二,call,C-7\n", "utf-8")
    assert counts(load(actor, "activity", path)) == (2, 0, 0, 0, 0)
    assert numbers() == {""}
    assert set(Activity._base_manager.values_list("account__name", flat=True)) == {"华为"}


def test_the_number_stays_one_column(tmp_path: Path) -> None:
    path = tmp_path / "1.eml"
    path.write_text(MAIL.format(subject="报价", number="Message-ID: <1@huawei.example>\n"), "utf-8")
    with read(path) as table:
        (row,) = table.head()
    assert (table.headers[-1], row[-1]) == ("Message-ID", "1@huawei.example")
