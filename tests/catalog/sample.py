"""A configuration with a field of every kind on customers, deals and an object of the firm, as tests publish it."""

from __future__ import annotations

from typing import Any

from zhike.engine.custom import KEPT


def labels(zh: str, en: str) -> dict[str, str]:
    """A name in the three languages."""
    return {"zh-hans": zh, "zh-hant": zh, "en": en}


CHOICES: list[dict[str, Any]] = [
    {"key": "gold", "labels": labels("金", "Gold"), "tone": "warning"},
    {"key": "silver", "labels": labels("银", "Silver"), "tone": "info"},
    {"key": "tin", "labels": labels("锡", "Tin"), "retired": True},
]
MORE: dict[str, dict[str, Any]] = {
    "choice": {"choices": CHOICES},
    "multichoice": {"choices": CHOICES},
    "link": {"target": "account"},
    "links": {"target": "account"},
}


def field(kind: str, name: str = "") -> dict[str, Any]:
    """The definition of a field of a kind."""
    return {"kind": kind, "labels": labels(f"自定{name or kind}", f"Own {name or kind}"), **MORE.get(kind, {})}


def fields() -> dict[str, dict[str, Any]]:
    """One field of every kind, `x_` and the name of the kind."""
    return {f"x_{kind}": field(kind) for kind in KEPT}


def document() -> dict[str, Any]:
    """Fields of every kind on customers, deals and visits; visits belong to a customer and are seen through it."""
    visit = {"x_account": {**field("link", "account"), "required": True}, **fields()}
    return {
        "fields": {"account": fields(), "deal": fields(), "x_visit": visit},
        "objects": {
            "x_visit": {
                "labels": labels("巡检", "Inspection"),
                "plural": labels("巡检", "Inspections"),
                "icon": "map-pin",
                "number": "V%06d",
                "via": ["x_account"],
                "search": ["x_text", "x_phone"],
            }
        },
    }
