"""The letter that goes with a customer: people, open matters, risks, last words; made from the record for its reader.

Everything is read through the gate at the moment it is looked at: it tells nobody more than they may see.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.query import Page, View

from . import continuity

IDLE_DAYS = 30
MOST = 50
WORDS = 5  # last notes
PEOPLE = ("name", "position", "role", "attitude", "phone", "email", "wechat")
MATTERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "deal": (
        "status__eq=open&sort=expected_on",
        ("name", "stage", "amount", "expected_on", "next_step", "next_follow_up_on"),
    ),
    "promise": ("status__eq=open&sort=due_on", ("text", "due_on", "contact", "answer")),
    "activity": ("status__eq=planned&sort=due_at", ("subject", "kind", "due_at", "contact", "deal")),
    "lead": ("status__eq=open", ("name", "stage", "next_follow_up_on")),
}  # fmt: skip
CASES = ("case", "ticket", "complaint")  # of later modules: shown once they are there


@dataclass
class Table:
    """A list in the letter: heads, and the rows as texts with the address of each."""

    title: str
    heads: list[Any]
    rows: list[tuple[str, list[str]]] = field(default_factory=list)


@dataclass
class Letter:
    """One customer as whoever reads it may see it."""

    account: UUID
    title: str
    facts: list[tuple[Any, str]] = field(default_factory=list)
    people: Table | None = None
    matters: list[Table] = field(default_factory=list)
    risks: list[str] = field(default_factory=list)
    words: list[tuple[str, str, str]] = field(default_factory=list)  # when, who, what


def write(actor: Actor, account: UUID) -> Letter:
    """The letter of a customer for a reader. Raises Missing or Refused where they may not read the customer."""
    page = query.record(actor, get("account"), account)
    row = page.rows[0]
    letter = Letter(account, page.text(row, "name") if "name" in row.values else "—")
    shown = ("tier", "status", "region", "industry", "phone", "last_contact_at", "next_follow_up_on", "remark")
    letter.facts = [
        (page.entity.attributes[k].label, text) for k in shown if k in row.values and (text := page.text(row, k))
    ]
    letter.people = _table(actor, "contact", account, "employment__eq=employed", PEOPLE)
    for key in (*MATTERS, *(k for k in CASES if k in entities())):
        asked, columns = MATTERS.get(key, ("", ()))
        table = _table(actor, key, account, asked, columns)
        if table and table.rows:
            letter.matters.append(table)
    letter.risks = _risks(actor, account, row.values)
    letter.words = _words(actor, account)
    return letter


def _page(actor: Actor, key: str, account: UUID, asked: str, columns: Sequence[str], size: int) -> Page | None:
    entity = get(key)
    if not access.may(actor, entity, "list") or "account" not in access.readable(actor, entity):
        return None
    known = access.readable(actor, entity)
    view: View = query.parse(f"account__eq={account}&{asked}")
    if any(c.key not in known for c in view.conditions):
        return None
    return query.page(actor, entity, view.but(columns=tuple(c for c in columns if c in known), size=size))


def _table(actor: Actor, key: str, account: UUID, asked: str, columns: Sequence[str]) -> Table | None:
    page = _page(actor, key, account, asked, columns or get(key).columns, MOST)
    if page is None:
        return None
    shown = [k for k in (columns or get(key).columns) if k in {a.key for a in page.attributes}]
    table = Table(str(get(key).plural), [get(key).attributes[k].label for k in shown])
    table.rows = [(f"/{key}/{r.id}", [page.text(r, k) for k in shown]) for r in page.rows]
    return table


def _risks(actor: Actor, account: UUID, values: dict[str, Any]) -> list[str]:
    """What the successor must know first: overdue, silent, on one person."""
    found: list[str] = []
    for key, asked, said in _OVERDUE:
        page = _page(actor, key, account, asked, (get(key).title,), 1)
        if page and page.total:
            found.append(said(int(page.total)))
    last: dt.datetime | None = values.get("last_contact_at")
    if "last_contact_at" in values:
        days = (timezone.now() - last).days if last else None
        if days is None:
            found.append(_("No contact is written down."))
        elif days >= IDLE_DAYS:
            found.append(ngettext("No contact for %(n)s day", "No contact for %(n)s days", days) % {"n": days})
    kept = continuity.of([account]).get(account)
    if kept is not None and kept.ours <= 1:
        found.append(_("Hangs on one person: nobody else of us was in touch within 12 months."))
    if kept is not None and not kept.decider:
        found.append(_("Nobody there is known as the decision maker."))
    return found


def _promises(n: int) -> str:
    return ngettext("%(n)s promise is overdue", "%(n)s promises are overdue", n) % {"n": n}


def _tasks(n: int) -> str:
    return ngettext("%(n)s task is overdue", "%(n)s tasks are overdue", n) % {"n": n}


def _late(n: int) -> str:
    return ngettext("%(n)s deal should have closed by now", "%(n)s deals should have closed by now", n) % {"n": n}


def _alone(n: int) -> str:
    return ngettext("%(n)s deal has no next step", "%(n)s deals have no next step", n) % {"n": n}


_OVERDUE: tuple[tuple[str, str, Callable[[int], str]], ...] = (
    ("promise", "status__eq=open&due_on__within=overdue", _promises),
    ("activity", "status__eq=planned&due_at__within=overdue", _tasks),
    ("deal", "status__eq=open&expected_on__within=overdue", _late),
    ("deal", "status__eq=open&next_follow_up_on__empty=1", _alone),
)


def _words(actor: Actor, account: UUID) -> list[tuple[str, str, str]]:
    """The last notes of what was done."""
    columns = ("done_at", "owner", "kind", "subject", "body")
    page = _page(actor, "activity", account, "status__eq=done&sort=-done_at", columns, WORDS)
    if page is None:
        return []
    told = []
    for row in page.rows:
        said = {k: page.text(row, k) if k in row.values else "" for k in columns}
        told.append((said["done_at"], said["owner"], said["body"] or said["subject"]))
    return told
