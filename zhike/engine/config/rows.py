"""What of a configuration lives in rows of its own: pipelines, shared views and tags, as values and back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone

from zhike.base import pinyin
from zhike.base.models import Role
from zhike.engine import history, pipelines, stages
from zhike.engine.access import Actor
from zhike.engine.entity import declared, get
from zhike.engine.labels import localized
from zhike.engine.models import Pipeline, SavedView, Stage

SECTIONS = ("pipelines", "views", "tags")
Value = Mapping[str, Any]


def read() -> dict[str, Any]:
    """All three as they stand in the rows."""
    found = {"pipelines": _pipelines(), "views": _views(), "tags": _tags()}
    return {k: v for k, v in found.items() if v}


def _pipelines() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for e in declared().values():
        if e.is_staged:
            found[e.key] = {p.key: pipeline(p) for p in stages.current(e)}
    return found


def pipeline(row: Pipeline) -> dict[str, Any]:
    """One pipeline with its stages in order."""
    found = [{"key": s.key, "labels": said(s.labels), "status": s.status, **_stage(s)} for s in stages.of(row.pk)]
    return {"labels": said(row.labels), "is_default": row.is_default, "stages": found}


def _stage(s: Stage) -> dict[str, Any]:
    number = s.win_percent.normalize()
    whole = int(number) if number == number.to_integral_value() else float(number)
    found: dict[str, Any] = {"win_percent": whole, "tone": s.tone}
    if s.days_allowed:
        found["days_allowed"] = s.days_allowed
    if s.required_fields:
        found["required_fields"] = list(s.required_fields)
    return found


def said(labels: Mapping[str, str]) -> dict[str, str]:
    """Labels without the languages in which nothing is said."""
    return {lang: text for lang, text in labels.items() if text}


def _views() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for row, key in _shared():
        found.setdefault(row.entity, {})[key] = {
            "labels": said(row.labels),
            "query": filled(row.query),
            "order": row.order,
            **_reach(row),
        }
    return found


def filled(value: Any) -> Any:
    """A value without names that stand for nothing: a text file knows no null."""
    if isinstance(value, Mapping):
        return {k: filled(v) for k, v in value.items() if v is not None}
    return [filled("" if v is None else v) for v in value] if isinstance(value, list) else value


def _shared() -> list[tuple[SavedView, str]]:
    """Views that all or one role have, with keys made of their names."""
    rows = SavedView.objects.filter(deleted_at=None, reach__in=("all", "role")).order_by("entity", "order", "id")
    taken: set[tuple[str, str]] = set()
    found = []
    for row in rows:
        key = slug(
            localized(row.labels) or next(iter(row.labels.values()), ""), {k for e, k in taken if e == row.entity}
        )
        taken.add((row.entity, key))
        found.append((row, key))
    return found


def slug(text: str, taken: set[str]) -> str:
    """A readable key that is free."""
    base = re.sub(r"[^a-z0-9]+", "_", pinyin.plain(text).lower()).strip("_")[:40] or "view"
    key, n = base, 2
    while key in taken:
        key, n = f"{base}_{n}", n + 1
    return key


def _reach(row: SavedView) -> dict[str, Any]:
    found: dict[str, Any] = {"default": True} if row.is_default else {}
    if row.reach == SavedView.Reach.ROLE:
        role = Role.objects.filter(pk=row.target).first() if row.target else None
        found["role"] = role.key if role else ""
    return found


def _tags() -> dict[str, Any]:
    if "tag" not in declared():
        return {}
    rows = get("tag").rows("the list of tags is the firm's").filter(deleted_at=None)
    return {row.name: {"tone": row.tone} for row in rows}


def write(actor: Actor, wanted: Mapping[str, Any]) -> None:
    """Make the rows what `wanted` says of them; rows that it does not name stay as they are.

    Raises Invalid where a pipeline cannot be. Call it inside a transaction.
    """
    now = read()
    for entity, found in wanted.get("pipelines", {}).items():
        for key, value in found.items():
            if now.get("pipelines", {}).get(entity, {}).get(key) != value:
                _write_pipeline(actor, entity, key, value)
    history.acting(actor, "publish")
    for entity, found in wanted.get("views", {}).items():
        for key, value in found.items():
            if now.get("views", {}).get(entity, {}).get(key) != value:
                _write_view(actor, entity, key, value)
    for name, value in wanted.get("tags", {}).items():
        if now.get("tags", {}).get(name) != value:
            _write_tag(name, value)


def _write_pipeline(actor: Actor, entity: str, key: str, value: Value) -> None:
    row = Pipeline.objects.filter(entity=entity, key=key, is_current=True, deleted_at=None).first()
    pipelines.save(actor, get(entity), row, as_draft(row, value), key=key)


def as_draft(row: Pipeline | None, value: Value) -> dict[str, Any]:
    """What pipelines.save takes: stages that are left out are removed, their records move on."""
    old = {s.key: s for s in stages.of(row.pk)} if row else {}
    kept = [_draft_stage(s, old) for s in value.get("stages", ())]
    names = {s["key"] for s in kept}
    moves = value.get("moves", {})
    gone = [
        {**_draft_stage({"key": k, **_stage(s)}, old), "labels": s.labels, "status": s.status, "remove": True}
        for k, s in old.items()
        if k not in names
    ]
    for s in gone:
        s["move_to"] = str(old[moves[s["key"]]].pk) if moves.get(s["key"]) in old else ""
    return {"labels": value.get("labels", {}), "is_default": bool(value.get("is_default")), "stages": [*kept, *gone]}


def _draft_stage(s: Value, old: Mapping[str, Stage]) -> dict[str, Any]:
    return {
        "id": str(old[s["key"]].pk) if s["key"] in old else "",
        "key": s["key"],
        "labels": s.get("labels", {}),
        "status": s.get("status", "open"),
        "win_percent": Decimal(str(s.get("win_percent", 0))),
        "days_allowed": s.get("days_allowed"),
        "required_fields": list(s.get("required_fields", ())),
        "tone": s.get("tone", "neutral"),
        "move_to": "",
        "remove": False,
    }


def _write_view(actor: Actor, entity: str, key: str, value: Value) -> None:
    row = next((r for r, k in _shared() if r.entity == entity and k == key), None)
    row = row or SavedView(entity=entity, owner=actor.user)
    row.labels, row.query, row.order = dict(value["labels"]), dict(value.get("query", {})), value.get("order", 0)
    role = Role.objects.filter(key=value.get("role", ""), deleted_at=None).first()
    row.reach = SavedView.Reach.ROLE if value.get("role") else SavedView.Reach.ALL
    row.target, row.is_default = (role.pk if role else None), bool(value.get("default"))
    row.updated_at = timezone.now()
    row.save()


def _write_tag(name: str, value: Value) -> None:
    model: Any = get("tag").model
    row = get("tag").rows("publishing the firm's list").filter(name=name, deleted_at=None).first() or model(name=name)
    row.tone = value.get("tone", "neutral")
    row.save()
