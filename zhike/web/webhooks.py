"""Webhooks: which other systems are told of what, whether it arrived, and sending it again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import deliveries, webhooks
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Errors, Invalid, Missing, Refused
from zhike.engine.models import Delivery, Webhook
from zhike.jobs import tasks

from .editing import form_answer, go
from .templating import actor_of, render

BASE = "/settings/webhooks"
SECRET = "webhook_secret"  # noqa: S105  the key in the session, not a secret
SHOWN = 100


def event_label(event: str) -> str:
    """An event in words: “Deal: won”."""
    key, _dot, name = event.partition(".")
    entity = entities().get(key)
    if event == deliveries.PING:
        return _("Test")
    return _("%(what)s: %(event)s") % {"what": entity.label, "event": name_label(entity, name)} if entity else event


def name_label(entity: AnyEntity, name: str) -> str:
    """What happened, in words."""
    named = {
        "*": _("everything"),
        "create": _("created"),
        "update": _("changed"),
        "delete": _("deleted"),
        "transfer": _("handed over"),
    }
    return named.get(name) or (str(entity.actions[name].label) if name in entity.actions else name)


def state(webhook: Webhook) -> dict[str, str]:
    """How a webhook is, in a word and a tone."""
    if not webhook.is_active:
        return {"label": _("Switched off"), "tone": "neutral"}
    return {"label": _("Failing"), "tone": "amber"} if webhook.failed_since else {"label": _("Active"), "tone": "green"}


def about(actor: Actor, webhook: Webhook) -> dict[str, Any]:
    """A webhook for a page; only its owner sees the whole address, which may hold a key."""
    mine = webhook.user_id == actor.user.pk
    return {
        "id": str(webhook.pk),
        "name": webhook.name,
        "address": webhook.url if mine else urlsplit(webhook.url).hostname,
        "events": [event_label(event) for event in webhook.events],
        "owner": webhook.user.name,
        "state": state(webhook),
        "is_active": webhook.is_active,
        "failed_since": webhook.failed_since,
        "mine": mine,
        "url": f"{BASE}/{webhook.pk}",
    }


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The own webhooks; all of them for who looks after integrations."""
    actor = actor_of(request)
    rows = [about(actor, webhook) for webhook in webhooks.seen(actor)]
    context = {
        "rows": rows,
        "all": webhooks.runs(actor),
        "new_url": f"{BASE}/new" if webhooks.may_have(actor) else "",
        "trail": trail(actor),
    }
    return render(request, "web/webhooks.html", context)


def trail(actor: Actor, *more: dict[str, str]) -> list[dict[str, str]]:
    """Where one is; the settings only for who may open them."""
    return [*([{"label": _("Settings"), "url": "/settings/"}] if actor.office else []), *more]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """A new webhook, or name, address and events of one's own."""
    actor = actor_of(request)
    if not webhooks.may_have(actor):
        raise Refused("webhooks")
    webhook = webhooks.find(actor, pk, own=True) if pk else None
    offered = webhooks.choices(actor)
    name, url = (webhook.name, webhook.url) if webhook else ("", "https://")
    events: Sequence[str] = webhook.events if webhook else ()
    errors: Errors = {}
    if request.method == "POST":
        name, url = request.POST.get("name", ""), request.POST.get("url", "")
        events = [event for entity in offered for event in request.POST.getlist(f"events-{entity.key}")]
        version = request.POST.get("version", "")
        try:
            saved = webhooks.save(
                actor,
                webhook,
                name=name,
                url=url,
                events=events,
                version=int(version) if version.isdecimal() and len(version) < 9 else None,
            )
        except Invalid as invalid:
            errors = invalid.first
        else:
            if webhook is None:
                request.session[SECRET] = {str(saved.pk): saved.secret}
            request.session["toast"] = _("Saved.")
            return go(request, f"{BASE}/{saved.pk}")
    sections = form_sections(offered, name, url, events, errors)
    return form_answer(request, form_context(actor, webhook, sections, errors), status=422 if errors else 200)


def form_sections(
    offered: dict[AnyEntity, list[str]], name: str, url: str, events: Sequence[str], errors: Errors
) -> list[dict[str, Any]]:
    """Name and address, then the events by entity."""
    said = {key: " ".join(wrong.text for wrong in found) for key, found in errors.items()}
    help_url = _("Messages are sent here by POST, signed; the address must be public, or in a network the firm opened.")
    shared = {"required": True, "wide": True}
    head = [
        {"name": "name", "label": _("Name"), "value": name, "maxlength": 80, "error": said.get("name"), **shared},
        {
            "name": "url",
            "label": _("Address"),
            "kind": "url",
            "value": url,
            "maxlength": 500,
            "help": help_url,
            "error": said.get("url"),
            **shared,
        },
    ]
    told = [
        {
            "name": f"events-{entity.key}",
            "label": entity.plural,
            "kind": "multi",
            "wide": True,
            "value": [event for event in events if event in names],
            "options": [{"value": event, "label": name_label(entity, event.partition(".")[2])} for event in names],
            "error": said.get("events") if n == 0 else "",
        }
        for n, (entity, names) in enumerate(offered.items())
    ]
    return [{"title": "", "fields": head}, {"title": _("Events"), "fields": told}]


def form_context(
    actor: Actor, webhook: Webhook | None, sections: list[dict[str, Any]], errors: Errors
) -> dict[str, Any]:
    """What web/form.html shows."""
    first = sections[1]["fields"][0]["name"] if sections[1]["fields"] else ""
    fields = {"name": ("name", _("Name")), "url": ("url", _("Address")), "events": (first, _("Events"))}
    url = f"{BASE}/{webhook.pk}" if webhook else BASE
    back = {"label": _("Webhooks"), "url": BASE}
    return {
        "title": _("Edit “%(name)s”") % {"name": webhook.name} if webhook else _("New webhook"),
        "trail": trail(actor, back, *([{"label": webhook.name, "url": url}] if webhook else [])),
        "form": {
            "url": f"{url}/edit" if webhook else f"{url}/new",
            "sections": sections,
            "version": webhook.version if webhook else None,
            "key": "",
            "cancel_url": url,
            "errors": [
                {"name": fields.get(key, ("", ""))[0], "label": fields.get(key, ("", ""))[1], "text": wrong.text}
                for key, found in errors.items()
                for wrong in found
            ],
        },
    }


@login_required
@require_GET
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One webhook and what became of its messages; a new secret is shown once."""
    actor = actor_of(request)
    webhook = webhooks.find(actor, pk)
    only = request.GET.get("state", "")
    chosen = Delivery.objects.filter(webhook=webhook, **({"state": only} if only in Delivery.State.values else {}))
    rows = [line(webhook, one) for one in chosen.order_by("-at")[:SHOWN]]
    tabs = [("", _("All")), *Delivery.State.choices]
    context = {
        "webhook": about(actor, webhook),
        "secret": request.session.pop(SECRET, {}).get(str(pk), "") if SECRET in request.session else "",
        "rows": rows,
        "under_way": any(row["fresh"] for row in rows),
        "here": request.get_full_path(),
        "tabs": [
            {"label": label, "url": f"{BASE}/{pk}?state={value}", "active": only == value} for value, label in tabs
        ],
        "trail": trail(actor, {"label": _("Webhooks"), "url": BASE}),
    }
    return render(request, "web/webhook.html", context, blocks={"deliveries": "deliveries"})


def line(webhook: Webhook, one: Delivery) -> dict[str, Any]:
    """A message for the page: what it was about, how often it was tried, what the receiver said."""
    waiting = one.state == Delivery.State.WAITING
    tone = {"waiting": "amber", "done": "green", "dead": "red"}[one.state]
    answers = [_("answer %(status)s") % {"status": one.status}] if one.status else []
    count = len(one.records)
    return {
        "at": one.at,
        "event": event_label(one.event),
        "records": ngettext("%(n)s record", "%(n)s records", count) % {"n": count} if count else "",
        "state": one.get_state_display(),
        "tone": tone,
        "attempts": one.attempts,
        "answer": " · ".join([*answers, *([webhooks.explain(one.error)] if one.error else [])]),
        "next_at": one.next_at if waiting and one.attempts else None,
        "fresh": waiting and not one.attempts,
        "again_url": "" if waiting or not webhook.is_active else f"{BASE}/{webhook.pk}/again/{one.pk}",
    }


@login_required
@require_POST
def do(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Test, a new secret, on, off, delete; who is not the owner can only switch off and delete."""
    actor = actor_of(request)
    webhook = webhooks.find(actor, pk, own=action not in ("off", "delete"))
    try:
        text = _done(request, actor, webhook, action)
    except Invalid as invalid:
        text = " ".join(wrong.text for found in invalid.first.values() for wrong in found)
    request.session["toast"] = text
    return HttpResponseRedirect(BASE if action == "delete" else f"{BASE}/{pk}", status=303)


def _done(request: HttpRequest, actor: Actor, webhook: Webhook, action: str) -> str:
    if action == "test":
        tasks.send_soon([deliveries.ping(actor, webhook)])
        return _("A test is on its way.")
    if action == "secret":
        request.session[SECRET] = {str(webhook.pk): webhooks.renew(actor, webhook)}
        return _("There is a new secret; the old one no longer counts.")
    if action in ("on", "off"):
        webhooks.switch(actor, webhook, on=action == "on")
        return _("The webhook is on.") if action == "on" else _("The webhook is off; nothing is sent.")
    if action == "delete":
        webhooks.remove(actor, webhook)
        return _("The webhook is deleted.")
    raise Missing


@login_required
@require_POST
def again(request: HttpRequest, pk: UUID, delivery: UUID) -> HttpResponse:
    """Send one finished message once more."""
    actor = actor_of(request)
    webhook = webhooks.find(actor, pk, own=True)
    try:
        deliveries.again(actor, webhook, delivery)
    except Invalid as invalid:
        text = " ".join(wrong.text for found in invalid.first.values() for wrong in found)
    else:
        tasks.send_soon([delivery])
        text = _("The message is on its way again.")
    request.session["toast"] = text
    return HttpResponseRedirect(f"{BASE}/{pk}", status=303)


urlpatterns = [
    path("settings/webhooks", index),
    path("settings/webhooks/new", edit),
    path("settings/webhooks/<uuid:pk>", page),
    path("settings/webhooks/<uuid:pk>/edit", edit),
    path("settings/webhooks/<uuid:pk>/do/<slug:action>", do),
    path("settings/webhooks/<uuid:pk>/again/<uuid:delivery>", again),
]
