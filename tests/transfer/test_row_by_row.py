"""A file that is written a thousand rows at a time becomes what it becomes row by row, whatever stands in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from zhike.base.models import Department, Role, User
from zhike.engine import guard, records, transfer
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import OwnerPeriod
from zhike.engine.tabular import read
from zhike.engine.tabular.write import write_csv
from zhike.engine.transfer import running
from zhike.modules.customers.models import ContactPoint, Tag

pytestmark = pytest.mark.django_db
ACCOUNT = get("account")
HEADS = ["客户名称", "手机", "邮箱", "原系统编号", "统一社会信用代码", "历史销售额", "标签", "备注", "省市", "上级客户"]

PER_CHANGE, LONG = 10, 600
NAMES = [
    "甲有限公司", "甲公司", "甲", "甲有限公司 ", "乙科技有限公司", "乙科技有限公司上海分公司", "乙科技", "王芳",
    "王 芳", "ＡＢＣ Ltd.", "abc ltd", "",
]  # fmt: skip
ROW = st.tuples(
    st.sampled_from(NAMES),
    st.sampled_from(["", "", "13800138001", "138 0013 8001", "13800138002", "13800138001、13800138003", "13", "没有"]),
    st.sampled_from(["", "", "a@example.com", "A@Example.com", "b@example.com;c@example.com", "坏"]),
    st.sampled_from(["", "", "K1", "K2", "k1"]),
    st.sampled_from(["", "", "", "91310000607378289X", "9131"]),
    st.sampled_from(["", "100", "1,200.50", "3万", "许多"]),
    st.sampled_from(["", "重点", "展会,重点", "新的"]),
    st.sampled_from(["", "一", "二"]),
    st.sampled_from(["", "上海市", "火星"]),
    st.sampled_from(["", "", "", "旧客户有限公司", "没有的公司", "甲有限公司", "乙科技有限公司"]),
)


@dataclass
class Land:
    """A firm with a few customers, and people who reach all of them or only their own."""

    people: tuple[User, User]
    folder: Path


@pytest.fixture(scope="module")
def land(django_db_setup: None, django_db_blocker: Any, tmp_path_factory: Any) -> Iterator[Land]:
    with django_db_blocker.unblock(), transaction.atomic():
        place = Department.objects.create(name="华东销售部")
        place.ancestors = [place.pk]
        place.save()
        roles = {r.key: r.pk for r in Role.objects.all()}
        made = [
            User.objects.create_user(key, "Zhike-test-2026", name=key, department=place, roles=[roles[key]])
            for key in ("administrator", "seller")
        ]
        old = (
            {"name": "旧客户有限公司", "phone": "13800138002"},
            {"name": "甲公司", "external_id": "K2"},
            {"name": "王芳"},
        )
        for values in old:
            records.create(Actor(made[0]), ACCOUNT, dict(values))
        yield Land((made[0], made[1]), tmp_path_factory.mktemp("rows"))
        transaction.set_rollback(True)


@contextmanager
def taken_back() -> Iterator[None]:
    """What is written inside is not there afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


Seen = tuple[dict[str, Any], list[tuple[Any, ...]], list[tuple[Any, ...]]]


def load(land: Land, who: int, rows: list[tuple[str, ...]], said: dict[str, Any], *, chunk: int, dry: bool) -> Seen:
    """Import the rows so many at a time: counts, problems, and all that is there afterwards."""
    path = land.folder / "rows.csv"
    write_csv(path, HEADS, rows)
    actor = Actor(land.people[who])
    with taken_back(), mock.patch.object(running, "chunks", partial(running.chunks, size=chunk)), read(path) as table:
        plan = transfer.plan(actor, ACCOUNT, table)
        for key, value in said.items():
            setattr(plan, key, value)
        result = transfer.run(actor, ACCOUNT, table, plan, dry=dry)
        found = [(p.row, p.column, p.level, p.text) for p in result.problems if p.level == "error"]
        counts = {**result.counts(), "sums": {k: (s.cells, s.read) for k, s in result.sums.items()}}
        return counts, sorted(found, key=str), stored()


def stored() -> list[tuple[Any, ...]]:
    """Every customer with its numbers, tags and owners, without what tells how often it was written."""
    tags = dict(Tag.objects.values_list("pk", "name"))
    rows = list(guard.rows(ACCOUNT.model, "test").order_by("pk"))
    names = {r.pk: r.name for r in rows}
    points: dict[Any, list[Any]] = {}
    for p in ContactPoint.objects.filter(deleted_at=None):
        points.setdefault(p.account_id, []).append((p.kind, p.digits, p.is_primary, p.is_valid))
    periods: dict[Any, list[Any]] = {}
    for o in OwnerPeriod.objects.all():
        periods.setdefault(o.record, []).append((o.owner_id, o.to_at is None))
    found = [
        (
            r.name,
            r.phone,
            r.email,
            r.external_id,
            r.uscc,
            r.prior_sales,
            sorted(str(tags.get(t, t)) for t in r.tags),
            r.remark,
            r.region,
            names.get(r.parent_id),
            r.owner_id,
            sorted(r.numbers.split("\n")),
            r.search_text.replace(r.number.lower(), ""),
            r.pinyin,
            sorted(points.get(r.pk, ())),
            periods.get(r.pk),
        )
        for r in rows
    ]
    return sorted(found, key=repr)  # rows that wait for others come after them


def same(land: Land, who: int, rows: list[tuple[str, ...]], said: dict[str, Any]) -> None:
    note(f"{who} {said}")
    for row in rows:
        note(repr(row))
    whole = load(land, who, rows, said, chunk=1_000, dry=False)
    one = load(land, who, rows, said, chunk=1, dry=False)
    assert whole[0] == one[0]
    assert whole[1] == one[1]
    assert whole[2] == one[2]
    tried = load(land, who, rows, said, chunk=1_000, dry=True)
    assert {**tried[0], "dry_run": False} == whole[0]
    assert tried[1] == whole[1]


FILES = st.lists(ROW, min_size=1, max_size=7)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["create", "update", "both"]),
        "empty_only": st.booleans(),
        "leave_doubles": st.booleans(),
    },
)


@settings(max_examples=PER_CHANGE, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=FILES, said=SAID, who=st.integers(0, 1))
def test_a_thousand_at_a_time_is_row_by_row(
    land: Land, rows: list[tuple[str, ...]], said: dict[str, Any], who: int
) -> None:
    same(land, who, rows, said)


def test_rows_link_to_rows_before_them(land: Land) -> None:
    blank = [""] * len(HEADS)
    group, branch = ["远大集团有限公司", *blank[1:]], ["远大集团苏州分公司", *blank[1:-1], "远大集团有限公司"]
    rows = [tuple(group), tuple(branch), ("远大集团无锡分公司", *blank[1:-1], "远大集团苏州分公司")]
    for chunk, dry in ((1_000, False), (1, False), (1_000, True)):
        counts, problems, found = load(land, 0, rows, {}, chunk=chunk, dry=dry)
        assert (counts["new"], counts["warnings"], problems) == (3, 1, [])  # the first links to nothing
        parents = {one[0]: one[9] for one in found}
        assert dry or parents["远大集团苏州分公司"] == "远大集团有限公司"
        assert dry or parents["远大集团无锡分公司"] == "远大集团苏州分公司"


@pytest.mark.long
@settings(max_examples=LONG, deadline=None, suppress_health_check=list(HealthCheck))
@given(rows=st.lists(ROW, min_size=1, max_size=14), said=SAID, who=st.integers(0, 1))
def test_at_length(land: Land, rows: list[tuple[str, ...]], said: dict[str, Any], who: int) -> None:
    same(land, who, rows, said)
