"""Cells of a list written together, as from a spreadsheet: all of them, or those that can be when that is asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST

from zhike.engine import access, history, operations, query, records
from zhike.engine.access import Actor
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.kinds import Attribute
from zhike.engine.transfer.links import Names

from . import forms
from .bulk import undo_url
from .lookup import entity_or_404
from .templating import actor_of, clock

MOST = 3_000  # cells at once
FIXED = ("stage", "pipeline")  # moved on the board, where a stage may ask for more


@dataclass
class Block:
    """What was sent: texts by row and field, and what is wrong with them ("" as field: with the whole row)."""

    texts: dict[UUID, dict[str, str]]
    versions: dict[UUID, int]
    values: dict[UUID, dict[str, Any]] = field(default_factory=dict)
    wrong: dict[UUID, dict[str, str]] = field(default_factory=dict)
    stale: list[UUID] = field(default_factory=list)
    asked: dict[UUID, list[str]] = field(default_factory=dict)  # cells of which what is wrong is a question
    told: doubles.Told = field(default_factory=dict)

    def fail(self, pk: UUID, key: str, text: str) -> None:
        """One cell cannot be written."""
        self.wrong.setdefault(pk, {})[key] = text

    @property
    def good(self) -> dict[UUID, dict[str, Any]]:
        """The rows of which nothing is wrong."""
        return {pk: v for pk, v in self.values.items() if v and pk not in self.wrong and pk not in self.stale}


@login_required
@require_POST
def write(request: HttpRequest, key: str) -> HttpResponse:
    """Write `cells` [{id, version, values: {field: text}}]; 422 with what is wrong and nothing written.

    With `part` the rows without a mistake are written all the same, with `confirmed` those that may be there already
    (`asks` names their cells). The answer has the written rows as they now are.
    """
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "update")
    block = _read(request.POST.get("cells", ""))
    shown = [k for k in request.POST.get("cols", "").split(",") if k]
    _resolve(actor, entity, block)
    _reach(actor, entity, block)
    part = request.POST.get("part") == "1"
    tally = _write(actor, entity, block, part=part, sure=forms.is_sure(request))
    done = list(block.good) if tally else []
    now = cells(actor, entity, block.stale, shown)
    answer: dict[str, Any] = {
        "rows": cells(actor, entity, done, shown),
        "undo": undo_url(tally.operation) if tally else "",
        "wrong": {str(pk): found for pk, found in block.wrong.items()},
        "asks": {str(pk): keys for pk, keys in block.asked.items()},
        "stale": {pk: {**v, **changed_by(actor, entity, UUID(pk))} for pk, v in now.items()},
        "said": _said(block, len(done)),
        "hints": doubles.words({pk: block.told[pk] for pk in done if pk in block.told}),
        "rest": len(block.good) if not tally else 0,
    }
    response = JsonResponse(answer, status=200 if tally else 409 if block.stale and not block.wrong else 422)
    response["X-Undo"] = str(answer["undo"])
    return response


def _said(block: Block, done: int) -> str:
    if not done:
        n = sum(len(found) for found in block.wrong.values()) + len(block.stale)
        one, many = _("Nothing was saved: one cell needs another look."), _("Nothing was saved: %(n)s cells need it.")
        return one if n == 1 else many % {"n": n}
    return ngettext("%(n)s row saved.", "%(n)s rows saved.", done) % {"n": done}


def _read(raw: str) -> Block:
    try:
        sent = json.loads(raw)
        block = Block(
            {UUID(r["id"]): dict(r["values"]) for r in sent}, {UUID(r["id"]): int(r["version"]) for r in sent}
        )
        fair = all(isinstance(v, str) for values in block.texts.values() for v in values.values())
    except (ValueError, TypeError, KeyError, AttributeError):
        raise Missing from None
    if not block.texts or not fair or sum(map(len, block.texts.values())) > MOST:
        raise Invalid([{"": []}])
    return block


def _resolve(actor: Actor, entity: AnyEntity, block: Block) -> None:
    """From texts to values: names become records, and what nobody writes in a table is said so."""
    allowed = access.writable(actor, entity)
    columns: dict[str, list[str]] = {}
    for values in block.texts.values():
        for key, text in values.items():
            columns.setdefault(key, []).append(text)
    names = {k: _names(actor, allowed[k], texts) for k, texts in columns.items() if k in allowed and allowed[k].is_link}
    for pk, values in block.texts.items():
        block.values[pk] = {}
        for key, text in values.items():
            a = allowed.get(key)
            if a is None or key in FIXED or a.kind.key in ("file", "json"):
                block.fail(pk, key, _("This field cannot be changed in the table."))
            elif a.is_link and text.strip():
                _link(block, pk, a, text, names[key])
            else:
                block.values[pk][key] = text


def _names(actor: Actor, a: Attribute, texts: Iterable[str]) -> Names:
    found = Names(actor, a)
    found.prepare({part for text in texts for part in _parts(a, text) if not forms.is_uuid(part)})
    return found


def _parts(a: Attribute, text: str) -> list[str]:
    if a.kind.key != "links":
        return [text.strip()] if text.strip() else []
    for mark in "，、;；\n":
        text = text.replace(mark, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def _link(block: Block, pk: UUID, a: Attribute, text: str, names: Names) -> None:
    ids: list[Any] = []
    for part in _parts(a, text):
        if forms.is_uuid(part):
            ids.append(part)
            continue
        found = names.find(part)
        if found.id is None:
            block.fail(pk, a.key, found.problem)
            return
        ids.append(found.id)
    block.values[pk][a.key] = ids if a.kind.key == "links" else ids[0]


def _reach(actor: Actor, entity: AnyEntity, block: Block) -> None:
    """Rows that are gone or may not be changed are named; more than one at a time is a right of its own."""
    ids = list(block.texts)
    reached = set(query.visible(actor, entity, "update").filter(pk__in=ids).values_list("pk", flat=True))
    if len(ids) > 1:
        access.require(actor, entity, "bulk")
        reached &= set(query.visible(actor, entity, "bulk").filter(pk__in=ids).values_list("pk", flat=True))
    for pk in set(ids) - reached:
        block.fail(pk, "", _("This row is gone, or you may not change it."))


def _write(actor: Actor, entity: AnyEntity, block: Block, *, part: bool, sure: bool) -> operations.Tally | None:
    """Write what is good: everything or nothing, or round by round without what turns out wrong."""
    while block.good and (part or not (block.wrong or block.stale)):
        rows = block.good
        keys = {k for values in rows.values() for k in values}
        try:
            doors = doubles.at("typed", confirmed=sure)
            record = operations.recording(actor, entity, "update", keys=keys, rows=len(rows))
            with doors as block.told, record as tally:
                versions = {pk: block.versions[pk] for pk in rows}
                records.update_many(actor, entity, rows, versions=versions, bulk=len(block.texts) > 1)
        except Invalid as invalid:
            _note(block, list(rows), invalid)
        except Conflict as conflict:
            block.stale += [pk for pk in rows if pk in conflict.ids]
        except Refused:
            for pk in rows:
                block.fail(pk, "", _("You may not change this row so."))
        else:
            return tally
    return None


def _note(block: Block, ids: Sequence[UUID], invalid: Invalid) -> None:
    for pk, found in zip(ids, invalid.rows, strict=False):
        for key, wrongs in found.items():
            at = key if key in block.texts[pk] else next(iter(block.texts[pk]))
            block.fail(pk, at, " ".join(w.text for w in wrongs))
            if doubles.asked(wrongs):
                block.asked.setdefault(pk, []).append(at)


def cells(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], shown: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Rows as they now are: version, and the cells of the columns shown."""
    known = access.readable(actor, entity)
    columns = [known[k] for k in shown if k in known]
    rows = query.read(actor, entity, query.visible(actor, entity).filter(pk__in=ids), columns) if ids else []
    labels = query.labels(actor, columns, rows)
    return {
        str(r.id): {
            "version": r.version,
            "cells": {a.key: str(a.kind.html(a, r.values[a.key], labels)) for a in columns if a.key != entity.title},
            "title": next((a.kind.text(a, r.values[a.key], labels) for a in columns if a.key == entity.title), ""),
        }
        for r in rows
    }


def changed_by(actor: Actor, entity: AnyEntity, pk: UUID) -> Mapping[str, str]:
    """Who has changed a record last, and when; nothing where its history is not the actor's to read."""
    if not access.may(actor, entity, "read") or not query.visible(actor, entity, "read").filter(pk=pk).exists():
        return {}
    last = next(iter(history.of(actor, entity, pk, limit=3)), None)
    return {"who": last.actor, "when": clock(last.at)[11:]} if last else {}
