"""Kinds of value: one small class per kind answers every question a channel can ask about a value."""

from __future__ import annotations

import datetime as dt
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import cached_property, reduce
from operator import or_
from typing import TYPE_CHECKING, Any, ClassVar, Self
from uuid import UUID

from django.db.models import F, JSONField, Q, Value
from django.db.models.fields.json import KeyTransform
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from markupsafe import Markup, escape

from zhike.base import addresses, amount, datetext, fold, industries, mail, phone, regions
from zhike.base.i18n import LANGUAGES, language, listed

from . import exactjson, richtext
from .errors import Wrong

if TYPE_CHECKING:
    from django.db.models.expressions import Expression

CLASSES = ("public", "internal", "personal", "sensitive")  # of data, from least to most to be protected
EMPTY = Markup('<span class="muted">—</span>')
Labels = Mapping[tuple[str, UUID], str]


@dataclass(frozen=True, kw_only=True)
class Attribute:
    """One field of one entity, whether a model column, a computed value or a custom field."""

    key: str
    label: Any
    kind: Kind
    column: str = ""
    required: bool = False
    editable: bool = True
    max_length: int | None = None
    choices: tuple[tuple[str, Any], ...] = ()
    tones: Mapping[str, str] = field(default_factory=dict)
    target: str = ""
    help: Any = ""
    expression: Callable[[], Expression] | None = None
    formula: str = ""  # the text from which the firm has its value computed
    bound: Callable[[Any], Expression] | None = None  # the expression within the rights of an actor, where they matter
    sources: Callable[[], frozenset[tuple[str, str]]] | None = None  # (entity, field) of what it is made of elsewhere
    unseen: bool = False
    whole: bool = False  # shown whole to everybody who may see it, though its kind would be masked
    privacy: str = ""  # public, internal, personal or sensitive; what the kind says where it is empty
    custom: bool = False  # made by the firm: its values lie under its key in the column `custom`
    default: Any = None  # what a new record has where nothing is said, as it is kept
    required_at: tuple[str, ...] = ()  # keys of stages that need it
    visible_if: tuple[Any, ...] = ()  # conditions of the record itself, without which the field is not asked for
    unique: bool = False
    indexed: bool = False
    retired: frozenset[str] = frozenset()  # choices that old records keep and new values do not get

    @property
    def stored(self) -> bool:
        """Whether records keep the value, in a column of its own or among the custom ones."""
        return bool(self.column) or self.custom

    @property
    def path(self) -> str:
        """The name by which Django's filters find the value; of a computed one, the alias that the query makes."""
        return f"{exactjson.COLUMN}__{self.key}" if self.custom else self.column or self.key

    @property
    def empty(self) -> Any:
        """What a record has where nothing was said."""
        return [] if self.kind.blank == () else self.kind.blank

    @property
    def offered(self) -> tuple[tuple[str, Any], ...]:
        """The choices for new values."""
        return tuple(pair for pair in self.choices if pair[0] not in self.retired)

    def read(self, record: Any) -> Any:
        """The value of a record; what was kept as another kind, or not at all, is blank."""
        return self.loaded(record.custom) if self.custom else getattr(record, self.column)

    def loaded(self, values: Mapping[str, Any]) -> Any:
        """The value among the custom ones of a record."""
        raw = values.get(self.key)
        found = None if raw is None else self.kind.unpack(raw)
        return self.empty if found is None else found

    def write(self, record: Any, value: Any) -> None:
        """Give a record the value, which must be clean; a blank custom one is left out."""
        if not self.custom:
            setattr(record, self.column, value)
            return
        rest = {key: kept for key, kept in record.custom.items() if key != self.key}
        packed = self.kind.pack(value)
        record.custom = rest if packed is None else {**rest, self.key: packed}

    def kept(self, value: Any) -> Any:
        """A clean value as the database compares it."""
        return self.kind.pack(value) if self.custom else value

    def ref(self) -> Any:
        """The value in SQL, for comparing, sorting and grouping."""
        if self.expression is not None:
            return self.expression()
        if not self.custom:
            return F(self.column)
        found = exactjson.raw(self.key)
        return Coalesce(found, Value(False, JSONField())) if self.kind.key == "boolean" else found

    def typed(self, source: Any = None) -> Any:
        """The value in SQL as a number, day, moment or id, for sums, periods and joins; NULL where it is none.

        `source` is where the custom values lie, such as OuterRef("custom").
        """
        if not self.custom or not self.kind.typed:
            return self.ref()
        return exactjson.Typed(self.key, self.kind.typed, source)

    def equals(self, value: Any) -> Q:
        """Records with this clean value: for custom fields as containment, which the index of all of them answers."""
        if not self.custom:
            return Q(**{self.path: value})
        packed = self.kind.pack(value)
        if self.kind.key == "boolean":
            held = Q(custom__contains={self.key: True})
            return held if value else ~held
        return Q(**{f"{self.path}__isnull": True}) if packed is None else Q(custom__contains={self.key: packed})

    def leads_to(self, ids: Iterable[UUID]) -> Q:
        """Records whose link is to one of these."""
        several = self.kind.key == "links"
        if not self.custom:
            return Q(**{f"{self.path}__overlap" if several else f"{self.path}__in": list(ids)})
        each = (Q(custom__contains={self.key: [str(pk)] if several else str(pk)}) for pk in ids)
        return reduce(or_, each, Q(pk__in=()))

    @cached_property
    def made_of(self) -> frozenset[str]:
        """The columns that a computed value is made of: who may not see one of them, may not see what it gives."""
        return frozenset(_columns(self.expression())) if self.expression else frozenset()

    @property
    def data_class(self) -> str:
        """public, internal, personal or sensitive: how the value of this field is to be treated."""
        return self.privacy or self.kind.privacy

    @property
    def level(self) -> str:
        """What a role that says nothing about the field may do with it: personal numbers are masked."""
        return "masked" if self.masks or self.unseen else "write"

    @property
    def masks(self) -> bool:
        """Whether the value is shown in part unless a role says otherwise."""
        return self.kind.masks and not self.whole

    @property
    def is_link(self) -> bool:
        """Whether the value is the id of another record, whose name is read in a batch."""
        return isinstance(self.kind, Link)


def classes(**said: str) -> dict[str, str]:
    """Field -> class, from class="field field …"."""
    return {key: name for name, keys in said.items() for key in keys.split()}


def _columns(part: Any) -> Iterator[str]:
    """The fields of the record itself that an expression reads."""
    if isinstance(part, KeyTransform | exactjson.Typed):
        yield getattr(part, "key_name", "") or getattr(part, "key", "")
    elif isinstance(part, F):
        yield str(getattr(part, "name", "")).split("__")[0]
    elif isinstance(part, Q):
        for child in part.children:
            if isinstance(child, tuple):
                yield str(child[0]).split("__")[0]
            else:
                yield from _columns(child)
    else:
        for inner in part.get_source_expressions():
            if inner is not None:
                yield from _columns(inner)


def plain(raw: object) -> str:
    """Text of a raw value without surrounding space; NUL, which PostgreSQL refuses, is left out."""
    return "" if raw is None else str(raw).replace("\x00", "").strip()


class Kind:
    """A kind of value. `ops` are the operators a filter may use on it."""

    key: ClassVar[str] = ""
    ops: ClassVar[tuple[str, ...]] = ("eq", "ne", "in", "empty")
    align: ClassVar[str] = "left"
    json_type: ClassVar[Mapping[str, object]] = {"type": "string"}
    blank: ClassVar[object] = None
    sortable: ClassVar[bool] = True
    privacy: ClassVar[str] = "internal"
    masks: ClassVar[bool] = False
    typed: ClassVar[str] = ""  # number, day, moment or link: how PostgreSQL takes a custom value (exactjson.Typed)

    def pack(self, value: Any) -> Any:
        """A clean value as JSON for the custom fields; None for a blank one, which is left out."""
        return None if value in (None, "", [], ()) else value

    def unpack(self, raw: Any) -> Any:
        """The value of what `pack` gave, None for anything else."""
        return raw if isinstance(raw, str) else None

    def mask(self, value: Any) -> Any:
        """The value as it is shown in part; None and blank stay as they are."""
        return value

    def clean(self, a: Attribute, raw: object) -> Any:
        """The Python value of a form, file or JSON value; raises Wrong with a text for the user."""
        raise NotImplementedError

    def operand(self, a: Attribute, raw: object) -> Any:
        """The value of a filter condition; as `clean`, unless the kind says otherwise."""
        return self.clean(a, raw)

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """The value as plain text in the reader's language, for files and messages."""
        return "" if value is None else str(value)

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """The value as a cell of a list or a fact of a record."""
        return escape(shown) if (shown := self.text(a, value, labels)) else EMPTY

    def light(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """The same as a cell of a long list, where the script adds what it can tell by itself (js/light.js)."""
        return self.html(a, value, labels)

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """The value as the text of an input control."""
        return "" if value is None else str(value)

    def export(self, a: Attribute, value: Any, labels: Labels) -> object:
        """The value as a typed spreadsheet cell."""
        return self.text(a, value, labels)

    def to_json(self, value: Any) -> object:
        """The value as JSON."""
        return value

    def search_parts(self, value: Any) -> Iterable[str]:
        """The texts by which a record with this value is to be found."""
        return [value] if isinstance(value, str) and value else []


class Text(Kind):
    """One line of text."""

    key = "text"
    ops: ClassVar[tuple[str, ...]] = ("contains", "eq", "ne", "in", "empty")
    blank: ClassVar[object] = ""

    def clean(self, a: Attribute, raw: object) -> str:
        """Trimmed text within the field's length."""
        value = " ".join(plain(raw).split()) if self.key == "text" else plain(raw)
        if a.max_length and len(value) > a.max_length:
            raise Wrong(_("Too long: %(n)s characters, at most %(max)s.") % {"n": len(value), "max": a.max_length})
        return value


class LongText(Text):
    """Several lines of text."""

    key = "longtext"
    sortable = False

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Lines stay lines."""
        return Markup("<br>").join(escape(line) for line in str(value).splitlines()) if value else EMPTY


class RichText(LongText):
    """Formatted text, sanitised on the way in and again on the way out."""

    key = "richtext"

    def clean(self, a: Attribute, raw: object) -> str:
        """Only harmless tags, links only to web, mail and phone."""
        return richtext.clean(plain(raw))

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Cleaned again, closed to htmx."""
        return richtext.render(value) if value else EMPTY

    def search_parts(self, value: Any) -> Iterable[str]:
        """The words without their tags."""
        return [words] if value and (words := richtext.plain(value)) else []


class Number(Kind):
    """What integer, decimal, money and percent share."""

    ops: ClassVar[tuple[str, ...]] = ("eq", "ne", "gte", "lte", "between", "empty")
    align = "right"
    json_type = {"type": "number"}
    places: ClassVar[int] = 4
    limit: ClassVar[Decimal] = Decimal(10) ** 14
    typed = "number"

    def unpack(self, raw: Any) -> Any:
        """A Decimal with the places of the kind."""
        if isinstance(raw, bool) or not isinstance(raw, int | Decimal):
            return None
        return Decimal(raw).quantize(Decimal(1).scaleb(-self.places))

    def clean(self, a: Attribute, raw: object) -> Any:
        """A Decimal rounded half up to the kind's places."""
        if raw is None or raw == "" or isinstance(raw, bool):
            return None
        try:
            value = raw if isinstance(raw, Decimal) else self.read(str(raw))
            if not value.is_finite() or abs(value) >= self.limit:
                raise Wrong(_("“%(value)s” is too large.") % {"value": plain(raw)[:40]})
            return value.quantize(Decimal(1).scaleb(-self.places), ROUND_HALF_UP)
        except InvalidOperation:
            raise Wrong(_("“%(value)s” is not a number.") % {"value": plain(raw)[:40]}) from None

    def read(self, raw: str) -> Decimal:
        """Digits as people type them: full-width, with thousands separators."""
        return Decimal(raw.strip().translate(amount.HALF_WIDTH).replace(",", "").replace(" ", ""))

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """With thousands separators."""
        return "" if value is None else f"{value:,}"

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Without trailing zeros."""
        return "" if value is None else f"{Decimal(value).normalize():f}"

    def export(self, a: Attribute, value: Any, labels: Labels) -> object:
        """A number, not its text."""
        return value

    def to_json(self, value: Any) -> object:
        """Decimals travel as text, because JSON numbers are floats to most readers."""
        return None if value is None else str(value)


class Integer(Number):
    """A whole number."""

    key = "integer"
    places = 0
    limit = Decimal(2) ** 31
    json_type = {"type": "integer"}

    def unpack(self, raw: Any) -> Any:
        """An int."""
        return raw if isinstance(raw, int) and not isinstance(raw, bool) else None

    def clean(self, a: Attribute, raw: object) -> int | None:
        """An int; 3.0 is 3, 3.5 is refused."""
        value = super().clean(a, raw)
        if value is not None and Decimal(str(raw).replace(",", "").strip() or 0) != value:
            raise Wrong(_("“%(value)s” is not a whole number.") % {"value": plain(raw)[:40]})
        return None if value is None else int(value)

    def to_json(self, value: Any) -> object:
        """An int."""
        return value


class Float(Number):
    """A decimal number, four places."""

    key = "decimal"

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Without trailing zeros."""
        return "" if value is None else f"{Decimal(value).normalize():,f}"


SYMBOLS = {"CNY": "¥", "USD": "$", "EUR": "€", "HKD": "HK$", "TWD": "NT$", "JPY": "JP¥", "GBP": "£", "": ""}


class Cash(Decimal):
    """An amount that knows its currency (ISO 4217); "" for a sum over several currencies."""

    __slots__ = ("currency",)
    currency: str

    def __new__(cls, value: Decimal, currency: str) -> Self:
        """The amount with its currency."""
        made = super().__new__(cls, value)
        made.currency = currency
        return made


def symbol(value: Decimal) -> str:
    """What stands before an amount; yuan where no currency is said."""
    currency = getattr(value, "currency", "CNY")
    return SYMBOLS.get(currency, f"{currency} ")


class Money(Number):
    """An amount, two places; “¥”, “元”, “万” and thousands separators are understood."""

    key = "money"
    places = 2
    limit = Decimal(10) ** 16

    def read(self, raw: str) -> Decimal:
        """Amounts as Chinese files carry them."""
        value = amount.parse(raw)
        if value is None:
            raise InvalidOperation
        return value

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Full amount with two places."""
        return "" if value is None else f"{value:,.2f}"

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Right-aligned digits of equal width, whole amounts without “.00”."""
        if value is None:
            return EMPTY
        shown = f"{value:,.0f}" if value == value.to_integral_value() else f"{value:,.2f}"
        sign = "-" if value < 0 else ""
        return Markup('<span class="num">%s%s</span>') % (sign + symbol(value), shown.lstrip("-"))


class Percent(Number):
    """0 to 100, two places."""

    key = "percent"
    places = 2

    def clean(self, a: Attribute, raw: object) -> Any:
        """Accepts “12.5” and “12.5%”."""
        value = super().clean(a, raw.strip().rstrip("%％") if isinstance(raw, str) else raw)
        if value is not None and not 0 <= value <= 100:
            raise Wrong(_("Enter a percentage from 0 to 100."))
        return value

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """With the sign."""
        return "" if value is None else f"{Decimal(value).normalize():f}%"


class Boolean(Kind):
    """Yes or no."""

    key = "boolean"
    ops: ClassVar[tuple[str, ...]] = ("eq",)
    json_type = {"type": "boolean"}
    blank: ClassVar[object] = False
    YES: ClassVar[set[str]] = {"1", "true", "yes", "y", "on", "是", "有", "√", "對", "对", "真"}
    NO: ClassVar[set[str]] = {"", "0", "false", "no", "n", "off", "否", "无", "無", "×", "x", "假"}

    def pack(self, value: Any) -> Any:
        """Only a yes is kept."""
        return True if value else None

    def unpack(self, raw: Any) -> Any:
        """True."""
        return True if raw is True else None

    def clean(self, a: Attribute, raw: object) -> bool:
        """The usual words for yes and no in the three languages."""
        if isinstance(raw, bool):
            return raw
        word = plain(raw).lower()
        if word in self.YES or word in self.NO:
            return word in self.YES
        raise Wrong(_("“%(value)s” is neither yes nor no.") % {"value": word[:40]})

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Yes or no."""
        return "" if value is None else (_("Yes") if value else _("No"))

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """A checkbox value."""
        return "1" if value else ""


class Date(Kind):
    """A day."""

    key = "date"
    ops: ClassVar[tuple[str, ...]] = ("eq", "gte", "lte", "between", "within", "empty")
    json_type = {"type": "string", "format": "date"}
    typed = "day"

    def pack(self, value: Any) -> Any:
        """ISO 8601, in the order of the days."""
        return None if value is None else value.isoformat()

    def unpack(self, raw: Any) -> Any:
        """A date."""
        try:
            return dt.date.fromisoformat(raw) if isinstance(raw, str) else None
        except ValueError:
            return None

    def clean(self, a: Attribute, raw: object) -> dt.date | None:
        """A date as people and spreadsheets write it; 30 February is refused."""
        if raw is None or raw == "":
            return None
        if isinstance(raw, dt.datetime):
            return raw.date()
        if isinstance(raw, dt.date):
            return raw
        value = datetext.parse(plain(raw))
        if value is None:
            raise Wrong(_("“%(value)s” is not a date. Write it as 2026-11-21.") % {"value": plain(raw)[:40]})
        return value.date() if isinstance(value, dt.datetime) else value

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """2026-11-21."""
        return "" if value is None else value.isoformat()

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A machine-readable time element."""
        return Markup('<time class="num" datetime="%(d)s">%(d)s</time>') % {"d": value.isoformat()} if value else EMPTY

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """What <input type=date> wants."""
        return "" if value is None else value.isoformat()

    def export(self, a: Attribute, value: Any, labels: Labels) -> object:
        """A date cell."""
        return value

    def to_json(self, value: Any) -> object:
        """ISO 8601."""
        return None if value is None else value.isoformat()


class DateTime(Date):
    """A moment; kept in UTC, read and shown in the firm's time zone."""

    key = "datetime"
    json_type = {"type": "string", "format": "date-time"}
    typed = "moment"

    def pack(self, value: Any) -> Any:
        """In UTC and always as long, so that the texts sort as the moments do."""
        return (
            None
            if value is None
            else f"{value.astimezone(dt.UTC).replace(tzinfo=None).isoformat('T', 'microseconds')}Z"
        )

    def unpack(self, raw: Any) -> Any:
        """An aware datetime in UTC."""
        try:
            found = dt.datetime.fromisoformat(raw) if isinstance(raw, str) else None
        except ValueError:
            return None
        return found if found is None or found.tzinfo else None

    def clean(self, a: Attribute, raw: object) -> Any:
        """A date alone means its first minute."""
        if raw is None or raw == "":
            return None
        value: object = raw if isinstance(raw, dt.date) else datetext.parse(plain(raw))
        if value is None:
            raise Wrong(_("“%(value)s” is not a time. Write it as 2026-11-21 15:30.") % {"value": plain(raw)[:40]})
        if not isinstance(value, dt.datetime):
            value = dt.datetime.combine(value, dt.time())  # type: ignore[arg-type]  # a date by the test above
        return timezone.make_aware(value) if timezone.is_naive(value) else value

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """2026-11-21 15:30."""
        return "" if value is None else timezone.localtime(value).strftime("%Y-%m-%d %H:%M")

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Minutes shown, the exact moment for machines."""
        if value is None:
            return EMPTY
        shown = self.text(a, value, labels)
        return Markup('<time class="num" datetime="%s">%s</time>') % (value.isoformat(), shown)

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """What <input type=datetime-local> wants."""
        return "" if value is None else timezone.localtime(value).strftime("%Y-%m-%dT%H:%M")

    def export(self, a: Attribute, value: Any, labels: Labels) -> object:
        """A date-time cell in local time, as spreadsheets know no zones."""
        return None if value is None else timezone.localtime(value).replace(tzinfo=None)


class Choice(Text):
    """One of a list; kept as its key, shown as its label."""

    key = "choice"
    ops: ClassVar[tuple[str, ...]] = ("eq", "ne", "in", "empty")
    blank: ClassVar[object] = ""

    def clean(self, a: Attribute, raw: object) -> str:
        """The key, given the key or any label of it."""
        value = plain(raw)
        if not value or any(value == key for key, _label in a.choices):
            return value
        if (found := match_choice(value, a.choices)) is not None:
            return found
        shown = listed(str(label) for _key, label in a.choices[:12])
        raise Wrong(_("“%(value)s” is not one of: %(choices)s.") % {"value": value[:40], "choices": shown})

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """The label."""
        return next((str(label) for key, label in a.choices if key == value), str(value or ""))

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A pill in the tone of the choice, where the declaration names tones."""
        if not value:
            return EMPTY
        tone = a.tones.get(value)
        if not tone:
            return escape(self.text(a, value, labels))
        return pill(self.text(a, value, labels), tone)

    def search_parts(self, value: Any) -> Iterable[str]:
        """Choices are filtered, not searched."""
        return []


class MultiChoice(Choice):
    """Several of a list."""

    key = "multichoice"
    ops: ClassVar[tuple[str, ...]] = ("has", "empty")
    blank: ClassVar[object] = ()
    sortable = False
    json_type = {"type": "array", "items": {"type": "string"}}

    def unpack(self, raw: Any) -> Any:
        """A list of keys."""
        return [one for one in raw if isinstance(one, str)] if isinstance(raw, list) else None

    def clean(self, a: Attribute, raw: object) -> Any:
        """A list of keys; a text is split at the usual separators."""
        parts = several(raw)
        one = Choice()
        return list(dict.fromkeys(one.clean(a, part) for part in parts))

    def operand(self, a: Attribute, raw: object) -> Any:
        """One key."""
        return Choice().clean(a, raw)

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Labels with the Chinese list comma."""
        return listed(Choice.text(self, a, v, labels) for v in value or ())

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """One pill each."""
        pills = [pill(Choice.text(self, a, v, labels), a.tones.get(v, "neutral")) for v in value or ()]
        return Markup(" ").join(pills) or EMPTY

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Keys, comma separated."""
        return ",".join(value or ())


class Link(Kind):
    """One record of another entity, kept as its id; its name is read in one batch per page, through the gate."""

    key = "link"
    ops: ClassVar[tuple[str, ...]] = ("eq", "ne", "in", "empty")
    json_type = {"type": "string", "format": "uuid"}
    typed = "link"

    def pack(self, value: Any) -> Any:
        """The id as text."""
        return str(value) if value else None

    def unpack(self, raw: Any) -> Any:
        """A UUID."""
        try:
            return UUID(raw) if isinstance(raw, str) else None
        except ValueError:
            return None

    def clean(self, a: Attribute, raw: object) -> UUID | None:
        """A UUID."""
        if raw is None or raw == "":
            return None
        if isinstance(raw, UUID):
            return raw
        try:
            return UUID(plain(raw))
        except ValueError:
            raise Wrong(_("“%(value)s” is not a record.") % {"value": plain(raw)[:40]}) from None

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """The name of the record, or nothing where the reader may not see it."""
        return labels.get((a.target, value), "") if value else ""

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A link to the record."""
        if not value:
            return EMPTY
        if (a.target, value) not in labels:
            return Markup('<span class="muted">%s</span>') % _("No access")
        return Markup('<a href="/%s/%s">%s</a>') % (a.target, value, labels[a.target, value])

    def to_json(self, value: Any) -> object:
        """The id as text."""
        return None if value is None else str(value)


class Toned(str):
    """A name that comes with a tone: a stage, a tag."""

    __slots__ = ("tone",)
    tone: str

    def __new__(cls, text: str, tone: str) -> Self:
        """The text with its tone."""
        made = super().__new__(cls, text)
        made.tone = tone
        return made


class StageLink(Link):
    """A stage or a pipeline; shown in its tone, leading nowhere."""

    key = "stage"

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A pill."""
        name = labels.get((a.target, value), "") if value else ""
        return pill(name, getattr(name, "tone", "neutral")) if name else EMPTY


class UserLink(Link):
    """A person of the firm."""

    key = "user"
    ops: ClassVar[tuple[str, ...]] = ("eq", "ne", "in", "empty")

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Initial and name."""
        if not value:
            return EMPTY
        name = labels.get((a.target, value), "")
        return Markup(
            '<span class="person"><span class="avatar av-%s avatar-sm" aria-hidden="true">%s</span>'
            '<span class="clip">%s</span></span>'
        ) % (tone_of(name), name[:1], name)

    def light(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """The name, and the tone of its initial."""
        if not value:
            return EMPTY
        name = labels.get((a.target, value), "")
        return Markup('<span class="person" data-av="%s">%s</span>') % (tone_of(name), name)


class DepartmentLink(Link):
    """A department; a filter on it means it and everything below."""

    key = "department"
    ops: ClassVar[tuple[str, ...]] = ("under", "eq", "in", "empty")

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """The name."""
        return escape(self.text(a, value, labels)) if value else EMPTY


class Links(Link):
    """Several records of another entity."""

    key = "links"
    ops: ClassVar[tuple[str, ...]] = ("has", "empty")
    sortable = False
    blank: ClassVar[object] = ()
    json_type = {"type": "array", "items": {"type": "string", "format": "uuid"}}
    typed = ""

    def pack(self, value: Any) -> Any:
        """Ids as texts."""
        return [str(one) for one in value] if value else None

    def unpack(self, raw: Any) -> Any:
        """A list of UUIDs."""
        found = [Link.unpack(self, one) for one in raw] if isinstance(raw, list) else None
        return None if found is None else [one for one in found if one is not None]

    def clean(self, a: Attribute, raw: object) -> Any:
        """A list of ids."""
        one = Link()
        return list(dict.fromkeys(i for part in several(raw) if (i := one.clean(a, part))))

    def operand(self, a: Attribute, raw: object) -> Any:
        """One id."""
        return Link().clean(a, raw)

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Names."""
        return listed(filter(None, (labels.get((a.target, v), "") for v in value or ())))

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """One pill each."""
        names = [labels[a.target, v] for v in value or () if (a.target, v) in labels]
        return Markup(" ").join(pill(name, getattr(name, "tone", "neutral")) for name in names) or EMPTY

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Ids, comma separated."""
        return ",".join(map(str, value or ()))

    def to_json(self, value: Any) -> object:
        """Ids as texts."""
        return [str(v) for v in value or ()]


class File(Link):
    """A stored file."""

    key = "file"
    sortable = False
    ops: ClassVar[tuple[str, ...]] = ("empty",)

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A download link."""
        if not value or ("file", value) not in labels:
            return EMPTY
        return Markup('<a href="/files/{}">{}</a>').format(value, labels["file", value])


class Masked(str):
    """A value that its reader sees in part; `tel:` and `mailto:` are not made of it."""

    __slots__ = ()

    def html(self) -> Markup:
        """The part that is shown, marked as one."""
        return Markup('<span class="num masked">%s</span>') % str(self)


def masked_text(text: str, head: int, tail: int) -> Masked:
    """`text` with its middle as stars; what is too short to keep anything is all stars."""
    hidden = len(text) - head - tail
    if hidden < 3:
        head, tail, hidden = min(1, len(text)), 0, max(3, len(text) - 1)
    return Masked(f"{text[:head]}{'*' * min(hidden, 11)}{text[len(text) - tail :] if tail else ''}")


class Email(Text):
    """An e-mail address, lower-cased in its domain."""

    key = "email"
    privacy = "personal"
    masks = True

    def mask(self, value: Any) -> Any:
        """z***@example.com."""
        return Masked(mail.mask(value)) if value else value

    def clean(self, a: Attribute, raw: object) -> str:
        """A deliverable form, or Wrong."""
        value = mail.normalise(super().clean(a, raw))
        if value and mail.problem(value):
            raise Wrong(_("“%(value)s” is not an e-mail address.") % {"value": value[:60]})
        return value

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A mailto link."""
        if isinstance(value, Masked):
            return value.html()
        return Markup('<a href="mailto:{0}">{0}</a>').format(value) if value else EMPTY


MOBILE = re.compile(r"\+861[3-9][0-9]{9}")


class Phone(Text):
    """A phone number, kept as E.164 with ";ext=" where it reads as one."""

    key = "phone"
    privacy = "personal"
    masks = True

    def mask(self, value: Any) -> Any:
        """138****8000."""
        return Masked(phone.mask(phone.parse(value))) if value else value

    def clean(self, a: Attribute, raw: object) -> str:
        """E.164 with extension; a text that is no number is refused."""
        if raw is None or plain(raw) == "":
            return ""
        value = phone.parse(raw if isinstance(raw, int | float) else plain(raw))
        if value.problem == "digits_lost":
            raise Wrong(
                _("“%(value)s” has lost its last digits in the spreadsheet. Format the column as text.")
                % {"value": plain(raw)[:40]}
            )
        if value.problem:
            raise Wrong(_("“%(value)s” is not a phone number.") % {"value": plain(raw)[:40]})
        return f"{value.number};ext={value.extension}" if value.extension else value.number

    def operand(self, a: Attribute, raw: object) -> str:
        """A part of a number is a fair filter."""
        return phone.digits(phone.parse(plain(raw)))

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """138 0013 8000."""
        if isinstance(value, Masked):
            return str(value)
        return phone.display(phone.parse(value)) if value else ""

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """A number to press."""
        if not value:
            return EMPTY
        if isinstance(value, Masked):
            return value.html()
        return Markup('<a class="num" href="tel:%s">%s</a>') % (value, self.text(a, value, labels))

    def form_value(self, a: Attribute, value: Any, labels: Labels) -> str:
        """As people write it."""
        return self.text(a, value, labels)

    def export(self, a: Attribute, value: Any, labels: Labels) -> object:
        """Digits as text, as they came."""
        if value and MOBILE.fullmatch(value):  # most of them, and reading a number costs more than all other cells
            return value[3:]
        return self.text(a, value, labels).replace(" ", "")

    def search_parts(self, value: Any) -> Iterable[str]:
        """Digits, so that the end of a number finds it."""
        return [phone.digits(phone.parse(value))] if value else []


class Reach(Text):
    """A phone number or a mail address, whichever it is: the value of a contact point."""

    key = "reach"
    privacy = "personal"
    masks = True

    def mask(self, value: Any) -> Any:
        """As the kind that it is."""
        return KINDS["email" if "@" in value else "phone"].mask(value) if value else value

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """What is shown in part says so."""
        return value.html() if isinstance(value, Masked) else super().html(a, value, labels)


class Identity(Text):
    """The number of an identity card or passport."""

    key = "identity"
    privacy = "sensitive"
    masks = True

    def mask(self, value: Any) -> Any:
        """110***********1234."""
        return masked_text(value, 3, 4) if value else value

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """What is shown in part says so."""
        return value.html() if isinstance(value, Masked) else super().html(a, value, labels)


class Url(Text):
    """A web address; only http and https."""

    key = "url"

    def clean(self, a: Attribute, raw: object) -> str:
        """With a scheme; anything but http(s) is refused."""
        value = super().clean(a, raw)
        if not value:
            return ""
        if "://" not in value and not value.lower().startswith(("javascript:", "data:", "mailto:")):
            value = f"https://{value}"
        if not value.lower().startswith(("http://", "https://")) or any(c.isspace() for c in value):
            raise Wrong(_("“%(value)s” is not a web address.") % {"value": value[:60]})
        return value

    def html(self, a: Attribute, value: Any, labels: Labels) -> Markup:
        """Opens apart, tells the other side nothing."""
        if not value:
            return EMPTY
        shown = str(value).removeprefix("https://").removeprefix("http://").rstrip("/")
        return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(value, shown)


class Address(Text):
    """The street part of an address."""

    key = "address"


class Region(Kind):
    """A GB/T 2260 code; a filter on a province means everything in it."""

    key = "region"
    ops: ClassVar[tuple[str, ...]] = ("under", "eq", "empty")
    blank: ClassVar[object] = ""

    def clean(self, a: Attribute, raw: object) -> str:
        """A six-digit code, given a code or a name such as “广东深圳”."""
        value = plain(raw)
        if not value:
            return ""
        if (region := regions.find(value)) is not None:
            return region.code
        found = addresses.parse(value)
        if found.code:
            return found.code
        if found.candidates:
            shown = listed(regions.full_name(c, language()) for c in found.candidates[:4])
            raise Wrong(
                _("“%(value)s” could be %(candidates)s. Add the city.") % {"value": value[:40], "candidates": shown}
            )
        raise Wrong(_("“%(value)s” is not a region of GB/T 2260.") % {"value": value[:40]})

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """Province, city, county."""
        return regions.full_name(value, language()) if value else ""


class Industry(Kind):
    """A GB/T 4754 code; a filter on a section means everything in it."""

    key = "industry"
    ops: ClassVar[tuple[str, ...]] = ("under", "eq", "empty")
    blank: ClassVar[object] = ""

    def clean(self, a: Attribute, raw: object) -> str:
        """A code, given a code or a name."""
        value = plain(raw)
        if not value:
            return ""
        if industries.find(value) is not None:
            return industries.normalise(value)
        wanted = fold.fold(value)
        for code in industries.search(value):
            if wanted in (fold.fold(industries.name(code, lang)) for lang in LANGUAGES):
                return code
        raise Wrong(_("“%(value)s” is not an industry of GB/T 4754.") % {"value": value[:40]})

    def text(self, a: Attribute, value: Any, labels: Labels) -> str:
        """The name at the level of the code."""
        return industries.name(value, language()) if value else ""


class Json(Kind):
    """Structured data shown nowhere but in the API."""

    key = "json"
    ops: ClassVar[tuple[str, ...]] = ()
    sortable = False

    def clean(self, a: Attribute, raw: object) -> Any:
        """As it is."""
        return json.loads(raw) if isinstance(raw, str) else raw


def several(raw: object) -> Sequence[object]:
    """The parts of a list, or of a text separated by , ; 、 ， ； or a new line."""
    if raw is None or raw == "":
        return []
    if isinstance(raw, list | tuple):
        return [part for part in raw if part not in (None, "")]
    text = plain(raw)
    for separator in ";；、，\n":
        text = text.replace(separator, ",")
    return [part.strip() for part in text.split(",") if part.strip()]


def match_choice(text: str, choices: Iterable[tuple[str, Any]]) -> str | None:
    """The key of the choice called `text`: by key, or by its label in any of the three languages."""
    pairs = list(choices)
    wanted = fold.fold(text)
    for lang in LANGUAGES:
        with override(lang):
            for key, label in pairs:
                if wanted in (fold.fold(key), fold.fold(str(label))):
                    return key
    return None


def tone_of(name: str) -> int:
    """One of eight tones, always the same for a name."""
    return zlib.crc32(name.encode()) % 8


def pill(text: str, tone: str) -> Markup:
    """A status pill."""
    return Markup('<span class="pill pill-%s">%s</span>') % (tone, text)


KINDS: dict[str, Kind] = {
    kind.key: kind
    for kind in (
        Text(),
        LongText(),
        RichText(),
        Integer(),
        Float(),
        Money(),
        Percent(),
        Boolean(),
        Date(),
        DateTime(),
        Choice(),
        MultiChoice(),
        Link(),
        StageLink(),
        Links(),
        UserLink(),
        DepartmentLink(),
        Email(),
        Phone(),
        Reach(),
        Identity(),
        Url(),
        Address(),
        File(),
        Region(),
        Industry(),
        Json(),
    )
}
