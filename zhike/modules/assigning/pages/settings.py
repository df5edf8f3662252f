"""Rules of assignment as an administrator writes them: a form, what it would have done in 90 days, then saved."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.i18n import listed
from zhike.base.models import Department, Role, User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.pools import known
from zhike.modules.assigning import changing, deciding, document, telling, trying
from zhike.modules.assigning.models import AssignmentRule, Decision
from zhike.web.editing import form_answer, go
from zhike.web.filter_words import stored_text
from zhike.web.forms import is_uuid
from zhike.web.pool_settings import lines, marked, who
from zhike.web.settings import admin
from zhike.web.templating import actor_of, render

from . import sheets

BASE = "/settings/assigning"
DRAFT = "assigning_draft"  # of the session: what was filled in, until it is saved
CONDITIONS, PREFERENCES = 2, 3
WEEK = dt.timedelta(days=7)


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """All rules in their order, with what they gave in the last week, and what nobody has got."""
    actor = admin(request)
    now = timezone.now()
    since = Decision.objects.filter(at__gte=now - WEEK, outcome=Decision.Outcome.GIVEN)
    gave = dict(since.order_by().values_list("rule").annotate(n=Count("pk")))
    groups = []
    for key in deciding.ENTITIES:
        entity = changing.of(key)
        rulings = deciding.rules(entity)
        fresh = deciding.fresh(entity, rulings, now)
        rules = AssignmentRule.objects.filter(entity=key, deleted_at=None).order_by("order", "created_at")
        groups.append(
            {
                "what": entity.plural,
                "new_url": f"{BASE}/new/{key}",
                "rows": [_row(actor, entity, rule, gave.get(rule.pk, 0)) for rule in rules],
                "unmet": fresh.filter(_rule=None).count() if rulings else 0,
                "waits": fresh.filter(_rule__isnull=False).count(),
                "url": f"/{key}/?owner__empty=1&sort=-created_at",
            }
        )
    return render(request, "assigning/rules.html", {"groups": groups, "people_url": f"{BASE}/people"})


def _row(actor: Actor, entity: AnyEntity, rule: AssignmentRule, gave: int) -> dict[str, Any]:
    said = document.read(rule.document)
    return {
        "name": rule.name,
        "url": f"{BASE}/{rule.pk}",
        "order": rule.order,
        "where": listed(stored_text(actor, entity, said.conditions)) or _("all"),
        "who": listed(_names(said)),
        "lines": telling.lines(said),
        "gave": gave,
        "is_active": rule.is_active,
        "is_broken": deciding.meets(entity, said) is None,
    }


def _names(said: document.Document) -> list[str]:
    found: list[str] = []
    for model in (Department, Role, User):
        found += model.objects.filter(pk__in=said.who).values_list("name", flat=True)
    return found


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None, key: str = "") -> HttpResponse:
    """A new rule, or a changed one. What was filled in is first shown with what it would have done."""
    actor = admin(request)
    rule = changing.find(pk) if pk else AssignmentRule(entity=changing.of(key).key)
    entity = changing.of(rule.entity)
    errors: dict[str, str] = {}
    given: Mapping[str, Any] = document.stored(document.read(rule.document))
    draft = request.session.get(DRAFT) or {}
    if draft.get("of") == str(pk or key) and request.GET.keys() & {"try", "draft"}:
        given = draft["document"]
        rule.name, rule.order, rule.is_active = draft["name"], draft["order"], draft["is_active"]
        if request.method == "GET" and "try" in request.GET:
            return _tried(request, rule, entity, given)
    if request.method == "POST":
        try:
            ready = request.POST.get("document", "")
            given = _ready(ready) if ready else _given(request, _split(given["conditions"])[1])
            _head(request, rule)
            said = changing.checked(entity, rule.name, given)
        except Invalid as invalid:
            errors = {k: " ".join(w.text for w in found) for k, found in invalid.first.items()}
        else:
            if ready:
                changing.save(actor, rule, said)
                request.session["toast"] = _("The rule is saved.")
                return go(request, BASE)
            head = {"name": rule.name, "order": rule.order, "is_active": rule.is_active}
            request.session[DRAFT] = {"of": str(pk or key), **head, "document": document.stored(said)}
            return go(request, f"{request.path}?try=1")
    return form_answer(
        request,
        {
            "title": rule.name or _("New rule for %(what)s") % {"what": entity.plural},
            "trail": sheets.trail(),
            "conflict": None,
            "form": {
                "url": request.path,
                "sections": marked(_sections(actor, rule, entity, _shown(given)), errors),
                "errors": [{"name": k, "label": "", "text": text} for k, text in errors.items()],
                "submit_label": _("Try on the last 90 days"),
                "key": "",
                "cancel_url": BASE,
            },
        },
        status=422 if errors else 200,
    )


def _shown(given: Any) -> document.Document:
    try:
        return document.read(given)
    except ValueError:
        return document.Document()


def _ready(raw: str) -> Any:
    try:
        return json.loads(raw)
    except json.JSONDecodeError:
        raise Missing from None


def _head(request: HttpRequest, rule: AssignmentRule) -> None:
    rule.name = request.POST.get("name", "").strip()[:80]
    rule.order = _number(request, "order") or 0
    rule.is_active = request.POST.get("is_active") == "1"


def _number(request: HttpRequest, name: str) -> int | None:
    raw = request.POST.get(name, "").strip()
    if raw and not (raw.isascii() and raw.isdecimal() and len(raw) < 8):
        raise Invalid([{name: [Wrong(_("Enter a whole number."))]}])
    return int(raw) if raw else None


def _split(conditions: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Those that the lines of the form can show, and the others, which it only keeps or drops."""
    plain = [c for c in conditions if len(c) == 3 and isinstance(c[1], str)][:CONDITIONS]
    return plain, [c for c in conditions if c not in plain]


def _given(request: HttpRequest, others: list[Any]) -> dict[str, Any]:
    """The form as a document; `others` are the conditions that its lines do not show."""
    post = request.POST
    conditions = [
        [post[f"keyc{n}"], post.get(f"opc{n}", ""), post.get(f"valuec{n}", "").strip()[:200]]
        for n in range(CONDITIONS)
        if post.get(f"keyc{n}") and post.get(f"opc{n}")
    ]
    must: list[dict[str, Any]] = [{"what": what} for what in post.getlist("must")]
    must += [{"what": f"tenure_{k}", "days": n} for k in ("least", "most") if (n := _number(request, k)) is not None]
    prefer = [
        {"what": what, "days": _number(request, f"preferdays{n}") if what.startswith("tenure") else None}
        for n in range(PREFERENCES)
        if (what := post.get(f"prefer{n}", ""))
    ]
    minutes, person = _number(request, "accept_minutes"), post.get("accept_person", "")
    accept = {
        "minutes": minutes, "rounds": _number(request, "accept_rounds") or 1, "then": post.get("accept_then", ""),
        "person": person if is_uuid(person) else None,
    }  # fmt: skip
    ids = [post.getlist(f"who_{kind}") for kind in ("departments", "roles", "people")]
    return {
        "conditions": [*conditions, *(others if post.get("keep_others") == "1" else [])],
        "who": [raw for some in ids for raw in some if is_uuid(raw)],
        "must": must,
        "prefer": prefer,
        "mode": post.get("mode", ""),
        "accept": accept if minutes is not None else None,
        "respond": _number(request, "respond"),
        "hours": document.hours_of(post.get("hours", "")),
    }


def _options(some: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"value": value, "label": label} for value, label in some.items()]


def _sections(actor: Actor, rule: AssignmentRule, entity: AnyEntity, said: document.Document) -> list[dict[str, Any]]:
    plain, others = _split(said.conditions)
    return [
        {"title": _("Rule"), "fields": [
            {"name": "name", "label": _("Name"), "required": True, "value": rule.name, "maxlength": 80},
            {"name": "order", "label": _("Order"), "kind": "integer", "value": rule.order,
             "help": _("The first rule whose conditions a record meets decides about it.")},
            {"name": "is_active", "label": _("In use"), "kind": "checkbox", "wide": True, "value": rule.is_active},
            *lines(entity, plain, "c", CONDITIONS, _("Only records whose field")),
            *([{"name": "keep_others", "kind": "checkbox", "value": True, "wide": True,
                "label": _("And only: %(what)s") % {"what": listed(stored_text(actor, entity, others))}}]
              if others else []),
        ]},
        {"title": _("Who gets them"), "fields": [
            *who("who", said.who),
            {"name": "mode", "label": _("How it is shared out"), "kind": "select", "required": True,
             "value": said.mode, "options": _options(telling.MODES)},
        ]},
        _traits(entity, said),
        *_clocks(entity, said),
    ]  # fmt: skip


def _traits(entity: AnyEntity, said: document.Document) -> dict[str, Any]:
    known_ones = changing.traits(entity)
    traits = {key: label for key, label in telling.TRAITS.items() if key in known_ones}
    plain = {key: label for key, label in traits.items() if not key.startswith("tenure")}
    days = {w.what: w.days for w in said.must}
    fields: list[dict[str, Any]] = [
        {"name": "must", "label": _("Only people of whom this holds"), "kind": "multi", "wide": True,
         "options": _options(plain), "value": [w.what for w in said.must if w.what in plain]},
        {"name": "least", "label": _("With the firm for days, at least"), "kind": "integer",
         "value": _or_empty(days.get("tenure_least"))},
        {"name": "most", "label": _("With the firm for days, at most"), "kind": "integer",
         "value": _or_empty(days.get("tenure_most"))},
    ]  # fmt: skip
    labels = (_("Preferred first"), _("Preferred second"), _("Preferred third"))
    for n, label in enumerate(labels):
        want = said.prefer[n] if n < len(said.prefer) else None
        fields += [
            {"name": f"prefer{n}", "label": label, "kind": "select", "options": _options(traits),
             "value": want.what if want else ""},
            {"name": f"preferdays{n}", "label": _("Days, where it is about tenure"), "kind": "integer",
             "value": _or_empty(want.days if want else None)},
        ]  # fmt: skip
    return {"title": _("Whom it fits"), "fields": fields}


def _or_empty(n: int | None) -> Any:
    return "" if n is None else n


def _clocks(entity: AnyEntity, said: document.Document) -> list[dict[str, Any]]:
    accept = said.accept
    then = {"manager": _("Who is above"), "person": _("A person")}
    if known.of(entity):
        then["pool"] = _("The pool")
    person = User.objects.filter(pk=accept.person).first() if accept and accept.person else None
    answer = [
        {"name": "respond", "label": _("First response within minutes of work"), "kind": "integer",
         "value": said.respond or "", "help": _("Empty: no clock.")},
    ] if entity.key == "lead" else []  # fmt: skip
    return [
        {"title": _("Accepting"), "fields": [
            {"name": "accept_minutes", "label": _("To be accepted within minutes of work"), "kind": "integer",
             "value": accept.minutes if accept else "", "help": _("Empty: nobody has to accept.")},
            {"name": "accept_rounds", "label": _("People asked, one after the other"), "kind": "integer",
             "value": accept.rounds if accept else 3},
            {"name": "accept_then", "label": _("Then it goes to"), "kind": "select", "required": True,
             "value": accept.then if accept else "manager", "options": _options(then)},
            {"name": "accept_person", "label": _("Which person"), "kind": "combo", "options_url": "/user/options",
             "value": str(person.pk) if person else "", "text": person.name if person else ""},
        ]},
        {"title": _("Clock"), "fields": [
            *answer,
            {"name": "hours", "label": _("Hours of work"), "required": True, "value": document.hours_text(said.hours),
             "help": _("On working days of the firm's calendar, such as 09:00-12:00, 13:30-18:00.")},
        ]},
    ]  # fmt: skip


def _tried(request: HttpRequest, rule: AssignmentRule, entity: AnyEntity, given: Any) -> HttpResponse:
    """What the rules would have done with the last 90 days if this one had been among them."""
    actor = actor_of(request)
    rulings = trying.with_rule(entity, rule, changing.checked(entity, rule.name, given))
    trial = trying.attempt(entity, rulings)
    names = telling.people_in(trial.sample) | telling.names([s.id for s in trial.shares])
    titles = query.names(actor, entity.key, [d.record for d in trial.sample])
    context = {
        "rule": rule,
        "url": request.path,
        "document": json.dumps(given),
        "what": entity.plural,
        "trial": trial,
        "rules": [
            {"name": r.rule.name, "here": r.rule.pk == rule.pk, "counts": trial.by_rule[r.rule.pk]} for r in rulings
        ],
        "shares": [(names.get(s.id, "—"), s) for s in sorted(trial.shares, key=lambda s: -s.count)],
        "reasons": [(telling.REASONS.get(k, k), n) for k, n in trial.reasons.most_common()],
        "sample": [
            {"title": titles.get(d.record, "…"), "url": f"/{entity.key}/{d.record}" if d.record in titles else "",
             "told": telling.told(d, d.rule.name, names)}
            for d in trial.sample
        ],
        "trail": sheets.trail(),
    }  # fmt: skip
    return render(request, "assigning/trial.html", context)


@login_required
@require_POST
def remove(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take a rule out of use."""
    changing.remove(admin(request), changing.find(pk))
    request.session["toast"] = _("The rule is removed.")
    return go(request, BASE)


urlpatterns = [
    path("settings/assigning", index),
    path("settings/assigning/new/<slug:key>", edit),
    path("settings/assigning/<uuid:pk>", edit),
    path("settings/assigning/<uuid:pk>/remove", remove),
]
