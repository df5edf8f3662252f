"""Continuity as values of customers, which lists show, filter and sort by; of the last nightly count."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery
from django.utils.translation import gettext_lazy as _

from zhike.engine.kinds import KINDS, Attribute

from .models import Continuity


def _counted(column: str) -> Any:
    return Subquery(Continuity.objects.filter(account=OuterRef("pk")).values(column)[:1])


def _whole(key: str, label: Any, column: str, text: Any) -> Attribute:
    return Attribute(
        key=key,
        label=label,
        kind=KINDS["integer"],
        editable=False,
        expression=lambda: _counted(column),
        help=text,
        privacy="internal",
    )


COMPUTED = (
    _whole("continuity", _("Continuity"), "score", _("0 to 100: how well the relation outlasts one of us leaving.")),
    _whole("known_by", _("Our people in touch"), "ours", _("How many of us were in touch with them within 12 months.")),
)
