"""Whether the installation is well: backups, background work, room on the disk. For administrators of the system."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.db import connection
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob, ProcrastinateWorker

from zhike import backup
from zhike.backup import nightly

from . import reach
from .settings import admin
from .templating import ago, clock, number, render

UNTRIED = dt.timedelta(days=35)
ALIVE = dt.timedelta(minutes=2)  # a worker tells every ten seconds that it is there
WAITS = dt.timedelta(minutes=10)
SHOWN = 15
GIB, MIB = 2**30, 2**20
Stat = dict[str, Any]


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The page: what is well, what is not, and what to do about it."""
    admin(request)
    backups = backup.found(settings.BACKUPS)
    context = {
        "groups": [
            {"title": _("Backups"), "stats": _saved(backups)},
            *([{"title": _("Going back to any second"), "stats": reach.stats()}] if settings.EMBEDDED else []),
            {"title": _("Background work"), "stats": _work()},
            {"title": _("Room"), "stats": _room()},
        ],
        "warnings": _warnings(backups),
        "rows": [_row(one) for one in backups[:SHOWN]],
        "more": max(0, len(backups) - SHOWN),
        "folder": settings.BACKUPS,
        "trail": [{"label": _("Settings"), "url": "/settings/"}],
    }
    return render(request, "web/health.html", context)


def _moment(text: object) -> dt.datetime | None:
    """A time as the files say it; None where somebody has written something else there."""
    try:
        return dt.datetime.fromisoformat(str(text)).astimezone()
    except ValueError:
        return None


def _warnings(backups: list[backup.Backup]) -> list[str]:
    found = []
    if failed := nightly.failure(settings.BACKUPS):
        said = {"at": clock(_moment(failed.get("at"))), "why": failed.get("reason", "")}
        found.append(_("The backup of %(at)s failed: %(why)s") % said)
    if settings.BACKUP_HOUR is None and not backups:
        found.append(_("Nothing is saved. Start Zhike with ZHIKE_BACKUP_HOUR=2, or run “zhike backup”."))
    if backups and not backups[0].recipient:
        found.append(
            _("Backups are not encrypted. “zhike backup key” makes the keys; ZHIKE_BACKUP_RECIPIENT names one.")
        )
    return [*found, *reach.warnings()]


def _saved(backups: list[backup.Backup]) -> list[Stat]:
    newest = backups[0] if backups else None
    now = timezone.now()
    tried = next(((b, said) for b in backups if (said := b.drilled())), None)
    is_on = settings.BACKUP_HOUR is not None
    is_old = is_on and (newest is None or now - newest.made_at > nightly.LATE)
    drill: Stat = {"label": _("Last drill"), "value": _("No drill yet"), "tone": "amber" if backups else ""}
    if tried is not None:
        at, well = _moment(tried[1].get("at")), bool(tried[1].get("ok"))
        tone = "red" if not well else "amber" if at is None or now - at > UNTRIED else "green"
        drill |= {"value": ago(at), "hint": _("all as it was") if well else _("differences"), "tone": tone}
    hour = _("every night at %(at)s") % {"at": f"{settings.BACKUP_HOUR}:00"} if is_on else _("by hand only")
    return [
        {
            "label": _("Newest"),
            "value": ago(newest.made_at) if newest else _("none"),
            "title": clock(newest.made_at) if newest else "",
            "hint": hour,
            "tone": "red" if is_old else "green" if newest else "",
        },
        {"label": _("Kept"), "value": number(len(backups)), "hint": _size(sum(b.size for b in backups))},
        drill,
    ]


def _work() -> list[Stat]:
    now = timezone.now()
    alive = ProcrastinateWorker.objects.filter(last_heartbeat__gte=now - ALIVE).count()
    counts = dict(ProcrastinateJob.objects.values_list("status").annotate(n=Count("pk")))
    waiting = ProcrastinateJob.objects.filter(status="todo").exclude(scheduled_at__gt=now)
    since = ProcrastinateEvent.objects.filter(job__in=waiting, type="deferred").aggregate(at=Min("at"))["at"]
    is_late = since is not None and now - since > WAITS
    failed = counts.get("failed", 0)
    return [
        {
            "label": _("Workers"),
            "value": number(alive),
            "tone": "green" if alive else "red",
            "hint": "" if alive else _("start “zhike serve” or “zhike worker”"),
        },
        {
            "label": _("Waiting"),
            "value": number(waiting.count()),
            "tone": "amber" if is_late else "",
            "hint": _("the first since %(when)s") % {"when": ago(since)} if since else "",
        },
        {"label": _("Failed"), "value": number(failed), "tone": "red" if failed else ""},
    ]


def _room() -> list[Stat]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_database_size(current_database()), current_setting('server_version'),"
            " current_setting('max_connections')::int,"
            " (SELECT count(*) FROM pg_stat_activity WHERE datname IS NOT NULL)"
        )
        size, version, most, used = cursor.fetchone()
    disk = shutil.disk_usage(_there(Path(settings.HOME)))
    share = 100 * disk.used // disk.total
    tone = "red" if share >= 95 else "amber" if share >= 85 else "green"
    return [
        {"label": _("Disk of the data folder"), "value": f"{share}%", "tone": tone,
         "hint": _("%(free)s free") % {"free": _size(disk.free)}, "percent": share},
        {"label": _("Database"), "value": _size(size), "hint": f"PostgreSQL {version.split(' ')[0]}"},
        {"label": _("Connections"), "value": f"{used} / {most}", "tone": "red" if used > most * 0.9 else ""},
    ]  # fmt: skip


def _there(place: Path) -> Path:
    return next(p for p in (place, *place.parents) if p.exists())


def _row(one: backup.Backup) -> dict[str, Any]:
    said = one.drilled()
    tone, word = (
        ("neutral", _("not tried")) if not said else ("green", _("good")) if said.get("ok") else ("red", _("differs"))
    )
    return {
        "name": one.name,
        "at": clock(one.made_at),
        "rows": ngettext("%(n)s row", "%(n)s rows", one.rows) % {"n": number(one.rows)},
        "files": ngettext("%(n)s file", "%(n)s files", one.uploads) % {"n": number(one.uploads)},
        "size": _size(one.size),
        "sealed": bool(one.recipient),
        "drill": {"label": word, "tone": tone},
    }


def _size(count: int) -> str:
    return f"{count / GIB:,.1f} GB" if count >= GIB else f"{max(count, 1) / MIB:,.1f} MB"


urlpatterns = [path("settings/health", overview)]
