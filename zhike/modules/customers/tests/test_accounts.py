"""Rules of customers: codes, groups, finding the same one again, who sees what, deleting."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from zhike.base.models import User
from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import History, OwnerPeriod
from zhike.modules.customers import services
from zhike.modules.customers.models import Affiliation
from zhike.modules.tests.helpers import Firm, create, refused, reload, update

GOOD, WRONG = "91350100M000100Y43", "91350100M000100Y4Z"


def test_numbers_run_and_names_are_found_by_pinyin(firm: Firm) -> None:
    made = records.create_many(firm.seller, get("account"), [{"name": "宝钢集团"}, {"name": "长沙银行"}])
    first, second = (int(a.number.removeprefix("C")) for a in made)
    assert second == first + 1
    for term in ("宝钢", "bgjt", "baogang"):
        found = query.page(firm.seller, get("account"), query.View(search=term))
        assert [row.values["name"] for row in found.rows] == ["宝钢集团"]


def test_wrong_code_is_refused_by_hand_and_kept_with_a_warning_by_import(firm: Firm) -> None:
    assert refused(create, firm.seller, "account", name="甲", uscc=WRONG) == {"uscc": ["uscc"]}
    imported = create(Actor(firm.seller.user, "import"), "account", name="甲", uscc=WRONG)
    assert imported.uscc == WRONG
    assert create(firm.seller, "account", name="乙", uscc=" 91350100m000100y43 ").uscc == GOOD
    assert refused(create, firm.colleague, "account", name="丙", uscc=GOOD) == {"uscc": ["unique"]}


def test_import_hears_about_the_wrong_code(firm: Firm) -> None:
    change = records.Change(
        Actor(firm.seller.user, "import"), get("account"), get("account").model(name="甲", uscc=WRONG), "create", {}
    )
    services.tidy_account(change)
    assert len(change.extra["warnings"]) == 1
    assert change.errors == {}


def test_other_lengths_and_places_have_their_own_codes(firm: Firm) -> None:
    assert create(firm.seller, "account", name="老税号", uscc="110108123456789").uscc == "110108123456789"
    assert create(firm.seller, "account", name="台積電", uscc="22099131", region="710000").uscc == "22099131"
    assert refused(create, firm.seller, "account", name="台", uscc="22099132", region="710000") == {"uscc": ["uscc"]}


def test_region_comes_out_of_the_address_but_never_over_it(firm: Firm) -> None:
    assert create(firm.seller, "account", name="甲", address="广东省深圳市南山区科技园 1 号").region == "440305"
    kept = create(firm.seller, "account", name="乙", address="广东省深圳市南山区", region="110000")
    assert kept.region == "110000"


def test_groups_have_no_cycles_at_any_distance_nor_within_a_batch(firm: Firm) -> None:
    top = create(firm.seller, "account", name="集团")
    middle = create(firm.seller, "account", name="子公司", parent=top.pk)
    low = create(firm.seller, "account", name="孙公司", parent=middle.pk)
    assert refused(update, firm.seller, "account", top.pk, parent=low.pk) == {"parent": ["invalid"]}
    assert refused(update, firm.seller, "account", top.pk, parent=top.pk) == {"parent": ["invalid"]}
    assert reload("account", top.pk).parent_id is None
    a, b = (create(firm.seller, "account", name=name) for name in "甲乙")
    assert refused(
        records.update_many, firm.seller, get("account"), {a.pk: {"parent": b.pk}, b.pk: {"parent": a.pk}}
    ) == {"parent": ["invalid"]}


def test_creating_asks_as_often_for_one_as_for_fifty(firm: Firm) -> None:
    top = create(firm.seller, "account", name="集团")
    create(firm.seller, "account", name="先问一次权限", parent=top.pk, phone="13800000000")
    counts = []
    for n in (1, 50):
        with CaptureQueriesContext(connection) as captured:
            rows = [{"name": f"子公司{n}-{i}", "parent": top.pk, "phone": f"138{n:04}{i:04}"} for i in range(n)]
            records.create_many(firm.seller, get("account"), rows)
        counts.append(len(captured))
    assert counts[0] == counts[1]


def test_same_customer_is_told_without_giving_away_a_colleague(firm: Firm) -> None:
    create(firm.stranger, "account", name="华为技术有限公司", phone="0755-28780808")
    (seen,) = services.matches(firm.stranger, name="华为技术")
    (hidden,) = services.matches(firm.seller, name="华为技术有限公司", phone="+8675528780808")
    assert (seen.why, seen.name) == ("name", "华为技术有限公司")
    assert (hidden.why, hidden.id, hidden.name, hidden.department) == ("name", None, "", "华南")
    assert services.matches(firm.seller, name="华为软件") == []


def test_a_customer_belongs_to_its_owner_and_moves_with_him(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    assert account.department_id == firm.east.pk
    for outsider in (firm.colleague, firm.stranger):
        with pytest.raises(Missing):
            query.record(outsider, get("account"), account.pk)
    moved = update(firm.manager, "account", account.pk, owner=firm.stranger.user.pk)
    assert (moved.owner_id, moved.department_id, moved.ancestors) == (
        firm.stranger.user.pk,
        firm.south.pk,
        firm.south.ancestors,
    )
    with pytest.raises(Missing):
        query.record(firm.seller, get("account"), account.pk)
    periods = OwnerPeriod.objects.filter(record=account.pk).order_by("from_at")
    assert [(p.owner_id, p.to_at is None) for p in periods] == [
        (firm.seller.user.pk, False),
        (firm.stranger.user.pk, True),
    ]


def test_records_follow_a_person_to_another_department(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    update(firm.admin, "user", firm.seller.user.pk, department=firm.south.pk)
    assert reload("account", account.pk).department_id == firm.south.pk
    mover = Actor(User.objects.get(pk=firm.seller.user.pk))
    assert query.record(mover, get("account"), account.pk).total == 1


def test_contacts_are_seen_through_their_customer(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    contact = create(firm.manager, "contact", name="张伟", account=account.pk)
    assert contact.owner_id == firm.manager.user.pk
    assert query.record(firm.seller, get("contact"), contact.pk).rows[0].values["name"] == "张伟"
    with pytest.raises(Missing):
        query.record(firm.colleague, get("contact"), contact.pk)
    tie = Affiliation.objects.get(contact=contact)
    assert query.record(firm.seller, get("affiliation"), tie.pk).total == 1
    with pytest.raises(Missing):
        query.record(firm.stranger, get("affiliation"), tie.pk)
    refused_link = refused(create, firm.stranger, "contact", name="李四", account=account.pk)
    assert refused_link == {"account": ["invalid"]}


def test_parts_cannot_be_added_to_a_customer_of_somebody_else(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    values = {"account": account.pk, "detail": "南京路 1 号"}
    assert refused(create, firm.stranger, "address", **values) == {"account": ["invalid"]}
    assert create(firm.seller, "address", **values).account_id == account.pk
    with pytest.raises(Refused):
        create(firm.executive, "address", **values)


def test_a_customer_is_not_deleted_while_it_has_contacts(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲", phone="13800138000")
    contact = create(firm.seller, "contact", name="张伟", account=account.pk)
    assert refused(records.delete_many, firm.seller, get("account"), [account.pk]) == {"": ["needed"]}
    records.delete_many(firm.seller, get("contact"), [contact.pk])
    assert records.delete_many(firm.seller, get("account"), [account.pk]) == 1
    with pytest.raises(Missing):
        query.record(firm.seller, get("account"), account.pk)
    assert records.restore_many(firm.seller, get("account"), [account.pk]) == 1


def test_a_change_of_employer_ends_one_relation_and_begins_another(firm: Firm) -> None:
    old, new = (create(firm.seller, "account", name=name) for name in ("旧东家", "新东家"))
    contact = create(firm.seller, "contact", name="张伟", account=old.pk, position="采购经理")
    update(firm.seller, "contact", contact.pk, account=new.pk)
    ties = Affiliation.objects.filter(contact=contact).order_by("created_at")
    assert [(t.account_id, t.to_on is None) for t in ties] == [(old.pk, False), (new.pk, True)]
    update(firm.seller, "contact", contact.pk, employment="left", left_on=dt.date(2030, 1, 31))
    assert Affiliation.objects.get(contact=contact, account=new).to_on == dt.date(2030, 1, 31)
    found = query.page(firm.seller, get("affiliation"), query.parse(f"contact__eq={contact.pk}&is_current__eq=0"))
    assert [row.values["account"] for row in found.rows] == []  # it ends today, and today still counts


def test_a_relation_ends_after_it_began(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    contact = create(firm.seller, "contact", name="张伟")
    values = {"contact": contact.pk, "account": account.pk, "from_on": "2025-02-01", "to_on": "2025-01-01"}
    assert refused(create, firm.seller, "affiliation", **values) == {"to_on": ["invalid"]}


def test_every_change_leaves_a_trace(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    update(firm.seller, "account", account.pk, tier="A")
    entries = History.objects.filter(record=account.pk).order_by("id")
    assert [e.action for e in entries] == ["create", "update"]
    assert entries[1].changes == {"tier": ["", "A"]}
    assert entries[1].actor == firm.seller.user.pk


def test_days_without_contact_count_from_the_beginning_where_there_was_none(firm: Firm) -> None:
    old = timezone.now() - dt.timedelta(days=40, hours=1)
    records.create_many(
        firm.seller, get("account"), [{"name": "久未联系"}, {"name": "新客户"}], at=[old, timezone.now()]
    )
    neglected = next(v for v in get("account").views if v.key == "neglected")
    found = query.page(firm.seller, get("account"), query.parse(neglected.query).but(columns=("name", "idle_days")))
    assert [(r.values["name"], r.values["idle_days"]) for r in found.rows] == [("久未联系", 40)]


@pytest.mark.parametrize("key", ["account", "contact", "lead", "deal", "activity", "product", "competitor", "tag"])
def test_every_offered_list_can_be_opened(firm: Firm, key: str) -> None:
    for view in get(key).views:
        assert query.page(firm.seller, get(key), query.parse(view.query)).rows == []
