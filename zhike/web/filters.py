"""Conditions in words, and filters as fields of a form."""

from __future__ import annotations

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
    names = {
        "today": _("today"),
        "yesterday": _("yesterday"),
        "tomorrow": _("tomorrow"),
        "this_week": _("this week"),
        "next_week": _("next week"),
        "this_month": _("this month"),
        "last_month": _("last month"),
        "this_quarter": _("this quarter"),
        "this_year": _("this year"),
        "overdue": _("overdue"),
        "future": _("later"),
    }
    if word in names:
        return names[word]
    kind, _sep, days = word.rpartition("_")
    relative = {
        "last": _("in the last %(n)s days"),
        "next": _("in the next %(n)s days"),
        "before": _("more than %(n)s days ago"),
    }
    return relative[kind] % {"n": days} if kind in relative else word


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
