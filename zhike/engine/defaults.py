"""Pipelines that a fresh installation starts with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Step:
    """A stage to be made: `status` is open, won or lost, `win` a percentage, `days` how long a record may stay."""

    key: str
    labels: Labels
    status: str = "open"
    win: int = 0
    days: int | None = None
    required: tuple[str, ...] = ()
    tone: str = "neutral"


def ensure_pipeline(
    apps: Any, entity: str, key: str, labels: Labels, steps: Sequence[Step], *, default: bool = False
) -> Any:
    """The newest version of the pipeline `key`, made with its stages unless there is one: what people changed, stays.

    `apps` is Django's registry of models, or that of a migration.
    """
    pipelines, stages = apps.get_model("engine", "Pipeline"), apps.get_model("engine", "Stage")
    found = pipelines.objects.filter(entity=entity, key=key).order_by("-number").first()
    if found is not None:
        return found
    made = pipelines.objects.create(entity=entity, key=key, labels=dict(labels), is_default=default)
    stages.objects.bulk_create(
        stages(
            pipeline=made,
            key=step.key,
            labels=dict(step.labels),
            order=order,
            status=step.status,
            win_percent=step.win,
            days_allowed=step.days,
            required_fields=list(step.required),
            tone=step.tone,
        )
        for order, step in enumerate(steps)
    )
    return made
