"""Editing pipelines: names and rules in place, a change of shape of one in use as a new version."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base.i18n import LANGUAGES
from zhike.base.pinyin import plain

from . import history
from .access import Actor
from .entity import AnyEntity
from .errors import Invalid, Wrong
from .guard import rows
from .kinds import KINDS, Attribute
from .labels import localized
from .models import Pipeline, Stage, StageEvent
from .stages import of

Draft = Mapping[str, Any]
_TONES = ("neutral", "teal", "blue", "violet", "green", "amber", "red", "pink")


def in_use(pipeline: Pipeline) -> int:
    """How many records stand in a pipeline."""
    from .entity import get

    return (
        rows(get(pipeline.entity).model, "a count, nothing is shown").filter(pipeline=pipeline, deleted_at=None).count()
    )


def draft(entity: AnyEntity, pipeline: Pipeline | None) -> dict[str, Any]:
    """A pipeline as the form shows it; a new one starts with the three stages that every pipeline needs."""
    if pipeline is None:
        names = (
            {"zh-hans": "新建", "zh-hant": "新建", "en": "New"},
            {"zh-hans": "赢单", "zh-hant": "贏單", "en": "Won"},
            {"zh-hans": "输单", "zh-hant": "輸單", "en": "Lost"},
        )
        blank: dict[str, Any] = {"id": "", "days_allowed": None, "required_fields": [], "move_to": "", "remove": False}
        found = [
            {**blank, "labels": label, "status": status, "win_percent": win, "tone": tone}
            for label, status, win, tone in zip(
                names, ("open", "won", "lost"), (10, 100, 0), ("blue", "green", "red"), strict=True
            )
        ]
        return {"labels": {}, "is_default": False, "stages": found}
    found = [
        {
            "id": str(s.pk),
            "labels": s.labels,
            "status": s.status,
            "win_percent": s.win_percent.normalize(),
            "days_allowed": s.days_allowed,
            "required_fields": s.required_fields,
            "tone": s.tone,
            "move_to": "",
            "remove": False,
        }
        for s in of(pipeline.pk)
    ]
    return {"labels": pipeline.labels, "is_default": pipeline.is_default, "stages": found}


def save(actor: Actor, entity: AnyEntity, pipeline: Pipeline | None, wanted: Draft, *, key: str = "") -> Pipeline:
    """Save a draft, a new one as `key`. Raises Invalid with keys "label" and "<row>-…"; then nothing is changed."""
    old = {str(s.pk): s for s in of(pipeline.pk)} if pipeline else {}
    kept = [s for s in wanted["stages"] if not s["remove"]]
    cleaned = check(entity, wanted)
    with transaction.atomic():
        history.acting(actor, "pipeline")
        reshaped = [s["id"] for s in kept] != list(old) or any(
            s["id"] in old and old[s["id"]].status != s["status"] for s in kept
        )
        if pipeline is None or (reshaped and in_use(pipeline)):
            return _new_version(entity, pipeline, wanted, cleaned, old, key)
        _update(pipeline, wanted, cleaned, old)
        return pipeline


def check(entity: AnyEntity, wanted: Draft) -> list[dict[str, Any]]:
    """The stages that are kept, cleaned; Invalid with keys "label", "stages" and the place of each stage."""
    kept = [s for s in wanted["stages"] if not s["remove"]]
    errors: dict[str, list[Wrong]] = {}
    if not localized(wanted["labels"]):
        errors["label"] = [Wrong(_("Give the pipeline a name."))]
    statuses = [s["status"] for s in kept]
    for status, text in (
        ("open", _("at least one open stage")),
        ("won", _("exactly one stage for won")),
        ("lost", _("exactly one stage for lost")),
    ):
        if statuses.count(status) != 1 and not (status == "open" and statuses.count("open") > 1):
            errors.setdefault("stages", []).append(Wrong(_("A pipeline needs %(what)s.") % {"what": text}))
    cleaned = []
    percent, whole = (
        Attribute(key="win", label="", kind=KINDS["percent"]),
        Attribute(key="days", label="", kind=KINDS["integer"]),
    )
    for n, s in enumerate(kept):
        row = dict(s)
        try:
            given = percent.kind.clean(percent, s["win_percent"]) or Decimal(0)
            row["win_percent"] = {"won": Decimal(100), "lost": Decimal(0)}.get(s["status"], given)
            row["days_allowed"] = whole.kind.clean(whole, s["days_allowed"] or None)
            if row["days_allowed"] is not None and row["days_allowed"] < 1:
                raise Wrong(_("Enter at least one day, or leave it empty."))
        except Wrong as wrong:
            errors.setdefault(f"{n}", []).append(wrong)
        if not localized(s["labels"]):
            errors.setdefault(f"{n}", []).append(Wrong(_("Give every stage a name.")))
        row["required_fields"] = [k for k in s["required_fields"] if k in entity.attributes]
        row["tone"] = s["tone"] if s["tone"] in _TONES else "neutral"
        row["labels"] = {lang: text for lang, text in s["labels"].items() if lang in LANGUAGES and text}
        cleaned.append(row)
    if errors:
        raise Invalid([errors])
    return cleaned


def _update(pipeline: Pipeline, wanted: Draft, cleaned: Sequence[Draft], old: Mapping[str, Stage]) -> None:
    pipeline.labels = {k: v for k, v in wanted["labels"].items() if v}
    _default(pipeline, wanted)
    pipeline.save()
    Stage.objects.filter(pipeline=pipeline).exclude(pk__in=[s["id"] for s in cleaned if s["id"] in old]).update(
        deleted_at=timezone.now()
    )
    taken = {s.key for s in old.values()}
    for order, s in enumerate(cleaned):
        stage = old.get(s["id"]) or Stage(pipeline=pipeline, key=s.get("key") or _key(s["labels"], taken))
        _fill(stage, s, order)
        stage.save()


def _new_version(
    entity: AnyEntity,
    pipeline: Pipeline | None,
    wanted: Draft,
    cleaned: Sequence[Draft],
    old: Mapping[str, Stage],
    key: str,
) -> Pipeline:
    """The old version stays for closed records and for the past; open records move to their stage's successor."""
    taken = set(Pipeline.objects.filter(entity=entity.key).values_list("key", flat=True))
    key = pipeline.key if pipeline else key or _key(wanted["labels"], taken)
    fresh = Pipeline(
        entity=entity.key,
        key=key,
        number=(pipeline.number if pipeline else 0) + 1,
        labels={k: v for k, v in wanted["labels"].items() if v},
    )
    if pipeline:
        fresh.is_default = pipeline.is_default
        Pipeline.objects.filter(pk=pipeline.pk).update(is_current=False, is_default=False)
    _default(fresh, wanted)
    fresh.save()
    heirs: dict[str, Stage] = {}
    used: set[str] = set()
    for order, s in enumerate(cleaned):
        known = old.get(s["id"])
        stage = Stage(
            pipeline=fresh,
            key=known.key if known else s.get("key") or _key(s["labels"], used | {o.key for o in old.values()}),
        )
        used.add(stage.key)
        _fill(stage, s, order)
        stage.save()
        if known:
            heirs[s["id"]] = stage
    if pipeline:
        _migrate(entity, pipeline, fresh, wanted, heirs, old)
    return fresh


def _migrate(
    entity: AnyEntity,
    pipeline: Pipeline,
    fresh: Pipeline,
    wanted: Draft,
    heirs: Mapping[str, Stage],
    old: Mapping[str, Stage],
) -> None:
    first = next(s for s in of(fresh.pk) if s.status == Stage.Status.OPEN)
    moves = {s["id"]: s["move_to"] for s in wanted["stages"] if s["remove"]}
    records = entity.rows("the administrator's change of the process, whoever owns the records")
    for pk, stage in old.items():
        heir = heirs.get(pk) or heirs.get(moves.get(pk, "")) or first
        chosen = records.filter(pipeline=pipeline, stage=stage, status=Stage.Status.OPEN, deleted_at=None)
        if heir.status != Stage.Status.OPEN:
            heir = first
        now = timezone.now()
        StageEvent.objects.bulk_create(
            StageEvent(entity=entity.key, record=r, from_stage=stage, to_stage=heir, at=now, note=f"v{fresh.number}")
            for r in chosen.values_list("pk", flat=True)
        )
        chosen.update(pipeline=fresh, stage=heir)


def _fill(stage: Stage, s: Draft, order: int) -> None:
    stage.labels, stage.order, stage.status = s["labels"], order, s["status"]
    stage.win_percent, stage.days_allowed = s["win_percent"], s["days_allowed"]
    stage.required_fields, stage.tone, stage.deleted_at = s["required_fields"], s["tone"], None


def _default(pipeline: Pipeline, wanted: Draft) -> None:
    others = Pipeline.objects.filter(entity=pipeline.entity, is_current=True, is_default=True).exclude(pk=pipeline.pk)
    if wanted["is_default"]:
        others.update(is_default=False)
    pipeline.is_default = wanted["is_default"] or not others.exists()


def _key(labels: Mapping[str, str], taken: set[str]) -> str:
    """A readable key from a name, made unique."""
    base = re.sub(r"[^a-z0-9]+", "-", (labels.get("en") or plain(localized(labels))).lower()).strip("-")[:30] or "stage"
    key, n = base, 2
    while key in taken:
        key, n = f"{base}-{n}", n + 1
    taken.add(key)
    return key
