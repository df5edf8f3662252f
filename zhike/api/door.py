"""Who comes in, and how answers leave: by key alone, never by cookie; every error is a problem document."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve
from django.utils import translation
from django.utils.translation import gettext as _

from zhike.engine import access, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.models import Token
from zhike.web import refused, throttle
from zhike.web.errors import CANCELLED

from . import problems
from .problems import Problem

log = logging.getLogger("zhike.api")
ROOT = "/api/"
PAGES = ("/api/docs",)  # pages for people, behind the ordinary sign-in
HEADERS = {  # stricter than those of pages, which are added to every answer
    "Vary": "Authorization, Accept-Language",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
Next = Callable[[HttpRequest], HttpResponse]


@dataclass(frozen=True)
class Call:
    """One request by a key that is in force; `told` is what else its caller should know of records, by id."""

    request: HttpRequest
    token: Token
    actor: Actor
    told: dict[UUID, list[str]] = field(default_factory=dict)


Handler = Callable[..., HttpResponse]


class Route:
    """An address with a function per method; Django's own CSRF check is left out, because no cookie counts here."""

    csrf_exempt = True

    def __init__(self, **methods: Handler) -> None:
        self.methods: Mapping[str, Handler] = methods
        self.__name__ = self.__qualname__ = next(iter(methods.values())).__name__

    def __call__(self, request: HttpRequest, **kwargs: Any) -> HttpResponse:
        return serve(request, self.methods, kwargs)


def middleware(get_response: Next) -> Next:
    """Take what lies below /api/ out of the chain of pages, before sessions: the API has none."""

    def answer(request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith(ROOT) or request.path_info in PAGES:
            return get_response(request)
        try:
            found = resolve(request.path_info)
        except Resolver404:
            return serve(request, None, {})
        if not isinstance(found.func, Route):
            return serve(request, None, {})
        request.resolver_match = found
        return found.func(request, **found.kwargs)

    return answer


def serve(request: HttpRequest, methods: Mapping[str, Handler] | None, kwargs: Mapping[str, Any]) -> HttpResponse:
    """The answer to a request: who, which language, which function, and what may go wrong."""
    with translation.override(_language(request, "")):
        try:
            call = _come_in(request)
            with translation.override(_language(request, call.actor.user.language)):
                response = _guarded(request, lambda: _run(call, methods, kwargs))
        except Exception as error:
            response = _failed(request, error)
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    refused.say(request, response.status_code, channel="api")
    if request.method == "HEAD":
        response.content = b""
    return response


def _guarded(request: HttpRequest, run: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return run()
    except Exception as error:
        return _failed(request, error)


def _run(call: Call, methods: Mapping[str, Handler] | None, kwargs: Mapping[str, Any]) -> HttpResponse:
    if methods is None:
        raise problems.missing()
    method = "GET" if call.request.method == "HEAD" else str(call.request.method)
    if method not in (allowed := _allowed(call, methods, kwargs)):
        raise _not_so(allowed)
    _acceptable(call.request)
    return methods[method](call, **kwargs)


def _allowed(call: Call, methods: Mapping[str, Handler], kwargs: Mapping[str, Any]) -> set[str]:
    """The methods that this key has at an address, the same ones as in its OpenAPI document."""
    if "key" not in kwargs:
        return set(methods)
    entity = entities().get(kwargs["key"])
    asked = {name: kwargs.get("action", RIGHTS.get(run.__name__, "")) for name, run in methods.items()}
    return {name for name in methods if entity and access.may(call.actor, entity, asked[name])}


def _not_so(allowed: set[str]) -> Problem:
    """405 with the methods there are; where there are none, there is no such address for this key."""
    if not allowed:
        return problems.missing()
    return Problem(405, headers={"Allow": ", ".join(sorted(allowed | ({"HEAD"} if "GET" in allowed else set())))})


RIGHTS = {
    "listing": "list",
    "create": "create",
    "bulk": "bulk",
    "export": "export",
    "show": "read",
    "change": "update",
    "remove": "delete",
    "changes": "read",
    "reveal": "reveal",
}


def _come_in(request: HttpRequest) -> Call:
    """The key of the request; one answer for all that is wrong with it."""
    try:
        request.get_host()
    except DisallowedHost:
        raise Problem(400, _("This host name is not served here.")) from None
    if settings.SECURE_SSL_REDIRECT and not request.is_secure():
        raise Problem(400, _("Send this by https://. The key was sent in the clear: end it and make another."))
    scheme, _sep, secret = request.headers.get("Authorization", "").partition(" ")
    token = tokens.find(secret.strip(), throttle.address(request)) if scheme.lower() == "bearer" else None
    if token is None:
        raise Problem(
            401, _("Send a valid key: Authorization: Bearer zk_…"), headers={"WWW-Authenticate": 'Bearer realm="zhike"'}
        )
    request.META[refused.WHO] = f"{token.user_id} key {token.pk}"
    tokens.count_request(token, settings.API_PER_MINUTE)
    tokens.used(token)
    return Call(request, token, tokens.actor_of_token(token))


def _language(request: HttpRequest, own: str) -> str:
    """What the request asks for, else the language of the key's owner."""
    said = request.headers.get("Accept-Language", "").lower()
    for part in said.split(","):
        tag = part.split(";")[0].strip()
        if tag.startswith("zh"):
            return "zh-hant" if any(t in tag for t in ("hant", "tw", "hk", "mo")) else "zh-hans"
        if tag.startswith("en"):
            return "en"
    return own if own in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


def _acceptable(request: HttpRequest) -> None:
    said = request.headers.get("Accept", "").strip()
    taken = ("*/*", "application/*", "application/json", problems.MEDIA)
    if said and not any(_takes(part, taken) for part in said.lower().split(",")):
        raise Problem(406, _("Send Accept: application/json."))


def _takes(part: str, taken: tuple[str, ...]) -> bool:
    media, _sep, rest = part.partition(";")
    return media.strip() in taken and rest.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")


def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    problem = problems.of(error) or _database(error)
    if problem is None:
        number = secrets.token_hex(4)
        log.error("error %s at %r", number, request.path, exc_info=error)
        problem = Problem(500, _("Tell your administrator this number: %(number)s") % {"number": number})
    return problems.answer(problem)


def _database(error: Exception) -> Problem | None:
    """A database that is gone or full is said so; every other database error is a fault of ours."""
    state = getattr(getattr(error, "__cause__", None), "sqlstate", "") or ""
    if state == CANCELLED:
        return Problem(503, _("That was too much at once. Ask for less: filter, or take smaller pages."))
    if isinstance(error, DatabaseError) and state.startswith("53"):
        return Problem(507 if state == "53100" else 503)
    if isinstance(error, OperationalError):
        connection.close()
        return Problem(503, headers={"Retry-After": "5"})
    return None


def answer(body: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    """A JSON answer."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return HttpResponse(text, status=status, content_type="application/json", headers=dict(headers or {}))
