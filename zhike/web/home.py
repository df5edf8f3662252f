"""The first page: which one depends on the person's role."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from zhike.base.models import Role
from zhike.engine import query
from zhike.engine.access import Actor

from . import plugs
from .templating import actor_of, render

DEMO = "demo.json"  # lies where `zhike demo` made its firm
ORDER = (Role.Home.EXECUTIVE, Role.Home.MANAGER, Role.Home.SELLER, Role.Home.ADMIN)


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The page of the widest of the person's roles, or the one chosen with ?as=."""
    actor = actor_of(request)
    kind = kind_of(actor, request.GET.get("as", ""))
    view = plugs.homes.get(kind) or plugs.homes.get(Role.Home.SELLER)
    if view is None:
        return render(request, "web/home.html", {"panels": [], "greeting": ""})
    query.allow_lately(actor)
    return view(request, actor)


def kind_of(actor: Actor, wanted: str = "") -> str:
    """Which first page is this person's: the one `wanted` where a role of theirs has it, else that of their widest."""
    mine = set(Role.objects.filter(pk__in=actor.roles).values_list("home", flat=True))
    return str(wanted if wanted in mine else next((k for k in ORDER if k in mine), Role.Home.SELLER))


@login_required
@require_GET
def components(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for those who build pages: not there in a firm's own Zhike."""
    if not (settings.DEBUG or (settings.HOME / DEMO).exists()):
        raise Http404
    return render(request, "ui/index.html", {})
