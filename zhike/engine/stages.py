"""The rules of stages: what a stage asks for and means, and the trace that funnel and conversion are counted from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from .entity import AnyEntity
from .fieldrules import BLANK, is_shown
from .models import Pipeline, Stage, StageEvent
from .query import moment

if TYPE_CHECKING:
    from .records import Change

Changes = Sequence["Change[Any]"]


def current(entity: AnyEntity) -> list[Pipeline]:
    """The pipelines in force, default first."""
    rows = Pipeline.objects.filter(entity=entity.key, is_current=True, deleted_at=None)
    return list(rows.order_by("-is_default", "created_at"))


def of(pipeline: UUID) -> list[Stage]:
    """The stages of a pipeline in order."""
    return list(Stage.objects.filter(pipeline=pipeline, deleted_at=None).order_by("order"))


def prepare(changes: Changes) -> None:
    """Give new records a stage, and apply the rules of the stage that each record enters."""
    entity = changes[0].entity
    known = {s.pk: s for s in Stage.objects.filter(pipeline__entity=entity.key, deleted_at=None)}
    by_pipeline: dict[UUID, list[Stage]] = {}
    for one in sorted(known.values(), key=lambda s: s.order):
        by_pipeline.setdefault(one.pipeline_id, []).append(one)
    default = next(iter(current(entity)), None)
    for c in changes:
        if {"stage", "pipeline"} & c.errors.keys():
            continue
        _default(c, default.pk if default else None, by_pipeline, known)
        stage = known.get(c.record.stage_id)
        if stage is None or stage.pipeline_id != c.record.pipeline_id:
            c.fail("stage", _("This stage does not belong to the pipeline."))
        elif c.is_new or c.was("stage") != stage.pk:
            _enter(c, stage, by_pipeline[stage.pipeline_id])


def _default(
    c: Change[Any], pipeline: UUID | None, by_pipeline: Mapping[UUID, list[Stage]], known: Mapping[UUID, Stage]
) -> None:
    """A stage alone names its pipeline; a pipeline alone means its first stage."""
    given = known.get(c.record.stage_id)
    if c.values.get("stage") and given:
        c.record.pipeline_id = given.pipeline_id
    elif c.record.pipeline_id is None:
        c.record.pipeline_id = pipeline
    if c.record.stage_id is None or (c.values.get("pipeline") and not c.values.get("stage")):
        first = next(iter(by_pipeline.get(c.record.pipeline_id, ())), None)
        c.record.stage_id = first.pk if first else None


def needed(stage: Stage, order: Sequence[Stage], entity: AnyEntity) -> list[str]:
    """Fields that a record must have in `stage`: its own, and those of the open stages on the way there."""
    made = [a for a in entity.attributes.values() if a.required_at]
    lost = stage.status == Stage.Status.LOST
    passed = [] if lost else [s for s in order if s.order < stage.order and s.status == Stage.Status.OPEN]
    found = []
    for one in (*passed, stage):
        found += [*one.required_fields, *(a.key for a in made if one.key in a.required_at)]
    return list(dict.fromkeys(found))


def _enter(c: Change[Any], stage: Stage, order: Sequence[Stage]) -> None:
    attributes = c.entity.attributes
    for key in needed(stage, order, c.entity) if c.back is None else ():
        if key in attributes and c.get(key) in BLANK and is_shown(attributes[key], attributes, c.get):
            text = _("The stage “%(stage)s” needs %(field)s.") % {"stage": stage, "field": attributes[key].label}
            c.fail(key, text, "needed")
    since = c.stored.get("stage_at", c.record.stage_at)
    c.extra["seconds"] = (c.at - since).total_seconds() if since else None
    c.record.status = stage.status
    c.record.stage_at = c.at
    if "probability" in attributes and "probability" not in c.values:
        c.record.probability = stage.win_percent
    closed = stage.status != Stage.Status.OPEN
    if "closed_on" in attributes:
        _close(c, closed)
    c.record.closed_at = c.at if closed else None
    if not closed and "lost_reason" in attributes:
        c.record.lost_reason = ""


def _close(c: Change[Any], closed: bool) -> None:
    """The day a record was closed: as said (imports say it), else the day of the change."""
    day = timezone.localdate(c.at)
    if not closed:
        c.record.closed_on = None
    elif c.values.get("closed_on"):
        if c.record.closed_on != day:
            c.at = c.record.stage_at = moment(c.record.closed_on)
    else:
        c.record.closed_on = day


def note(changes: Changes) -> None:
    """Write the steps that these changes made; they are never changed afterwards."""
    entered = [c for c in changes if c.is_new or c.was("stage") != c.record.stage_id]
    StageEvent.objects.bulk_create(
        [
            StageEvent(
                entity=c.entity.key,
                record=c.record.pk,
                from_stage_id=c.was("stage"),
                to_stage_id=c.record.stage_id,
                at=c.at,
                seconds=c.extra.get("seconds"),
                user=c.actor.user,
                note=c.note,
            )
            for c in entered
        ],
        batch_size=1_000,
    )
