"""What the pages of hand-over share: names, states, forms."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Invalid, Wrong
from zhike.modules.handover.models import Handover, HandoverItem

Item, State = HandoverItem.State, Handover.State
TONES = {
    State.PLANNED: "neutral", State.RUNNING: "blue", State.HANDED: "amber", State.ACCEPTED: "green",
    State.CLOSED: "neutral",
}  # fmt: skip
ITEM_TONES = {
    Item.PLANNED: "neutral", Item.HANDED: "blue", Item.GONE: "neutral", Item.FAILED: "red", Item.ACCEPTED: "green",
    Item.ASKED: "amber", Item.DECLINED: "red",
}  # fmt: skip


def trail() -> list[dict[str, Any]]:
    """Where the pages lie."""
    return [{"label": pgettext("of customers", "Hand-overs"), "url": "/handover/"}]


def titles(actor: Actor, items: Iterable[HandoverItem]) -> dict[tuple[str, UUID], str]:
    """The titles of records, as far as the reader may see them: one query for each entity."""
    wanted: dict[str, set[UUID]] = {}
    for i in items:
        wanted.setdefault(i.entity, set()).add(i.record)
    known = entities()
    return {
        (key, pk): name
        for key, ids in wanted.items()
        if key in known
        for pk, name in query.names(actor, key, ids).items()
    }


def label(entity: str) -> str:
    """What records of an entity are called, of many."""
    known = entities().get(entity)
    return str(known.plural) if known else entity


def person_field(name: str, text: Any, value: User | None = None, **more: Any) -> dict[str, Any]:
    """A field for a person."""
    return {
        "name": name, "label": text, "kind": "combo", "options_url": "/user/options",
        "value": str(value.pk) if value else "", "text": value.name if value else "", **more,
    }  # fmt: skip


def people_field(name: str, text: Any, people: Sequence[User] = (), **more: Any) -> dict[str, Any]:
    """A field for several."""
    chosen = [{"value": str(p.pk), "label": p.name} for p in people]
    return {"name": name, "label": text, "kind": "multicombo", "options_url": "/user/options", "value": chosen, **more}


def form(
    request: HttpRequest, fields: Sequence[Mapping[str, Any]], errors: Mapping[str, str], *, cancel: str, submit: str,
    **more: Any,
) -> dict[str, Any]:  # fmt: skip
    """A form as web/form.html draws it."""
    shown = [{**f, "error": errors.get(str(f["name"]), "")} for f in fields]
    names = {str(f["name"]): f for f in fields}
    told = [
        {"name": key if key in names else "", "label": names[key]["label"] if key in names else "", "text": text}
        for key, text in errors.items()
    ]
    return {
        "url": request.get_full_path(), "key": "", "cancel_url": cancel, "submit_label": submit,
        "sections": [{"title": "", "fields": shown}], "errors": told, **more,
    }  # fmt: skip


def day_of(text: str, key: str) -> dt.date | None:
    """A day that was typed. Raises Invalid."""
    try:
        return dt.date.fromisoformat(text.strip()) if text.strip() else None
    except ValueError:
        raise Invalid([{key: [Wrong(_("This is not a day."))]}]) from None


def ids_of(values: Iterable[str]) -> list[UUID]:
    """Ids that were sent; what is none is left out."""
    found = []
    for text in values:
        try:
            found.append(UUID(text))
        except ValueError:
            continue
    return found


def texts(invalid: Invalid) -> dict[str, str]:
    """The errors of a form by field."""
    return {key: found[0].text for key, found in invalid.first.items()}
