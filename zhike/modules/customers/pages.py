"""The consents of one person, each withdrawn by one tap (PIPL art. 15: as easily as it was given)."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from zhike.engine import query, records
from zhike.engine.entity import get
from zhike.engine.errors import Missing
from zhike.engine.query import Condition, View
from zhike.web import plugs
from zhike.web.editing import go
from zhike.web.templating import actor_of, render

from .models import Consent


@login_required
@require_GET
def consents_of(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All grounds of one person, those in force with a button."""
    actor, entity = actor_of(request), get("consent")
    person = query.record(actor, get("contact"), pk)
    page = query.page(actor, entity, View(conditions=(Condition("contact", "eq", pk),), sort="-given_at", size=100))
    reach = query.visible(actor, entity, "withdraw").filter(pk__in=[r.id for r in page.rows])
    mine = set(reach.values_list("pk", flat=True))
    rows = [
        {
            "purpose": page.text(row, "purpose"),
            "basis": page.text(row, "basis"),
            "given": row.values["given_at"],
            "withdrawn": row.values["withdrawn_at"],
            "is_live": row.values["is_live"],
            "url": f"/consent/{row.id}",
            "withdraw_url": f"/contact/{pk}/consents/{row.id}/withdraw"
            if row.id in mine and row.values["withdrawn_at"] is None
            else "",
        }
        for row in page.rows
    ]
    name = person.text(person.rows[0], "name")
    context = {
        "title": _("Consents of %(name)s") % {"name": name},
        "trail": [{"label": get("contact").plural, "url": "/contact/"}, {"label": name, "url": f"/contact/{pk}"}],
        "rows": rows,
        "new_url": f"/consent/new?contact={pk}",
    }
    return render(request, "web/privacy_consents.html", context, blocks={"drawer-body": "inside"})


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: UUID, consent: UUID) -> HttpResponse:
    """Withdraw one consent; it stays as what it was."""
    actor = actor_of(request)
    query.record(actor, get("contact"), pk)
    found = Consent.objects.filter(pk=consent, contact=pk, deleted_at=None).first()
    if found is None:
        raise Missing
    records.act(actor, get("consent"), found.pk, "withdraw")
    request.session["toast"] = _("Withdrawn. From now on nothing is done on this ground.")
    return go(request, f"/contact/{pk}")


plugs.actions.setdefault("contact", []).append(
    plugs.RecordAction(
        gettext_lazy("Consents"), "shield-check", lambda pk: f"/contact/{pk}/consents", lambda _values, _may: True
    )
)
