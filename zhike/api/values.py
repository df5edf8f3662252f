"""Values on their way out and in: typed JSON, masked ones named, linked ones by id with a map of names."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute, Labels, Masked
from zhike.engine.query import Row

from . import shapes
from .problems import Problem
from .shapes import Schema


def out(a: Attribute, value: Any) -> object:
    """One value as JSON."""
    if value is None or isinstance(value, Masked):
        return None if value is None else str(value)
    if a.kind.key == "money":
        return {"amount": f"{value:.2f}", "currency": getattr(value, "currency", "CNY")}
    if a.kind.key == "integer":
        return int(value)
    if a.kind.key == "multichoice":
        return [str(v) for v in value]
    return a.kind.to_json(value)


def record(row: Row, attributes: Iterable[Attribute]) -> dict[str, Any]:
    """A record as JSON; `masked` names the fields whose value is shown in part."""
    found: dict[str, Any] = {"id": str(row.id), "version": row.version}
    masked = []
    for a in attributes:
        value = row.values.get(a.key)
        found[a.key] = out(a, value)
        if isinstance(value, Masked):
            masked.append(a.key)
    return {**found, "masked": sorted(masked)}


def names(labels: Labels) -> dict[str, str]:
    """The names of linked records by id."""
    return {str(pk): str(name) for (_target, pk), name in labels.items()}


def checked(schema: Schema, body: Mapping[str, Any], pointer: str = "") -> Mapping[str, Any]:
    """The body, when it has the shape that the document promises; Problem 422 with every fault otherwise."""
    found = [{"pointer": p, "code": code, "detail": text} for p, code, text in shapes.faults(schema, body, pointer)]
    if found:
        raise Problem(422, errors=found[:500])
    return body


def taken(entity: AnyEntity, body: Mapping[str, Any], writable: Collection[str], pointer: str = "") -> dict[str, Any]:
    """Values for the write path: an amount that says its currency sets the currency of the record."""
    found = dict(body)
    said: set[str] = set()
    for key, value in body.items():
        a = entity.attributes.get(key)
        if a is not None and a.kind.key == "money" and isinstance(value, dict):
            found[key] = value["amount"]
            said.add(value["currency"])
    if not said:
        return found
    given = body.get("currency")
    if "currency" not in writable:
        said -= {"CNY"}  # the only one where records have none of their own
    elif given is None and len(said) == 1:
        found["currency"] = next(iter(said))
        return found
    if said - {given}:
        text = _("A record has one currency for all its amounts.")
        raise Problem(422, errors=[{"pointer": f"{pointer}/currency", "code": "currency", "detail": text}])
    return found


def chosen(actor: Actor, known: Mapping[str, Attribute], asked: str | None, *, whole: bool) -> Sequence[Attribute]:
    """The fields asked for, else all; a list leaves out what has to be computed row by row unless it is asked for."""
    if asked is None:
        return [a for a in known.values() if whole or a.expression is None]
    keys = [key for key in dict.fromkeys(asked.split(",")) if key]
    if wrong := [key for key in keys if key not in known]:
        text = _("There is no such field: %(name)s.") % {"name": wrong[0][:60]}
        raise Problem(422, errors=[{"parameter": "fields", "code": "unknown", "detail": text}])
    return [known[key] for key in keys]
