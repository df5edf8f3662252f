"""What every answer has in common: headers, language, and a page for each thing that can go wrong."""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils import translation
from django.utils.cache import patch_vary_headers

from zhike.engine import access, merging
from zhike.engine.entity import entities
from zhike.engine.errors import Conflict, Invalid, Limited, Missing, Refused
from zhike.engine.transfer import sets

from . import errors, files, refused
from .templating import actor_of

Next = Callable[[HttpRequest], HttpResponse]
POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "manifest-src": "'self'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
# What a browser may do for a page; a visit notes where it is, and a card may be photographed.
PERMISSIONS = "geolocation=(self), camera=(self), " + ", ".join(
    f"{name}=()"
    for name in (
        "accelerometer", "autoplay", "display-capture", "encrypted-media", "fullscreen", "gyroscope", "hid",
        "magnetometer", "microphone", "midi", "payment", "picture-in-picture", "screen-wake-lock", "serial", "usb",
    )
)  # fmt: skip
VARY = ("Cookie", "Accept-Language", "HX-Request")
ROOM = 1024 * 1024  # for the fields of a form besides its file
STATUS = ((Limited, 429), (Refused, 403), (Missing, 404), (Conflict, 409))


def policy(*, form_action: Sequence[str] = ()) -> str:
    """The content security policy; `form_action` names further origins that a form may lead to, as for signing in."""
    found = {**POLICY, "form-action": " ".join(["'self'", *form_action])}
    ending = "; upgrade-insecure-requests" if settings.HTTPS else ""
    return "; ".join(f"{name} {value}" for name, value in found.items()) + ending


def headers(get_response: Next) -> Next:
    """Security headers on every answer, the outermost of all; nothing but static files is kept by caches."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", policy())
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Referrer-Policy", settings.SECURE_REFERRER_POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        if settings.HTTPS:
            age = settings.SECURE_HSTS_SECONDS
            response.headers["Strict-Transport-Security"] = f"max-age={age}; includeSubDomains"
        if not (request.path.startswith(settings.STATIC_URL) and response.status_code in (200, 206, 304)):
            response.headers["Cache-Control"] = "no-store"
            patch_vary_headers(response, VARY)
        return response

    return answer


def _merged(request: HttpRequest) -> HttpResponse | None:
    """The page of the record that a merged one became part of. No cache keeps it: a merge can be taken back."""
    match = request.resolver_match
    if request.method not in ("GET", "HEAD") or match is None or not {"key", "pk"} <= match.kwargs.keys():
        return None
    entity, pk = entities().get(match.kwargs["key"]), match.kwargs["pk"]
    if entity is None or not request.user.is_authenticated:
        return None
    keeper = merging.seen(actor_of(request), entity, pk)
    if keeper is None:
        return None
    return HttpResponseRedirect(request.get_full_path().replace(str(pk), str(keeper), 1), status=301)


def limits(get_response: Next) -> Next:
    """A body that is larger than any form is refused unread; the host of files answers for files alone."""

    def answer(request: HttpRequest) -> HttpResponse:
        if settings.FILES_HOST and request.get_host() == settings.FILES_HOST:
            request.urlconf = files.host_urlpatterns  # type: ignore[assignment]  # Django takes patterns too
        try:
            size = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            size = 0
        if size > settings.UPLOAD_LIMIT + ROOM and size > _limit(request) + ROOM:
            return errors.page(request, 413)
        return get_response(request)

    return answer


def _limit(request: HttpRequest) -> int:
    """Bytes that a file may have: to import it, for who may import such records, more than to keep it."""
    key, _slash, rest = request.path.strip("/").partition("/")
    if (key, rest) == ("imports", "") and request.method == "POST" and request.user.is_authenticated:
        return int(settings.IMPORT_BYTES if sets.offered(actor_of(request)) else settings.UPLOAD_LIMIT)
    entity = entities().get(key) if rest == "import" and request.method == "POST" else None
    if entity is None or not request.user.is_authenticated or not access.may(actor_of(request), entity, "import"):
        return int(settings.UPLOAD_LIMIT)
    return int(settings.IMPORT_BYTES)


def language(get_response: Next) -> Next:
    """The person's own language, else the cookie of the switch, else what the browser asks for."""

    def answer(request: HttpRequest) -> HttpResponse:
        chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
        if request.user.is_authenticated and request.user.language:
            chosen = request.user.language
        known = dict(settings.LANGUAGES)
        if chosen not in known:
            chosen = _asked(request.headers.get("Accept-Language", ""))
        with translation.override(chosen):
            request.LANGUAGE_CODE = chosen
            response = get_response(request)
            response.headers.setdefault("Content-Language", chosen)
        return response

    return answer


def _asked(accept: str) -> str:
    """Browsers say zh-TW, zh-HK or zh-MO for Traditional, zh-CN, zh-SG or plain zh for Simplified."""
    for part in accept.lower().split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh-hant" if any(t in tag for t in ("hant", "tw", "hk", "mo")) else "zh-hans"
        if tag.startswith("en"):
            return "en"
    return settings.LANGUAGE_CODE


def answers(get_response: Next) -> Next:
    """Pages for refusals and lost connections; what the view began is rolled back by its own transaction."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.user.is_authenticated or response.status_code == 429:
            refused.say(request, response.status_code, channel="web", who=request.user.pk)
        return response

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        for kind, status in STATUS:
            if isinstance(exception, kind):
                if kind is Missing and (moved := _merged(request)):
                    return moved
                response = errors.page(request, status, detail=exception.text)
                if isinstance(exception, Limited):
                    response.headers["Retry-After"] = str(exception.after)
                return response
        if isinstance(exception, Invalid):
            texts = [wrong.text for found in exception.first.values() for wrong in found]
            return errors.page(request, 422, detail=" ".join(texts))
        if isinstance(exception, OSError) and exception.errno in (errno.ENOSPC, errno.EDQUOT):
            return errors.page(request, 507)
        if isinstance(exception, OperationalError | DatabaseError):
            return errors.database(request, exception)
        return None

    answer.process_exception = process_exception  # type: ignore[attr-defined]
    return answer
