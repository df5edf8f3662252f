"""A csv that the database writes and one that Python writes are the same bytes, for every entity and reader."""

from __future__ import annotations

import itertools
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, models, transaction
from django.utils.translation import override

from tests.registry.factory import make, value
from tests.registry.test_matrix import author as author_of
from tests.registry.test_matrix import keys
from zhike.engine import access, guard
from zhike.engine.entity import get
from zhike.engine.query import View
from zhike.engine.tabular.write import csv_line
from zhike.engine.transfer import columns, fastcsv
from zhike.engine.transfer.source import Source, cells

NASTY = (
    "",
    "=1+1", "-5", "+8613800138000", "+86138001380001", "@x", " =1", "＝1", "a;=b", "x|-y", "第一行\n第二行", "\t",
    "'=1",
    '说"引号"', "，全角", "㐀㐁", "𠮷野家", "Ａ＝", "a,b", "0", "　缩进", "\u200b=1", "~波浪", "{花括号}", "ﬁ连字", "é",
    "+862162770334", "+85291234567", "110101199003071234", "u@example.com", "A01", "C39", "310115", "999999",
)  # fmt: skip
NUMBERS = (None, Decimal("-0.01"), Decimal(0), Decimal("1200.50"), Decimal("999999.99"))


def spoil(entity: Any, record: Any, dice: random.Random) -> None:
    """Put values into a record that the write path would never let in, as old data have them."""
    found: dict[str, Any] = {}
    for a in entity.attributes.values():
        field = entity.model._meta.get_field(a.key) if a.column else None
        if isinstance(field, models.CharField | models.TextField) and not a.unseen and a.key != entity.title:
            found[a.column] = dice.choice(NASTY)[: a.max_length or 100]
        elif isinstance(field, models.DecimalField) and field.null and a.kind.key != "percent":
            found[a.column] = dice.choice(NUMBERS)
    if entity.takes_fields:
        kept = dict(record.custom)
        for a in entity.attributes.values():
            if a.custom and dice.random() < 0.7:
                odd: list[Any] = [
                    None,
                    dice.choice(NASTY),
                    7,
                    Decimal("7.25"),
                    Decimal("7.1234567"),
                    True,
                    [],
                    ["a"],
                    {},
                ]
                kept[a.key] = dice.choice([*odd, kept.get(a.key)])
        found["custom"] = kept
    for key, put in found.items():
        try:
            with guard.unguarded("what the write path refuses"), transaction.atomic():
                entity.model._base_manager.filter(pk=record.pk).update(**{key: put})
        except IntegrityError:
            continue


@pytest.mark.parametrize("key", keys())
def test_the_database_writes_what_python_writes(firm: Any, key: str) -> None:
    entity, dice = get(key), random.Random(key)
    author = firm.actor(author_of(key))
    for _n in range(8):
        record = make(author, entity)
        for a in access.writable(author, entity).values():
            if a.custom and a.target not in ("department", "file") and dice.random() < 0.8:
                record.custom[a.key] = a.kind.pack(a.kind.clean(a, value(author, entity, a.key)))
        spoil(entity, record, dice)
    for person, lang in itertools.product(("seller", "manager", "executive", "admin"), ("zh-hans", "en")):
        actor = firm.actor(person)
        if access.may(actor, entity, "export"):
            with override(lang):
                shown = columns(actor, entity)
                compare(Source(actor, entity, View(sort=entity.title if key == "account" else ""), shown))
                for a in shown if lang == "en" else ():
                    compare(Source(actor, entity, View(), [a]))


def compare(source: Source) -> None:
    """Both ways give the same lines."""
    render = cells(source.shown)
    slow = [csv_line(render(values, c.labels)).encode() for c in source.chunks() for values in c.rows]
    assert len(slow) == source.count()
    if fastcsv.possible(source):
        assert list(fastcsv.lines(source)) == slow, [a.key for a in source.shown]
