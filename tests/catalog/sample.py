"""A configuration with a field of every kind on customers, deals and an object of the firm, as tests publish it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from zhike.base.models import Grant
from zhike.engine import catalog
from zhike.engine.catalog import Snapshot
from zhike.engine.custom import KEPT
from zhike.engine.models import Configuration

PK = UUID("0198c0de-0000-7000-8000-000000000001")  # always the same, so that a process knows it when it is asked
LIKE = "lead"  # what people may do with inspections is what they may do with these


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
    visit = {"x_account": field("link", "account"), **fields()}
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


SNAPSHOT = Snapshot(document(), 1, PK)


def publish() -> None:
    """The sample is published until the transaction ends; roles may do with its object as with leads."""
    row = {"number": 1, "state": Configuration.State.PUBLISHED, "document": SNAPSHOT.document}
    if not Configuration.objects.filter(pk=PK).exists():
        Configuration.objects.create(pk=PK, **row)
        for grant in Grant.objects.filter(entity=LIKE):
            grant.pk, grant.entity = None, "x_visit"
            grant._state.adding = True
            grant.save(force_insert=True)
    catalog.assume(SNAPSHOT)
