"""The shape of values as JSON Schema, by kind; what comes in is checked against the very schema that is published."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from zhike.engine.kinds import Attribute, Choice, Kind, Link, Number

Schema = dict[str, Any]
UUID = {"type": "string", "format": "uuid"}
AMOUNT = {"type": "string", "pattern": r"^-?[0-9]{1,16}(\.[0-9]{1,2})?$"}
CASH: Schema = {
    "type": "object",
    "description": "An amount and its currency (ISO 4217).",
    "properties": {"amount": AMOUNT, "currency": {"type": "string", "maxLength": 3}},
    "required": ["amount", "currency"],
    "additionalProperties": False,
}
MANY = 200  # values in one field


def of(a: Attribute, *, write: bool) -> Schema:
    """The schema of a field: nullable unless it must be given."""
    found = {**_plain(a, a.kind, write=write), "title": str(a.label)}
    if a.is_link:
        found["description"] = f"id of: {a.target}" if a.target else "id"
    if write and a.required:
        return found
    return _or_null(found)


def _or_null(schema: Schema) -> Schema:
    if "type" not in schema:
        return schema
    found = {**schema, "type": [schema["type"], "null"]}
    return {**found, "enum": [*found["enum"], None]} if "enum" in found else found


def _plain(a: Attribute, kind: Kind, *, write: bool) -> Schema:
    if isinstance(kind, Number):
        return _number(a, kind, write=write)
    if kind.key in ("links", "multichoice"):
        item = dict(UUID) if kind.key == "links" else _choice(a, write=write)
        return {"type": "array", "items": item, "maxItems": MANY, **({"uniqueItems": True} if write else {})}
    if isinstance(kind, Link):
        return dict(UUID)
    if isinstance(kind, Choice):
        return _choice(a, write=write)
    return {} if kind.key == "json" else _text(a, kind, write=write)


def _number(a: Attribute, kind: Number, *, write: bool) -> Schema:
    if kind.key == "money":
        return {"oneOf": [AMOUNT, CASH, *([] if a.required else [{"type": "null"}])]} if write else dict(CASH)
    if kind.key == "integer":
        return {"type": "integer", **({"minimum": 1 - 2**31, "maximum": 2**31 - 1} if write else {})}
    return {"type": "string", "pattern": rf"^-?[0-9]{{1,14}}(\.[0-9]{{1,{kind.places}}})?$" if write else "^-?[0-9.]+$"}


def _choice(a: Attribute, *, write: bool) -> Schema:
    keys = [key for key, _label in a.choices]
    return {"type": "string", "enum": keys if write or "" in keys else [*keys, ""]} if keys else {"type": "string"}


def _text(a: Attribute, kind: Kind, *, write: bool) -> Schema:
    if kind.key in ("boolean", "date", "datetime"):
        return dict(kind.json_type)
    if write and kind.key == "region":
        return {"type": "string", "pattern": "^([0-9]{6})?$"}
    if write and kind.key == "industry":
        return {"type": "string", "pattern": "^([A-T]|[A-T]?[0-9]{2,4})?$"}
    return {"type": "string", **({"maxLength": a.max_length or 100_000} if write else {})}


def faults(schema: Schema, value: Any, pointer: str = "") -> Iterator[tuple[str, str, str]]:
    """(pointer, code, text) of everything in `value` that the schema does not allow; only the words used here."""
    if "oneOf" in schema:
        if all(any(faults(one, value)) for one in schema["oneOf"]):
            yield pointer, "type", _("Give %(what)s.") % {"what": _named(schema["oneOf"][0])}
        return
    if "type" in schema and not _typed(schema["type"], value):
        yield pointer, "type", _("Give %(what)s.") % {"what": _named(schema)}
    elif value is None:
        return
    elif "enum" in schema and value not in schema["enum"]:
        shown = ", ".join(str(key) for key in schema["enum"][:20] if key is not None)
        yield pointer, "choice", _("Give one of: %(choices)s.") % {"choices": shown}
    elif isinstance(value, str):
        yield from _texts(schema, value, pointer)
    elif isinstance(value, list):
        yield from _lists(schema, value, pointer)
    elif isinstance(value, dict):
        yield from _objects(schema, value, pointer)
    elif isinstance(value, int) and not isinstance(value, bool):
        low, high = schema.get("minimum"), schema.get("maximum")
        if (low is not None and value < low) or (high is not None and value > high):
            yield pointer, "range", _("Give a number from %(low)s to %(high)s.") % {"low": low, "high": high}


def _texts(schema: Schema, value: str, pointer: str) -> Iterator[tuple[str, str, str]]:
    longest = schema.get("maxLength")
    if longest is not None and len(value) > longest:
        yield pointer, "length", _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(value), "max": longest}
    elif not _formed(schema, value):
        yield pointer, "format", _("Give %(what)s.") % {"what": _named(schema)}


def _formed(schema: Schema, value: str) -> bool:
    pattern, form = schema.get("pattern"), schema.get("format")
    if pattern and not re.search(pattern.replace("$", r"\Z"), value, re.ASCII):
        return False
    return not form or bool(FORMATS[form](value))


def _lists(schema: Schema, value: list[Any], pointer: str) -> Iterator[tuple[str, str, str]]:
    if len(value) > schema.get("maxItems", MANY) or len(value) < schema.get("minItems", 0):
        low, high = schema.get("minItems", 0), schema.get("maxItems", MANY)
        yield pointer, "length", _("Give %(low)s to %(high)s of them.") % {"low": low, "high": high}
        return
    for n, inner in enumerate(value):
        yield from faults(schema.get("items", {}), inner, f"{pointer}/{n}")
    if schema.get("uniqueItems") and len(value) != len({repr(v) for v in value}):
        yield pointer, "twice", _("Something stands in it twice.")


def _objects(schema: Schema, value: dict[str, Any], pointer: str) -> Iterator[tuple[str, str, str]]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{pointer}/{key}", "required", _("This must be given.")
    for key, inner in value.items():
        place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
        if key in known:
            yield from faults(known[key], inner, place)
        elif schema.get("additionalProperties") is False:
            yield place, "unknown", _("There is no such field, or it cannot be written.")


def _typed(wanted: str | list[str], value: Any) -> bool:
    return any(TYPES[one](value) for one in ([wanted] if isinstance(wanted, str) else wanted))


TYPES: dict[str, Any] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: v is None,
}


def _day(text: str) -> bool:
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII)) and parse_date(text) is not None
    except ValueError:
        return False


def _moment(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", text, re.ASCII):
        return False
    try:
        found = parse_datetime(text.upper())
        return found is not None and dt.datetime(1900, 1, 2, tzinfo=dt.UTC) < found
    except (ValueError, OverflowError):
        return False


FORMATS: dict[str, Any] = {
    "uuid": lambda t: re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", t, re.ASCII) is not None,
    "date": _day,
    "date-time": _moment,
}


def _named(schema: Schema) -> str:
    """What is wanted, in words."""
    kind = schema.get("type", "")
    kind = kind[0] if isinstance(kind, list) else kind
    if schema.get("format"):
        return {"uuid": _("an id"), "date": _("a day as 2026-11-21")}.get(
            schema["format"], _("a time as 2026-11-21T15:30:00+08:00")
        )
    if kind == "string" and "pattern" in schema:
        digits = "0-9" in schema["pattern"] and "A-T" not in schema["pattern"] and "{6}" not in schema["pattern"]
        return _("a decimal number as text, such as “1200.50”") if digits else _("a code")
    words = {
        "string": _("a text"),
        "integer": _("a whole number"),
        "boolean": _("true or false"),
        "array": _("a list"),
        "object": _("an object"),
    }
    return words.get(kind, _("another value"))
