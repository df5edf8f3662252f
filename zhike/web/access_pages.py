"""Entering for somebody else and looking as somebody else: what was lent, by whom, and how it begins and ends."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.models import Role, User
from zhike.engine import access, delegation, history, notices
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.models import Delegation

from . import (
    access_pages_exports,
    access_pages_fields,
    access_pages_roles,
    access_pages_team,
    access_pages_who,
    acting,
)
from .access_words import action_label, label_of
from .settings import SECURITY, admin
from .templating import actor_of, render

LOOKED = gettext_noop("%(by)s looked at the system as you see it")
USUAL = ("list", "read", "create", "update")


@login_required
@require_http_methods(["GET", "POST"])
def all_delegations(request: HttpRequest) -> HttpResponse:
    """Every delegation of the firm, for administrators of rights."""
    actor = admin(request, SECURITY)
    rows = Delegation.objects.select_related("principal", "assistant", "by").order_by("-at")[:300]
    return _page(request, actor, rows, mine=False)


@login_required
@require_http_methods(["GET", "POST"])
def my_delegations(request: HttpRequest) -> HttpResponse:
    """Who may enter for me, and for whom I may."""
    actor = actor_of(request)
    if actor.by or actor.limit:
        raise Refused("delegations")
    me = actor.user.pk
    rows = Delegation.objects.filter(principal=me) | Delegation.objects.filter(assistant=me)
    return _page(request, actor, rows.select_related("principal", "assistant", "by").order_by("-at")[:300], mine=True)


def _page(request: HttpRequest, actor: Actor, rows: Iterable[Delegation], *, mine: bool) -> HttpResponse:
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            made = _create(request, actor, mine=mine)
        except Invalid as invalid:
            errors = {k: found[0].text for k, found in invalid.first.items()}
        else:
            names = {"assistant": made.assistant.name, "principal": made.principal.name}
            request.session["toast"] = _("%(assistant)s may now enter for %(principal)s.") % names
            return HttpResponseRedirect(request.path, status=303)
    listed = [_row(d, actor) for d in rows]
    context = {
        "title": _("Entering for others"),
        "mine": mine,
        "url": request.path,
        "given": [r for r in listed if not mine or r["principal_id"] == actor.user.pk],
        "taken": [r for r in listed if r["assistant_id"] == actor.user.pk] if mine else [],
        "fields": _fields(request, errors, mine=mine),
        "matrix": _matrix(request),
        "scopes_error": errors.get("scopes", ""),
        "errors": [{"name": k, "label": "", "text": v} for k, v in errors.items()],
    }
    return render(request, "web/access_delegations.html", context, status=422 if errors else 200)


def _create(request: HttpRequest, actor: Actor, *, mine: bool) -> Delegation:
    post = request.POST
    assistant = _person(post.get("assistant", ""), "assistant")
    principal = actor.user if mine else _person(post.get("principal", ""), "principal")
    try:
        start = dt.date.fromisoformat(post.get("from_on", ""))
        end = dt.date.fromisoformat(post.get("until_on", ""))
    except ValueError:
        raise Invalid([{"until_on": [Wrong(_("Choose the first and the last day."))]}]) from None
    if assistant.pk == actor.user.pk:
        raise Invalid([{"assistant": [Wrong(_("Choose somebody else."))]}])
    return delegation.create(
        actor, principal=principal, assistant=assistant, scopes=post.getlist("scopes"), from_on=start, until_on=end,
        reason=post.get("reason", ""),
    )  # fmt: skip


def _person(raw: str, key: str) -> User:
    try:
        found = User.objects.filter(pk=UUID(raw), deleted_at=None).first()
    except ValueError:
        found = None
    if found is None:
        raise Invalid([{key: [Wrong(_("Choose a person from the list."))]}])
    return found


def _row(d: Delegation, actor: Actor) -> dict[str, Any]:
    today = timezone.localdate()
    state = (
        (_("Ended"), "neutral") if d.revoked_at or d.until_on < today
        else (_("Not yet"), "amber") if d.from_on > today else (_("In force"), "green")
    )  # fmt: skip
    lent: dict[str, list[str]] = {}
    known = delegation.lendable()
    for text in d.scopes:
        key, _sep, action = text.partition(":")
        if key in known:
            lent.setdefault(str(known[key].plural), []).append(label_of(known[key], action))
    return {
        "principal": d.principal.name,
        "principal_id": d.principal_id,
        "assistant": d.assistant.name,
        "assistant_id": d.assistant_id,
        "by": d.by.name,
        "from": d.from_on.isoformat(),
        "until": d.until_on.isoformat(),
        "reason": d.reason,
        "state": {"label": state[0], "tone": state[1]},
        "lent": [{"what": what, "actions": actions} for what, actions in lent.items()],
        "end_url": f"/me/delegations/{d.pk}/end" if state[1] != "neutral" else "",
        "begin_url": f"/acting/{d.pk}" if state[1] == "green" and d.assistant_id == actor.user.pk else "",
    }


def _fields(request: HttpRequest, errors: dict[str, str], *, mine: bool) -> list[dict[str, Any]]:
    post, today = request.POST, timezone.localdate()
    people = User.objects.filter(pk__in=[p for k in ("principal", "assistant") if (p := _uuid(post.get(k, "")))])
    names = {str(u.pk): u.name for u in people}

    def person(name: str, label: str) -> dict[str, Any]:
        value = post.get(name, "")
        return {
            "name": name, "label": label, "kind": "combo", "required": True, "options_url": "/user/options",
            "value": value, "text": names.get(value, ""),
        }  # fmt: skip

    found = [] if mine else [person("principal", _("For"))]
    found += [
        person("assistant", _("Assistant")),
        {"name": "from_on", "label": _("From"), "kind": "date", "required": True,
         "value": post.get("from_on") or today.isoformat()},
        {"name": "until_on", "label": _("Until"), "kind": "date", "required": True,
         "value": post.get("until_on") or (today + dt.timedelta(days=14)).isoformat(),
         "help": _("The last day on which it holds.")},
        {"name": "reason", "label": _("Reason"), "maxlength": 200, "value": post.get("reason", "")},
    ]  # fmt: skip
    return [{**f, "error": errors.get(f["name"], "")} for f in found]


def _uuid(raw: str) -> UUID | None:
    try:
        return UUID(raw)
    except ValueError:
        return None


def _matrix(request: HttpRequest) -> dict[str, Any]:
    """What may be lent: entities × actions, as boxes to tick."""
    chosen = set(request.POST.getlist("scopes")) if request.method == "POST" else None
    known = sorted(delegation.lendable().values(), key=lambda e: (e.menu or 500, e.key))

    def box(key: str, action: str) -> dict[str, Any]:
        on = f"{key}:{action}" in chosen if chosen is not None else action in USUAL
        return {"value": f"{key}:{action}", "on": on}

    return {
        "actions": [action_label(a) for a in access.ACTIONS],
        "rows": [
            {
                "label": str(e.plural),
                "cells": [box(e.key, a) for a in access.ACTIONS],
                "own": [{**box(e.key, a), "label": str(v.label)} for a, v in e.actions.items()],
            }
            for e in known
        ],
    }


@login_required
@require_POST
def end_delegation(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a delegation, by one of the two or by an administrator of rights."""
    actor = actor_of(request)
    mine = Delegation.objects.filter(pk=pk, principal=actor.user) | Delegation.objects.filter(
        pk=pk, assistant=actor.user
    )
    where = "/me/delegations" if mine.exists() else "/settings/delegations"
    delegation.revoke(actor, pk)
    request.session["toast"] = _("Ended.")
    return HttpResponseRedirect(where, status=303)


@login_required
@require_POST
def begin(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Enter for somebody from now on, until one stops."""
    actor = actor_of(request)
    found = None if actor.by or actor.limit else delegation.actor_for(actor.user, pk)
    if found is None:
        raise Missing
    acting.for_delegation(request, pk)
    history.note(found[0], "act_for", entity="user", record=found[0].user.pk, details={"delegation": pk})
    return HttpResponseRedirect("/", status=303)


@login_required
@require_POST
def stop(request: HttpRequest) -> HttpResponse:
    """Be oneself again."""
    actor = actor_of(request)
    if actor.by:
        action = "view_end" if actor.channel == "view" else "act_end"
        history.note(actor, action, entity="user", record=actor.user.pk)
    acting.stop(request)
    return HttpResponseRedirect("/", status=303)


@login_required
@require_http_methods(["GET", "POST"])
def view_as(request: HttpRequest) -> HttpResponse:
    """Pick a person and look at the system as they see it: nothing can be changed, shown whole or exported."""
    from .editing import go  # editing draws the record page, which draws the cards of access

    actor = admin(request, SECURITY)
    error = ""
    if request.method == "POST":
        pk = _uuid(request.POST.get("person", ""))
        person = User.objects.filter(pk=pk, is_active=True, deleted_at=None).first() if pk else None
        if person is None or person.pk == actor.user.pk:
            error = _("Choose another person from the list.")
        else:
            _look(request, actor, person, request.POST.get("reason", "").strip()[:200])
            return go(request, "/")
    field = {
        "name": "person", "label": _("Person"), "kind": "combo", "required": True, "options_url": "/user/options",
        "error": error, "help": _("For half an hour, read only; the person is told, and it is kept in the history."),
    }  # fmt: skip
    reason = {"name": "reason", "label": _("Reason"), "maxlength": 200}
    form = {
        "url": request.path,
        "key": "",
        "cancel_url": "/settings/",
        "submit_label": _("Look"),
        "sections": [{"title": "", "fields": [field, reason]}],
        "errors": [{"name": "person", "label": _("Person"), "text": error}] if error else [],
    }
    trail = [{"label": _("Settings"), "url": "/settings/"}]
    context = {"title": _("Look at the system as somebody"), "trail": trail, "form": form, "conflict": None}
    blocks = {"form-body": "form"} if error else {}
    if request.headers.get("HX-Request") and not error:
        blocks = {"drawer-body": "form"}
    return render(request, "web/form.html", context, status=422 if error else 200, blocks=blocks)


def _look(request: HttpRequest, actor: Actor, person: User, reason: str) -> None:
    acting.as_person(request, person)
    history.note(actor, "view_as", entity="user", record=person.pk, details={"reason": reason} if reason else {})
    cause = f"view:{actor.user.pk}:{person.pk}:{timezone.now().isoformat()}"
    notices.tell(person.pk, LOOKED, {"by": actor.user.name}, "", cause, kind="rights")


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """All roles with how many people have them, and two to compare."""
    admin(request, SECURITY)
    members: dict[UUID, int] = {}
    for held in User.objects.filter(is_active=True, deleted_at=None).values_list("roles", flat=True):
        for role in held:
            members[role] = members.get(role, 0) + 1
    rows = [
        {
            "id": str(role.pk),
            "name": role.name,
            "key": role.key,
            "home": role.get_home_display(),
            "office": role.get_office_display() if role.office else "",
            "members": members.get(role.pk, 0),
            "url": f"/settings/roles/{role.pk}",
            "members_url": f"/user/?view=&roles__has={role.pk}",
        }
        for role in Role.objects.filter(deleted_at=None)
    ]
    return render(request, "web/settings_roles.html", {"rows": rows, "new_url": "/role/new"})


urlpatterns = [
    path("settings/delegations", all_delegations),
    path("settings/view-as", view_as),
    path("settings/roles", overview),
    path("settings/roles/compare", access_pages_roles.compare),
    path("settings/roles/<uuid:pk>", access_pages_roles.matrix),
    path("settings/roles/<uuid:pk>/preview", access_pages_roles.preview),
    path("settings/roles/<uuid:pk>/save", access_pages_roles.save),
    path("settings/roles/<uuid:pk>/fields", access_pages_fields.fields),
    path("settings/exports", access_pages_exports.waiting),
    path("exports/<uuid:pk>", access_pages_exports.ask),
    path("exports/<uuid:pk>/<slug:answer>", access_pages_exports.decide),
    path("me/delegations", my_delegations),
    path("me/delegations/<uuid:pk>/end", end_delegation),
    path("acting/stop", stop),
    path("acting/<uuid:pk>", begin),
    path("<slug:key>/<uuid:pk>/share", access_pages_team.edit),
    path("<slug:key>/<uuid:pk>/share/<uuid:share>", access_pages_team.edit),
    path("<slug:key>/<uuid:pk>/share/<uuid:share>/end", access_pages_team.end),
    path("<slug:key>/<uuid:pk>/visibility", access_pages_who.who),
    path("<slug:key>/<uuid:pk>/printed", access_pages_exports.printed),
]
