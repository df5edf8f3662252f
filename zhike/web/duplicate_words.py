"""Duplicates in words: reasons, doors, levels, and what may be told of a record that is there already."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from zhike.engine.duplicates import learning, rules
from zhike.engine.duplicates.check import Hit
from zhike.engine.entity import AnyEntity

DOORS = {
    "typed": gettext_lazy("Typed by hand"),
    "form": gettext_lazy("From a web form"),
    "api": gettext_lazy("From a program"),
    "imported": gettext_lazy("Imported"),
}
LEVELS = {
    "block": pgettext_lazy("duplicates", "Refuse"),
    "ask": pgettext_lazy("duplicates", "Ask"),
    "hint": pgettext_lazy("duplicates", "Hint"),
    "off": pgettext_lazy("duplicates", "Nothing"),
}
REASONS = {
    "full": gettext_lazy("the same name"),
    "form": gettext_lazy("the same name but for the legal form"),
    "place": gettext_lazy("the same name but for the place in front"),
    "typo": gettext_lazy("names with one character mistyped"),
    "sound": gettext_lazy("names that sound alike"),
    "initials": gettext_lazy("a name and its initials"),
    "begins": gettext_lazy("names that begin alike"),
    "apart": gettext_lazy("but different registration numbers"),
}
TONES = {"block": "red", "ask": "amber", "hint": "blue"}


def reason(entity: AnyEntity, why: str) -> str:
    """Why two records may be one."""
    if why in REASONS:
        return str(REASONS[why])
    label = next((s.label for s in entity.signs if s.key == why), why)
    return _("the same: %(what)s") % {"what": label}


def hit(found: Hit) -> dict[str, Any]:
    """A record that is there already, as far as it may be told."""
    return {
        "text": found.text,
        "tone": TONES.get(found.level, "neutral"),
        "url": f"/{found.entity.key}/{found.id}" if found.id and not found.in_bin else "",
        "restore_url": f"/{found.entity.key}/{found.id}/restore" if found.id and found.in_bin else "",
        "what": found.entity.label,
        "name": found.name,
        "department": found.department,
        "state": _state(found),
        "sign": found.sign.label,
    }


def _state(found: Hit) -> str:
    if found.in_bin:
        return _("In the recycle bin")
    return _("Somebody looks after it") if found.is_owned else _("In the pool")


def _decided(f: learning.Figures) -> dict[str, Any]:
    """What people decided of the pairs with one sign, by how alike they were found: what they say in percent."""
    ends = next((b for b in learning.BANDS if b > f.begins), 1.0)
    return {
        "alike": f"{f.begins:.0%}–{ends:.0%}",
        "decided": f"{f.decided:,}",
        "merged": f"{f.merged:,}",
        "share": f"{f.share:.0%}",
        "counts": f.is_enough,
    }


def switch(entity: AnyEntity) -> dict[str, Any]:
    """Whether the finder learns from what people decide."""
    return {
        "name": f"{entity.key}.learns", "kind": "checkbox", "value": rules.learns(entity),
        "label": _("The search learns from what people decide here"),
    }  # fmt: skip


def table(entity: AnyEntity) -> list[dict[str, Any]]:
    """The signs of an entity with the level at each door, as select boxes, and what people decided of each."""
    levels, figures = rules.levels(entity), learning.figures(entity)
    options = [{"value": level, "label": LEVELS[level]} for level in rules.LEVELS]
    return [
        {
            "label": sign.label,
            "decided": [_decided(f) for f in figures if f.sign == sign.key],
            "cells": [
                {
                    "name": f"{entity.key}.{sign.key}.{door}", "kind": "select", "options": options, "required": True,
                    "value": levels[sign.key, door], "aria_label": f"{sign.label}: {DOORS[door]}",
                }
                for door in rules.DOORS
            ],
        }
        for sign in entity.signs
    ]  # fmt: skip
