"""Why a record is whose it is, above its page; and taking it, or not."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from markupsafe import Markup

from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid
from zhike.engine.pools.telling import moment
from zhike.modules.assigning import answering, changing, deciding, telling
from zhike.modules.assigning.models import Decision, Offer
from zhike.web.editing import go
from zhike.web.templating import actor_of, render_text


def banner(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID) -> str:
    """What is to be accepted, and why the last decision of a rule came out as it did, as long as it stands.

    Who else came into question is told to those who may hand over what is not theirs.
    """
    if entity.key not in deciding.ENTITIES:
        return ""
    decision = Decision.objects.filter(record=pk).select_related("rule").order_by("-at", "-pk").first()
    if decision is None:
        return ""
    owner = entity.rows("whether the decision still stands, of a record that is shown").values_list("owner", flat=True)
    if owner.get(pk=pk) != decision.person_id:
        return ""
    offer = Offer.objects.filter(record=pk, person=actor.user.pk, state=Offer.State.WAITING).first()
    told = telling.told(decision, decision.rule.name, telling.people_in([decision]))
    mine = decision.person_id == actor.user.pk
    is_open = actor.office in changing.OFFICES or (
        not mine and query.visible(actor, entity, "transfer").filter(pk=pk).exists()
    )
    context = {
        "told": told,
        "is_open": is_open and bool(told.fit or told.left),
        "mine": mine,
        "when": moment(decision.at),
        "offer_url": f"/assigning/offer/{offer.pk}" if offer else "",
        "until": moment(offer.due_at) if offer else "",
        "is_late": offer is not None and offer.due_at <= timezone.now(),
        "answer": _answer(entity, pk),
    }
    return Markup(render_text("assigning/banner.html", context, request))  # noqa: S704  our own template


def _answer(entity: AnyEntity, pk: UUID) -> str:
    """Until when a lead is to be answered, while nobody has."""
    if entity.key != "lead":
        return ""
    rows = entity.rows("until when a record that is shown is to be answered")
    due, first = rows.values_list("response_due_at", "first_response_at").get(pk=pk)
    if due is None or first is not None:
        return ""
    text = _("To be answered by %(when)s") if due > timezone.now() else _("Was to be answered by %(when)s")
    return text % {"when": moment(due)}


@login_required
@require_POST
def answer(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Take what a rule gave, or say why not."""
    actor = actor_of(request)
    try:
        if request.POST.get("do") == "decline":
            found = answering.decline(actor, pk, request.POST.get("note", ""))
            request.session["toast"] = _("It goes on to somebody else.")
        else:
            found = answering.accept(actor, pk)
            request.session["toast"] = _("It is yours.")
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for some in invalid.first.values() for w in some)
        found = Offer.objects.get(pk=pk, person=actor.user.pk)
    seen = query.names(actor, found.entity, [found.record])
    return go(request, f"/{found.entity}/{found.record}" if seen else f"/{get(found.entity).key}/")


urlpatterns = [path("assigning/offer/<uuid:pk>", answer)]
