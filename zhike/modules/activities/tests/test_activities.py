"""Activities: two states of one thing, and the last contact and next follow-up that they leave elsewhere."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from procrastinate.contrib.django.models import ProcrastinateJob

from zhike.engine import outbox, query, records
from zhike.engine.entity import get
from zhike.engine.errors import Missing
from zhike.modules.activities import services
from zhike.modules.activities.models import Activity
from zhike.modules.leads import services as leads
from zhike.modules.tests.helpers import Firm, act, create, refused, reload, update

NOON = dt.datetime(2026, 3, 5, 12, tzinfo=timezone.get_default_timezone())


def test_status_and_times_agree(firm: Firm) -> None:
    task = create(firm.seller, "activity", subject="寄样品")
    assert (task.kind, task.status, task.done_at) == ("task", "planned", None)
    done = act(firm.seller, "activity", task.pk, "complete", result="completed")
    assert done.status == "done"
    assert abs((timezone.now() - done.done_at).total_seconds()) < 60
    assert refused(act, firm.seller, "activity", task.pk, "complete") == {"": ["done"]}
    again = act(firm.seller, "activity", task.pk, "reopen")
    assert (again.status, again.done_at, again.result) == ("planned", None, "")
    assert act(firm.seller, "activity", task.pk, "cancel").status == "cancelled"
    assert create(firm.seller, "activity", kind="note", body="第一行\n第二行").subject == "第一行"
    assert create(firm.seller, "activity", kind="task", done_at=NOON).status == "done"


def test_a_result_fits_its_kind_and_a_call_is_with_somebody(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    assert refused(create, firm.seller, "activity", kind="call") == {"account": ["required"]}
    wrong = {"kind": "visit", "account": account.pk, "result": "no_answer"}
    assert refused(create, firm.seller, "activity", **wrong) == {"result": ["invalid"]}
    assert set(services.RESULTS) == set(Activity.Kind.values)
    assert {r for results in services.RESULTS.values() for r in results} == set(Activity.Result)


def test_links_bring_their_customer_along(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    contact = create(firm.seller, "contact", name="张伟", account=account.pk)
    deal = create(firm.seller, "deal", name="项目", account=account.pk)
    for link in ({"contact": contact.pk}, {"deal": deal.pk}):
        assert create(firm.seller, "activity", kind="call", **link).account_id == account.pk


def test_one_call_logs_what_was_done_and_plans_what_comes_next(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    day = timezone.localdate() + dt.timedelta(days=3)
    done, planned = services.log(
        firm.seller,
        entity="account",
        pk=account.pk,
        kind="call",
        body="谈了价格",
        result="connected",
        next_on=day,
        next_subject="回访",
        key="abc",
    )
    assert planned is not None
    assert (done.subject, done.status, planned.subject, planned.kind, planned.status) == (
        "谈了价格",
        "done",
        "回访",
        "call",
        "planned",
    )
    stored = reload("account", account.pk)
    assert (stored.last_contact_at, stored.next_follow_up_on) == (done.done_at, day)
    repeated = services.log(
        firm.seller, entity="account", pk=account.pk, kind="call", body="谈了价格", next_on=day, key="abc"
    )
    assert [a.pk for a in repeated if a] == [done.pk, planned.pk]
    later, nothing = services.log(
        firm.seller, entity="account", pk=account.pk, kind="call", body="已回访", completes=planned.pk
    )
    assert (later.pk, nothing) == (planned.pk, None)
    stored = reload("account", account.pk)
    assert (stored.last_contact_at, stored.next_follow_up_on) == (later.done_at, None)


def test_logging_is_all_or_nothing_and_only_where_one_may_see(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    with pytest.raises(Missing):
        services.log(firm.stranger, entity="account", pk=account.pk, kind="note", body="偷看")
    wrong = {"entity": "account", "pk": account.pk, "kind": "call", "next_on": timezone.localdate(), "next_kind": "无"}
    assert refused(services.log, firm.seller, **wrong) == {"kind": ["invalid"]}
    assert Activity._base_manager.count() == 0


def test_notes_and_plans_are_no_contact(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    services.log(firm.seller, entity="account", pk=account.pk, kind="note", body="记一笔")
    create(firm.seller, "activity", kind="call", account=account.pk, due_at=NOON)
    stored = reload("account", account.pk)
    assert (stored.last_contact_at, stored.next_follow_up_on) == (None, NOON.date())


def test_a_day_is_the_day_in_shanghai(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    early = dt.datetime(2026, 3, 4, 17, tzinfo=dt.UTC)
    create(firm.seller, "activity", kind="call", account=account.pk, due_at=early)
    assert reload("account", account.pk).next_follow_up_on == dt.date(2026, 3, 5)


def test_the_first_contact_is_the_response_to_a_lead(firm: Firm) -> None:
    lead = create(firm.seller, "lead", name="线索")
    for minutes in (30, 10):
        done_at = lead.created_at + dt.timedelta(minutes=minutes)
        services.log(firm.seller, entity="lead", pk=lead.pk, kind="call", done_at=done_at)
    page = query.record(firm.seller, get("lead"), lead.pk)
    assert page.rows[0].values["response_minutes"] == 10


def test_follow_ups_of_a_lead_appear_on_its_customer(firm: Firm) -> None:
    lead = create(firm.seller, "lead", name="张伟", company="宝钢", contact_name="张伟", phone="13800138000")
    done, _none = services.log(firm.seller, entity="lead", pk=lead.pk, kind="call", done_at=NOON)
    converted = leads.convert(firm.seller, lead.pk)
    job = ProcrastinateJob.objects.get(task_name="zhike.deliver", args__name="lead.convert")
    outbox.deliver(**job.args)
    stored = reload("activity", done.pk)
    assert (stored.lead_id, stored.account_id, stored.contact_id) == (
        lead.pk,
        converted.account_id,
        converted.contact_id,
    )
    assert reload("account", converted.account_id).last_contact_at == NOON
    later = create(firm.seller, "activity", kind="call", lead=lead.pk)
    assert later.account_id == converted.account_id


def test_a_colleagues_work_is_seen_through_the_customer(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    visit = create(firm.manager, "activity", kind="visit", account=account.pk)
    assert query.record(firm.seller, get("activity"), visit.pk).total == 1
    with pytest.raises(Missing):
        query.record(firm.colleague, get("activity"), visit.pk)


def test_todays_work_is_counted_by_day(firm: Firm) -> None:
    today = timezone.localdate()
    for days in (-2, -1, 0, 0, 0, 1, 7, 8):
        create(firm.seller, "activity", subject=f"{days}", due_at=today + dt.timedelta(days=days))
    create(firm.manager, "activity", subject="别人的", due_at=today)
    counts = {
        name: query.page(firm.seller, get("activity"), view).total for name, view in services.due(firm.seller).items()
    }
    assert counts == {"overdue": 2, "today": 3, "upcoming": 2}


def test_many_activities_cost_as_many_queries_as_one(firm: Firm) -> None:
    accounts = records.create_many(firm.seller, get("account"), [{"name": f"客户{n}"} for n in range(50)])
    records.create(firm.seller, get("activity"), {"kind": "call", "account": accounts[0].pk, "done_at": NOON})
    counts = []
    for size in (1, 50):
        rows = [{"kind": "call", "account": a.pk, "done_at": NOON} for a in accounts[-size:]]
        with CaptureQueriesContext(connection) as captured:
            records.create_many(firm.seller, get("activity"), rows)
        counts.append(len(captured))
    assert counts[0] == counts[1]


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["log", "plan", "note", "edit", "move", "complete", "reopen", "delete", "restore"]),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_last_contact_and_next_follow_up_are_right_after_any_sequence(firm: Firm, steps: list[tuple[str, int]]) -> None:
    accounts = [create(firm.seller, "account", name=name).pk for name in "甲乙"]
    contact = create(firm.seller, "contact", name="张伟", account=accounts[0]).pk
    deal = create(firm.seller, "deal", name="项目", account=accounts[1]).pk
    places = [{"account": accounts[0]}, {"contact": contact}, {"deal": deal}]
    for step, n in steps:
        _do(firm, accounts, places, step, n)
    for key, pks in (("account", accounts), ("contact", [contact]), ("deal", [deal])):
        for pk in pks:
            stored = reload(key, pk)
            assert (stored.last_contact_at, stored.next_follow_up_on) == _expected(key, pk)


def _expected(key: str, pk: UUID) -> tuple[dt.datetime | None, dt.date | None]:
    """The two values counted one by one, without the database's help."""
    rows = [a for a in Activity._base_manager.all() if getattr(a, f"{key}_id") == pk and a.deleted_at is None]
    done = [a.done_at for a in rows if a.status == "done" and a.kind in ("call", "meeting", "visit", "message", "mail")]
    due = [timezone.localdate(a.due_at) for a in rows if a.status == "planned" and a.due_at]
    return max((at for at in done if at), default=None), min(due, default=None)


def _do(firm: Firm, accounts: list[UUID], places: list[dict[str, UUID]], step: str, n: int) -> None:
    at, place = NOON + dt.timedelta(hours=7 * n), places[n % 3]
    kind = ("call", "visit", "mail", "meeting")[n % 4]
    made: dict[str, dict[str, Any]] = {
        "log": {"kind": kind, "done_at": at, "due_at": at},
        "plan": {"kind": kind, "due_at": at},
        "note": {"kind": "note", "body": "x", "done_at": at},
    }
    if step in made:
        create(firm.seller, "activity", **made[step], **place)
        return
    rows = Activity._base_manager.filter(account__in=accounts, deleted_at__isnull=step != "restore")
    ours = list(rows.order_by("created_at", "pk"))
    if ours:
        _change(firm, ours[n % len(ours)], step, at, accounts[n % 2])


def _change(firm: Firm, one: Activity, step: str, at: dt.datetime, account: UUID) -> None:
    if step == "delete":
        records.delete_many(firm.seller, get("activity"), [one.pk])
    elif step == "restore":
        records.restore_many(firm.seller, get("activity"), [one.pk])
    elif step == "move":
        update(firm.seller, "activity", one.pk, account=account)
    elif step == "edit":
        update(firm.seller, "activity", one.pk, **({"done_at": at} if one.status == "done" else {"due_at": at}))
    elif step == "reopen" or one.status != "done":
        act(firm.seller, "activity", one.pk, step)
