"""Failed sign-ins, counted in the database so that every worker process knows them."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from zhike.base.models import FailedLogin

LIMIT = 5
WINDOW = timedelta(minutes=15)
PER_ADDRESS = 50  # a whole office may sit behind one address


def _recent(**where: str) -> int:
    return FailedLogin.objects.filter(at__gte=timezone.now() - WINDOW, **where).count()


def address(request: HttpRequest) -> str:
    """Where the request comes from; forwarded headers are not believed."""
    return str(request.META.get("REMOTE_ADDR", ""))[:45]


def closed(request: HttpRequest, username: str) -> bool:
    """Whether this name or this address has failed too often in the last 15 minutes."""
    return _recent(username=username.lower()) >= LIMIT or _recent(address=address(request)) >= PER_ADDRESS


def failed(request: HttpRequest, username: str) -> None:
    """Count a failure, whether or not there is such a person."""
    FailedLogin.objects.create(username=username.lower(), address=address(request))


def forget(username: str) -> None:
    """A success ends the count, and old counts go."""
    FailedLogin.objects.filter(username=username.lower()).delete()
    FailedLogin.objects.filter(at__lt=timezone.now() - timedelta(days=1)).delete()
