"""What is done about each sign of duplicates at each door: as declared, or as an administrator has it.

And whether the finder learns from what people decide, which it does nowhere until somebody says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from zhike.base.models import Role
from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, Sign
from zhike.engine.errors import Refused
from zhike.engine.models import DuplicateRule

OFFICES = (Role.Office.ALL, Role.Office.SYSTEM)
DOORS = ("typed", "form", "api", "imported")
LEVELS = ("block", "ask", "hint", "off")
FINDER, LEARN, OFF = "finder", "learn", "off"  # the door and the levels of a row without a sign


def levels(entity: AnyEntity) -> dict[tuple[str, str], str]:
    """(sign, door) -> level, for every declared sign."""
    rows = DuplicateRule.objects.filter(entity=entity.key).order_by("at", "id")
    changed = {(r.sign, r.door): r.level for r in rows}
    said = {(s.key, door): str(getattr(s, door)) for s in entity.signs for door in DOORS}
    return {place: changed.get(place, level) for place, level in said.items()}


def declared(sign: Sign, door: str) -> str:
    """The level that a sign has at a door where nobody has changed it."""
    return str(getattr(sign, door))


def change(actor: Actor, entity: AnyEntity, wanted: Mapping[tuple[str, str], str]) -> int:
    """Set levels; how many differ from before. Refused without an administrator's office, ValueError for none such."""
    _require(actor)
    now = levels(entity)
    fresh = {place: level for place, level in wanted.items() if now[place] != level}
    if any(level not in LEVELS for level in fresh.values()):
        raise ValueError(fresh)
    DuplicateRule.objects.bulk_create(
        DuplicateRule(entity=entity.key, sign=sign, door=door, level=level, by=actor.hand)
        for (sign, door), level in fresh.items()
    )
    if fresh:
        told = {f"{sign}.{door}": [now[sign, door], level] for (sign, door), level in fresh.items()}
        history.note_event("duplicates.rules", user=actor.hand, channel=actor.channel, details={entity.key: told})
    return len(fresh)


def learns(entity: AnyEntity) -> bool:
    """Whether the finder goes by what people decided about the duplicates of an entity."""
    last = DuplicateRule.objects.filter(entity=entity.key, sign="", door=FINDER).order_by("at", "id").last()
    return last is not None and last.level == LEARN


def set_learning(actor: Actor, entity: AnyEntity, *, on: bool) -> bool:
    """Have the finder learn or not, from its next search on; whether that differs from before. Refused as `change`."""
    _require(actor)
    if learns(entity) == on:
        return False
    level = LEARN if on else OFF
    DuplicateRule.objects.create(entity=entity.key, sign="", door=FINDER, level=level, by=actor.hand)
    details = {entity.key: {FINDER: level}}
    history.note_event("duplicates.rules", user=actor.hand, channel=actor.channel, details=details)
    return True


def _require(actor: Actor) -> None:
    if actor.office not in OFFICES or actor.by:
        raise Refused("duplicate rules")
