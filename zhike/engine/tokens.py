"""Keys for programs: shown once, kept as a digest, never reaching further than their owner does at this moment."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from . import access, history, quota
from .access import Actor, Limit
from .entity import AnyEntity, entities
from .errors import Invalid, Limited, Missing, Wrong
from .models import History, Token
from .pools import known as pools

PREFIX = 12  # characters of the part that names the key: "zk_" and nine
SECRET = 32  # random bytes
LONGEST = dt.timedelta(days=365)
REMEMBERED = dt.timedelta(days=90)  # how far back it is told what a key has read
ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789"
READ = "api"  # the action under which the history keeps what a key was used for
CHANNEL = "api"


@dataclass(frozen=True)
class Issued:
    """A new key: `secret` is all of it, and is not kept anywhere."""

    token: Token
    secret: str


def issue(
    actor: Actor,
    *,
    name: str,
    scopes: Sequence[str],
    days: int = 90,
    networks: Sequence[str] = (),
    rows_per_day: int = 100_000,
) -> Issued:
    """A key for the actor, within what the actor may do now; Invalid with texts by field.

    Nobody makes a key for somebody else, and no key makes a key.
    """
    if actor.limit or actor.by:
        raise Missing
    errors: dict[str, list[Wrong]] = {}
    if not name.strip():
        errors["name"] = [Wrong(_("Give the key a name: which program uses it?"), "required")]
    if not scopes or (unknown := sorted(set(scopes) - offered(actor))):
        text = _("You have no permission for: %(what)s.") % {"what": ", ".join(unknown[:5])} if scopes else ""
        errors["scopes"] = [Wrong(text or _("Choose at least one thing that the key may do."))]
    if not 1 <= days <= LONGEST.days:
        errors["days"] = [Wrong(_("A key is valid for 1 to %(max)s days.") % {"max": LONGEST.days})]
    if not 1 <= rows_per_day <= 10_000_000:
        errors["rows_per_day"] = [Wrong(_("Enter a number from 1 to %(max)s.") % {"max": "10,000,000"})]
    cleaned = _networks(networks, errors)
    if errors:
        raise Invalid([errors])
    prefix = "zk_" + "".join(secrets.choice(ALPHABET) for _n in range(PREFIX - 3))
    secret = f"{prefix}_{secrets.token_urlsafe(SECRET)}"
    with transaction.atomic():
        token = Token.objects.create(
            user=actor.user,
            name=name.strip()[:80],
            prefix=prefix,
            digest=_digest(secret),
            scopes=sorted(set(scopes)),
            networks=cleaned,
            rows_per_day=rows_per_day,
            expires_at=timezone.now() + dt.timedelta(days=days),
        )
        history.note(actor, "token", details={"token": prefix, "scopes": token.scopes, "networks": cleaned})
    return Issued(token, secret)


def offered(actor: Actor) -> set[str]:
    """Every scope the actor may give to a key: entity × action as far as they go, and * where they have all."""
    found = set()
    for entity in entities().values():
        had = {action for action in actions(entity) if access.may(actor, entity, action)}
        found |= {f"{entity.key}:{action}" for action in had}
        if had:
            found.add(f"{entity.key}:{access.ANY}")
    for pool in pools.open_to(actor):
        found |= {f"{pool.pool.entity}:{action}" for action in pools.MOVES.keys() & pools.allowed(actor, pool)}
    for action in access.ACTIONS:
        if any(access.may(actor, entity, action) for entity in entities().values()):
            found.add(f"{access.ANY}:{action}")
    return found | ({f"{access.ANY}:{access.ANY}"} if found else set())


def actions(entity: AnyEntity) -> list[str]:
    """Everything that can be done with records of an entity."""
    return [*access.ACTIONS, *entity.actions]


def _networks(given: Sequence[str], errors: dict[str, list[Wrong]]) -> list[str]:
    found = []
    for text in given:
        try:
            found.append(str(ipaddress.ip_network(text.strip(), strict=False)))
        except ValueError:
            wrong = Wrong(_("“%(value)s” is not a network. Write it as 203.0.113.0/24.") % {"value": text[:40]})
            errors.setdefault("networks", []).append(wrong)
    return found


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def find(secret: str, address: str) -> Token | None:
    """The key, if it is in force for a request from `address` and its owner still works here; None for every reason.

    The digests are compared in constant time, and with one of nothing where there is no such key.
    """
    token = Token.objects.select_related("user__department").filter(prefix=secret[:PREFIX]).first()
    same = secrets.compare_digest(_digest(secret), token.digest if token else _digest(""))
    if token is None or not same or token.revoked_at or token.expires_at <= timezone.now():
        return None
    if not token.user.is_active or token.user.deleted_at or not _inside(address, token.networks):
        return None
    return token


def _inside(address: str, networks: Sequence[str]) -> bool:
    if not networks:
        return True
    try:
        found: Any = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ipaddress.ip_network(network) for network in networks)


def actor_of_token(token: Token, channel: str = CHANNEL) -> Actor:
    """Who acts by a key: its owner with the rights of now, less what the key leaves out."""
    return Actor(token.user, channel, limit=Limit.of(token.scopes))


def used(token: Token) -> None:
    """Note the last use, to the minute."""
    now = timezone.now()
    Token.objects.filter(Q(used_at=None) | Q(used_at__lt=now - dt.timedelta(minutes=1)), pk=token.pk).update(
        used_at=now
    )


def count_request(token: Token, per_minute: int, kind: str = "all") -> None:
    """Limited above `per_minute` requests of a kind in the running minute, counted over all processes."""
    if quota.spend(f"{kind}:{token.prefix}", 1, window=quota.minute()) > per_minute:
        raise Limited(
            _("At most %(n)s requests per minute. Try again later.") % {"n": per_minute}, quota.to_next_minute()
        )


def count_rows(token: Token, rows: int) -> None:
    """Count rows that a key is about to be given; Limited above its daily number."""
    if rows and quota.spend(f"rows:{token.prefix}", rows, window=quota.day()) > token.rows_per_day:
        text = _("This key may read at most %(n)s rows a day. Try again tomorrow.") % {"n": token.rows_per_day}
        raise Limited(text, quota.to_next_day())


def keep(token: Token, actor: Actor, doing: str, *, entity: str, ids: Sequence[UUID]) -> None:
    """Keep in the history what a key was used for and which records that touched: one row per request."""
    details = {"token": token.prefix, "doing": doing, "rows": len(ids), "records": [str(pk) for pk in ids]}
    history.note(actor, READ, entity=entity, details=details)


def revoke(actor: Actor, pk: UUID) -> None:
    """End a key: one's own, or anybody's for those in charge of security. Missing otherwise."""
    with transaction.atomic():
        token = Token.objects.select_for_update(of=("self",)).filter(mine_or_all(actor), pk=pk).first()
        if token is None:
            raise Missing
        if token.revoked_at is None:
            token.revoked_at = timezone.now()
            token.save(update_fields=["revoked_at"])
            history.note(actor, "token_end", details={"token": token.prefix})


def mine_or_all(actor: Actor) -> Q:
    """The keys that somebody may see and end."""
    return Q() if in_charge(actor) else Q(user=actor.user.pk) if not actor.limit and not actor.by else access.NOBODY


def in_charge(actor: Actor) -> bool:
    """Whether the keys of all are this actor's business."""
    return actor.office in ("security", "all")


def revoke_all(actor: Actor | None = None) -> int:
    """The kill switch: end every key there is. Without an actor it is the console of the machine that does it."""
    if actor is not None and not in_charge(actor):
        raise Missing
    with transaction.atomic():
        ended = Token.objects.filter(revoked_at=None).update(revoked_at=timezone.now())
        if actor is not None:
            history.note(actor, "token_end", details={"token": "*", "rows": ended})
        else:
            history.note_event("token_end", channel="console", details={"token": "*", "rows": ended})
    return ended


@dataclass(frozen=True)
class Reading:
    """One use of a key: when, what for, and the records it was given."""

    at: dt.datetime
    entity: str
    doing: str
    rows: int
    records: Sequence[str]


def readings(token: Token) -> Iterator[Reading]:
    """What a key was given in the last 90 days, newest first: after a leak, the answer to what is lost."""
    since = timezone.now() - REMEMBERED
    found = History.objects.filter(actor=token.user_id, action=READ, at__gte=since, details__token=token.prefix)
    for row in found.order_by(F("at").desc(), F("id").desc()).iterator(chunk_size=500):
        d = row.details
        yield Reading(row.at, row.entity, d.get("doing", ""), d.get("rows", 0), d.get("records", ()))
