"""Finding the record that a row is about: in the table, and among the rows before it.

A key that is unique (a number of the former system, a credit code) decides alone. A name together with a number or a
mail decides too. A name alone decides for a firm; for what may be a person's name only while nothing contradicts it:
two people of one name with different numbers are two people.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from zhike.engine.duplicates import rules
from zhike.engine.duplicates.check import mark
from zhike.engine.entity import AnyEntity, Sign

from .cells import Draft, first_good, further
from .model import NUMBER, Plan
from .rehearsal import Kept, Rehearsal, digest

Key = tuple[str, ...]
Value = tuple[Any, ...]
Told = tuple[Key, Value]
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
    """A row about a record, with those that say the very same right after it."""

    drafts: list[Draft]
    told: list[Told]  # the keys by which it is found, and what it has in common with its doubles
    existing: Existing | None = None
    key: Key = ()
    several: bool = False
    considered: set[UUID] = field(default_factory=set)  # records that the row might have been about

    @property
    def row(self) -> int:
        """The first row."""
        return self.drafts[0].row

    @property
    def values(self) -> dict[str, Any]:
        """What the row says."""
        return self.drafts[0].values

    def is_about(self, pk: UUID) -> bool:
        """Whether the record is that of the row."""
        return self.existing is not None and self.existing.id == pk


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
        self.once = [key for key in unique if set(key) <= fed]
        self._kept = list(dict.fromkeys((*self.keys, *self.once)))
        levels = rules.levels(self.entity)
        told = [s for s in self.entity.signs if set(s.fields) <= fed and levels[s.key, "imported"] != "off"]
        self.signs = {("", s.key): s for s in told if s.how != "firm"}
        self.hits: set[int] = set()  # digests of the rows at hand by which a trial run has made something
        self.unique = {keys[0] for keys in unique if len(keys) == 1} | {NUMBER}
        self.identity = [k for k in dict.fromkeys(k for key in matching for k in key) if k in fed]
        self.attributes = self.entity.attributes
        self.kinds = {k: a.kind.key for k, a in self.attributes.items()}
        self.fields = {k: a for k, a in self.entity.attributes.items() if k in fed and a.stored}
        scopes = {access.scope(self.actor, self.entity, action) for action in ("read", "update")}
        self.sees_all = scopes == {"all"}
        self.is_keyed = any(f.name == "name_key" for f in self.entity.model._meta.concrete_fields)

    def group(self, drafts: Sequence[Draft]) -> tuple[list[Group], list[Draft]]:
        """Rows that have nothing to do with each other, each with its record, and rows that have to wait for them.

        So a batch becomes what it would become row by row: where an earlier row makes or changes the record that a
        later one may be about, the later one is matched when the earlier is written.
        """
        self.earlier.clear()
        groups, late = self._apart(drafts)
        self._find(groups)
        kept: list[Group] = []
        claimed: set[UUID] = set()
        touched: set[Told] = set()
        for g in groups:
            if g.considered & claimed or not touched.isdisjoint(g.told):
                late += g.drafts
                claimed |= g.considered
                continue
            kept.append(g)
            if g.existing:
                claimed.add(g.existing.id)
                now = g.existing.values
                touched |= self._told(now) | self._told({**now, **g.values})
        if self.rehearsal:
            once = ((key, value) for g in kept for key in self.once if (value := self._value(key, g.values)))
            self.hits = self.rehearsal.known(
                {digest(*one) for one in (*once, *(told for g in kept for told in g.told))}
            )
        return kept, sorted(late, key=lambda d: d.row)

    def _apart(self, drafts: Sequence[Draft]) -> tuple[list[Group], list[Draft]]:
        """Rows that share no key, and the others."""
        groups: list[Group] = []
        late: list[Draft] = []
        seen: dict[Told, Group | None] = {}
        for draft in drafts:
            told = [(key, value) for key in self.keys if (value := self._key(key, draft))]
            told += self._signs(draft.values)
            before = next((one for one in told if one in seen), None)
            if before is None:
                groups.append(Group([draft], told))
                seen.update(dict.fromkeys(told, groups[-1]))
            elif (group := seen[before]) and group.values == draft.values:
                group.drafts.append(draft)
            else:
                late.append(draft)
                seen.update(dict.fromkeys(told))
        return groups, late

    def _told(self, values: Mapping[str, Any]) -> set[Told]:
        """The keys by which a record with these values is found, and what it has in common with its doubles."""
        return {(key, value) for key in self.keys if (value := self._value(key, values))} | set(self._signs(values))

    def _signs(self, values: Mapping[str, Any]) -> list[Told]:
        return [(key, value) for key, sign in self.signs.items() if (value := self._mark(sign, values))]

    def _mark(self, sign: Sign, values: Mapping[str, Any]) -> Value:
        return mark(sign, {k: first_good(self.attributes[k], values.get(k)) for k in sign.fields})

    def _find(self, groups: Sequence[Group]) -> None:
        """Give each its record, and say whether several fit; one query per key."""
        open_groups = list(groups)
        for key in self.keys:
            wanted = {g.row: v for g in open_groups if (v := self._key(key, g.drafts[0]))}
            if not wanted:
                continue
            candidates = self._candidates(key, [g.drafts[0] for g in open_groups if g.row in wanted])
            for g in open_groups:
                near = candidates.get(wanted.get(g.row, ()), ())
                g.considered |= {e.id for e in near}
                fitting = [
                    e
                    for e in near
                    if self._agree(key, g.values, e.values, e.searched) and self._fits(key, g.drafts[0], e)
                ]
                seen = [e for e in fitting if e.seen] or fitting
                if seen:
                    g.existing, g.key, g.several = seen[0] if len(seen) == 1 else None, key, len(seen) > 1
            open_groups = [g for g in open_groups if not g.key]

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

    def _candidates(self, key: Key, drafts: Sequence[Draft]) -> dict[Value, list[Existing]]:
        best, column, wanted = self._narrow(key, drafts)
        made = self._made(key, drafts, best, wanted)
        rows = self.entity.rows("what is out of sight is told by department alone").filter(deleted_at=None)
        if column:
            where = Q(**{f"{column}__among": wanted})
        else:
            where = reduce(or_, map(self.attributes[best].equals, wanted), Q(pk__in=()))
        rows = rows.filter(where | Q(pk__among=list(made)) if made else where)
        more = [f.name for f in self.entity.model._meta.concrete_fields if f.name in ("search_text", "department")]
        names = dict.fromkeys("custom" if a.custom else a.column for a in self.fields.values())
        stored = []
        for row in rows.order_by("created_at", "pk").values("pk", *more, *names):
            values = {k: a.loaded(row["custom"]) if a.custom else row[a.column] for k, a in self.fields.items()}
            stored.append(Existing(row["pk"], values, row.get("search_text", ""), row.get("department")))
        self._see(stored)
        changed = self.rehearsal.changed([e.id for e in stored]) if self.rehearsal else {}
        for e in stored:
            if e.id in changed:
                e.values, e.searched = changed[e.id]
        there = {e.id for e in stored}
        new = [Existing(pk, *kept, rehearsed=True) for pk, kept in made.items() if pk not in there]
        found: dict[Value, list[Existing]] = {}
        for e in (*stored, *new):
            found.setdefault(self._value(key, e.values), []).append(e)
        self.earlier |= self.recall([e.id for e in (*stored, *new) if e.id not in self.earlier])
        return found

    def _made(self, key: Key, drafts: Sequence[Draft], best: str, wanted: set[Any]) -> dict[UUID, Kept]:
        """The records that earlier rows of a trial run would have made, or changed, so that they are found by a key."""
        if self.rehearsal is None:
            return {}
        found = self.rehearsal.find({digest(key, value) for d in drafts if (value := self._key(key, d))})
        return {pk: kept for pk, kept in found.items() if self._sought(best, kept[0].get(best)) in wanted}

    def numbers(self, values: Mapping[str, Any]) -> str:
        """The numbers and mails that a row tells, as a record is searched by them."""
        reached = (a for a in self.fields.values() if a.kind.key in ("phone", "email") and values.get(a.key))
        return "\n".join(n for a in reached for n in further(a, values[a.key]))

    def digests(self, values: Mapping[str, Any]) -> list[int]:
        """The keys by which a record with these values is found, as a rehearsal keeps them."""
        found = [digest(key, value) for key in self._kept if (value := self._value(key, values))]
        return found + [digest(key, value) for key, value in self._signs(values)]

    def double(self, sign: Sign, values: Mapping[str, Any], own: Collection[UUID]) -> str | None:
        """The name of a record that the rows before would have made with the same sign, none where there is none."""
        key = ("", sign.key)
        if self.rehearsal is None or key not in self.signs or not (value := self._mark(sign, values)):
            return None
        if (found := digest(key, value)) not in self.hits:
            return None
        for pk, (kept, _numbers) in self.rehearsal.find([found]).items():
            if pk not in own and self._mark(sign, kept) == value:
                return str(kept.get(self.entity.title, ""))
        return None

    def clash(self, g: Group) -> str:
        """The field whose value a record has that the rows before would have made or changed; "" where none has."""
        assert self.rehearsal  # noqa: S101  for the types
        for key in self.once:
            if (value := self._value(key, g.values)) and (found := digest(key, value)) in self.hits:
                others = self.rehearsal.find([found])
                if any(all(v[k] == g.values[k] for k in key) for pk, (v, _n) in others.items() if not g.is_about(pk)):
                    return key[0]
        return ""

    def _narrow(self, key: Key, drafts: Sequence[Draft]) -> tuple[str, str, set[Any]]:
        """The one field of the key that narrows most and has an index, the column that is asked, and for what."""
        title = self.entity.title
        best = next((k for k in key if k != title and indexed(self.entity, k)), title)
        if best == title and (self.is_keyed or self.entity.has_owner):
            return (
                best,
                "name_key" if self.is_keyed else "pinyin",
                {self._sought(title, d.values[title]) for d in drafts},
            )
        a = self.attributes[best]
        wanted = {first_good(a, d.values[best]) for d in drafts}
        if a.kind.key == "text":
            wanted |= {str(d.values[best]).upper() for d in drafts}
        return best, "" if a.custom else a.column, wanted

    def _sought(self, best: str, value: Any) -> Any:
        """A value as the column that is asked for it holds it."""
        if best != self.entity.title or not (self.is_keyed or self.entity.has_owner):
            return value
        if self.is_keyed:
            return name_key(str(value))
        read = pinyin.person if self.entity.named == "person" else pinyin.company
        return read(str(value)).sort_key[:300]

    def _see(self, found: Sequence[Existing]) -> None:
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
