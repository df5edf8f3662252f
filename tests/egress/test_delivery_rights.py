"""Messages to webhooks say what their owner may see and take out at the moment they are sent, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from conftest import Firm
from tests.egress.happening import account, hook, only, send, work
from tests.egress.receiver import Receiver
from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import records, webhooks
from zhike.engine.entity import get
from zhike.engine.models import Delivery

pytestmark = pytest.mark.usefixtures("opened")


def values(erp: Receiver) -> dict[str, Any]:
    """The values of the one record of the one message."""
    [message] = erp.messages
    [record] = message.data["records"]
    found: dict[str, Any] = record["values"]
    return found


def test_masked_stays_masked(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm, phone="13800138000", email="wang.fang@example.cn")
    work()
    send()
    body = erp.messages[0].body.decode()
    assert [secret for secret in ("13800138000", "wang.fang@") if secret in body] == []
    assert values(erp)["phone"] == "138****8000"
    masked = erp.messages[0].data["records"][0]["masked"]
    assert [key for key in ("email", "name", "phone") if key in masked] == ["email", "phone"]


def test_hidden_is_left_out(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm, remark="只有经理知道", registered_capital="777777")
    work()
    for key in ("remark", "registered_capital"):
        FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key=key, level="hidden")
    send()
    body = erp.messages[0].body.decode()
    found = ("remark", "只有经理知道", "registered_capital", "777777")
    assert [text for text in found if text in body] == []
    assert values(erp)["name"] == "上海宝钢"


def test_links_to_what_is_not_seen_are_left_out(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    one = account(firm)
    parent = account(firm, "stranger", name="集团公司")
    type(one)._base_manager.filter(pk=one.pk).update(parent=parent.pk)
    work()
    send()
    assert str(parent.pk) not in erp.messages[0].body.decode()
    assert values(erp)["parent"] is None


def nothing_left(erp: Receiver, error: str = "nothing") -> None:
    """No connection was made, and the message is finished."""
    send()
    stored = only()
    assert (len(erp.messages), stored.state, stored.error, stored.next_at) == (0, "dead", error, None)


def test_who_may_not_see_it_is_not_told_of_it(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp, "stranger")
    account(firm)
    assert work() == []
    assert Delivery.objects.count() == 0


def test_a_record_that_was_handed_over(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    one = account(firm)
    work()
    type(one)._base_manager.filter(pk=one.pk).update(owner=firm.stranger, department=firm.south)
    nothing_left(erp)


def test_only_the_records_that_are_left(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    first, second = records.create_many(firm.actor("seller"), get("account"), [{"name": "甲"}, {"name": "乙"}])
    work()
    type(first)._base_manager.filter(pk=first.pk).update(owner=firm.stranger, department=firm.south)
    send()
    assert [record["id"] for record in erp.messages[0].data["records"]] == [str(second.pk)]


def test_an_owner_who_lost_the_role(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    work()
    firm.seller.roles = []
    firm.seller.save(update_fields=["roles"])
    nothing_left(erp)


def test_an_owner_who_fell_from_manager_to_seller(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp, "manager")
    account(firm)
    work()
    firm.manager.roles = [Role.objects.get(key="seller").pk]
    firm.manager.save(update_fields=["roles"])
    nothing_left(erp)


@pytest.mark.parametrize("action", ["read", "export"])
def test_a_role_that_may_no_longer(firm: Firm, erp: Receiver, action: str) -> None:
    """What leaves by itself needs both: to be seen, and to be taken out."""
    hook(firm, erp)
    account(firm)
    work()
    role = Role.objects.get(key="seller")
    Grant.objects.filter(role=role, entity="account").delete()
    kept = [a for a in ("list", "read", "create", "update", "export") if a != action]
    Grant.objects.bulk_create(Grant(role=role, entity="account", action=a, scope="own") for a in kept)
    nothing_left(erp)


def test_an_owner_who_was_disabled(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    work()
    firm.seller.is_active = False
    firm.seller.save(update_fields=["is_active"])
    nothing_left(erp, "owner")
    assert work(times=2) == []


def test_a_webhook_that_was_switched_off_or_deleted(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    account(firm)
    work()
    webhooks.remove(firm.actor("seller"), made)
    nothing_left(erp, "off")


def test_what_is_deleted_is_told_by_id_alone(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp, events=("account.delete",))
    hook(firm, erp, "stranger", events=("account.delete",))
    one = account(firm)
    records.delete_many(firm.actor("seller"), get("account"), [one.pk])
    work()
    send()
    assert [message.data["records"] for message in erp.messages] == [[{"id": str(one.pk), "deleted": True}]]
