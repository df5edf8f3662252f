"""Moving everything that points at merged records to those that stay: some statements for each sort of link."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import sharing
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.models import Merge, MergeMove, Operation, SavedView, Share

from . import pointers
from .doubles import Doubles, fill

Pairs = Mapping[UUID, UUID]  # what goes -> what stays
PAIRS = "unnest(%(losers)s::uuid[], %(keepers)s::uuid[]) AS m(loser, keeper)"
COLUMN = """
UPDATE {table} t SET {column} = m.keeper, version = version + 1, updated_at = %(now)s FROM {pairs}
WHERE t.id = ANY(%(ids)s) AND t.{column} = m.loser
"""
COLUMN_LIST = """
UPDATE {table} t SET version = version + 1, updated_at = %(now)s, {column} = (
    SELECT array_agg(v ORDER BY place) FROM (
        SELECT coalesce(m.keeper, u.v) AS v, min(u.place) AS place
        FROM unnest(t.{column}) WITH ORDINALITY AS u(v, place) LEFT JOIN {pairs} ON m.loser = u.v GROUP BY 1
    ) s
) WHERE t.id = ANY(%(ids)s)
"""
CUSTOM = """
UPDATE {table} t SET version = version + 1, updated_at = %(now)s,
    custom = jsonb_set(custom, ARRAY[%(key)s::text], to_jsonb(m.keeper::text))
FROM {pairs} WHERE t.id = ANY(%(ids)s) AND t.custom ->> %(key)s::text = m.loser::text
"""
CUSTOM_LIST = """
UPDATE {table} t SET version = version + 1, updated_at = %(now)s, custom = jsonb_set(custom, ARRAY[%(key)s::text], (
    SELECT jsonb_agg(to_jsonb(v) ORDER BY place) FROM (
        SELECT coalesce(m.keeper::text, u.v) AS v, min(u.place) AS place
        FROM jsonb_array_elements_text(t.custom -> %(key)s::text) WITH ORDINALITY AS u(v, place)
        LEFT JOIN {pairs} ON m.loser::text = u.v GROUP BY 1
    ) s
)) WHERE t.id = ANY(%(ids)s)
"""
STATEMENTS = {(False, False): COLUMN, (False, True): COLUMN_LIST, (True, False): CUSTOM, (True, True): CUSTOM_LIST}


@dataclass
class Moving:
    """One merge at work; `moved` are the ids of rows by entity, those that were there twice included."""

    actor: Actor
    operation: Operation
    moved: dict[str, set[UUID]] = field(default_factory=dict)

    def run(self, entity: AnyEntity, pairs: Pairs) -> None:
        """Everything that points at the keys of `pairs` points at their values afterwards."""
        for other, a in pointers.links(entity.key):
            self._links(entity, other, a, pairs)
        for f in pointers.keys(entity):
            self._keys(f, pairs)
        for named in pointers.MOVES:
            self._named(entity, named, pairs)
        self._views(pairs)

    def _links(self, entity: AnyEntity, other: AnyEntity, a: Attribute, pairs: Pairs) -> None:
        rows = other.rows("what points at a merged record moves with it").filter(a.leads_to(pairs))
        if other.key == entity.key:  # their own links are settled apart, and what goes stays as it was
            rows = rows.exclude(pk__in={*pairs, *pairs.values()})
        ids = list(rows.order_by("pk").values_list("pk", flat=True))
        if not ids:
            return
        doubles = Doubles(other, a, pairs).found() if not other.has_owner else {}
        _refuse_twice(other, a, pairs, ids)
        several = a.kind.key == "links"
        names = {"table": other.model._meta.db_table, "column": a.column}
        self._absorb(other, doubles)
        self._execute(
            STATEMENTS[a.custom, several], names, pairs,
            ids=[pk for pk in ids if pk not in doubles], key=a.key, now=timezone.now(),
        )  # fmt: skip
        self.moved.setdefault(other.key, set()).update(ids)

    def _execute(self, sql: str, names: Mapping[str, str], pairs: Pairs, **values: Any) -> None:
        quoted = {k: connection.ops.quote_name(v) for k, v in names.items() if v}
        values |= {"losers": list(pairs), "keepers": list(pairs.values())}
        with connection.cursor() as cursor:
            cursor.execute(sql.format(pairs=PAIRS, **quoted), values)

    def _absorb(self, other: AnyEntity, doubles: Pairs) -> None:
        """Rows that the record that stays has already: they go, and what they know more is kept."""
        if not doubles:
            return
        fill(other, doubles)
        now = timezone.now()
        rows = other.rows("the same is there already").filter(pk__in=doubles)
        rows.update(deleted_at=now, updated_at=now, version=F("version") + 1)
        note(self.operation, other, doubles)
        self.moved.setdefault(other.key, set()).update(doubles.values())
        self.run(other, doubles)

    def _keys(self, f: models.Field[Any, Any], pairs: Pairs) -> None:
        """Foreign keys of tables without a history: none now, and one that comes is not forgotten."""
        rows = f.model._base_manager.filter(**{f"{f.attname}__in": list(pairs)})
        was = dict(rows.values_list("pk", f.attname))
        for loser, keeper in pairs.items():
            rows.filter(**{f.attname: loser}).update(**{f.attname: keeper})
        self._keep(f"{f.model._meta.label_lower}.{f.attname}", was)

    def _named(self, entity: AnyEntity, named: pointers.Named, pairs: Pairs) -> None:
        """Rows that name the record; where both have the same, that of the record that stays holds."""
        columns = ("pk", "record", *named.once)
        rows = named.model._base_manager.filter(entity=entity.key)
        if named.model is Share:
            rows = self._shares(entity, rows, pairs)
        going = list(rows.filter(record__in=list(pairs)).order_by("pk").values_list(*columns))
        if not going:
            return
        taken = set(rows.filter(record__in=list(pairs.values())).values_list(*columns[1:])) if named.once else set()
        was: dict[UUID, UUID] = {}
        for pk, record, *rest in going:
            place = (pairs[record], *rest)
            if not named.once or place not in taken:
                taken.add(place)
                was[pk] = record
        for loser, keeper in pairs.items():
            mine = [pk for pk, record in was.items() if record == loser]
            named.model._base_manager.filter(pk__in=mine).update(record=keeper)
        self._keep(f"{named.model._meta.label_lower}.record", was)

    def _shares(self, entity: AnyEntity, rows: Any, pairs: Pairs) -> Any:
        """Shares come along as far as the actor may share what stays so: merging opens nothing that they could not."""
        may = [
            level
            for level in Share.Level.values
            if all(sharing.may_share(self.actor, entity, pk, level) for pk in set(pairs.values()))
        ]
        return rows.filter(level__in=may) if entity.has_owner else rows.none()

    def _views(self, pairs: Pairs) -> None:
        """Saved views whose conditions name the record."""
        rows = SavedView._base_manager.all()
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM engine_savedview WHERE query::text ~ %s", ["|".join(map(str, pairs))])
            ids = [row[0] for row in cursor.fetchall()]
        was = {}
        for view in rows.filter(pk__in=ids):
            was[view.pk] = view.query
            rows.filter(pk=view.pk).update(query=renamed(view.query, pairs))
        self._keep("engine.savedview.query", was)

    def _keep(self, table: str, was: Mapping[UUID, Any]) -> None:
        """Where rows without a history were."""
        MergeMove.objects.bulk_create(
            MergeMove(operation=self.operation, table=table, row=str(pk), was=str(v) if isinstance(v, UUID) else v)
            for pk, v in was.items()
        )


def renamed(query: Any, pairs: Pairs) -> Any:
    """The query of a view with other ids in it."""
    text = json.dumps(query)
    for old, new in pairs.items():
        text = text.replace(str(old), str(new))
    return json.loads(text)


def note(operation: Operation, entity: AnyEntity, pairs: Pairs) -> None:
    """From now on these ids lead to those."""
    Merge.objects.bulk_create(
        Merge(operation=operation, entity=entity.key, loser=old, keeper=new) for old, new in pairs.items()
    )


def _refuse_twice(other: AnyEntity, a: Attribute, pairs: Pairs, ids: Sequence[UUID]) -> None:
    """A link that no two records may share, which records of several of the merged ones have."""
    if not a.unique:
        return
    to_one = a.leads_to({*pairs, *pairs.values()})
    if other.rows("existence only, nothing is shown").filter(to_one, deleted_at=None).count() > len(
        set(pairs.values())
    ):
        text = _("%(field)s may lead here from one record alone, and several lead to those that are merged.")
        raise Invalid([{"": [Wrong(text % {"field": a.label}, "unique")]}])
