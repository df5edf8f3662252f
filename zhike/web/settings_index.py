"""The first page of the settings: what can be set, as far as it is open to the reader."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from zhike.base.models import Department, Role, User
from zhike.engine.access import Actor

from . import identity
from .settings import ANYBODY, AUDIT, SECURITY, SYSTEM, admin
from .templating import render


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """What can be set, with how much there is of it."""
    return render(request, "web/settings_index.html", {"groups": groups(admin(request, ANYBODY))})


def groups(actor: Actor) -> list[dict[str, Any]]:
    """The pages of settings that the actor may open."""
    found = [
        {"title": _("Organisation"), "items": organisation()},
        {"title": _("Security"), "items": security()},
        {"title": _("Shape"), "items": shape()},
        {"title": _("Process"), "items": process()},
        *integrations(),
        *personal_data(actor),
    ]
    return opened(actor, found)


def organisation() -> list[dict[str, Any]]:
    """People, departments, roles."""
    people = User.objects.filter(deleted_at=None, is_active=True).count()
    departments = Department.objects.filter(deleted_at=None).count()
    roles = Role.objects.filter(deleted_at=None).count()
    return [
        {"label": _("People"), "hint": _("%(n)s active") % {"n": people}, "url": "/user/", "icon": "users"},
        {
            "label": _("Departments"),
            "hint": ngettext("%(n)s department", "%(n)s departments", departments) % {"n": departments},
            "url": "/settings/departments",
            "icon": "network",
        },
        {
            "label": _("Roles and permissions"),
            "hint": ngettext("%(n)s role", "%(n)s roles", roles) % {"n": roles},
            "url": "/settings/roles",
            "icon": "shield-check",
        },
    ]


def security() -> list[dict[str, Any]]:
    """Who may what, and what was done."""
    unused = identity.unused().count()
    return [
        {
            "label": _("Log"),
            "hint": _("who did, saw and took along what; whether anybody touched the log"),
            "url": "/settings/audit",
            "icon": "history",
        },
        {
            "label": _("Security policy"),
            "hint": _("passwords, second factor, time-outs, limits"),
            "url": "/settings/policy",
            "icon": "shield",
        },
        {
            "label": _("Keys of programs"),
            "hint": _("who has one, what it may do, what it has read"),
            "url": "/settings/tokens",
            "icon": "key-round",
        },
        {
            "label": _("Entering for others"),
            "hint": _("assistants who enter for somebody, until when"),
            "url": "/settings/delegations",
            "icon": "users-round",
        },
        {
            "label": _("Look as somebody"),
            "hint": _("see the system as a person sees it, read only"),
            "url": "/settings/view-as",
            "icon": "eye",
        },
        {
            "label": _("Large exports"),
            "hint": _("what a second person approves"),
            "url": "/settings/exports",
            "icon": "download",
        },
        {
            "label": _("Unused accounts"),
            "hint": ngettext("%(n)s for 90 days", "%(n)s for 90 days", unused) % {"n": unused},
            "url": "/settings/unused",
            "icon": "user-round-x",
        },
    ]


def shape() -> list[dict[str, Any]]:
    """What is kept of what, and how it looks."""
    return [
        {
            "label": _("Objects and fields"),
            "hint": _("own fields and objects, layouts, lists to choose from, numbering"),
            "words": _("custom field form column lost reason number"),
            "url": "/settings/objects",
            "icon": "layout-grid",
        },
        {
            "label": _("Tags"),
            "hint": _("who may make them, how often they are used, merging two"),
            "url": "/settings/tags",
            "icon": "tag",
        },
        {
            "label": _("Changes and versions"),
            "hint": _("what waits to be published, what was, the way back"),
            "words": _("draft publish roll back export"),
            "url": "/settings/config",
            "icon": "history",
        },
        {
            "label": _("Health"),
            "hint": _("backups, background work, room on the disk"),
            "words": _("backup restore worker queue database"),
            "url": "/settings/health",
            "icon": "activity",
        },
    ]


def process() -> list[dict[str, Any]]:
    """How the firm works."""
    return [
        {
            "label": _("Pipelines and stages"),
            "hint": _("stages, win %, required fields, days allowed"),
            "url": "/settings/pipelines",
            "icon": "milestone",
        },
        {
            "label": _("Activity plans"),
            "hint": _("steps with days that are planned together"),
            "words": _("template of tasks follow-up"),
            "url": "/settings/plans",
            "icon": "list-checks",
        },
        {
            "label": _("Note templates"),
            "hint": _("texts that the composer of follow-ups puts in"),
            "words": _("template of notes follow-up questions"),
            "url": "/settings/note-templates",
            "icon": "sticky-note",
        },
        {
            "label": _("Pools"),
            "hint": _("who takes from them, limits, when customers and leads go back"),
            "words": _("pool claim recycle quota protection"),
            "url": "/settings/pools",
            "icon": "recycle",
        },
        {
            "label": _("Assignment"),
            "hint": _("who gets new leads and customers, accepting in time, first response"),
            "words": _("assign distribute round robin territory capacity on duty"),
            "url": "/settings/assigning",
            "icon": "user-plus",
        },
        {
            "label": _("Duplicates"),
            "hint": _("what is refused, asked about or told at each door"),
            "words": _("duplicate double same customer"),
            "url": "/settings/duplicates",
            "icon": "copy",
        },
        {
            "label": _("Calendar of the firm"),
            "hint": _("days off and days worked besides the State Council's calendar"),
            "url": "/calendarday/",
            "icon": "calendar-days",
        },
    ]


OPENED = {
    "/user/": ANYBODY,
    "/settings/departments": SYSTEM,
    "/settings/unused": ("all", "system", "security"),
    "/settings/pipelines": SYSTEM,
    "/settings/objects": SYSTEM,
    "/settings/tags": SYSTEM,
    "/settings/duplicates": SYSTEM,
    "/settings/pools": SYSTEM,
    "/settings/assigning": SYSTEM,
    "/settings/plans": SYSTEM,
    "/settings/note-templates": SYSTEM,
    "/settings/config": SYSTEM,
    "/settings/health": SYSTEM,
    "/settings/webhooks": SYSTEM,
    "/calendarday/": SYSTEM,
    "/settings/privacy": (*SECURITY, *AUDIT),
    "/settings/audit": AUDIT,
    "/api/docs": ANYBODY,
}  # all other pages are the administrators of rights'


def opened(actor: Actor, groups: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Only what the reader may open; a group of which nothing is left, is left out."""
    found = [{**g, "items": [i for i in g["items"] if actor.office in OPENED.get(i["url"], SECURITY)]} for g in groups]
    return [g for g in found if g["items"]]


def integrations() -> list[dict[str, Any]]:
    """What connects other systems."""
    hook = {
        "label": _("Webhooks"),
        "hint": _("other systems that are told of events"),
        "url": "/settings/webhooks",
        "icon": "send",
    }
    api = {
        "label": _("Interface for programs"),
        "hint": _("what programs can read and write, with examples"),
        "url": "/api/docs",
        "icon": "book-open",
    }
    return [{"title": _("Integrations"), "items": [hook, api]}]


def personal_data(actor: Actor) -> list[dict[str, Any]]:
    """What the firm does with the data of persons."""
    items = [
        {
            "label": _("Data inventory"),
            "hint": _("which data of persons are kept, and who can see them"),
            "url": "/settings/privacy",
            "icon": "database",
        }
    ]
    if actor.office in SECURITY:
        items.append(
            {
                "label": _("Retention rules"),
                "hint": _("how long records are kept, and what happens then"),
                "url": "/settings/retention",
                "icon": "timer",
            }
        )
    return [{"title": _("Personal data"), "items": items}] if actor.office in (*SECURITY, *AUDIT) else []


urlpatterns = [path("settings/", index)]
