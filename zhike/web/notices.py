"""The inbox: what concerns a person."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.engine.entity import entities
from zhike.engine.models import Notice

from .templating import actor_of, ago, render


def said(params: dict[str, str]) -> dict[str, str]:
    """The parameters of a notice in the reader's language."""
    entity = entities().get(params.get("entity", ""))
    return {**params, "what": str(entity.label) if entity else ""}


@login_required
@require_http_methods(["GET", "POST"])
def inbox(request: HttpRequest) -> HttpResponse:
    """The newest hundred; POST marks them all as read."""
    mine = Notice.objects.filter(user=actor_of(request).user)
    if request.method == "POST":
        mine.filter(read_at=None).update(read_at=timezone.now())
        return HttpResponseRedirect("/notices", status=303)
    rows = [
        {"text": _(n.text) % said(n.params), "url": n.url, "when": ago(n.at), "unread": n.read_at is None}
        for n in mine.order_by("-at")[:100]
    ]
    return render(request, "web/notices.html", {"rows": rows, "has_unread": any(r["unread"] for r in rows)})
