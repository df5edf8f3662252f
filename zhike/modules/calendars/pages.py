"""One's own calendar elsewhere: the feed, the account on a CalDAV server, and the hint that a time is taken."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST, require_safe

from zhike.base.i18n import day
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.errors import Errors, Invalid, Limited, Missing, Wrong
from zhike.modules.activities.models import Activity
from zhike.web import plugs, throttle
from zhike.web.editing import form_answer, go
from zhike.web.identity import fresh
from zhike.web.templating import actor_of, render

from . import accounts, feed, looking, overlaps, own, tasks
from .dav import DavError, Found
from .models import CalDav, Feed, Link

BASE = "/me/calendar"
FEED, FOUND = "calendar_feed", "calendars_found"  # in the session: an address shown once, calendars to choose from
SHOWN = 20
ASKS = throttle.Rule(20, dt.timedelta(minutes=15))  # requests to a server that a person names
STAYS = {
    "repeats": gettext_lazy("Repeating appointments: they stay as they are in your calendar"),
    "private": gettext_lazy("Marked as private"),
    "earlier": gettext_lazy("Begin before today"),
    "not_asked": gettext_lazy("Entered there; you have chosen to leave them there"),
    "cancelled": gettext_lazy("Cancelled"),
    "known": gettext_lazy("From Zhike, but not yours any more"),
    "other": gettext_lazy("Tasks and other things that are no appointments"),
}


def able(request: HttpRequest) -> Actor:
    """Who is here, with own hands and activities to see; Missing for anybody else."""
    actor = actor_of(request)
    if not accounts.may_have(actor):
        raise Missing
    return actor


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The feed and the account, how they are and what can be done."""
    actor = able(request)
    account = accounts.of(actor)
    made = Feed.objects.filter(user=actor.user).first()
    address = request.session.pop(FEED, "") if FEED in request.session else ""
    context = {
        "feed": made,
        "address": address,
        "account": _about(account) if account else None,
        "trail": trail(),
    }
    return render(request, "calendars/page.html", context)


def trail() -> list[dict[str, str]]:
    """Where one is."""
    return [{"label": _("My account"), "url": "/me"}]


def below() -> list[dict[str, str]]:
    """Where one is, one step further."""
    return [*trail(), {"label": _("Calendar and sync"), "url": BASE}]


def _about(account: CalDav) -> dict[str, Any]:
    tones = {CalDav.State.DRAFT: "neutral", CalDav.State.ON: "green", CalDav.State.PAUSED: "amber"}
    failing = account.state == CalDav.State.ON and account.error
    return {
        "host": urlsplit(account.url).hostname,
        "username": account.username,
        "calendar": account.calendar_name or account.calendar_url,
        "chosen": bool(account.calendar_url),
        "direction": account.get_direction_display(),
        "state": pgettext("of a calendar", "Failing") if failing else account.get_state_display(),
        "tone": "red" if failing else tones[CalDav.State(account.state)],
        "is_on": account.state == CalDav.State.ON,
        "error": accounts.explain(account.error) if account.error else "",
        "asks": account.error.startswith("vanished"),
        "run_at": account.run_at,
        "entries": Link.objects.filter(user=account.user_id, activity__isnull=False, is_gone=False).count(),
        "left": Link.objects.filter(user=account.user_id, activity=None).count(),
    }


# ---- the feed


@fresh
@require_POST
def feed_do(request: HttpRequest, action: str) -> HttpResponse:
    """A new address, shown once, or none any more."""
    actor = able(request)
    if action == "make":
        request.session[FEED] = feed.address(feed.renew(actor))
    elif action == "end":
        feed.withdraw(actor)
        request.session["toast"] = _("The address leads nowhere any more.")
    else:
        raise Missing
    return HttpResponseRedirect(BASE, status=303)


@require_safe
def feed_file(request: HttpRequest, secret: str) -> HttpResponse:
    """The calendar for whoever has its address; guessing is slowed down as at every door."""
    attempt = throttle.enter(request, f"feed:{throttle.address(request)}", throttle.ADDRESS)
    if attempt.wait:  # in plain answers: pages set cookies
        return HttpResponse(status=429, headers={"Retry-After": str(attempt.wait)})
    found = feed.find(secret)
    if found is None:
        return HttpResponse(status=404)
    attempt.succeeded()
    body = feed.body(found, timezone.now())
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponse(status=304, headers={"ETag": etag})
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["ETag"] = etag
    response["Content-Disposition"] = 'inline; filename="zhike.ics"'
    return response


# ---- the account


def _slowly(actor: Actor) -> None:
    attempt = throttle.enter(None, f"caldav:{actor.user.pk}", ASKS)
    if attempt.wait:
        raise Limited(_("Too many attempts."), attempt.wait)


@fresh
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Address, user and password; they are kept once the server has taken them."""
    actor = able(request)
    kept = accounts.of(actor)
    given = {"url": kept.url if kept else "https://", "username": kept.username if kept else ""}
    errors: Errors = {}
    if request.method == "POST":
        given = {key: request.POST.get(key, "") for key in given}
        _slowly(actor)
        try:
            found = accounts.save(actor, **given, password=request.POST.get("password", ""))
        except Invalid as invalid:
            errors = invalid.first
        else:
            request.session[FOUND] = [[one.url, one.name] for one in found]
            return go(request, f"{BASE}/choose")
    host = _("For example https://dav.example.com/; your provider says which. Often it wants a password of its own.")
    fields: list[dict[str, Any]] = [
        {"name": "url", "label": _("Address of the server"), "kind": "url", "value": given["url"], "help": host},
        {"name": "username", "label": _("User name"), "kind": "text", "value": given["username"], "maxlength": 200},
        {"name": "password", "label": _("Password"), "kind": "password", "autocomplete": "off",
         "help": _("Leave it empty to keep the one that is saved.") if kept else ""},
    ]  # fmt: skip
    return _form(request, _("Calendar on a server"), fields, errors, f"{BASE}/account", _("Test and go on"))


@login_required
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Which of the calendars there, and what travels."""
    actor = able(request)
    kept = accounts.mine(actor)
    errors: Errors = {}
    try:
        found = _found(request, actor, kept)
    except DavError as error:
        request.session["toast"] = accounts.explain(f"{error.code} {error.detail}")
        return go(request, BASE)
    if request.method == "POST":
        chosen = next((one for one in found if one.url == request.POST.get("calendar")), None)
        try:
            if chosen is None:
                raise Invalid([{"calendar": [Wrong(_("Choose a calendar."), "required")]}])
            accounts.choose(actor, calendar=chosen, direction=request.POST.get("direction", ""))
        except Invalid as invalid:
            errors = invalid.first
        else:
            request.session.pop(FOUND, None)
            return go(request, f"{BASE}/preview")
    ways = [{"value": value, "label": label} for value, label in CalDav.Direction.choices]
    kinds = [{"value": one.url, "label": one.name} for one in found]
    seen = _("What comes in is seen by whoever sees your activities. What is marked as private there stays there.")
    fields: list[dict[str, Any]] = [
        {"name": "calendar", "label": _("Calendar"), "kind": "radio", "required": True, "options": kinds,
         "value": request.POST.get("calendar") or kept.calendar_url or found[0].url, "wide": True},
        {"name": "direction", "label": _("What travels"), "kind": "radio", "required": True, "options": ways,
         "value": request.POST.get("direction") or kept.direction, "help": seen, "wide": True},
    ]  # fmt: skip
    return _form(request, _("Which calendar?"), fields, errors, f"{BASE}/choose", _("Show what would happen"))


def _found(request: HttpRequest, actor: Actor, kept: CalDav) -> Sequence[Found]:
    known = [Found(url, name) for url, name in request.session.get(FOUND, ())]
    if known:
        return known
    _slowly(actor)
    found = accounts.client(kept).calendars()
    if not found:
        raise DavError("nodav")
    request.session[FOUND] = [[one.url, one.name] for one in found]
    return found


def _form(
    request: HttpRequest, title: str, fields: list[dict[str, Any]], errors: Errors, url: str, submit: str
) -> HttpResponse:
    for f in fields:
        f["error"] = " ".join(w.text for w in errors.get(f["name"], ()))
        f.setdefault("wide", True)
    labels = {f["name"]: f["label"] for f in fields}
    context = {
        "title": title,
        "trail": below(),
        "form": {
            "url": url,
            "sections": [{"title": "", "fields": fields}],
            "version": None,
            "key": "",
            "cancel_url": BASE,
            "submit_label": submit,
            "errors": [
                {"name": name, "label": labels.get(name, ""), "text": w.text} for name, ws in errors.items() for w in ws
            ],
        },
    }
    return form_answer(request, context, status=422 if errors else 200)


@login_required
@require_GET
def preview(request: HttpRequest) -> HttpResponse:
    """What the first run would do, before anything is done."""
    actor = able(request)
    kept = accounts.mine(actor)
    if not kept.calendar_url:
        raise Missing
    _slowly(actor)
    plan, error = looking.Plan(), ""
    try:
        plan = looking.preview(kept, accounts.client(kept))
    except DavError as wrong:
        error = accounts.explain(f"{wrong.code} {wrong.detail}")
    context = {
        "account": _about(kept),
        "error": error,
        "out": _shown(plan.out),
        "into": _shown(plan.into),
        "known": plan.known,
        "stays": [{"label": STAYS[key], "n": n} for key, n in sorted(plan.stays.items())],
        "trail": below(),
    }
    return render(request, "calendars/preview.html", context)


def _shown(rows: list[tuple[str, dt.datetime]]) -> dict[str, Any]:
    rows = sorted(rows, key=lambda row: row[1])
    first = [{"title": title, "when": when_text(at)} for title, at in rows[:SHOWN]]
    return {"n": len(rows), "rows": first, "more": len(rows) - len(first)}


def when_text(moment: dt.datetime) -> str:
    """A day, and the time where there is one."""
    local = timezone.localtime(moment)
    return f"{day(local.date())} {local:%H:%M}" if local.time() != dt.time() else str(day(local.date()))


@login_required
@require_POST
def do(request: HttpRequest, action: str) -> HttpResponse:
    """On, a pause, a run now, what has vanished is meant so, remove."""
    actor = able(request)
    kept = accounts.mine(actor)
    if action in ("on", "pause"):
        accounts.switch(actor, on=action == "on")
        text = _("Your calendar is kept in step from now on.") if action == "on" else _("Paused.")
    elif action == "vanish":
        accounts.let_vanish(actor)
        text = _("What is no longer in your calendar is cancelled here.")
    elif action == "run" and kept.state == CalDav.State.ON:
        text = _("A run is on its way.")
    elif action == "remove":
        accounts.remove(actor)
        text = _("The account is forgotten; entries stay on both sides.")
    else:
        raise Missing
    if action in ("on", "vanish", "run"):
        tasks.soon(kept.pk)
    request.session["toast"] = text
    return HttpResponseRedirect(BASE, status=303)


# ---- what else there is at that time


@login_required
@require_http_methods(["GET", "POST"])
def overlap(request: HttpRequest, pk: UUID | None = None) -> HttpResponse:
    """One sentence on what the owner has at that time, as far as who asks may see it; else nothing."""
    actor = actor_of(request)
    access.require(actor, own.entity(), "list")
    if pk is not None:
        row = query.record(actor, own.entity(), pk).rows[0].values
        if row.get("status") != Activity.Status.PLANNED:
            return HttpResponse()
        given = (row.get("owner"), row.get("due_at"), row.get("duration_minutes"))
    else:
        given, pk = _typed(request.POST or request.GET, actor), _id(request.GET.get("but", ""))
    owner, begin, minutes = given
    hits = overlaps.at(actor, owner, begin, minutes, but=pk) if owner and begin else []
    own_time = _("You already have “%(title)s” from %(begin)s to %(end)s.")
    others = _("At that time there is “%(title)s” from %(begin)s to %(end)s.")
    said = [
        {
            "text": (own_time if owner == actor.user.pk else others)
            % {"title": hit.title, "begin": _hour(hit.begin), "end": _hour(hit.end)},
            "url": f"/activity/{hit.id}",
        }
        for hit in hits
    ]
    return render(request, "web/duplicates_hint.html", {"hits": said})


def _hour(moment: dt.datetime) -> str:
    return timezone.localtime(moment).strftime("%H:%M")


def _typed(sent: Any, actor: Actor) -> tuple[UUID | None, dt.datetime | None, int | None]:
    a, text = own.entity().attributes["due_at"], sent.get("duration_minutes", "")
    try:
        begin = a.kind.clean(a, sent.get("due_at", "")[:40])
    except Wrong:
        begin = None
    owner = _id(sent.get("owner", "")) or actor.user.pk
    return owner, begin, int(text) if text.isascii() and text.isdigit() and len(text) < 6 else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


plugs.own_pages.append(
    plugs.OwnPage(
        gettext_lazy("Calendar and sync"),
        gettext_lazy("Your appointments in the calendar of your phone or computer."),
        BASE,
        gettext_lazy("My calendar"),
        "calendar-clock",
        accounts.may_have,
    )
)
plugs.overlaps["activity", "due_at"] = "/calendar/overlaps"
