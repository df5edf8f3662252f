"""Pools and their rules as an administrator writes them: a form, then what it would do, then saved."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.models import Department, Role, User
from zhike.engine.entity import AnyEntity, declared, entities
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import Pool
from zhike.engine.pools import changing, clocks, document, telling
from zhike.engine.pools.known import is_pooled
from zhike.jobs import tasks

from .editing import form_answer, go
from .filter_words import stored_text
from .forms import is_uuid
from .retention import op_label
from .settings import admin
from .templating import actor_of, render

BASE = "/settings/pools"
DRAFT = "pool_draft"  # of the session: what was filled in, until it is saved
RULES, LINES = 4, 2  # rules of a pool on its form, and conditions of the pool
Errors = dict[str, str]


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All pools with their rules in words."""
    actor = admin(request)
    rows = []
    for pool in Pool.objects.filter(deleted_at=None).order_by("entity", "order", "created_at"):
        if pool.entity not in entities():
            continue
        entity, said = entities()[pool.entity], document.read(pool.document)
        lying = entity.rows("how much lies in each pool").filter(pool=pool, owner=None, deleted_at=None)
        rules = []
        for rule in said.rules:
            where = ", ".join(stored_text(actor, entity, rule.conditions))
            rules.append(f"{telling.because(said, rule)}{f' ({where})' if where else ''}")
        rows.append(
            {
                "name": pool.name,
                "what": entity.plural,
                "url": f"{BASE}/{pool.pk}",
                "rules": rules,
                "lying": lying.count(),
                "is_active": pool.is_active,
            }
        )
    new = [
        {"label": e.plural, "url": f"{BASE}/new/{e.key}", "icon": e.icon} for e in declared().values() if is_pooled(e)
    ]
    return render(request, "web/pool_settings.html", {"rows": rows, "new": new})


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None, key: str = "") -> HttpResponse:
    """A new pool for an entity, or a changed one. What was filled in is first shown with what it would do."""
    admin(request)
    pool = changing.find(pk) if pk else Pool(entity=key)
    entity = entities().get(pool.entity)
    if entity is None or not is_pooled(entity):
        raise Missing
    errors: Errors = {}
    given: Mapping[str, Any] = document.stored(document.read(pool.document))
    draft = request.session.get(DRAFT) or {}
    if draft.get("of") == str(pk or key) and request.GET.keys() & {"try", "draft"}:
        given, pool.name, pool.is_active = draft["document"], draft["name"], draft["is_active"]
        if request.method == "GET" and "try" in request.GET:
            return _tried(request, pool, entity, given)
    if request.method == "POST":
        pool.name = request.POST.get("name", "").strip()[:80]
        pool.is_active = request.POST.get("is_active") == "1"
        try:
            given, sure = _sent(request, given)
            said = changing.checked(entity, pool.name, given)
        except Invalid as invalid:
            errors = {k: " ".join(w.text for w in found) for k, found in invalid.first.items()}
        else:
            if sure:
                return _saved(request, pool, said)
            kept = {"name": pool.name, "is_active": pool.is_active, "document": document.stored(said)}
            request.session[DRAFT] = {"of": str(pk or key), **kept}
            return go(request, f"{request.path}?try=1")
    sections = _sections(pool, entity, document_of(given))
    return form_answer(
        request,
        {
            "title": pool.name or _("New pool for %(what)s") % {"what": entity.plural},
            "trail": [{"label": _("Settings"), "url": "/settings/"}, {"label": _("Pools"), "url": BASE}],
            "conflict": None,
            "form": {
                "url": request.path,
                "sections": marked(sections, errors),
                "errors": [{"name": k, "label": "", "text": text} for k, text in errors.items()],
                "key": "",
                "cancel_url": BASE,
            },
        },
        status=422 if errors else 200,
    )


def _sent(request: HttpRequest, before: Mapping[str, Any]) -> tuple[Any, bool]:
    """The document that a form means, and whether it was looked at already and is to be saved."""
    ready = request.POST.get("document", "")
    if not ready:
        return _given(request, before), False
    try:
        return json.loads(ready), True
    except json.JSONDecodeError:
        raise Missing from None


def _tried(request: HttpRequest, pool: Pool, entity: AnyEntity, given: Mapping[str, Any]) -> HttpResponse:
    """What a pool that was filled in would do."""
    actor = actor_of(request)
    found = changing.effect(actor, pool, changing.checked(entity, pool.name, given))
    context = {
        "name": pool.name,
        "is_active": pool.is_active,
        "url": request.path,
        "document": json.dumps(given),
        "what": entity.plural,
        "effect": found,
        "rows": [
            {"title": name, "url": f"/{entity.key}/{one}"} for one, name in changing.names(actor, entity, found.first)
        ],
    }
    return render(request, "web/pool_effect.html", context)


def document_of(given: Any) -> document.Document:
    """What was given, as far as it can be shown again; an empty one where it cannot."""
    try:
        return document.read(given)
    except ValueError:
        return document.Document()


def _saved(request: HttpRequest, pool: Pool, said: document.Document) -> HttpResponse:
    if not changing.save(actor_of(request), pool, said):
        tasks.settle_pools.defer(entity=pool.entity)
    request.session["toast"] = _("The pool is saved.")
    return go(request, BASE)


def _given(request: HttpRequest, before: Mapping[str, Any]) -> dict[str, Any]:
    """The form as a document; what the form does not know of stays as it is."""
    post = request.POST

    def number(name: str) -> int | None:
        raw = post.get(name, "").strip()
        if raw and not (raw.isascii() and raw.isdecimal() and len(raw) < 8):
            raise Invalid([{name: [Wrong(_("Enter a whole number."))]}])
        return int(raw) if raw else None

    def ids(*names: str) -> list[str]:
        return [raw for name in names for raw in post.getlist(name) if is_uuid(raw)]

    def line(n: str) -> list[Any]:
        key, op = post.get(f"key{n}", ""), post.get(f"op{n}", "")
        return [[key, op, post.get(f"value{n}", "").strip()[:200]]] if key and op else []

    rules = []
    for n in range(RULES):
        days = number(f"days{n}")
        if days is not None:
            rules.append(
                {
                    "key": f"r{n + 1}", "clock": post.get(f"clock{n}", ""), "days": days,
                    "update": number(f"update{n}"), "most": number(f"most{n}"),
                    "conditions": line(f"r{n}"),
                }
            )  # fmt: skip
    most, warn = number("holding"), post.get("warn", "").replace("，", ",")
    days_before = [part.strip() for part in warn.split(",") if part.strip()]
    if not all(part.isascii() and part.isdecimal() and len(part) < 4 for part in days_before):
        raise Invalid([{"warn": [Wrong(_("Enter days, separated by commas."))]}])
    limits = dict(before["limits"])
    others = [h for h in limits["holding"] if h["who"]]
    return {
        **before,
        "members": ids("member_departments", "member_roles", "member_people"),
        "admins": ids("admin_departments", "admin_roles", "admin_people"),
        "shown": post.getlist("shown"),
        "masked": post.getlist("masked"),
        "conditions": [part for n in range(LINES) for part in line(f"p{n}")],
        "exempt": post.getlist("exempt"),
        "rules": rules,
        "limits": {
            "claims": number("claims"), "per": post.get("per", "day"),
            "holding": [*([{"most": most, "who": None, "together": False}] if most else []), *others],
            "uncounted": post.getlist("uncounted"), "former_days": number("former_days") or 0,
            "fresh_hours": number("fresh_hours") or 0, "looks": number("looks"),
        },
        "counts": {"kinds": post.getlist("kinds"), "letters": number("letters") or 0},
        "warn": [int(part) for part in days_before],
    }  # fmt: skip


def _sections(pool: Pool, entity: AnyEntity, said: document.Document) -> list[dict[str, Any]]:
    fields = [
        {"value": k, "label": a.label}
        for k, a in entity.attributes.items()
        if not a.unseen and k not in ("owner", "department", "created_by", "pool", "former_owner", entity.title)
    ]
    masks = [f for f in fields if entity.attributes[f["value"]].masks]
    exempt = [{"value": e.key, "label": e.label} for e in clocks.exemptions.values() if entity.key in e.entities]
    limits = said.limits
    kinds = [{"value": k.key, "label": str(k.label) % {"n": said.counts.letters}} for k in clocks.kinds.values()]
    mine = next((h.most for h in limits.holding if h.who is None), "")
    per = [("day", _("A day")), ("week", _("A week")), ("month", _("A month"))]
    return [
        {"title": _("Pool"), "fields": [
            {"name": "name", "label": _("Name"), "required": True, "value": pool.name, "maxlength": 80},
            {"name": "is_active", "label": _("In use"), "kind": "checkbox", "value": pool.is_active},
            *lines(entity, said.conditions, "p", LINES, _("Only records whose field")),
        ]},
        {"title": _("Who takes from it"), "fields": who("member", said.members)},
        {"title": _("Who keeps it: gives from it and calls back"), "fields": who("admin", said.admins)},
        {"title": _("What is seen in it"), "fields": [
            {"name": "shown", "label": _("Fields shown"), "kind": "multi", "wide": True, "options": fields,
             "value": list(said.shown)},
            {"name": "masked", "label": _("In part only"), "kind": "multi", "wide": True, "options": masks,
             "value": list(said.masked)},
            {"name": "looks", "label": _("Records that one may open a day"), "kind": "integer",
             "value": limits.looks or ""},
        ]},
        {"title": _("How much one may take"), "fields": [
            {"name": "claims", "label": _("At most"), "kind": "integer", "value": limits.claims or ""},
            {"name": "per", "label": _("Per"), "kind": "select", "required": True, "value": limits.per,
             "options": [{"value": value, "label": label} for value, label in per]},
            {"name": "holding", "label": _("Records that one may hold"), "kind": "integer", "value": mine},
            {"name": "uncounted", "label": _("Not counted among these"), "kind": "multi", "options": exempt,
             "value": list(limits.uncounted)},
            {"name": "former_days", "label": _("Days before the former owner may take it back"), "kind": "integer",
             "value": limits.former_days},
            {"name": "fresh_hours", "label": _("Hours before anybody may take what is new"), "kind": "integer",
             "value": limits.fresh_hours},
        ]},
        {"title": _("What counts as a follow-up"), "fields": [
            {"name": "kinds", "label": _("These"), "kind": "multi", "wide": True, "options": kinds,
             "value": [k["value"] for k in kinds] if said.counts.kinds is None else said.counts.kinds},
            {"name": "letters", "label": _("Characters that a text needs"), "kind": "integer",
             "value": said.counts.letters},
            {"name": "exempt", "label": _("Never returns while it"), "kind": "multi", "wide": True, "options": exempt,
             "value": list(said.exempt)},
            {"name": "warn", "label": _("Warn the owner so many days before"),
             "value": ", ".join(str(n) for n in said.warn)},
        ]},
        *(_rule(entity, said, n) for n in range(RULES)),
    ]  # fmt: skip


def _rule(entity: AnyEntity, said: document.Document, n: int) -> dict[str, Any]:
    rule = said.rules[n] if n < len(said.rules) else None
    offered = [
        {"value": c.key, "label": c.label} for c in clocks.clocks.values() if c.events(entity.key, document.Counts())
    ]
    return {
        "title": _("Rule %(n)s: back to the pool") % {"n": n + 1},
        "folded": rule is None and n > 0,
        "fields": [
            {"name": f"clock{n}", "label": _("When there is none of this"), "kind": "select", "required": True,
             "value": rule.clock if rule else "follow_up", "options": offered},
            {"name": f"days{n}", "label": _("For so many days since one has it"), "kind": "integer",
             "value": rule.days if rule else ""},
            {"name": f"update{n}", "label": _("Each one keeps it for so many days more"), "kind": "integer",
             "value": (rule.update or "") if rule else "", "help": _("Empty: for good.")},
            {"name": f"most{n}", "label": _("In any case after so many days"), "kind": "integer",
             "value": (rule.most or "") if rule else ""},
            *lines(entity, rule.conditions if rule else [], f"r{n}", 1, _("Only records whose field"), whole=True),
        ],
    }  # fmt: skip


def lines(
    entity: AnyEntity, conditions: Iterable[Any], name: str, count: int, label: str, *, whole: bool = False
) -> list[dict[str, Any]]:
    """Conditions as `count` lines of three fields: which field, how it is compared, with what."""
    keys = [{"value": k, "label": a.label} for k, a in entity.attributes.items() if a.kind.ops and not a.unseen]
    ops = dict.fromkeys(op for a in entity.attributes.values() for op in a.kind.ops)
    options = [{"value": op, "label": op_label(op)} for op in ops]
    said = [c for c in conditions if len(c) == 3]
    found: list[dict[str, Any]] = []
    for n in range(count):
        key, op, value = said[n] if n < len(said) else ("", "", "")
        at = name if whole else f"{name}{n}"
        found += [
            {"name": f"key{at}", "label": label, "kind": "select", "value": key, "options": keys},
            {"name": f"op{at}", "label": _("Comparison"), "kind": "select", "value": op, "options": options},
            {"name": f"value{at}", "label": _("Value"), "wide": True,
             "value": ",".join(map(str, value)) if isinstance(value, list) else value},
        ]  # fmt: skip
    return found


def who(name: str, ids: Iterable[UUID]) -> list[dict[str, Any]]:
    """Departments, roles and people as three fields, `name`_departments and so on."""
    held = set(ids)
    roles = list(Role.objects.filter(deleted_at=None).order_by("name"))
    places, people = Department.objects.filter(pk__in=held), User.objects.filter(pk__in=held)
    return [
        {"name": f"{name}_departments", "label": _("Departments and below"), "kind": "multicombo", "wide": True,
         "options_url": "/department/options", "value": [{"value": str(d.pk), "label": d.name} for d in places]},
        {"name": f"{name}_roles", "label": _("Roles"), "kind": "multi", "wide": True,
         "options": [{"value": str(r.pk), "label": r.name} for r in roles],
         "value": [str(r.pk) for r in roles if r.pk in held]},
        {"name": f"{name}_people", "label": _("People"), "kind": "multicombo", "wide": True,
         "options_url": "/user/options", "value": [{"value": str(u.pk), "label": u.name} for u in people]},
    ]  # fmt: skip


def marked(sections: list[dict[str, Any]], errors: Errors) -> list[dict[str, Any]]:
    """The sections of a form with what is wrong at each field."""
    for section in sections:
        for f in section["fields"]:
            f["error"] = errors.get(f["name"], "")
    return sections


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a pool out of use."""
    try:
        changing.remove(admin(request), changing.find(pk))
        request.session["toast"] = _("The pool is removed.")
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for found in invalid.first.values() for w in found)
    return go(request, BASE)


urlpatterns = [
    path("settings/pools", index),
    path("settings/pools/new/<slug:key>", edit),
    path("settings/pools/<uuid:pk>", edit),
    path("settings/pools/<uuid:pk>/remove", remove),
]
