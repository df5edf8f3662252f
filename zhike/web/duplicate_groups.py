"""One group of duplicates as the review page draws it: its records side by side, and what can be done about them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.engine import access, layouts, merging, query
from zhike.engine.access import Actor
from zhike.engine.duplicates.groups import Group
from zhike.engine.entity import AnyEntity, get
from zhike.engine.kinds import Attribute

from . import duplicate_words as words

SHOWN = 6  # records of a group side by side
COMMON = ("owner", "department", "created_at")  # what is compared across entities besides the signs
Line = tuple[Any, list[str]]


def drawn(actor: Actor, entity: AnyEntity, group: Group) -> dict[str, Any]:
    """What web/duplicates.html shows of a group."""
    base = f"/duplicates/{entity.key}/{group.id}"
    found = _across(actor, entity, group) if group.beyond else _within(actor, entity, group)
    return {
        "score": round(group.score * 100),
        "reasons": [words.reason(entity, why) for why in group.reasons],
        "more": len(group.records) - len(found["records"]),
        "decide_url": f"{base}/decide",
        "again_url": f"{base}/again" if group.again and _may_merge(actor, entity) else "",
        **found,
        "lines": [
            {"label": label, "cells": texts, "differs": len({t for t in texts if t}) > 1}
            for label, texts in found["lines"]
            if any(texts)
        ],
    }


def _may_merge(actor: Actor, entity: AnyEntity) -> bool:
    return all(access.may(actor, entity, action) for action in (*merging.TAKES, "delete"))


def _within(actor: Actor, entity: AnyEntity, group: Group) -> dict[str, Any]:
    """Records of one entity, which can be merged."""
    known = access.readable(actor, entity)
    signs = [k for s in entity.signs for k in s.fields]
    wanted = dict.fromkeys((entity.title, *signs, *layouts.of(actor, entity).columns, "created_at"))
    attributes = [known[k] for k in wanted if k in known]
    ids = group.records[:SHOWN]
    texts, versions = _texts(actor, entity, ids, attributes)
    joined = ",".join(str(pk) for pk in ids)
    return {
        "lines": [(a.label, [texts.get((pk, a.key), "") for pk in ids]) for a in attributes],
        "records": [
            {"url": f"/{entity.key}/{pk}", "label": _("Record %(n)s") % {"n": n}} for n, pk in enumerate(ids, 1)
        ],
        "merge_url": f"/merge/{entity.key}?ids={joined}",
        "versions": [f"{pk}:{versions[pk]}" for pk in ids if pk in versions],
    }


def _across(actor: Actor, entity: AnyEntity, group: Group) -> dict[str, Any]:
    """A record, and one of another entity to which it can be joined."""
    (mine, theirs), other = group.records, get(group.beyond)
    signs = chain.from_iterable(zip(s.fields, s.beyond.get(other.key, ()), strict=False) for s in entity.signs)
    keys = dict.fromkeys([(entity.title, other.title), *signs, *((k, k) for k in COMMON)])
    a, b = access.readable(actor, entity), access.readable(actor, other)
    texts = {
        **_texts(actor, entity, [mine], [a[k] for k, _k in keys if k in a])[0],
        **_texts(actor, other, [theirs], [b[k] for _k, k in keys if k in b])[0],
    }
    lines: list[Line] = [
        ((a.get(k) or b[o]).label, [texts.get((mine, k), ""), texts.get((theirs, o), "")])
        for k, o in keys
        if k in a or o in b
    ]
    can = entity.joined and query.visible(actor, entity, entity.joined).filter(pk=mine).exists()
    label = entity.actions[entity.joined].label if can else ""
    title = texts.get((theirs, other.title), "")
    return {
        "lines": lines,
        "records": [
            {"url": f"/{e.key}/{pk}", "label": e.label} for e, pk in ((entity, mine), (other, theirs))
        ],
        "join_url": f"/{entity.key}/{mine}/act/{entity.joined}?{other.key}={theirs}" if can else "",
        "join_label": _("%(action)s: link to “%(name)s”") % {"action": label, "name": title} if can else "",
    }  # fmt: skip


def _texts(
    actor: Actor, entity: AnyEntity, ids: Sequence[UUID], attributes: Sequence[Attribute]
) -> tuple[dict[tuple[UUID, str], str], dict[UUID, int]]:
    """(record, field) -> what its reader sees, and the versions that this is of."""
    reach = query.visible(actor, entity, "list").filter(pk__in=ids)
    rows = query.read(actor, entity, reach, attributes)
    labels = query.labels(actor, attributes, rows)
    found = {(r.id, a.key): a.kind.text(a, r.values.get(a.key), labels) for r in rows for a in attributes}
    return found, {r.id: r.version for r in rows}
