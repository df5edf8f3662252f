"""What went wrong, as RFC 9457 documents in the caller's language."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.engine.errors import Conflict, Invalid, Limited, Missing, Refused

MEDIA = "application/problem+json"
TITLES = {
    400: gettext_noop("The request cannot be read"),
    401: gettext_noop("No valid key"),
    404: gettext_noop("Not found"),
    405: gettext_noop("Method not allowed"),
    406: gettext_noop("Only JSON can be given"),
    412: gettext_noop("Changed in the meantime"),
    413: gettext_noop("Too large"),
    415: gettext_noop("Only JSON can be read"),
    422: gettext_noop("The values cannot be taken"),
    428: gettext_noop("If-Match is missing"),
    429: gettext_noop("Too many requests"),
    500: gettext_noop("Something went wrong here"),
    503: gettext_noop("The database cannot be reached"),
    507: gettext_noop("The disk is full"),
}


class Problem(Exception):
    """Ends a request with a status. `errors` name the place: {"pointer"|"parameter": …, "code": …, "detail": …}."""

    def __init__(
        self,
        status: int,
        detail: str = "",
        *,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, errors)
        self.status = status
        self.detail = detail
        self.errors = errors
        self.headers = headers or {}


def bad_value(pointer: str, detail: str, code: str = "invalid") -> Problem:
    """422 at one place of the body."""
    return Problem(422, errors=[{"pointer": pointer, "code": code, "detail": detail}])


def bad_parameter(name: str, detail: str, code: str = "invalid") -> Problem:
    """422 at one parameter of the address."""
    return Problem(422, errors=[{"parameter": name, "code": code, "detail": detail}])


def answer(problem: Problem) -> HttpResponse:
    """The document of a problem."""
    status = problem.status
    body: dict[str, Any] = {"type": f"/api/docs#problem-{status}", "title": _(TITLES[status]), "status": status}
    if problem.detail:
        body["detail"] = problem.detail
    if problem.errors:
        body["errors"] = list(problem.errors)
    text = json.dumps(body, ensure_ascii=False)
    return HttpResponse(text, status=status, content_type=MEDIA, headers=dict(problem.headers))


def missing() -> Problem:
    """Not there, or not for this key: the two look the same."""
    return Problem(404, Missing().text)


def of(error: Exception, prefix: str = "") -> Problem | None:
    """What an error of the engine is to a program; None for a fault of ours. `prefix` is where the values stood."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, Limited):
        return Problem(429, error.text, headers={"Retry-After": str(error.after)})
    if isinstance(error, Refused | Missing):
        return missing()
    if isinstance(error, Conflict):
        return Problem(412, error.text)
    if isinstance(error, Invalid):
        return Problem(422, errors=list(_errors(error, prefix)))
    return None


def _errors(error: Invalid, prefix: str) -> list[dict[str, str]]:
    found = []
    for n, row in enumerate(error.rows):
        place = prefix.replace("*", str(n))
        for key, wrongs in row.items():
            pointer = f"{place}/{key}" if key else place
            found += [{"pointer": pointer, "code": w.code, "detail": w.text} for w in wrongs]
    return found[:500]
