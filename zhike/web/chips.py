"""The parts of a filter in force, in words, each with the address without it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.query import Condition, View

from .filter_words import clause_text
from .filters import condition_text
from .tabs import Asked

Chip = dict[str, Any]


def chips(actor: Actor, entity: AnyEntity, own: View, url: Callable[[View], str]) -> list[Chip]:
    """One for each part; groups and linked records are told in a sentence."""
    known = access.readable(actor, entity)
    found = []
    for n, clause in enumerate(own.clauses):
        left = [c for i, c in enumerate(own.clauses) if i != n]
        rest = own.start().but(conditions=(), where=()).also(*left)
        if isinstance(clause, Condition) and clause.key in known:
            a = known[clause.key]
            found.append({"label": a.label, "value": condition_text(actor, a, clause), "remove_url": url(rest)})
        elif text := clause_text(actor, entity, clause):
            found.append({"label": "", "value": text, "remove_url": url(rest), "nth": n})
    return found


def words(actor: Actor, entity: AnyEntity, own: View) -> list[Chip]:
    """The parts of a view in words, and what is searched for."""
    found = chips(actor, entity, own, lambda _rest: "")
    return [*found, {"label": "", "value": own.search}] if own.search else found


def typed_chips(actor: Actor, found: Asked, url: Callable[[View], str]) -> list[Chip]:
    """What the filter line was taken for, word by word; what asks for something that is not there says so."""
    shown = []
    own = found.own.start()
    for chip in found.line.chips if found.line else ():
        rest = " ".join(own.search.replace(chip.text, " ", 1).split())
        text = clause_text(actor, found.entity, chip.clause) if chip.clause else ""
        link = {"label": "", "value": text or chip.text, "remove_url": url(own.but(search=rest))}
        shown.append(link | ({} if chip.clause else {"tone": "bad", "hint": _("Not understood, and left out")}))
    return shown
