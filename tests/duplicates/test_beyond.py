"""Leads that are customers or contacts already: found, seen by who may, joined or called different."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from zhike.engine import operations, records, undo
from zhike.engine.duplicates import check, finder, groups
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import DuplicateGroup, DuplicateVerdict
from zhike.modules.leads import services

NAME, MOBILE = "上海华安精密机械有限公司", "13800138000"


def make(firm: Any, who: str, entity: str, **values: Any) -> UUID:
    return UUID(str(records.create(firm.actor(who), get(entity), values).pk))


def found(beyond: str = "account") -> list[tuple[UUID, ...]]:
    finder.run(get("lead"))
    rows = DuplicateGroup.objects.filter(entity="lead", beyond=beyond, state="open").order_by("-score")
    return [tuple(g.records) for g in rows]


def test_by_number_and_by_name_and_what_is_closed_or_linked_is_left_out(firm: Any) -> None:
    account = make(firm, "seller", "account", name=NAME, phone="021-62770334")
    by_name = make(firm, "seller", "lead", name="来电", company="上海华安精密机械")
    by_phone = make(firm, "seller", "lead", name="网站", phone="021-62770334")
    linked = make(firm, "seller", "lead", name="已关联", phone="021-62770334")
    records.maintain(get("lead"), {linked: {"account": account}}, "as old data has it")
    lost = make(firm, "seller", "lead", name="无效", phone="021-62770334")
    records.act(firm.actor("seller"), get("lead"), lost, "invalidate", {"lost_reason": "other"})
    assert set(found()) == {(by_name, account), (by_phone, account)}


def test_a_contact_comes_with_its_customer(firm: Any) -> None:
    account = make(firm, "seller", "account", name=NAME, phone=MOBILE)
    contact = make(firm, "seller", "contact", name="刘工", account=account, phone=MOBILE)
    lead = make(firm, "seller", "lead", name="来电", phone=MOBILE)
    assert (found(), found("contact")) == ([(lead, account)], [])
    records.update(firm.actor("seller"), get("account"), account, {"phone": ""})
    assert (found(), found("contact")) == ([], [(lead, contact)])
    page = firm.client("seller").get("/duplicates/lead").content.decode()
    assert f"/lead/{lead}/act/convert?contact={contact}" in page
    form = firm.client("seller").get(f"/lead/{lead}/act/convert?contact={contact}").content.decode()
    assert f'value="{account}" checked' in form


def test_the_page_joins_by_conversion_and_never_merges(firm: Any) -> None:
    account = make(firm, "seller", "account", name=NAME)
    other = make(firm, "seller", "account", name="别家")
    lead = make(firm, "seller", "lead", name="来电", company="上海华安精密机械", contact_name="刘工")
    assert found() == [(lead, account)]
    seller = firm.client("seller")
    page = seller.get("/duplicates/lead").content.decode()
    assert f"/lead/{lead}/act/convert?account={account}" in page
    assert "/merge/" not in page
    assert "上海华安精密机械" in page
    assert NAME in page
    form = seller.get(f"/lead/{lead}/act/convert?account={other}").content.decode()
    assert f'value="{other}" checked' in form
    assert seller.post(f"/lead/{lead}/act/convert?account={account}", {"account": str(account)}).status_code == 303
    group = DuplicateGroup.objects.get(beyond="account")
    assert (group.state, group.by) == ("merged", firm.seller)
    assert DuplicateVerdict.objects.get().verdict == "merged"
    assert groups.waiting(firm.actor("seller"), get("lead")) == []


def test_a_conversion_that_is_taken_back_opens_the_question_again(firm: Any) -> None:
    account = make(firm, "seller", "account", name=NAME)
    lead = make(firm, "seller", "lead", name="来电", company="上海华安精密机械")
    assert found() == [(lead, account)]
    actor = firm.actor("seller")
    with operations.recording(actor, get("lead"), "convert", record=lead) as tally:
        services.convert(actor, lead, account=account)
    assert DuplicateGroup.objects.get().state == "merged"
    assert tally.operation
    undo.undo(actor, tally.operation.pk)
    assert DuplicateGroup.objects.get().state == "open"
    assert not DuplicateVerdict.objects.exists()
    assert len(groups.waiting(actor, get("lead"))) == 1


def test_what_is_called_different_is_neither_found_nor_asked_again(firm: Any) -> None:
    make(firm, "seller", "account", name=NAME, phone=MOBILE)
    lead = make(firm, "seller", "lead", name="来电", phone=MOBILE)
    assert len(found()) == 1
    actor = firm.actor("seller")
    (group,) = groups.waiting(actor, get("lead"))
    groups.decide(actor, get("lead"), group.id, "different")
    assert found() == []
    with check.at("typed"):
        records.update(actor, get("lead"), lead, {"phone": ""})
        records.update(actor, get("lead"), lead, {"phone": MOBILE})
        with pytest.raises(Invalid):
            records.create(actor, get("lead"), {"name": "又一个", "phone": MOBILE})


def test_who_does_not_see_both_sees_nothing(firm: Any) -> None:
    make(firm, "stranger", "account", name=NAME)
    make(firm, "seller", "lead", name="来电", company="上海华安精密机械")
    assert len(found()) == 1
    pk = DuplicateGroup.objects.get().pk
    for who in ("seller", "stranger", "manager"):
        assert groups.waiting(firm.actor(who), get("lead")) == []
        with pytest.raises(Missing):
            groups.decide(firm.actor(who), get("lead"), pk, "different")
        assert NAME not in firm.client(who).get("/duplicates/lead").content.decode() or who == "stranger"
    (group,) = groups.waiting(firm.actor("executive"), get("lead"))
    assert group.beyond == "account"


def test_only_the_surest_few_are_offered_for_one(firm: Any) -> None:
    for n in range(6):
        make(firm, "seller", "account", name=f"第{n}家", phone=MOBILE)
    make(firm, "seller", "lead", name="来电", phone=MOBILE)
    assert len(found()) == 3
