"""Failed attempts, counted in the database so that every worker process knows them.

An attempt is counted before its password is looked at, and taken back when it succeeds: many at once gain nothing.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils import timezone

from zhike.base.models import FailedLogin


@dataclass(frozen=True)
class Rule:
    """So many attempts within a window."""

    limit: int
    window: timedelta


ACCOUNT = Rule(5, timedelta(minutes=15))
ADDRESS = Rule(30, timedelta(minutes=15))  # a whole office may sit behind one address
MAILS = Rule(3, timedelta(hours=1))


@dataclass(frozen=True)
class Try:
    """A counted attempt; `wait` = seconds until the door opens again, 0 when it is open now."""

    key: str
    pk: int
    wait: int = 0

    def succeeded(self) -> None:
        """A success ends the count of its key."""
        FailedLogin.objects.filter(username=self.key).delete()


def tidy() -> None:
    """Forget what is too old to count."""
    FailedLogin.objects.filter(at__lt=timezone.now() - timedelta(days=1)).delete()


def address(request: HttpRequest) -> str:
    """Where the request comes from; identity_proxy has put right what a known proxy says."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def network(text: str) -> str:
    """The address to count: one household holds a whole /64 of IPv6."""
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return text
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)


def enter(request: HttpRequest | None, key: str, rule: Rule = ACCOUNT) -> Try:
    """Count an attempt under `key` (an account, or what it is for) and, with a request, under its address."""
    key = key.lower().replace("\0", "")[:150]
    place = network(address(request))[:45] if request else ""
    row = FailedLogin.objects.create(username=key, address=place)
    waits = [_wait(row.at, rule, username=key)]
    if place:
        waits.append(_wait(row.at, ADDRESS, address=place))
    if max(waits):
        row.delete()  # else hammering on would keep the door closed for ever
        return Try(key, 0, max(waits))
    return Try(key, row.pk)


def _wait(now: datetime, rule: Rule, **where: str) -> int:
    rows = FailedLogin.objects.filter(at__gte=now - rule.window, **where).order_by("-at")
    times = list(rows.values_list("at", flat=True)[: rule.limit + 1])
    if len(times) <= rule.limit:
        return 0
    return max(1, int((times[-1] + rule.window - now).total_seconds()) + 1)
