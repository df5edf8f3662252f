"""Making a plan: who and why, the rules, single records by hand; and the account that must be closed at once."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_http_methods

from zhike.base.models import User
from zhike.engine import access, leaving, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.query import View
from zhike.modules.handover import running, services
from zhike.modules.handover.models import Handover, HandoverItem, HandoverShare
from zhike.web.editing import form_answer, go
from zhike.web.filters import filter_field
from zhike.web.templating import actor_of

from .parts import day_of, form, ids_of, label, people_field, person_field, texts, trail

ASKED = ("tier", "status", "region", "industry", "size", "source")  # fields a rule can ask for in the form
Why, Rest, Way = Handover.Why, Handover.Rest, HandoverShare.Way


def _person(text: str) -> User | None:
    found = ids_of([text])
    rows = User.objects.filter(deleted_at=None).select_related("department")
    return rows.filter(pk=found[0]).first() if found else None


@login_required
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """The first step: who hands over, why, until when."""
    actor = actor_of(request)
    if not services.may_plan_any(actor):
        raise Refused("plan a hand-over")
    person = _person(request.POST.get("person") or request.GET.get("person", ""))
    there = Handover.objects.filter(person=person, state__in=services.WAITING, deleted_at=None).first()
    if person and there and request.method == "GET" and services.may_plan(actor, person):
        return go(request, f"/handover/{there.pk}")
    errors: dict[str, str] = {}
    post = request.POST
    if request.method == "POST":
        try:
            if person is None:
                errors = {"person": _("Choose who hands over.")}
            else:
                day = day_of(post.get("last_day", ""), "last_day")
                why = post.get("why", "") if post.get("why", "") in Why.values else Why.LEAVING
                made = services.create(actor, person, why=why, last_day=day, note=post.get("note", ""))
                return go(request, f"/handover/{made.pk}")
        except Invalid as invalid:
            errors = texts(invalid)
        except Refused:
            errors = {"person": _("You may not hand over what this person has.")}
    fields = [person_field("person", _("Who hands over"), person, required=True), *_about(post, None)]
    context = {
        "title": _("Hand over what somebody has"),
        "trail": trail(),
        "form": form(request, fields, errors, cancel="/handover/", submit=_("Next: who gets what")),
        "conflict": None,
    }
    return form_answer(request, context, status=422 if errors else 200)


def _about(post: Any, found: Handover | None) -> list[dict[str, Any]]:
    return [
        {
            "name": "why", "label": pgettext("hand-over", "Why"), "kind": "radio",
            "options": [{"value": v, "label": text} for v, text in Why.choices],
            "value": post.get("why") or (found.why if found else Why.LEAVING),
        },
        {
            "name": "last_day", "label": _("Last day"), "kind": "date",
            "value": post.get("last_day") or (found.last_day.isoformat() if found and found.last_day else ""),
        },
        {
            "name": "note", "label": _("Remark"), "kind": "textarea", "wide": True,
            "value": post.get("note", found.note if found else ""),
        },
    ]  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the plan says beside its rules: why, the last day, who gets what no rule names, introductions."""
    actor = actor_of(request)
    found = services.find(actor, pk, plan=True)
    post, errors = request.POST, dict[str, str]()
    if request.method == "POST":
        to = _person(post.get("rest_to", ""))
        days = post.get("intro_days", "")
        try:
            services.change(
                actor,
                pk,
                {
                    "why": post.get("why") if post.get("why") in Why.values else found.why,
                    "last_day": day_of(post.get("last_day", ""), "last_day"),
                    "note": post.get("note", "").strip(),
                    "rest": post.get("rest") if post.get("rest") in Rest.values else found.rest,
                    "rest_to_id": to.pk if to else None,
                    "with_closed": post.get("with_closed") == "1",
                    "intro_days": int(days) if days.isdecimal() and int(days) <= 60 else found.intro_days,
                },
            )
            return go(request, f"/handover/{pk}")
        except Invalid as invalid:
            errors = texts(invalid)
    fields = _plan_fields(post, found)
    context = {
        "title": _("Plan of the hand-over from %(name)s") % {"name": found.person.name},
        "trail": [*trail(), {"label": found.person.name, "url": f"/handover/{pk}"}],
        "form": form(request, fields, errors, cancel=f"/handover/{pk}", submit=_("Save")),
        "conflict": None,
    }
    return form_answer(request, context, status=422 if errors else 200)


def _plan_fields(post: Any, found: Handover) -> list[dict[str, Any]]:
    rests = [{"value": v, "label": text} for v, text in Rest.choices]
    return [
        *_about(post, found),
        {"name": "rest", "label": _("What no rule names"), "kind": "radio", "options": rests, "value": found.rest},
        person_field("rest_to", _("To one person"), found.rest_to),
        {
            "name": "intro_days", "label": _("Introduce within working days"), "kind": "integer",
            "value": found.intro_days,
            "help": _("An introduction is planned for customers of tier S or A or with open deals."),
        },
        {
            "name": "with_closed", "label": _("Closed deals and leads too"), "kind": "checkbox",
            "value": found.with_closed, "hint": _("What was won goes on counting for who won it."),
        },
    ]  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One more rule: which records, and to whom."""
    actor = actor_of(request)
    found = services.find(actor, pk, plan=True)
    post, errors = request.POST, dict[str, str]()
    key = post.get("entity") or request.GET.get("entity", "account")
    known = {e.key: e for e in leaving.owned()}
    if key not in known:
        raise Missing
    people = ids_of(post.getlist("people"))
    if request.method == "POST":
        try:
            way = post.get("way") if post.get("way") in Way.values else Way.ONE
            services.add_share(
                actor, pk, way=str(way), people=people, entity=key, where=_where(actor, known[key], post)
            )
            return go(request, f"/handover/{pk}")
        except Invalid as invalid:
            errors = texts(invalid)
    fields = _rule_fields(actor, known, key, post, people)
    context = {
        "title": _("Rule: who gets what"),
        "trail": [*trail(), {"label": found.person.name, "url": f"/handover/{pk}"}],
        "form": form(request, fields, errors, cancel=f"/handover/{pk}", submit=_("Add the rule")),
        "conflict": None,
    }
    return form_answer(request, context, status=422 if errors else 200)


def _where(actor: Actor, entity: AnyEntity, post: Any) -> str:
    """The conditions of the form in the one filter language."""
    pairs = [
        (f["name"], ",".join(v)) for f in _asked(actor, entity) if (v := [x for x in post.getlist(f["name"]) if x])
    ]
    more = post.get("where", "").strip().lstrip("?")
    return "&".join(part for part in (urlencode(pairs), more) if part)


def _asked(actor: Actor, entity: AnyEntity) -> list[dict[str, Any]]:
    """The filters that a rule offers, each a field named as its condition."""
    readable = access.readable(actor, entity)
    return [filter_field(actor, entity, readable[k], View()) for k in ASKED if k in readable and k in entity.filters]


def _rule_fields(
    actor: Actor, known: dict[str, AnyEntity], key: str, post: Any, people: list[UUID]
) -> list[dict[str, Any]]:
    entity = known[key]
    chosen = list(User.objects.filter(pk__in=people))
    chosen.sort(key=lambda p: people.index(p.pk))
    ways = [{"value": v, "label": text} for v, text in Way.choices if v != Way.POOL or hasattr(entity.model, "pool_id")]
    return [
        {
            "name": "entity", "label": _("Which records"), "kind": "select", "required": True, "value": key,
            "options": [{"value": k, "label": label(k)} for k in known],
        },
        *_asked(actor, entity),
        {
            "name": "where", "label": _("More conditions, as in the address of a list"), "wide": True,
            "value": post.get("where", ""), "placeholder": "idle_days__gte=60",
        },
        {
            "name": "way", "label": _("Who gets it"), "kind": "radio", "options": ways,
            "value": post.get("way") or Way.ONE,
        },
        people_field("people", _("People"), chosen, wide=True),
    ]  # fmt: skip


@login_required
@require_http_methods(["GET", "POST"])
def give(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One record by hand to somebody, with what hangs on it."""
    actor = actor_of(request)
    item = HandoverItem.objects.select_related("handover", "to").filter(pk=pk).first()
    if item is None:
        raise Missing
    found = services.find(actor, item.handover_id, plan=True)
    errors: dict[str, str] = {}
    here = f"/handover/{found.pk}"
    if request.method == "POST":
        to = _person(request.POST.get("to", ""))
        try:
            n = services.give(actor, found.pk, [pk], to.pk if to else UUID(int=0))
        except Invalid as invalid:
            errors = texts(invalid)
        else:
            fresh = Handover.objects.get(pk=found.pk)
            if fresh.state == Handover.State.RUNNING:
                running.begin(actor, found.pk)
            request.session["toast"] = _("%(n)s records go to %(name)s.") % {"n": n, "name": to.name if to else ""}
            return go(request, here)
    name = query.names(actor, item.entity, [item.record]).get(item.record, "…")
    context = {
        "title": _("Give “%(title)s” to somebody") % {"title": name},
        "trail": [*trail(), {"label": found.person.name, "url": here}],
        "form": form(
            request, [person_field("to", _("Who gets it"), item.to, required=True)], errors, cancel=here,
            submit=pgettext("of customers", "Hand over"),
        ),
        "conflict": None,
    }  # fmt: skip
    return form_answer(request, context, status=422 if errors else 200)


@login_required
@require_http_methods(["GET", "POST"])
def emergency(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An account that must be closed at this moment: what its person has goes to the manager."""
    actor = actor_of(request)
    user = get("user")
    person = query.visible(actor, user, "update").filter(pk=pk).first() if access.may(actor, user, "update") else None
    if person is None or not services.may_plan(actor, person):
        raise Missing
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = running.emergency(actor, person, request.POST.get("note", ""))
            request.session["toast"] = _("The account of %(name)s is closed.") % {"name": person.name}
            return go(request, f"/handover/{made.pk}")
        except Invalid as invalid:
            errors = texts(invalid)
    manager = services.manager_of(person) or actor.user
    told = _(
        "%(name)s is signed out everywhere at once and cannot come back. What %(name)s has goes to %(manager)s, or by "
        "the plan that is there already."
    ) % {"name": person.name, "manager": manager.name}
    fields = [
        {"name": "told", "label": _("What happens"), "kind": "readonly", "value": told, "wide": True},
        {"name": "note", "label": _("Remark"), "kind": "textarea", "wide": True, "value": request.POST.get("note", "")},
    ]
    context = {
        "title": _("Close the account of %(name)s at once") % {"name": person.name},
        "trail": [{"label": user.plural, "url": "/user/"}, {"label": person.name, "url": f"/user/{pk}"}],
        "form": form(request, fields, errors, cancel=f"/user/{pk}", submit=_("Close the account at once"), grave=True),
        "conflict": None,
    }
    return form_answer(request, context, status=422 if errors else 200)
