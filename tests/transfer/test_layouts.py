"""Headings as other programs export them find their fields by themselves; files refer to each other by their codes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from zhike.engine.entity import get
from zhike.engine.tabular import guess
from zhike.engine.transfer import links, planning
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact

from .conftest import load

# Program and language: entity, headings, and the fields that they must find ("=" for a further value of one).
LAYOUTS: dict[str, tuple[str, str, str]] = {
    "Salesforce accounts": (
        "account",
        "Account ID|Account Name|Type|Parent Account ID|Billing Street|Phone|Website|Industry|Rating|Account Owner",
        "external_id name kind parent address phone website industry tier owner",
    ),
    "Salesforce contacts, data loader": (
        "contact",
        "ID|ACCOUNTID|SALUTATION|NAME|PHONE|EMAIL|TITLE|DEPARTMENT|LEADSOURCE|BIRTHDATE|DESCRIPTION|OWNERID",
        "external_id account salutation name phone email position department_name source birthday remark owner",
    ),
    "Salesforce contacts, Chinese": (
        "contact",
        "称呼|名字|姓氏|职务|客户名|电话|移动电话|电子邮件|联系人所有人|联系人 ID",
        "salutation name name position account landline phone email owner external_id",
    ),
    "Salesforce opportunities": (
        "deal",
        "ID|ACCOUNTID|NAME|STAGENAME|AMOUNT|PROBABILITY|CLOSEDATE|NEXTSTEP|LEADSOURCE|OWNERID",
        "external_id account name stage amount probability expected_on next_step source owner",
    ),
    "Salesforce tasks": (
        "activity",
        "SUBJECT|ACTIVITYDATE|STATUS|PRIORITY|WHOID|WHATID|DESCRIPTION|OWNERID|COMPLETEDDATETIME",
        "subject due_at status priority contact deal body owner done_at",
    ),
    "HubSpot contacts": (
        "contact",
        "Record ID|First Name|Last Name|Email|Phone Number|Mobile Phone Number|Job Title|Associated Company IDs",
        "external_id name name email landline phone position account",
    ),
    "HubSpot deals, Chinese": (
        "deal",
        "记录 ID|交易名称|交易阶段|管道|金额|交易所有者|关联的公司 ID",
        "external_id name stage pipeline amount owner account",
    ),
    "HubSpot companies, Chinese": (
        "account",
        "记录 ID|公司名称|公司所有者|电话号码|城市|行业|员工人数|年收入|生命周期阶段|街道地址|网站 URL",
        "external_id name owner phone region industry employees annual_revenue status address website",
    ),
    "Zoho deals": (
        "deal",
        "Record Id|Deal Owner|Amount|Deal Name|Closing Date|Account Name|Stage|Probability (%)|Next Step|Tag",
        "external_id owner amount name expected_on account stage probability next_step tags",
    ),
    "Zoho contacts, Chinese": (
        "contact",
        "记录 ID|联系人所有者|线索来源|名|姓|客户名称|电子邮件|职位|部门|电话|手机|出生日期|描述",
        "external_id owner source name name account email position department_name landline phone birthday remark",
    ),
    "Pipedrive activities": (
        "activity",
        "Activity - Subject|Activity - Type|Activity - Due date|Activity - Deal|Contact person|Activity - Note",
        "subject kind due_at deal contact body",
    ),
    "Pipedrive deals": (
        "deal",
        "Deal - ID|Deal - Title|Deal - Value|Deal - Organization|Deal - Stage|Deal - Expected close date|Deal - Owner",
        "external_id name amount account stage expected_on owner",
    ),
    "Odoo partners, Chinese": (
        "contact",
        "外部 ID|名称|关联公司|工作岗位|电话|手机|电子邮件|标签|销售员|备注",
        "external_id name account position landline phone email tags owner remark",
    ),
    "EspoCRM contacts": (
        "contact",
        "ID|Salutation|First Name|Last Name|Account|Title|Email|Phone|Description|Assigned User",
        "external_id salutation name name account position email phone remark owner",
    ),
    "Google contacts": (
        "contact",
        "First Name|Last Name|Phonetic First Name|Organization Name|Labels|E-mail 1 - Label|E-mail 1 - Value|Notes",
        "name name - account tags - email remark",
    ),
    "Outlook contacts": (
        "contact",
        "Title|First Name|Last Name|Company|Department|Job Title|Business Phone|Mobile Phone|E-mail Address|Notes",
        "salutation name name account department_name position landline phone email remark",
    ),
    "Outlook contacts, Chinese": (
        "contact",
        "称谓|名|姓|单位|部门|职务|商务电话|移动电话|电子邮件地址|附注",
        "salutation name name account department_name position landline phone email remark",
    ),
    "mails": (
        "activity",
        "Type|Status|Subject|Done at|Content|Owner|Contact|From|From address|To|Cc|Attachments|Message-ID",
        "kind status subject done_at body owner contact - - - - - external_id",
    ),
    "calendars": (
        "activity",
        "Type|Status|Subject|Due|Done at|Minutes|Place|Content|Owner|Contact|Priority|Start|End|All day|RRULE|UID",
        "kind status subject due_at done_at duration_minutes place body owner contact priority - - - - external_id",
    ),
}


@pytest.mark.parametrize("program", LAYOUTS)
def test_columns_of_other_programs(program: str, firm: Any) -> None:
    entity, headings, fields = LAYOUTS[program]
    found = guess(headings.split("|"), [], planning.specs(firm.actor("admin"), get(entity)))
    assert [one.field_key or "-" for one in found] == fields.split()


def test_companies_and_contacts_of_hubspot(native: Path, firm: Any, tmp_path: Path) -> None:
    folder = native / "csv" / "hubspot_public_test"
    admin = firm.actor("admin")
    load(admin, "account", folder / "hubspot-companies.csv")
    result = load(admin, "contact", folder / "hubspot-contacts.csv")
    assert result.errors == 0
    found = dict(Contact._base_manager.values_list("external_id", "account__external_id"))
    assert found == {"8001": "9001", "8002": "9002", "8003": "9003", "8004": "9001"}


MAIL = """From: =?gb2312?B?1cW+rcDt?= <zhang@huawei.example>
To: 王芳 <SELLER@zhike.example>, other@elsewhere.example
Subject: 报价
Date: Tue, 5 Mar 2024 09:30:00 +0800
Message-ID: <1@huawei.example>

请确认。
"""
EVENT = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
SUMMARY:需求评审
DTSTART;TZID=Asia/Shanghai:20240306T100000
DTEND;TZID=Asia/Shanghai:20240306T113000
ORGANIZER;CN=王芳:mailto:seller@zhike.example
ATTENDEE;CN=张经理:mailto:zhang@huawei.example
LOCATION:深圳
END:VEVENT
END:VCALENDAR
"""


@pytest.fixture
def known(firm: Any) -> Any:
    """A contact and a seller with their mail addresses."""
    firm.seller.email = "seller@zhike.example"
    firm.seller.save()
    account = Account._base_manager.create(name="华为", owner=firm.seller, department=firm.north)
    Contact._base_manager.create(
        name="张经理", email="zhang@huawei.example", account=account, owner=firm.seller, department=firm.north
    )
    return firm


@pytest.mark.parametrize(("name", "text", "kind"), [("1.eml", MAIL, "mail"), ("1.ics", EVENT, "meeting")])
def test_mails_and_events_become_activities(name: str, text: str, kind: str, known: Any, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_text(text, "utf-8")
    result = load(known.actor("admin"), "activity", path)
    assert (result.new, result.errors) == (1, 0)
    found = Activity._base_manager.select_related("contact", "owner", "account").get()
    names = [str(one) for one in (found.contact, found.owner, found.account)]
    assert (found.kind, found.status, names) == (kind, "done", ["张经理", "王芳", "华为"])
    done = {"mail": datetime(2024, 3, 5, 1, 30, tzinfo=UTC), "meeting": datetime(2024, 3, 6, 3, 30, tzinfo=UTC)}
    assert found.done_at == done[kind]


@pytest.mark.parametrize("whole", [True, False])
def test_links_by_phone_mail_code_and_several(
    whole: bool, known: Any, sheet: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same people are found when the target list is small enough to be kept, and when it is not."""
    if not whole:
        monkeypatch.setattr(links, "WHOLE", 0)
    account = Account._base_manager.create(name="中兴", external_id="9001", owner=known.seller, department=known.north)
    Contact._base_manager.create(
        name="李工", phone="13800138000", external_id="8001", account=account, owner=known.seller,
        department=known.north,
    )  # fmt: skip
    named = ["ZHANG@huawei.example", "138 0013 8000", "8001", "x@y.example; zhang@huawei.example", "7;8001"]
    path = sheet(["Subject", "Type", "Contact"], *[[str(n), "mail", text] for n, text in enumerate(named)])
    load(known.actor("admin"), "activity", path)
    found = dict(Activity._base_manager.values_list("subject", "contact__name"))
    assert found == {"0": "张经理", "1": "李工", "2": "李工", "3": "张经理", "4": "李工"}


def test_a_stranger_is_not_found_by_mail(known: Any, sheet: Callable[..., Path]) -> None:
    path = sheet(["Subject", "Type", "Contact"], ["1", "task", "zhang@huawei.example"])
    load(known.actor("stranger"), "activity", path)
    assert Activity._base_manager.get().contact_id is None
