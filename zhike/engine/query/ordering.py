"""The order of a list, and where in it a page begins.

Rows with a value come first, then those without one, in two statements: either is a walk along an index. Among equal
values the id decides, in the direction of the order.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Exists, F, Func, JSONField, Q, QuerySet, Subquery, TextField, Value
from django.db.models.functions import Cast, Collate
from django.utils.translation import gettext as _

from zhike.base.models import User
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute

from .columns import target_of
from .gate import DIRECTORY, Sight, open_fields

KEY = "zk_key"  # what the value that rows are sorted by is called in a statement
CREATED = "id"  # sorts by age: ids are made in the order of time
LONGEST = 2_000  # characters of a cursor


class Beyond(Func):
    """(key, id) > (key, id), or < where it goes `down`: one range of an index."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any, *_args: Any, **_kwargs: Any) -> Any:
        """As a comparison of rows."""
        found = [compiler.compile(part) for part in self.source_expressions]
        key, pk, value, last = (sql for sql, _params in found)
        sign = "<" if self.extra["down"] else ">"
        return f"({key}, {pk}) {sign} ({value}, {last})", [p for _sql, params in found for p in params]


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: what a row was sorted by, and its id. The row need not exist any more."""

    pk: UUID
    value: Any


@dataclass(frozen=True)
class Order:
    """What a list is sorted by. Where not all rows have a value, there are `gaps`.

    By a title of linked records, `seen` and `unseen` part the rows by whether the reader sees such a record, and
    `joined` is the value where it is seen, as a column that has an index; `link` is the link where both are asked of
    the joined record itself, so that the database may begin with either side.
    """

    sort: str
    by: Any
    gaps: bool = False
    json: bool = False
    types: tuple[type, ...] = (str,)
    joined: Any = None
    seen: Q | None = None
    unseen: Q | None = None
    link: str = ""
    mark: str = ""  # tells cursors of this order from those of another by the same field

    @property
    def descending(self) -> bool:
        """Whether it goes from great to small."""
        return not self.sort or self.sort.startswith("-")

    def apply(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        """All rows in this order, in one statement."""
        last = {"nulls_last": True} if self.gaps else {}
        by, pk = self.by, F("pk")
        return rows.order_by(*((by.desc(**last), pk.desc()) if self.descending else (by.asc(**last), pk.asc())))

    def halves(self, *, back: bool = False, cursor: Cursor | None = None) -> list[bool]:
        """What is walked through: False for the rows with a value, True for those without one, from the cursor on."""
        found = [False, True] if self.gaps else [False]
        if cursor and self.gaps:
            found = found[:1] if back and cursor.value is not None else found
            found = found[1:] if not back and cursor.value is None else found
        return found[::-1] if back else found

    def half(self, rows: QuerySet[Any], *, blank: bool, back: bool, cursor: Cursor | None) -> Any:
        """The rows of one half, in order or `back`wards, beyond a cursor that lies in it; KEY is their value."""
        if cursor and (cursor.value is None) is not blank:
            cursor = None
        down = self.descending != back
        pk = F("pk").desc() if down else F("pk").asc()
        if blank:
            rows = self._without(rows).order_by(pk)
            return rows.filter(**{"pk__lt" if down else "pk__gt": cursor.pk}) if cursor else rows
        rows = self._having(rows)
        if cursor:
            here = (F(KEY), F("pk"), self._operand(cursor.value), Value(cursor.pk))
            rows = rows.filter(Beyond(*here, down=down))
            if self.link:  # no index has a value and an id of two tables: it finds the value at least
                rows = rows.filter(**{f"{KEY}__lte" if down else f"{KEY}__gte": self._operand(cursor.value)})
        return rows.order_by(F(KEY).desc() if down else F(KEY).asc(), pk)

    def before(self, rows: QuerySet[Any], place: Cursor, *, blank: bool, back: bool) -> Any:
        """Of one half, as `half` gives it, what comes before a place in it."""
        up = self.descending == back
        if blank:
            return rows.filter(**{"pk__lt" if up else "pk__gt": place.pk})
        here = (F(KEY), F("pk"), self._operand(place.value), Value(place.pk))
        return rows.filter(Beyond(*here, down=up))

    def _having(self, rows: QuerySet[Any]) -> Any:
        if self.seen is not None:
            return rows.filter(self.seen).annotate(**{KEY: self.joined})
        rows = rows.annotate(**{KEY: self.by})
        return rows.filter(**{f"{KEY}__isnull": False}) if self.gaps else rows

    def _without(self, rows: QuerySet[Any]) -> Any:
        blank = Value(None, output_field=TextField())
        if self.unseen is not None:
            return rows.filter(self.unseen).annotate(**{KEY: blank})
        return rows.alias(zk_by=self.by).filter(zk_by__isnull=True).annotate(**{KEY: blank})

    def _operand(self, value: Any) -> Any:
        if self.json:
            return Cast(Value(_exact(value), output_field=TextField()), JSONField())
        return Value(value)

    def _takes(self, value: Any) -> bool:
        """Whether rows may be sorted by such a value: a cursor that somebody made up is compared with nothing else."""
        if value is None:
            return self.gaps
        if self.json:
            return isinstance(value, (str, int, float, Decimal)) and "\x00" not in str(value)
        if isinstance(value, (bool, dt.datetime)):
            return type(value) in self.types
        return isinstance(value, self.types) and "\x00" not in str(value)

    def cursor(self, pk: UUID, value: Any) -> str:
        """The place of a row in this order, for an address."""
        tag = next((tag for kind, tag in TAGS.items() if isinstance(value, kind)), "")
        said = [self.sort + self.mark, str(pk), tag, str(value) if tag in "nu" and tag else _plain(value)]
        raw = json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def place(self, text: str) -> Cursor | None:
        """What `cursor` gave; None where the list was sorted by something else then. Invalid for what is none."""
        try:
            if len(text) > LONGEST:
                raise ValueError(text[:20])
            sort, pk, tag, value = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True))
            if sort != self.sort + self.mark:
                return None
            found = READ[tag](value) if tag else value
            if not self._takes(found):
                raise ValueError(tag)
            return Cursor(UUID(pk), found)
        except (ValueError, TypeError, KeyError, ArithmeticError, binascii.Error, RecursionError):
            raise Invalid(
                [{"after": [Wrong(_("This place in the list is not known. Begin with the first page."))]}]
            ) from None


TAGS: dict[type, str] = {dt.datetime: "t", dt.date: "d", Decimal: "n", UUID: "u"}
READ: dict[str, Any] = {"t": dt.datetime.fromisoformat, "d": dt.date.fromisoformat, "n": Decimal, "u": UUID}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.date) else value


def _exact(value: Any) -> str:
    """A value as JSON in which numbers keep all their digits."""
    return f"{value:f}" if isinstance(value, Decimal) else json.dumps(value)


def order_of(actor: Actor, entity: AnyEntity, sort: str) -> Order:
    """The order that `View.sort` asks for; Invalid for a field that has none, or that the reader does not see whole."""
    if not sort:
        return Order("", F("updated_at"), types=(dt.datetime,))
    key = sort.removeprefix("-")
    if key == CREATED:
        return Order(sort, F("pk"), types=(UUID,))
    a = open_fields(access.readable(actor, entity), access.closed(actor, entity)).get(key)
    if a is None or not a.kind.sortable:
        raise _unsorted(key)
    if a.is_link and a.expression is None:
        return _by_title(actor, entity, a, sort)
    if key == entity.title and entity.has_owner:
        by, mark = named(actor, a.column or "name")
        return Order(sort, by, mark=mark)
    if a.expression is not None or a.custom:
        return Order(sort, a.ref(), gaps=a.kind.key != "boolean" or not a.custom, json=a.custom, types=_types(a))
    return Order(sort, a.ref(), gaps=bool(entity.model._meta.get_field(key).null), types=_types(a))


def _types(a: Attribute) -> tuple[type, ...]:
    if a.kind.align == "right":
        return (int, float, Decimal)
    return {"date": (dt.date,), "datetime": (dt.datetime,), "boolean": (bool,)}.get(a.kind.key, (str,))


def _unsorted(key: str) -> Invalid:
    return Invalid([{key[:60]: [Wrong(_("This list cannot be sorted by %(name)s.") % {"name": key[:60]})]}])


def _by_title(actor: Actor, entity: AnyEntity, a: Attribute, sort: str) -> Order:
    """By the title of the record that a link leads to, in the order of pinyin; rows with none in sight come last.

    Where the reader may not see such titles at all, nothing orders the rows but their age.
    """
    target = entities().get(a.target)
    column = title_column(actor, target) if target else ""
    if target is None or not column or not (target.key in DIRECTORY or access.may(actor, target, "list")):
        return Order(sort, F("pk"), types=(UUID,))
    sight = Sight(actor)
    # people who have left still own records, and their names are no secret
    rows = target.rows() if target.key in DIRECTORY else sight.rows(target)
    there = rows.filter(target_of(a), **{f"{column}__isnull": False})
    written = target.attributes[target.title].column or "name"
    by, mark = named(actor, written) if column == "pinyin" else (F(column), "")
    by = Subquery(there.order_by().annotate(zk_title=by).values("zk_title")[:1])
    joined: Any = by
    seen, link = Q(Exists(there)), ""
    if not a.custom:
        joined = named(actor, f"{a.key}__{written}", f"{a.key}__pinyin")[0] if mark else F(f"{a.key}__{column}")
        there_too = Q() if target.key in DIRECTORY else Q(deleted_at=None) & access.rows(actor, target, "list")
        if (reached := across(there_too & Q(**{f"{column}__isnull": False}), a.key)) is not None:
            seen, link = reached, a.key
    types = (int,) if column == "order" else (str,)
    unseen = ~Q(Exists(there))
    return Order(sort, by, gaps=True, types=types, joined=joined, seen=seen, unseen=unseen, link=link, mark=mark)


def across(q: Q, link: str) -> Q | None:
    """What `q` asks of records, asked of those that `link` leads to; None where it asks in a statement of its own."""
    found = Q(_connector=q.connector, _negated=q.negated)
    for child in q.children:
        if isinstance(child, Q):
            below = across(child, link)
            if below is None:
                return None
            found.children.append(below)
        elif isinstance(child, tuple) and not hasattr(child[1], "resolve_expression"):
            found.children.append((f"{link}__{child[0]}", child[1]))
        else:
            return None
    return found


def named(actor: Actor, column: str, pinyin: str = "pinyin") -> tuple[Any, str]:
    """What orders names for this reader, and the mark of that order: by pinyin, or by strokes where they chose so."""
    if actor.user.name_order != User.NameOrder.STROKES:
        return F(pinyin), ""
    return Collate(Func(F(column), function="zhike_strokes", output_field=TextField()), "C"), "/strokes"


def title_column(actor: Actor, target: AnyEntity) -> str:
    """The column that orders the records of an entity by their title; "" where the reader does not see that whole."""
    if target.key in ("stage", "pipeline"):
        return "order" if target.key == "stage" else "key"
    if target.key in DIRECTORY:
        return "pinyin" if target.key == "user" else "name"
    a = open_fields(access.readable(actor, target), access.closed(actor, target)).get(target.title)
    if a is None or a.is_link or not a.column or not a.kind.sortable:
        return ""
    return "pinyin" if target.has_owner else a.column
