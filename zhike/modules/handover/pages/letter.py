"""The letter that goes with one customer, to read and to print; what is added by hand, and what the successor says."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from zhike.base.i18n import day
from zhike.engine.errors import Missing, Refused
from zhike.modules.handover import letter, services
from zhike.modules.handover.models import HandoverItem
from zhike.web.editing import go
from zhike.web.templating import actor_of, render

from .mine import OPEN, item_of
from .parts import ITEM_TONES, trail

Item = HandoverItem.State


@login_required
@require_GET
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Both sides and the manager read it, each as far as they may see the record."""
    actor = actor_of(request)
    item = item_of(actor, pk)
    try:
        told = letter.write(actor, item.record)
    except (Missing, Refused):
        told = None  # who has left it to others sees their own words, and no more of the customer
    mine = item.to_id == actor.user.pk and item.handed_at is not None
    writes = actor.user.pk == item.handover.person_id or services.may_plan(actor, item.handover.person)
    plans = services.may_plan(actor, item.handover.person)
    here = {"label": item.handover.person.name, "url": f"/handover/{item.handover_id}"}
    context = {
        "title": _("Hand-over letter: %(name)s") % {"name": told.title if told else "…"},
        "trail": [*trail(), here] if plans else [{"label": _("Handed to me"), "url": "/handed/"}],
        "letter": told,
        "from": item.handover.person.name,
        "to": item.to.name if item.to else _("Pool"),
        "day": day(item.handed_at or item.handover.last_day),
        "state": item.get_state_display(),
        "tone": ITEM_TONES[Item(item.state)],
        "answer": item.answer,
        "words": item.words,
        "words_url": f"/handover/item/{pk}/words" if writes and item.state != Item.GONE else "",
        "answer_url": f"/handover/item/{pk}/answer" if mine and item.state in OPEN else "",
        "record_url": f"/account/{item.record}" if told else "",
    }
    return render(request, "handover/letter.html", context)


@login_required
@require_POST
def words(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What who leaves adds by hand."""
    actor = actor_of(request)
    item = item_of(actor, pk)
    services.write_words(actor, item, request.POST.get("words", ""))
    request.session["toast"] = _("Saved.")
    return go(request, f"/handover/item/{pk}")
