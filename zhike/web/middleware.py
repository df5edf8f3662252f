"""What every answer has in common: headers, language, and a page for each thing that can go wrong."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import DatabaseError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils import translation

from zhike.engine.errors import Conflict, Invalid, Limited, Missing, Refused

from . import errors

Next = Callable[[HttpRequest], HttpResponse]
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)

STATUS = ((Limited, 429), (Refused, 403), (Missing, 404), (Conflict, 409))


def headers(get_response: Next) -> Next:
    """Security headers; pages with data are not kept by caches."""

    def answer(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Content-Security-Policy", CSP)
        response.headers.setdefault("Permissions-Policy", "geolocation=(self), camera=(self), microphone=()")
        response.headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        response.headers.setdefault("X-Frame-Options", "DENY")
        if not request.path.startswith(settings.STATIC_URL):
            response.headers.setdefault("Cache-Control", "no-store")
            response.headers["Vary"] = "Cookie, Accept-Language, HX-Request"
        return response

    return answer


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
        return get_response(request)

    def process_exception(request: HttpRequest, exception: Exception) -> HttpResponse | None:
        for kind, status in STATUS:
            if isinstance(exception, kind):
                response = errors.page(request, status, detail=exception.text)
                if isinstance(exception, Limited):
                    response.headers["Retry-After"] = str(exception.after)
                return response
        if isinstance(exception, Invalid):
            texts = [wrong.text for found in exception.first.values() for wrong in found]
            return errors.page(request, 422, detail=" ".join(texts))
        if isinstance(exception, OperationalError | DatabaseError):
            return errors.database(request, exception)
        return None

    answer.process_exception = process_exception  # type: ignore[attr-defined]
    return answer
