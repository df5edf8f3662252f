"""Who is told what: reactions to events, run by the worker. A job that runs twice tells once."""

from __future__ import annotations

from uuid import UUID

from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine import guard
from zhike.engine.entity import entities, get
from zhike.engine.models import Notice, OwnerPeriod
from zhike.engine.outbox import Event, on

HANDED = gettext_noop("%(by)s handed %(what)s “%(title)s” over to you")
WON = gettext_noop("%(by)s won the deal “%(title)s”")


def tell(user: UUID, text: str, params: dict[str, str], url: str, cause: str) -> None:
    """One notice for one person and one cause."""
    Notice.objects.get_or_create(
        cause=cause[:120], defaults={"user_id": user, "text": text, "params": params, "url": url}
    )


def handed_over(event: Event) -> None:
    """Tell the new owner; a large batch is told once, as a number."""
    entity = get(event.entity)
    by = User.objects.filter(pk=event.actor).first()
    rows = guard.rows(entity.model, "the new owner sees what is told").filter(pk__in=event.ids).select_related("owner")
    for record in rows[:20]:
        if record.owner_id and record.owner_id != event.actor:
            period = OwnerPeriod.objects.filter(record=record.pk, to_at=None).first()
            params = {
                "by": by.name if by else "",
                "what": str(entity.label),
                "title": str(getattr(record, entity.title, "")),
            }
            tell(
                record.owner_id,
                HANDED,
                params,
                f"/{entity.key}/{record.pk}",
                f"handed:{period.pk if period else record.pk}",
            )


def deal_won(event: Event) -> None:
    """Tell the owner's manager of a win."""
    entity = get(event.entity)
    rows = guard.rows(entity.model, "the manager's department owns it").filter(pk__in=event.ids, status="won")
    for record in rows.select_related("owner__manager")[:20]:
        if record.owner and record.owner.manager_id and record.owner.manager_id != event.actor:
            params = {"by": record.owner.name, "title": str(getattr(record, entity.title, ""))}
            tell(
                record.owner.manager_id,
                WON,
                params,
                f"/{entity.key}/{record.pk}",
                f"won:{record.pk}:{record.closed_on}",
            )


def listen() -> None:
    """Register for every entity with owners: called once, when all declarations are read."""
    for entity in entities().values():
        if entity.has_owner and entity.menu:
            on(f"{entity.key}.transfer")(handed_over)
        if "win" in entity.actions:
            on(f"{entity.key}.win")(deal_won)
