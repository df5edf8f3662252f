"""Small things done from a first page: one line that becomes a form, one tap that marks a task done."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.engine import access, cards, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.web import plugs
from zhike.web.templating import actor_of

from . import pasted


@login_required
@require_GET
def capture(request: HttpRequest) -> HttpResponse:
    """One line as a filled form: with a phone number a contact or a lead, otherwise a task."""
    actor, text = actor_of(request), request.GET.get("text", "").strip()[: cards.LONGEST]
    entity, values = understood(actor, text)
    access.require(actor, get(entity), "create")
    return HttpResponseRedirect(f"/{entity}/new?{urlencode(values)}")


def understood(actor: Actor, text: str) -> tuple[str, dict[str, str]]:
    """(entity, values) of a pasted card or a line such as 张伟 13800138000 采购经理 @宝钢.

    A known customer makes it a contact of that customer, an unknown one the company of a lead. What no field takes is
    put into the remark.
    """
    card = cards.read(text)
    if not card.values.keys() & {"phone", "landline", "email", "wechat"}:
        return "activity", {"subject": " ".join(text.split())[:200]}
    known = access.may(actor, get("contact"), "create") and pasted.customer(actor, card) is not None
    entity = "contact" if known else "lead"
    found, rest = plugs.cards[entity](actor, card)
    fields = access.writable(actor, get(entity))
    rest = [*(value for key, value in found.items() if key not in fields), *rest]
    values = {key: value for key, value in found.items() if key in fields}
    return entity, values | ({"remark": "\n".join(rest)} if rest and "remark" in fields else {})


@login_required
@require_POST
def tick(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Mark something planned as done, with a way back; the answer takes its row off the page."""
    actor = actor_of(request)
    back = request.GET.get("back") == "1"
    records.act(actor, get("activity"), pk, "reopen" if back else "complete")
    response = HttpResponse("")
    toast = {"text": _("Done."), "tone": "good", "undo_url": f"/activity/{pk}/tick?back=1"}
    response["HX-Trigger"] = json.dumps({} if back else {"zk:toast": toast, "zk:refresh": True})
    return response


@login_required
@require_POST
def drop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Put an activity into the recycle bin without leaving the page it is shown on."""
    records.delete_many(actor_of(request), get("activity"), [pk])
    response = HttpResponse("")
    toast = {"text": _("Deleted."), "tone": "good", "undo_url": f"/activity/{pk}/restore"}
    response["HX-Trigger"] = json.dumps({"zk:toast": toast, "zk:refresh": True})
    return response
