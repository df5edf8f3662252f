"""Grounds on which the demo firm uses the data of its contacts, and two requests that wait for an answer."""

from __future__ import annotations

import datetime as dt
from gettext import gettext as _
from typing import TYPE_CHECKING, Any

from .dice import Dice, at

if TYPE_CHECKING:
    from .store import Store

WORDING = "2026-01"
CHANNELS = ("meeting", "paper", "message", "form")


def consent(store: Store) -> None:
    """Every tenth contact has said yes to marketing, every eighth is in a contract; a few took it back or ask."""
    dice, people = Dice(len(store.contacts), "consents"), store.market.people
    rows: list[tuple[str, dict[str, Any], dt.datetime]] = []
    asked: list[tuple[str, dict[str, Any], dt.datetime]] = []
    for n, pk in enumerate(store.contacts):
        when = people[n].created + dt.timedelta(minutes=3)
        owner = store.market.customers[people[n].customer].owner_at(people[n].created)
        base = {"contact": pk, "given_at": when}
        if dice.chance(0.12):
            rows.append((owner, {**base, "purpose": "service", "basis": "contract"}, when))
        if dice.chance(0.1):
            said = {"text_version": WORDING, "channel": dice.choice(CHANNELS), "purpose": "marketing"}
            rows.append((owner, {**base, **said, "basis": "consent"}, when))
        if len(asked) < 2 and dice.chance(0.02):
            day = at(store.days.today - dt.timedelta(days=2 + 9 * len(asked)), 10)
            kind = ("copy", "correct")[len(asked)]
            asked.append((owner, {"contact": pk, "kind": kind, "channel": "mail", "received_on": day.date()}, day))
    text = _("Demo firm: contacts")
    store.create("consent", rows, text)
    store.create("personrequest", asked, text)
