"""Keys for programs: one's own, and those of all for who is in charge of security."""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import access, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Errors, Invalid, Missing
from zhike.engine.models import Token
from zhike.engine.pools import known

from .identity import fresh
from .templating import actor_of, render

DAYS = (7, 30, 90, 180, 365)
SHOWN = 100  # uses of a key on its page; the file has them all


@login_required
@require_GET
def mine(request: HttpRequest) -> HttpResponse:
    """One's own keys."""
    actor = actor_of(request)
    rows = [_row(token) for token in Token.objects.filter(user=actor.user.pk).order_by("-at")]
    return render(request, "web/tokens.html", {"rows": rows, "own": True, "new_url": "/me/tokens/new"})


@login_required
@require_GET
def of_all(request: HttpRequest) -> HttpResponse:
    """The keys of everybody."""
    if not tokens.in_charge(actor_of(request)):
        raise Missing
    found = Token.objects.select_related("user").order_by("-at")
    rows = [{**_row(token), "owner": token.user.name} for token in found]
    live = sum(1 for row in rows if row["state"] == "live")
    return render(request, "web/tokens.html", {"rows": rows, "own": False, "live": live})


def _row(token: Token) -> dict[str, Any]:
    now = timezone.now()
    state = "ended" if token.revoked_at else "expired" if token.expires_at <= now else "live"
    return {
        "name": token.name,
        "prefix": token.prefix,
        "scopes": token.scopes,
        "networks": token.networks,
        "expires_at": token.expires_at,
        "used_at": token.used_at,
        "state": state,
        "url": f"/me/tokens/{token.pk}",
        "end_url": f"/me/tokens/{token.pk}/end" if state == "live" else "",
    }


@fresh
@require_http_methods(["GET", "POST"])
def new(request: HttpRequest) -> HttpResponse:
    """A new key within what one may do oneself; it is shown once."""
    actor = actor_of(request)
    errors: Errors = {}
    if request.method == "POST":
        try:
            issued = tokens.issue(
                actor,
                name=request.POST.get("name", ""),
                scopes=request.POST.getlist("scopes"),
                days=_number(request, "days"),
                networks=request.POST.get("networks", "").replace(",", " ").split(),
                rows_per_day=_number(request, "rows_per_day"),
            )
        except Invalid as invalid:
            errors = invalid.first
        else:
            context = {"secret": issued.secret, "name": issued.token.name, "expires_at": issued.token.expires_at}
            return render(request, "web/token_shown.html", context)
    status = 422 if errors else 200
    return render(request, "web/token_new.html", _form(request, actor, errors), status=status)


def _number(request: HttpRequest, name: str) -> int:
    text = request.POST.get(name, "").replace(",", "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


def _form(request: HttpRequest, actor: Actor, errors: Errors) -> dict[str, Any]:
    labels = {"name": _("Name"), "days": _("Valid for"), "networks": _("Networks"), "scopes": _("What it may do")}
    labels["rows_per_day"] = _("Rows a day")

    def field(name: str, kind: str, default: str = "", **more: Any) -> dict[str, Any]:
        error = " ".join(w.text for w in errors.get(name, ()))
        value = request.POST.get(name, default)
        return {"name": name, "label": labels[name], "kind": kind, "value": value, "error": error, **more}

    days = [{"value": str(n), "label": ngettext("%(num)s day", "%(num)s days", n) % {"num": n}} for n in DAYS]
    return {
        "fields": [
            field("name", "text", required=True, maxlength=80, help=_("Which program uses it, and what for.")),
            field("days", "select", "90", required=True, options=days),
            field("rows_per_day", "integer", "100000", required=True, help=_("How many records it may read a day.")),
            field(
                "networks",
                "textarea",
                help=_("Addresses it may be used from, one per line, such as 203.0.113.0/24. Empty: from anywhere."),
            ),
        ],
        "errors": [
            {"name": name, "label": labels.get(name, ""), "text": w.text} for name, ws in errors.items() for w in ws
        ],
        "scope_error": " ".join(w.text for w in errors.get("scopes", ())),
        "rows": _matrix(actor, set(request.POST.getlist("scopes"))),
        "actions": list(access.ACTIONS),
    }


def _matrix(actor: Actor, chosen: set[str]) -> list[dict[str, Any]]:
    """Entities × actions, as far as the actor has them."""
    offered = tokens.offered(actor)
    rows = []
    for entity in entities().values():
        cells = [_cell(f"{entity.key}:{action}", action, offered, chosen) for action in access.ACTIONS]
        own = [
            {**_cell(f"{entity.key}:{key}", key, offered, chosen), "label": action.label}
            for key, action in entity.actions.items()
        ]
        own += [
            {**_cell(f"{entity.key}:{key}", key, offered, chosen), "label": label} for key, label in known.MOVES.items()
        ]
        if any(c["may"] for c in (*cells, *own)):
            rows.append({"label": entity.plural, "cells": cells, "own": [c for c in own if c["may"]]})
    return rows


def _cell(scope: str, action: str, offered: set[str], chosen: set[str]) -> dict[str, Any]:
    return {"value": scope, "action": action, "may": scope in offered, "checked": scope in chosen}


def _token(request: HttpRequest, pk: UUID) -> Token:
    found = Token.objects.select_related("user").filter(tokens.mine_or_all(actor_of(request)), pk=pk).first()
    if found is None:
        raise Missing
    return found


@login_required
@require_GET
def uses(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a key was used for in the last 90 days, and which records it was given."""
    token = _token(request, pk)
    found = tokens.readings(token)
    if request.GET.get("file") == "csv":
        return _file(token)
    rows: list[tokens.Reading] = []
    sums, count = Counter[str](), 0
    for reading in found:
        sums[reading.entity] += reading.rows
        count += 1
        if len(rows) < SHOWN:
            rows.append(reading)
    known = entities()
    context = {
        "token": {**_row(token), "owner": token.user.name},
        "rows": [
            {"at": r.at, "entity": known[r.entity].plural if r.entity in known else r.entity, "doing": r.doing,
             "rows": r.rows} for r in rows
        ],
        "sums": [{"label": known[k].plural if k in known else k, "rows": n} for k, n in sums.most_common()],
        "count": count,
        "file_url": f"/me/tokens/{pk}?file=csv",
    }  # fmt: skip
    return render(request, "web/token_uses.html", context)


def _file(token: Token) -> HttpResponse:
    """Every record that the key was given, as a table."""
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["at", "entity", "doing", "record"])
    for reading in tokens.readings(token):
        table.writerows([reading.at.isoformat(), reading.entity, reading.doing, pk] for pk in reading.records)
    response = HttpResponse(out.getvalue(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{token.prefix}.csv"'
    return response


@login_required
@require_POST
def end(request: HttpRequest, pk: UUID) -> HttpResponse:
    """End a key at once."""
    token = _token(request, pk)
    tokens.revoke(actor_of(request), pk)
    request.session["toast"] = _("The key “%(name)s” has ended.") % {"name": token.name}
    own = token.user_id == actor_of(request).user.pk
    return HttpResponseRedirect("/me/tokens" if own else "/settings/tokens", status=303)


@fresh
@require_http_methods(["GET", "POST"])
def end_all(request: HttpRequest) -> HttpResponse:
    """The kill switch: every key of everybody."""
    actor = actor_of(request)
    if not tokens.in_charge(actor):
        raise Missing
    if request.method == "POST":
        ended = tokens.revoke_all(actor)
        request.session["toast"] = ngettext("%(num)s key has ended.", "%(num)s keys have ended.", ended) % {
            "num": ended
        }
        return HttpResponseRedirect("/settings/tokens", status=303)
    live = Token.objects.filter(revoked_at=None, expires_at__gt=timezone.now()).count()
    return render(request, "web/token_end_all.html", {"live": live})


urlpatterns = [
    path("me/tokens", mine),
    path("me/tokens/new", new),
    path("me/tokens/<uuid:pk>", uses),
    path("me/tokens/<uuid:pk>/end", end),
    path("settings/tokens", of_all),
    path("settings/tokens/end", end_all),
]
