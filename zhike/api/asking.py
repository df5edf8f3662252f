"""Lists: the one filter language, read strictly from the address, and pages by key that neither skip nor double."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from django.core import signing
from django.db import DataError
from django.http import HttpRequest
from django.utils.translation import gettext as _

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid
from zhike.engine.query import View

from .problems import Problem, bad_parameter

PAGE, LARGEST = 50, 200
MOST = 1_000  # parameters that are read at all
SINGLE = ("q", "sort", "fields", "limit", "cursor", "total")
SALT = "zhike.api.cursor"


@dataclass(frozen=True)
class Asked:
    """A list as it is asked for; `pairs` are the parameters without the cursor."""

    view: View
    pairs: tuple[tuple[str, str], ...]
    fields: str | None
    limit: int
    cursor: str
    total: bool


def pairs(request: HttpRequest) -> list[tuple[str, str]]:
    """The parameters of the address, in strict UTF-8; Problem 400 for what is none."""
    try:
        raw = request.META.get("QUERY_STRING", "").encode("latin-1").decode("utf-8")  # bytes, as WSGI carries them
        found = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MOST)
    except ValueError:
        raise Problem(400, _("The parameters of the address cannot be read.")) from None
    for name, value in found:
        if "\x00" in name + value:
            raise bad_parameter(name.replace("\x00", "")[:80], _("A text holds a character that cannot be kept."))
    return found


def only(request: HttpRequest, *known: str) -> dict[str, str]:
    """The parameters of an address that takes just these; Problem 422 for others and for what is said twice."""
    found: dict[str, str] = {}
    for name, value in pairs(request):
        if name not in known:
            raise bad_parameter(name[:80], _("There is no such parameter."), "unknown")
        if name in found:
            raise bad_parameter(name, _("This parameter is given twice."), "twice")
        found[name] = value
    return found


def asked(request: HttpRequest) -> Asked:
    """What the address asks of a list; Problem 422 for what is not known."""
    return understood(pairs(request))


def understood(given: Sequence[tuple[str, str]]) -> Asked:
    """The same from the pairs of an address."""
    plain: dict[str, str] = {}
    for name, value in given:
        key, found, op = name.rpartition("__")
        if found and key:
            if not value and op != "empty":
                raise bad_parameter(name[:80], _("This filter needs a value."), "required")
            if op == "empty" and value not in ("0", "1"):
                raise bad_parameter(name[:80], _("Give 1 for empty, 0 for filled."))
        elif name == "where":  # may be said several times: all of them hold
            if not value:
                raise bad_parameter(name, _("This filter needs a value."), "required")
        elif name not in SINGLE:
            raise bad_parameter(name[:80], _("There is no such parameter."), "unknown")
        elif name in plain:
            raise bad_parameter(name, _("This parameter is given twice."), "twice")
        elif name == "sort" and not value:
            raise bad_parameter(name, _("This parameter needs a value."), "required")
        else:
            plain[name] = value
    if len(plain.get("q", "")) > 100:
        raise bad_parameter("q", _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(plain["q"]), "max": 100})
    kept = tuple((name, value) for name, value in given if name != "cursor")
    try:
        view = query.parse(kept)
    except Invalid as invalid:
        raise _named(invalid, kept) from None
    return Asked(view, kept, plain.get("fields"), _limit(plain), plain.get("cursor", ""), _total(plain))


def _limit(plain: dict[str, str]) -> int:
    text = plain.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 4 and 1 <= int(text) <= LARGEST):
        raise bad_parameter("limit", _("Give a number from %(low)s to %(high)s.") % {"low": 1, "high": LARGEST})
    return int(text)


def _total(plain: dict[str, str]) -> bool:
    if plain.get("total", "0") not in ("0", "1"):
        raise bad_parameter("total", _("Give 1 to be told how many there are, else 0."))
    return plain.get("total") == "1"


@dataclass(frozen=True)
class Found:
    """A page: ids in their order, the cursor of the next page or "", and how many there are, where that was asked."""

    ids: list[UUID]
    cursor: str
    total: int | None


def page(actor: Actor, entity: AnyEntity, wanted: Asked) -> Found:
    """The ids of one page. Without `sort` the order is that of creation, in which a walk sees every record once."""
    salt = _salt(actor, entity, wanted)
    if wanted.view.sort.removeprefix("-") in access.masked(actor, entity):
        raise bad_parameter("sort", _("This list cannot be sorted by %(name)s.") % {"name": wanted.view.sort[:60]})
    view = wanted.view.but(sort=wanted.view.sort or query.CREATED)
    try:
        order = query.order_of(actor, entity, view.sort)
        last = order.place(_opened(wanted.cursor, salt)) if wanted.cursor else None
        rows = query.walk(actor, entity, view, order, (), wanted.limit + 1, cursor=last)
        total = query.how_many(actor, entity, view) if wanted.total else None
    except Invalid as invalid:
        raise _named(invalid, wanted.pairs) from None
    except (OverflowError, DataError):
        raise Problem(422, _("A value of a filter is out of range.")) from None
    more = len(rows) > wanted.limit
    rows = rows[: wanted.limit]
    cursor = signing.dumps(order.cursor(rows[-1].id, rows[-1].key), salt=salt, compress=True) if more else ""
    return Found([row.id for row in rows], cursor, total)


def _salt(actor: Actor, entity: AnyEntity, wanted: Asked) -> str:
    """A cursor is good for the same person, entity, conditions and order only."""
    bound = sorted((k, v) for k, v in wanted.pairs if k not in ("limit", "fields", "total"))
    return f"{SALT}:{actor.user.pk}:{entity.key}:{urlencode(bound)}"


def _named(invalid: Invalid, pairs: Sequence[tuple[str, str]]) -> Problem:
    """A fault of a filter, at the name of its parameter."""
    errors = []
    for key, wrongs in invalid.first.items():
        own = [k for k, _v in pairs if k.rpartition("__")[0] == key or k == key]
        names = own or (["where"] if any(k == "where" for k, _v in pairs) else ["sort"])
        errors += [{"parameter": names[0][:80], "code": w.code, "detail": w.text} for w in wrongs]
    return Problem(422, errors=errors)


def _opened(cursor: str, salt: str) -> str:
    try:
        return str(signing.loads(cursor, salt=salt))
    except (signing.BadSignature, ValueError):
        raise bad_parameter("cursor", _("This cursor belongs to another list. Begin again without it.")) from None


def following(request: HttpRequest, wanted: Asked, cursor: str) -> str | None:
    """The address of the next page."""
    return f"{request.path}?{urlencode([*wanted.pairs, ('cursor', cursor)])}" if cursor else None
