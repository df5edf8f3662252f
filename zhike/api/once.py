"""Requests that may be repeated: the same Idempotency-Key gives the first result, and never makes a second one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.utils.translation import gettext as _

from zhike.engine import tokens
from zhike.engine.entity import AnyEntity
from zhike.engine.models import IdempotencyKey

from .door import Call
from .problems import Problem

HEADER = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"


def run(call: Call, entity: AnyEntity, doing: str, work: Callable[[], Sequence[UUID]]) -> tuple[Sequence[UUID], bool]:
    """(ids that the work gave, whether it was done before), in one transaction with the work and its trace.

    Of two requests with one key at the same moment the second waits. A key with another body or at another address
    is refused with 422; a request that failed has left nothing, so its key is free.
    """
    key = call.request.headers.get(HEADER)
    if key is None:
        with transaction.atomic():
            ids = work()
            tokens.keep(call.token, call.actor, doing, entity=entity.key, ids=ids)
            return ids, False
    if not re.fullmatch(r"[\x21-\x7e]{1,200}", key):
        raise Problem(400, _("An idempotency key has 1 to 200 visible ASCII characters."))
    name, body = _name(key), _print(call)
    owner = call.actor.user.pk
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{owner}:{name}"])
        seen = list(IdempotencyKey.objects.filter(actor=owner, key__startswith=name).order_by("key"))
        if any(row.key.split(":")[2] != body for row in seen):
            raise Problem(422, _("This idempotency key was used for another request."))
        ids = [row.record for row in seen] or work()
        tokens.keep(call.token, call.actor, doing, entity=entity.key, ids=ids)
        if seen:
            return ids, True
        IdempotencyKey.objects.bulk_create(
            IdempotencyKey(actor=owner, key=f"{name}{body}:{n:04d}", entity=entity.key, record=pk)
            for n, pk in enumerate(ids)
        )
        return ids, False


def _name(key: str) -> str:
    return f"api:{hashlib.sha256(key.encode()).hexdigest()[:40]}:"


def _print(call: Call) -> str:
    """A fingerprint of what is asked."""
    whole = f"{call.request.method} {call.request.path}\n".encode() + call.request.body
    return hashlib.sha256(whole).hexdigest()[:40]
