"""Fields that count or measure the records that point here (docs/formulas.md).

A roll-up is read as a subquery over what its reader may list, so that it tells no more than that list. Marked
“everything”, it counts all records, and only then may it be stored: a stored number is the same for everybody. Stored
ones lie among the custom values and are kept in step by `rolling`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models import F, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce
from django.utils.translation import gettext as _

from zhike.base.models import User

from . import exactjson
from .custom import COMPUTED
from .entity import AnyEntity, entities, get
from .errors import Invalid, Wrong
from .formula.sql import Piece
from .kinds import Attribute

if TYPE_CHECKING:
    from .access import Actor

MEASURES = ("count", "sum", "avg", "min", "max", "last")
NUMBERS = ("integer", "decimal", "money", "percent")
ORDERED = (*NUMBERS, "date", "datetime")
LASTING = (*ORDERED, "text", "choice", "boolean", "user", "link", "region", "industry", "url")
_FUNCTIONS = {"sum": "SUM", "avg": "AVG", "min": "MIN", "max": "MAX"}
Pair = tuple[str, str]


@dataclass(frozen=True)
class Rollup:
    """What is counted: records of `entity` whose link `by` points here and that meet `where`.

    `measure` is count, or sum, avg, min, max of the field `field`, or last: its value in the newest of the records.
    """

    owner: str
    key: str
    entity: str
    by: str
    measure: str = "count"
    field: str = ""
    where: tuple[Any, ...] = ()
    everything: bool = False
    stored: bool = False

    @classmethod
    def of(cls, owner: str, key: str, said: Mapping[str, Any]) -> Rollup:
        """From the document."""
        return cls(
            owner,
            key,
            str(said.get("entity", "")),
            str(said.get("by", "")),
            str(said.get("measure", "count")),
            str(said.get("field") or ""),
            tuple(said.get("where") or ()),
            bool(said.get("everything")),
            bool(said.get("stored")),
        )

    def narrowed(self, rows: QuerySet[Any], actor: Actor | None) -> QuerySet[Any]:
        """The rows that are counted; the conditions ask the same of every reader."""
        from . import query  # query reads the catalog, which reads this

        sight = query.Sight(actor or nobody(), whole=actor is None)
        return query.narrow(rows, sight, get(self.entity), query.clauses(list(self.where)))

    @property
    def keys(self) -> frozenset[str]:
        """The fields of the counted records that matter."""
        money = ("currency",) if self.field else ()
        return frozenset((self.by, *named(self.where), *([self.field] if self.field else []), *money))

    @property
    def sources(self) -> frozenset[Pair]:
        """(entity, field) of all that the value is made of."""
        return frozenset((self.entity, key) for key in self.keys - {"currency"})


def named(where: Any) -> Iterator[str]:
    """The fields that conditions name, as far as they are fields of the records themselves."""
    if isinstance(where, (list, tuple)) and where:
        if isinstance(where[0], str) and where[0] not in ("any", "all", "none", "not", "some"):
            yield where[0].split(".")[0]
        else:
            for part in where:
                yield from named(part)


def check(entity: str, key: str, said: Mapping[str, Any]) -> Rollup:
    """The roll-up that a definition describes; Wrong, in the reader's language, where it makes no sense."""
    found = Rollup.of(entity, key, said)
    target = entities().get(found.entity)
    by = target.attributes.get(found.by) if target else None
    if target is None or by is None or not by.stored or by.kind.key != "link" or by.target != entity:
        raise Wrong(_("Choose records that have a link to this one."))
    if found.measure not in MEASURES:
        raise Wrong(_("Choose how to measure: count, sum, average, smallest, greatest or last."))
    if found.measure != "count":
        _check_measured(found, target, str(said.get("kind", "")))
    elif said.get("kind") not in (None, "integer"):
        raise Wrong(_("A count is a whole number."))
    _check_conditions(found, target)
    if found.stored:
        _check_stored(found, target)
    if (entity, key) in behind(found.sources):
        raise Wrong(_("It would be made of itself."))
    return found


def _check_measured(found: Rollup, target: AnyEntity, kind: str) -> None:
    a = target.attributes.get(found.field)
    possible = {"sum": NUMBERS, "avg": NUMBERS, "min": ORDERED, "max": ORDERED, "last": LASTING}[found.measure]
    if a is None or a.unseen or a.kind.key not in possible:
        raise Wrong(_("This field cannot be measured that way."))
    wanted = ("decimal", "money", "percent") if found.measure == "avg" else (a.kind.key,)
    if kind and kind not in wanted and not (found.measure == "sum" and kind == "decimal"):
        raise Wrong(_("The result is of the kind “%(kind)s”.") % {"kind": a.kind.key})


def _check_conditions(found: Rollup, target: AnyEntity) -> None:
    text = str(found.where)
    if "'me'" in text or "'mine'" in text or "'some'" in text or any("." in str(k) for k in _keys(found.where)):
        raise Wrong(_("Conditions of a roll-up ask only about the records themselves, the same for every reader."))
    try:
        found.narrowed(target.rows("its filters alone"), None)
    except Invalid as invalid:
        raise next(wrong for wrongs in invalid.first.values() for wrong in wrongs) from None


def _keys(where: Any) -> Iterator[str]:
    if isinstance(where, (list, tuple)) and where:
        if isinstance(where[0], str):
            yield where[0]
        for part in where:
            yield from _keys(part)


def _check_stored(found: Rollup, target: AnyEntity) -> None:
    if not found.everything:
        raise Wrong(_("What is stored is the same for everybody: it must count everything."))
    computed = [k for _e, k in found.sources if (a := target.attributes.get(k)) is None or not a.stored]
    if computed or "'within'" in str(found.where):
        raise Wrong(_("What is stored cannot depend on the day or on computed fields."))


def behind(pairs: Iterable[Pair]) -> set[Pair]:
    """Everything that fields are made of, to the ground."""
    found: set[Pair] = set()
    waiting = list(pairs)
    while waiting:
        pair = waiting.pop()
        if pair not in found:
            found.add(pair)
            entity = entities().get(pair[0])
            a = entity.attributes.get(pair[1]) if entity else None
            waiting += a.sources() if a is not None and a.sources else ()
    return found


def reveals(found: Rollup) -> str:
    """What an administrator is told before a field counts everything."""
    target, owner = get(found.entity), get(found.owner)
    return _(
        "Whoever may see a record of %(owner)s learns a number over all its records of %(target)s, those that they may"
        " not see too. Fields that are hidden from somebody stay hidden."
    ) % {"owner": owner.plural, "target": target.plural}


def nobody() -> Actor:
    """Stands where a filter wants a reader that it does not ask."""
    from .access import Actor

    return Actor(User())


# reading


def attribute(plain: Attribute, entity: str, said: Mapping[str, Any]) -> Attribute:
    """The field `plain` of `entity` with its value counted from other records."""
    found = Rollup.of(entity, plain.key, said)
    zero = 0 if found.measure in ("count", "sum") else None
    if found.stored:
        return replace(plain, custom=True, editable=False, default=zero, indexed=True, sources=lambda: _sources(found))
    target = _target(found)
    plain = replace(plain, target=target.target, choices=target.choices, tones=target.tones) if target else plain

    def made(actor: Actor | None = None) -> Any:
        return expression(found, None if found.everything else actor)

    return replace(plain, editable=False, expression=made, bound=made, sources=lambda: _sources(found))


def _target(found: Rollup) -> Attribute | None:
    """The measured field of a built-in entity, whose choices the last value shows."""
    from .entity import declared

    entity = declared().get(found.entity)
    return entity.declared.get(found.field) if entity and found.measure == "last" else None


def _sources(found: Rollup) -> frozenset[Pair]:
    return found.sources


COMPUTED["rollup"] = lambda plain, entity, said: attribute(plain, entity, said["rollup"])


def expression(found: Rollup, actor: Actor | None = None) -> Any:
    """The value as a subquery over the entity it belongs to: for an actor, over what they may list."""
    from . import access, query

    target = entities().get(found.entity)
    if target is None or found.by not in target.attributes:
        return Value(None, models.DecimalField())
    known = target.attributes if actor is None else access.readable(actor, target)
    if actor is not None and not {key for _e, key in found.sources} <= known.keys():
        return Value(None, models.DecimalField())
    rows = (
        target.rows("a roll-up over everything").filter(deleted_at=None)
        if actor is None
        else query.visible(actor, target)
    )
    rows = found.narrowed(rows.order_by(), actor)
    return _measured(found, _linked(found, rows, target), known)


def _linked(found: Rollup, rows: QuerySet[Any], target: AnyEntity) -> QuerySet[Any]:
    """The records that point to the one at hand; money only in its currency."""
    by = target.attributes[found.by]
    if by.custom:
        same = Piece(
            "({0} -> {1}) = to_jsonb({2}::text)",
            F(exactjson.COLUMN),
            Value(by.key, models.TextField()),
            OuterRef("pk"),
            output_field=models.BooleanField(),
        )
        rows = rows.filter(same)
    else:
        rows = rows.filter(**{by.column: OuterRef("pk")})
    if found.field and target.attributes[found.field].kind.key == "money" and _has_currency(target):
        own = OuterRef("currency") if _has_currency(get(found.owner)) else Value("CNY")
        rows = rows.filter(currency=own)
    return rows


def _has_currency(entity: AnyEntity) -> bool:
    return any(f.name == "currency" for f in entity.model._meta.concrete_fields)


def _measured(found: Rollup, rows: QuerySet[Any], known: Mapping[str, Attribute]) -> Any:
    if found.measure == "count":
        n = Piece("COUNT(*)", output_field=models.BigIntegerField())
        return Subquery(rows.annotate(measure=n).values("measure"))
    a = known[found.field]
    value = _value(a)
    if found.measure == "last":
        newest = rows.order_by(F("created_at").desc(), F("pk").desc())
        return Subquery(newest.annotate(measure=value).values("measure")[:1])
    output = models.DecimalField(max_digits=30, decimal_places=4) if a.kind.key in NUMBERS else None
    sql = f"{_FUNCTIONS[found.measure]}({{0}})"
    if found.measure == "avg":
        sql = f"round(AVG({{0}}), {getattr(a.kind, 'places', 4) or 2})"
    one = Piece(sql, value, output_field=output or _output(a))
    subquery = Subquery(rows.annotate(measure=one).values("measure"))
    return Coalesce(subquery, Value(0, one.output_field)) if found.measure == "sum" else subquery


def _value(a: Attribute) -> Any:
    if a.custom and not a.kind.typed:
        sql = "COALESCE(({0} -> {1}) = 'true'::jsonb, FALSE)" if a.kind.key == "boolean" else "({0} ->> {1})"
        return Piece(sql, F(exactjson.COLUMN), Value(a.key, models.TextField()), output_field=_output(a))
    return Piece("({0})", a.typed(), output_field=_output(a))


_OUTPUT: Mapping[str, models.Field[Any, Any]] = {
    **dict.fromkeys(NUMBERS, models.DecimalField(max_digits=30, decimal_places=4)),
    "date": models.DateField(),
    "datetime": models.DateTimeField(),
    "boolean": models.BooleanField(),
    "user": models.UUIDField(),
    "link": models.UUIDField(),
}


def _output(a: Attribute) -> models.Field[Any, Any]:
    return _OUTPUT.get(a.kind.key, models.TextField())
