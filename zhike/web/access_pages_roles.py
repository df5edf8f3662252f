"""The rights of a role: the matrix with its conditions, what a change would do, and two roles side by side."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.base.models import Grant, Role
from zhike.engine import access, query, rights
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.rights import Book, Effect, Given, Step

from .access_words import action_label, conditions_text, label_of, level_label, scope_label
from .settings import SECURITY, admin
from .templating import render

SALT = "zhike.rights"
HOUR = 3_600
BLANK = 2  # empty rows of conditions offered for each entity
WHERE = "where"  # the field of a line that holds a filter as JSON


def role_or_404(pk: UUID) -> Role:
    """A role that is there."""
    role = Role.objects.filter(pk=pk, deleted_at=None).first()
    if role is None:
        raise Missing
    return role


def ordered() -> list[AnyEntity]:
    """The entities as the menu orders them."""
    return sorted(entities().values(), key=lambda e: (e.menu or 500, e.key))


def tabs(role: Role, active: str) -> list[dict[str, Any]]:
    """Permissions, field levels, comparison."""
    base = f"/settings/roles/{role.pk}"
    items = [("", _("Permissions")), ("/fields", _("Field levels"))]
    found = [{"label": label, "url": base + end, "active": end == active} for end, label in items]
    return [*found, {"label": _("Compare"), "url": f"/settings/roles/compare?a={role.pk}", "active": False}]


@login_required
@require_GET
def matrix(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Entities × actions → none, own, department, all, each with its conditions."""
    actor = admin(request, SECURITY)
    role = role_or_404(pk)
    return _matrix(request, actor, role, rights.now(role), {})


def _matrix(request: HttpRequest, actor: Actor, role: Role, book: Book, errors: Mapping[str, str]) -> HttpResponse:
    scopes = [
        {"value": "", "label": scope_label("")},
        *({"value": str(s), "label": scope_label(s)} for s in rights.SCOPES),
    ]
    context = {
        "role": {"id": str(role.pk), "name": role.name, "edit_url": f"/role/{role.pk}/edit"},
        "tabs": tabs(role, ""),
        "actions": [{"key": a, "label": action_label(a)} for a in access.ACTIONS],
        "scopes": scopes,
        "rows": [_row(actor, e, book) for e in ordered()],
        "operators": [{"value": op, "label": label} for op, label in operators().items()],
        "wildcard": str(Grant.Scope.ALL) if book.is_everything else "",
        "url": f"/settings/roles/{role.pk}/preview",
        "members_url": f"/user/?view=&roles__has={role.pk}",
        "members": rights.members(role).count(),
        "errors": [{"name": "", "label": k, "text": v} for k, v in errors.items()],
    }
    return render(request, "web/settings_role.html", context, status=422 if errors else 200)


def operators() -> dict[str, str]:
    """The operators of the filter language in words."""
    return {
        "eq": _("is"),
        "ne": _("is not"),
        "in": _("is one of"),
        "contains": _("contains"),
        "has": _("has"),
        "gte": _("at least"),
        "lte": _("at most"),
        "gt": _("more than"),
        "lt": _("less than"),
        "between": _("between"),
        "within": _("within the period"),
        "under": _("is or lies below"),
        "empty": _("is empty (1) or not (0)"),
    }


def _row(actor: Actor, entity: AnyEntity, book: Book) -> dict[str, Any]:
    """One entity of the matrix; its own actions behind the general ones, its conditions below."""

    def cell(action: str) -> dict[str, Any]:
        given = book.cell(entity.key, action)
        text = conditions_text(actor, entity, given.rows) if given else ""
        return {
            "name": f"g:{entity.key}:{action}",
            "value": given.scope if given else "",
            "conditions": text,
        }

    own = [a for a in rights.actions(entity) if a not in access.ACTIONS]
    lines = [
        {"action": action, **line(row)}
        for action in rights.actions(entity)
        if (given := book.cell(entity.key, action))
        for row in given.rows
    ]
    return {
        "key": entity.key,
        "label": entity.plural,
        "icon": entity.icon,
        "cells": [cell(a) for a in access.ACTIONS],
        "own": [{"key": a, "label": label_of(entity, a), **cell(a)} for a in own],
        "lines": [*lines, *({"action": "", "field": "", "op": "", "value": ""} for _n in range(BLANK))],
        "kept": len(lines),
        "all_actions": [{"value": a, "label": label_of(entity, a)} for a in rights.actions(entity)],
        "all_fields": [
            *({"value": k, "label": str(a.label)} for k, a in entity.attributes.items() if not a.unseen),
            {"value": WHERE, "label": _("Filter as JSON")},
        ],
    }


def line(row: list[Any]) -> dict[str, str]:
    """A stored condition as a line of the form: what is more than one field stands there as JSON."""
    if (
        len(row) == 3
        and isinstance(row[2], (str, int, list, type(None)))
        and row[0] not in query.GROUPING
        and "." not in row[0]
    ):
        return {"field": row[0], "op": row[1], "value": json_text(row[2])}
    return {"field": WHERE, "op": "", "value": json.dumps(row, ensure_ascii=False)}


def condition(key: str, op: str, value: str) -> list[Any]:
    """A line of the form as a stored condition; JSON that is none is refused by the check of rights."""
    if key != WHERE:
        return [key, op, value]
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return [value[:100]]
    return found if isinstance(found, list) else [value[:100]]


def json_text(value: Any) -> str:
    """A value of a condition as it stands in its box."""
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def posted(old: Book, post: QueryDict) -> Book:
    """The matrix of a form: reaches by cell, conditions by line."""
    conditions: dict[tuple[str, str], list[list[Any]]] = {}
    for e in entities().values():
        names = ("action", "field", "op", "value")
        columns = [post.getlist(f"c:{e.key}:{name}") for name in names]
        for action, key, op, value in zip(*columns, strict=False):
            if action and key:
                conditions.setdefault((e.key, action), []).append(condition(key, op, value.strip()))
    cells = {}
    for e in entities().values():
        for action in rights.actions(e):
            scope = post.get(f"g:{e.key}:{action}", "")
            before = old.cell(e.key, action)
            if before and before.scope == Grant.Scope.ACCOUNT and not scope:
                cells[e.key, action] = before  # a right of the portal: this form knows no such reach
            elif scope:
                rows = conditions.get((e.key, action), [])
                cells[e.key, action] = Given(scope, json.dumps(rows, ensure_ascii=False))
    return rights.with_cells(old, cells)


@login_required
@require_POST
def preview(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the change would do, for whom; only from here it is saved."""
    actor = admin(request, SECURITY)
    role = role_or_404(pk)
    old = rights.now(role)
    if old.is_everything:
        raise Refused("administrator role")
    entity = entities().get(request.POST.get("entity", ""))
    new = posted(old, request.POST) if entity is None else _fields(old, entity, request.POST)
    try:
        rights.check(actor, new, old)
    except Invalid as invalid:
        errors = {_where(key): found[0].text for key, found in invalid.first.items()}
        if entity is None:
            return _matrix(request, actor, role, new, errors)
        raise
    steps = rights.diff(old, new)
    back = f"/settings/roles/{role.pk}" + (f"/fields?entity={entity.key}" if entity else "")
    if not steps:
        request.session["toast"] = _("Nothing was changed.")
        return HttpResponseRedirect(back, status=303)
    said = {"role": str(pk), "by": str(actor.user.pk), "base": old.digest(), "book": new.data()}
    context = {
        "role": {"name": role.name, "url": f"/settings/roles/{role.pk}"},
        "token": signing.dumps(said, salt=SALT, compress=True),
        "save_url": f"/settings/roles/{role.pk}/save",
        "back_url": back,
        "steps": [words_of(actor, s) for s in steps],
        "mine": role.pk in actor.user.roles,
        **effect_words(rights.effect(role, new)),
    }
    return render(request, "web/settings_role_preview.html", context)


def _where(key: str) -> str:
    name, _sep, action = key.partition(":")
    e = entities().get(name)
    return f"{e.plural}: {label_of(e, action)}" if e else key


def _fields(old: Book, entity: AnyEntity, post: QueryDict) -> Book:
    from .access_pages_fields import posted as levels  # the two pages share this preview

    return rights.with_fields(old, entity.key, levels(entity, post))


def words_of(actor: Actor, step: Step) -> dict[str, str]:
    """One line of a difference in words."""
    e = entities().get(step.entity)
    if e is None:
        return {"what": step.entity, "which": step.name or step.action, "before": "", "after": ""}
    if step.action:
        before, after = (_given(actor, e, side) for side in (step.before, step.after))
        return {"what": str(e.plural), "which": label_of(e, step.action), "before": before, "after": after}
    a = e.attributes.get(step.name)
    which = str(a.label) if a else step.name
    if step.when:
        which = _("%(field)s when %(status)s") % {"field": which, "status": step.when}
    before, after = (level_label(str(side or "")) for side in (step.before, step.after))
    return {"what": str(e.plural), "which": which, "before": before, "after": after}


def _given(actor: Actor, entity: AnyEntity, side: Given | str | None) -> str:
    if not isinstance(side, Given):
        return scope_label("")
    told = conditions_text(actor, entity, side.rows)
    return f"{scope_label(side.scope)} ({told})" if told else scope_label(side.scope)


def effect_words(found: Effect) -> dict[str, Any]:
    """The effect on people as the preview shows it."""
    return {
        "members": found.members,
        "counted": found.counted,
        "concerned": found.concerned,
        "loses": f"{found.loses:,}",
        "gains": f"{found.gains:,}",
        "lines": [
            _("%(name)s loses %(loses)s and gains %(gains)s %(what)s")
            % {
                "name": line.user.name,
                "loses": f"{line.loses:,}",
                "gains": f"{line.gains:,}",
                "what": line.entity.plural,
            }
            for line in found.lines
        ],
        "more": max(0, found.concerned - len({line.user.pk for line in found.lines})),
        "people_lines": [*_doing(found), *_levels(found)],
    }


def _doing(found: Effect) -> Sequence[dict[str, str]]:
    rows = []
    for e, action, before, _after, n in found.doing:
        text = _("%(n)s people lose: %(what)s, %(action)s") if before else _("%(n)s people gain: %(what)s, %(action)s")
        values = {"n": n, "what": e.plural, "action": label_of(e, action)}
        rows.append({"text": text % values, "tone": "red" if before else "green"})
    return rows


def _levels(found: Effect) -> Sequence[dict[str, str]]:
    rows = []
    for e, key, before, after, n in found.fields:
        values = {"n": n, "field": e.attributes[key].label, "what": e.plural}
        if after == "hidden":
            text = _("%(n)s people lose sight of the field %(field)s of %(what)s") % values
        else:
            values |= {"before": level_label(before), "after": level_label(after)}
            text = _("For %(n)s people the field %(field)s of %(what)s goes from %(before)s to %(after)s") % values
        less = access.ORDER.index(after) < access.ORDER.index(before)
        rows.append({"text": text, "tone": "red" if less else "green"})
    return rows


@login_required
@require_POST
def save(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Save what was looked at, exactly; it is in force with the next request."""
    actor = admin(request, SECURITY)
    role = role_or_404(pk)
    try:
        said = signing.loads(request.POST.get("token", ""), salt=SALT, max_age=HOUR)
    except signing.BadSignature:
        raise Refused("only what was looked at is saved") from None
    if said["role"] != str(pk) or said["by"] != str(actor.user.pk):
        raise Refused("only what was looked at is saved")
    rights.save(actor, pk, rights.of_data(said["book"]), said["base"])
    request.session["toast"] = _("The permissions of “%(role)s” are saved and in force now.") % {"role": role.name}
    return HttpResponseRedirect(f"/settings/roles/{pk}", status=303)


@login_required
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """What two roles may differently."""
    actor = admin(request, SECURITY)
    every = list(Role.objects.filter(deleted_at=None))
    chosen = [next((r for r in every if str(r.pk) == request.GET.get(k, "")), None) for k in ("a", "b")]
    one, two = chosen
    steps = rights.diff(rights.now(one), rights.now(two)) if one and two else []
    context = {
        "roles": [{"value": str(r.pk), "label": r.name} for r in every],
        "a": {"id": str(one.pk), "name": one.name} if one else None,
        "b": {"id": str(two.pk), "name": two.name} if two else None,
        "steps": [words_of(actor, s) for s in steps],
    }
    return render(request, "web/settings_role_compare.html", context)
