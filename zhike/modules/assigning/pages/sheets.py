"""What rules know of people: how much they take, where, what they know, when they work."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base import regions
from zhike.base.i18n import day, listed
from zhike.base.models import User
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.modules.assigning import changing, deciding, document, people
from zhike.modules.assigning.models import Sheet
from zhike.web.editing import form_answer, go
from zhike.web.pool_settings import marked
from zhike.web.settings import admin
from zhike.web.templating import render

BASE = "/settings/assigning/people"


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """Everybody whom a rule in use names."""
    admin(request)
    named = {pk for key in deciding.ENTITIES for r in deciding.rules(changing.of(key)) for pk in r.said.who}
    users = sorted(people.named(named), key=lambda u: (u.pinyin, u.name))
    sheets = {s.person_id: s for s in Sheet.objects.filter(person__in=users)}
    rows = [_row(user, sheets.get(user.pk) or Sheet(person=user)) for user in users]
    return render(request, "assigning/people.html", {"rows": rows, "trail": trail()})


def trail() -> list[dict[str, str]]:
    """The way to pages below the rules."""
    return [{"label": _("Settings"), "url": "/settings/"}, {"label": _("Assignment"), "url": "/settings/assigning"}]


def _row(user: User, sheet: Sheet) -> dict[str, Any]:
    lang = translation.get_language() or "zh-hans"
    away = " – ".join(day(d) if d else "" for d in (sheet.away_from, sheet.away_until))
    return {
        "name": user.name,
        "url": f"{BASE}/{user.pk}",
        "place": user.department.name if user.department else "",
        "daily": sheet.daily if sheet.daily is not None else "—",
        "open": sheet.open_limit if sheet.open_limit is not None else "—",
        "territories": listed(regions.name(code, lang) for code in sheet.territories) or "—",
        "skills": listed(sheet.skills) or "—",
        "hours": document.hours_text([(a, b) for a, b in sheet.hours]) or "—",
        "away": away if sheet.away_from or sheet.away_until else "",
        "is_receiving": sheet.is_receiving,
    }


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What rules are to know of one person."""
    actor = admin(request)
    person = User.objects.filter(pk=pk, deleted_at=None).first()
    if person is None:
        raise Missing
    sheet = Sheet.objects.filter(person=person).first() or Sheet(person=person)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            changing.keep_sheet(actor, person, _sent(request))
            request.session["toast"] = _("Saved.")
            return go(request, BASE)
        except Invalid as invalid:
            errors = {k: " ".join(w.text for w in found) for k, found in invalid.first.items()}
    return form_answer(
        request,
        {
            "title": person.name,
            "trail": [*trail(), {"label": _("People"), "url": BASE}],
            "conflict": None,
            "form": {
                "url": request.path,
                "sections": marked(_sections(sheet), errors),
                "errors": [{"name": k, "label": "", "text": text} for k, text in errors.items()],
                "key": "",
                "cancel_url": BASE,
            },
        },
        status=422 if errors else 200,
    )


def _sent(request: HttpRequest) -> dict[str, Any]:
    post = request.POST

    def number(name: str) -> int | None:
        raw = post.get(name, "").strip()
        if raw and not (raw.isascii() and raw.isdecimal() and len(raw) < 8):
            raise Invalid([{name: [Wrong(_("Enter a whole number."))]}])
        return int(raw) if raw else None

    def date(name: str) -> dt.date | None:
        raw = post.get(name, "").strip()
        try:
            return dt.date.fromisoformat(raw) if raw else None
        except ValueError:
            raise Invalid([{name: [Wrong(_("Enter a date."))]}]) from None

    return {
        "is_receiving": post.get("is_receiving") == "1",
        "daily": number("daily"),
        "open_limit": number("open_limit"),
        "territories": post.getlist("territories"),
        "skills": [w for part in post.get("skills", "").replace("，", ",").split(",") if (w := part.strip())],
        "hours": post.get("hours", ""),
        "away_from": date("away_from"),
        "away_until": date("away_until"),
    }


def _sections(sheet: Sheet) -> list[dict[str, Any]]:
    lang = translation.get_language() or "zh-hans"
    places = [{"value": code, "label": regions.full_name(code, lang)} for code in sheet.territories]
    return [
        {"title": _("How much"), "fields": [
            {"name": "is_receiving", "label": _("Gets new records by rules"), "kind": "checkbox",
             "value": sheet.is_receiving},
            {"name": "daily", "label": _("New records a day, at most"), "kind": "integer",
             "value": "" if sheet.daily is None else sheet.daily},
            {"name": "open_limit", "label": _("Open records at one time, at most"), "kind": "integer",
             "value": "" if sheet.open_limit is None else sheet.open_limit},
        ]},
        {"title": _("For what"), "fields": [
            {"name": "territories", "label": _("Territories"), "kind": "multicombo", "wide": True,
             "options_url": "/options/region", "value": places, "help": _("With everything below them.")},
            {"name": "skills", "label": _("Products that they know"), "wide": True, "value": ", ".join(sheet.skills),
             "help": _("Words, separated by commas, that are looked for in what a lead is interested in.")},
        ]},
        {"title": _("When"), "fields": [
            {"name": "hours", "label": _("On duty"), "wide": True,
             "value": document.hours_text([(a, b) for a, b in sheet.hours]),
             "help": _("Such as 09:00-12:00, 13:30-18:00. Empty: the hours of the rule.")},
            {"name": "away_from", "label": _("Away from"), "kind": "date",
             "value": sheet.away_from.isoformat() if sheet.away_from else ""},
            {"name": "away_until", "label": _("Away until"), "kind": "date",
             "value": sheet.away_until.isoformat() if sheet.away_until else ""},
        ]},
    ]  # fmt: skip


urlpatterns = [path("settings/assigning/people", index), path("settings/assigning/people/<uuid:pk>", edit)]
