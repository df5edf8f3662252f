"""The form of a new record, filled from a business card or a line that was pasted into it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_POST

from zhike.engine import access, cards
from zhike.engine.entity import AnyEntity

from . import editing, forms, plugs
from .lookup import entity_or_404
from .templating import actor_of


@login_required
@require_POST
def filled(request: HttpRequest, key: str) -> HttpResponse:
    """The form with what the text says. What was typed stays; what finds no field goes to the remark."""
    entity, actor = entity_or_404(key), actor_of(request)
    if key not in plugs.cards:
        raise Http404
    access.require(actor, entity, "create")
    quick, keys, asked = editing.new_form(request, actor, entity)
    blank = editing.blank(actor, entity)
    typed = blank | asked | forms.posted(request, entity, keys)
    text = request.POST.get("paste", "")
    said, rest = plugs.cards[key](actor, cards.read(text))
    room = forms.shown_keys(actor, entity)
    took = {k: v for k in room if (v := said.get(k)) and typed.get(k, "") in ("", blank.get(k))}
    rest = [*(v for k, v in said.items() if k not in took and v != typed.get(k)), *rest]
    if said and rest and "remark" in room:
        took["remark"] = "\n".join(dict.fromkeys(filter(None, (typed.get("remark"), *rest))))
        rest = []
    context = editing.form_context(
        actor, entity, None, typed | took, {}, quick=quick, keys=list(dict.fromkeys((*keys, *took)))
    )
    context["form"]["paste"] |= _told(entity, took, "\n".join(rest) if took else text)
    editing.stay(request, context)
    return editing.form_answer(request, context, status=200)


def _told(entity: AnyEntity, took: dict[str, str], left: str) -> dict[str, Any]:
    """What is said under the box, and what is left in it."""
    if not took:
        return {"value": left, "text": _("Nothing in this text fits a field of this form.") if left.strip() else ""}
    names = pgettext("between the items of a list", ", ").join(str(entity.attributes[k].label) for k in took)
    return {"value": left, "text": _("Filled in: %(fields)s. Please check before you save.") % {"fields": names}}
