"""What the pages of an import show, and what their forms mean."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.engine import transfer
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Job
from zhike.engine.transfer import Problem, Result, jobs

from .listing import entity_info

SHOWN = 200
State = Job.State


def state(job: Job) -> dict[str, str]:
    """Where a job stands, as a pill."""
    if failed(job):
        return {"label": _("Failed"), "tone": "red"}
    tones = {State.DONE: "green", State.CANCELLED: "neutral", State.RUNNING: "blue", State.READY: "amber"}
    label = _("Not finished") if job.state == State.READY else State(job.state).label
    return {"label": str(label), "tone": tones.get(State(job.state), "neutral")}


def failed(job: Job) -> bool:
    """Whether a job ended badly, or its worker is gone."""
    return job.state == State.FAILED or jobs.is_stale(job)


def counts(result: Result, url: str = "", level: str = "") -> list[dict[str, Any]]:
    """What became of the rows, as numbers on top of a page."""
    bad, warn = "bad" if result.errors else "", "warn" if result.warnings else ""
    bad, warn = "bad" if result.errors else "", "warn" if result.warnings else ""
    items: list[tuple[str, int, str, str]] = [
        (_("New"), result.new, "good", ""),
        (_("Updated"), result.updated, "", ""),
        (_("Unchanged"), result.unchanged, "", ""),
        (_("Twice in the file"), result.duplicates, "", ""),
        (_("Skipped"), result.skipped, "", ""),
        (_("Left out, with errors"), result.errors, bad, "error"),
        (_("Warnings"), result.warnings, warn, "warning"),
    ]
    always = {_("New"), _("Updated"), _("Left out, with errors")}
    return [
        {
            "label": label, "value": f"{value:,}", "tone": tone, "active": bool(kind) and kind == level,
            "url": f"{url}?level={kind}" if url and kind and value else "",
        }
        for label, value, tone, kind in items
        if value or label in always
    ]  # fmt: skip


def dry(actor: Actor, entity: AnyEntity, job: Job, asked: QueryDict) -> dict[str, Any]:
    """What web/import_dry.html shows."""
    result = transfer.result_of(job.result["check"])
    here = f"/{entity.key}/import/{job.pk}"
    writes = result.new + result.updated
    text = ngettext("Import %(n)s row", "Import %(n)s rows", writes) % {"n": f"{writes:,}"}
    return {
        "entity": entity_info(actor, entity),
        "step": 3,
        "counts": counts(result, here, asked.get("level", "")),
        "problems": _problems(result, here, asked),
        "error_file_url": _file_url(job),
        "back_url": f"{here}?columns=1",
        "run_url": f"{here}/run",
        "run_label": text,
        "can_run": writes > 0,
    }


def _problems(result: Result, here: str, asked: QueryDict) -> dict[str, Any]:
    level, column = asked.get("level", ""), asked.get("column")
    chosen = [p for p in result.problems if level in ("", p.level) and (column is None or p.header == column)]
    found = sum(n for name, n in result.kinds.items() if _fits(name, level, column))
    title = _("Found in the file")
    if len(chosen) > SHOWN or found > sum(p.count for p in chosen):
        title = _("Found in the file (%(n)s, the first are shown)") % {"n": f"{found:,}"}
    return {
        "title": title,
        "rows": [_problem(p) for p in chosen[:SHOWN]],
        "filters": _filters(result, here, level, column),
    }


def _fits(name: str, level: str, column: str | None) -> bool:
    of, _sep, header = name.partition(":")
    return level in ("", of) and (column is None or header == column)


def _filters(result: Result, here: str, level: str, column: str | None) -> list[dict[str, Any]]:
    """Each column that has problems, as a link that shows those alone."""
    by_header: dict[str, int] = {}
    for name, n in result.kinds.items():
        if _fits(name, level, None):
            header = name.partition(":")[2]
            by_header[header] = by_header.get(header, 0) + n
    base = {"level": level} if level else {}
    found: list[tuple[str, str | None, int]] = [(_("All"), None, sum(by_header.values()))]
    found += [(h or _("Whole row"), h, n) for h, n in sorted(by_header.items(), key=lambda pair: -pair[1])]
    return [
        {
            "label": label,
            "url": f"{here}?{urlencode(base if header is None else {**base, 'column': header})}",
            "active": column == header,
            "count": n,
        }
        for label, header, n in found
        if len(found) > 1
    ]


def _problem(p: Problem) -> dict[str, Any]:
    text = p.text
    if p.count > 1:
        text = _("%(text)s (in %(n)s rows)") % {"text": p.text, "n": f"{p.count:,}"}
    return {"line": p.row, "column": p.header, "value": p.value, "text": text, "level": p.level}


def _file_url(job: Job) -> str:
    return f"/files/{job.report_id}" if job.report_id else ""


def running(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/import_run.html shows."""
    here = f"/{entity.key}/import/{job.pk}"
    phase = job.options.get("phase", "")
    titles = {"read": _("Reading the file"), "check": _("Trial run over all rows"), "run": _("Importing")}
    return {
        "entity": entity_info(actor, entity),
        "step": {"read": 2, "check": 3, "run": 4}.get(phase, 3),
        "job": progress(job, titles.get(phase, "")),
        "poll_url": here,
        "cancel_url": f"{here}/cancel",
        "retry_url": f"{here}/retry" if failed(job) else "",
        "back_url": f"/{entity.key}/import",
    }


def progress(job: Job, title: str) -> dict[str, Any]:
    """How far a job is, for ui.progress."""
    shown: dict[str, Any] = {"title": title, "percent": None, "done_label": "", "state": "running", "error": ""}
    if failed(job):
        gone = _("The work stopped unexpectedly; nothing was written. Try again.")
        return {**shown, "state": "failed", "error": job.result.get("error") or gone}
    if job.state == State.READY:
        return {**shown, "done_label": _("Waiting for its turn")}
    if job.total and job.done:
        shown["percent"] = min(99, job.done * 100 // job.total)
        shown["done_label"] = _("%(done)s of %(total)s rows") % {"done": f"{job.done:,}", "total": f"{job.total:,}"}
        shown["left_label"] = _left(job)
    return shown


def _left(job: Job) -> str:
    started = job.options.get("started")
    if not started or job.done < 1:
        return ""
    passed = (timezone.now() - dt.datetime.fromisoformat(started)).total_seconds()
    seconds = int(passed * (job.total - job.done) / max(1, job.done - job.options.get("from", 0)))
    if seconds < 90:
        return _("about %(n)s seconds left") % {"n": max(1, seconds)}
    return _("about %(n)s minutes left") % {"n": round(seconds / 60)}


def done(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/import_done.html shows."""
    result = transfer.result_of(job.result["run"])
    recent = "created_by__eq=me&created_at__within=today&sort=-created_at" if entity.has_owner else ""
    if not result.new:
        recent = "sort=-updated_at" if entity.has_owner else ""
    text = _("%(file)s: %(n)s records imported.")
    return {
        "entity": entity_info(actor, entity),
        "step": 5,
        "title": text % {"file": job.options.get("name", ""), "n": f"{result.new + result.updated:,}"},
        "counts": counts(result),
        "error_file_url": _file_url(job),
        "list_url": f"/{entity.key}/?view=&{recent}",
        "again_url": f"/{entity.key}/import",
        "notices": [],
    }


def exporting(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/import_export.html shows."""
    return {
        "entity": entity_info(actor, entity),
        "job": progress(job, _("Writing the file")),
        "poll_url": f"/job/{job.pk}",
        "file_url": _file_url(job) if job.state == State.DONE else "",
        "done_text": _("%(n)s rows written.") % {"n": f"{job.done:,}"},
    }
