"""Which value each field of the record that stays gets: as chosen, else by the rule of the field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.fieldrules import BLANK
from zhike.engine.kinds import Attribute

FEWEST, MOST = 2, 5  # records in one merge
ALL = "all"  # instead of the id of a record: the lists united, or the texts one below the other
TAKES = ("merge", "update")  # the rights that every one of the records takes; those that go take `delete` too
APART = ("pipeline",)  # comes along with the stage
HEIGHT = 50  # steps up a tree


def mergeable(entity: AnyEntity) -> bool:
    """Whether records of the entity are merged: those of their own, not parts of others."""
    return entity.has_owner


def require(actor: Actor, entity: AnyEntity, keep: UUID, others: Sequence[UUID]) -> None:
    """Refused without the rights, Missing where they do not reach one of the records, Invalid for too few or many."""
    if not mergeable(entity):
        raise Missing
    for action in (*TAKES, "delete"):
        access.require(actor, entity, action)
    ids = {keep, *others}
    if len(ids) != len(others) + 1 or not FEWEST <= len(ids) <= MOST:
        text = _("Choose from %(least)s to %(most)s different records to merge.")
        raise Invalid([{"": [Wrong(text % {"least": FEWEST, "most": MOST}, "count")]}])
    for action, wanted in ((TAKES[0], ids), (TAKES[1], ids), ("delete", ids - {keep})):
        if query.visible(actor, entity, action).filter(pk__in=wanted).count() != len(wanted):
            raise Missing


def offered(actor: Actor, entity: AnyEntity, keeper: Any) -> dict[str, Attribute]:
    """The fields that can be chosen: those that the actor may write in the record that stays."""
    status = keeper.status if entity.is_staged else ""
    found = access.writable(actor, entity, status)
    readable = access.readable(actor, entity)
    gives = entity.has_owner and query.visible(actor, entity, "transfer").filter(pk=keeper.pk).exists()
    return {
        k: a
        for k, a in found.items()
        if k in readable and k not in APART and a.stored and a.kind.key != "json" and (k != "owner" or gives)
    }


def joins(entity: AnyEntity, a: Attribute) -> bool:
    """Whether the values of all records can be had together."""
    return a.kind.blank == () or entity.merged.get(a.key) == "both"


@dataclass
class Deciding:
    """The values of one merge. `records` are the rows as they stand, the one that stays first."""

    actor: Actor
    entity: AnyEntity
    records: Sequence[Any]
    said: Mapping[str, UUID | str]

    def __post_init__(self) -> None:
        self.keeper = self.records[0]
        self.fields = offered(self.actor, self.entity, self.keeper)
        self.masked = access.masked(self.actor, self.entity)
        self.gone = {r.pk for r in self.records[1:]}
        self.newest = [self.keeper, *sorted(self.records[1:], key=lambda r: (r.updated_at, r.pk), reverse=True)]

    def values(self) -> dict[str, Any]:
        """What to write into the record that stays: clean values of the fields that become other ones.

        Raises Refused for a field that the actor may not write, Invalid for a source that is none of the records.
        """
        if closed := self.said.keys() - self.fields.keys():
            raise Refused(f"fields {sorted(closed)} of {self.entity.key}")
        found: dict[str, Any] = {}
        for key, a in self.fields.items():
            value = self._said(a) if key in self.said else self.default(a)[1]
            if value != a.read(self.keeper) and not (value in BLANK and a.read(self.keeper) in BLANK):
                found[key] = value
        if "stage" in found:
            source = next(r for r in self.records if r.stage_id == found["stage"])
            found["pipeline"] = source.pipeline_id
        return found

    def _said(self, a: Attribute) -> Any:
        said = self.said[a.key]
        if said == ALL and joins(self.entity, a):
            return self._joined(a)
        source = next((r for r in self.records if str(r.pk) == str(said)), None)
        if source is None:
            raise Invalid([{a.key: [Wrong(_("Choose one of the records that are merged."), "choice")]}])
        return self._fitting(a, a.read(source))

    def default(self, a: Attribute) -> tuple[UUID | str, Any]:
        """(where the value comes from, the value) where nothing is chosen."""
        if joins(self.entity, a):
            return ALL, self._joined(a)
        rule = "" if a.key in self.masked else self.entity.merged.get(a.key, "")
        held = [(r, self._fitting(a, a.read(r))) for r in self._seen(a)]
        held = [(r, v) for r, v in held if v not in BLANK]
        if not held or a.key == "stage" or a.key == "owner":
            return self.keeper.pk, a.read(self.keeper)
        if rule == "newest":
            held.sort(key=lambda pair: pair[0].updated_at, reverse=True)
        elif rule == "oldest":
            held.sort(key=lambda pair: pair[0].created_at)
        elif rule in ("most", "least", "any"):
            held.sort(key=lambda pair: pair[1], reverse=rule != "least")
        return held[0][0].pk, held[0][1]

    def _seen(self, a: Attribute) -> Iterator[Any]:
        """The records whose value the write path would take from this actor: a link to what is out of sight is none."""
        ids = {v for r in self.newest if a.is_link for v in _listed(a.read(r))}
        known = query.names(self.actor, a.target, ids).keys() if ids else set()
        for r in self.newest:
            value = a.read(r)
            if r.pk != self.keeper.pk:
                if not all(v in known for v in (_listed(value) if a.is_link else ())):
                    continue
                try:
                    a.kind.clean(a, value)
                except Wrong:
                    continue
            yield r

    def _joined(self, a: Attribute) -> Any:
        if a.kind.blank != ():
            texts = [str(a.read(r)).strip() for r in self.newest]
            joined = "\n\n".join(dict.fromkeys(t for t in texts if t))
            return joined[: a.max_length] if a.max_length else joined
        whole = (v for r in self._seen(a) for v in a.read(r))
        return list(dict.fromkeys(v for v in whole if v not in self.gone and v != self.keeper.pk))

    def _fitting(self, a: Attribute, value: Any) -> Any:
        """A value as the record that stays can have it: no link to itself, directly or through what is below it."""
        if a.target != self.entity.key or not a.is_link:
            return value
        if a.kind.blank == ():
            return [v for v in value if v not in self.gone and v != self.keeper.pk]
        return above(self.entity, a, self.keeper.pk, self.gone, value)


def above(entity: AnyEntity, a: Attribute, keep: UUID, gone: Collection[UUID], value: UUID | None) -> UUID | None:
    """`value` as what stands above `keep` once `gone` have become part of it: where the way up from it leads through
    one of them, what stands above the last of those. One query for each step up."""
    rows = entity.rows("only what stands above what")
    over: dict[UUID, UUID | None] = {}
    last, at = None, value
    while at and at not in over and len(over) < HEIGHT:
        row = rows.filter(pk=at).first()
        over[at] = a.read(row) if row else None
        last = at if at in gone or at == keep else last
        at = over[at]
    return value if last is None else over[last]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []
