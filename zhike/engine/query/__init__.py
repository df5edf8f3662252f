"""Every read of every channel: the one filter language, the gate, pages, values and names."""

from zhike.engine.words import NONE, search_q

from .conditions import matching, narrow
from .gate import DIRECTORY, Sight, every, open_fields, visible
from .language import GROUPING, LONGEST, clauses, text, value
from .lately import allow_lately, as_of, figure
from .model import PAGE, Clause, Condition, Group, Linked, Page, Row, View, flat, parse
from .ordering import CREATED, Cursor, order_of
from .paging import COUNT_CAP, AtLeast, count, counted, how_many, page, sums, walk
from .periods import fiscal_month, moment, period
from .reading import has_currency, in_currency, labels, names, options, read, record, titles
from .selecting import placed, select
from .waiting import TooLong, hurried

__all__ = [
    "COUNT_CAP",
    "CREATED",
    "DIRECTORY",
    "GROUPING",
    "LONGEST",
    "NONE",
    "PAGE",
    "AtLeast",
    "Clause",
    "Condition",
    "Cursor",
    "Group",
    "Linked",
    "Page",
    "Row",
    "Sight",
    "TooLong",
    "View",
    "allow_lately",
    "as_of",
    "clauses",
    "count",
    "counted",
    "every",
    "figure",
    "fiscal_month",
    "flat",
    "has_currency",
    "how_many",
    "hurried",
    "in_currency",
    "labels",
    "matching",
    "moment",
    "names",
    "narrow",
    "open_fields",
    "options",
    "order_of",
    "page",
    "parse",
    "period",
    "placed",
    "read",
    "record",
    "search_q",
    "select",
    "sums",
    "text",
    "titles",
    "value",
    "visible",
    "walk",
]
