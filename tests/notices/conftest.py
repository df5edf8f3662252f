"""A mail server and a push service on this machine."""

from __future__ import annotations

import email
import socket
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from tests.notices.pushing import Running, Service


class Post:
    """What a mail server took; `refuse` is what it answers instead."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.refuse = ""

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - as aiosmtpd calls it
        found = email.message_from_bytes(envelope.content, policy=default)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 OK"

    def text(self, number: int = -1, kind: str = "plain") -> str:
        part = self.mails[number].get_body((kind,))
        assert part is not None
        return str(part.get_content())


@pytest.fixture
def post(settings: Any) -> Iterator[Post]:
    """A server that speaks SMTP, to which Zhike is told to send."""
    found = Post()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(found, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    yield found
    controller.stop()


@pytest.fixture
def service(settings: Any) -> Iterator[Service]:
    """A push service, in a network that the firm has opened."""
    settings.EGRESS_ALLOW = ["127.0.0.1/32"]
    running = Running()
    yield running.service
    running.stop()
