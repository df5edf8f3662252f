"""Converting a lead: link or make the customer and the contact, and open a deal if there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from zhike.base.i18n import listed
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import get
from zhike.engine.errors import Errors, Invalid, Wrong
from zhike.engine.kinds import KINDS, Attribute
from zhike.modules.leads import services as leads
from zhike.modules.leads.models import Lead
from zhike.modules.sales import services
from zhike.web import forms
from zhike.web.editing import also, asks, form_answer, go
from zhike.web.listing import entity_info
from zhike.web.templating import actor_of

NEW, OTHER = "new", "other"


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The dialogue of the conversion; afterwards the deal, or the customer where there is none."""
    actor = actor_of(request)
    shown = query.record(actor, get("lead"), pk, "convert")
    lead = query.visible(actor, get("lead"), "convert").get(pk=pk)
    errors: Errors = {}
    if request.method == "POST":
        try:
            said = _said(request, actor)
            with doubles.at("typed", confirmed=forms.is_sure(request)) as told:
                done = services.convert(actor, pk, version=forms.version(request), **said)
        except Invalid as invalid:
            errors = invalid.first
        else:
            request.session["toast"] = also(_("Lead converted."), told)
            return go(request, f"/deal/{done.deal.pk}" if done.deal else f"/account/{done.account}")
    context = {
        "entity": entity_info(actor, get("lead")),
        "title": _("Convert: %(name)s") % {"name": lead.name},
        "conflict": None,
        "trail": [{"label": get("lead").plural, "url": "/lead/"}, {"label": lead.name, "url": f"/lead/{pk}"}],
        "form": {
            "url": request.get_full_path(),
            "sections": _sections(request, actor, lead, errors),
            "errors": [
                {"name": _field(key), "label": _label(key), "text": w.text} for key, ws in errors.items() for w in ws
            ],
            "version": shown.rows[0].version,
            "key": "",
            "submit_label": _("Convert"),
            "confirms": asks(errors),
            "cancel_url": f"/lead/{pk}",
        },
    }
    return form_answer(request, context, status=422 if errors else 200)


def _said(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    """What was chosen, as services.convert takes it; Invalid for what cannot be."""
    sent = request.POST
    errors: dict[str, list[Wrong]] = {}
    found: dict[str, Any] = {"new_account": sent.get("account") == NEW}
    chosen = sent.get("account", "")
    if chosen in (NEW, OTHER) and sent.get("other"):  # whoever names a customer means it
        chosen, found["new_account"] = sent["other"], False
    if not found["new_account"]:
        if not forms.is_uuid(chosen):
            errors["account"] = [Wrong(_("Choose the customer, or make a new one."), "required")]
        else:
            found["account"] = UUID(chosen)
    if sent.get("with_deal"):
        if not sent.get("deal_name", "").strip():
            errors["deal_name"] = [Wrong(_("Give the deal a name."), "required")]
        found["deal_name"] = sent.get("deal_name", "").strip()[:200]
        for key in ("amount", "expected_on"):
            a = get("deal").attributes[key]
            try:
                found[key] = a.kind.clean(a, sent.get(key, ""))
            except Wrong as wrong:
                errors[key] = [wrong]
    if errors:
        raise Invalid([errors])
    return found


def _field(key: str) -> str:
    return key if key in ("account", "other", "deal_name", "amount", "expected_on") else ""


def _label(key: str) -> Any:
    deal = get("deal").attributes
    known = {"account": _("Customer"), "deal_name": deal["name"].label}
    return known.get(key) or (deal[key].label if key in deal else get("lead").label)


def _sections(request: HttpRequest, actor: Actor, lead: Lead, errors: Errors) -> list[dict[str, Any]]:
    texts = {key: " ".join(w.text for w in found) for key, found in errors.items()}
    sections = [{"title": _("Customer"), "fields": _customer(request, actor, lead, texts)}]
    if access.may(actor, get("deal"), "create"):
        sections.append({"title": _("Deal"), "fields": _deal(request, actor, lead, texts)})
    return sections


def _customer(request: HttpRequest, actor: Actor, lead: Lead, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    """Customers that look the same come first; those out of sight are told by their department alone."""
    found = leads.candidates(actor, lead)
    why = {"uscc": _("same credit code"), "name": _("same name"), "phone": _("same phone"), "email": _("same email")}
    options = [{"value": str(m.id), "label": m.name, "hint": why.get(m.why, "")} for m in found if m.id]
    named = _named(request, actor)
    if named and named[0] not in {o["value"] for o in options}:
        options.insert(0, {"value": named[0], "label": named[1], "hint": ""})
    name = lead.company or lead.name
    new = {"value": NEW, "label": _("New customer “%(name)s”") % {"name": name}, "hint": ""}
    other = {"value": OTHER, "label": _("Another customer"), "hint": ""}
    hidden = [m.department for m in found if not m.id]
    chosen = request.POST.get("account") or (named or (options[0]["value"] if options else NEW, ""))[0]
    if hidden:
        new["hint"] = _("Looks like a customer of: %(where)s. Ask there first.") % {
            "where": listed(filter(None, hidden)) or "—"
        }
    a = Attribute(key="other", label=_("Customer to link"), kind=KINDS["link"], target="account")
    combo = forms.field(get("lead"), a, None, {}, actor=actor, raw=request.POST.get("other", ""))
    return [
        {
            "name": "account",
            "label": _("Link to"),
            "kind": "radio",
            "options": [*options, new, other],
            "value": chosen,
            "error": texts.get("account", ""),
            "wide": True,
        },
        {**combo, "help": _("Only for “Another customer”."), "wide": True},
        {"name": "contact_note", "label": _("Contact"), "kind": "readonly", "value": _contact(lead), "wide": True},
    ]


def _named(request: HttpRequest, actor: Actor) -> tuple[str, str] | None:
    """The customer that the address names, by itself or by one of its contacts: (id, name)."""
    said, contact = request.GET.get("account", ""), request.GET.get("contact", "")
    if forms.is_uuid(contact):
        row = query.visible(actor, get("contact")).filter(pk=contact).first()
        said = str(row.account_id or "") if row and "account" in access.readable(actor, get("contact")) else ""
    if not forms.is_uuid(said):
        return None
    name = query.names(actor, "account", [UUID(said)]).get(UUID(said))
    return (said, name) if name is not None else None


def _contact(lead: Lead) -> str:
    person = lead.contact_name or (lead.name if lead.company and lead.name != lead.company else "")
    if not person:
        return _("No contact person is named; none will be made.")
    a = get("lead").attributes["phone"]
    number = a.kind.text(a, lead.phone, {})
    text = _("%(name)s: linked if the customer has a contact with this name or number, else made.")
    return text % {"name": " ".join(filter(None, (person, number)))}


def _deal(request: HttpRequest, actor: Actor, lead: Lead, texts: Mapping[str, str]) -> list[dict[str, Any]]:
    sent = request.POST if request.method == "POST" else None
    subject = " ".join(filter(None, (lead.company or lead.name, lead.interest)))
    deal = get("deal")
    allowed = access.writable(actor, deal)
    found: list[dict[str, Any]] = [
        {
            "name": "with_deal",
            "label": _("Open a deal"),
            "kind": "checkbox",
            "value": bool(sent.get("with_deal")) if sent is not None else bool(lead.interest),
            "wide": True,
        },
        {
            "name": "deal_name",
            "label": deal.attributes["name"].label,
            "kind": "text",
            "value": sent.get("deal_name", "") if sent is not None else subject[:200],
            "maxlength": 200,
            "error": texts.get("deal_name", ""),
            "wide": True,
        },
    ]
    for key in ("amount", "expected_on"):
        if key in allowed:
            raw = sent.get(key, "") if sent is not None else ""
            field = forms.field(deal, allowed[key], None, {}, actor=actor, error=texts.get(key, ""), raw=raw)
            found.append({**field, "required": False})
    return found
