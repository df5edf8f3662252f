"""Tags: use counts, who may make them, and merging two that mean the same."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from zhike.base import pinyin
from zhike.base.fold import fold
from zhike.engine.config import tags
from zhike.engine.config.document import alike
from zhike.engine.entity import get
from zhike.engine.errors import Missing

from .config_common import crumbs, done
from .forms import is_uuid
from .settings import SECURITY, admin
from .templating import render

HERE = "/settings/tags"


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """The list with use counts; names that are hard to tell apart are named."""
    actor = admin(request)
    counted = tags.counts()
    rows = list(get("tag").rows("the list of tags is the firm's").filter(deleted_at=None).order_by("name"))
    seen: list[tuple[str, str, str]] = []
    found = []
    for row in rows:
        here = (fold(row.name), pinyin.plain(row.name))
        near = next((name for name, f, p in seen if alike(*here, f, p)), "")
        seen.append((row.name, *here))
        found.append(
            {"id": str(row.pk), "name": row.name, "tone": row.tone, "count": counted.get(row.pk, 0), "near": near}
        )
    context = {
        "rows": found,
        "makers": tags.makers(),
        "roles_url": "/settings/roles" if actor.office in SECURITY else "",
        "options": [{"value": r["id"], "label": r["name"]} for r in found],
        "merge_url": f"{HERE}/merge",
        "trail": crumbs(),
    }
    return render(request, "web/config_tags.html", context)


@login_required
@require_POST
def merge(request: HttpRequest) -> HttpResponse:
    """One tag in place of another."""
    actor = admin(request)
    old, new = request.POST.get("old", ""), request.POST.get("new", "")
    if not (is_uuid(old) and is_uuid(new)):
        raise Missing
    if old == new:
        return done(request, HERE, _("Choose two different tags."))
    n = tags.merge(actor, UUID(old), UUID(new))
    return done(
        request,
        HERE,
        ngettext("Merged; %(n)s record has changed.", "Merged; %(n)s records have changed.", n) % {"n": n},
    )


urlpatterns = [path("settings/tags", overview), path("settings/tags/merge", merge)]
