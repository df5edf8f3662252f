"""The pages: a rule is tried and saved, a record says why it is whose, and is taken or given on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import Pool
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Decision, Offer, Sheet

from .house import decisions, leads, owner, rule, sheet

BASE = "/settings/assigning"


def filled(firm: Any, **more: Any) -> dict[str, Any]:
    return {
        "name": "华东线索", "order": "1", "is_active": "1", "keyc0": "source", "opc0": "eq", "valuec0": "referral",
        "who_people": [str(firm.seller.pk)], "mode": "turn", "must": ["territory"], "least": "30", "prefer0": "skill",
        "accept_minutes": "30", "accept_rounds": "2", "accept_then": "manager", "respond": "60",
        "hours": "09:00-12:00，13:30-18:00", **more,
    }  # fmt: skip


def test_a_rule_is_tried_on_what_came_in_and_saved_as_it_was_tried(firm: Any) -> None:
    admin = firm.client("admin")
    leads(firm, 3, source="referral", region="310115")
    leads(firm, 1)
    sheet(firm.seller, territories=["310000"])
    firm.seller.hired_on = "2020-01-01"
    firm.seller.save()
    assert admin.post(f"{BASE}/new/lead", filled(firm)).status_code in (302, 303)
    text = admin.get(f"{BASE}/new/lead?try=1").content.decode()
    assert "王芳" in text
    assert Decision.objects.count() == AssignmentRule.objects.count() == 0
    tried = json.dumps(admin.session["assigning_draft"]["document"])
    kept = {"name": "华东线索", "order": "1", "is_active": "1", "document": tried}
    assert admin.post(f"{BASE}/new/lead", kept).status_code in (302, 303)
    made = AssignmentRule.objects.get()
    assert made.document["hours"] == [["09:00", "12:00"], ["13:30", "18:00"]]
    assert made.document["must"] == [{"what": "territory", "days": None}, {"what": "tenure_least", "days": 30}]
    assert "华东线索" in admin.get(BASE).content.decode()
    again = admin.get(f"{BASE}/{made.pk}").content.decode()
    assert "09:00-12:00, 13:30-18:00" in again
    admin.post(f"{BASE}/{made.pk}/remove")
    assert deciding.rules(get("lead")) == []


def test_conditions_that_the_form_has_no_lines_for_are_kept(firm: Any) -> None:
    either = ["any", ["region", "under", "310000"], ["region", "under", "320000"]]
    made = rule(firm, conditions=[either, ["source", "eq", "referral"]], who=[firm.seller.pk])
    admin = firm.client("admin")
    path = f"{BASE}/{made.pk}"
    assert "并且只限" in admin.get(path).content.decode()
    for kept, expected in (("1", [["source", "eq", "referral"], either]), ("", [["source", "eq", "referral"]])):
        admin.post(path, {**filled(firm), "keep_others": kept})
        assert admin.session["assigning_draft"]["document"]["conditions"] == expected


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"name": ""}, "name"), ({"who_people": []}, "who_people"), ({"hours": "9-18"}, "hours"),
        ({"hours": "13:00-12:00"}, "hours"), ({"accept_then": "person"}, "accept_person"),
        ({"accept_then": "pool"}, "accept_then"), ({"prefer0": "tenure_least"}, "prefer"), ({"least": "x"}, "least"),
        ({"prefer0": "territory", "prefer1": "territory"}, "prefer"), ({"valuec0": "nowhere"}, "conditions"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_and_nothing_is_kept(firm: Any, wrong: dict[str, Any], where: str) -> None:
    page = firm.client("admin").post(f"{BASE}/new/lead", filled(firm, **wrong))
    assert page.status_code == 422
    assert AssignmentRule.objects.count() == 0


def test_only_the_system_s_administrators_write_rules(firm: Any) -> None:
    made = rule(firm)
    for who in ("seller", "manager", "executive"):
        client = firm.client(who)
        paths = (BASE, f"{BASE}/people", f"{BASE}/new/lead", f"{BASE}/{made.pk}", f"{BASE}/people/{firm.seller.pk}")
        assert {client.get(path).status_code for path in paths} == {403}
        assert client.post(f"{BASE}/{made.pk}/remove").status_code == 403
        assert client.post(f"{BASE}/people/{firm.seller.pk}", {"is_receiving": "1"}).status_code == 403
    assert firm.client("admin").get(f"{BASE}/new/deal").status_code == 404


def test_what_rules_know_of_a_person(firm: Any) -> None:
    rule(firm)
    admin = firm.client("admin")
    assert "王芳" in admin.get(f"{BASE}/people").content.decode()
    path = f"{BASE}/people/{firm.seller.pk}"
    sent = {"is_receiving": "1", "daily": "8", "territories": ["310000"], "skills": "ERP，机床", "hours": "13:00-21:00"}
    assert admin.post(path, {**sent, "away_from": "2026-12-02", "away_until": "2026-12-01"}).status_code == 422
    assert admin.post(path, {**sent, "territories": ["999999"]}).status_code == 422
    assert admin.post(path, sent).status_code in (302, 303)
    kept = Sheet.objects.get(person=firm.seller)
    assert (kept.daily, kept.skills, kept.hours) == (8, ["ERP", "机床"], [["13:00", "21:00"]])
    assert "上海" in admin.get(f"{BASE}/people").content.decode()


def test_why_it_is_mine_and_taking_it(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.stranger.pk], must=[{"what": "territory"}], accept={"minutes": 30}, respond=60)
    sheet(firm.seller, territories=["310000"])
    (pk,) = leads(firm, 1, region="310115")
    deciding.run(get("lead"))
    offer = Offer.objects.get()
    client = firm.client("seller")
    text = client.get(f"/lead/{pk}").content.decode()
    assert f"/assigning/offer/{offer.pk}" in text
    assert "分给华北" in text
    assert "必须：负责区域包含该地区" in text
    assert "陈静" not in text  # whom else the rule names, a seller need not know
    assert "陈静" in firm.client("admin").get(f"/lead/{pk}").content.decode()
    assert f"/lead/{pk}" in client.get("/").content.decode()
    assert firm.client("stranger").post(f"/assigning/offer/{offer.pk}").status_code == 404
    assert client.post(f"/assigning/offer/{offer.pk}", {"do": "decline", "note": ""}).status_code in (302, 303)
    assert Offer.objects.get().state == Offer.State.WAITING
    client.post(f"/assigning/offer/{offer.pk}", {"do": "accept"})
    assert Offer.objects.get().state == Offer.State.ACCEPTED
    records.update(firm.actor("admin"), get("lead"), pk, {"owner": firm.colleague.pk})
    text = firm.client("colleague").get(f"/lead/{pk}").content.decode()
    assert "为什么" not in text.partition("timeline")[0]  # it stands no more


def test_rows_of_a_list_and_of_a_pool_are_given_by_rules(firm: Any) -> None:
    Pool.objects.create(
        entity="lead", name="线索公海", document={"members": [str(firm.north.pk)], "admins": [str(firm.manager.pk)]}
    )
    made = rule(firm, who=[firm.seller.pk])
    ticked, lying = leads(firm, 2)
    admin = firm.client("admin")
    page = admin.get(f"/assigning/run/lead?ids={ticked}").content.decode()
    assert "王芳" in page
    assert (owner(ticked), Decision.objects.count()) == (None, 0)
    admin.post("/assigning/run/lead", {"ids": str(ticked)})
    assert (owner(ticked), decisions(ticked)[0].by_id) == (firm.seller.pk, firm.admin.pk)
    pool = Pool.objects.get()
    firm.client("seller").post(f"/pools/{pool.pk}", {"do": "rules", "ids": str(lying)})
    assert decisions(lying) == []  # who keeps the pool has rules give; the seller took it, no more
    (other,) = leads(firm, 1)
    firm.client("manager").post(f"/pools/{pool.pk}", {"do": "rules", "ids": str(other)})
    assert (owner(other), decisions(other)[0].rule_id) == (firm.seller.pk, made.pk)
    assert firm.client("seller").get(f"/assigning/run/lead?ids={other}").status_code == 403


def test_what_was_not_answered_is_a_list(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk], respond=1)
    late, fresh = leads(firm, 2)
    deciding.run(get("lead"))
    rows = get("lead").model._base_manager
    rows.filter(pk=late).update(response_due_at="2026-01-01T00:00:00Z")
    text = firm.client("seller").get("/lead/?view=unanswered").content.decode()
    assert f"/lead/{late}" in text
    assert f"/lead/{fresh}" not in text
