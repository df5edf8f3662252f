"""Addresses of other systems that are told of events: who has which, and what they may be told of (deliveries.py)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from . import access, egress, history
from .access import Actor
from .entity import AnyEntity, entities
from .errors import Conflict, Invalid, Missing, Refused, Wrong
from .models import Delivery, Webhook

PER_PERSON = 20
WORDS = {
    **egress.WORDS,
    "off": gettext_lazy("Not sent: the webhook is switched off."),
    "owner": gettext_lazy("Not sent: its owner may no longer sign in."),
    "nothing": gettext_lazy("Not sent: its owner may no longer see or take out the records."),
    "redirect": gettext_lazy("leads to another address, which is not followed; enter the final one"),
    "status": gettext_lazy("not taken by the receiver"),
}


def explain(error: str) -> str:
    """A stored error in the reader's language."""
    code, _space, detail = error.partition(" ")
    return str(WORDS[code]) % {"detail": detail} if code in WORDS else error


# ---- who has which


def may_have(actor: Actor) -> bool:
    """Whether the actor may have webhooks: with own hands, and with something to export."""
    return not (actor.by or actor.limit) and any(open_for(actor, entity) for entity in entities().values())


def open_for(actor: Actor, entity: AnyEntity) -> bool:
    """Whether the actor's webhooks may tell of the entity."""
    return access.may(actor, entity, "read") and access.may(actor, entity, "export")


def runs(actor: Actor) -> bool:
    """Whether the actor looks after everybody's integrations: may see that they are there, and switch them off."""
    return actor.office in ("all", "system")


def seen(actor: Actor) -> QuerySet[Webhook]:
    """The webhooks that the actor may look at: the own ones, or all; Refused for neither."""
    found = Webhook.objects.filter(deleted_at=None).select_related("user").order_by("name", "pk")
    if runs(actor):
        return found
    if not may_have(actor):
        raise Refused("webhooks")
    return found.filter(user=actor.user)


def find(actor: Actor, pk: UUID, *, own: bool = False) -> Webhook:
    """One of them; with `own`, only for its owner: nobody else decides what leaves in their name."""
    found = seen(actor).filter(pk=pk).first()
    if found is None or (own and found.user_id != actor.user.pk):
        raise Missing
    return found


def choices(actor: Actor) -> dict[AnyEntity, list[str]]:
    """The events that the actor's webhooks may tell of, by entity; "deal.*" is all of them."""
    found: dict[AnyEntity, list[str]] = {}
    for entity in sorted(entities().values(), key=lambda e: (e.menu or 500, e.key)):
        if open_for(actor, entity):
            owned = ["transfer", "merge"] if entity.has_owner else []
            names = dict.fromkeys(["*", "create", "update", "delete", *owned, *entity.actions])
            found[entity] = [f"{entity.key}.{name}" for name in names]
    return found


def save(
    actor: Actor, webhook: Webhook | None, *, name: str, url: str, events: Sequence[str], version: int | None = None
) -> Webhook:
    """A new webhook with a new secret, or a changed one; raises Invalid by field, Conflict after another change."""
    if not may_have(actor):
        raise Refused("webhooks")
    errors: dict[str, list[Wrong]] = {}
    if not (name := " ".join(name.split())[:80]):
        errors["name"] = [Wrong(_("Give it a name."))]
    known = {event for names in choices(actor).values() for event in names}
    if not (chosen := [event for event in dict.fromkeys(events) if event in known]):
        errors["events"] = [Wrong(_("Choose at least one event."))]
    host = ""
    try:
        host = egress.check(url := url.strip()[:500]).host
    except egress.EgressError as error:
        errors["url"] = [Wrong(error.text, error.code)]
    if webhook is None and Webhook.objects.filter(user=actor.user, deleted_at=None).count() >= PER_PERSON:
        errors[""] = [Wrong(_("You have %(n)s webhooks already; delete one first.") % {"n": PER_PERSON})]
    if errors:
        raise Invalid([errors])
    values = {"name": name, "url": url, "events": chosen}
    with transaction.atomic():
        if webhook is None:
            webhook = Webhook.objects.create(user=actor.user, secret=new_secret(), **values)
            said = "webhook.create"
        else:
            change(webhook, version, **values)
            said = "webhook.update"
        note_use(actor, said, webhook, address=host, events=chosen)
    return webhook


def change(webhook: Webhook, version: int | None, **values: Any) -> None:
    """Write it unless somebody else did since."""
    same = Webhook.objects.filter(pk=webhook.pk, version=webhook.version if version is None else version)
    if not same.update(**values, version=F("version") + 1, updated_at=timezone.now()):
        raise Conflict([webhook.pk])
    webhook.refresh_from_db()


def note_use(actor: Actor, action: str, webhook: Webhook, **details: Any) -> None:
    """Keep in the history what was done to a webhook; never its secret or the whole address, which may hold one."""
    history.note(actor, action, entity="webhook", record=webhook.pk, details={"name": webhook.name, **details})


def new_secret() -> str:
    """A key for signatures, 256 random bits."""
    return f"whsec_{secrets.token_urlsafe(32)}"


def renew(actor: Actor, webhook: Webhook) -> str:
    """Another secret; the one before signs nothing any more."""
    with transaction.atomic():
        change(webhook, None, secret=new_secret())
        note_use(actor, "webhook.secret", webhook)
    return webhook.secret


def switch(actor: Actor, webhook: Webhook, *, on: bool) -> None:
    """On, which only the owner decides, or off, which ends what still waits."""
    if on and webhook.user_id != actor.user.pk:
        raise Missing
    with transaction.atomic():
        change(webhook, None, is_active=on, failed_since=None)
        if not on:
            give_up(webhook)
        note_use(actor, "webhook.on" if on else "webhook.off", webhook)


def remove(actor: Actor, webhook: Webhook) -> None:
    """Delete it; nothing is sent any more."""
    with transaction.atomic():
        change(webhook, None, is_active=False, deleted_at=timezone.now())
        give_up(webhook)
        note_use(actor, "webhook.delete", webhook)


def give_up(webhook: Webhook) -> None:
    """End what waits to be sent."""
    waiting = Delivery.objects.filter(webhook=webhook, state=Delivery.State.WAITING)
    waiting.update(state=Delivery.State.DEAD, error="off", next_at=None, done_at=timezone.now())
