"""What it costs to give 10,000 leads by rules, beside one UPDATE that sets the same owners.

Ours asks which rule each lead meets, weighs everybody whom it names, keeps the reasons, owner periods and clocks, and
tells people; both leave history through the same trigger. Whether each decision is what the rule says is worked out
again by `assigning_check`, which knows nothing of the code that decides.
"""

from __future__ import annotations

import datetime as dt
import random
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from zhike.base import calendar_cn
from zhike.base.models import Role, User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Decision, Sheet

from . import Figure, Options, assigning_check, exact, figure, scratch, within

LEADS, PEOPLE = 10_000, 40
REGIONS = ["110105", "310115", "320102", "440305", ""]
INTERESTS = ["ERP", "CRM", "BI", ""]
WORKING = dt.datetime(2026, 11, 23, 10, 0, tzinfo=ZoneInfo("Asia/Shanghai"))
RULES: dict[str, dict[str, Any]] = {
    "by turn": {},
    "by load, with territory and product": {
        "mode": "load", "must": [{"what": "territory"}], "prefer": [{"what": "skill"}],
    },
}  # fmt: skip
BY_HAND = """
UPDATE leads_lead l SET owner_id = u.id, department_id = u.department_id, held_since = now(), updated_at = now(),
    version = l.version + 1
FROM assigning_decision d JOIN base_user u ON u.id = d.person_id
WHERE d.record = l.id AND d.outcome = 'given'
"""
BACK = "UPDATE leads_lead SET owner_id = NULL, department_id = NULL, former_owner_id = NULL, response_due_at = NULL"


def run(options: Options) -> list[Figure]:
    """Seconds by each rule and by hand, decisions that differ from what the rule says, and how even turns are."""
    with scratch.database(options["server"], "assigning"):
        people, found = _people(), list[Figure]()
        facts = _leads()
        for name, said in RULES.items():
            rule = AssignmentRule.objects.create(
                entity="lead", name=name, document={"who": [str(p["id"]) for p in people], **said}
            )
            begun = perf_counter()
            done = deciding.run(get("lead"), [one["id"] for one in facts], now=WORKING)
            taken = perf_counter() - begun
            stated = assigning_check.replay(
                rule.document, people, facts, WORKING.replace(tzinfo=None), calendar_cn.is_working_day
            )
            owners = dict(get("lead").rows("the bench itself").values_list("pk", "owner"))
            wrong = sum(owners[pk] != who for pk, who in stated.items())
            hand = _hand()
            found += [
                figure(f"assigning: {done.given:,} leads {name}", taken, "s", hand),
                exact(f"assigning: {name}: decisions that are not what the rule says", wrong, 0, "rows"),
            ]
            if not said:
                spread = assigning_check.spread(owners.values(), [p["id"] for p in people])
                found.append(within("assigning: most minus least that one got by turn", spread, "rows", 1, 1))
            rule.is_active = False
            rule.save()
            _clear()
        return found


def _people() -> list[dict[str, Any]]:
    dice, made = random.Random(7), []  # noqa: S311 - for drawing data, not secrets
    for n in range(PEOPLE):
        user = User(username=f"bench{n}", name=f"Seller {n}")
        user.set_unusable_password()
        user.save()
        sheet = Sheet.objects.create(
            person=user, territories=dice.choice([["110000", "310000"], ["320100"], ["440300"]]),
            skills=dice.choice([["ERP"], ["CRM", "BI"], []]),
        )  # fmt: skip
        made.append(
            {"id": user.pk, "receiving": True, "daily": None, "open_limit": None, "territories": sheet.territories,
             "skills": sheet.skills, "hours": [], "away": None, "hired_on": None, "today": 0, "open": 0, "last": 0}
        )  # fmt: skip
    return made


def _leads() -> list[dict[str, Any]]:
    dice = random.Random(11)  # noqa: S311 - for drawing data, not secrets
    role = Role.objects.get(key="administrator")
    actor = Actor(User.objects.create_user("bench", None, name="Bench", roles=[role.pk]))
    made = []
    for n in range(0, LEADS, 1_000):
        rows = [
            {"name": f"Lead {n + i}", "owner": None, "region": dice.choice(REGIONS), "interest": dice.choice(INTERESTS)}
            for i in range(1_000)
        ]
        made += records.create_many(actor, get("lead"), rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE leads_lead")
    return [{"id": r.pk, "region": r.region, "interest": r.interest} for r in sorted(made, key=lambda r: str(r.pk))]


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
        cursor.execute(f"TRUNCATE {Decision._meta.db_table}")
        cursor.execute("VACUUM ANALYZE leads_lead")
