"""Why a record went to whom, in the words of the reader: made from the data of the decision when it is shown."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from zhike.base.i18n import listed
from zhike.base.models import User

from . import choosing
from .document import Document, Want, hours_text
from .models import Decision

TRAITS: Mapping[str, Any] = {
    "territory": gettext_lazy("Territory covers the region"),
    "skill": gettext_lazy("Knows the product asked for"),
    "on_duty": gettext_lazy("On duty at this moment"),
    "tenure_least": gettext_lazy("Long enough with the firm"),
    "tenure_most": gettext_lazy("New to the firm"),
}
REASONS: Mapping[str, Any] = {
    choosing.NOT_RECEIVING: gettext_lazy("gets nothing by rules"),
    choosing.AWAY: gettext_lazy("away"),
    choosing.TRIED: gettext_lazy("was asked before"),
    choosing.DAILY: gettext_lazy("has had as many as they take a day"),
    choosing.OPEN: gettext_lazy("has as many open as they may"),
    choosing.HOLDING: gettext_lazy("holds as many as the pool allows"),
    choosing.PASSED: gettext_lazy("fits, but others are preferred"),
    "territory": gettext_lazy("another territory"),
    "skill": gettext_lazy("another product"),
    "on_duty": gettext_lazy("not on duty"),
    "tenure_least": gettext_lazy("not long enough with the firm"),
    "tenure_most": gettext_lazy("too long with the firm"),
}
MODES: Mapping[str, Any] = {
    "turn": gettext_lazy("By turn"),
    "load": gettext_lazy("Fewest open records"),
    "hand": gettext_lazy("Given by hand"),
}


@dataclass
class Told:
    """One decision: a sentence, what people had to have and had preferably, and each with the figures or the reason."""

    text: str
    terms: list[str] = field(default_factory=list)
    fit: list[tuple[str, str]] = field(default_factory=list)
    left: list[tuple[str, str]] = field(default_factory=list)


def told(decision: Decision, rule: str, names: Mapping[UUID, str]) -> Told:
    """A decision in words; `names` are those of `people_in`."""
    why, who = decision.why, names.get(decision.person_id, "") if decision.person_id else ""
    kinds = Decision.Outcome
    said = {"rule": rule, "name": who, "n": why.get("fitting", 0)}
    if decision.outcome == kinds.GIVEN:
        text = _given(why) % said
    else:
        text = {
            kinds.NOBODY: _("Rule “%(rule)s”: nobody fits, it waits until somebody does."),
            kinds.HAND: _("Rule “%(rule)s”: it is given by hand."),
            kinds.MANAGER: _("Rule “%(rule)s”: nobody accepted it in time, so it went up to %(name)s."),
            kinds.PERSON: _("Rule “%(rule)s”: nobody accepted it in time, so it went to %(name)s."),
            kinds.POOL: _("Rule “%(rule)s”: nobody accepted it in time, so it went to the pool."),
            kinds.STAYS: _("Rule “%(rule)s”: nobody accepted it in time, and there is nobody above: it stays."),
        }[kinds(decision.outcome)] % said
    terms = ((_("Must: %(what)s"), why.get("must", ())), (_("Preferred: %(what)s"), why.get("preferred", ())))
    return Told(
        text,
        [words % {"what": listed(str(TRAITS[key]) for key in keys)} for words, keys in terms if keys],
        [(names.get(UUID(pk), "—"), _figures(n, today)) for pk, n, today, _turn in why.get("fit", ())],
        [(names.get(UUID(pk), "—"), str(REASONS.get(reason, reason))) for pk, reason in why.get("left", ())],
    )


def _given(why: Mapping[str, Any]) -> str:
    best = why.get("fit") or [["", 0, 0, 0]]
    if len(best) == 1 < why.get("fitting", 1):
        return _("Rule “%(rule)s” gave it to %(name)s: of those who fit, the only one who has what it prefers.")
    if len(best) == 1:
        return _("Rule “%(rule)s” gave it to %(name)s: the only one who comes into question.")
    if why.get("mode") == "load":
        return _("Rule “%(rule)s” gave it to %(name)s: of those who fit, the one with the fewest open records.")
    return _("Rule “%(rule)s” gave it to %(name)s: of those who fit, the one who has waited longest.")


def _figures(n: int, today: int) -> str:
    return _("%(n)s open, %(today)s given today") % {"n": n, "today": today}


def people_in(decisions: Iterable[Decision]) -> dict[UUID, str]:
    """The names of everybody whom some decisions speak of."""
    ids: set[UUID] = set()
    for d in decisions:
        ids |= {UUID(part[0]) for key in ("fit", "left") for part in d.why.get(key, ())}
        ids |= {d.person_id} if d.person_id else set()
    return names(ids)


def names(ids: Collection[UUID]) -> dict[UUID, str]:
    """Names of people, who left too."""
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "name"))


def wants(some: Iterable[Want]) -> str:
    """What people must have, or have preferably."""
    days = _("%(what)s (%(n)s days)")
    return listed(str(TRAITS[w.what]) if w.days is None else days % {"what": TRAITS[w.what], "n": w.days} for w in some)


def lines(said: Document) -> list[str]:
    """A rule in a few lines, without its conditions and people."""
    found = [str(MODES[said.mode])]
    if said.must:
        found.append(_("Must: %(what)s") % {"what": wants(said.must)})
    if said.prefer:
        found.append(_("Preferred: %(what)s") % {"what": wants(said.prefer)})
    if said.accept:
        rounds = said.accept.rounds
        text = ngettext(
            "To accept within %(minutes)s minutes of work, %(n)s person is asked",
            "To accept within %(minutes)s minutes of work, %(n)s people are asked",
            rounds,
        )
        found.append(text % {"minutes": said.accept.minutes, "n": rounds})
    if said.respond:
        found.append(_("First response within %(n)s minutes of work") % {"n": said.respond})
    if said.accept or said.respond:
        found.append(_("Hours of work: %(hours)s") % {"hours": hours_text(said.hours)})
    return found
