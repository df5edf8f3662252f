"""What the pages of an import show, and what their forms mean."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.engine import operations, transfer
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.models import Job, Operation
from zhike.engine.transfer import Problem, Result, batches, gone, jobs

from .listing import entity_info

SHOWN = 100
NOBODY = UUID(int=0)
State = Job.State


def state(job: Job) -> dict[str, str]:
    """Where a job stands, as a pill."""
    if failed(job):
        return {"label": _("Failed"), "tone": "red"}
    tones = {State.DONE: "green", State.CANCELLED: "neutral", State.RUNNING: "blue", State.READY: "amber"}
    label = str(State(job.state).label)
    if job.state == State.READY:
        label = _("Paused") if jobs.is_paused(job) else _("Not finished")
    return {"label": label, "tone": tones.get(State(job.state), "neutral")}


def set_url(job: Job) -> str:
    """The page of the linked tables that an import is a part of."""
    return f"/imports/{job.options['set']}" if job.options.get("set") else ""


def failed(job: Job) -> bool:
    """Whether a job ended badly, or its worker is gone."""
    return job.state == State.FAILED or jobs.is_stale(job)


def counts(result: Result, url: str = "", level: str = "") -> list[dict[str, Any]]:
    """What became of the rows, as numbers on top of a page."""
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
        "set_url": set_url(job),
        "step": 3,
        "counts": counts(result, here, asked.get("level", "")),
        "problems": _problems(job, "check", result, asked),
        "fix_url": f"{here}/fix",
        "fixed": sum(map(len, job.options.get("fixes", {}).values())),
        "error_file_url": _left_out_url(job, result),
        "back_url": f"{here}?columns=1",
        "run_url": f"{here}/run",
        "run_label": text,
        "can_run": writes > 0,
    }


def _problems(job: Job, phase: str, result: Result, asked: QueryDict) -> dict[str, Any]:
    """What was found, SHOWN at a time."""
    here = f"/{job.entity}/import/{job.pk}"
    level, column = asked.get("level", ""), asked.get("column")
    level = level if level in ("error", "warning") else ""
    page = max(1, int(text)) if (text := asked.get("page", "1")).isdecimal() and len(text) < 6 else 1
    rows = batches.problems(job, phase, level=level, header=column, limit=SHOWN + 1, offset=(page - 1) * SHOWN)
    found = sum(n for name, n in result.kinds.items() if _fits(name, level, column))
    same = {k: v for k, v in (("level", level), ("column", column)) if v}
    pager = None
    if page > 1 or len(rows) > SHOWN:
        pager = {
            "total_label": _("%(n)s found") % {"n": f"{found:,}"},
            "prev_url": f"{here}?{urlencode({**same, 'page': page - 1})}" if page > 1 else "",
            "next_url": f"{here}?{urlencode({**same, 'page': page + 1})}" if len(rows) > SHOWN else "",
        }
    return {
        "title": _("Found in the file"),
        "rows": [_problem(p) for p in rows[:SHOWN]],
        "can_fix": phase == "check" and any(p.level == "error" and p.column is not None for p in rows[:SHOWN]),
        "filters": _filters(result, here, level, column),
        "pager": pager,
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
    place = f"fix-{p.row}-{p.column}" if p.level == "error" and p.column is not None and p.column >= 0 else ""
    return {"line": p.row, "column": p.header, "value": p.value, "text": text, "level": p.level, "place": place}


def corrections(post: QueryDict) -> dict[tuple[int, int], str]:
    """The cells that were typed anew: (row, column) -> text."""
    found = {}
    for name, text in post.items():
        kind, _sep, place = name.partition("-")
        row, _sep, column = place.partition("-")
        if kind == "fix" and row.isdecimal() and column.isdecimal() and text != post.get(f"was-{place}"):
            found[int(row), int(column)] = str(text)
    return found


def _file_url(job: Job) -> str:
    return f"/files/{job.report_id}" if job.report_id else ""


def _left_out_url(job: Job, result: Result) -> str:
    return f"/{job.entity}/import/{job.pk}/left-out" if result.errors else ""


def running(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/import_run.html shows."""
    here = f"/{entity.key}/import/{job.pk}"
    phase = job.options.get("phase", "")
    titles = {"read": _("Reading the file"), "check": _("Trial run over all rows"), "run": _("Importing")}
    return {
        "entity": entity_info(actor, entity),
        "set_url": set_url(job),
        "step": {"read": 2, "check": 3, "run": 4}.get(phase, 3),
        "job": progress(job, titles.get(phase, "")),
        "poll_url": here,
        "cancel_url": f"{here}/cancel",
        "pause_url": f"{here}/pause" if phase == "run" else "",
        "retry_url": f"{here}/retry" if failed(job) or jobs.is_paused(job) else "",
        "without_url": f"{here}/without" if failed(job) and gone.can_drop(job) else "",
        "retry_label": _("Go on") if jobs.has_begun(job) else _("Try again"),
        "back_url": f"/{entity.key}/import",
        "undo_url": _undo_url(job),
    }


def _undo_url(job: Job) -> str:
    made = Operation.objects.filter(pk=job.options.get("operation") or NOBODY).first()
    return f"/operations/{made.pk}/undo" if made is not None and operations.is_open(made) else ""


def progress(job: Job, title: str) -> dict[str, Any]:
    """How far a job is, for ui.progress."""
    shown: dict[str, Any] = {"title": title, "percent": None, "done_label": "", "state": "running", "error": ""}
    if failed(job):
        gone = _("The work stopped unexpectedly. It goes on by itself within two minutes, or now if you press “Go on”.")
        return {**_far(job, shown), "state": "failed", "error": job.result.get("error") or gone}
    if jobs.is_paused(job):
        return {**_far(job, shown), "state": "paused"}
    if job.state == State.READY:
        return {**shown, "done_label": _("Waiting for its turn")}
    if job.total and job.done:
        return {**_far(job, shown), "left_label": _left(job)}
    return shown


def _far(job: Job, shown: dict[str, Any]) -> dict[str, Any]:
    if not (job.total and job.done):
        return shown
    label = _("%(done)s of %(total)s rows") % {"done": f"{job.done:,}", "total": f"{job.total:,}"}
    return {**shown, "percent": min(99, job.done * 100 // job.total), "done_label": label}


def _left(job: Job) -> str:
    started = job.options.get("started")
    if not started or job.done < 1:
        return ""
    passed = (timezone.now() - dt.datetime.fromisoformat(started)).total_seconds()
    seconds = int(passed * (job.total - job.done) / max(1, job.done - job.options.get("from", 0)))
    if seconds < 90:
        return _("about %(n)s seconds left") % {"n": max(1, seconds)}
    return _("about %(n)s minutes left") % {"n": round(seconds / 60)}


def done(actor: Actor, entity: AnyEntity, job: Job, asked: QueryDict) -> dict[str, Any]:
    """What web/import_done.html shows: an import that came to its end, or was stopped on the way."""
    result = transfer.result_of(job.result.get("run", {}))
    recent = "created_by__eq=me&created_at__within=today&sort=-created_at" if entity.has_owner else ""
    if not result.new:
        recent = "sort=-updated_at" if entity.has_owner else ""
    name, n = job.options.get("name", ""), f"{result.new + result.updated:,}"
    stopped = job.state == State.CANCELLED
    text = _("%(file)s: stopped after %(n)s records. They stay until you undo them.") if stopped else ""
    return {
        "entity": entity_info(actor, entity),
        "set_url": set_url(job),
        "step": 5,
        "title": (text or _("%(file)s: %(n)s records imported.")) % {"file": name, "n": n},
        "tone": "info" if stopped else "good",
        "counts": counts(result, f"/{entity.key}/import/{job.pk}", asked.get("level", "")),
        "problems": _problems(job, "run", result, asked) if result.kinds else None,
        "sums": _sums(entity, job, result),
        "rows": _rows_label(result),
        "error_file_url": _left_out_url(job, result),
        "list_url": f"/{entity.key}/?view=&{recent}",
        "again_url": f"/{entity.key}/import",
        "undo_url": _undo_url(job),
        "undo_hint": ngettext("Can be undone for %(n)s day", "Can be undone for %(n)s days", operations.DAYS)
        % {"n": operations.DAYS},
        "notices": [],
    }


def _rows_label(result: Result) -> dict[str, Any]:
    """Rows in the file, and where they went."""
    led = result.new + result.updated + result.unchanged + result.duplicates
    return {
        "read": f"{result.rows:,}", "stored": f"{led:,}", "left": f"{result.errors + result.skipped:,}",
        "fits": result.rows == led + result.errors + result.skipped,
    }  # fmt: skip


def _sums(entity: AnyEntity, job: Job, result: Result) -> list[dict[str, Any]]:
    """Each column of amounts: what the file holds against what is stored."""
    found = []
    for key, total in result.sums.items():
        if key not in entity.attributes or key not in job.result.get("stored", {}):
            continue
        stored = Decimal(job.result["stored"][key])
        amounts = (total.read, stored, total.left_out, total.repeated)
        read, kept, left, again = (f"{amount:,.4f}".rstrip("0").rstrip(".") for amount in amounts)
        found.append(
            {
                "label": entity.attributes[key].label, "cells": f"{total.cells:,}", "read": read, "stored": kept,
                "left": left, "again": again, "fits": total.read == stored + total.left_out + total.repeated,
            }
        )  # fmt: skip
    return found


def exporting(actor: Actor, entity: AnyEntity, job: Job) -> dict[str, Any]:
    """What web/import_export.html shows."""
    return {
        "entity": entity_info(actor, entity),
        "job": progress(job, _("Writing the file")),
        "poll_url": f"/job/{job.pk}",
        "file_url": _file_url(job) if job.state == State.DONE else "",
        "done_text": _("%(n)s rows written.") % {"n": f"{job.done:,}"},
    }
