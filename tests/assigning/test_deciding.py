"""Who gets what: the stated rule and the decision agree, turns are fair, limits hold, and nothing goes unnoticed."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from typing import Any

import pytest
from django.utils import timezone

from zhike.base.models import Department
from zhike.bench import assigning as bench
from zhike.bench import assigning_check
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import Notice, OwnerPeriod, Pool
from zhike.modules.assigning import choosing, deciding, telling
from zhike.modules.assigning.models import Decision

from .house import WORKING, crowd, decisions, drawn, is_workday, leads, owner, plain, rule, sheet

Outcome = Decision.Outcome
MUST = [{"what": "tenure_least", "days": 30}]
RULES: dict[str, list[dict[str, Any]]] = {
    "turn": [{"must": MUST}],
    "load": [{"mode": "load", "must": MUST, "prefer": [{"what": "territory"}, {"what": "skill"}]}],
    "strict": [
        {"must": [{"what": "territory"}, {"what": "on_duty"}], "prefer": [{"what": "tenure_most", "days": 365}]}
    ],
    "several": [
        {
            "conditions": [["source", "eq", "referral"], ["region", "under", "310000"]],
            "must": [{"what": "territory"}, {"what": "skill"}],
        },
        {"conditions": [["interest", "contains", "crm"]], "mode": "load", "prefer": [{"what": "skill"}]},
        {"conditions": [["score", "gte", 70]], "mode": "hand"},
        {"conditions": [["any", ["region", "under", "440000"], ["region", "eq", "110105"]]], "must": MUST},
    ],
}


def run(**more: Any) -> deciding.Done:
    return deciding.run(get("lead"), now=WORKING, **more)


@pytest.mark.parametrize(
    ("rules", "count"),
    [
        *[pytest.param(rules, 150, id=name) for name, rules in RULES.items()],
        *[pytest.param(rules, 10_000, id=f"{name}-10000", marks=pytest.mark.long) for name, rules in RULES.items()],
    ],
)
def test_stated_rule_and_decision_agree_for_every_one(firm: Any, rules: list[dict[str, Any]], count: int) -> None:
    place = Department(name="电销")
    place.ancestors = [place.pk]
    place.save()
    people = [plain(p) for p in crowd(place, 24)]
    asked = drawn(firm, count)
    made = [rule(firm, who=[place.pk], hours=[["09:00", "18:00"]], order=n, **said) for n, said in enumerate(rules)]
    run(ids=[one["id"] for one in asked])
    said = [{"key": r.pk, "document": r.document} for r in made]
    stated = assigning_check.replay(said, people, asked, WORKING.replace(tzinfo=None), is_workday)
    got = bench.decided([one["id"] for one in asked])
    assert {pk: (one, stated[pk]) for pk, one in got.items() if one != stated[pk]} == {}
    assert len(got) == count
    kinds = {outcome for _rule, outcome, _person in got.values()}
    assert kinds >= ({"", "hand", "nobody", "given"} if len(rules) > 1 else {"given"})
    if rules == RULES["turn"]:
        free = [p["id"] for p in people if p["receiving"] and not (p["away"] or p["daily"] or p["open_limit"])]
        assert assigning_check.spread([person for *_rest, person in got.values()], free) <= 1


def test_turns_are_fair_within_one_whatever_the_batches(firm: Any) -> None:
    rule(firm)
    for n in (5, 2, 7, 1):
        run(ids=leads(firm, n))
    got = Decision.objects.values_list("person", flat=True)
    assert assigning_check.spread(got, [firm.seller.pk, firm.colleague.pk, firm.manager.pk]) == 0


def test_the_write_path_leaves_its_traces_and_people_are_told(firm: Any) -> None:
    made = rule(firm, who=[firm.seller.pk])
    (pk,) = leads(firm, 1)
    assert run().given == 1
    lead = get("lead").model._base_manager.get(pk=pk)
    assert (lead.owner_id, lead.department_id) == (firm.seller.pk, firm.north.pk)
    period = OwnerPeriod.objects.get(record=pk, to_at=None)
    assert (period.owner_id, period.by_id, period.reason) == (firm.seller.pk, None, "规则“分给华北”")
    (decision,) = decisions(pk)
    assert (decision.rule_id, decision.person_id, decision.outcome, decision.by_id) == (
        made.pk,
        firm.seller.pk,
        "given",
        None,
    )
    assert Notice.objects.get(user=firm.seller, kind="assigned").record == pk
    assert run().given == 0


def test_the_first_rule_that_a_record_meets_decides_and_what_meets_none_stays(firm: Any) -> None:
    rule(firm, order=2, who=[firm.colleague.pk], name="其余", conditions=[["source", "eq", "referral"]])
    rule(
        firm,
        order=1,
        who=[firm.seller.pk],
        name="上海",
        conditions=[["region", "eq", "310115"], ["source", "eq", "referral"]],
    )
    (both,) = leads(firm, 1, region="310115", source="referral")
    (second,) = leads(firm, 1, region="110105", source="referral")
    (none,) = leads(firm, 1, region="110105")
    done = run(ids=[both, second, none])
    assert [owner(pk) for pk in (both, second, none)] == [firm.seller.pk, firm.colleague.pk, None]
    assert (done.given, done.left, decisions(none)) == (2, 1, [])


def test_whom_nobody_fits_waits_visibly_and_is_noted_once(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk], must=[{"what": "territory"}])
    (pk,) = leads(firm, 1, region="310115")
    for _n in range(3):
        assert run().nobody == 1
    (noted,) = decisions(pk)
    assert (noted.outcome, noted.why["left"]) == (Outcome.NOBODY, [[str(firm.seller.pk), "territory"]])
    sheet(firm.seller, territories=["310000"])
    assert run().given == 1
    assert owner(pk) == firm.seller.pk


def test_who_is_full_or_away_gets_nothing(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk, firm.manager.pk])
    sheet(firm.seller, daily=2)
    sheet(firm.colleague, open_limit=1)
    sheet(firm.manager, away_from=dt.date(2026, 11, 1), away_until=dt.date(2026, 11, 23))
    ids = leads(firm, 5)
    assert run(ids=ids[:3]).given == 3
    assert (run(ids=ids).given, run(ids=ids).nobody) == (0, 2)
    reasons = {reason for d in Decision.objects.filter(outcome="nobody") for _pk, reason in d.why["left"]}
    assert reasons == {choosing.DAILY, choosing.OPEN, choosing.AWAY}
    later = deciding.run(get("lead"), ids, now=WORKING + dt.timedelta(days=1))
    assert later.given == 2
    assert {owner(pk) for pk in ids} == {firm.seller.pk, firm.colleague.pk, firm.manager.pk}


def test_what_a_pool_lets_people_hold_is_kept(firm: Any) -> None:
    said = {"members": [str(firm.north.pk)], "limits": {"holding": [{"most": 1}]}}
    Pool.objects.create(entity="lead", name="线索公海", document=said)
    rule(firm, who=[firm.seller.pk])
    first, second = leads(firm, 2)
    assert (run().given, owner(second)) == (1, None)
    assert owner(first) == firm.seller.pk
    assert decisions(second)[0].why["left"] == [[str(firm.seller.pk), choosing.HOLDING]]


def test_a_limit_of_a_department_together_is_one_for_all_its_people_within_a_batch(firm: Any) -> None:
    held = [{"most": 2, "who": str(firm.north.pk), "together": True}]
    said = {"members": [str(firm.north.pk), str(firm.south.pk)], "limits": {"holding": held}}
    Pool.objects.create(entity="lead", name="线索公海", document=said)
    rule(firm, who=[firm.seller.pk, firm.colleague.pk, firm.stranger.pk])
    ids = leads(firm, 6)
    done = run()
    assert (done.given, done.nobody, done.failed) == (6, 0, 0)
    got = Counter(owner(pk) for pk in ids)
    assert (got[firm.seller.pk] + got[firm.colleague.pk], got[firm.stranger.pk]) == (2, 4)


def test_a_record_without_a_pool_counts_for_every_limit(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk])
    first, second = leads(firm, 2)
    for name in ("华北", "全国"):
        said = {"members": [str(firm.north.pk)], "limits": {"holding": [{"most": 1}]}}
        Pool.objects.create(entity="lead", name=name, document=said)
    get("lead").model._base_manager.update(pool=None)
    done = run()
    assert (done.given, done.nobody, done.failed) == (1, 1, 0)
    assert decisions(second)[0].why["left"] == [[str(firm.seller.pk), choosing.HOLDING]]
    assert owner(first) == firm.seller.pk


def test_only_what_never_had_an_owner_is_given_by_itself(firm: Any) -> None:
    rule(firm, who=[firm.colleague.pk])
    mine = records.create(firm.actor("seller"), get("lead"), {"name": "我的"})
    records.update(firm.actor("admin"), get("lead"), mine.pk, {"owner": None})
    assert (run().given, owner(mine.pk)) == (0, None)
    assert run(ids=[mine.pk], by=firm.admin).given == 1
    assert decisions(mine.pk)[0].by_id == firm.admin.pk


def test_a_rule_whose_field_is_gone_gives_nothing_and_stops_no_other(firm: Any) -> None:
    rule(firm, order=1, who=[firm.seller.pk], conditions=[["gone", "eq", "1"]])
    rule(firm, order=2, who=[firm.colleague.pk])
    (pk,) = leads(firm, 1)
    assert run().given == 1
    assert owner(pk) == firm.colleague.pk
    assert "条件已失效" in firm.client("admin").get("/settings/assigning").content.decode()


def test_by_hand_leaves_it_where_it_is(firm: Any) -> None:
    rule(firm, mode="hand", who=[])
    (pk,) = leads(firm, 1)
    assert (run().hand, run().hand, owner(pk)) == (1, 1, None)
    assert [d.outcome for d in decisions(pk)] == [Outcome.HAND]


def test_customers_too(firm: Any) -> None:
    rule(firm, entity="account", who=[firm.seller.pk])
    made = records.create(firm.actor("admin"), get("account"), {"name": "无主客户", "owner": None})
    assert deciding.run(get("account"), now=timezone.now()).given == 1
    assert owner(made.pk, "account") == firm.seller.pk


def test_territories() -> None:
    assert choosing.covers(["310000"], "310115")
    assert not choosing.covers(["310100", "320000"], "330100")
    assert not choosing.covers(["310000"], "")


def test_whom_a_rule_prefers_goes_first_and_who_was_passed_over_is_named(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk, firm.colleague.pk], prefer=[{"what": "skill"}, {"what": "territory"}])
    sheet(firm.colleague, territories=["310000"])
    first, second = leads(firm, 2, region="310115", interest="ERP")
    run(ids=[first, second])
    assert (owner(first), owner(second)) == (firm.colleague.pk, firm.colleague.pk)
    (decision,) = decisions(second)
    assert (decision.why["preferred"], decision.why["left"]) == (["territory"], [[str(firm.seller.pk), "passed"]])
    told = telling.told(decision, "轮流", telling.people_in([decision]))
    assert told.text == f"规则“轮流”分给了{firm.colleague.name}：在合适的人里，只有这一位符合优先条件。"
    assert (told.terms, told.left) == (["优先：负责区域包含该地区"], [(firm.seller.name, "合适，但别人更优先")])
