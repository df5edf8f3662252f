"""The administrator's first page: whether everything is set up, and what has gone wrong."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from procrastinate.contrib.django.models import ProcrastinateJob

from zhike.base.models import Role
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.models import Job, Pipeline
from zhike.modules.sales import figures
from zhike.web.templating import ago, is_admin, number

from .parts import Panel, counted, may_read, show

TONES = {"done": "", "running": "soon", "ready": "soon", "failed": "late", "cancelled": ""}


def home(request: HttpRequest, actor: Actor) -> HttpResponse:
    """Health of the set-up, recent imports, failed work, and the way to the settings."""
    panels = [_people(actor), _records(actor), _jobs(actor), _settings(actor)]
    return show(request, actor, Role.Home.ADMIN, panels)


def _people(actor: Actor) -> Panel | None:
    if not may_read(actor, "user"):
        return None
    active = figures.count(actor, "user", "is_active__eq=1")
    placeless = figures.count(actor, "user", "is_active__eq=1&department__empty=1")
    roleless = figures.count(actor, "user", "is_active__eq=1&roles__empty=1")
    processes = Pipeline.objects.filter(is_current=True, deleted_at=None).count()
    stats = [
        counted(_("People"), active),
        counted(_("Without a department"), placeless, bad="red"),
        counted(_("Without a role"), roleless, bad="red"),
        {"label": _("Pipelines"), "value": number(processes), "url": "/settings/pipelines"},
    ]
    return {"kind": "stats", "title": _("Set-up"), "stats": stats}


def _records(actor: Actor) -> Panel | None:
    """Records that belong to nobody are seen by those with the widest rights alone."""
    stats = []
    for key in ("account", "lead", "deal"):
        if may_read(actor, key):
            group = figures.count(actor, key, "owner__empty=1")
            label = _("%(what)s without an owner") % {"what": get(key).plural}
            stats.append(counted(label, group, bad="amber"))
    failed = ProcrastinateJob.objects.filter(status="failed").count() if is_admin(actor) else 0
    stats.append(
        {"label": _("Failed background work"), "value": number(failed), "url": "", "tone": "red" if failed else ""}
    )
    return {"kind": "stats", "title": _("Health"), "stats": stats}


def _jobs(actor: Actor) -> Panel | None:
    """The latest imports and exports, whoever began them."""
    if not is_admin(actor):
        return None
    rows = [_job(job) for job in Job.objects.filter(deleted_at=None).select_related("user").order_by("-created_at")[:8]]
    empty = _("Nobody has imported anything yet.")
    return {
        "kind": "list",
        "title": _("Recent imports and exports"),
        "rows": rows,
        "empty_text": empty,
        "width": "half",
    }


def _job(job: Job) -> dict[str, Any]:
    entity = entities().get(job.entity)
    done = ngettext("%(n)s row", "%(n)s rows", job.done) % {"n": number(job.done)}
    return {
        "title": f"{entity.plural if entity else job.kind} · {job.get_state_display()}",
        "url": f"/job/{job.pk}",
        "meta": [job.user.name, done],
        "aside": ago(job.created_at),
        "aside_tone": TONES.get(job.state, ""),
        "icon": "upload" if job.kind == "import" else "download",
    }


def _settings(actor: Actor) -> Panel | None:
    if not is_admin(actor):
        return None
    places = (
        (_("People"), "/user/", "users", _("who works here, and where")),
        (_("Departments"), "/settings/departments", "network", _("the tree that rights follow")),
        (_("Roles and permissions"), "/settings/roles", "shield-check", _("who may see and do what")),
        (_("Pipelines and stages"), "/settings/pipelines", "milestone", _("stages, win %, required fields")),
        (_("Import customers"), "/account/import", "upload", _("from Excel or CSV")),
    )
    rows = [{"title": t, "url": u, "icon": i, "meta": [m]} for t, u, i, m in places]
    return {"kind": "list", "title": _("Settings"), "url": "/settings/", "rows": rows, "width": "half"}
