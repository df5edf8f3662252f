"""Rights at the edge: portal accounts, loans, levels of fields by status, reveals and their limits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from tests.registry.test_matrix import digest
from zhike.base.models import FieldGrant, Grant, Policy, Role, User
from zhike.engine import access, query, records, reveal
from zhike.engine.access import Actor, Limit
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Limited, Missing, Refused
from zhike.engine.kinds import Masked
from zhike.engine.models import History, Share
from zhike.engine.query import Condition, View

PHONE = "13912345678"


def make(firm: Any, who: str, key: str, **values: Any) -> Any:
    return records.create(firm.actor(who), get(key), {"name": f"{key}的名字", **values})


def seen(actor: Actor, key: str, action: str = "list") -> set[Any]:
    return set(query.visible(actor, get(key), action).values_list("pk", flat=True))


def portal(firm: Any, account: Any, *grants: tuple[str, str]) -> Actor:
    role = Role.objects.create(key="portal", name="门户")
    for entity, action in grants:
        Grant.objects.create(role=role, entity=entity, action=action, scope="account")
    Grant.objects.create(role=role, entity="deal", action="update", scope="all")  # means nothing in a portal
    user = User.objects.create_user("portal", name="门户", roles=[role.pk])
    return Actor(user, "portal", account=account.pk)


def test_a_portal_shows_what_belongs_to_its_customer(firm: Any) -> None:
    ours, other = make(firm, "seller", "account"), make(firm, "seller", "account", name="别家")
    mine = make(firm, "seller", "contact", account=ours.pk)
    make(firm, "seller", "contact", account=other.pk)
    deal = make(firm, "seller", "deal", account=ours.pk)
    actor = portal(firm, ours, ("account", "list"), ("contact", "list"), ("deal", "list"))
    assert (seen(actor, "account"), seen(actor, "contact"), seen(actor, "deal")) == ({ours.pk}, {mine.pk}, {deal.pk})
    assert seen(actor, "deal", "update") == set()
    assert seen(actor, "lead") == set()


def test_rights_of_the_portal_mean_nothing_inside(firm: Any) -> None:
    Grant.objects.create(role=Role.objects.get(key="seller"), entity="user", action="update", scope="account")
    assert seen(firm.actor("seller"), "user", "update") == set()


def test_somebody_without_a_role_reaches_nothing_that_is_shared(firm: Any) -> None:
    record = make(firm, "seller", "account")
    Share.objects.create(
        entity="account", record=record.pk, kind="user", target=firm.stranger.pk, level="read", by=firm.seller
    )
    assert seen(firm.actor("stranger"), "account") == {record.pk}
    User.objects.filter(pk=firm.stranger.pk).update(roles=[])
    assert seen(Actor(User.objects.get(pk=firm.stranger.pk)), "account") == set()


@pytest.mark.parametrize(
    ("days", "level", "action", "expected"),
    [
        (0, "read", "read", True),
        (0, "read", "update", False),
        (0, "write", "update", True),
        (0, "write", "delete", False),
        (0, "write", "transfer", False),
        (0, "write", "reveal", False),
        (-1, "write", "read", False),
    ],
)
def test_what_a_share_opens(firm: Any, days: int, level: str, action: str, expected: bool) -> None:
    record = make(firm, "seller", "account")
    until = timezone.localdate() + dt.timedelta(days=days)
    Share.objects.create(
        entity="account",
        record=record.pk,
        kind="user",
        target=firm.stranger.pk,
        level=level,
        until=until,
        by=firm.seller,
    )
    assert (record.pk in seen(firm.actor("stranger"), "account", action)) is expected


def test_why_gives_the_reasons_by_which_the_gate_decides(firm: Any) -> None:
    record = make(firm, "seller", "account")
    contact = make(firm, "stranger", "contact")
    records.update(firm.actor("admin"), get("contact"), contact.pk, {"account": record.pk})
    Share.objects.create(
        entity="account", record=record.pk, kind="user", target=firm.stranger.pk, level="read", by=firm.seller
    )

    def why(who: str, key: str, pk: Any) -> list[str]:
        return [part.reason for part in access.why(firm.actor(who), get(key), pk)]

    assert why("seller", "account", record.pk) == ["own"]
    assert why("manager", "account", record.pk) == ["subtree"]
    assert why("executive", "account", record.pk) == ["all"]
    assert why("stranger", "account", record.pk) == ["share"]
    assert why("colleague", "account", record.pk) == []
    assert why("seller", "contact", contact.pk) == ["via"]


def test_stored_conditions_narrow_a_right(firm: Any) -> None:
    role = Role.objects.get(key="seller")
    Grant.objects.create(role=role, entity="account", action="list", scope="all", conditions=[["tier", "eq", "A"]])
    key, other = make(firm, "stranger", "account", tier="A"), make(firm, "stranger", "account", tier="B")
    own = make(firm, "seller", "account", tier="C")
    assert seen(firm.actor("seller"), "account") == {key.pk, own.pk}
    assert other.pk not in seen(firm.actor("seller"), "account")


def test_a_limit_only_takes_away(firm: Any) -> None:
    make(firm, "stranger", "account")
    own = make(firm, "seller", "account")
    actor = firm.actor("seller").within(Limit.of(["*:*"]))
    assert seen(actor, "account") == {own.pk}
    assert seen(firm.actor("seller").within(Limit.of(["account:read"])), "account") == set()
    assert actor.office == firm.actor("admin").within(Limit.of(["*:*"])).office == ""


def test_a_field_may_be_closed_in_a_status(firm: Any) -> None:
    deal = make(firm, "seller", "deal", amount="100")
    FieldGrant.objects.create(
        role=Role.objects.get(key="seller"), entity="deal", key="amount", level="read", when="won"
    )
    records.update(firm.actor("seller"), get("deal"), deal.pk, {"amount": "120"})
    given = {"account": str(make(firm, "seller", "account").pk)}
    records.act(firm.actor("seller"), get("deal"), deal.pk, "win", given)
    before = digest()
    with pytest.raises(Refused):
        records.update(firm.actor("seller"), get("deal"), deal.pk, {"amount": "150"})
    assert digest() == before
    records.update(firm.actor("admin"), get("deal"), deal.pk, {"amount": "150"})


def test_the_mildest_role_decides_and_no_role_means_hidden(firm: Any) -> None:
    entity = get("account")
    a = entity.attributes["phone"]
    seller, manager = (Role.objects.get(key=k) for k in ("seller", "manager"))
    FieldGrant.objects.create(role=seller, entity="account", key="phone", level="hidden")
    assert access.level(firm.actor("seller"), entity, a) == "hidden"
    User.objects.filter(pk=firm.seller.pk).update(roles=[seller.pk, manager.pk])
    assert access.level(Actor(User.objects.get(pk=firm.seller.pk)), entity, a) == "masked"
    FieldGrant.objects.create(role=manager, entity="account", key="phone", level="write")
    assert access.level(Actor(User.objects.get(pk=firm.seller.pk)), entity, a) == "write"
    User.objects.filter(pk=firm.seller.pk).update(roles=[])
    assert access.level(Actor(User.objects.get(pk=firm.seller.pk)), entity, a) == "hidden"


def test_a_masked_value_that_comes_back_as_shown_is_not_written(firm: Any) -> None:
    record = make(firm, "seller", "account", phone=PHONE)
    actor = firm.actor("seller")
    page = query.record(actor, get("account"), record.pk)
    shown = page.rows[0].values["phone"]
    assert (type(shown), str(shown)) == (Masked, "139****5678")
    saved = records.update(actor, get("account"), record.pk, {"phone": str(shown), "remark": "新"})
    assert (saved.phone, saved.remark) == (f"+86{PHONE}", "新")
    assert records.update(actor, get("account"), record.pk, {"phone": "13800138000"}).phone == "+8613800138000"
    with pytest.raises(Invalid):
        records.update(actor, get("account"), record.pk, {"phone": "138****9999"})


def test_a_reveal_is_counted_and_kept(firm: Any) -> None:
    record = make(firm, "seller", "account", phone=PHONE)
    found = reveal.reveal(firm.actor("seller"), get("account"), record.pk, ["phone"])
    assert found == {"phone": f"+86{PHONE}"}
    entry = History.objects.get(action="reveal")
    assert (entry.actor, entry.record, entry.details["fields"]) == (firm.seller.pk, record.pk, ["phone"])
    assert PHONE not in str(entry.details)


@pytest.mark.parametrize(
    ("who", "keys", "error"),
    [
        ("stranger", ["phone"], Missing),
        ("seller", ["name"], Missing),
        ("seller", ["nothing"], Missing),
        ("seller", [], Missing),
        ("colleague", ["phone"], Missing),
    ],
)
def test_reveals_that_are_refused_leave_nothing(firm: Any, who: str, keys: list[str], error: Any) -> None:
    record = make(firm, "seller", "account", phone=PHONE)
    before = digest()
    with pytest.raises(error):
        reveal.reveal(firm.actor(who), get("account"), record.pk, keys)
    assert digest() == before


@pytest.mark.parametrize("limit", ["reveals_per_hour", "reveals_per_day"])
def test_reveals_end_at_the_firms_limit(firm: Any, limit: str) -> None:
    Policy.objects.create(pk=1, **{limit: 2})
    found = [make(firm, "seller", "account", phone=PHONE) for _n in range(3)]
    ask: Callable[[Any], Any] = lambda r: reveal.reveal(firm.actor("seller"), get("account"), r.pk, ["phone"])  # noqa: E731
    ask(found[0])
    ask(found[1])
    before = digest()
    with pytest.raises(Limited) as limited:
        ask(found[2])
    assert 0 < limited.value.after <= 86_400
    assert digest() == before


def test_who_may_not_reveal_cannot_spell_a_number(firm: Any) -> None:
    record = make(firm, "seller", "account", phone=PHONE)
    Grant.objects.filter(role__key="seller", entity="account").delete()
    for action in ("list", "read", "update"):
        Grant.objects.create(role=Role.objects.get(key="seller"), entity="account", action=action, scope="own")
    actor, entity = firm.actor("seller"), get("account")

    def found(**view: Any) -> list[Any]:
        return list(query.select(actor, entity, View(**view)).values_list("pk", flat=True))

    assert found(search="1234") == found(search="5678") == []
    assert found(search=PHONE) == found(conditions=(Condition("phone", "eq", PHONE),)) == [record.pk]
    for conditions in ((Condition("phone", "contains", "1234"),), (Condition("phone", "in", PHONE),)):
        with pytest.raises(Invalid):
            found(conditions=conditions)
    with pytest.raises(Invalid):
        found(sort="phone")
    assert found(search="account的") == [record.pk]


def test_a_number_of_somebody_elses_record_is_no_clearer_for_who_may_reveal_their_own(firm: Any) -> None:
    own = make(firm, "seller", "account", phone="13912340001")
    other = make(firm, "stranger", "account", phone="13912349999", name="别人的客户")
    Share.objects.create(
        entity="account", record=other.pk, kind="user", target=firm.seller.pk, level="write", by=firm.stranger
    )
    actor, entity = firm.actor("seller"), get("account")

    def found(**view: Any) -> set[Any]:
        return set(query.select(actor, entity, View(**view)).values_list("pk", flat=True))

    assert found() == {own.pk, other.pk}
    assert found(conditions=(Condition("phone", "contains", "1391234"),)) == {own.pk}
    assert found(conditions=(Condition("phone", "ne", "13800000000"),)) == {own.pk}
    assert found(search="2340001") == {own.pk}  # longer than any running number
    assert found(search="2349999") == set()
    assert found(search="13912349999") == {other.pk}
    assert found(search="别人") == found(search="bieren") == found(search="brdkh") == {other.pk}
    with pytest.raises(Invalid):
        found(sort="phone")
    contact = make(firm, "stranger", "contact", phone="13712345678")
    records.update(firm.actor("admin"), get("contact"), contact.pk, {"account": own.pk})
    assert contact.pk in seen(actor, "contact")
    view = View(search="5678")
    assert not query.select(actor, get("contact"), view).exists()


@pytest.mark.parametrize("who", ["seller", "nobody"])
def test_a_share_for_writing_is_no_way_to_own(firm: Any, who: str) -> None:
    record = make(firm, "stranger", "account")
    Share.objects.create(
        entity="account", record=record.pk, kind="user", target=firm.seller.pk, level="write", by=firm.stranger
    )
    given = {"owner": str(firm.seller.pk if who == "seller" else firm.colleague.pk)}
    before = digest()
    with pytest.raises(Invalid):
        records.update(firm.actor("seller"), get("account"), record.pk, given)
    assert digest() == before
    records.update(firm.actor("seller"), get("account"), record.pk, {"remark": "还可以改"})


def test_conditions_bind_what_is_made_and_handed_over(firm: Any) -> None:
    role = Role.objects.create(key="only-a", name="只管A")
    for action in ("list", "read", "create", "update", "transfer"):
        Grant.objects.create(role=role, entity="account", action=action, scope="all", conditions=[["tier", "eq", "A"]])
    User.objects.filter(pk=firm.seller.pk).update(roles=[role.pk])
    actor = Actor(User.objects.get(pk=firm.seller.pk))
    made = records.create(actor, get("account"), {"name": "甲", "tier": "A", "owner": str(firm.stranger.pk)})
    before = digest()
    attempts: list[Callable[[], Any]] = [
        lambda: records.create(actor, get("account"), {"name": "乙", "tier": "B"}),
        lambda: records.create(actor, get("account"), {"name": "乙", "tier": "B", "owner": str(firm.stranger.pk)}),
        lambda: records.update(actor, get("account"), made.pk, {"tier": "B", "owner": str(firm.colleague.pk)}),
        lambda: records.update(actor, get("account"), made.pk, {"tier": "B"}),
    ]
    for run in attempts:
        with pytest.raises(Refused):
            run()
    assert digest() == before


def test_somebody_who_has_left_reaches_nothing_by_any_door(firm: Any) -> None:
    make(firm, "seller", "account")
    for gone in ({"is_active": False}, {"is_active": True, "deleted_at": timezone.now()}):
        User.objects.filter(pk=firm.manager.pk).update(**gone)
        actor = Actor(User.objects.get(pk=firm.manager.pk))
        assert (seen(actor, "account"), actor.office, access.may(actor, get("account"), "create")) == (set(), "", False)


def test_what_is_only_read_is_not_brought_back(firm: Any) -> None:
    Grant.objects.create(role=Role.objects.get(key="seller"), entity="account", action="read", scope="all")
    theirs, own = make(firm, "stranger", "account"), make(firm, "seller", "account")
    records.delete_many(firm.actor("admin"), get("account"), [theirs.pk, own.pk])
    assert seen(firm.actor("manager"), "account") == set()
    assert records.restore_many(firm.actor("seller"), get("account"), [theirs.pk, own.pk]) == 1
    assert seen(firm.actor("admin"), "account") == {own.pk}


def test_every_action_of_an_entity_does_not_give_what_must_be_named(firm: Any) -> None:
    role = Role.objects.get(key="seller")
    for entity, action, expected in (("contact", "*", False), ("contact", "erase", True), ("*", "*", True)):
        Grant.objects.filter(role=role).delete()
        Grant.objects.create(role=role, entity=entity, action=action, scope="all")
        actor = Actor(User.objects.get(pk=firm.seller.pk))
        found = [access.may(actor, get("contact"), a) for a in ("update", "erase", "lock", "unlock")]
        assert found == [action == "*", expected, action == "*" == entity, action == "*" == entity]
