"""Changes that an assistant asked for: what would change, and yes or no."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from zhike.engine import proposals, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Conflict, Missing
from zhike.engine.models import Proposal
from zhike.engine.proposals import Shown

from . import forms
from .templating import actor_of, ago, render

STATES = {
    "asked": (gettext_lazy("Waiting for you"), "amber"),
    "done": (gettext_lazy("Done"), "green"),
    "refused": (gettext_lazy("Refused"), "neutral"),
    "failed": (gettext_lazy("Failed"), "red"),
    "expired": (gettext_lazy("Expired"), "neutral"),
}


def doing(proposal: Proposal) -> str:
    """What is asked for, in words."""
    entity = get(proposal.entity)
    verb = {
        "create": _("Create"),
        "update": _("Change"),
        "delete": _("Move to the recycle bin"),
        "transfer": _("Hand over"),
        "restore": _("Restore"),
        "merge": _("Merge"),
    }.get(proposal.action)
    return f"{verb or entity.actions[proposal.action].label} · {entity.label}"


def row(actor: Actor, proposal: Proposal) -> dict[str, object]:
    """One line of the list."""
    label, tone = STATES[proposals.state(proposal)]
    return {
        "url": f"/proposals/{proposal.pk}",
        "title": doing(proposal),
        "by": proposal.token.name if proposal.token else proposal.channel,
        "when": ago(proposal.at),
        "state": label,
        "tone": tone,
    }


@login_required
@require_GET
def inbox(request: HttpRequest) -> HttpResponse:
    """All that assistants asked of this person, newest first."""
    actor = actor_of(request)
    rows = [row(actor, p) for p in proposals.mine(actor).select_related("token")[:100]]
    return render(request, "web/proposals.html", {"rows": rows})


@login_required
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What would change, side by side; confirmed or refused by a button."""
    actor = actor_of(request)
    found = proposals.mine(actor).select_related("token").filter(pk=pk).first()
    if found is None:
        raise Missing
    if request.method == "POST":
        try:
            found = proposals.decide(actor, pk, yes=request.POST.get("answer") == "yes", shown=_shown(request))
        except Conflict:
            request.session["toast"] = _("The record has been merged into another one since. Look at the change there.")
            return HttpResponseRedirect(request.path, status=303)
        if found.state == "done":
            request.session["toast"] = _("Confirmed and done.")
            return HttpResponseRedirect(f"/{found.entity}/{found.result['record']}", status=303)
        return HttpResponseRedirect(request.path, status=303)
    waiting = proposals.state(found) == "asked"
    page = proposals.standing(actor, found) if waiting else None
    context = {
        "asked": row(actor, found),
        "waiting": waiting,
        "record": _record(actor, found),
        "version": page.rows[0].version if page else None,
        "moved": proposals.moved(actor, found) if waiting else "",
        "changes": proposals.preview(actor, found, page) if waiting else [],
        "result": found.result.get("text", ""),
        "url": request.path,
    }
    return render(request, "web/proposal.html", context)


def _shown(request: HttpRequest) -> Shown | None:
    """The record that the page had shown."""
    record = request.POST.get("record", "")
    return Shown(UUID(record), forms.version(request)) if forms.is_uuid(record) else None


def _record(actor: Actor, found: Proposal) -> dict[str, str] | None:
    record = proposals.aim(actor, found)
    if record is None:
        return None
    names = query.names(actor, found.entity, [record])
    return {"id": str(record), "name": names.get(record, "…"), "url": f"/{found.entity}/{record}"}


urlpatterns = [path("proposals", inbox), path("proposals/<uuid:pk>", one)]
