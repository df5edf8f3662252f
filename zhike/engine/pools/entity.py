"""What the declarations of entities say about pools: the same for each whose records can lie in one."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import Action, Section, View

from . import owning

SECTION = Section(_("Pool"), ("pool", "held_since", "recycle_at", "pooled_at", "former_owner", "is_kept"), folded=True)
FILTERS = ("pool", "recycle_at", "held_since")
RETURNING = View("returning", _("Returning soon"), "owner__eq=me&recycle_at__within=next_7&sort=recycle_at")
ACTIONS: Mapping[str, Action] = {
    "release": Action(_("Give back to the pool"), owning.release, icon="undo-2"),
    "recall": Action(_("Call back to the pool"), owning.recall, icon="corner-down-left"),
    "hold": Action(_("Keep from the pool"), owning.hold, icon="lock"),
    "unhold": Action(_("Let it return to the pool"), owning.unhold, icon="rotate-ccw"),
}
