"""Small things done from a first page: one line that becomes a form, one tap that marks a task done."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.base import phone
from zhike.engine import access, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.query import View
from zhike.web.templating import actor_of

DIGITS = re.compile(r"\+?\d[\d\- ]{5,}\d")


@login_required
@require_GET
def capture(request: HttpRequest) -> HttpResponse:
    """One line as a filled form: with a phone number a contact or a lead, otherwise a task."""
    actor, text = actor_of(request), " ".join(request.GET.get("text", "").split())[:200]
    entity, values = understood(actor, text)
    access.require(actor, get(entity), "create")
    return HttpResponseRedirect(f"/{entity}/new?{urlencode(values)}")


def understood(actor: Actor, text: str) -> tuple[str, dict[str, str]]:
    """(entity, values) of a line such as 张伟 13800138000 采购经理 @宝钢.

    A known customer after the @ makes it a contact of that customer, an unknown one the company of a lead.
    """
    number = next((m for m in DIGITS.finditer(text) if phone.parse(m.group()).number), None)
    if number is None:
        return "activity", {"subject": text}
    rest = f"{text[: number.start()]} {text[number.end() :]}"
    company = next((w[1:] for w in rest.split() if w[:1] in "@＠" and len(w) > 1), "")
    words = [w for w in rest.split() if w[:1] not in "@＠"]
    name, position = (words[0] if words else "", " ".join(words[1:]))
    values: dict[str, Any] = {"phone": number.group().strip(), "position": position}
    if company and (account := _account(actor, company)) and access.may(actor, get("contact"), "create"):
        values |= {"name": name, "account": account}
        return "contact", {k: str(v) for k, v in values.items() if v}
    values |= {"name": company or name, "company": company, "contact_name": name}
    return "lead", {k: str(v) for k, v in values.items() if v}


def _account(actor: Actor, company: str) -> UUID | None:
    """The only customer of the actor that this word finds."""
    if not access.may(actor, get("account"), "list"):
        return None
    found = list(query.select(actor, get("account"), View(search=company)).values_list("pk", flat=True)[:2])
    return found[0] if len(found) == 1 else None


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
