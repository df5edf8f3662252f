"""Retention rules as pages: how long records are kept, what would go, what has gone."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import history, privacy, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import History, Retention
from zhike.jobs import tasks

from .editing import form_answer, go
from .filter_words import stored_text
from .settings import SECURITY, admin
from .templating import render

BASE = "/settings/retention"
LINES = 4  # conditions of one rule
SHOWN = 20
MONTHS = range(1, 1201)


def offered() -> list[AnyEntity]:
    """The entities that rules are for: those in the menu."""
    return sorted((e for e in entities().values() if e.menu), key=lambda e: e.menu)


def op_label(op: str) -> str:
    """An operator of the filter language in words."""
    return {
        "eq": _("is"),
        "ne": _("is not"),
        "in": _("is one of"),
        "has": _("has"),
        "under": _("is within"),
        "contains": _("contains"),
        "gte": _("is at least"),
        "lte": _("is at most"),
        "between": _("is between"),
        "within": _("is in the period"),
        "empty": _("is empty"),
    }[op]


def find(pk: UUID) -> Retention:
    """A rule; Missing where there is none."""
    rule = Retention.objects.filter(pk=pk, deleted_at=None).first()
    if rule is None or rule.entity not in entities():
        raise Missing
    return rule


def in_words(actor: Actor, rule: Retention) -> list[str]:
    """The conditions of a rule in words."""
    return stored_text(actor, get(rule.entity), rule.conditions)


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All rules, those in force and those only thought of."""
    actor = admin(request, SECURITY)
    rules = [r for r in Retention.objects.filter(deleted_at=None).order_by("entity", "name") if r.entity in entities()]
    rows = [
        {
            "name": r.name,
            "url": f"{BASE}/{r.pk}",
            "what": get(r.entity).plural,
            "conditions": in_words(actor, r),
            "months": ngettext("%(n)s month", "%(n)s months", r.months) % {"n": r.months},
            "doing": r.get_doing_display(),
            "is_active": r.is_active,
            "ran_at": r.ran_at,
        }
        for r in rules
    ]
    new = [{"label": e.plural, "url": f"{BASE}/new/{e.key}", "icon": e.icon} for e in offered()]
    return render(request, "web/retention_index.html", {"rows": rows, "new": new})


@login_required
@require_GET
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One rule: what it would do today, without doing it, and what its runs have done."""
    actor, rule = admin(request, SECURITY), find(pk)
    entity = get(rule.entity)
    error, total, rows = "", 0, []
    try:
        due = privacy.due(rule)
        total = query.count(due)
        shown = query.visible(actor, entity, "list").filter(pk__in=list(due.values_list("pk", flat=True)[:SHOWN]))
        names = query.names(actor, entity.key, shown.values_list("pk", flat=True))
        rows = [{"title": name, "url": f"/{entity.key}/{found}"} for found, name in names.items()]
    except Invalid as invalid:
        error = " ".join(w.text for found in invalid.first.values() for w in found)
    runs = History.objects.filter(action="retention", details__rule=str(rule.pk)).order_by("-id")[:SHOWN]
    context = {
        "rule": rule,
        "url": f"{BASE}/{rule.pk}",
        "what": entity.plural,
        "conditions": in_words(actor, rule),
        "doing": rule.get_doing_display(),
        "error": error,
        "total": f"{query.COUNT_CAP}+" if total > query.COUNT_CAP else str(total),
        "any": total > 0,
        "rows": rows,
        "runs": [{"at": r.at, "rows": r.details.get("rows", 0), "done": r.details.get("finished")} for r in runs],
    }
    return render(request, "web/retention_rule.html", context)


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None, key: str = "") -> HttpResponse:
    """A new rule for an entity, or a changed one. A new rule is not in force before its trial was looked at."""
    admin(request, SECURITY)
    rule = find(pk) if pk else Retention(entity=key, months=24)
    entity = entities().get(rule.entity)
    if entity is None or entity not in offered():
        raise Missing
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = fill(rule, entity, request)
        if not errors:
            rule.version += 1 if pk else 0
            rule.updated_at = timezone.now()
            rule.save()
            request.session["toast"] = _("The rule is saved.")
            return go(request, f"{BASE}/{rule.pk}")
    fields = form_fields(rule, entity, errors)
    labels = {f["name"]: f["label"] for section in fields for f in section["fields"]}
    context = {
        "title": rule.name or _("New rule for %(what)s") % {"what": entity.plural},
        "trail": [{"label": _("Settings"), "url": "/settings/"}, {"label": _("Retention rules"), "url": BASE}],
        "conflict": None,
        "form": {
            "url": request.path,
            "sections": fields,
            "errors": [{"name": k, "label": labels.get(k, ""), "text": text} for k, text in errors.items()],
            "key": "",
            "cancel_url": f"{BASE}/{rule.pk}" if pk else BASE,
        },
    }
    return form_answer(request, context, status=422 if errors else 200)


def fill(rule: Retention, entity: AnyEntity, request: HttpRequest) -> dict[str, str]:
    """Take the form over; the errors by name of the control."""
    post, errors = request.POST, {}
    rule.name = post.get("name", "").strip()[:80]
    if not rule.name:
        errors["name"] = _("Give the rule a name.")
    months = post.get("months", "")
    rule.months = int(months) if months.isdecimal() and len(months) < 5 else 0
    if rule.months not in MONTHS:
        errors["months"] = _("Enter the months as a whole number from 1 to 1200.")
    rule.doing = post.get("doing", "")
    if rule.doing not in [value for value, _label in doings(entity)]:
        errors["doing"] = _("Choose what happens.")
    rule.is_active = post.get("is_active") == "1"
    rule.conditions = []
    for n in range(LINES):
        name, op = post.get(f"key{n}", ""), post.get(f"op{n}", "")
        if not name:
            continue
        a = entity.attributes.get(name)
        if a is None or op not in a.kind.ops:
            errors[f"op{n}"] = _("This field has no such comparison.")
            continue
        rule.conditions.append([name, op, post.get(f"value{n}", "").strip()[:200]])
    if not errors:
        try:
            privacy.due(rule).exists()
        except Invalid as invalid:
            errors["value0"] = " ".join(w.text for found in invalid.first.values() for w in found)
    return errors


def doings(entity: AnyEntity) -> list[tuple[str, Any]]:
    """What can happen to records of an entity: only those of persons hold something to erase."""
    return [
        (value, label)
        for value, label in Retention.Doing.choices
        if value != Retention.Doing.ERASE or privacy.is_person(entity)
    ]


def form_fields(rule: Retention, entity: AnyEntity, errors: dict[str, str]) -> list[dict[str, Any]]:
    """The form of a rule."""
    keys = [{"value": k, "label": a.label} for k, a in entity.attributes.items() if a.kind.ops and not a.unseen]
    ops = list(dict.fromkeys(op for a in entity.attributes.values() for op in a.kind.ops))
    said = [*rule.conditions, *[["", "", ""]] * LINES][:LINES]
    about = [
        {"name": "name", "label": _("Name"), "required": True, "value": rule.name, "wide": True, "maxlength": 80},
        {"name": "months", "label": _("Months since the last change"), "kind": "integer", "value": rule.months or ""},
        {
            "name": "doing", "label": _("Then"), "kind": "select", "required": True, "value": rule.doing,
            "options": [{"value": value, "label": label} for value, label in doings(entity)],
        },
        {
            "name": "is_active", "label": _("In force: every night"), "kind": "checkbox", "value": rule.is_active,
            "wide": True,
        },
    ]  # fmt: skip
    lines: list[dict[str, Any]] = []
    for n, (key, op, value) in enumerate(said):
        options = [{"value": o, "label": op_label(o)} for o in ops]
        lines += [
            {"name": f"key{n}", "label": _("Field %(n)s") % {"n": n + 1}, "kind": "select", "value": key,
             "options": keys},
            {"name": f"op{n}", "label": _("Comparison %(n)s") % {"n": n + 1}, "kind": "select", "value": op,
             "options": options},
            {"name": f"value{n}", "label": _("Value %(n)s") % {"n": n + 1}, "value": query.flat(value), "wide": True},
        ]  # fmt: skip
    sections: list[dict[str, Any]] = [
        {"title": _("Rule"), "fields": about},
        {"title": _("Only records that"), "fields": lines},
    ]
    for section in sections:
        for f in section["fields"]:
            f["error"] = errors.get(f["name"], "")
    return sections


@login_required
@require_POST
def do(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Run a rule now, in the worker, or remove it."""
    actor, rule = admin(request, SECURITY), find(pk)
    if action == "run":
        tasks.keep_now.defer(rule=str(rule.pk))
        history.note(actor, "retention_start", details={"rule": str(rule.pk), "entity": rule.entity})
        request.session["toast"] = _("The rule is being run. What it did appears here.")
        return HttpResponseRedirect(f"{BASE}/{pk}", status=303)
    if action != "delete":
        raise Missing
    Retention.objects.filter(pk=pk).update(deleted_at=timezone.now(), is_active=False)
    request.session["toast"] = _("The rule is removed.")
    return HttpResponseRedirect(BASE, status=303)


urlpatterns = [
    path("settings/retention", index),
    path("settings/retention/new/<slug:key>", edit),
    path("settings/retention/<uuid:pk>", page),
    path("settings/retention/<uuid:pk>/edit", edit),
    path("settings/retention/<uuid:pk>/do/<slug:action>", do),
]
