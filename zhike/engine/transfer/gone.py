"""Columns whose field went away, or may no longer be written, while an import was under way."""

from __future__ import annotations

from django.utils.translation import gettext as _

from zhike.base.i18n import listed
from zhike.engine import access, catalog
from zhike.engine.entity import get
from zhike.engine.models import Job

from . import leaving
from .importer import may_date
from .model import NUMBER, ORIGIN, Column, plan_of, to_json


def columns(job: Job) -> list[Column]:
    """The columns of an import that feed what is not there, or not writable by who imports, as it is now."""
    if job.kind != "import" or "plan" not in job.options:
        return []
    with catalog.fresh():
        actor, entity = leaving.actor_of(job, "import"), get(job.entity)
        allowed = access.writable(actor, entity).keys() | {NUMBER} | (ORIGIN if may_date(actor, entity) else set())
    return [c for c in plan_of(job.options["plan"]).columns if c.field and c.field not in allowed]


def told(job: Job) -> str:
    """Why an import cannot go on for want of fields, and what is written; "" where it is not for that."""
    found = columns(job)
    if not found:
        return ""
    run = job.result.get("run", {})
    params = {
        "columns": listed(_("“%(name)s”") % {"name": c.header} for c in found),
        "row": job.options.get("after", 0),
        "new": f"{run.get('new', 0):,}",
        "updated": f"{run.get('updated', 0):,}",
    }
    if job.options.get("phase") != "run" or not params["row"]:
        text = _(
            "The field of column %(columns)s is gone, or you may no longer write it. Nothing was written. "
            "Go on without the column, or choose another field for it."
        )
        return text % params
    text = _(
        "After row %(row)s, the field of column %(columns)s went away, or you may no longer write it. By then %(new)s "
        "records were made and %(updated)s changed. Go on without the column, or undo what is written."
    )
    return text % params


def can_drop(job: Job) -> bool:
    """Whether an import can go on without them: records are not found again by them alone."""
    found = {c.field for c in columns(job)}
    return bool(found) and not found & set(plan_of(job.options["plan"]).match)


def drop(job: Job) -> None:
    """Leave these columns out from here on; what was written of them stays, and is no longer counted against."""
    fields = {c.field for c in columns(job)}
    plan = plan_of(job.options["plan"])
    for c in plan.columns:
        if c.field in fields:
            c.field, c.reason = "", "chosen"
    result = dict(job.result)
    for phase in ("check", "run"):
        if phase in result:
            part = result[phase]
            kept = {name: {k: v for k, v in part.get(name, {}).items() if k not in fields} for name in ("gaps", "sums")}
            result[phase] = {**part, **kept}
    job.options, job.result = {**job.options, "plan": to_json(plan)}, result
    job.save(update_fields=["options", "result"])
