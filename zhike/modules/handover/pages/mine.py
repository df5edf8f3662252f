"""What one was handed: on the first page, as a list, and what one says to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET, require_POST

from zhike.base.i18n import day
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing
from zhike.modules.handover import accepting, services
from zhike.modules.handover.models import Handover, HandoverItem
from zhike.web.editing import go
from zhike.web.templating import actor_of, number, render

from .parts import ITEM_TONES, ids_of, titles

Item = HandoverItem.State
OPEN = (Item.HANDED, Item.ASKED, Item.DECLINED)
MOST = 500


def _mine(actor: Actor) -> Any:
    """The customers that somebody was handed, newest first."""
    rows = HandoverItem.objects.filter(to=actor.user.pk, entity="account", handed_at__isnull=False)
    if actor.by or actor.limit or actor.place:
        rows = rows.none()
    return rows.select_related("handover__person").order_by("-handed_at", "pk")


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """What was handed to me: letters to read, customers to accept."""
    actor = actor_of(request)
    of = ids_of([request.GET.get("of", "")])
    rows = _mine(actor).filter(handover__in=of) if of else _mine(actor)
    found = list(rows[:MOST])
    found.sort(key=lambda i: i.state not in OPEN)
    names = titles(actor, found)
    shown = [
        {
            "id": str(i.pk),
            "title": names.get((i.entity, i.record), "…"),
            "url": f"/handover/item/{i.pk}",
            "from": i.handover.person.name,
            "day": day(i.handed_at),
            "state": i.get_state_display(),
            "tone": ITEM_TONES[Item(i.state)],
            "open": i.state == Item.HANDED,
        }
        for i in found
    ]
    waiting = sum(r["open"] for r in shown)
    context = {"title": _("Handed to me"), "rows": shown, "waiting": waiting, "here_url": request.get_full_path()}
    return render(request, "handover/mine.html", context)


@login_required
@require_POST
def answer(request: HttpRequest) -> HttpResponse:
    """Accept those that are ticked."""
    actor = actor_of(request)
    ids = ids_of(request.POST.getlist("item"))
    n = accepting.answer(actor, ids, Item.ACCEPTED) if ids else 0
    request.session["toast"] = _("%(n)s accepted.") % {"n": n}
    return go(request, "/handed/")


@login_required
@require_POST
def answer_one(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Accept one, ask back or decline."""
    actor = actor_of(request)
    said = request.POST.get("said", "")
    try:
        accepting.answer(actor, [pk], said, request.POST.get("note", ""))
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for found in invalid.first.values() for w in found)
        return go(request, f"/handover/item/{pk}")
    request.session["toast"] = _("Thank you, noted.")
    return go(request, f"/handover/item/{pk}" if said == Item.ASKED else "/handed/")


def panel(actor: Actor, _shown: str) -> Mapping[str, Any] | None:
    """On first pages, by one query: what one was handed and has not answered, what is under way of whom one may see."""
    if actor.by or actor.limit or actor.place:
        return None
    waiting = HandoverItem.objects.filter(
        handover=OuterRef("pk"), entity="account", state=Item.HANDED, to=actor.user.pk
    )
    count = waiting.order_by().values("handover").annotate(n=Count("pk")).values("n")
    found = Handover.objects.filter(deleted_at=None).annotate(mine=Coalesce(Subquery(count), 0))
    led = services.reach(actor) & Q(state__in=(*services.WAITING, Handover.State.HANDED))
    rows = []
    for h in found.filter(Q(mine__gt=0) | led).select_related("person").order_by("-mine", "last_day")[:6]:
        title = _("Hand-over from %(name)s") % {"name": h.person.name}
        url, meta = f"/handover/{h.pk}", [str(h.get_state_display()), *([day(h.last_day)] if h.last_day else [])]
        if h.mine:
            title = _("From %(name)s: %(n)s customers to accept") % {"name": h.person.name, "n": number(h.mine)}
            url, meta = f"/handed/?of={h.pk}", []
        rows.append({"title": title, "url": url, "meta": meta, "icon": "inbox" if h.mine else "arrow-right-left"})
    if not rows:
        return None
    return {"kind": "list", "title": pgettext("of customers", "Hand-overs"), "rows": rows, "width": "full"}


def item_of(actor: Actor, pk: UUID) -> HandoverItem:
    """A customer of a hand-over for who leaves, who plans it or who got it; Missing for anybody else."""
    found = HandoverItem.objects.select_related("handover__person__department", "handover__author", "to", "giver")
    item = found.filter(pk=pk, entity="account").first()
    if item is None or actor.by or actor.limit or actor.place:
        raise Missing
    if item.to_id != actor.user.pk or item.handed_at is None:
        services.find(actor, item.handover_id)
    return item
