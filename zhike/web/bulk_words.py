"""What is done to many records, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.engine.attempts import CONFLICT, INVALID, RIGHT, SAME, STAGE
from zhike.engine.entity import AnyEntity


def title(entity: AnyEntity, action: str, count: str) -> str:
    """The head of the dialog."""
    texts = {
        "update": _("Edit %(n)s records"),
        "transfer": _("Hand over %(n)s records"),
        "delete": _("Delete %(n)s records"),
        "restore": _("Restore %(n)s records"),
        "undo": _("Undo for %(n)s records"),
    }
    if action in texts:
        return texts[action] % {"n": count}
    label = entity.actions[action].label if action in entity.actions else action
    return _("%(action)s: %(n)s records") % {"action": label, "n": count}


def verb(entity: AnyEntity, action: str) -> Any:
    """The button that does it."""
    texts = {
        "update": _("Save"),
        "transfer": _("Hand over"),
        "delete": _("Move to the recycle bin"),
        "restore": _("Restore"),
        "undo": _("Undo"),
    }
    return texts.get(action) or (entity.actions[action].label if action in entity.actions else action)


def done(action: str, n: int) -> str:
    """What became of it."""
    if action == "delete":
        text = ngettext("%(n)s record moved to the recycle bin.", "%(n)s records moved to the recycle bin.", n)
    elif action == "transfer":
        text = ngettext("%(n)s record handed over.", "%(n)s records handed over.", n)
    elif action == "restore":
        text = ngettext("%(n)s record restored.", "%(n)s records restored.", n)
    elif action == "undo":
        text = ngettext("Undone for %(n)s record.", "Undone for %(n)s records.", n)
    elif action == "create":
        text = ngettext("%(n)s record created.", "%(n)s records created.", n)
    else:
        text = ngettext("%(n)s record changed.", "%(n)s records changed.", n)
    return text % {"n": f"{n:,}"}


def skipped(counts: Mapping[str, int]) -> list[tuple[str, str]]:
    """(why, how many) of the rows that are left out, most first."""
    texts = {
        RIGHT: _("You may not do this to them"),
        STAGE: _("Not in the state that they are in"),
        CONFLICT: _("Somebody has changed them meanwhile"),
        INVALID: _("The rules do not allow it"),
        SAME: _("They have this value already"),
    }
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [(texts.get(reason, reason), f"{n:,}") for reason, n in ordered]


def warned(n: int) -> str:
    """How many may be there already."""
    return ngettext("%(n)s may be there already.", "%(n)s may be there already.", n) % {"n": f"{n:,}"}


def planned(n: int) -> str:
    """What a preview promises."""
    text = ngettext("This will be done to %(n)s record.", "This will be done to %(n)s records.", n)
    return text % {"n": f"{n:,}"}
