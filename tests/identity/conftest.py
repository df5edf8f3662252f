"""Doors, codes and mails as tests need them."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.core import mail as django_mail
from django.test import Client

from tests.identity.provider import Provider

PASSWORD = "Zhike-test-2026"


def sign_in(client: Client, who: str, password: str = PASSWORD, **more: Any) -> Any:
    """What the door answers."""
    return client.post("/login", {"username": who, "password": password, **more})


def is_in(client: Client) -> bool:
    """Whether the first page opens."""
    return client.get("/notices").status_code == 200


def code_of(secret: str, *, steps: int = 0) -> str:
    """The code an app shows, so many half minutes from now."""
    counter = int(time.time()) // 30 + steps
    return str(totp.format_hotp_value(totp.hotp_value(secret, counter)))


def secret_of(user: Any) -> str:
    """The secret of a person's app."""
    return str(decrypt(Authenticator.objects.get(user=user, type="totp").data["secret"]))


def enrol(user: Any) -> str:
    """Set up an app; gives its secret."""
    secret = str(totp.generate_totp_secret())
    totp.TOTP.activate(user, secret)
    return secret


def post_mails() -> list[Any]:
    """What the worker would do now: every mail that waits is sent; gives all that were sent."""
    from procrastinate.contrib.django.models import ProcrastinateJob

    from zhike.web import identity_links

    jobs = ProcrastinateJob.objects.filter(task_name="zhike.identity.mail").order_by("id")
    seen = getattr(django_mail, "zhike_seen", 0)
    for job in jobs.filter(id__gt=seen):
        django_mail.zhike_seen = job.id  # type: ignore[attr-defined]
        identity_links.send(**job.args)
    return list(django_mail.outbox)


def link_in(message: Any) -> str:
    """The link of a mail."""
    found = re.search(r"https?://\S+", message.body)
    assert found, message.body
    return found[0]


@pytest.fixture(autouse=True)
def base_url(settings: Any) -> None:
    """Where people reach this Zhike, and that providers of tests are on this machine."""
    settings.URL = "https://crm.example.cn"
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]


@pytest.fixture
def provider() -> Iterator[Provider]:
    """An OpenID Connect provider on loopback."""
    with Provider("corp") as found:
        yield found


@pytest.fixture
def second_provider() -> Iterator[Provider]:
    """Another one."""
    with Provider("other") as found:
        yield found
