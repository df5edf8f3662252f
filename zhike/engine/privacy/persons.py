"""Whose data a record holds: the rows of one person, and the records around them in which the name may stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Q

from zhike.base.models import User
from zhike.engine import lineage
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.kinds import Attribute

from .needles import Needles, gather, token

PERSONAL = ("personal", "sensitive")
ELSEWHERE = ("user", "department", "role", "pipeline", "stage", "tag", "file", "product", "competitor")
Ids = dict[str, set[UUID]]


def is_person(entity: AnyEntity) -> bool:
    """Whether a record of the entity stands for a person."""
    return "id" in entity.about


def personal(entity: AnyEntity) -> dict[str, Attribute]:
    """The stored fields of an entity that are personal or sensitive."""
    return {k: a for k, a in entity.attributes.items() if a.stored and a.data_class in PERSONAL}


def own_rows(entity: AnyEntity, pk: UUID) -> Ids:
    """entity -> ids of the rows whose personal fields are all about this person: those in the bin too, and the ids of
    records that were merged into theirs, whose rows may be gone while their history is there."""
    ids = lineage.ids(entity.key, pk)
    found: Ids = {entity.key: set(ids)}
    for other in entities().values():
        for link in other.about:
            if link != "id" and other.attributes[link].target == entity.key:
                rows = other.rows("everything about one person").filter(**{f"{link}__in": ids})
                if pks := set(rows.values_list("pk", flat=True)):
                    found.setdefault(other.key, set()).update(pks)
    return found


@dataclass
class Around:
    """Records in which the person may be named: `own` are about them, `near` are linked to those."""

    own: Ids
    near: Ids = field(default_factory=dict)
    clear: bool = True  # nobody else around has the name


def _links(entity: AnyEntity) -> Iterator[Attribute]:
    for a in entity.attributes.values():
        if a.is_link and a.stored and a.kind.key == "link" and a.target not in ELSEWHERE:
            yield a


def _add(found: Ids, key: str, ids: Iterable[UUID | None]) -> None:
    if wanted := {pk for pk in ids if pk}:
        found.setdefault(key, set()).update(wanted)


def _pointing(ids: Ids) -> Ids:
    """Records that link to any of `ids`."""
    found: Ids = {}
    for other in entities().values():
        for a in _links(other):
            if wanted := ids.get(a.target):
                rows = other.rows("records around one person").filter(a.leads_to(wanted))
                _add(found, other.key, rows.values_list("pk", flat=True))
    return found


def around(entity: AnyEntity, pk: UUID, names: Iterable[str]) -> Around:
    """The records around a person. Where somebody else around has the same name, only those linked to the person."""
    own = own_rows(entity, pk)
    near = _pointing(own)
    hubs: Ids = {}
    for key, ids in own.items():
        other = get(key)
        rows = other.rows("records around one person").filter(pk__in=ids)
        for a in _links(other):
            _add(hubs, a.target, map(a.read, rows))
    hubs = {key: ids - own.get(key, set()) for key, ids in hubs.items() if not is_person(get(key))}
    if _namesakes(entity, pk, hubs, list(names)):
        return Around(own, near, clear=False)
    for found in (hubs, _pointing(hubs)):
        for key, ids in found.items():
            _add(near, key, ids)
    rest = {key: ids - own.get(key, set()) for key, ids in near.items()}
    return Around(own, {key: ids for key, ids in rest.items() if ids})


def _namesakes(entity: AnyEntity, pk: UUID, hubs: Ids, names: list[str]) -> bool:
    if User.objects.filter(name__in=names).exists():
        return True
    same = entity.rows("existence only, nothing is shown").filter(**{f"{entity.title}__in": names})
    linked = Q(pk__in=())
    for a in _links(entity):
        linked |= a.leads_to(hubs.get(a.target, ()))
    return same.exclude(pk__in=lineage.ids(entity.key, pk)).filter(linked).exists()


def _alone(entity: AnyEntity, own: Ids, names: list[str]) -> bool:
    """Whether nobody else in the firm or among its customers bears one of the names."""
    if User.objects.filter(name__in=names).exists():
        return False
    for other in entities().values():
        if is_person(other):
            rows = other.rows("existence only, nothing is shown").exclude(pk__in=own.get(other.key, ()))
            if rows.filter(**{f"{other.title}__in": names}).exists():
                return False
    return True


NAMES = ("name", "contact_name")
WORDS = ("wechat", "qq", "external_id")


def needles(entity: AnyEntity, pk: UUID, own: Mapping[str, set[UUID]]) -> Needles:
    """What one person is found by: names, numbers, mails and account names from all rows about them."""
    values: dict[str, list[str]] = {"names": [], "phones": [], "mails": [], "words": []}
    for key, ids in own.items():
        other = get(key)
        for record in other.rows("what one person is found by").filter(pk__in=ids):
            for a in personal(other).values():
                value = a.read(record)
                if isinstance(value, str) and value and (a.key != "name" or _is_name(other, record)):
                    _sort(values, a, value)
    own_ids = {k: set(v) for k, v in own.items()}
    unique = _alone(entity, own_ids, values["names"])
    return gather(mark=token(entity.key, pk), unique=unique, **values)


def _is_name(entity: AnyEntity, record: Any) -> bool:
    """Whether the title is a person's name: that of a lead may be a firm's."""
    firm = getattr(record, "company", "") or getattr(record, "contact_name", "")
    return entity.named == "person" or not firm


def _sort(values: dict[str, list[str]], a: Attribute, value: str) -> None:
    kind = a.kind.key
    if kind == "reach":
        kind = "email" if "@" in value else "phone"
    if a.key in NAMES:
        values["names"].append(value)
    elif kind == "phone":
        values["phones"].append(value)
    elif kind == "email":
        values["mails"].append(value)
    elif kind == "identity" or a.key in WORDS:
        values["words"].append(value)


def title_of(entity: AnyEntity, pk: UUID) -> Any:
    """The title as it is stored; None where there is no such row."""
    rows = entity.rows("whether it is erased already").filter(pk=pk)
    return rows.values_list(entity.title, flat=True).first()
