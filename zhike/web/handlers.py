"""Who is told what: reactions to events, run by the worker. A job that runs twice tells once."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine.entity import declared, get
from zhike.engine.models import OwnerPeriod
from zhike.engine.notices import tell
from zhike.engine.outbox import NOBODY, Event, on, on_any

NEWS = timedelta(days=2)
MANY = 50  # a larger batch is seen in the list, not told one by one
HANDED = gettext_noop("%(by)s handed %(what)s “%(title)s” over to you")
WON = gettext_noop("%(by)s won the deal “%(title)s”")


def handed_over(event: Event) -> None:
    """Tell new owners what came to them; history that is loaded is no news."""
    if event.actor == NOBODY:
        return  # rules tell what they do themselves
    entity = get(event.entity)
    by = User.objects.filter(pk=event.actor).values_list("name", flat=True).first() or ""
    fresh = OwnerPeriod.objects.filter(record__in=event.ids, to_at=None, from_at__gte=timezone.now() - NEWS)
    periods = {p.record: p for p in fresh.exclude(owner=event.actor).exclude(owner=None)[:MANY]}
    rows = entity.rows("the new owner sees what is told").filter(pk__in=periods)
    for record in rows:
        period = periods[record.pk]
        if period.owner_id:
            url, about = f"/{entity.key}/{record.pk}", (entity.key, record.pk)
            tell(period.owner_id, HANDED, {"by": by}, url, f"handed:{period.pk}", kind="handed", about=about)


def deal_won(event: Event) -> None:
    """Tell the owner's manager of a win; history that is loaded is no news."""
    entity = get(event.entity)
    since = timezone.now() - NEWS
    rows = entity.rows("the manager's department owns it")
    won = rows.filter(pk__in=event.ids, status="won", closed_at__gte=since, owner__manager__isnull=False)
    for record in won.exclude(owner__manager=event.actor).select_related("owner")[:MANY]:
        params, url = {"by": record.owner.name}, f"/{entity.key}/{record.pk}"
        cause, about = f"won:{record.pk}:{record.closed_on}", (entity.key, record.pk)
        tell(record.owner.manager_id, WON, params, url, cause, kind="won", about=about)


def listen() -> None:
    """Register for every entity with owners: called once, when all declarations are read. Objects come and go."""
    on_any(handed_over, lambda name: name.startswith("x_") and name.endswith(".transfer"))
    for entity in declared().values():
        if entity.has_owner and entity.menu:
            on(f"{entity.key}.transfer")(handed_over)
        if "win" in entity.actions:
            on(f"{entity.key}.win")(deal_won)
