"""The draft of the configuration: what it changes, preview, publishing, the log, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.engine import catalog
from zhike.engine.access import Actor
from zhike.engine.config import changes, document, lifecycle, textfile, uses
from zhike.engine.config.lifecycle import Unfit
from zhike.engine.errors import Conflict, Invalid, Missing
from zhike.engine.models import Configuration

from .config_common import bar, crumbs, done
from .settings import admin
from .templating import render

KEY = "config_preview"
READING = ("GET", "HEAD", "OPTIONS")
Next = Callable[[HttpRequest], HttpResponse]
HERE = "/settings/config"
SHOWN = 30


@login_required
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """What the draft would change, what would break, and what was published before."""
    return _overview(request, admin(request), ())


def _overview(request: HttpRequest, actor: Actor, errors: Sequence[str]) -> HttpResponse:
    row, steps, who = lifecycle.draft(), lifecycle.pending(), lifecycle.authors()
    wanted = lifecycle.working()
    breaks = uses.impact(lifecycle.before(wanted), wanted) if row else {}
    found = [
        {
            "what": s.what,
            "text": s.text,
            "kind": s.kind,
            "who": who.get(s.where, ""),
            "breaks": [{"what": b.what, "name": b.name} for b in breaks.get(s.where, ())],
        }
        for s in steps
    ]
    context = {
        "bar": {**bar(actor), "here": True},
        "steps": found,
        "broken": sum(len(b) for b in breaks.values()),
        "warnings": [p.text for p in document.problems(wanted) if p.warns] if row else [],
        "errors": [{"name": "", "label": "", "text": text} for text in errors],
        "log": [_version(c) for c in _log()],
        "trail": crumbs(),
        "preview": bool(request.session.get(KEY)),
    }
    return render(request, "web/config.html", context, status=422 if errors else 200)


def _log() -> Sequence[Configuration]:
    found = Configuration.objects.exclude(number=None).select_related("by").defer("document")
    return list(found.order_by("-number")[:SHOWN])


def _version(c: Configuration) -> dict[str, Any]:
    return {
        "number": c.number,
        "at": c.at,
        "by": c.by.name if c.by else "",
        "note": c.note,
        "now": c.state == Configuration.State.PUBLISHED,
        "url": f"{HERE}/log/{c.number}",
    }


@login_required
@require_http_methods(["GET", "POST"])
def version(request: HttpRequest, number: int) -> HttpResponse:
    """One published configuration: what it changed, and what going back to it would change."""
    actor = admin(request)
    c = Configuration.objects.filter(number=number).select_related("by").first()
    if c is None:
        raise Missing
    errors: list[str] = []
    if request.method == "POST":
        try:
            made = lifecycle.roll_back(actor, number)
        except Unfit as unfit:
            errors = [f"{p.path}: {p.text}" for p in unfit.problems]
        except Invalid as invalid:
            errors = [w.text for found in invalid.first.values() for w in found]
        else:
            text = _("Version %(old)s is in force again, as version %(n)s.") % {"old": number, "n": made.number}
            return done(request, HERE, text)
    before = Configuration.objects.filter(number__lt=number).order_by("-number").first()
    now = lifecycle.before(c.document)
    context = {
        "version": _version(c),
        "steps": [
            {"what": s.what, "text": s.text, "kind": s.kind}
            for s in changes.diff(
                before.document if before else {}, c.document if before else lifecycle.core(c.document)
            )
        ],
        "back": [{"what": s.what, "text": s.text, "kind": s.kind} for s in changes.diff(now, c.document)],
        "breaks": [{"what": b.what, "name": b.name} for found in uses.impact(now, c.document).values() for b in found],
        "errors": [{"name": "", "label": "", "text": text} for text in errors],
        "url": request.path,
        "trail": crumbs((_("Changes and versions"), HERE)),
    }
    return render(request, "web/config_version.html", context, status=422 if errors else 200)


@login_required
@require_POST
def do(request: HttpRequest, action: str) -> HttpResponse:
    """Publish, throw away, carry over, begin or end looking."""
    actor = admin(request)
    doing = {"publish": _publish, "discard": _discard, "carry": _carry, "preview": _begin, "leave": _leave}
    if action not in doing:
        raise Missing
    return doing[action](request, actor)


def _publish(request: HttpRequest, actor: Actor) -> HttpResponse:
    """From the bar at once where nothing breaks; what breaks is looked at first."""
    wanted = lifecycle.working()
    if request.POST.get("looked") != "1" and uses.impact(lifecycle.before(wanted), wanted):
        return HttpResponseRedirect(HERE, status=303)
    said = request.POST.get("version", "")
    try:
        with transaction.atomic():
            made = lifecycle.publish(actor, int(said) if said.isdecimal() else 0, request.POST.get("note", ""))
    except Conflict:
        return _overview(request, actor, [_("The draft has changed since you looked at it. Look again, then publish.")])
    except (Unfit, Invalid) as wrong:
        catalog.assume(None)
        catalog.refresh()
        return _overview(request, actor, texts(wrong))
    request.session.pop(KEY, None)
    text = _("Published as version %(n)s. Everybody has it from the next page on.") % {"n": made.number}
    back = request.POST.get("next", "")
    return done(request, back if back.startswith("/settings/") else HERE, text)


def texts(wrong: Unfit | Invalid) -> list[str]:
    """What is wrong, in sentences."""
    if isinstance(wrong, Unfit):
        return [_("%(label)s: %(text)s") % {"label": p.path, "text": p.text} for p in wrong.problems]
    return [w.text for found in wrong.first.values() for w in found]


def _discard(request: HttpRequest, actor: Actor) -> HttpResponse:
    lifecycle.discard(actor)
    request.session.pop(KEY, None)
    return done(request, HERE, _("The draft is thrown away."))


def _carry(request: HttpRequest, actor: Actor) -> HttpResponse:
    lost = lifecycle.carry_over(actor)
    text = _("The draft stands on what is in force now.")
    if lost:
        text = ngettext(
            "The draft stands on what is in force now; %(n)s entry had changed there too and is as it is there.",
            "The draft stands on what is in force now; %(n)s entries had changed there too and are as they are there.",
            len(lost),
        ) % {"n": len(lost)}
    return done(request, HERE, text)


def _begin(request: HttpRequest, actor: Actor) -> HttpResponse:
    request.session[KEY] = True
    return HttpResponseRedirect("/", status=303)


def _leave(request: HttpRequest, actor: Actor) -> HttpResponse:
    request.session.pop(KEY, None)
    return HttpResponseRedirect(HERE, status=303)


@login_required
@require_GET
def file(request: HttpRequest) -> HttpResponse:
    """What is in force as the file that `zhike config apply` reads; roles only for who may do everything."""
    actor = admin(request)
    text = textfile.export(roles=actor.office == "all")
    answer = HttpResponse(text, content_type="application/toml; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="zhike-config.toml"'
    return answer


def previewing(get_response: Next) -> Next:
    """While an administrator looks at the draft, every page works with it and nothing can be sent."""

    def answer(request: HttpRequest) -> HttpResponse:
        session = getattr(request, "session", None)
        if session is None or not request.user.is_authenticated or not session.get(KEY):
            return get_response(request)
        # Here, because errors and templating ask middleware of this package.
        from . import errors
        from .templating import actor_of

        actor = actor_of(request)
        row = lifecycle.draft()
        if actor.office not in lifecycle.OFFICES or actor.by or row is None:
            session.pop(KEY, None)
            return get_response(request)
        if request.path.startswith(("/settings/config", "/logout", "/lang", "/login")):
            return get_response(request)
        if request.method not in READING:
            return errors.page(
                request, 403, detail=_("You are looking at a draft: nothing is saved. Stop looking first.")
            )
        with catalog.preview(lifecycle.working()):
            return get_response(request)

    return answer


urlpatterns = [
    path("settings/config", overview),
    path("settings/config/log/<int:number>", version),
    path("settings/config/do/<slug:action>", do),
    path("settings/config/file", file),
]
