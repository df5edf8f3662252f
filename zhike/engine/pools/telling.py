"""When a record goes back, by which rule, and what keeps it, in words."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.i18n import day, listed
from zhike.engine.entity import AnyEntity

from . import clocks, document
from .document import Document, Rule


@dataclass(frozen=True)
class Told:
    """What an owner reads about a record: `text` when it goes back and why, `saves` what keeps it, `days` until then.

    `days` is None where it does not go back.
    """

    text: str
    saves: str = ""
    days: int | None = None


def moment(at: dt.datetime) -> str:
    """A day with the time of the day."""
    return f"{day(at)} {timezone.localtime(at):%H:%M}"


def reason(entity: AnyEntity, pk: UUID) -> str:
    """Why the sweep takes a record from its owner."""
    record = entity.rows("the rule that is about to be followed").select_related("pool").get(pk=pk)
    said, rule = _rule(entity, record)
    return because(said, rule) if said and rule else ""


def because(said: Document, rule: Rule) -> str:
    """What a rule waits for in vain: "no follow-up for 15 days"."""
    clock = clocks.clocks.get(rule.clock)
    what = str(clock.label) if clock else rule.clock
    text = ngettext("%(what)s: none for %(n)s day", "%(what)s: none for %(n)s days", rule.days)
    return text % {"what": what, "n": rule.days}


def rule_line(said: Document, rule: Rule) -> str:
    """A rule in a line of a list: what it waits for, and what keeps a record."""
    return " · ".join(filter(None, (because(said, rule), saves(said, rule))))


def told(entity: AnyEntity, record: Any) -> Told | None:
    """About one record with an owner; None where it belongs to no pool."""
    if not record.pool_id or not record.owner_id:
        return None
    if record.recycle_at is None:
        return _stays(entity, record)
    said, rule = _rule(entity, record)
    if said is None or rule is None:
        return None
    left = (timezone.localdate(record.recycle_at) - timezone.localdate()).days
    words = {"day": day(record.recycle_at), "pool": record.pool.name, "why": because(said, rule)}
    last = rule.most and record.held_since + dt.timedelta(days=rule.most) <= record.recycle_at
    if last:
        words["n"] = rule.most
        text = ngettext(
            "Returns to “%(pool)s” on %(day)s in any case: %(n)s day with one owner is the most.",
            "Returns to “%(pool)s” on %(day)s in any case: %(n)s days with one owner is the most.",
            rule.most or 0,
        )
        return Told(text % words, "", left)
    return Told(_("Returns to “%(pool)s” on %(day)s. %(why)s.") % words, saves(said, rule), left)


def saves(said: Document, rule: Rule) -> str:
    """What keeps a record with its owner under a rule."""
    clock = clocks.clocks.get(rule.clock)
    if clock is None:
        return ""
    how = str(clock.saves)
    if rule.clock == "follow_up":
        wanted = said.counts.kinds
        found = [k for k in clocks.kinds.values() if wanted is None or k.key in wanted]
        how = listed(str(k.label) % {"n": said.counts.letters} for k in found)
    if rule.update is None:
        return _("This keeps it for good: %(how)s.") % {"how": how}
    text = ngettext(
        "This keeps it for another %(n)s day: %(how)s.", "This keeps it for another %(n)s days: %(how)s.", rule.update
    )
    return text % {"n": rule.update, "how": how}


def _stays(entity: AnyEntity, record: Any) -> Told:
    if record.is_kept:
        return Told(_("Stays with its owner: a manager has kept it from the pool."))
    said = document.read(record.pool.document)
    for key in said.exempt:
        rows = entity.rows("the state of a record that is shown").filter(
            clocks.exempt(entity.key, [key]), Q(pk=record.pk)
        )
        if key in clocks.exemptions and rows.exists():
            return Told(_("Stays with its owner: %(why)s.") % {"why": clocks.exemptions[key].label})
    return Told(_("No rule of the pool takes it from its owner."))


def _rule(entity: AnyEntity, record: Any) -> tuple[Document | None, Rule | None]:
    if record.pool is None:
        return None, None
    said = document.read(record.pool.document)
    return said, next((r for r in said.rules if r.key == record.recycle_rule), None)
