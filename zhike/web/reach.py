"""How far back one can go to any second, and how much would be lost now: the part of the health page about the log."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.backup import pitr

from .templating import ago, clock, number

UNTRIED = dt.timedelta(days=35)
SILENT = 3  # rounds of the archiver, after which it should have been heard of
MUCH = 2 << 30  # bytes of the log that wait: a quarter of what the server keeps
MIB = 1 << 20
Stat = dict[str, Any]


def _time(text: object) -> dt.datetime | None:
    try:
        return dt.datetime.fromisoformat(str(text))
    except ValueError:
        return None


def _lost(said: dict[str, Any]) -> dt.timedelta | None:
    """How much would be lost if the disk broke now."""
    until = _time(said.get("until"))
    return timezone.now() - until if until else None


def _tone(lost: dt.timedelta | None) -> str:
    if lost is None:
        return "red"
    rounds = lost / dt.timedelta(seconds=settings.PITR_SECONDS)
    return "green" if rounds <= SILENT else "amber" if rounds <= 5 * SILENT else "red"


def stats() -> list[Stat]:
    """What the page shows: what would be lost, what can be reached, what waits, and the last drill."""
    if not settings.PITR_DAYS:
        return [{"label": _("Any second"), "value": _("off"), "hint": _("ZHIKE_PITR_DAYS=7 switches it on")}]
    archive = pitr.newest(settings.BACKUPS)
    said = archive.state() if archive else {}
    spans = pitr.spans(archive.windows()) if archive else []
    lost = _lost(said)
    seconds = max(0, round(lost.total_seconds())) if lost is not None else 0
    since, until, _missing = spans[0] if spans else (None, None, "")
    waiting = int(said.get("waiting") or 0)
    drilled = archive.drilled() if archive else {}
    tried = _time(drilled.get("at"))
    is_bad = bool(drilled) and not drilled.get("ok")
    tone = "red" if is_bad else "amber" if tried is None or timezone.now() - tried > UNTRIED else "green"
    return [
        {
            "label": _("Would be lost now"),
            "value": ngettext("%(n)s second", "%(n)s seconds", seconds) % {"n": number(seconds)}
            if lost is not None
            else _("all"),
            "hint": _("since the log was last archived"),
            "tone": _tone(lost),
        },
        {
            "label": _("Back to"),
            "value": ago(since) if since else _("nothing yet"),
            "title": f"{clock(since)} – {clock(until)}" if since else "",
            "hint": _("until %(when)s") % {"when": clock(until)} if until else _("the first base backup is being made"),
            "tone": "green" if since else "amber",
        },
        {"label": _("Log that waits"), "value": f"{waiting / MIB:,.0f} MB", "tone": "red" if waiting > MUCH else ""},
        {"label": _("Last drill"), "value": ago(tried) if tried else _("never"), "tone": tone},
    ]


def warnings() -> list[str]:
    """What is wrong, and what to do."""
    if not settings.PITR_DAYS:
        return []
    if not settings.EMBEDDED:
        return [
            _(
                "ZHIKE_PITR_DAYS is for the embedded database. The server at DATABASE_URL archives its log by its own "
                "means."
            )
        ]
    archive = pitr.newest(settings.BACKUPS)
    said = (archive.state() if archive else {}) or pitr.unopened(settings.BACKUPS)
    found = []
    if said.get("error"):
        text = _("The log has not been archived properly since %(at)s: %(why)s")
        found.append(text % {"at": clock(_time(said.get("failed_since"))), "why": said["error"]})
    lost = _lost(said)
    if lost is not None and _tone(lost) == "red":
        found.append(
            _(
                "Nothing of the log has been archived since %(at)s. The server keeps 8 GB of it and lets go of what is "
                "more, so that the disk does not fill; going back then begins anew with the next base backup. Look "
                "whether Zhike runs and %(folder)s has room."
            )
            % {"at": clock(_time(said.get("until"))), "folder": settings.BACKUPS}
        )
    for _since, until, missing in pitr.spans(archive.windows()) if archive else []:
        if missing:
            text = _(
                "The segment %(segment)s of the log is missing: what follows %(at)s is reached from the next base."
            )
            found.append(text % {"segment": missing, "at": clock(until)})
    return found
