"""Hundreds of random edits on both sides of a real server, runs that die, a server that is away: both end equal."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.calendars.conftest import Phone
from zhike.engine import egress, records
from zhike.engine.entity import get
from zhike.modules.activities.models import Activity
from zhike.modules.calendars import events, own, sync
from zhike.modules.calendars.models import CalDav, Link

NOON = dt.datetime.now(dt.UTC).replace(hour=4, minute=0, second=0, microsecond=0)
WORDS = ["拜访", "合同", "报价,", "第二轮;", "演示\\方案", "Follow-up", "会议：年度", "回访✓", "𠮷野家", "验收"]


class Killed(BaseException):
    """The worker dies here."""


class Walk:
    """The edits. A mark in the text, which nobody edits, says which appointment is which."""

    def __init__(self, firm: Any, phone: Phone, account: CalDav, seed: int) -> None:
        self.actor, self.phone, self.account = firm.actor("seller"), phone, account
        self.dice = random.Random(seed)
        self.made = 0
        self.ended: set[str] = set()  # marks that somebody deleted or cancelled
        self.done: set[str] = set()  # what was done before it came there need not be there
        self.kills = 0
        self.repeating: dict[str, bytes] = {}

    # ---- what can be done

    def here(self, *states: str) -> list[Any]:
        rows = Activity._base_manager.filter(owner=self.actor.user, deleted_at=None, status__in=states or ("planned",))
        return sorted(rows, key=lambda a: a.body)

    def there(self) -> list[tuple[str, events.Event]]:
        return sorted((uid, e) for uid, e in self.phone.events().items() if e.facts is not None)

    def mark(self) -> str:
        self.made += 1
        return f"#{self.made:04}"

    def when(self) -> events.Start:
        moment = NOON + dt.timedelta(days=self.dice.randrange(1, 60), minutes=15 * self.dice.randrange(1, 40))
        return moment if self.dice.random() < 0.75 else moment.date()

    def title(self) -> str:
        return " ".join(self.dice.sample(WORDS, 2))

    def facts(self, mark: str = "") -> events.Facts:
        start = self.when()
        minutes = events.length(start, self.dice.choice([None, 15, 45, 90, 1440, 2880]))
        return events.Facts(self.title(), start, minutes, self.dice.choice(["", "上海, 浦东"]), mark)

    def make_here(self) -> None:
        values = own.values(self.facts(self.mark()), events.FIELDS)
        records.create(self.actor, get("activity"), {"kind": "task", **{k: v for k, v in values.items() if v}})

    def make_there(self) -> None:
        mark = self.mark()
        facts, uid = self.facts(mark), f"phone-{self.made}-{self.dice.randrange(10**9)}"
        data = events.build(facts, uid, dt.datetime.now(dt.UTC))
        data = data.replace(b"STATUS:CONFIRMED", b"STATUS:CONFIRMED\r\nX-PHONE;COLOR=red:kept")
        path = f"{self.phone.path}{uid}.ics"
        assert self.phone.ask("PUT", path, data, **{"Content-Type": "text/calendar"})[0] == 201

    def make_repeating(self) -> None:
        uid = f"repeats-{len(self.repeating)}"
        path = self.phone.put(uid, "SUMMARY:例会", f"DTSTART:{NOON:%Y%m%dT%H%M%SZ}", "RRULE:FREQ=WEEKLY;COUNT=9")
        self.repeating[uid] = self.phone.ask("GET", path)[1]

    def some_fact(self) -> dict[str, Any]:
        new = self.facts()
        names = self.dice.choice([("subject",), ("start",), ("minutes",), ("place",), ("subject", "start")])
        return {name: getattr(new, name) for name in names}

    def edit_here(self, activity: Any = None, facts: dict[str, Any] | None = None) -> None:
        chosen = activity or (self.dice.choice(found) if (found := self.here("planned", "done")) else None)
        if chosen is None:
            return
        facts = facts or self.some_fact()
        new = self.facts().but(events.Facts(**{**vars(self.facts()), **facts}), list(facts))
        records.update(self.actor, get("activity"), chosen.pk, own.values(new, list(facts)))

    def edit_there(self, uid: str = "", facts: dict[str, Any] | None = None) -> None:
        found = [u for u, _event in self.there()]
        if uid or found:
            late = dt.timedelta(seconds=self.dice.choice([-3600, 2]))
            self.phone.change(uid or self.dice.choice(found), late, **(facts or self.some_fact()))

    def edit_both(self) -> None:
        uids = dict(Link.objects.filter(user=self.actor.user).values_list("activity", "uid"))
        known = {u for u, _event in self.there()}
        both = [a for a in self.here("planned", "done") if uids.get(a.pk) in known]
        if not both:
            return
        activity = self.dice.choice(both)
        same = self.some_fact() if self.dice.random() < 0.3 else None
        self.edit_here(activity, same or self.some_fact())
        self.edit_there(uids[activity.pk], same or self.some_fact())

    def delete_there(self) -> None:
        if found := self.there():
            uid, event = self.dice.choice(found)
            self.ended.add(event.facts.body if event.facts else "")
            self.phone.delete(uid)

    def end_here(self, how: str) -> None:
        if not (found := self.here()):
            return
        activity = self.dice.choice(found)
        self.ended.add(activity.body)
        if how == "delete":
            records.delete_many(self.actor, get("activity"), [activity.pk])
        else:
            records.act(self.actor, get("activity"), activity.pk, how)

    def reopen(self) -> None:
        if found := self.here("done", "cancelled"):
            records.act(self.actor, get("activity"), self.dice.choice(found).pk, "reopen")

    def done_here(self) -> None:
        if found := self.here():
            activity = self.dice.choice(found)
            self.done.add(activity.body)
            records.act(self.actor, get("activity"), activity.pk, "complete")

    def restart(self) -> None:
        self.phone.server.stop()
        sync.run(self.account.pk)  # nobody answers: told, and tried again
        assert CalDav.objects.get(pk=self.account.pk).error.startswith("connect")
        self.phone.server.start()

    # ---- runs

    def run(self) -> None:
        sync.run(self.account.pk)

    def run_killed(self) -> None:
        """A run that dies before or after one of its writing requests."""
        left, after = self.dice.randrange(0, 4), self.dice.random() < 0.6

        def send(url: str, **given: Any) -> egress.Answer:
            nonlocal left
            writes = given["method"] in ("PUT", "DELETE")
            if writes and left == 0 and not after:
                raise Killed
            answer = egress.fetch(url, **given)
            left -= writes
            if writes and left < 0 and after:
                raise Killed
            return answer

        try:
            sync.run(self.account.pk, send=send)
        except Killed:
            self.kills += 1

    def step(self) -> None:
        """One edit or run, by chance."""
        choices: list[tuple[Callable[[], None], int]] = [
            (self.make_here, 12), (self.make_there, 12), (self.edit_here, 14), (self.edit_there, 14),
            (self.edit_both, 14), (self.delete_there, 5), (lambda: self.end_here("cancel"), 3),
            (lambda: self.end_here("delete"), 3), (self.done_here, 4), (self.reopen, 2), (self.make_repeating, 2),
        ]  # fmt: skip
        works, weights = zip(*choices, strict=True)
        self.dice.choices(works, weights)[0]()
        if self.dice.random() < 0.25:
            self.run_killed() if self.dice.random() < 0.4 else self.run()

    def settle(self) -> None:
        """Runs that nothing disturbs."""
        for _n in range(3):
            self.run()
        state = CalDav.objects.get(pk=self.account.pk)
        assert (state.error, state.failures) == ("", 0)

    def compare(self) -> None:
        """Equal by UID and by every fact, each once, nothing lost that nobody ended, nothing else touched."""
        links = {x.uid: x for x in Link.objects.filter(user=self.actor.user, is_gone=False, activity__isnull=False)}
        rows = Activity._base_manager.filter(owner=self.actor.user, deleted_at=None)
        planned = {a.pk: a for a in rows.filter(status="planned")}
        live = {a.pk: a for a in rows.exclude(status="cancelled")}
        there = dict(self.there())
        assert sorted(links) == sorted(there)
        assert {x.activity for x in links.values()} - live.keys() == set()
        assert planned.keys() - {x.activity for x in links.values()} == set()
        mine = {one.id: one.facts for one in own.found(self.actor, own.rows(self.actor))}
        assert {uid: mine[x.activity] for uid, x in links.items() if x.activity} == {
            uid: e.facts for uid, e in there.items()
        }
        marks = sorted(a.body for a in rows)
        assert len(set(marks)) == len(marks)  # nothing is there twice, whatever its state
        every = {f"#{n:04}" for n in range(1, self.made + 1)}
        assert every - set(marks) <= self.ended  # and nothing is lost
        in_calendar = {e.facts.body for e in there.values() if e.facts}
        assert every - in_calendar <= self.ended | self.done
        for uid, data in self.repeating.items():
            assert self.phone.ask("GET", f"{self.phone.path}{uid}.ics")[1] == data


def walk(firm: Any, phone: Phone, account: CalDav, edits: int, seed: int) -> Walk:
    found = Walk(firm, phone, account, seed)
    found.run()
    for n in range(edits):
        found.step()
        if n in (edits // 3, edits * 2 // 3):
            found.restart()
    found.settle()
    found.compare()
    return found


def test_forty_edits_end_equal(firm: Any, phone: Phone, account: CalDav) -> None:
    walk(firm, phone, account, 40, 7)


@pytest.mark.long
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_five_hundred_edits_end_equal(firm: Any, phone: Phone, account: CalDav, seed: int) -> None:
    found = walk(firm, phone, account, 500, seed)
    assert found.kills > 10
