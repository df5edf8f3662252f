"""Parts that the record that stays has already: the same number, the same address, the same contact of a deal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils import timezone

from zhike.engine.entity import AnyEntity
from zhike.engine.fieldrules import BLANK
from zhike.engine.kinds import Attribute

APART = ("created_at", "updated_at")


@dataclass
class Doubles:
    """The parts that lead by `a` to what goes, against those that lead to what stays."""

    entity: AnyEntity
    a: Attribute
    pairs: Mapping[UUID, UUID]

    def found(self) -> dict[UUID, UUID]:
        """Part that goes -> the same part of the record that stays, or of another that goes and came before."""
        if self.a.kind.key != "link":
            return {}
        rows = self.entity.rows("parts of merged records, compared")
        live = rows.filter(self.a.leads_to({*self.pairs, *self.pairs.values()}), deleted_at=None)
        stays = sorted(live, key=lambda r: (self.a.read(r) in self.pairs, r.created_at, r.pk))
        seen: dict[Any, UUID] = {}
        found: dict[UUID, UUID] = {}
        for row in stays:
            marks = [mark for mark in self._marks(row) if mark is not None]
            same = next((seen[mark] for mark in marks if mark in seen), None)
            if same is not None and self.a.read(row) in self.pairs:
                found[row.pk] = same
            else:
                seen |= dict.fromkeys(marks, row.pk)
        return found

    @cached_property
    def _once(self) -> list[tuple[Attribute, ...]]:
        """What no two parts of one record share."""
        known = self.entity.attributes
        return [tuple(known[k] for k in keys) for keys in self.entity.unique if self.a.key in keys]

    @cached_property
    def _all(self) -> list[Attribute]:
        return [a for a in self.entity.attributes.values() if a.stored and a.key not in APART]

    def _marks(self, row: Any) -> list[Any]:
        """By what the part is known: each unique key, and all that it says."""
        found: list[Any] = []
        for n, keys in enumerate(self._once):
            value = tuple(self._value(a, row) for a in keys)
            found.append(None if any(v in (None, "") for v in value) else (n, value))
        return [*found, ("all", tuple((a.key, self._value(a, row)) for a in self._all))]

    def _value(self, a: Attribute, row: Any) -> Any:
        value = a.read(row)
        if a.key == self.a.key:
            return self.pairs.get(value, value)
        return tuple(value) if isinstance(value, list) else value


def fill(entity: AnyEntity, doubles: Mapping[UUID, UUID]) -> None:
    """What a part that stays does not say, and the same part that goes does; one refusal to be contacted is enough."""
    rows = entity.rows("parts of merged records, made one").in_bulk([*doubles, *doubles.values()])
    changed: dict[UUID, Any] = {}
    columns: set[str] = set()
    for old, new in doubles.items():
        gone, stays = rows[old], rows[new]
        for a in entity.attributes.values():
            if not a.stored or not a.editable or a.is_link:
                continue
            theirs, ours = a.read(gone), a.read(stays)
            lacks = ours in BLANK and theirs not in BLANK
            if lacks or (entity.merged.get(a.key) == "any" and theirs and not ours):
                a.write(stays, theirs)
                columns.add(a.column or "custom")
                changed[new] = stays
    for row in changed.values():
        row.version, row.updated_at = row.version + 1, timezone.now()
    if changed:
        rows_ = entity.rows("parts of merged records, made one")
        rows_.bulk_update(list(changed.values()), sorted({*columns, "version", "updated_at"}))
