"""Rules and people to test with."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any
from zoneinfo import ZoneInfo

from zhike.base.models import User
from zhike.engine import records
from zhike.engine.entity import get
from zhike.modules.assigning.models import AssignmentRule, Decision, Sheet

SHANGHAI = ZoneInfo("Asia/Shanghai")
WORKING = dt.datetime(2026, 11, 23, 10, 0, tzinfo=SHANGHAI)  # a Monday
REGIONS = ["110105", "310115", "320102", "440305", ""]


def rule(
    firm: Any, *, entity: str = "lead", who: Any = None, name: str = "分给华北", order: int = 0, **said: Any
) -> Any:
    """A rule that gives to the northern department unless told otherwise."""
    ids = [str(pk) for pk in (who if who is not None else [firm.north.pk])]
    return AssignmentRule.objects.create(entity=entity, name=name, order=order, document={"who": ids, **said})


def sheet(person: Any, **values: Any) -> Sheet:
    return Sheet.objects.update_or_create(person=person, defaults=values)[0]


def leads(firm: Any, count: int, **values: Any) -> list[Any]:
    rows = [{"name": f"线索{n}", "owner": None, **values} for n in range(count)]
    return [r.pk for r in records.create_many(firm.actor("admin"), get("lead"), rows)]


def owner(pk: Any, entity: str = "lead") -> Any:
    return get(entity).model._base_manager.values_list("owner", flat=True).get(pk=pk)


def decisions(pk: Any) -> list[Any]:
    return list(Decision.objects.filter(record=pk).order_by("at", "pk"))


def crowd(place: Any, count: int, seed: int = 1) -> list[User]:
    """People with sheets of all sorts."""
    dice, made = random.Random(seed), []
    for n in range(count):
        person = User(
            username=f"crowd{seed}-{n}", name=f"员{n}", department=place, hired_on=dt.date(2026 - n % 4, 1 + n % 12, 3)
        )
        person.set_unusable_password()
        person.save()
        sheet(
            person,
            is_receiving=n % 11 != 10,
            daily=dice.choice([None, None, 15, 40]),
            open_limit=dice.choice([None, None, 30]),
            territories=dice.choice([[], ["110000"], ["310000", "320000"], ["440300"]]),
            skills=dice.choice([[], ["ERP"], ["机床", "crm"]]),
            hours=dice.choice([[], [["13:00", "21:00"]]]),
            away_from=dt.date(2026, 11, 20) if n % 13 == 12 else None,
        )
        made.append(person)
    return made


def plain(person: User) -> dict[str, Any]:
    """What is known of somebody, for the checker."""
    s = Sheet.objects.filter(person=person).first() or Sheet(person=person)
    return {
        "id": person.pk,
        "among": [person.pk, *(person.department.ancestors if person.department else ())],
        "receiving": s.is_receiving,
        "daily": s.daily,
        "open_limit": s.open_limit,
        "territories": s.territories,
        "skills": s.skills,
        "hours": s.hours,
        "away": (s.away_from, s.away_until) if s.away_from or s.away_until else None,
        "hired_on": person.hired_on,
        "today": 0,
        "open": 0,
    }


def is_workday(day: dt.date) -> bool:
    """Of the week of `WORKING`, in which no holiday lies."""
    return day.weekday() < 5


def drawn(firm: Any, count: int) -> list[dict[str, Any]]:
    """Leads of all sorts that nobody has, in the order of their ids, with what rules ask of them."""
    dice = random.Random(count)
    values: dict[str, list[Any]] = {
        "region": REGIONS, "interest": ["ERP 系统", "数控机床", "CRM", ""], "source": ["referral", "signup", ""],
        "score": [None, 10, 69, 70, 95],
    }  # fmt: skip
    rows: list[dict[str, Any]] = [{key: dice.choice(some) for key, some in values.items()} for _n in range(count)]
    made = [
        r.pk for n in range(0, count, 1_000) for r in records.create_many(
            firm.actor("admin"), get("lead"), [{"name": "线索", "owner": None, **row} for row in rows[n : n + 1_000]]
        )
    ]  # fmt: skip
    return sorted(({"id": pk, **row} for pk, row in zip(made, rows, strict=True)), key=lambda one: one["id"])
