"""A filter put together by hand: conditions, groups of them, and conditions about linked records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from zhike.engine import access, layouts, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Missing
from zhike.engine.kinds import Attribute
from zhike.engine.query import Clause, Condition, Group

from . import forms, tabs
from .filters import PERIODS, period_label, value_text
from .lookup import entity_or_404
from .templating import actor_of, render

Part = dict[str, Any]
UNASKED = frozenset({"richtext", "json", "file", "reach", "identity"})


@login_required
@require_GET
def builder(request: HttpRequest, key: str) -> HttpResponse:
    """The dialog with the filter in force; or, with `field`, what one condition on that field is made of."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    if path := request.GET.get("field"):
        op = request.GET.get("op", "")
        return render(request, "web/filter_row.html", {"row": row(actor, entity, Condition(path, op))})
    asked = tabs.ask(request, entity)
    parts = [part(actor, entity, c) for c in asked.own.clauses]
    context = {
        "base": f"/{key}/filter",
        "root": {"kind": "all", "parts": [p for p in parts if p] or [_first(actor, entity)]},
        "fields": {e.key: fields(actor, e) for e in _around(actor, entity)},
        "entity_key": key,
        "linked": linked(actor, entity),
    }
    return render(request, "web/filter.html", context)


def _first(actor: Actor, entity: AnyEntity) -> Part:
    known = askable(actor, entity)
    if not known:
        raise Missing
    key = next((k for k in (*layouts.declared(entity).filters, *known) if k in known), "")
    return row(actor, entity, Condition(key, ""))


def askable(actor: Actor, entity: AnyEntity) -> dict[str, Attribute]:
    """The fields that conditions can be put on."""
    known = access.readable(actor, entity)
    return {k: a for k, a in known.items() if a.kind.key not in UNASKED and a.kind.ops}


def _around(actor: Actor, entity: AnyEntity) -> list[AnyEntity]:
    """The entity and those whose records point to it."""
    return list({e.key: e for e in (entity, *(entities()[p["entity"]] for p in linked(actor, entity)))}.values())


def fields(actor: Actor, entity: AnyEntity) -> list[Part]:
    """What one can choose from: the own fields, then those of each record that a link leads to."""
    own = askable(actor, entity)
    found = [{"label": entity.label, "options": [{"value": k, "label": a.label} for k, a in own.items()]}]
    for key, a in own.items():
        target = entities().get(a.target)
        if a.kind.key != "link" or target is None or not access.may(actor, target, "list"):
            continue
        beyond = [{"value": f"{key}.{k}", "label": f"{a.label} › {b.label}"} for k, b in askable(actor, target).items()]
        found.append({"label": a.label, "options": beyond})
    return found


def linked(actor: Actor, entity: AnyEntity) -> list[Part]:
    """Records of which kinds point here, by which field."""
    found = []
    for r in entity.related:
        other = entities().get(r.entity)
        if other is None or not access.may(actor, other, "list") or r.by not in askable(actor, other):
            continue
        found.append({"path": f"{r.entity}.{r.by}", "label": str(r.title or other.plural), "entity": r.entity})
    return found


def part(actor: Actor, entity: AnyEntity, clause: Clause) -> Part | None:
    """One part of a filter as the dialog draws it; None for one that it cannot show."""
    if isinstance(clause, Condition):
        return row(actor, entity, clause) if attribute(actor, entity, clause.key) else None
    if isinstance(clause, Group):
        inner = [p for c in clause.parts if (p := part(actor, entity, c))]
        return {"kind": clause.kind, "parts": inner}
    other = entities().get(clause.path.partition(".")[0])
    if other is None or not any(p["path"] == clause.path for p in linked(actor, entity)):
        return None
    inner = [p for c in clause.parts if (p := part(actor, other, c))]
    return {"kind": clause.kind, "path": clause.path, "entity": other.key, "parts": inner, "linked": True}


def attribute(actor: Actor, entity: AnyEntity, path: str) -> Attribute | None:
    """The field that a path leads to, as far as the reader may ask it."""
    key, _dot, rest = path.partition(".")
    a = askable(actor, entity).get(key)
    if not rest or a is None:
        return a
    target = entities().get(a.target)
    return attribute(actor, target, rest) if target and access.may(actor, target, "list") else None


def row(actor: Actor, entity: AnyEntity, c: Condition) -> Part:
    """One condition: its field, the operators that the field has, and a control for the value."""
    a = attribute(actor, entity, c.key)
    if a is None:
        raise Missing
    ops = list(a.kind.ops)
    op = c.op if c.op in ops else _usual(ops)
    return {
        "entity": entity.key,
        "field": c.key,
        "op": op,
        "ops": [{"value": o, "label": op_label(o, a)} for o in ops],
        "control": control(actor, entity, a, op, query.flat(c.value) if c.value is not None else ""),
    }


def _usual(ops: Sequence[str]) -> str:
    return next((o for o in ("within", "contains", "has", "under", "eq") if o in ops), ops[0])


def op_label(op: str, a: Attribute) -> str:
    """An operator as one says it of the kind of field."""
    dates = a.kind.key in ("date", "datetime")
    return {
        "eq": pgettext("condition", "is"),
        "ne": pgettext("condition", "is not"),
        "in": pgettext("condition", "is one of"),
        "contains": pgettext("condition", "contains"),
        "gte": pgettext("condition", "from") if dates else pgettext("condition", "at least"),
        "lte": pgettext("condition", "until") if dates else pgettext("condition", "at most"),
        "between": pgettext("condition", "between"),
        "within": pgettext("condition", "lies in"),
        "under": pgettext("condition", "is or lies below"),
        "has": pgettext("condition", "has"),
        "empty": pgettext("condition", "is empty"),
    }.get(op, op)


def control(actor: Actor, entity: AnyEntity, a: Attribute, op: str, value: str) -> list[Mapping[str, Any]]:
    """The inputs for the value of a condition: one, or two for a span."""
    if op == "empty":
        options = [{"value": "1", "label": _("Yes")}, {"value": "0", "label": _("No")}]
        return [_named(a, {"kind": "select", "options": options, "value": value or "1", "required": True})]
    if op == "within":
        words = dict.fromkeys((*PERIODS, *([value] if value else [])))
        options = [{"value": p, "label": period_label(p)} for p in words]
        return [_named(a, {"kind": "select", "options": options, "value": value or PERIODS[0], "required": True})]
    if op == "between":
        low, _comma, high = value.partition(",")
        return [_one(actor, entity, a, low), _one(actor, entity, a, high)]
    if op == "in" and a.choices:
        options = [{"value": k, "label": label} for k, label in a.choices]
        return [_named(a, {"kind": "multi", "options": options, "value": [v for v in value.split(",") if v]})]
    return [_one(actor, entity, a, value)]


def _one(actor: Actor, entity: AnyEntity, a: Attribute, value: str) -> Mapping[str, Any]:
    found = forms.field(entity, a, None, {}, actor=actor, raw="" if a.kind.key in ("links", "multichoice") else value)
    found |= {"required": False, "help": "", "error": "", "maxlength": None}
    if found["kind"] == "multicombo":
        found |= {"kind": "combo", "value": value}
    if found["kind"] in ("multi", "chips"):
        found |= {"kind": "select", "value": value}
    if a.kind.key == "boolean":
        options = [{"value": "1", "label": _("Yes")}, {"value": "0", "label": _("No")}]
        found |= {"kind": "select", "options": options, "value": value or "1", "required": True}
    if found["kind"] == "combo" and value:
        found["text"] = value_text(actor, a, value)
    if found["kind"] == "textarea":
        found["kind"] = "text"
    return _named(a, found)


def _named(a: Attribute, found: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**found, "name": "value", "label": a.label, "aria_label": str(a.label)}
