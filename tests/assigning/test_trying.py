"""The dry run: what rules would have done with the last 90 days, and that it leaves nothing behind."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.utils import timezone

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import History, Pool
from zhike.modules.assigning import deciding, document, trying
from zhike.modules.assigning.models import AssignmentRule, Decision

from .house import SHANGHAI, WORKING, leads, rule, sheet


def came(ids: list[Any], *moments: dt.datetime) -> None:
    for pk, at in zip(ids, moments, strict=True):
        get("lead").model._base_manager.filter(pk=pk).update(created_at=at)


def attempt(rulings: list[deciding.Ruling]) -> trying.Trial:
    return trying.attempt(get("lead"), rulings, WORKING + dt.timedelta(days=1))


def test_capacity_counts_by_day_and_nothing_is_written(firm: Any) -> None:
    made = rule(firm, who=[firm.seller.pk, firm.colleague.pk], name="旧")
    sheet(firm.seller, daily=1)
    ids = leads(firm, 6, source="referral")
    day = dt.timedelta(days=1)
    came(ids, *[WORKING - day] * 4, WORKING, WORKING - 100 * day)
    new = AssignmentRule(entity="lead", name="新", order=0)
    said = document.read({"who": [str(firm.seller.pk)], "conditions": [["source", "eq", "referral"]]})
    trial = attempt(trying.with_rule(get("lead"), new, said))
    assert (trial.records, trial.left) == (5, 0)
    assert trial.by_rule == {new.pk: [0, 0, 0], made.pk: [5, 0, 0]}  # the older one of the same place goes first
    new.order, made.order = 0, 1
    made.save()
    trial = attempt(trying.with_rule(get("lead"), new, said))
    assert trial.by_rule == {new.pk: [2, 3, 0], made.pk: [0, 0, 0]}
    seen = History.objects.count()
    trial = attempt(deciding.rules(get("lead")))
    shares = {s.id: (s.count, s.peak, s.full) for s in trial.shares}
    assert sum(count for count, *_more in shares.values()) == 5
    assert shares[firm.seller.pk][1:] == (1, shares[firm.seller.pk][0])
    assert History.objects.count() == seen
    assert Decision.objects.count() == 0
    assert AssignmentRule.objects.get().turn == 0


def test_what_only_people_on_duty_get_waits_for_the_morning(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk], must=[{"what": "on_duty"}])
    came(leads(firm, 1), dt.datetime(2026, 11, 21, 23, 0, tzinfo=SHANGHAI))
    (shown,) = attempt(deciding.rules(get("lead"))).sample
    assert timezone.localtime(shown.at) == dt.datetime(2026, 11, 23, 9, 0, tzinfo=SHANGHAI)
    assert shown.person_id == firm.seller.pk


def test_what_was_closed_since_makes_room(firm: Any) -> None:
    rule(firm, who=[firm.seller.pk])
    sheet(firm.seller, open_limit=1)
    first, second, third = leads(firm, 3)
    hour = dt.timedelta(hours=1)
    came([first, second, third], WORKING, WORKING + hour, WORKING + 3 * hour)
    get("lead").model._base_manager.filter(pk=first).update(closed_at=WORKING + 2 * hour)
    trial = attempt(deciding.rules(get("lead")))
    assert [(d.record, d.outcome) for d in trial.sample] == [(first, "given"), (second, "nobody"), (third, "given")]
    assert dict(trial.reasons) == {"open": 1}


def test_what_pools_let_people_hold_is_kept_and_what_they_do_not_count_is_not_counted(firm: Any) -> None:
    account = get("account")
    said = {"members": [str(firm.north.pk)], "limits": {"holding": [{"most": 1}], "uncounted": ["open_deal"]}}
    Pool.objects.create(entity="account", name="客户公海", document=said)
    rule(firm, entity="account", who=[firm.seller.pk])
    made = [records.create(firm.actor("admin"), account, {"name": name, "owner": None}).pk for name in "甲乙丙"]
    for n, pk in enumerate(made):
        account.model._base_manager.filter(pk=pk).update(created_at=WORKING + dt.timedelta(hours=n))

    def tried() -> trying.Trial:
        return trying.attempt(account, deciding.rules(account), WORKING + dt.timedelta(days=1))

    assert [(d.record, d.outcome) for d in tried().sample] == list(
        zip(made, ("given", "nobody", "nobody"), strict=True)
    )
    assert dict(tried().reasons) == {"holding": 2}
    records.create(firm.actor("admin"), get("deal"), {"name": "一单", "account": made[0]})
    assert [d.outcome for d in tried().sample] == ["given", "given", "nobody"]
