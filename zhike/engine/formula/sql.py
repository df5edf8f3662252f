"""A formula worked out by the database: one expression, in which nothing can fail."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Exists, F, Func, OuterRef, Subquery, Value
from django.utils import timezone

from zhike.engine import exactjson
from zhike.engine.entity import get
from zhike.engine.kinds import Attribute

from . import ops
from .check import Formula
from .tree import OF_KIND, PUBLIC, Expr, Leaf
from .values import calendar_now

if TYPE_CHECKING:
    from zhike.engine.access import Actor

OUTPUT: dict[str, models.Field[Any, Any]] = {
    "number": models.DecimalField(max_digits=38, decimal_places=10),
    "text": models.TextField(),
    "boolean": models.BooleanField(),
    "date": models.DateField(),
    "link": models.UUIDField(),
}
_HOLE = re.compile(r"\{(\d+)\}")


class Piece(Func):
    """SQL with {0}, {1} … for its parts, each of which may stand there more than once."""

    def __init__(self, text: str, *parts: Any, output_field: Any) -> None:
        super().__init__(*parts, output_field=output_field)
        self.text = text

    def as_sql(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, list[Any]]:  # type: ignore[override]  # of Func, which takes a template
        """The text with its holes filled."""
        made = [compiler.compile(part) for part in self.source_expressions]
        found: list[str] = []
        params: list[Any] = []
        for n, piece in enumerate(_HOLE.split(self.text)):
            if n % 2:
                sql, told = made[int(piece)]
                found.append(sql)
                params += told
            else:
                found.append(piece)
        return "".join(found), params


def expression(formula: Formula, actor: Actor | None = None, *, kind: str = "", today: dt.date | None = None) -> Any:
    """The formula as an expression over its entity.

    With an actor, blank in the rows whose linked records the actor may not list. Without one, for the firm itself.
    """
    found: Any = _Maker(formula, actor, today or timezone.localdate()).of(formula.tree)
    if kind == "integer":
        found = Piece("({0})::bigint", found, output_field=models.BigIntegerField())
    for link in formula.links.values():
        if actor is not None and link.target not in PUBLIC:
            found = Piece("CASE WHEN {0} THEN {1} END", _reached(actor, link), found, output_field=found.output_field)
    return found


def _reached(actor: Actor, link: Attribute) -> Any:
    """Whether the link is empty, or leads to a record that the actor may list."""
    from zhike.engine import query  # query reads the catalog, which reads this

    seen = query.visible(actor, get(link.target)).filter(pk=link_id(link, OuterRef))
    return Piece("({0} IS NULL OR {1})", link_id(link, F), Exists(seen), output_field=OUTPUT["boolean"])


def link_id(link: Attribute, ref: Any) -> Any:
    """The id that a link holds; `ref` is F, or OuterRef within a subquery."""
    return link.typed(ref(exactjson.COLUMN)) if link.custom else ref(link.column)


class _Maker:
    def __init__(self, formula: Formula, actor: Actor | None, today: dt.date) -> None:
        self.formula, self.actor, self.today = formula, actor, today

    def of(self, part: Expr) -> Any:
        output = OUTPUT[part.type]
        if part.op in ("number", "text", "boolean", "date"):
            return literal(part.type, part.value)
        if part.op == "null":
            return Piece(f"NULL::{_CAST[part.type]}", output_field=output)
        if part.op == "today":
            return literal("date", self.today)
        if part.op == "field":
            return self.field(part.value)
        args = [self.of(arg) for arg in part.args]
        if part.op == "workdays":
            calendar = calendar_now()
            args += [_days(calendar.worked), _days(calendar.free)]
        return Piece(ops.OPS[part.op].sql(part), *args, output_field=output)

    def field(self, leaf: Leaf) -> Any:
        a = leaf.attribute
        if leaf.link is None:
            return source(a, self.actor)
        if a.expression is None and not leaf.link.custom:
            return source(a, self.actor, f"{leaf.link.key}__")
        type_ = OF_KIND[a.kind.key]
        rows = get(leaf.entity).rows().filter(pk=link_id(leaf.link, OuterRef))
        found = Subquery(rows.annotate(formula_part=source(a, self.actor)).values("formula_part")[:1])
        return Piece(_FILLED.get(type_, "{0}"), found, output_field=OUTPUT[type_])


_CAST = {"number": "numeric", "text": "text", "boolean": "boolean", "date": "date"}
_FILLED = {"text": "COALESCE({0}, '')", "boolean": "COALESCE({0}, FALSE)"}


def literal(type_: str, value: Any) -> Any:
    """A value that stands in the formula."""
    output = OUTPUT[type_]
    return Piece(f"({{0}})::{_CAST[type_]}", Value(value, output), output_field=output)


def _days(days: Sequence[dt.date]) -> Any:
    output = ArrayField(models.DateField())
    return Piece("({0})::date[]", Value(list(days), output), output_field=output)


def source(a: Attribute, actor: Actor | None = None, prefix: str = "") -> Any:
    """The value of a field as the language knows it."""
    type_ = OF_KIND[a.kind.key]
    output = OUTPUT[type_]
    custom = F(f"{prefix}{exactjson.COLUMN}")
    if a.expression is not None:
        bound = a.bound(actor) if a.bound and actor is not None else a.expression()
        raw: Any = Piece("({0})", bound, output_field=output)
    elif a.custom and a.kind.typed:
        raw = a.typed(custom)
    elif a.custom:
        key = Value(a.key, models.TextField())
        sql = "({0} -> {1}) = 'true'::jsonb" if type_ == "boolean" else "({0} ->> {1})"
        raw = Piece(sql, custom, key, output_field=output)
    else:
        raw = F(prefix + a.column)
    return Piece(_stored(type_, a.kind.key), raw, output_field=output)


def _stored(type_: str, kind: str) -> str:
    if type_ == "number":
        return ops.sql_number("{0}::numeric")
    if type_ == "date":
        zone = f"({{0}} AT TIME ZONE '{settings.TIME_ZONE}')::date" if kind == "datetime" else "{0}"
        return ops.sql_day(zone)
    return _FILLED.get(type_, "{0}")
