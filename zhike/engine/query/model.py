"""What is asked of a list, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute, Labels

PAGE = 50


@dataclass(frozen=True)
class Condition:
    """One part of a filter: the one language of lists, saved views, reports, imports and, later, API and rules."""

    key: str
    op: str
    value: Any = None


@dataclass(frozen=True, kw_only=True)
class View:
    """What is asked of an entity. `sort` is a field key, with a minus for descending; pages start at 1."""

    conditions: tuple[Condition, ...] = ()
    search: str = ""
    columns: tuple[str, ...] = ()
    sort: str = ""
    page: int = 1
    size: int = PAGE

    def but(self, **changes: Any) -> View:
        """A copy with changes."""
        return replace(self, **changes)

    def also(self, *conditions: Condition) -> View:
        """A copy with further conditions."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def query(self) -> str:
        """As a query string, which `parse` reads back."""
        pairs = [(f"{c.key}__{c.op}", flat(c.value)) for c in self.conditions]
        pairs += [("q", self.search)] if self.search else []
        pairs += [("sort", self.sort)] if self.sort else []
        pairs += [("page", str(self.page))] if self.page != 1 else []
        return urlencode(pairs)


def flat(value: Any) -> str:
    """The value of a condition as it stands in an address."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, set)) else "" if value is None else str(value)


@dataclass
class Row:
    """One record as its reader may see it."""

    id: UUID
    version: int
    values: dict[str, Any]


@dataclass
class Page:
    """A page of rows with the names of what they link to. `total` stops at COUNT_CAP + 1."""

    entity: AnyEntity
    view: View
    attributes: list[Attribute]
    rows: list[Row]
    total: int
    labels: Labels
    sums: dict[str, Any] = field(default_factory=dict)

    def text(self, row: Row, key: str) -> str:
        """A value as plain text."""
        a = self.entity.attributes[key]
        return a.kind.text(a, row.values.get(key), self.labels)


def parse(query: str | Iterable[tuple[str, str]]) -> View:
    """A View from a query string or its pairs; what is not a condition is left to the caller."""
    pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else list(query)
    plain = dict(pairs)
    conditions = []
    for name, value in pairs:
        key, found, op = name.rpartition("__")
        if found and key:
            conditions.append(Condition(key, op, value))
    page = plain.get("page", "1")
    return View(
        conditions=tuple(conditions),
        search=plain.get("q", "").strip()[:100],
        sort=plain.get("sort", ""),
        page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
    )
