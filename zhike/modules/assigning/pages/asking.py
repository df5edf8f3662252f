"""Having rules give records at once: ticked rows of a list or of a pool. The preview is the deed, taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from zhike.base.ids import uuid7
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Refused
from zhike.engine.pools import known
from zhike.modules.assigning import changing, deciding, telling
from zhike.modules.assigning.deciding import Done
from zhike.modules.assigning.models import Decision
from zhike.web.bulk import chosen_in
from zhike.web.templating import actor_of, render

MOST = 1_000


def offered(actor: Actor, entity: AnyEntity) -> list[dict[str, Any]]:
    """The button above ticked rows of a list."""
    if not deciding.may_ask(actor, entity):
        return []
    return [{"label": _("Give by rules"), "icon": "user-plus", "page": f"/assigning/run/{entity.key}", "most": MOST}]


@login_required
@require_http_methods(["GET", "POST"])
def run(request: HttpRequest, key: str) -> HttpResponse:
    """Look at who would get what, then have it done; only what nobody has is given."""
    actor, entity = actor_of(request), changing.of(key)
    if not deciding.may_ask(actor, entity):
        raise Refused(f"transfer {key}")
    sent = request.POST if request.method == "POST" else request.GET
    seen = query.visible(actor, entity, "transfer").filter(pk__in=chosen_in(sent).ids[:MOST])
    ids = list(seen.filter(owner=None).order_by("pk").values_list("pk", flat=True))
    owned = seen.count() - len(ids)
    if request.method == "POST":
        request.session["toast"] = said(deciding.run(entity, ids, by=actor.hand))
        return HttpResponseRedirect(f"/{key}/", status=303)
    done, who = _preview(actor, entity, ids)
    context = {
        "what": entity.plural,
        "ids": ",".join(map(str, ids)),
        "rows": [{"name": name, "count": n} for name, n in who],
        "lines": told(done, owned),
        "can": done.given or done.hand,
        "url": f"/assigning/run/{key}",
        "back": f"/{key}/",
        "trail": [{"label": entity.plural, "url": f"/{key}/"}],
    }
    return render(request, "assigning/run.html", context)


def _preview(actor: Actor, entity: AnyEntity, ids: Collection[UUID]) -> tuple[Done, list[tuple[str, int]]]:
    with transaction.atomic():
        before = uuid7()
        done = deciding.run(entity, ids, by=actor.hand)
        made = Decision.objects.filter(record__in=ids, by=actor.hand, pk__gt=before, person__isnull=False)
        counts = Counter(made.values_list("person", flat=True))
        transaction.set_rollback(True)
    names = telling.names(counts.keys())
    return done, [(names[pk], n) for pk, n in counts.most_common()]


def of_pool(actor: Actor, pool: UUID, ids: Sequence[UUID]) -> str:
    """Records of a pool, for who keeps it: what became of them."""
    found = known.find(actor, pool)
    if not found.has_admin(actor.user):
        raise Refused(f"assign {found.entity.key}")
    rows = found.entity.rows("what lies in a pool that the actor keeps").filter(known.lying(found), pk__in=ids)
    here = list(rows.values_list("pk", flat=True))
    return said(deciding.run(found.entity, here, by=actor.hand)) if here else _("Nothing was chosen.")


def said(done: Done) -> str:
    """What became of records, in a line."""
    return " ".join(told(done)) or _("Nothing was chosen.")


def told(done: Done, owned: int = 0) -> list[str]:
    """What became of records, each in a sentence."""
    parts = (
        (done.given, ngettext("%(n)s record given.", "%(n)s records given.", done.given)),
        (done.nobody, ngettext("Nobody fits for %(n)s record.", "Nobody fits for %(n)s records.", done.nobody)),
        (done.hand, ngettext("%(n)s record is given by hand.", "%(n)s records are given by hand.", done.hand)),
        (done.left, ngettext("No rule is for %(n)s record.", "No rule is for %(n)s records.", done.left)),
        (done.failed, ngettext("%(n)s record could not be given.", "%(n)s records could not be given.", done.failed)),
        (owned, ngettext("%(n)s record has an owner already.", "%(n)s records have an owner already.", owned)),
    )
    return [text % {"n": n} for n, text in parts if n]


urlpatterns = [path("assigning/run/<slug:key>", run)]
