"""Every read of every channel: the one filter language, the gate, pages, values and names."""

from zhike.engine.words import NONE, search_q

from .conditions import matching, narrow, open_fields
from .gate import select, visible
from .model import PAGE, Condition, Page, Row, View, flat, parse
from .paging import COUNT_CAP, count, first, how_many, page, sums
from .periods import moment, period
from .reading import DIRECTORY, has_currency, in_currency, labels, names, options, read, record

__all__ = [
    "COUNT_CAP",
    "DIRECTORY",
    "NONE",
    "PAGE",
    "Condition",
    "Page",
    "Row",
    "View",
    "count",
    "first",
    "flat",
    "has_currency",
    "how_many",
    "in_currency",
    "labels",
    "matching",
    "moment",
    "names",
    "narrow",
    "open_fields",
    "options",
    "page",
    "parse",
    "period",
    "read",
    "record",
    "search_q",
    "select",
    "sums",
    "visible",
]
