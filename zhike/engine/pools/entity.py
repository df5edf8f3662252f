"""What the declarations of entities say about pools: the same for each whose records can lie in one."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.db.models import Case, TextField, Value, When
from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import Action, Section, View, get
from zhike.engine.kinds import KINDS, Attribute

from . import owning, telling
from .known import of

SECTION = Section(_("Pool"), ("pool", "held_since", "recycle_at", "pooled_at", "former_owner", "is_kept"), folded=True)
FILTERS = ("pool", "recycle_at", "held_since")


def _why(key: str) -> Any:
    """The rule that waits for a record and what keeps it, as one text; the pools are asked when rows are read."""
    known = of(get(key))
    said = [
        When(pool=k.pool.pk, recycle_rule=rule.key, then=Value(telling.rule_line(k.document, rule)))
        for k in known
        for rule in k.document.rules
    ]
    return Case(*said, When(pool=None, recycle_rule="", then=Value("")), default=Value(""), output_field=TextField())


def computed(key: str) -> tuple[Attribute, ...]:
    """The computed fields of the entity that is called so."""
    why = Attribute(
        key="recycle_why",
        label=_("Why it returns"),
        kind=KINDS["longtext"],
        editable=False,
        privacy="internal",
        expression=partial(_why, key),
    )
    return (why,)


RETURNING = View(
    "returning",
    _("Returning soon"),
    "owner__eq=me&recycle_at__within=next_7&sort=recycle_at",
    ("name", "recycle_at", "recycle_why", "last_contact_at", "next_follow_up_on", "pool"),
)
ACTIONS: Mapping[str, Action] = {
    "release": Action(_("Give back to the pool"), owning.release, icon="undo-2"),
    "recall": Action(_("Call back to the pool"), owning.recall, icon="corner-down-left"),
    "hold": Action(_("Keep from the pool"), owning.hold, icon="lock"),
    "unhold": Action(_("Let it return to the pool"), owning.unhold, icon="rotate-ccw"),
}
