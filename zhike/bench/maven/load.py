"""Imports the four files as a person would by the wizard: what is read how, stands in the JSON files beside this."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps

from zhike.base.models import Role, User
from zhike.engine import transfer
from zhike.engine.defaults import Step, ensure_pipeline

ADMIN = "bench"
STEPS = (
    Step(key="prospecting", labels={"en": "Prospecting"}, win=10, tone="blue"),
    Step(key="engaging", labels={"en": "Engaging"}, win=50, tone="teal"),
    Step(key="won", labels={"en": "Won"}, status="won", win=100, required=("amount",), tone="green"),
    Step(key="lost", labels={"en": "Lost"}, status="lost", tone="red"),
)


@dataclass(frozen=True)
class Take:
    """One import: the entity, the file of the data set, the mapping."""

    entity: str
    file: str
    mapping: str


TAKES = (
    Take("department", "sales_teams", "departments"),
    Take("user", "sales_teams", "managers"),
    Take("user", "sales_teams", "sellers"),
    Take("product", "products", "products"),
    Take("account", "accounts", "accounts"),
    Take("account", "accounts", "accounts"),  # again, for parents that stand below their subsidiaries
    Take("deal", "sales_pipeline", "deals"),
)


def make_firm() -> User:
    """An administrator, and the pipeline with the stages of the data set."""
    role = Role.objects.get(key="administrator")
    ensure_pipeline(apps, "deal", "maven", {"en": "Maven"}, STEPS)
    return User.objects.create_user(ADMIN, name="Bench", roles=[role.pk], language="en")


def take(folder: Path, one: Take) -> dict[str, Any]:
    """Import one file; what `zhike import --json` prints."""
    mapping = json.loads((Path(__file__).parent / f"{one.mapping}.json").read_text("utf-8"))
    path = folder / f"{one.file}.csv"
    return transfer.import_file(one.entity, path, username=ADMIN, mapping=mapping)
