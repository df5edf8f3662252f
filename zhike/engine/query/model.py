"""What is asked of a list, and what comes back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute, Labels

PAGE = 50


@dataclass(frozen=True)
class Condition:
    """One part of a filter; `key` is a field, or leads over links to one: "account.tier"."""

    key: str
    op: str
    value: Any = None


@dataclass(frozen=True)
class Group:
    """Several parts of which all, any or none hold."""

    kind: Literal["all", "any", "none"]
    parts: tuple[Clause, ...]


@dataclass(frozen=True)
class Linked:
    """Records that point here: `path` is "deal.account", records of deal by their field account.

    Some of them, or none, fulfil all `parts`; without parts it is about their being there.
    """

    path: str
    kind: Literal["some", "none"]
    parts: tuple[Clause, ...] = ()


Clause = Condition | Group | Linked


@dataclass(frozen=True, kw_only=True)
class View:
    """What is asked of an entity. `sort` is a field key, with a minus for descending; pages start at 1.

    `where` are the parts of the filter that are more than one plain condition. `after` and `before` are cursors of a
    page that was read before; they come before `page`. `group` is a field, dates cut as in "created_at:month". With
    `exact` the rows are counted to the last.
    """

    conditions: tuple[Condition, ...] = ()
    where: tuple[Clause, ...] = ()
    search: str = ""
    columns: tuple[str, ...] = ()
    sort: str = ""
    page: int = 1
    size: int = PAGE
    group: str = ""
    after: str = ""
    before: str = ""
    exact: bool = False

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """Everything that rows have to fulfil."""
        return (*self.conditions, *self.where)

    def but(self, **changes: Any) -> View:
        """A copy with changes."""
        return replace(self, **changes)

    def also(self, *clauses: Clause) -> View:
        """A copy with further conditions."""
        plain = tuple(c for c in clauses if isinstance(c, Condition))
        others = tuple(c for c in clauses if not isinstance(c, Condition))
        return replace(self, conditions=(*self.conditions, *plain), where=(*self.where, *others))

    def start(self) -> View:
        """A copy that begins at the first page."""
        return replace(self, page=1, after="", before="")

    def query(self) -> str:
        """As a query string, which `parse` reads back."""
        return urlencode(list(self.pairs()))

    def pairs(self) -> Iterator[tuple[str, str]]:
        """The parameters of the address."""
        from .language import text  # the language is made of these values

        for c in self.conditions:
            yield f"{c.key}__{c.op}", flat(c.value)
        for clause in self.where:
            yield "where", text(clause)
        for name, value in (("q", self.search), ("sort", self.sort), ("group", self.group)):
            if value:
                yield name, value
        for name in ("after", "before"):
            if value := getattr(self, name):
                yield name, value
        if self.page != 1 and not (self.after or self.before):
            yield "page", str(self.page)
        if self.exact:
            yield "exact", "1"


def flat(value: Any) -> str:
    """The value of a condition as it stands in an address."""
    return ",".join(map(str, value)) if isinstance(value, (list, tuple, set)) else "" if value is None else str(value)


@dataclass
class Row:
    """One record as its reader may see it; `key` is what it is sorted by, where that was asked for."""

    id: UUID
    version: int
    values: dict[str, Any]
    key: Any = None


@dataclass
class Page:
    """A page of rows with the names of what they link to.

    `total` stops at COUNT_CAP + 1 unless `view.exact`; not `counted`, it is what is known so far. `next` and `previous`
    are cursors, "" where nothing is there.
    """

    entity: AnyEntity
    view: View
    attributes: list[Attribute]
    rows: list[Row]
    total: int
    labels: Labels
    sums: dict[str, Any] = field(default_factory=dict)
    next: str = ""
    previous: str = ""
    counted: bool = True

    def text(self, row: Row, key: str) -> str:
        """A value as plain text."""
        a = self.entity.attributes[key]
        return a.kind.text(a, row.values.get(key), self.labels)


def parse(query: str | Iterable[tuple[str, str]]) -> View:
    """A View from a query string or its pairs; what is not a condition is left to the caller.

    Raises Invalid for a `where` that cannot be read, and for too many conditions.
    """
    from .language import MOST, clauses, crowded  # the language is made of these values

    pairs = parse_qsl(query, keep_blank_values=True) if isinstance(query, str) else list(query)
    plain = dict(pairs)
    conditions = []
    where: list[Clause] = []
    for name, value in pairs:
        key, found, op = name.rpartition("__")
        if found and key:
            conditions.append(Condition(key, op, value))
        elif name == "where" and value:
            where += clauses(value)
    if len(conditions) > MOST:
        raise Invalid([{conditions[MOST].key[:60]: [Wrong(crowded(), "filter")]}])
    page = plain.get("page", "1")
    return View(
        conditions=tuple(conditions),
        where=tuple(where),
        search=plain.get("q", "").strip()[:100],
        sort=plain.get("sort", ""),
        page=max(1, int(page)) if page.isdecimal() and len(page) < 6 else 1,
        group=plain.get("group", ""),
        after=plain.get("after", ""),
        before=plain.get("before", ""),
        exact=plain.get("exact") == "1",
    )
