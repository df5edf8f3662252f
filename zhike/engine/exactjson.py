"""Values of custom fields as JSON that PostgreSQL keeps exactly: a Decimal is a JSON number with all its digits."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any, ClassVar

from django.db.models import DateField, DateTimeField, DecimalField, Expression, F, Func, UUIDField, Value
from django.db.models.fields.json import KeyTransform

_NUMBER = re.compile(r'"\\u0000(-?[0-9.]+)"')
COLUMN = "custom"


class Encoder(json.JSONEncoder):
    """Writes a Decimal as a number. NUL marks it on the way: PostgreSQL keeps no text with one, so none can be ours."""

    def default(self, o: object) -> Any:
        """A Decimal as a text that `encode` turns into a number."""
        return f"\0{o:f}" if isinstance(o, Decimal) else super().default(o)

    def encode(self, o: object) -> str:
        """The JSON text."""
        return _NUMBER.sub(r"\1", super().encode(o))


class Decoder(json.JSONDecoder):
    """Reads numbers with a point as Decimals."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "parse_float": Decimal})


class Typed(Func):
    """A custom field as a number, a day, a moment or an id of PostgreSQL; NULL where it holds anything else."""

    FUNCTIONS: ClassVar[dict[str, tuple[str, Any]]] = {
        "number": ("zhike_number", DecimalField(max_digits=30, decimal_places=4)),
        "day": ("zhike_day", DateField()),
        "moment": ("zhike_moment", DateTimeField()),
        "link": ("zhike_link", UUIDField()),
    }

    def __init__(self, key: str, kind: str, source: Expression | F | None = None) -> None:
        self.key = key
        function, field = self.FUNCTIONS[kind]
        super().__init__(source or F(COLUMN), Value(key), function=function, output_field=field)

    def copy(self) -> Any:
        """Func copies by its arguments; the key is no expression."""
        found = super().copy()
        found.key = self.key
        return found


def raw(key: str) -> KeyTransform:
    """The value as it is kept, for comparing, sorting and grouping: JSON of two kinds is compared without a cast."""
    return KeyTransform(key, COLUMN)
