"""Finding the record that a row is about: in the table, and among the rows before it.

A key that is unique (a number of the former system, a credit code) decides alone. A name together with a number or a
mail decides too. A name alone decides for a firm; for what may be a person's name only while nothing contradicts it:
two people of one name with different numbers are two people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q, UniqueConstraint

from zhike.base import fold, pinyin
from zhike.base.models import Department
from zhike.base.names import legal_key, name_key
from zhike.engine import access, fieldrules, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import Attribute

from .cells import Draft, first_good, further
from .links import same_title
from .model import NUMBER, Plan
from .rehearsal import Rehearsal, digest

Key = tuple[str, ...]
ONE_NUMBER = re.compile(r"\+[0-9]+")


@dataclass
class Existing:
    """A record that is there already, as far as matching needs it."""

    id: UUID
    values: dict[str, Any]
    searched: str = ""
    department: UUID | None = None
    seen: bool = True
    may_update: bool = True
    rehearsed: bool = False  # a trial run would have made it


@dataclass
class Group:
    """The rows of a chunk that are about one record. `values` are those of all its rows, later ones first."""

    drafts: list[Draft]
    values: dict[str, Any]
    existing: Existing | None = None
    key: Key = ()
    several: bool = False

    @property
    def row(self) -> int:
        """The first row."""
        return self.drafts[0].row

    def add(self, draft: Draft, *, title: str) -> None:
        """One more row of the same record; a name in other dress changes nothing."""
        name = self.values.get(title)
        if name and same_title(str(name), str(draft.values.get(title, name))):
            draft.values[title] = name
        self.drafts.append(draft)
        self.values.update(draft.values)


@dataclass
class Matcher:
    """Matches rows with records and with each other."""

    actor: Actor
    entity: AnyEntity
    plan: Plan
    recall: Callable[[Iterable[UUID]], dict[UUID, int]]
    rehearsal: Rehearsal | None = None
    earlier: dict[UUID, int] = field(default_factory=dict)  # records of this file -> the row that they come from

    def __post_init__(self) -> None:
        fed = self.plan.fields()
        unique = fieldrules.unique(self.entity)
        made = [key for key in unique if key not in self.entity.unique]  # what the firm wants unique finds a record too
        matching = [*made, *self.entity.match]
        wanted = [tuple(self.plan.match)] if self.plan.match else matching
        self.keys: list[Key] = [(NUMBER,)] if NUMBER in fed else []
        self.keys += [key for key in wanted if set(key) <= fed]
        self.unique = {keys[0] for keys in unique if len(keys) == 1} | {NUMBER}
        self.identity = [k for k in dict.fromkeys(k for key in matching for k in key) if k in fed]
        self.attributes = self.entity.attributes
        self.kinds = {k: a.kind.key for k, a in self.attributes.items()}
        self.fields = {k: a for k, a in self.entity.attributes.items() if k in fed and a.stored}
        scopes = {access.scope(self.actor, self.entity, action) for action in ("read", "update")}
        self.sees_all = scopes == {"all"}
        self.is_keyed = any(f.name == "name_key" for f in self.entity.model._meta.concrete_fields)

    def group(self, drafts: Sequence[Draft]) -> list[Group]:
        """One group per record, in the order of the file."""
        self.earlier.clear()
        existing = self._existing(drafts)
        groups: list[Group] = []
        by_id: dict[UUID, Group] = {}
        by_key: dict[tuple[Key, tuple[Any, ...]], list[Group]] = {}
        for draft in drafts:
            found, key, several = existing.get(draft.row, (None, (), False))
            group = by_id.get(found.id) if found else None if several else self._like(draft, by_key)
            if group is not None:
                group.add(draft, title=self.entity.title)
                continue
            group = Group([draft], dict(draft.values), found, key, several)
            groups.append(group)
            if found:
                by_id[found.id] = group
            elif not several:
                for one in self.keys:
                    if value := self._key(one, draft):
                        by_key.setdefault((one, value), []).append(group)
        return groups

    def _like(self, draft: Draft, by_key: Mapping[tuple[Key, tuple[Any, ...]], list[Group]]) -> Group | None:
        """A row before this one that is about the same new record."""
        for key in self.keys:
            value = self._key(key, draft)
            for group in by_key.get((key, value), ()) if value else ():
                if self._agree(key, draft.values, group.values) and self._same_system(draft.values, group.values):
                    return group
        return None

    def _existing(self, drafts: Sequence[Draft]) -> dict[int, tuple[Existing | None, Key, bool]]:
        """Row -> its record, the key that found it, and whether several fit; one query per key."""
        found: dict[int, tuple[Existing | None, Key, bool]] = {}
        for key in self.keys:
            open_rows = [d for d in drafts if d.row not in found]
            wanted = {d.row: v for d in open_rows if (v := self._key(key, d))}
            if not wanted:
                continue
            candidates = self._candidates(key, [d for d in open_rows if d.row in wanted])
            for draft in open_rows:
                fitting = [
                    e for e in candidates.get(wanted.get(draft.row, ()), ())
                    if self._agree(key, draft.values, e.values, e.searched) and self._fits(key, draft, e)
                ]  # fmt: skip
                seen = [e for e in fitting if e.seen] or fitting
                if seen:
                    found[draft.row] = (seen[0] if len(seen) == 1 else None, key, len(seen) > 1)
        return found

    def _fits(self, key: Key, draft: Draft, existing: Existing) -> bool:
        """Within one file different numbers of the former system are different records; so are hidden namesakes."""
        if existing.id in self.earlier and not self._same_system(draft.values, existing.values):
            return False
        return existing.seen or not self._is_weak(key) or _is_firm(str(draft.values.get(self.entity.title, "")))

    def _same_system(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        return not any(one.get(k) and other.get(k) and one[k] != other[k] for k in self.unique)

    def _is_weak(self, key: Key) -> bool:
        """Names and where somebody works identify nobody by themselves."""
        return all(k == self.entity.title or self.attributes[k].is_link for k in key)

    def _agree(self, key: Key, one: Mapping[str, Any], other: Mapping[str, Any], searched: str = "") -> bool:
        """Whether nothing says that the two are different, as far as the key leaves that open."""
        title = self.entity.title
        if set(key) <= self.unique:
            return True
        if title not in key and one.get(title) and other.get(title):
            return bool(self._comparable(title, one[title]) == self._comparable(title, other[title]))
        if not self._is_weak(key):
            return True
        told = self.unique if _is_firm(str(one.get(title, ""))) else self.identity
        return all(self._compatible(k, one, other, searched) for k in told if k not in key)

    def _compatible(self, key: str, one: Mapping[str, Any], other: Mapping[str, Any], searched: str) -> bool:
        mine, theirs = one.get(key), other.get(key)
        if not mine or not theirs or self._comparable(key, mine) == self._comparable(key, theirs):
            return True
        a = self.attributes[key]
        return a.kind.key in ("phone", "email") and any(n and n in searched for n in further(a, mine))

    def _comparable(self, key: str, value: Any) -> Any:
        kind = self.kinds[key]
        if kind == "phone":
            return (
                value
                if isinstance(value, str) and ONE_NUMBER.fullmatch(value)
                else first_good(self.attributes[key], value)
            )
        if kind == "email":
            value = first_good(self.attributes[key], value)
        return fold.fold(value) if kind in ("text", "email") and isinstance(value, str) else value

    def _key(self, key: Key, draft: Draft) -> tuple[Any, ...]:
        """The values of a key in a row, found out once."""
        if (known := draft.keys.get(key)) is None:
            known = draft.keys[key] = self._value(key, draft.values)
        return known

    def _value(self, key: Key, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values of a key, comparable; empty when one is missing."""
        found = tuple(self._comparable(k, values[k]) if values.get(k) else None for k in key)
        return () if None in found or "" in found else found

    def _candidates(self, key: Key, drafts: Sequence[Draft]) -> dict[tuple[Any, ...], list[Existing]]:
        rows = self.entity.rows("what is out of sight is told by department alone").filter(deleted_at=None)
        rows = rows.filter(self._filter(key, drafts))
        more = [f.name for f in self.entity.model._meta.concrete_fields if f.name in ("search_text", "department")]
        names = dict.fromkeys("custom" if a.custom else a.column for a in self.fields.values())
        found: dict[tuple[Any, ...], list[Existing]] = {}
        for row in rows.order_by("created_at", "pk").values("pk", *more, *names):
            values = {k: a.loaded(row["custom"]) if a.custom else row[a.column] for k, a in self.fields.items()}
            one = Existing(row["pk"], values, row.get("search_text", ""), row.get("department"))
            found.setdefault(self._value(key, values), []).append(one)
        self._mark([e for same in found.values() for e in same])
        if self.rehearsal:
            self._rehearsed(key, drafts, found)
        self.earlier |= self.recall([e.id for same in found.values() for e in same if e.id not in self.earlier])
        return found

    def _rehearsed(self, key: Key, drafts: Sequence[Draft], found: dict[tuple[Any, ...], list[Existing]]) -> None:
        """The records that earlier rows of a trial run would have made."""
        assert self.rehearsal  # noqa: S101  for the types
        hashes = {digest(key, value) for d in drafts if (value := self._key(key, d))}
        for pk, values in self.rehearsal.find(hashes).items():
            told = (
                n for a in self.fields.values() if a.kind.key in ("phone", "email") for n in self._numbers(a, values)
            )
            one = Existing(pk, values, "\n".join(told), rehearsed=True)
            found.setdefault(self._value(key, values), []).append(one)

    def _numbers(self, a: Attribute, values: Mapping[str, Any]) -> list[str]:
        return further(a, values[a.key]) if values.get(a.key) else []

    def digests(self, values: Mapping[str, Any]) -> list[int]:
        """The keys by which a record with these values is found, as a rehearsal keeps them."""
        return [digest(key, value) for key in self.keys if (value := self._value(key, values))]

    def _filter(self, key: Key, drafts: Sequence[Draft]) -> Q:
        """The condition on the one column of the key that narrows most and has an index."""
        title, attributes = self.entity.title, self.entity.attributes
        best = next((k for k in key if k != title and indexed(self.entity, k)), title)
        if best == title and self.is_keyed:
            return Q(name_key__among={name_key(str(d.values[title])) for d in drafts})
        if best == title and self.entity.has_owner:
            read = pinyin.person if self.entity.named == "person" else pinyin.company
            return Q(pinyin__among={read(str(d.values[title])).sort_key[:300] for d in drafts})
        wanted = {first_good(attributes[best], d.values[best]) for d in drafts}
        if attributes[best].kind.key == "text":
            wanted |= {str(d.values[best]).upper() for d in drafts}
        if attributes[best].custom:
            return reduce(or_, map(attributes[best].equals, wanted), Q(pk__in=()))
        return Q(**{f"{attributes[best].column}__among": wanted})

    def _mark(self, found: Sequence[Existing]) -> None:
        """Which of them the actor sees, and may change."""
        if self.sees_all or not found:
            return
        ids = [e.id for e in found]
        seen, mine = (self._allowed(action, ids) for action in ("read", "update"))
        for e in found:
            e.seen, e.may_update = e.id in seen, e.id in mine

    def _allowed(self, action: str, ids: Iterable[UUID]) -> set[UUID]:
        return set(query.visible(self.actor, self.entity, action).filter(pk__among=ids).values_list("pk", flat=True))


def _is_firm(name: str) -> bool:
    """Whether a name carries a legal form, which no person's name does."""
    return bool(name) and name_key(name) != legal_key(name)


def department_name(pk: UUID | None) -> str:
    """The name of a department, for rows whose record is out of sight."""
    row = Department.objects.filter(pk=pk).values_list("name", flat=True).first() if pk else None
    return row or ""


def indexed(entity: AnyEntity, key: str) -> bool:
    """Whether records are found by a field without reading all of them; those of the firm are taken to be so."""
    a, meta = entity.attributes[key], entity.model._meta
    if a.custom:
        return True
    led = {name.lstrip("-") for index in meta.indexes for name in index.fields[:1]}
    led |= {c.fields[0] for c in meta.constraints if isinstance(c, UniqueConstraint) and c.fields}
    f = meta.get_field(a.column)
    return bool(getattr(f, "db_index", False) or getattr(f, "unique", False)) or bool(led & {f.name, f.attname})
