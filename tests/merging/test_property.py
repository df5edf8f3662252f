"""Whatever is merged, with whatever choices, undoing leaves every row as it was; killed on the way, nothing is half."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.operations.test_property import Land, check_periods
from zhike.engine import guard, undo
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.merging import ALL, choices, merge
from zhike.engine.models import IdempotencyKey, Merge, RecentRecord, SavedView, Share, StoredFile

pytestmark = pytest.mark.django_db
ENTITIES = ("account", "contact", "lead", "deal", "activity")
PARTS = ("contactpoint", "affiliation", "address", "tag", "dealcontact", "dealcompetitor", "consent", "personrequest")
PLAIN = (Merge, Share, StoredFile, IdempotencyKey, RecentRecord, SavedView)
IGNORED = {"version", "updated_at"}
PER_CHANGE, LONG = 12, 500


def digest() -> dict[Any, Any]:
    """Every row of every kind of record, in the bin or not, and of what names records."""
    found = {
        (key, row["id"]): {k: v for k, v in row.items() if k not in IGNORED}
        for key in (*ENTITIES, *PARTS)
        for row in guard.rows(get(key).model, "test").values()
    }
    return found | {(m.__name__, r[0]): r for m in PLAIN for r in m._base_manager.values_list()}


@pytest.fixture(scope="module")
def land(django_db_setup: None, django_db_blocker: Any) -> Iterator[Land]:
    with django_db_blocker.unblock(), transaction.atomic():
        found = Land()
        for key in ENTITIES:
            for pk in found.ids[key]:
                RecentRecord.objects.create(user=found.people[1], entity=key, record=pk)
        yield found
        transaction.set_rollback(True)


@st.composite
def merges(draw: st.DrawFn, land: Land) -> tuple[str, list[Any], dict[str, Any]]:
    """An entity, two to four of its records, and choices for some fields."""
    key = draw(st.sampled_from(ENTITIES))
    ids = draw(st.lists(st.sampled_from(land.ids[key]), min_size=2, max_size=4, unique=True))
    entity = get(key)
    keeper = guard.rows(entity.model, "test").get(pk=ids[0])
    known = choices.offered(land.actor(0), entity, keeper)
    keys = draw(st.lists(st.sampled_from(sorted(known)), max_size=6, unique=True))
    said: dict[str, Any] = {}
    for name in keys:
        several = [ALL] if choices.joins(entity, known[name]) else []
        said[name] = draw(st.sampled_from([*ids, *several]))
    return key, ids, said


def play(land: Land, data: st.DataObject, size: int) -> None:
    """Several merges one after the other, then all of them back, the last first."""
    god = land.actor(0)
    done: list[tuple[Any, Any]] = []
    for _n in range(data.draw(st.integers(1, size))):
        key, ids, said = data.draw(merges(land))
        before = digest()
        gone = guard.rows(get(key).model, "test").filter(pk__in=ids, deleted_at__isnull=False)
        if gone.exists():
            continue
        try:
            with transaction.atomic():
                done.append((merge(god, get(key), ids[0], ids[1:], said), before))
        except Invalid:  # values that do not go together, such as a stage that needs more
            assert digest() == before
    for operation, before in reversed(done):
        back = undo.undo(god, operation.pk)
        assert (back.skipped, back.left) == ({}, [])
        now = digest()
        assert {k: v for k, v in now.items() if before.get(k) != v} == {}
        assert now.keys() == before.keys()
    check_periods(land)


def run(land: Land, examples: int, size: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        with transaction.atomic():
            play(land, data, size)
            transaction.set_rollback(True)

    property_()


def test_merging_and_undoing_changes_nothing(land: Land) -> None:
    run(land, PER_CHANGE, 2)


@pytest.mark.long
def test_merging_and_undoing_changes_nothing_at_length(land: Land) -> None:
    run(land, LONG, 4)


class Killed(BaseException):
    """As if the process had ended here."""


def _killed_after(n: int) -> Any:
    """Ends everything with the n-th statement from now on."""
    left = [n]

    def wrapper(execute: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        if "SAVEPOINT" in sql:
            return execute(sql, params, many, context)
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return execute(sql, params, many, context)

    return wrapper


@pytest.mark.parametrize("doing", ["merge", "undo"])
def test_killed_at_any_statement_leaves_all_or_nothing(land: Land, doing: str) -> None:
    god, entity = land.actor(0), get("account")
    one, *others = land.ids["account"][:3]
    with transaction.atomic():
        operation = merge(god, entity, one, others) if doing == "undo" else None

        def work() -> None:
            if operation:
                undo.undo(god, operation.pk)
            else:
                merge(god, entity, one, others)

        before, n = digest(), 0
        while True:
            try:
                with connection.execute_wrapper(_killed_after(n)), transaction.atomic():
                    work()
                break
            except Killed:
                assert digest() == before
            n += 5
        assert n > 50
        assert digest() != before
        transaction.set_rollback(True)


def test_a_merge_that_fails_at_its_end_leaves_nothing(land: Land) -> None:
    god, entity = land.actor(0), get("account")
    before = digest()
    with mock.patch("zhike.engine.operations.add", side_effect=RuntimeError), pytest.raises(RuntimeError):
        merge(god, entity, land.ids["account"][0], land.ids["account"][1:2])
    assert digest() == before
