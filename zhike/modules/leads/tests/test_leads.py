"""Leads: converted once, into a customer that may be there already; invalid for a reason; reopened."""

from __future__ import annotations

from uuid import UUID

import pytest

from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import StageEvent
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads import services
from zhike.modules.leads.models import Lead
from zhike.modules.tests.helpers import Firm, act, create, refused, reload, stage, update


def lead(actor: Actor, **values: object) -> Lead:
    """A lead of a firm with a person in it."""
    given = {"name": "张伟", "company": "宝钢集团有限公司", "contact_name": "张伟", "phone": "13800138000", **values}
    found: Lead = create(actor, "lead", **given)
    return found


def count(model: type[Account | Contact]) -> int:
    """Live rows."""
    return model._base_manager.filter(deleted_at=None).count()


def test_a_new_lead_starts_in_the_first_stage(firm: Firm) -> None:
    made = lead(firm.seller, address="浙江省杭州市西湖区文三路 1 号")
    assert (made.stage_id, made.status, made.region) == (stage("lead", "new"), "open", "330106")


def test_converting_makes_customer_and_contact_of_the_leads_owner(firm: Firm) -> None:
    made = lead(firm.seller, source="exhibition", industry="31", position="采购经理", wechat="zhangwei")
    done = services.convert(firm.manager, made.pk)
    account, contact = reload("account", done.account_id), reload("contact", done.contact_id)
    assert (account.name, account.kind, account.source, account.industry, account.status, account.phone) == (
        "宝钢集团有限公司",
        "firm",
        "exhibition",
        "31",
        "intent",
        "",
    )
    assert (contact.name, contact.phone, contact.position, contact.account_id) == (
        "张伟",
        "+8613800138000",
        "采购经理",
        account.pk,
    )
    assert {account.owner_id, contact.owner_id} == {firm.seller.user.pk}
    stored = reload("lead", made.pk)
    assert (stored.status, stored.stage_id, stored.converted_at is None) == ("won", stage("lead", "converted"), False)
    assert query.page(firm.seller, get("lead"), query.parse(f"account__eq={account.pk}")).total == 1


def test_a_lead_is_converted_once(firm: Firm) -> None:
    made = lead(firm.seller)
    services.convert(firm.seller, made.pk)
    assert refused(services.convert, firm.seller, made.pk) == {"": ["converted"]}
    assert refused(update, firm.seller, "lead", made.pk, stage=stage("lead", "new")) == {"stage": ["converted"]}
    assert (count(Account), count(Contact)) == (1, 1)


def test_a_lead_is_not_moved_to_converted_but_imports_bring_converted_ones(firm: Firm) -> None:
    made = lead(firm.seller)
    assert refused(update, firm.seller, "lead", made.pk, stage=stage("lead", "converted")) == {"stage": ["convert"]}
    assert lead(firm.seller, stage=stage("lead", "converted")).status == "won"


@pytest.mark.parametrize(
    "known",
    [
        {"name": "别的名字", "uscc": "91350100M000100Y43"},
        {"name": "宝钢集团有限责任公司"},
        {"name": "别的名字", "phone": "13800138000"},
    ],
    ids=["code", "name", "phone"],
)
def test_converting_links_the_customer_that_is_there(firm: Firm, known: dict[str, str]) -> None:
    account = create(firm.seller, "account", **known)
    contact = create(firm.seller, "contact", name="张总", account=account.pk, phone="13800138000")
    done = services.convert(firm.seller, lead(firm.seller, uscc=known.get("uscc", "")).pk)
    assert (done.account_id, done.contact_id) == (account.pk, contact.pk)
    assert (count(Account), count(Contact)) == (1, 1)


def test_the_surest_match_wins(firm: Firm) -> None:
    create(firm.seller, "account", name="同一电话", phone="13800138000")
    create(firm.seller, "account", name="宝钢集团有限公司")
    code = create(firm.seller, "account", name="同一代码", uscc="91350100M000100Y43")
    made = lead(firm.seller, uscc="91350100M000100Y43")
    assert [m.why for m in services.candidates(firm.seller, made)] == ["uscc", "name", "phone"]
    assert services.convert(firm.seller, made.pk).account_id == code.pk


def test_a_chosen_customer_or_a_new_one_beats_the_match(firm: Firm) -> None:
    create(firm.seller, "account", name="宝钢集团有限公司")
    chosen = create(firm.seller, "account", name="宝信软件")
    assert services.convert(firm.seller, lead(firm.seller).pk, account=chosen.pk).account_id == chosen.pk
    services.convert(firm.seller, lead(firm.seller).pk, new_account=True)
    assert count(Account) == 3


def test_a_customer_out_of_sight_is_neither_linked_nor_told(firm: Firm) -> None:
    hidden = create(firm.stranger, "account", name="宝钢集团有限公司")
    made = lead(firm.seller)
    assert [m.id for m in services.candidates(firm.seller, made)] == [None]
    assert refused(services.convert, firm.seller, made.pk, account=hidden.pk) == {"account": ["invalid"]}
    assert reload("lead", made.pk).converted_at is None
    assert services.convert(firm.seller, made.pk).account_id != hidden.pk


def test_namesakes_stay_apart(firm: Firm) -> None:
    create(firm.seller, "account", name="张伟", kind="person", phone="13900139000")
    done = services.convert(firm.seller, lead(firm.seller, company="", contact_name="").pk)
    account = reload("account", done.account_id)
    assert (account.name, account.kind, account.phone, done.contact_id) == ("张伟", "person", "+8613800138000", None)
    assert count(Account) == 2


def test_nothing_is_made_when_the_conversion_fails(firm: Firm) -> None:
    made = lead(firm.seller, uscc="91350100M000100Y4Z")
    assert refused(services.convert, firm.seller, made.pk) == {"uscc": ["uscc"]}
    assert (count(Account), count(Contact)) == (0, 0)
    assert reload("lead", made.pk).version == made.version


def test_an_invalid_lead_needs_a_reason_and_can_come_back(firm: Firm) -> None:
    made = lead(firm.seller)
    assert refused(act, firm.seller, "lead", made.pk, "invalidate") == {"lost_reason": ["needed"]}
    gone = act(firm.seller, "lead", made.pk, "invalidate", lost_reason="spam", lost_note="广告")
    assert (gone.status, gone.lost_reason) == ("lost", "spam")
    assert refused(services.convert, firm.seller, made.pk) == {"": ["closed"]}
    back = act(firm.seller, "lead", made.pk, "reopen")
    assert (back.status, back.stage_id, back.lost_reason, back.lost_note) == ("open", stage("lead", "new"), "", "")
    assert StageEvent.objects.filter(record=made.pk).count() == 3


def test_others_can_neither_see_nor_convert(firm: Firm) -> None:
    made = lead(firm.seller)
    for outsider in (firm.colleague, firm.stranger):
        with pytest.raises(Missing):
            services.convert(outsider, made.pk)
    with pytest.raises(Refused):
        services.convert(firm.executive, made.pk)
    with pytest.raises(Missing):
        services.convert(firm.seller, UUID(int=0))
    assert count(Account) == 0


def test_a_score_lies_between_0_and_100(firm: Firm) -> None:
    assert refused(lead, firm.seller, score=101) == {"score": ["invalid"]}
    assert lead(firm.seller, score=100).score == 100


def test_many_leads_cost_as_many_queries_as_one(firm: Firm) -> None:
    made = records.create_many(firm.seller, get("lead"), [{"name": f"线索{n}"} for n in range(120)])
    assert len({m.stage_id for m in made}) == 1
    assert StageEvent.objects.filter(record__in=[m.pk for m in made]).count() == 120
