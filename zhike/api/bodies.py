"""Bodies: JSON, read strictly. What two readers could understand differently is refused."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import RawPostDataException
from django.utils.translation import gettext as _

from .problems import Problem

LARGEST = 2 * 1024 * 1024
DEEPEST = 12
MEDIA = "application/json"


def read(request: HttpRequest, *, needed: bool = True) -> dict[str, Any]:
    """The object in the body; an empty one where none is needed and none is sent. Problem 400, 413, 415 or 422."""
    raw = _raw(request)
    if not raw and not needed:
        return {}
    kind, _sep, rest = request.headers.get("Content-Type", "").partition(";")
    charset = rest.lower().replace(" ", "").replace('"', "")
    if kind.strip().lower() != MEDIA or charset not in ("", "charset=utf-8"):
        raise Problem(415, _("Send the body as application/json in UTF-8."))
    value = parse(raw)
    if not isinstance(value, dict):
        raise Problem(422, errors=[{"pointer": "", "code": "type", "detail": _("The body must be an object.")}])
    return value


def _raw(request: HttpRequest) -> bytes:
    said = request.headers.get("Content-Length", "0") or "0"
    try:
        if said.isascii() and said.isdigit() and int(said) <= LARGEST and len(request.body) <= LARGEST:
            return request.body
    except (RequestDataTooBig, ValueError):
        pass
    except (OSError, RawPostDataException):
        raise Problem(400, _("The body did not arrive whole.")) from None
    raise Problem(413, _("At most %(n)s bytes are read.") % {"n": LARGEST})


def parse(raw: bytes) -> Any:
    """A JSON text as RFC 8259 has it: UTF-8, no name twice, no NaN, no half characters, not too deep."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise Problem(400, _("The body is not valid JSON: %(why)s") % {"why": str(error)[:120]}) from None
    _check(value, 0)
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return value


def _check(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Problem(400, _("The body is nested too deeply."))
    if isinstance(value, str):
        if "\x00" in value or not _whole(value):
            raise Problem(422, _("A text holds a character that cannot be kept."))
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check(key, depth + 1)
            _check(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth + 1)


def _whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
