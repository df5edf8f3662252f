"""Conditions in words, and filters as fields of a form."""

from __future__ import annotations

import re
from typing import Any

from django.utils.translation import gettext as _

from zhike.base.i18n import listed
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute
from zhike.engine.query import Condition, View

from . import forms


def condition_text(actor: Actor, a: Attribute, c: Condition) -> str:
    """A condition in words."""
    words = {
        "eq": "{}",
        "has": "{}",
        "under": "{}",
        "contains": _("contains {}"),
        "ne": _("not {}"),
        "gte": "≥ {}",
        "lte": "≤ {}",
        "in": "{}",
        "between": "{}",
        "within": "{}",
        "empty": _("empty"),
    }
    if c.op == "empty":
        return _("empty") if str(c.value) not in ("0", "false") else _("not empty")
    if c.op == "within":
        return period_label(str(c.value))
    parts = (
        c.value
        if isinstance(c.value, (list, tuple))
        else str(c.value or "").split(",")
        if c.op in ("in", "between")
        else [c.value]
    )
    values = [value_text(actor, a, v) for v in parts]
    return words[c.op].format("–".join(values) if c.op == "between" else listed(values))


def value_text(actor: Actor, a: Attribute, raw: Any) -> str:
    """One value of a condition in words."""
    if raw == "me":
        return _("me")
    if raw in ("mine", "below") and a.target in ("user", "department"):
        return _("my department") if raw == "mine" else _("my department and below")
    try:
        value = a.kind.operand(a, raw)
    except ValueError:
        return str(raw)
    if a.is_link and value:
        return query.names(actor, a.target, [value]).get(value, "")
    if a.kind.key in ("multichoice", "links"):
        value = [value]
    return a.kind.text(a, value, {}) or str(raw)


def period_label(word: str) -> str:
    """A named period in words."""
    if found := _SPAN.fullmatch(word):
        return _span_labels()[found[1], found[3] or "days"] % {"n": found[2]}
    return _period_names().get(word, word)


_SPAN = re.compile(r"(last|next|before|after)_(\d+)(?:_(days|weeks|months))?")


def _period_names() -> dict[str, str]:
    return {
        "today": _("today"),
        "yesterday": _("yesterday"),
        "tomorrow": _("tomorrow"),
        "last_week": _("last week"),
        "this_week": _("this week"),
        "next_week": _("next week"),
        "last_month": _("last month"),
        "this_month": _("this month"),
        "next_month": _("next month"),
        "last_quarter": _("last quarter"),
        "this_quarter": _("this quarter"),
        "next_quarter": _("next quarter"),
        "last_year": _("last year"),
        "this_year": _("this year"),
        "next_year": _("next year"),
        "last_fiscal_quarter": _("last fiscal quarter"),
        "this_fiscal_quarter": _("this fiscal quarter"),
        "next_fiscal_quarter": _("next fiscal quarter"),
        "last_fiscal_year": _("last fiscal year"),
        "this_fiscal_year": _("this fiscal year"),
        "next_fiscal_year": _("next fiscal year"),
        "overdue": _("overdue"),
        "future": _("later"),
    }


def _span_labels() -> dict[tuple[str, str], str]:
    return {
        ("last", "days"): _("in the last %(n)s days"),
        ("last", "weeks"): _("in the last %(n)s weeks"),
        ("last", "months"): _("in the last %(n)s months"),
        ("next", "days"): _("in the next %(n)s days"),
        ("next", "weeks"): _("in the next %(n)s weeks"),
        ("next", "months"): _("in the next %(n)s months"),
        ("before", "days"): _("more than %(n)s days ago"),
        ("before", "weeks"): _("more than %(n)s weeks ago"),
        ("before", "months"): _("more than %(n)s months ago"),
        ("after", "days"): _("more than %(n)s days ahead"),
        ("after", "weeks"): _("more than %(n)s weeks ahead"),
        ("after", "months"): _("more than %(n)s months ahead"),
    }


PERIODS = (
    "today",
    "this_week",
    "this_month",
    "last_month",
    "this_quarter",
    "this_year",
    "last_30",
    "before_30",
    "overdue",
    "next_7",
)


def filter_field(actor: Actor, entity: AnyEntity, a: Attribute, own: View) -> dict[str, Any]:
    """One filter as a form field whose name is the condition."""
    found = forms.field(entity, a, None, {}, actor=actor, raw="")
    found |= {"required": False, "help": "", "error": "", "wide": False, "maxlength": None}
    op = next((o for o in ("under", "has", "within", "contains") if o in a.kind.ops), "eq")
    if a.choices and op == "eq":
        op, found["kind"] = "in", "multi"
    if op == "within":
        found |= {"kind": "select", "options": [{"value": p, "label": period_label(p)} for p in PERIODS]}
    elif found["kind"] == "multicombo":
        found["kind"], found["value"] = "combo", ""
    elif a.kind.key == "boolean":
        found |= {
            "kind": "select",
            "options": [{"value": "1", "label": _("Yes")}, {"value": "0", "label": _("No")}],
            "value": "",
        }
    if found["kind"] in ("money", "number", "integer", "percent"):
        op, found["label"] = "gte", _("%(field)s at least") % {"field": a.label}
    chosen = next((query.flat(c.value) for c in own.conditions if c.key == a.key and c.op in (op, "eq")), "")
    found["name"] = f"{a.key}__{op}"
    found["value"] = [v for v in chosen.split(",") if v] if found["kind"] == "multi" else chosen
    if found["kind"] == "combo" and chosen:
        found["text"] = value_text(actor, a, chosen)
    return found
