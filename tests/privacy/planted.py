"""One person in every place that can hold one, each time as a value that is nowhere else."""

from __future__ import annotations

import datetime as dt
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import xlsxwriter
from django.conf import settings
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from zhike.engine import guard, records
from zhike.engine.entity import get
from zhike.engine.models import (
    Delegation,
    Delivery,
    IdempotencyKey,
    Job,
    Notice,
    OwnerPeriod,
    Proposal,
    SavedView,
    Share,
    StageEvent,
    StoredFile,
    Webhook,
)

NAME, PINYIN = "钟馗明甲", "zhongkuimingjia"
PHONE, OLD, LINE, SECOND = "13911112222", "13700003333", "02155557777", "13822224444"
LEAD_PHONE = "13633335555"
MAIL, MAIL2, LEAD_MAIL = "zm@plant60.example", "zm.second@plant60.example", "lead.zm@plant60.example"
WECHAT, QQ, OUTSIDE_ID, LEAD_CHAT = "zkmj_wx60", "860086011", "OLD-SYS-7788", "zkmj_lead60"
WRITTEN = (
    "139 1111 2222",
    "139-1111-2222",
    "+8613911112222",
    "(+86)139 11112222",
    "０139-11112222"[1:],
    "021-5555-7777",
)
OWN = [f"私密{n:02d}值" for n in range(34)]  # in fields that hold nothing but data of the person
FILED = [f"附件{n:02d}文" for n in range(6)]  # in files that go as a whole
BORN = "1981-02-03"
MARKS = [
    NAME, PINYIN, PHONE, OLD, LINE, SECOND, LEAD_PHONE, MAIL, MAIL2, LEAD_MAIL, WECHAT, QQ, OUTSIDE_ID, LEAD_CHAT,
    BORN, *WRITTEN, *OWN, *FILED,
]  # fmt: skip
EVERYWHERE = (
    "customers_contact", "customers_contactpoint", "customers_affiliation", "customers_address", "customers_account",
    "customers_consent", "customers_personrequest", "leads_lead", "sales_deal", "sales_dealcontact",
    "activities_activity", "engine_history", "engine_notice", "engine_job", "engine_savedview", "engine_proposal",
    "engine_share", "engine_delegation", "engine_delivery", "engine_idempotencykey", "engine_storedfile",
    "engine_stageevent", "engine_ownerperiod",
)  # fmt: skip
CODINGS = ("utf-8", "gb18030", "utf-16-le", "utf-16-be")
_FORMS = {mark: {mark.encode(c) for c in CODINGS} for mark in MARKS}


def found_in(raw: bytes) -> set[str]:
    """The marks that bytes hold, in any usual coding."""
    return {mark for mark, forms in _FORMS.items() if any(form in raw for form in forms)}


def dump() -> dict[str, bytes]:
    """Every table as text, sessions too."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            rows = "coalesce(string_agg(t::text, chr(10) ORDER BY t::text), '')"
            cursor.execute(f'SELECT {rows} FROM "{table}" t')  # noqa: S608  names from the catalogue
            found[table] = cursor.fetchone()[0].encode()
    return found


@dataclass
class Planted:
    """Ids of what was planted, and what must be the same afterwards."""

    contact: UUID
    account: UUID
    deal: UUID
    bystander: UUID
    task: UUID

    def deals(self) -> list[Any]:
        """Sums and names of all deals."""
        rows = guard.rows(get("deal").model, "test").order_by("pk")
        return list(rows.values_list("pk", "name", "amount", "stage", "account", "owner"))

    def others(self) -> list[Any]:
        """Somebody else's record and task, whole."""
        return [
            *guard.rows(get("contact").model, "test").filter(pk=self.bystander).values(),
            *guard.rows(get("activity").model, "test").filter(pk=self.task).values(),
            *guard.rows(get("contactpoint").model, "test").filter(contact=self.bystander).order_by("pk").values(),
        ]


def plant(firm: Any) -> Planted:
    """Everything, as the seller and the administrator enter it."""
    seller = firm.actor("seller")

    def make(key: str, **values: Any) -> Any:
        return records.create(seller, get(key), values)

    account = make(
        "account", name="远航机电有限公司", legal_representative=NAME, remark=f"老板是{NAME}，电话{WRITTEN[4]}"
    )
    contact = make(
        "contact", name=NAME, account=account.pk, salutation=OWN[0], department_name=OWN[1], position=OWN[2],
        phone=OLD, landline=LINE, wechat=WECHAT, qq=QQ, email=MAIL, birthday=BORN, remark=OWN[3],
        external_id=OUTSIDE_ID,
    )  # fmt: skip
    records.update(seller, get("contact"), contact.pk, {"phone": PHONE, "remark": OWN[4], "position": OWN[5]})
    guard.rows(get("contact").model, "test").filter(pk=contact.pk).update(custom={"hobby": OWN[6], "list": [OWN[7]]})
    make("contactpoint", contact=contact.pk, kind="phone", value=SECOND, label=OWN[8])
    make("contactpoint", contact=contact.pk, kind="email", value=MAIL2, label=OWN[9])
    make("affiliation", contact=contact.pk, account=account.pk, kind="adviser", position=OWN[10], remark=OWN[11])
    make("address", account=account.pk, detail="人民路1号", receiver=NAME, phone=PHONE)
    lead = make(
        "lead", name=NAME, contact_name=NAME, position=OWN[12], phone=LEAD_PHONE, email=LEAD_MAIL, wechat=LEAD_CHAT,
        address=OWN[13], remark=OWN[14], demand=f"{NAME}要两台", external_id=OWN[15],
    )  # fmt: skip
    guard.rows(get("lead").model, "test").filter(pk=lead.pk).update(contact=contact.pk, account=account.pk)
    make("lead", name="展会名片", contact_name=NAME, phone=PHONE, remark=f"{WRITTEN[5]} {NAME}")
    deal = make(
        "deal", name="两台磨床", account=account.pk, amount="128000.50", remark=f"{NAME}拍板，微信{WECHAT}",
        next_step=f"约{NAME}", competitor_note=f"听{NAME}说",
    )  # fmt: skip
    make("dealcontact", deal=deal.pk, contact=contact.pk, role="decider", remark=OWN[16])
    make("consent", contact=contact.pk, purpose="service", basis="contract", evidence=OWN[17])
    asked = make("personrequest", contact=contact.pk, kind="delete", details=OWN[18])
    records.act(seller, get("personrequest"), asked.pk, "refuse", {"refusal_reason": f"{NAME}有未结合同"})
    call = make(
        "activity", kind="call", status="done", contact=contact.pk, account=account.pk, subject=f"致电{NAME}",
        body=f"{WRITTEN[0]} {WRITTEN[1]} {MAIL.upper()} {QQ}",
    )  # fmt: skip
    records.update(seller, get("activity"), call.pk, {"body": f"{NAME} {WRITTEN[2]}"})
    make("activity", kind="note", account=account.pk, body=f"与{NAME}谈妥")
    other = make("account", name="东海阀门有限公司")
    bystander = make("contact", name="韩冬冬", account=other.pk, phone="13900001234", email="hd@example.com")
    make("activity", kind="note", account=other.pk, body=f"{NAME}介绍来的，他的电话{WRITTEN[3]}")
    task = make("activity", kind="note", account=other.pk, contact=bystander.pk, body="韩冬冬 13900001234 要报价")
    _beside(firm, contact.pk, deal)
    _files(firm, contact.pk)
    return Planted(contact.pk, account.pk, deal.pk, bystander.pk, task.pk)


def _beside(firm: Any, contact: UUID, deal: Any) -> None:
    """Tables that are no entities."""
    now, day = timezone.now(), timezone.localdate()
    Notice.objects.create(
        user=firm.seller, text="%(title)s", params={"title": NAME}, url=f"/contact/{contact}", cause="n"
    )
    IdempotencyKey.objects.create(actor=firm.seller.pk, key=f"form:{MAIL}", entity="contact", record=contact)
    SavedView.objects.create(
        entity="contact", labels={"zh-hans": f"只看{NAME}"}, query={"q": f"phone__eq=%2B86{PHONE}"}, owner=firm.seller
    )
    Proposal.objects.create(
        user=firm.seller, channel="mcp", entity="contact", action="update", record=contact, expires_at=now,
        values={"remark": f"{NAME} {PHONE}", "numbers": [int(PHONE)]},
    )  # fmt: skip
    Share.objects.create(
        entity="contact", record=contact, kind="user", target=firm.colleague.pk, by=firm.seller, reason=f"{NAME}归你"
    )
    Delegation.objects.create(
        principal=firm.seller, assistant=firm.colleague, from_on=day, until_on=day, by=firm.seller, reason=f"陪{NAME}"
    )
    hook = Webhook.objects.create(user=firm.admin, name="ERP", url="https://example.com/hook", secret="s", events=[])
    Delivery.objects.create(
        webhook=hook, event="contact.update", entity="contact", records=[contact], cause="d", error=f"no {MAIL}"
    )
    StageEvent.objects.create(
        entity="deal", record=deal.pk, to_stage_id=deal.stage_id, at=now, user=firm.seller, note=f"{NAME}同意"
    )
    OwnerPeriod.objects.create(
        entity="deal", record=deal.pk, owner=firm.seller, from_at=now, to_at=now + dt.timedelta(1), reason=f"{NAME}要求"
    )


def _stored(firm: Any, name: str, content: bytes, **where: Any) -> StoredFile:
    stored = StoredFile(
        name=name, content_type="text/plain", size=len(content), sha256="", uploader=firm.seller, **where
    )
    stored.blob.save(str(stored.pk), ContentFile(content), save=False)
    stored.save()
    return stored


def _files(firm: Any, contact: UUID) -> None:
    """Attached, uploaded, reported, read: files in the codings of Chinese offices."""
    _stored(firm, f"{NAME}-名片.txt", f"{FILED[0]} {OWN[19]}".encode(), entity="contact", record=contact)
    rest = " ".join(OWN[20:])
    gbk = _stored(firm, "客户.csv", f"姓名,手机\n{NAME},{PHONE},{FILED[1]},{rest}\n".encode("gb18030"))
    wide = _stored(firm, "导出.csv", f"{FILED[2]}\t{MAIL}\n".encode("utf-16"))
    book = io.BytesIO()
    with xlsxwriter.Workbook(book) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, [NAME, FILED[3]])
        sheet.write_number(1, 0, int(SECOND))
    table = _stored(firm, "名单.xlsx", book.getvalue())
    options = {"phase": "done", "name": "客户.csv", "plan": {"columns": [{"samples": [NAME, int(PHONE)]}]}}
    result = {"run": {"problems": [{"row": 2, "value": f"+86{PHONE}"}]}}
    job = Job.objects.create(
        kind="import",
        entity="contact",
        user=firm.seller,
        state="done",
        options=options,
        result=result,
        source=gbk,
        report=table,
    )
    Job.objects.create(kind="export", entity="contact", user=firm.seller, state="done", report=wide)
    _stored(firm, "没有挂上.txt", f"{FILED[4]} {WRITTEN[5]}".encode())
    spool = Path(settings.HOME) / "imports"
    spool.mkdir(parents=True, exist_ok=True)
    (spool / f"{job.pk}.rows").write_text(json.dumps([NAME, FILED[5]], ensure_ascii=False), "utf-8")
