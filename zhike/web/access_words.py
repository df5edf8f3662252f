"""Rights in words: actions, reaches, levels, conditions."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from zhike.base.models import FieldGrant, Grant
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity

from .filter_words import stored_text


def action_label(action: str) -> str:
    """An action in words."""
    return {
        "list": _("Find in lists"),
        "read": _("See"),
        "create": _("Create"),
        "update": _("Change"),
        "delete": _("Delete"),
        "restore": _("Restore"),
        "merge": _("Merge"),
        "transfer": _("Hand over"),
        "bulk": _("Change many at once"),
        "import": _("Import"),
        "export": _("Export"),
        "reveal": _("Show masked values"),
    }.get(action, action)


def label_of(entity: AnyEntity, action: str) -> str:
    """An action of an entity in words."""
    return str(entity.actions[action].label) if action in entity.actions else action_label(action)


def scope_label(scope: str) -> str:
    """A reach in words."""
    return str(Grant.Scope(scope).label) if scope else pgettext("scope of a permission", "None")


def level_label(level: str) -> str:
    """A field level in words; "" for what the kind of the field says."""
    return str(FieldGrant.Level(level).label) if level else _("As usual")


def conditions_text(actor: Actor, entity: AnyEntity, conditions: list[list[object]]) -> str:
    """Stored conditions in words."""
    return "; ".join(filter(None, stored_text(actor, entity, conditions)))
