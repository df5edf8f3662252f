"""What it costs to give 10,000 leads by rules, beside one UPDATE that sets the same owners.

Ours asks which rule each lead meets, weighs everybody whom it names, keeps the reasons, owner periods and clocks, and
tells people; both leave history through the same trigger. Whether each decision is what the rules say is worked out
again by `assigning_check`, which knows nothing of the code that decides.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from zhike.base.models import Department, Role, User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Decision, Offer, Sheet

from . import Figure, Options, assigning_check, exact, figure, scratch, within

LEADS, PEOPLE = 10_000, 40
REGIONS = ["110105", "310115", "320102", "440305", ""]
INTERESTS = ["ERP", "CRM", "BI", ""]
SOURCES = ["referral", "signup", "search"]
WORKING = dt.datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))  # a Monday like any other
Rules = list[dict[str, Any]]
RULES: dict[str, Rules] = {
    "by turn": [{}],
    "by load, with territory and product": [
        {"mode": "load", "must": [{"what": "territory"}], "prefer": [{"what": "skill"}]},
    ],
}  # fmt: skip
# With all that a rule can say; a sixth of the leads meets none of them.
SEVERAL = "by five rules in order"
FIVE: Rules = [
    {"conditions": [["source", "eq", "referral"], ["region", "under", "310000"]],
     "prefer": [{"what": "tenure_least", "days": 700}], "accept": {"minutes": 30}, "respond": 120},
    {"conditions": [["interest", "contains", "erp"]], "mode": "load", "must": [{"what": "skill"}], "respond": 240},
    {"conditions": [
        ["any", ["region", "under", "440000"], ["region", "eq", "110105"]], ["source", "in", ["referral", "search"]],
     ], "must": [{"what": "territory"}, {"what": "on_duty"}], "prefer": [{"what": "skill"}]},
    {"conditions": [["score", "gte", 80]], "mode": "hand"},
    {"conditions": [["score", "gte", 20]], "must": [{"what": "tenure_most", "days": 900}], "respond": 60},
]  # fmt: skip
BY_HAND = """
UPDATE leads_lead l SET owner_id = u.id, department_id = u.department_id, held_since = now(), updated_at = now(),
    version = l.version + 1
FROM assigning_decision d JOIN base_user u ON u.id = d.person_id
WHERE d.record = l.id AND d.outcome = 'given'
"""
BACK = "UPDATE leads_lead SET owner_id = NULL, department_id = NULL, former_owner_id = NULL, response_due_at = NULL"


def run(options: Options) -> list[Figure]:
    """Seconds by rules and by hand, decisions that differ from what the rules say, and how even turns are.

    Of `options` the number of leads is `leads`, 10,000 unless told otherwise.
    """
    with scratch.database(options["server"], "assigning"):
        places = [_place(name) for name in ("East", "South")]
        people, facts = _people(places), _leads(int(options.get("leads") or LEADS))
        who = [str(p.pk) for p in places]
        found = [f for name, said in RULES.items() for f in _measured(name, said, [who], people, facts)]
        for n, one in enumerate(people):
            _limit(one, n)
        return found + _measured(SEVERAL, FIVE, [who, who[:1], who[1:], [], who], people, facts)


def _measured(
    name: str, rules: Rules, who: Sequence[list[str]], people: Sequence[dict[str, Any]], facts: Sequence[dict[str, Any]]
) -> list[Figure]:
    made = [
        AssignmentRule.objects.create(entity="lead", name=name, order=n, document={"who": ids, **said})
        for n, (said, ids) in enumerate(zip(rules, who, strict=True))
    ]
    begun = perf_counter()
    done = deciding.run(get("lead"), [one["id"] for one in facts], now=WORKING)
    taken = perf_counter() - begun
    rules_said = [{"key": rule.pk, "document": {"hours": [["09:00", "18:00"]], **rule.document}} for rule in made]
    stated = assigning_check.replay(
        rules_said, people, facts, WORKING.replace(tzinfo=None), lambda day: day.weekday() < 5
    )
    got = decided([one["id"] for one in facts])
    wrong = sum(got[pk] != one for pk, one in stated.items())
    found = [
        figure(f"assigning: {done.given:,} of {len(facts):,} leads {name}", taken, "s", _hand()),
        exact(f"assigning: {name}: decisions that are not what the rules say", wrong, 0, "rows"),
    ]
    if name == "by turn":
        spread = assigning_check.spread([person for *_rest, person in got.values()], [p["id"] for p in people])
        found.append(within(f"assigning: {name}: most minus least that one got", spread, "rows", 1, 1))
    AssignmentRule.objects.update(is_active=False)
    _clear()
    return found


def decided(ids: Sequence[Any]) -> dict[Any, tuple[Any, str, Any]]:
    """record -> by which rule, how it ended and who has it now, as it is stored; (None, "", None) where no rule was."""
    rows = Decision.objects.filter(record__in=ids).order_by("at", "pk")
    last = {pk: (rule, outcome) for pk, rule, outcome in rows.values_list("record", "rule", "outcome")}
    owners = get("lead").rows("who has got what, for the bench").filter(pk__in=ids).values_list("pk", "owner")
    return {pk: (*last.get(pk, (None, "")), owner) for pk, owner in owners}


def _place(name: str) -> Department:
    place = Department(name=name)
    place.ancestors = [place.pk]
    place.save()
    return place


def _people(places: Sequence[Department]) -> list[dict[str, Any]]:
    dice, made = random.Random(7), []  # noqa: S311 - for drawing data, not secrets
    for n in range(PEOPLE):
        place, hired = places[n % len(places)], dt.date(2022 + n % 5, 1 + n % 10, 3)
        user = User(username=f"bench{n}", name=f"Seller {n}", department=place, hired_on=hired)
        user.set_unusable_password()
        user.save()
        sheet = Sheet.objects.create(
            person=user, territories=dice.choice([["110000", "310000"], ["320100"], ["440300"]]),
            skills=dice.choice([["ERP"], ["CRM", "BI"], []]),
        )  # fmt: skip
        made.append(
            {"id": user.pk, "among": [user.pk, place.pk], "receiving": True, "daily": None, "open_limit": None,
             "territories": sheet.territories, "skills": sheet.skills, "hours": [], "away": None, "hired_on": hired,
             "today": 0, "open": 0}
        )  # fmt: skip
    return made


def _limit(one: dict[str, Any], n: int) -> None:
    """Capacity, absence and hours of their own, for some."""
    one["daily"], one["open_limit"] = (None, 150 + n, None)[n % 3], (None, None, 200 + n)[n % 3]
    one["hours"] = [["13:00", "21:00"]] if n % 7 == 6 else []
    one["receiving"] = n % 13 != 12
    one["away"] = (dt.date(2026, 11, 20), None) if n % 17 == 16 else None
    first, last = one["away"] or (None, None)
    Sheet.objects.filter(person=one["id"]).update(
        daily=one["daily"], open_limit=one["open_limit"], hours=one["hours"], is_receiving=one["receiving"],
        away_from=first, away_until=last,
    )  # fmt: skip


def _leads(count: int) -> list[dict[str, Any]]:
    dice = random.Random(11)  # noqa: S311 - for drawing data, not secrets
    role = Role.objects.get(key="administrator")
    actor = Actor(User.objects.create_user("bench", None, name="Bench", roles=[role.pk]))
    made = []
    for n in range(0, count, 1_000):
        rows = [
            {"name": f"Lead {n + i}", "owner": None, "region": dice.choice(REGIONS), "interest": dice.choice(INTERESTS),
             "source": dice.choice(SOURCES), "score": dice.choice([None, dice.randint(0, 100)])}
            for i in range(min(1_000, count - n))
        ]  # fmt: skip
        made += records.create_many(actor, get("lead"), rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_lead")
    asked = ("region", "interest", "source", "score")
    return [{"id": r.pk, **{key: getattr(r, key) for key in asked}} for r in sorted(made, key=lambda r: str(r.pk))]


def _hand() -> float:
    """Seconds of the one statement, from the same state, which is rolled back."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE leads_lead DISABLE TRIGGER history_u")
        cursor.execute(BACK)
        cursor.execute("ALTER TABLE leads_lead ENABLE TRIGGER history_u")
        begun = perf_counter()
        cursor.execute(BY_HAND)
        taken = perf_counter() - begun
        transaction.set_rollback(True)
    return taken


def _clear() -> None:
    """As before the first run."""
    with connection.cursor() as cursor:
        cursor.execute(BACK)
        cursor.execute(f"TRUNCATE {Decision._meta.db_table}, {Offer._meta.db_table}")
        cursor.execute("VACUUM ANALYZE leads_lead")
