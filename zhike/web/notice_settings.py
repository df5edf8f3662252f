"""How a person is told: switches by kind and channel, quiet hours, gathered mails, browsers that may be pushed to."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.models import User
from zhike.engine import egress, notices, webpush
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import NoticeSettings, PushSubscription
from zhike.engine.notices import GROUPS, KINDS

from .templating import actor_of, render

CHANNELS = {"page": gettext_lazy("Page"), "mail": gettext_lazy("Mail"), "push": gettext_lazy("Push")}
NUMBERS = {"pushes_a_day": 200, "before_minutes": 1_440}
TIMES = ("quiet_from", "quiet_to", "mail_at")
BROWSERS = 10  # of one person
WORKER = "build/push-worker.js"


def _own(request: HttpRequest) -> User:
    """The person at work, who is nobody else's hand."""
    actor = actor_of(request)
    if actor.by:
        raise Missing
    return actor.user


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """One's own settings."""
    user = _own(request)
    own, errors = notices.settings_of([user.pk])[user.pk], dict[str, str]()
    if request.method == "POST":
        errors = _take(own, request.POST)
        if not errors:
            own.save()
            request.session["toast"] = _("Saved. This is how you are told from now on.")
            return HttpResponseRedirect("/me/notices", status=303)
    context = {
        "own": own,
        "errors": errors,
        "channels": CHANNELS,
        "groups": [{"label": label, "kinds": _kinds(own, key)} for key, label in GROUPS.items()],
        "zones": sorted(available_timezones()),
        "firm_zone": settings.TIME_ZONE,
        "mail": user.email,
        "browsers": PushSubscription.objects.filter(user=user).order_by("created_at"),
        "trail": [{"label": _("My account"), "url": "/me"}],
    }
    return render(request, "web/notice_settings.html", context, status=422 if errors else 200)


def _kinds(own: NoticeSettings, group: str) -> list[dict[str, Any]]:
    return [
        {
            "key": kind.key,
            "label": kind.label,
            "on": {c: own.switches.get(kind.key, {}).get(c, getattr(kind, c)) for c in CHANNELS},
        }
        for kind in KINDS.values()
        if kind.group == group
    ]


def _take(own: NoticeSettings, sent: Mapping[str, str]) -> dict[str, str]:
    """Put what was sent into the settings; what is wrong with it, by field."""
    errors: dict[str, str] = {}
    for key, most in NUMBERS.items():
        text = sent.get(key, "").strip()
        if text.isdecimal() and len(text) < 6 and int(text) <= most:
            setattr(own, key, int(text))
        else:
            errors[key] = _("Enter a number from 0 to %(max)s.") % {"max": most}
    for key in TIMES:
        try:
            setattr(own, key, dt.time.fromisoformat(sent.get(key, "")).replace(tzinfo=None))
        except ValueError:
            errors[key] = _("Enter a time such as 21:00.")
    own.zone = sent.get("zone", "")
    if own.zone and own.zone not in available_timezones():
        errors["zone"] = _("Choose a time zone from the list.")
    own.digest, own.quiet_days_off = "digest" in sent, "quiet_days_off" in sent
    own.switches = {}
    for kind in KINDS.values():
        chosen = {c: f"{kind.key}.{c}" in sent for c in CHANNELS}
        if other := {c: on for c, on in chosen.items() if on != getattr(kind, c)}:
            own.switches[kind.key] = other
    return errors


# ---- browsers


@login_required
@require_GET
def key(request: HttpRequest) -> HttpResponse:
    """The public key that a browser subscribes with."""
    _own(request)
    return JsonResponse({"key": webpush.public_key()})


@login_required
@require_POST
def subscribe(request: HttpRequest) -> HttpResponse:
    """Let this browser be pushed to: {endpoint, keys: {p256dh, auth}} as browsers give it."""
    user = _own(request)
    endpoint, keys = _sent(request)
    try:
        egress.check(endpoint)
    except egress.EgressError as error:
        raise Invalid([{"endpoint": [Wrong(error.text, error.code)]}]) from error
    if not webpush.good_keys(keys.get("p256dh", ""), keys.get("auth", "")):
        raise Invalid([{"keys": [Wrong(_("The browser gave no keys that can be used."))]}])
    agent = request.headers.get("User-Agent", "")[:80]
    values = {"user": user, "p256dh": keys["p256dh"], "auth": keys["auth"], "agent": agent}
    made, _new = PushSubscription.objects.update_or_create(endpoint=endpoint, defaults=values)
    old = PushSubscription.objects.filter(user=user).order_by("-created_at", "-pk")[BROWSERS:]
    PushSubscription.objects.filter(pk__in=[one.pk for one in old]).delete()
    request.session["push"] = made.pk
    return HttpResponse(status=204)


def _sent(request: HttpRequest) -> tuple[str, dict[str, str]]:
    try:
        found = json.loads(request.body)
        endpoint, keys = str(found["endpoint"])[:1000], found.get("keys") or {}
        return endpoint, {str(name): str(value) for name, value in keys.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Invalid([{"": [Wrong(_("The browser gave no address to push to."))]}]) from None


@login_required
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Whether this browser's subscription is the reader's; another person's ends: who is signed in here has changed."""
    user = _own(request)
    endpoint, _keys = _sent(request)
    found = PushSubscription.objects.filter(endpoint=endpoint)
    found.exclude(user=user).delete()
    known = found.first()
    if known is not None:
        request.session["push"] = known.pk
    return JsonResponse({"known": known is not None})


@login_required
@require_POST
def end(request: HttpRequest, pk: int) -> HttpResponse:
    """Push to one of one's browsers no more."""
    PushSubscription.objects.filter(user=_own(request), pk=pk).delete()
    return HttpResponseRedirect("/me/notices", status=303)


@require_GET
def worker(request: HttpRequest) -> HttpResponse:
    """The script that shows what is pushed, at an address that stays."""
    file = Path(settings.STATIC_ROOT) / WORKER
    return HttpResponse(file.read_bytes() if file.is_file() else b"", content_type="text/javascript; charset=utf-8")


urlpatterns = [
    path("me/notices", page),
    path("push/key", key),
    path("push/subscribe", subscribe),
    path("push/seen", seen),
    path("push/<int:pk>/end", end),
    path("push/worker.js", worker),
]
