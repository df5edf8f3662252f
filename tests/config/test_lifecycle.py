"""Draft, publish, roll back: as a whole, for everybody, by system administrators alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation

from zhike.base.models import Grant, Role, User
from zhike.engine import catalog, records
from zhike.engine.access import Actor
from zhike.engine.config import convert, lifecycle, uses
from zhike.engine.config.lifecycle import Unfit
from zhike.engine.entity import entities, get
from zhike.engine.errors import Conflict, Invalid, Refused
from zhike.engine.models import Configuration, History, SavedView

FIELD = {"kind": "text", "labels": {"zh-hans": "渠道层级"}}
AT = ("fields", "account", "x_level")


def publish(actor: Actor, **entries: Any) -> Configuration:
    """Put entries in force: keys are paths with two underscores for dots."""
    row = lifecycle.change(actor, {tuple(k.split("__")): v for k, v in entries.items()})
    return lifecycle.publish(actor, row.version)


def account(firm: Any, name: str, level: str) -> Any:
    """A customer with a value in the firm's field."""
    made = records.create(firm.actor("seller"), get("account"), {"name": name})
    get("account").rows("a test").filter(pk=made.pk).update(custom={"x_level": level})
    return made


def test_a_draft_is_seen_by_nobody_until_it_is_published(firm: Any) -> None:
    admin = firm.actor("admin")
    row = lifecycle.change(admin, {AT: FIELD})
    assert "x_level" not in get("account").attributes
    with catalog.preview(lifecycle.working()):
        assert "x_level" in get("account").attributes
    assert [(s.kind, s.where) for s in lifecycle.pending()] == [("added", "fields.account.x_level")]
    assert lifecycle.authors() == {"fields.account.x_level": "管理员"}
    made = lifecycle.publish(admin, row.version, "渠道")
    assert (made.number, lifecycle.draft(), lifecycle.pending()) == (1, None, [])
    assert "x_level" in get("account").attributes
    noted = History.objects.filter(entity="configuration", action="publish").get()
    assert (noted.actor, noted.details["paths"]) == (admin.user.pk, ["fields.account.x_level"])


def test_only_system_administrators_as_themselves(firm: Any) -> None:
    for name in ("seller", "manager", "executive"):
        with pytest.raises(Refused):
            lifecycle.change(firm.actor(name), {AT: FIELD})
    with pytest.raises(Refused):
        lifecycle.change(Actor(firm.admin, "web", by=firm.seller), {AT: FIELD})
    assert Configuration.objects.count() == 0


def test_what_does_not_fit_never_stands_in_the_draft(firm: Any) -> None:
    with pytest.raises(Unfit) as caught:
        lifecycle.change(firm.actor("admin"), {AT: {**FIELD, "kind": "choice"}})
    assert [p.path for p in caught.value.problems] == ["fields.account.x_level.choices"]
    assert lifecycle.draft() is None


def test_two_who_change_the_same_entry_are_told(firm: Any) -> None:
    admin = firm.actor("admin")
    blank = lifecycle.mark(None)
    lifecycle.change(admin, {AT: FIELD}, {AT: blank})
    with pytest.raises(Conflict):
        lifecycle.change(admin, {AT: {**FIELD, "required": True}}, {AT: blank})
    lifecycle.change(
        admin,
        {("fields", "account", "x_other"): {**FIELD, "labels": {"en": "Other"}}},
        {("fields", "account", "x_other"): blank},
    )
    assert set(lifecycle.working()["fields"]["account"]) == {"x_level", "x_other"}


def test_a_draft_that_somebody_changed_after_the_look_is_not_published(firm: Any) -> None:
    admin = firm.actor("admin")
    seen = lifecycle.change(admin, {AT: FIELD}).version
    lifecycle.change(admin, {AT: {**FIELD, "required": True}})
    with pytest.raises(Conflict):
        lifecycle.publish(admin, seen)
    assert lifecycle.published() is None


def test_a_stale_draft_is_carried_over(firm: Any) -> None:
    admin = firm.actor("admin")
    publish(admin, fields__account__x_level=FIELD)
    publish(admin, fields__account__x_level={**FIELD, "required": True})
    lifecycle.change(
        admin, {("fields", "account", "x_level", "help"): {"en": "Why"}, ("fields", "contact", "x_new"): FIELD}
    )
    lifecycle.roll_back(admin, 1)
    row = lifecycle.draft()
    assert row is not None
    with pytest.raises(Conflict):
        lifecycle.publish(admin, row.version)
    assert lifecycle.carry_over(admin) == ["fields.account.x_level"]
    row = lifecycle.draft()
    assert row is not None
    made = lifecycle.publish(admin, row.version)
    assert made.document["fields"] == {"account": {"x_level": FIELD}, "contact": {"x_new": FIELD}}


def test_rolling_back_brings_values_back(firm: Any) -> None:
    admin = firm.actor("admin")
    publish(admin, fields__account__x_level=FIELD)
    made = account(firm, "甲公司", "一级")
    publish(admin, fields__account__x_level=None)
    assert "x_level" not in get("account").attributes
    back = lifecycle.roll_back(admin, 1)
    assert back.number == 3
    again = get("account").rows("a test").get(pk=made.pk)
    assert get("account").attributes["x_level"].read(again) == "一级"


def test_a_new_object_has_the_rights_of_the_one_it_is_like(firm: Any) -> None:
    admin = firm.actor("admin")
    said = {"labels": {"zh-hans": "拜访"}, "like": "account", "via": ["x_account"]}
    link = {"kind": "link", "labels": {"zh-hans": "客户"}, "target": "account"}
    publish(admin, objects__x_visit=said, fields__x_visit__x_account=link)
    assert str(entities()["x_visit"].label) == "拜访"
    seller = Role.objects.get(key="seller")
    rights = {(g.action, g.scope) for g in Grant.objects.filter(role=seller, entity="x_visit")}
    assert rights == {(g.action, g.scope) for g in Grant.objects.filter(role=seller, entity="account")}


def test_the_system_administrator_gives_no_rights(firm: Any) -> None:
    role = Role.objects.create(key="sys", name="系统管理员", home="admin", office="system")
    person = User.objects.create_user("sys", name="系统", roles=[role.pk], department=firm.head_office)
    publish(Actor(person, "web"), objects__x_visit={"labels": {"zh-hans": "拜访"}, "like": "account"})
    assert not Grant.objects.filter(entity="x_visit").exists()


def test_values_follow_to_another_kind_or_nothing_is_published(firm: Any) -> None:
    admin = firm.actor("admin")
    publish(admin, fields__account__x_level=FIELD)
    good = account(firm, "甲公司", "12")
    bad = account(firm, "乙公司", "一打")
    number = {**FIELD, "kind": "integer"}
    assert convert.preview("account", "x_level", FIELD, number).lost == 1
    with pytest.raises(Invalid):
        publish(admin, fields__account__x_level=number)
    assert lifecycle.in_force()["fields"]["account"]["x_level"]["kind"] == "text"
    get("account").rows("a test").filter(pk=bad.pk).update(custom={"x_level": "7"})
    row = lifecycle.draft()
    assert row is not None
    lifecycle.publish(admin, row.version)
    a = get("account").attributes["x_level"]
    assert [a.read(get("account").rows("a test").get(pk=r.pk)) for r in (good, bad)] == [12, 7]


def test_what_would_break_is_told(firm: Any) -> None:
    admin = firm.actor("admin")
    publish(admin, fields__account__x_level=FIELD, layouts__account__list={"": ["name", "x_level"]})
    account(firm, "甲公司", "一级")
    SavedView.objects.create(
        entity="account",
        labels={"zh-hans": "一级渠道"},
        query={"where": [["x_level", "eq", "一级"]]},
        owner=firm.seller,
    )
    role = Role.objects.get(key="seller")
    Grant.objects.filter(role=role, entity="account", action="*").update(conditions=[["x_level", "eq", "一级"]])
    before = lifecycle.in_force()
    after = lifecycle.put(lifecycle.put(before, AT, None), ("layouts", "account"), None)
    with translation.override("en"):
        found = [(b.what, b.name.partition(" · ")[0]) for b in uses.impact(before, after)["fields.account.x_level"]]
    assert found == [
        ("layout", "columns of the list"),
        ("saved view", "一级渠道"),
        ("condition of a right", role.name),
        ("values that nobody will see", "1 records"),
    ]
    assert uses.counts(get("account"))["x_level"].count == 1
    assert uses.counts(get("account"))["name"].count == 1
