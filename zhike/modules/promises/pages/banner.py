"""What we owe a customer, above its page and those of its deals."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET
from markupsafe import Markup

from zhike.base.i18n import day
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.query import Condition, View
from zhike.modules.promises.entities import PROMISE
from zhike.web.lookup import entity_or_404
from zhike.web.templating import actor_of, number, render_text

ON = ("account", "deal")
FIRST = 3
KEYS = ("text", "due_on", "owner", "made_by", "answer")


def banner(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID) -> str:
    """The open promises to a customer, or in a deal, that the actor may see; those due first before the others."""
    if entity.key not in ON or not access.may(actor, PROMISE, "list"):
        return ""
    return Markup(render_text("promises/banner.html", owed(actor, entity, pk), request))  # noqa: S704  our own template


@login_required
@require_GET
def fragment(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """The banner alone, when something on the page has changed."""
    actor, entity = actor_of(request), entity_or_404(key)
    query.record(actor, entity, pk)
    return HttpResponse(banner(request, actor, entity, pk))


def owed(actor: Actor, entity: AnyEntity, pk: UUID) -> dict[str, Any]:
    """What promises/banner.html shows."""
    conditions = (Condition(entity.key, "eq", pk), Condition("status", "eq", "open"))
    view = View(conditions=conditions, columns=KEYS, sort="due_on", size=FIRST)
    page = query.page(actor, PROMISE, view)
    total = int(page.total or 0)
    mine = query.visible(actor, PROMISE, "keep").filter(pk__in=[row.id for row in page.rows])
    own = set(mine.values_list("pk", flat=True))
    today = timezone.localdate()
    rows = []
    for row in page.rows:
        due: dt.date | None = row.values.get("due_on")
        gone = (today - due).days if due else 0
        late = gone > 0
        owner, maker = (page.text(row, key) if key in row.values else "" for key in ("owner", "made_by"))
        rows.append(
            {
                "text": page.text(row, "text") if "text" in row.values else "—",
                "url": f"/promise/{row.id}",
                "due": day(due) if due else "",
                "late": late,
                "days": ngettext("%(n)s day late", "%(n)s days late", gone) % {"n": gone} if late else "",
                "owner": owner,
                "maker": maker if maker != owner else "",
                "cannot": row.values.get("answer") == "not",
                "keep_url": f"/promise/{row.id}/act/keep" if row.id in own else "",
            }
        )
    said = ngettext("We owe them %(n)s thing", "We owe them %(n)s things", total) % {"n": number(total)}
    return {
        "url": f"/promise/owed/{entity.key}/{pk}",
        "title": said,
        "rows": rows,
        "late": any(row["late"] for row in rows),
        "all_url": f"/promise/?view=&{view.but(size=query.PAGE, columns=()).query()}" if total > FIRST else "",
    }
