"""Which formulas make sense for an entity: every name, number of parts and type is checked before one is saved."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine.entity import AnyEntity, entities
from zhike.engine.kinds import KINDS, Attribute, Number, match_choice

from . import ops
from .parse import Node, Problem, parse
from .tree import OF_KIND, PUBLIC, Expr, Leaf, type_name

FREE = {"number": "decimal", "text": "text", "boolean": "boolean", "date": "date"}  # kinds that show any value
MAX_COST = 800  # parts of the SQL, those that stand there several times counted each time
MAX_LINKS = 3  # links that one formula follows


@dataclass(frozen=True)
class Formula:
    """A formula that was checked: number, text, boolean or date."""

    text: str
    tree: Expr
    entity: str

    @property
    def type(self) -> str:
        """Of its value."""
        return self.tree.type

    @cached_property
    def leaves(self) -> tuple[Leaf, ...]:
        """The fields it reads, each once."""
        return tuple({e.value.path: e.value for e in self.tree.walk() if e.op == "field"}.values())

    @property
    def links(self) -> dict[str, Attribute]:
        """The links it follows."""
        return {leaf.link.key: leaf.link for leaf in self.leaves if leaf.link}

    @property
    def parts(self) -> frozenset[tuple[str, str]]:
        """(entity, field) of everything that its value is made of, the links it follows too."""
        own = {(leaf.entity, leaf.attribute.key) for leaf in self.leaves}
        return frozenset(own | {(self.entity, key) for key in self.links})

    @property
    def is_dated(self) -> bool:
        """Whether its value changes with the day, without any record changing."""
        return any(e.op == "today" for e in self.tree.walk())


def check(entity: AnyEntity, text: str, *, kind: str = "", key: str = "") -> Formula:
    """The formula of that text over records of `entity`; Problem, with the place, where it makes no sense.

    `kind` is the kind of field that is to show it, `key` the field itself, which it must not be made of.
    """
    tree = _Checker(entity, ((entity.key, key),)).top(parse(text))
    found = Formula(text, shown(tree, kind or FREE[tree.type]), entity.key)
    if kind and OF_KIND.get(kind) != found.type:
        wanted = type_name(OF_KIND.get(kind, ""))
        raise Problem(
            _("The formula gives %(given)s, but the field shows %(wanted)s.")
            % {"given": type_name(found.type), "wanted": wanted},
            1,
        )
    if (size := cost(found.tree)) > MAX_COST:
        raise Problem(_("The formula is too costly: %(cost)s of %(max)s.") % {"cost": size, "max": MAX_COST}, 1, "cost")
    if len(found.links) > MAX_LINKS:
        raise Problem(_("A formula follows at most %(max)s links.") % {"max": MAX_LINKS}, 1)
    return found


def cost(part: Expr) -> int:
    """How long the SQL becomes."""
    if part.op not in ops.OPS:
        return 1
    sql = ops.OPS[part.op].sql(part)
    return 1 + sum(cost(arg) * max(1, sql.count(f"{{{n}}}")) for n, arg in enumerate(part.args))


SIMPLE: Mapping[str, tuple[tuple[str, ...], str]] = {
    "abs": (("number",), "number"),
    "floor": (("number",), "number"),
    "ceil": (("number",), "number"),
    "upper": (("text",), "text"),
    "lower": (("text",), "text"),
    "trim": (("text",), "text"),
    "len": (("text",), "number"),
    "contains": (("text", "text"), "boolean"),
    "startswith": (("text", "text"), "boolean"),
    "not": (("boolean",), "boolean"),
    "today": ((), "date"),
    "days": (("date", "date"), "number"),
    "workdays": (("date", "date"), "number"),
    "adddays": (("date", "number"), "date"),
    "addmonths": (("date", "number"), "date"),
    "year": (("date",), "number"),
    "quarter": (("date",), "number"),
    "month": (("date",), "number"),
    "day": (("date",), "number"),
}  # function -> types of its parts, type of its value
_SIGNS = {"negative": "negative", "+": "add", "-": "subtract", "*": "multiply", "/": "divide"}
_COMPARES = {"<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq", "!=": "ne"}


class _Checker:
    """`within` are the formula fields that are being read just now."""

    def __init__(self, entity: AnyEntity, within: tuple[tuple[str, str], ...]) -> None:
        self.entity, self.within = entity, within

    def top(self, node: Node) -> Expr:
        found = self.of(node)
        if found.type in ("null", "link"):
            raise Problem(_("The formula gives %(type)s.") % {"type": type_name(found.type)}, node.at)
        return found

    def of(self, node: Node) -> Expr:
        if node.op in ("number", "text"):
            return Expr(node.op, node.op, (), node.value, node.at)
        if node.op in ("true", "false"):
            return Expr("boolean", "boolean", (), node.op == "true", node.at)
        if node.op == "null":
            return Expr("null", "null", at=node.at)
        if node.op == "name":
            return self.field(node)
        if node.op == "call":
            return self.call(node)
        return self.sign(node)

    def args(self, node: Node) -> list[Expr]:
        return [self.of(arg) for arg in node.args]

    # names

    def field(self, node: Node) -> Expr:
        name, _dot, rest = str(node.value).partition(".")
        a = self.known(self.entity, name, node)
        if not rest:
            return self.leaf(Leaf(self.entity.key, a), node)
        target = entities().get(a.target)
        if OF_KIND.get(a.kind.key) != "link" or target is None or "." in rest:
            raise Problem(_("“%(name)s” leads nowhere: only a field of a linked record.") % {"name": name}, node.at)
        if target.key in PUBLIC and rest not in PUBLIC[target.key]:
            raise Problem(_("There is no field “%(name)s”.") % {"name": str(node.value)[:60]}, node.at)
        return self.leaf(Leaf(target.key, self.known(target, rest, node), a), node)

    def known(self, entity: AnyEntity, name: str, node: Node) -> Attribute:
        a = entity.attributes.get(name)
        if a is None or a.unseen:
            raise Problem(_("There is no field “%(name)s”.") % {"name": str(node.value)[:60]}, node.at)
        return a

    def leaf(self, leaf: Leaf, node: Node) -> Expr:
        a = leaf.attribute
        if a.formula:
            return self.inlined(leaf, node)
        if a.kind.key not in OF_KIND:
            raise Problem(_("“%(name)s” cannot be used in a formula.") % {"name": leaf.path[:60]}, node.at)
        return Expr("field", OF_KIND[a.kind.key], (), leaf, node.at)

    def inlined(self, leaf: Leaf, node: Node) -> Expr:
        """The formula of a formula field, in its place."""
        a, entity = leaf.attribute, entities()[leaf.entity]
        if (entity.key, a.key) in self.within:
            raise Problem(_("“%(name)s” would be made of itself.") % {"name": leaf.path[:60]}, node.at)
        try:
            tree = _Checker(entity, (*self.within, (entity.key, a.key))).top(parse(a.formula))
        except Problem as inner:
            text = _("“%(name)s” is not in order: %(problem)s") % {"name": leaf.path[:60], "problem": inner.text}
            raise Problem(text, node.at) from None
        if leaf.link and any(e.op == "field" and e.value.link for e in tree.walk()):
            raise Problem(_("“%(name)s” leads too far: two links.") % {"name": leaf.path[:60]}, node.at)
        return shown(_moved(tree, leaf.link), a.kind.key)

    # operations

    def sign(self, node: Node) -> Expr:
        parts = self.args(node)
        if parts[0].type == "date" and node.op in "+-":
            return self.dated(node, parts)
        if node.op in ("and", "or", "not"):
            return self.made(node.op, "boolean", [self.want(p, "boolean") for p in parts], node)
        if node.op in _COMPARES:
            return self.compared(node, parts)
        if node.op == "&":
            return self.made("concat", "text", [self.texted(p) for p in parts], node)
        if node.op == "+" and "text" in (parts[0].type, parts[1].type):
            raise Problem(_("Texts are joined with “&”."), node.at)
        return self.made(_SIGNS[node.op], "number", [self.want(p, "number") for p in parts], node)

    def dated(self, node: Node, parts: list[Expr]) -> Expr:
        """A day and a number of days, or two days."""
        if node.op == "-" and parts[1].type == "date":
            return self.made("days", "number", parts[::-1], node)
        op = "adddays" if node.op == "+" else "takedays"
        return self.made(op, "date", [parts[0], self.want(parts[1], "number")], node)

    def compared(self, node: Node, parts: list[Expr]) -> Expr:
        equal = node.op in ("==", "!=")
        if any(p.type == "null" for p in parts):
            if not equal or all(p.type == "null" for p in parts):
                raise Problem(_("Only “=” and “<>” compare with nothing."), node.at)
            empty = self.blank(next(p for p in parts if p.type != "null"), node)
            return empty if node.op == "==" else self.made("not", "boolean", [empty], node)
        left, right = self.choice(parts[0], parts[1]), self.choice(parts[1], parts[0])
        type_ = self.same([left, right], node)
        if type_ == "link" or (not equal and type_ not in ("number", "date")):
            raise Problem(_("%(type)s cannot be compared this way.") % {"type": type_name(type_).capitalize()}, node.at)
        return self.made(_COMPARES[node.op], "boolean", [left, right], node)

    def blank(self, part: Expr, node: Node) -> Expr:
        if part.type == "boolean":
            raise Problem(_("Yes or no is never blank."), node.at)
        return self.made("isempty" if part.type == "text" else "isnull", "boolean", [part], node)

    def choice(self, part: Expr, other: Expr) -> Expr:
        """The key of a choice, where a text is compared with a field of choices."""
        a = other.value.attribute if other.op == "field" else None
        if part.op != "text" or a is None or not a.choices or part.value == "":
            return part
        key = match_choice(part.value, a.choices)
        if key is None:
            shown_ = "、".join(str(label) for _key, label in a.choices[:12])
            raise Problem(
                _("“%(value)s” is not one of: %(choices)s.") % {"value": part.value[:40], "choices": shown_}, part.at
            )
        return Expr("text", "text", (), key, part.at)

    def call(self, node: Node) -> Expr:
        name = str(node.value)
        if name in SIMPLE:
            types, result = SIMPLE[name]
            self.count(node, len(types), len(types))
            parts = [self.want(p, t) for p, t in zip(self.args(node), types, strict=True)]
            return self.made(name, result, parts, node)
        special: Callable[[Node, list[Expr]], Expr] | None = getattr(self, f"call_{name}", None)
        if special is None:
            raise Problem(_("There is no function “%(name)s”.") % {"name": name[:40]}, node.at)
        return special(node, self.args(node))

    def call_if(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 3)
        return self.call_case(node, parts)

    def call_case(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 41)
        if len(parts) % 2 == 0:
            parts = [*parts, Expr("null", "null", at=node.at)]
        chosen = [n for n in range(len(parts)) if n % 2 or n == len(parts) - 1]
        type_ = self.same([parts[n] for n in chosen], node)
        cast = [self.filled(p, type_, node) if n in chosen else self.want(p, "boolean") for n, p in enumerate(parts)]
        return self.made("case", type_, cast, node)

    def call_coalesce(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 20)
        type_ = self.same(parts, node, ("number", "date", "text"))
        op = "first_text" if type_ == "text" else "coalesce"
        return self.made(op, type_, [self.filled(p, type_, node) for p in parts], node)

    def call_min(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 20)
        type_ = self.same(parts, node, ("number", "date"))
        return self.made(str(node.value), type_, [self.filled(p, type_, node) for p in parts], node)

    call_max = call_min

    def call_isblank(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 1, 1)
        return self.blank(parts[0], node)

    def call_oneof(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 40)
        rest = [self.choice(p, parts[0]) for p in parts[1:]]
        self.same([parts[0], *rest], node, ("number", "date", "text"))
        return self.made("or", "boolean", [self.made("eq", "boolean", [parts[0], p], node) for p in rest], node)

    def call_and(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 1, 40)
        return self.made(str(node.value), "boolean", [self.want(p, "boolean") for p in parts], node)

    call_or = call_and

    def call_round(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 1, 2)
        places = self.whole(parts[1], 10) if len(parts) == 2 else 0
        return self.made("round", "number", [self.want(parts[0], "number")], node, places)

    def call_left(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 2)
        return self.made(str(node.value), "text", [self.texted(parts[0])], node, self.whole(parts[1], 1_000))

    call_right = call_left

    def call_join(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 2, 21)
        return self.made("join", "text", [self.texted(p) for p in parts], node)

    def call_text(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 1, 1)
        return self.texted(parts[0])

    def call_date(self, node: Node, parts: list[Expr]) -> Expr:
        self.count(node, 1, 1)
        try:
            found = ops.day(dt.date.fromisoformat(parts[0].value if parts[0].op == "text" else ""))
        except ValueError:
            found = None
        if found is None:
            raise Problem(_('A day is written date("2026-11-21").'), node.at)
        return Expr("date", "date", (), found, node.at)

    # types

    def made(self, op: str, type_: str, parts: Sequence[Expr], node: Node, value: Any = None) -> Expr:
        return Expr(op, type_, tuple(parts), value, node.at)

    def count(self, node: Node, low: int, high: int) -> None:
        if not low <= len(node.args) <= high:
            raise Problem(
                _("%(name)s takes %(n)s values, not %(given)s.")
                % {"name": node.value, "n": low if low == high else f"{low}–{high}", "given": len(node.args)},
                node.at,
            )

    def want(self, part: Expr, type_: str) -> Expr:
        if part.type != type_:
            raise Problem(
                _("Here stands %(given)s, where %(wanted)s is needed.")
                % {"given": type_name(part.type), "wanted": type_name(type_)},
                part.at,
            )
        return part

    def whole(self, part: Expr, limit: int) -> int:
        if part.op != "number" or part.value != int(part.value) or not 0 <= part.value <= limit:
            raise Problem(_("Here a whole number from 0 to %(max)s is needed.") % {"max": limit}, part.at)
        return int(part.value)

    def same(self, parts: Sequence[Expr], node: Node, allowed: Sequence[str] = ()) -> str:
        """The one type that all parts have; nothing fits every type but yes or no."""
        types = {p.type: p for p in parts if p.type != "null"}
        first = next(iter(types), "null")
        for other in list(types)[1:]:
            self.want(types[other], first)
        if first in ("null", "link") or (allowed and first not in allowed):
            raise Problem(_("This cannot be done with %(type)s.") % {"type": type_name(first)}, node.at)
        return first

    def filled(self, part: Expr, type_: str, node: Node) -> Expr:
        if part.type != "null":
            return part
        if type_ == "boolean":
            raise Problem(_("Yes or no is never blank."), node.at)
        return Expr("text", "text", (), "", part.at) if type_ == "text" else Expr("null", type_, at=part.at)

    def texted(self, part: Expr) -> Expr:
        if part.type in ("number", "date"):
            return Expr(f"text_{part.type}", "text", (part,), None, part.at)
        return self.want(part, "text")


def shown(tree: Expr, kind: str) -> Expr:
    """A formula as the field of that kind shows it: rounded to its places, blank where too large; a text cut off."""
    if tree.type == "text":
        return Expr("left", "text", (tree,), ops.MAX_RESULT, tree.at)
    if tree.type == "number" and isinstance(found := KINDS[kind], Number):
        return Expr("fit", "number", (tree,), (found.places, int(found.limit)), tree.at)
    return tree


def _moved(tree: Expr, link: Attribute | None) -> Expr:
    """A formula of a linked record, as seen from here."""
    value = Leaf(tree.value.entity, tree.value.attribute, link) if link and tree.op == "field" else tree.value
    return Expr(tree.op, tree.type, tuple(_moved(p, link) for p in tree.args), value, tree.at)
