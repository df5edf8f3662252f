"""Merging records: side by side, a choice for each field, what will move, and then all of it at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.engine import access, merging, operations, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Conflict, Errors, Invalid, Missing
from zhike.engine.merging import Preview

from . import forms
from .bulk import undo_url
from .editing import go
from .listing import entity_info
from .lookup import entity_or_404
from .templating import actor_of, render

FIELD = "f."  # before the name of a field, so that none of them is taken for a word of the page


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, key: str) -> HttpResponse:
    """Choose and merge the records of `ids`; with one alone, which other one is asked for first."""
    entity, actor = entity_or_404(key), actor_of(request)
    if not merging.mergeable(entity):
        raise Missing
    for action in (*merging.TAKES, "delete"):
        access.require(actor, entity, action)
    sent = request.POST if request.method == "POST" else request.GET
    ids = _ids(sent)
    errors: Errors = {}
    error = ""
    if request.method == "POST":
        try:
            return _merge(request, actor, entity, ids)
        except Invalid as invalid:
            errors = invalid.first
        except Conflict:
            error = _("Somebody has changed one of these records meanwhile. Compare again, then merge.")
    found = merging.preview(actor, entity, ids[0], ids[1:], _said(sent)) if len(ids) > 1 else None
    context = _context(actor, entity, ids, found)
    context |= {"errors": forms.summary(errors, entity), "error": error}
    return render(request, "web/merge.html", context, status=422 if errors else 409 if error else 200)


def _ids(sent: QueryDict) -> list[UUID]:
    """The records in the order asked for, the one that stays first; Missing for none."""
    parts = [part for value in (*sent.getlist("ids"), *sent.getlist("other")) for part in value.split(",")]
    ids = list(dict.fromkeys(UUID(p) for p in parts if forms.is_uuid(p)))
    keep = sent.get("keep", "")
    if forms.is_uuid(keep) and UUID(keep) in ids:
        ids.sort(key=lambda pk: pk != UUID(keep))
    if not ids:
        raise Missing
    return ids


def _said(sent: QueryDict) -> dict[str, UUID | str]:
    """Field -> the record that was chosen for it, or all."""
    return {k.removeprefix(FIELD): str(v) for k, v in sent.items() if k.startswith(FIELD)}


def versions_in(sent: QueryDict) -> dict[UUID, int]:
    """The versions that a comparison was made of, as it sends them: id:number."""
    versions: dict[UUID, int] = {}
    for part in sent.getlist("version"):
        pk, _sep, number = part.partition(":")
        if forms.is_uuid(pk) and number.isdecimal() and len(number) < 10:
            versions[UUID(pk)] = int(number)
    return versions


def _merge(request: HttpRequest, actor: Actor, entity: AnyEntity, ids: Sequence[UUID]) -> HttpResponse:
    done = merging.merge(actor, entity, ids[0], ids[1:], _said(request.POST), versions_in(request.POST))
    request.session["toast"] = _("Merged.")
    request.session["undo"] = undo_url(done)
    return go(request, f"/{entity.key}/{ids[0]}")


def _context(actor: Actor, entity: AnyEntity, ids: Sequence[UUID], found: Preview | None) -> dict[str, Any]:
    """What web/merge.html shows."""
    seen = query.visible(actor, entity, "merge").filter(pk__in=ids).count()
    if seen != len(ids):
        raise Missing
    titles = query.names(actor, entity.key, ids)
    return {
        "entity": entity_info(actor, entity),
        "url": f"/merge/{entity.key}",
        "ids": ",".join(map(str, ids)),
        "records": [_record(entity, pk, titles, ids) for pk in ids],
        "fields": [_field(f) for f in found.fields] if found else [],
        "moves": found.moves if found else [],
        "versions": [f"{pk}:{n}" for pk, n in found.versions.items()] if found else [],
        "more": _more(entity) if len(ids) < merging.MOST else None,
        "days": operations.MERGE_DAYS,
    }


def _record(entity: AnyEntity, pk: UUID, titles: Mapping[UUID, str], ids: Sequence[UUID]) -> dict[str, Any]:
    joined = ",".join(map(str, ids))
    rest = [i for i in ids if i != pk]
    return {
        "id": str(pk),
        "title": titles.get(pk) or "—",
        "url": f"/{entity.key}/{pk}",
        "keep_url": f"/merge/{entity.key}?ids={joined}&keep={pk}" if pk != ids[0] else "",
        "drop_url": f"/merge/{entity.key}?ids={','.join(map(str, rest))}" if len(ids) > merging.FEWEST else "",
    }


def _field(f: merging.Field) -> dict[str, Any]:
    return {
        "name": FIELD + f.key,
        "label": f.label,
        "options": [{"value": o.source, "text": o.text, "picked": o.picked} for o in f.options],
        "differs": f.differs,
        "open": f.open,
    }


def _more(entity: AnyEntity) -> dict[str, Any]:
    """The control that finds one more record."""
    label = _("One more to merge")
    return {"name": "other", "label": label, "kind": "combo", "value": "", "options_url": f"/{entity.key}/options"}
