"""Loads the demo firm, all of it or nothing."""

from __future__ import annotations

import datetime as dt
from gettext import gettext as _

from django.db import connection, transaction
from django.utils import timezone, translation

from zhike.base.models import User
from zhike.engine.entity import entities
from zhike.engine.models import Counter
from zhike.launch.errors import LaunchError

from .dice import Days
from .market import settle
from .people import ACCOUNTS, PASSWORD, hire
from .store import Progress, Store, write
from .story import tell
from .talk import converse
from .words import words

MARK = "demo"  # the counter that says: this is a demo firm
CUSTOMERS, CONTACTS, LEADS, DEALS, ACTIVITIES = 1_200, 3_000, 2_500, 1_500, 20_000


def load(
    lang: str = "zh-hans",
    seed: int = 1,
    progress: Progress | None = None,
    *,
    scale: float = 1.0,
    today: dt.date | None = None,
) -> list[dict[str, str]]:
    """Make the demo firm; gives role, username and password of those to log in as.

    The same language, seed and day give the same firm. `scale` makes a smaller one. `progress` is called with done,
    total and a text. A firm that is there already stays as it is; raises LaunchError where there are other records.
    """
    if not Counter.objects.filter(entity=MARK).exists():
        _refuse_foreign()
        with translation.override("en" if lang == "en" else "zh-hans"), transaction.atomic():
            _make(lang, seed, progress or _silent, scale, today or timezone.localdate())
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")
    return accounts(lang)


def accounts(lang: str) -> list[dict[str, str]]:
    """Who can log in."""
    labels = words(lang)["firm"]["roles"]
    return [{"role": labels[name], "username": name, "password": PASSWORD} for name in ACCOUNTS]


def _silent(done: int, total: int, text: str) -> None:
    return


def _make(lang: str, seed: int, progress: Progress, scale: float, today: dt.date) -> None:
    def much(count: int) -> int:
        return max(1, round(count * scale))

    days = Days(today)
    firm = hire(seed, lang, days)
    market = settle(seed, firm, days, customers=much(CUSTOMERS), contacts=much(CONTACTS))
    tale = tell(seed, firm, days, market, leads=much(LEADS), deals=much(DEALS))
    acts = converse(seed, firm, days, market, tale, count=much(ACTIVITIES))
    write(Store(firm, days, market, tale, acts, progress))
    Counter.objects.create(entity=MARK, last=seed)


def _refuse_foreign() -> None:
    """A demo firm never comes among the records of a real one."""
    for entity in entities().values():
        if entity.has_owner and entity.rows("existence only, nothing is shown").exists():
            raise LaunchError(
                _("This database holds records of its own. The demo firm needs an empty one: set ZHIKE_HOME.")
            )
    taken = User.objects.filter(username__in=ACCOUNTS).values_list("username", flat=True).first()
    if taken:
        raise LaunchError(_("There is a person with the login name %(name)s already.") % {"name": taken})
