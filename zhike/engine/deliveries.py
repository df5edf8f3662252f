"""Messages to webhooks: signed, tried again, and never more than the webhook's owner may take out now.

What is told is read when it is sent, through the gate, with the rights that the owner has at that moment. As it leaves
the system, the owner must be allowed to read it and to export it; masked stays masked. A message is sent at least once
and carries its id, by which the receiver knows a second copy.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from . import access, egress, history, notices, query
from .access import Actor
from .entity import AnyEntity, entities, get
from .errors import Invalid, Missing, Wrong
from .kinds import Attribute, Labels, Masked
from .models import Delivery, Webhook
from .outbox import Event
from .webhooks import give_up, note_use

CHANNEL = "webhook"
PING = "webhook.test"
WAITS = tuple(dt.timedelta(minutes=m) for m in (1, 5, 30, 120, 360, 1440))
PATIENCE = dt.timedelta(days=3)
LEASE = dt.timedelta(minutes=2)  # how long a worker may be at it before another one takes over
KEPT = dt.timedelta(days=30)
BATCH = 100  # records in a message
PER_MINUTE = 20  # messages to one webhook that are taken up again in a minute
LIMITS = egress.Limits(connect=5, total=10, size=65_536, cut=True)
OFF = gettext_noop("The webhook “%(name)s” has failed for three days and is switched off. Mend it and switch it on.")


def _listening(name: str) -> QuerySet[Webhook]:
    wanted = [name, f"{name.partition('.')[0]}.*"]
    return Webhook.objects.filter(is_active=True, deleted_at=None, events__overlap=wanted)


def wanted(name: str) -> bool:
    """Whether any webhook is to be told of events of this name."""
    return _listening(name).exists()


def note(event: Event) -> list[UUID]:
    """Messages about an event for the webhooks whose owners may see its records; gives those to be sent at once.

    A second call for the same event makes nothing. Who sees none of the records is not told that something happened.
    """
    entity, made = get(event.entity), []
    for webhook in _listening(event.name).select_related("user__department"):
        actor = Actor(webhook.user, CHANNEL)
        for n in range(0, len(event.ids), BATCH):
            ids = event.ids[n : n + BATCH]
            reached = {*_reached(actor, entity, ids).values_list("pk", flat=True)}
            if not reached:
                continue
            delivery, is_new = Delivery.objects.get_or_create(
                cause=f"{event.id}:{webhook.pk}:{n}",
                defaults={
                    "webhook": webhook,
                    "event": event.name,
                    "entity": event.entity,
                    "records": [pk for pk in ids if pk in reached],
                    "next_at": timezone.now(),
                },
            )
            if is_new and webhook.failed_since is None:
                made.append(delivery.pk)
    return made


def ping(actor: Actor, webhook: Webhook) -> UUID:
    """A message without records, to see whether it arrives."""
    if not webhook.is_active:
        raise Invalid([{"": [Wrong(_("Switch the webhook on first."))]}])
    cause = f"test:{secrets.token_hex(16)}"
    made = Delivery.objects.create(webhook=webhook, event=PING, cause=cause, next_at=timezone.now())
    note_use(actor, PING, webhook)
    return made.pk


def again(actor: Actor, webhook: Webhook, pk: UUID) -> None:
    """Send a finished message once more, with what may be told now; its id stays."""
    if not webhook.is_active:
        raise Invalid([{"": [Wrong(_("Switch the webhook on first."))]}])
    finished = Delivery.objects.filter(webhook=webhook, pk=pk).exclude(state=Delivery.State.WAITING)
    with transaction.atomic():
        if not finished.update(
            state=Delivery.State.WAITING, attempts=0, status=None, error="", next_at=timezone.now(), done_at=None
        ):
            raise Missing
        note_use(actor, "webhook.again", webhook, delivery=str(pk))


def _reached(actor: Actor, entity: AnyEntity, ids: Iterable[UUID]) -> QuerySet[Any]:
    """What the owner may read and take out, with what lies in the bin: that it was deleted is told too."""
    rows = entity.rows("narrowed by the gate's own rules; the bin is only told by id")
    allowed = access.rows(actor, entity, "read"), access.rows(actor, entity, "export")
    return rows.filter(*allowed, pk__in=list(ids)).order_by("pk")


def payload(delivery: Delivery) -> bytes | None:
    """The message as its webhook's owner may tell it now; None where nothing is left to tell."""
    records: list[dict[str, Any]] = []
    if delivery.event != PING:
        entity = entities().get(delivery.entity)
        records = _records(Actor(delivery.webhook.user, CHANNEL), entity, delivery.records) if entity else []
        if not records:
            return None
    message = {
        "id": str(delivery.pk),
        "event": delivery.event,
        "at": delivery.at.isoformat(),
        "entity": delivery.entity,
        "records": records,
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _records(actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> list[dict[str, Any]]:
    """{id, version, values, masked} of each record, in the order of `ids`; {id, deleted} of one in the bin."""
    reached = _reached(actor, entity, ids)
    known = list(access.readable(actor, entity).values())
    rows = query.read(actor, entity, reached.filter(deleted_at=None), known)
    labels = query.labels(actor, known, rows)
    found: dict[UUID, dict[str, Any]] = {}
    for row in rows:
        values = {a.key: _value(a, row.values[a.key], labels) for a in known}
        masked = sorted(key for key, value in row.values.items() if isinstance(value, Masked))
        found[row.id] = {"id": str(row.id), "version": row.version, "values": values, "masked": masked}
    gone = reached.exclude(deleted_at=None).values_list("pk", flat=True)
    found |= {pk: {"id": str(pk), "deleted": True} for pk in gone}
    return [found[pk] for pk in ids if pk in found]


def _value(a: Attribute, value: Any, labels: Labels) -> object:
    """As JSON; the link to a record that the owner may not see is left out."""
    if isinstance(value, Masked):
        return str(value)
    if isinstance(value, UUID) and a.is_link and (a.target, value) not in labels:
        return None
    if isinstance(value, list) and a.is_link:
        value = [pk for pk in value if (a.target, pk) in labels]
    return a.kind.to_json(value)


# ---- sending


def due(now: dt.datetime | None = None) -> list[UUID]:
    """The messages whose time has come, not more than PER_MINUTE for one webhook: a dead receiver holds up no other."""
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING, next_at__lte=now or timezone.now())
    found: list[UUID] = []
    for webhook in waiting.order_by().values_list("webhook", flat=True).distinct():
        chosen = waiting.filter(webhook=webhook).order_by("next_at", "pk").values_list("pk", flat=True)
        found += chosen[:PER_MINUTE]
    return found


def signature(secret: str, at: int, body: bytes) -> str:
    """The header by which the receiver knows that it was us: HMAC-SHA256 over "<seconds since 1970>.<body>"."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def send(pk: UUID, now: dt.datetime | None = None, *, resolve: egress.Resolver = egress.lookup) -> None:
    """Send a message whose time has come; a second worker with the same one does nothing."""
    now = now or timezone.now()
    until = now + LEASE
    mine = Delivery.objects.filter(pk=pk, state=Delivery.State.WAITING, next_at__lte=now)
    if not mine.update(next_at=until, attempts=F("attempts") + 1):
        return
    delivery = Delivery.objects.select_related("webhook__user__department").get(pk=pk)
    taken = Delivery.objects.filter(pk=pk, state=Delivery.State.WAITING, next_at=until)
    webhook = delivery.webhook
    error, status, body = "", None, None
    if not webhook.is_active or webhook.deleted_at:
        error = "off"
    elif not webhook.user.is_active or webhook.user.deleted_at:
        error = "owner"
    elif (body := payload(delivery)) is None:
        error = "nothing"
    if body is None:
        taken.update(state=Delivery.State.DEAD, error=error, next_at=None, done_at=now)
        return
    try:
        status = egress.fetch(
            webhook.url, method="POST", body=body, headers=_headers(delivery, body, now), limits=LIMITS, resolve=resolve
        ).status
        error = "" if 200 <= status < 300 else "redirect" if 300 <= status < 400 else "status"
    except egress.EgressError as trouble:
        error = f"{trouble.code} {trouble.detail}"
    _finish(taken, delivery, now, status=status, error=error[:300])


def _headers(delivery: Delivery, body: bytes, now: dt.datetime) -> dict[str, str]:
    return {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Zhike-Webhook/1",
        "Zhike-Delivery": str(delivery.pk),
        "Zhike-Event": delivery.event,
        "Zhike-Signature": signature(delivery.webhook.secret, int(now.timestamp()), body),
    }


def pause(delivery: UUID, attempts: int) -> dt.timedelta | None:
    """How long to wait after so many attempts; None to give up. Up to a tenth longer, differing by message."""
    if attempts > len(WAITS):
        return None
    return WAITS[attempts - 1] * (1 + delivery.int % 1000 / 10_000)


def _finish(taken: QuerySet[Delivery], delivery: Delivery, now: dt.datetime, *, status: int | None, error: str) -> None:
    hook = Webhook.objects.filter(pk=delivery.webhook_id)
    if not error:
        taken.update(state=Delivery.State.DONE, status=status, error="", next_at=None, done_at=now)
        hook.exclude(failed_since=None).update(failed_since=None)
        return
    wait = pause(delivery.pk, delivery.attempts)
    if wait is None:
        taken.update(state=Delivery.State.DEAD, status=status, error=error, next_at=None, done_at=now)
    else:
        taken.update(status=status, error=error, next_at=now + wait)
    hook.filter(failed_since=None).update(failed_since=now)
    if hook.filter(is_active=True, failed_since__lte=now - PATIENCE).update(is_active=False, version=F("version") + 1):
        _switched_off(Webhook.objects.select_related("user").get(pk=delivery.webhook_id))


def _switched_off(webhook: Webhook) -> None:
    give_up(webhook)
    notices.tell(
        webhook.user_id,
        OFF,
        {"name": webhook.name},
        f"/settings/webhooks/{webhook.pk}",
        f"webhook-off:{webhook.pk}:{webhook.version}",
        kind="webhook",
    )
    details = {"webhook": str(webhook.pk), "reason": "failed"}
    history.note_event("webhook.off", user=webhook.user, channel=CHANNEL, details=details)


def tidy(now: dt.datetime | None = None) -> int:
    """Forget what became of messages after 30 days; gives how many."""
    finished = Delivery.objects.exclude(state=Delivery.State.WAITING)
    return finished.filter(at__lt=(now or timezone.now()) - KEPT).delete()[0]
