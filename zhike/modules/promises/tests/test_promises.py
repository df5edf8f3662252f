"""Promises: who may say what became of one, whom it counts for, who is asked whether it can be done."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from zhike.base.models import CalendarDay, User
from zhike.engine import query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import Notice
from zhike.modules.promises import figures, services
from zhike.modules.tests.helpers import Firm, act, create, refused, reload, update


def day(ahead: int) -> dt.date:
    return timezone.localdate() + dt.timedelta(days=ahead)


def promise(firm: Firm, ahead: int = 3, **values: Any) -> Any:
    """A promise of the seller to a customer of their own."""
    by = values.pop("by", firm.seller)
    if "account" not in values:
        values["account"] = create(by, "account", name=f"客户{timezone.now().timestamp()}").pk
    return create(by, "promise", **{"text": "下周三前寄样品", "due_on": day(ahead), **values})


def overdue(firm: Firm, days: int = 2, **values: Any) -> Any:
    """One that fell due some days ago."""
    return promise(firm, -days, **values)


def test_a_new_promise_is_open_and_knows_who_made_it(firm: Firm) -> None:
    made = promise(firm)
    assert (made.status, made.made_by_id, made.counts_for_id, made.made_on) == (
        "open", firm.seller.user.pk, firm.seller.user.pk, day(0),
    )  # fmt: skip
    assert refused(promise, firm, status="kept") == {"status": ["action"]}
    assert refused(promise, firm, answer="feasible") == {"answer": ["action"]}
    assert refused(promise, firm, made_on=day(0), ahead=-1) == {"due_on": ["order"]}
    assert refused(create, firm.seller, "promise", text="没有客户", due_on=day(1)) == {"account": ["required"]}


def test_links_bring_their_customer_along(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    deal = create(firm.seller, "deal", name="项目", account=account.pk)
    note = create(firm.seller, "activity", kind="note", body="答应送样", account=account.pk)
    assert promise(firm, account=None, deal=deal.pk).account_id == account.pk
    assert promise(firm, account=None, activity=note.pk).account_id == account.pk


@pytest.mark.parametrize(("ahead", "status"), [(0, "kept"), (5, "kept"), (-1, "late")])
def test_kept_in_time_or_late(firm: Firm, ahead: int, status: str) -> None:
    made = act(firm.seller, "promise", promise(firm, ahead).pk, "keep")
    assert (made.status, made.kept_on, made.closed_at is not None) == (status, day(0), True)
    assert refused(act, firm.seller, "promise", made.pk, "break", reason="x") == {"": ["closed"]}


def test_kept_earlier_than_it_is_written_down(firm: Firm) -> None:
    made = overdue(firm, 2, made_on=day(-5))
    assert refused(act, firm.seller, "promise", made.pk, "keep", kept_on=day(1)) == {"kept_on": ["future"]}
    assert refused(act, firm.seller, "promise", made.pk, "keep", kept_on=day(-6)) == {"kept_on": ["order"]}
    assert act(firm.seller, "promise", made.pk, "keep", kept_on=day(-3)).status == "kept"


def test_breaking_and_withdrawing_need_a_reason(firm: Firm) -> None:
    first, second = promise(firm), promise(firm)
    assert refused(act, firm.seller, "promise", first.pk, "break") == {"reason": ["required"]}
    broken = act(firm.seller, "promise", first.pk, "break", reason="来料延期")
    assert (broken.status, broken.kept_on) == ("broken", None)
    assert update(firm.seller, "promise", broken.pk, remedy="免费保养一年").remedy == "免费保养一年"
    assert refused(act, firm.seller, "promise", second.pk, "withdraw") == {"reason": ["required"]}
    assert act(firm.seller, "promise", second.pk, "withdraw", reason="李经理同意").status == "withdrawn"


def test_a_closed_promise_stays_closed_without_the_right(firm: Firm) -> None:
    made = act(firm.seller, "promise", promise(firm).pk, "break", reason="忘了")
    assert refused(update, firm.seller, "promise", made.pk, text="别的") == {"text": ["closed"]}
    assert refused(update, firm.seller, "promise", made.pk, due_on=day(9)) == {"due_on": ["closed"]}
    assert refused(update, firm.manager, "promise", made.pk, status="kept")["status"] == ["action"]
    with pytest.raises(Refused):
        act(firm.seller, "promise", made.pk, "reopen")
    with pytest.raises(Refused):
        records.delete_many(firm.seller, get("promise"), [made.pk])
    again = act(firm.manager, "promise", made.pk, "reopen")
    assert (again.status, again.closed_at, again.reason) == ("open", None, "")


def test_a_day_that_is_over_is_not_put_off_by_who_promised(firm: Firm) -> None:
    ahead, late = promise(firm, 3), overdue(firm)
    assert update(firm.seller, "promise", ahead.pk, due_on=day(5)).due_on == day(5)
    assert refused(update, firm.seller, "promise", late.pk, due_on=day(5)) == {"due_on": ["over"]}
    assert update(firm.manager, "promise", late.pk, due_on=day(5)).due_on == day(5)


def test_who_promised_does_not_confirm(firm: Firm) -> None:
    assert refused(promise, firm, asked_of=firm.seller.user.pk) == {"asked_of": ["same"]}
    made = promise(firm, asked_of=firm.stranger.user.pk)
    assert refused(act, firm.seller, "promise", made.pk, "confirm") == {"": ["same"]}
    assert refused(act, firm.seller, "promise", made.pk, "refuse", answer_note="不行") == {"": ["same"]}
    assert refused(update, firm.seller, "promise", made.pk, answer="feasible") == {"answer": ["action"]}


def test_the_person_asked_sees_it_and_answers_and_nobody_else_from_there(firm: Firm) -> None:
    made = promise(firm, asked_of=firm.stranger.user.pk)
    assert (made.asked_at is not None, made.answer_due_at > made.asked_at) == (True, True)
    told = Notice.objects.get(user=firm.stranger.user)
    assert (told.text, told.url) == (services.ASKED, f"/promise/{made.pk}")
    assert query.visible(firm.stranger, get("promise")).filter(pk=made.pk).exists()
    for actor in (firm.colleague, firm.stranger):
        with pytest.raises(Missing):
            act(actor, "promise", made.pk, "keep")
    with pytest.raises(Missing):
        act(firm.colleague, "promise", made.pk, "confirm")
    assert refused(act, firm.stranger, "promise", made.pk, "refuse") == {"answer_note": ["required"]}
    assert refused(act, firm.stranger, "promise", made.pk, "confirm", answer="conditions") == {
        "answer_note": ["required"]
    }
    done = act(firm.stranger, "promise", made.pk, "confirm", answer="conditions", answer_note="先付定金")
    assert (done.answer, done.answered_by_id) == ("conditions", firm.stranger.user.pk)
    assert Notice.objects.filter(user=firm.seller.user, text=services.ANSWERED[services.Answer.CONDITIONS]).count() == 1
    assert act(firm.manager, "promise", made.pk, "refuse", answer_note="产能排满").answer == "not"


def test_asking_somebody_else_starts_anew(firm: Firm) -> None:
    made = promise(firm, asked_of=firm.stranger.user.pk)
    act(firm.stranger, "promise", made.pk, "confirm")
    other = update(firm.seller, "promise", made.pk, asked_of=firm.colleague.user.pk)
    assert (other.answer, other.answered_by_id, other.answered_at) == ("", None, None)
    assert not query.visible(firm.stranger, get("promise")).filter(pk=made.pk).exists()
    none = update(firm.seller, "promise", made.pk, asked_of=None)
    assert (none.asked_at, none.answer_due_at) == (None, None)


@pytest.mark.parametrize(
    ("asked", "due"),
    [
        ("2026-11-25 15:00", "2026-11-26 15:00"),  # Wednesday
        ("2026-11-27 15:00", "2026-11-30 15:00"),  # Friday: Monday, same time
        ("2026-11-28 15:00", "2026-12-01 00:00"),  # Saturday: all of Monday
        ("2026-09-30 10:00", "2026-10-08 10:00"),  # before the National Day holidays
        ("2026-12-01 09:00", "2026-12-03 09:00"),  # the firm itself is off on 2 December
    ],
)
def test_24_hours_on_the_working_calendar(db: None, asked: str, due: str) -> None:
    CalendarDay.objects.create(day=dt.date(2026, 12, 2), is_working=False)
    zone = timezone.get_default_timezone()
    found = services.answer_due(dt.datetime.fromisoformat(asked).replace(tzinfo=zone))
    assert found == dt.datetime.fromisoformat(due).replace(tzinfo=zone)


def test_what_nobody_confirms_is_told_once(firm: Firm) -> None:
    User.objects.filter(pk=firm.seller.user.pk).update(manager=firm.manager.user)
    made = promise(firm, asked_of=firm.stranger.user.pk)
    answered = promise(firm, asked_of=firm.stranger.user.pk)
    act(firm.stranger, "promise", answered.pk, "confirm")
    late = timezone.now() + dt.timedelta(days=12)
    assert services.remind(timezone.now()) == 0
    assert (services.remind(late), services.remind(late)) == (1, 1)
    told = Notice.objects.filter(text=services.UNANSWERED)
    people = {firm.seller.user.pk, firm.manager.user.pk, firm.stranger.user.pk}
    assert {n.user_id for n in told} == people
    assert {n.url for n in told} == {f"/promise/{made.pk}"}
    assert told.count() == 3


def test_handing_over_keeps_who_promised_and_what_was_overdue(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    running, late = promise(firm, 3, account=account.pk), overdue(firm, account=account.pk)
    closed = act(firm.seller, "promise", promise(firm, account=account.pk).pk, "keep")
    to = firm.colleague.user.pk
    for pk in (running.pk, late.pk):
        update(firm.manager, "promise", pk, owner=to)
    mine, theirs = reload("promise", running.pk), reload("promise", late.pk)
    assert (mine.owner_id, mine.made_by_id, mine.counts_for_id) == (to, firm.seller.user.pk, to)
    assert (theirs.owner_id, theirs.made_by_id, theirs.counts_for_id) == (
        to, firm.seller.user.pk, firm.seller.user.pk,
    )  # fmt: skip
    assert reload("promise", closed.pk).owner_id == firm.seller.user.pk
    with pytest.raises(Missing):
        update(firm.stranger, "promise", running.pk, owner=firm.stranger.user.pk)
    assert act(firm.colleague, "promise", running.pk, "keep").status == "kept"


def test_who_was_asked_and_gets_it_is_asked_no_more(firm: Firm) -> None:
    made = promise(firm, asked_of=firm.colleague.user.pk)
    update(firm.manager, "promise", made.pk, owner=firm.colleague.user.pk)
    assert reload("promise", made.pk).asked_of_id is None


def test_an_import_brings_what_is_over(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    loader = Actor(firm.seller.user, "import")
    values = {"text": "旧承诺", "account": account.pk, "due_on": day(-30)}
    late = create(loader, "promise", **values, status="kept", kept_on=day(-20))
    assert (late.status, late.made_on, late.closed_at is not None) == ("late", day(-30), True)
    assert create(loader, "promise", **{**values, "text": "旧承诺二"}, status="broken").status == "broken"


# ---- the kept rate


def _closed(firm: Firm, status: str, ahead: int, when: dt.date, account: Any) -> None:
    made = create(
        Actor(firm.seller.user, "import"), "promise", text=f"{status}{ahead}", account=account.pk, due_on=day(ahead),
        status=status, kept_on=when if status in ("kept", "late") else None,
    )  # fmt: skip
    assert made.status == status


def test_the_rate_counts_what_was_settled_or_fell_due(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    assert figures.mine(firm.seller).percent is None
    _closed(firm, "kept", -20, day(-21), account)
    _closed(firm, "kept", -19, day(-19), account)
    _closed(firm, "late", -18, day(-16), account)
    _closed(firm, "withdrawn", -18, day(-16), account)
    overdue(firm, 15, account=account.pk)
    promise(firm, 4, account=account.pk)
    rate = figures.mine(firm.seller)
    assert (rate.all.n, rate.kept.n, rate.percent) == (4, 2, None)  # below five promises no rate
    _closed(firm, "kept", -17, day(-17), account)
    live = figures.mine(firm.seller)
    assert (live.all.n, live.kept.n, live.percent) == (5, 3, 60.0)
    listed = query.select(firm.seller, get("promise"), query.parse(live.all.query)).count()
    assert listed == live.all.n


def test_others_see_weeks_that_are_over(firm: Firm) -> None:
    account = create(firm.seller, "account", name="甲")
    for n in range(5):
        _closed(firm, "kept", -10 - n, day(-10 - n), account)
    fresh = promise(firm, 5, account=account.pk)
    act(firm.seller, "promise", fresh.pk, "break", reason="忘了")
    assert figures.mine(firm.seller).all.n == 6
    team = figures.total(firm.manager, (), "12", closed=True)
    assert (team.all.n, team.kept.n, team.percent) == (5, 5, 100.0)
    rows = figures.table(firm.manager, "counts_for", (), "12")
    assert [(name, rate.all.n, rate.percent) for name, rate in rows] == [("王芳", 5, 100.0)]
    assert figures.table(firm.stranger, "counts_for", (), "12") == []
    by_customer = figures.table(firm.manager, "account", (), "12")
    assert [(name, rate.kept.n) for name, rate in by_customer] == [("甲", 5)]


def test_a_week_that_is_over_does_not_change(firm: Firm) -> None:
    """One that fell due unkept stays where it fell due when it is kept late afterwards."""
    account = create(firm.seller, "account", name="甲")
    for n in range(4):
        _closed(firm, "kept", -10 - n, day(-10 - n), account)
    late = overdue(firm, 9, account=account.pk)
    before = figures.total(firm.manager, (), "12", closed=True)
    act(firm.seller, "promise", late.pk, "keep")
    after = figures.total(firm.manager, (), "12", closed=True)
    assert (before.all.n, before.kept.n) == (after.all.n, after.kept.n) == (5, 4)
