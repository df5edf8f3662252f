"""Mails of notices: text and plain HTML in the reader's language, with the way to the switches."""

from __future__ import annotations

from collections.abc import Sequence
from email.utils import parseaddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.i18n import language
from zhike.engine.access import Actor
from zhike.engine.notices import Said, kind_of
from zhike.web.templating import render_text

SWITCHES = "/me/notices"


class Refused(Exception):
    """The mail server will never take this."""


def how_many(count: int) -> str:
    """3 notifications."""
    return ngettext("%(n)s notification", "%(n)s notifications", count) % {"n": count}


def send(actor: Actor, found: Sequence[Said], *, mark: str) -> None:
    """One mail of all of these; `mark` makes its Message-ID. Raises Refused, or OSError where it may go later."""
    words = _words(actor, found)
    sender = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    message = EmailMultiAlternatives(
        words["title"],
        render_text("mail/notices.txt", words, None),  # type: ignore[arg-type]  # a mail answers no request
        to=[actor.user.email],
        headers={
            "Message-ID": f"<{mark}@{sender.rpartition('@')[2] or 'zhike'}>",
            "Auto-Submitted": "auto-generated",
            "List-Unsubscribe": f"<{settings.URL}{SWITCHES}>",
        },
    )
    message.attach_alternative(render_text("mail/notices.html", words, None), "text/html")  # type: ignore[arg-type]
    try:
        message.send()
    except OSError as error:
        # {address: (code, text)} of what the server takes from nobody; the rest, as a wrong password, may be mended
        codes = [code for code, _text in getattr(error, "recipients", {}).values()]
        if codes and all(code >= 500 for code in codes):
            raise Refused(f"address {codes[0]}") from error
        raise


def _words(actor: Actor, found: Sequence[Said]) -> dict[str, Any]:
    """What the templates are filled with: the notices, then what notices with a content of their own say."""
    rows = [{"text": one.text, "meta": one.meta, "url": _full(one.url or "/notices")} for one in found]
    more = [
        {"text": text, "url": _full(url) if url else ""}
        for one in found
        if (content := kind_of(one.kind).content) is not None
        for text, url in content(actor)
    ]
    return {
        "title": " ".join((found[0].text if len(found) == 1 else how_many(len(found))).split())[:200],
        "hello": _("Hello %(name)s,") % {"name": actor.user.name},
        "rows": rows,
        "more": more,
        "foot": _("Which notices come by mail, and when, is for you to say:"),
        "switches": f"{settings.URL}{SWITCHES}",
        "lang": language(),
    }


def _full(url: str) -> str:
    return f"{settings.URL}{url}"
