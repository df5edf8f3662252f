"""What the worker does for the pages: mails. A job carries no secret; links are made when the mail is."""

from __future__ import annotations

from procrastinate.contrib.django import app


@app.task(name="zhike.identity.mail", queue="mail")
def mail(purpose: str, who: str, lang: str) -> None:
    """Send somebody a link to choose a password."""
    from . import identity_links  # it defers this task

    identity_links.send(purpose, who, lang)


@app.task(name="zhike.identity.contact_changed", queue="mail")
def contact_changed(name: str, to: str, lang: str) -> None:
    """Tell somebody at their old address that the address or phone of their account has changed."""
    from . import identity_links  # it defers the task above

    identity_links.tell_contact_changed(name, to, lang)


@app.periodic(cron="29 3 * * *")
@app.task(name="zhike.identity.tidy", queue="mail", pass_context=False)
def tidy(timestamp: int) -> None:
    """Every night: forget sessions that are over, and attempts of yesterday."""
    from . import identity, throttle

    identity.tidy()
    throttle.tidy()
