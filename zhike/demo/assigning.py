"""Rules of assignment of the demo firm, and what came in this morning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from zhike.base.models import Role, User
from zhike.engine.entity import get
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Sheet

from .people import ACCOUNTS

if TYPE_CHECKING:
    from .store import Store

EAST = ["310000", "320000", "330000"]
HOURS = [["09:00", "12:00"], ["13:30", "18:00"]]
FRESH = 9  # leads that nobody has yet
REGIONS = ("310115", "320500", "110105")


def assigning(store: Store) -> None:
    """Leads of the east go to those who sell there, all others to who has least to do; some have just come in."""
    seller = str(Role.objects.get(key="seller").pk)
    east, rest = store.firm.text["firm"]["rules"]
    documents: list[dict[str, Any]] = [
        {
            "who": [seller], "must": [{"what": "territory"}],
            "conditions": [["any", *(["region", "under", code] for code in EAST)]],
            "prefer": [{"what": "tenure_least", "days": 180}], "accept": {"minutes": 60, "rounds": 3},
            "respond": 120, "hours": HOURS,
        },
        {"who": [seller], "mode": "load", "respond": 240, "hours": HOURS},
    ]  # fmt: skip
    for n, (name, document) in enumerate(zip((east, rest), documents, strict=True), 1):
        AssignmentRule.objects.create(entity="lead", name=name, order=n, document=document)
    _sheets(Role.objects.get(key="seller"))
    deciding.run(get("lead"), _fresh(store))


def _sheets(role: Role) -> None:
    """Half of the sellers sell in the east, the one of the demo among them; all have a limit a day."""
    people = list(User.objects.filter(roles__contains=[role.pk], is_active=True).order_by("username"))
    for n, person in enumerate(people):
        is_east = n % 2 == 0 or person.username in ACCOUNTS
        territories = EAST if is_east else []
        Sheet.objects.create(person=person, territories=territories, daily=6 + n % 3, open_limit=200)


def _fresh(store: Store) -> list[Any]:
    """Leads from the website that came in just now."""
    first = [lead for lead in store.tale.leads if lead.values.get("company")][-FRESH:]
    now = timezone.now()
    rows = [
        (
            "executive",
            {"name": lead.values["company"], "company": lead.values["company"], "source": "signup", "owner": None,
             "region": REGIONS[n % len(REGIONS)], "interest": lead.values.get("interest", "")},
            now,
        )
        for n, lead in enumerate(first)
    ]  # fmt: skip
    return store.create("lead", rows, "")
