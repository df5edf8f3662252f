"""Which fields a reader meets where: as the firm has laid them out for a role or for phones, else as declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from . import catalog
from .access import Actor
from .entity import AnyEntity, Section
from .kinds import Attribute
from .labels import lazily

FILTERABLE = ("choice", "multichoice", "boolean", "user", "department", "date", "link", "region", "industry", "integer",
              "decimal", "money", "percent")  # fmt: skip
MORE_FILTERS = 6
PARTS = ("form", "list", "card", "quick", "facts", "filters")


@dataclass(frozen=True)
class Layout:
    """Keys of fields by place. What a reader may not see is still in it: callers keep to what is readable."""

    columns: Sequence[str]
    sections: Sequence[Section]
    quick: Sequence[str]
    filters: Sequence[str]
    card: Sequence[str]
    facts: Sequence[str]

    @property
    def keys(self) -> list[str]:
        """The fields of the form in order."""
        return [k for s in self.sections for k in s.keys]


def of(actor: Actor, entity: AnyEntity) -> Layout:
    """The layout for this reader: on a phone that for phones, else that of the first of their roles that has one."""
    chosen = {part: laid(actor, entity, part, phone=actor.phone) for part in PARTS}
    return catalog.current().once(("layout", entity.key, repr(chosen)), lambda: _made(entity, chosen))


def laid(actor: Actor, entity: AnyEntity, part: str, *, phone: bool = False) -> Any:
    """What the firm has laid out of one part for this reader; None where it has said nothing."""
    said = (catalog.current().part("layouts").get(entity.key) or {}).get(part)
    if not said:
        return None
    names = [*(["phone"] if phone else []), *sorted(f"role:{r.key}" for r in actor.held.values()), ""]
    return next((said[name] for name in names if name in said), None)


def _made(entity: AnyEntity, said: Mapping[str, Any]) -> Layout:
    attributes = entity.attributes
    base = declared(entity)

    def keys(part: str, otherwise: Sequence[str]) -> tuple[str, ...]:
        return tuple(k for k in (otherwise if said[part] is None else said[part]) if k in attributes)

    return Layout(
        columns=keys("list", base.columns),
        sections=base.sections if said["form"] is None else _sections(said["form"], attributes),
        quick=keys("quick", base.quick),
        filters=keys("filters", base.filters),
        card=keys("card", base.card),
        facts=keys("facts", base.facts),
    )


def declared(entity: AnyEntity) -> Layout:
    """What holds where nothing was laid out: the declaration, with the firm's own fields in a section of their own."""
    own = [a for a in entity.attributes.values() if a.key.startswith("x_") and not entity.object]
    more = [a.key for a in own if a.kind.key in FILTERABLE][:MORE_FILTERS]
    sections = [*entity.sections, Section(_("Further fields"), tuple(a.key for a in own))] if own else entity.sections
    needed = [a.key for a in own if a.required and a.editable] if entity.quick else []
    return Layout(
        columns=entity.columns,
        sections=tuple(sections),
        quick=tuple(dict.fromkeys((*entity.quick, *needed))),
        filters=tuple(dict.fromkeys((*entity.filters, *more))),
        card=entity.card,
        facts=entity.facts,
    )


def _sections(said: Iterable[Mapping[str, Any]], attributes: Mapping[str, Attribute]) -> tuple[Section, ...]:
    """The sections of a form; fields that must be filled and were left out come last, or nothing could be saved."""
    found = [
        Section(lazily(one.get("labels")), tuple(k for k in one["keys"] if k in attributes), bool(one.get("folded")))
        for one in said
    ]
    placed = {k for s in found for k in s.keys}
    missing = tuple(k for k, a in attributes.items() if a.required and a.editable and a.stored and k not in placed)
    return (*found, Section(_("Needed"), missing)) if missing else tuple(found)
