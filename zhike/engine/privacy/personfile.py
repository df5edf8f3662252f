"""All that is kept about one person, as far as the reader may see it (PIPL art. 45, GDPR 15 and 20)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from zhike.base.models import User
from zhike.engine import access, history, lineage, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import History, StoredFile

from .persons import is_person

ROWS = 2_000  # of one list
Said = Mapping[UUID, Sequence[Mapping[str, str]]]  # record -> {at, who, text} of each, the oldest first
_said_under: dict[str, Callable[[Actor, Collection[UUID]], Said]] = {}


def register(entity: str, said: Callable[[Actor, Collection[UUID]], Said]) -> None:
    """What people say under the records of an entity, such as comments, belongs to the files of persons too."""
    _said_under[entity] = said


def person_file(actor: Actor, entity: AnyEntity, pk: UUID, *, note: str = "personfile") -> dict[str, Any]:
    """Everything about one person: {entity, id, made_at, record, lists, history, seen_by, files}.

    A `record` is a list of {key, label, value (JSON), text}; `lists` are {entity, label, rows}. Values that the reader
    sees in part are whole where they may reveal them. Raises Missing, or Refused without the right to export; it is
    written to the history as `note`.
    """
    if not is_person(entity) or not query.visible(actor, entity, "read").filter(pk=pk).exists():
        raise Missing
    if not query.visible(actor, entity, "export").filter(pk=pk).exists():
        raise Refused(f"export {entity.key}")
    record = _read(actor, entity, Q(pk=pk), "read")
    lists = list(_lists(actor, entity, pk))
    files = StoredFile.objects.filter(entity=entity.key, record=pk, deleted_at=None)
    history.note(actor, note, entity=entity.key, record=pk, details={"rows": 1 + sum(len(x["rows"]) for x in lists)})
    return {
        "entity": entity.key,
        "id": str(pk),
        "made_at": timezone.now().isoformat(),
        "record": record[0]["fields"],
        "lists": lists,
        "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files],
        "history": _history(actor, entity, pk),
        "seen_by": seen_by(entity, pk),
    }


def _read(actor: Actor, entity: AnyEntity, rows: Q, action: str) -> list[dict[str, Any]]:
    known = [a for a in access.readable(actor, entity).values() if not a.unseen and a.kind.key != "json"]
    chosen = query.visible(actor, entity, action).filter(rows).order_by("-created_at")[:ROWS]
    found = query.read(actor, entity, chosen, known, clear=True)
    labels = query.labels(actor, known, found)
    return [
        {
            "id": str(row.id),
            "fields": [
                {
                    "key": a.key,
                    "label": str(a.label),
                    "class": a.data_class,
                    "value": a.kind.to_json(row.values[a.key]),
                    "text": a.kind.text(a, row.values[a.key], labels),
                }
                for a in known
                if row.values[a.key] not in (None, "", [], ())
            ],
        }
        for row in found
    ]


def _lists(actor: Actor, entity: AnyEntity, pk: UUID) -> Iterator[dict[str, Any]]:
    """Rows about the person, and those that link to them, such as activities."""
    for other in entities().values():
        links = [
            a
            for a in other.attributes.values()
            if a.target == entity.key and a.stored and a.kind.key == "link" and other.key != entity.key
        ]
        if not links or not access.may(actor, other, "list"):
            continue
        wanted = Q(pk__in=())
        for a in links:
            wanted |= a.leads_to([pk])
        if rows := _read(actor, other, wanted, "list"):
            if other.key in _said_under:
                said = _said_under[other.key](actor, [UUID(row["id"]) for row in rows])
                rows = [{**row, "said": list(said.get(UUID(row["id"]), ()))} for row in rows]
            yield {"entity": other.key, "label": str(other.plural), "rows": rows}


def _history(actor: Actor, entity: AnyEntity, pk: UUID) -> list[dict[str, Any]]:
    return [
        {
            "at": e.at.isoformat(),
            "who": e.actor,
            "action": e.action,
            "changes": [{"label": str(label)} for label, _old, _new in e.changes],
        }
        for e in history.of(actor, entity, pk, limit=1_000)
    ]


SEEING = ("reveal", "export", "print", "personfile")


def seen_by(entity: AnyEntity, pk: UUID) -> list[dict[str, Any]]:
    """Who revealed, exported or printed data of the person, and when: newest first."""
    ids = lineage.ids(entity.key, pk)
    of_record = Q(entity=entity.key, record__in=ids)
    for one in ids:
        of_record |= Q(details__records__contains=[str(one)])
    rows = list(History.objects.filter(of_record, action__in=SEEING).order_by("-id")[:1_000])
    people = dict(User.objects.filter(pk__in={r.actor for r in rows}).values_list("pk", "name"))
    return [
        {
            "at": r.at.isoformat(),
            "who": people.get(r.actor, "") if r.actor else "",
            "action": r.action,
            "fields": [str(get(entity.key).attributes[k].label) for k in _fields(r) if k in entity.attributes],
        }
        for r in rows
    ]


def _fields(row: History) -> list[str]:
    said = row.details.get("fields", [])
    return [k for k in said if isinstance(k, str)] if isinstance(said, list) else []
