# ruff: noqa: S608  statements put together from constants of the tests
"""The chain names what was done to old rows, whoever did it, and what was done to the seals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import transaction

from zhike.engine import chain, history, offbox, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import History, Seal

Fill = Callable[[int], list[Any]]


def named() -> set[str]:
    return {str(one) for one in chain.verify().findings}


@pytest.fixture
def ids(log: Any, fill: Fill) -> list[int]:
    """Twelve sealed rows in three seals."""
    fill(12)
    chain.seal(batch=4)
    found = list(History.objects.order_by("tx", "id").values_list("id", flat=True))
    report = chain.verify()
    assert (report.findings, report.rows, report.unsealed) == ([], len(found), 0)
    assert report.seals >= 3
    return found


@pytest.mark.parametrize(
    "change",
    [
        'changes = \'{"name": ["a", "b"]}\'',
        "details = '{\"x\": 1}'",
        "at = at - interval '1 second'",
        "actor = NULL",
        "behalf = gen_random_uuid()",
        "channel = 'api'",
        "action = 'update'",
        "entity = 'lead'",
        "record = gen_random_uuid()",
        "digest = '\\x00'",
    ],
)
def test_every_column_is_covered(log: Any, ids: list[int], change: str) -> None:
    log.tamper(f"UPDATE engine_history SET {change} WHERE id = {ids[5]}")
    assert named() == {f"changed {ids[5]}"}


def test_a_digest_made_to_fit_helps_nobody(log: Any, ids: list[int]) -> None:
    log.tamper(
        f"UPDATE engine_history SET actor = NULL WHERE id = {ids[5]}",
        f"UPDATE engine_history h SET digest = zhike_history_digest(h) WHERE id = {ids[5]}",
    )
    assert named() == {f"changed {ids[5]}"}


def test_removed_rows_are_named(log: Any, ids: list[int]) -> None:
    log.tamper(f"DELETE FROM engine_history WHERE id IN ({ids[2]}, {ids[3]}, {ids[9]})")
    gone = {ids[2], ids[3], ids[9]}
    named_ids = {n for f in chain.verify().findings for n in range(f.ids[0], f.ids[1] + 1) if f.kind == "missing"}
    assert named_ids == gone


def test_an_emptied_log_is_a_range(log: Any, ids: list[int]) -> None:
    log.tamper("TRUNCATE engine_history")
    report = chain.verify()
    assert {f.kind for f in report.findings} == {"missing"}
    assert report.count == len(ids)
    assert (min(f.ids[0] for f in report.findings), max(f.ids[1] for f in report.findings)) == (min(ids), max(ids))


def test_two_rows_that_change_places(log: Any, ids: list[int]) -> None:
    a, b = ids[3], ids[4]
    log.tamper(
        f"UPDATE engine_history SET id = -1 WHERE id = {a}",
        f"UPDATE engine_history SET id = {a} WHERE id = {b}",
        f"UPDATE engine_history SET id = {b} WHERE id = -1",
    )
    assert {n for f in chain.verify().findings for n in range(f.ids[0], f.ids[1] + 1)} == {a, b}


def test_a_row_put_into_the_past(log: Any, ids: list[int]) -> None:
    log.tamper(
        "INSERT INTO engine_history (id, at, channel, action, entity, changes, details, tx, digest) "
        f"SELECT 999999, at, channel, action, entity, changes, details, tx, '' FROM engine_history WHERE id = {ids[4]}",
        "UPDATE engine_history h SET digest = zhike_history_digest(h) WHERE id = 999999",
    )
    assert named() == {"added 999999"}


@pytest.mark.parametrize(
    "change", ["digest = '\\x00'", "leaves = ''", "rows = rows + 1", "at = at + interval '1s'", "to_tx = to_tx + 1"]
)
def test_a_changed_seal(log: Any, ids: list[int], change: str) -> None:
    log.tamper(f"UPDATE engine_seal SET {change} WHERE id = 2")
    found = [f for f in chain.verify().findings if f.kind == "seal"]
    assert found[0].ids[0] == 2


def test_a_seal_taken_away(log: Any, ids: list[int]) -> None:
    log.tamper("DELETE FROM engine_seal WHERE id = 2")
    assert "seal 2: missing" in named()


def test_a_chain_cut_off_or_computed_anew_shows_against_the_copy(
    log: Any, fill: Fill, settings: Any, tmp_path: Any
) -> None:
    settings.AUDIT_LOG = str(tmp_path / "audit.log")
    fill(6)
    chain.seal(batch=3)
    copy = offbox.seals(tmp_path / "audit.log")
    assert chain.verify(against=copy).ok
    last = Seal.objects.latest("id")
    log.tamper(
        f"DELETE FROM engine_history WHERE tx >= {last.from_tx}", f"DELETE FROM engine_seal WHERE id = {last.pk}"
    )
    assert chain.verify().ok
    assert [f.ids[0] for f in chain.verify(against=copy).findings] == [last.pk]
    log.tamper("DELETE FROM engine_seal", f"DELETE FROM engine_history WHERE id = {History.objects.first().pk}")  # type: ignore[union-attr]
    chain.seal()
    assert chain.verify().ok
    assert not chain.verify(against=copy).ok


def test_where_the_copy_cannot_be_written_nothing_is_sealed(log: Any, fill: Fill, settings: Any, tmp_path: Any) -> None:
    settings.AUDIT_LOG = str(tmp_path / "nowhere" / "audit.log")
    fill(1)
    with pytest.raises(OSError, match="nowhere"):
        chain.seal()
    assert Seal.objects.count() == 0
    settings.AUDIT_LOG = ""
    assert chain.seal() > 0


def test_what_a_running_transaction_wrote_waits_for_it(log: Any, fill: Fill) -> None:
    with psycopg.connect(log.app) as slow:
        slow.execute(
            "INSERT INTO engine_history (at, channel, action, entity, changes) VALUES (now(), 'x', 'slow', '', '{}')"
        )
        fill(3)
        assert chain.seal() == 0
        slow.commit()
    assert chain.seal() > 3
    assert chain.verify().ok
    assert History.objects.filter(action="slow").exists()


def test_writers_at_work_while_it_is_sealed_lose_nothing(log: Any, boss: Actor) -> None:
    count, writers = 40, 4
    stop = threading.Event()

    def write(n: int) -> None:
        with psycopg.connect(log.app) as mine:
            for k in range(count):
                with mine.transaction():
                    mine.execute(
                        "INSERT INTO engine_history (at, channel, action, entity, changes) "
                        "SELECT now(), 'x', 'w', '', jsonb_build_object('n', %s::int) FROM generate_series(1, 3)",
                        [n * count + k],
                    )

    threads = [threading.Thread(target=write, args=[n]) for n in range(writers)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        chain.seal(batch=10)
    stop.set()
    for thread in threads:
        thread.join()
    chain.seal(batch=10)
    report = chain.verify()
    assert (report.findings, report.unsealed) == ([], 0)
    assert report.rows == History.objects.count()
    assert History.objects.filter(action="w").count() == count * writers * 3


def test_a_clock_set_back_changes_nothing(log: Any, fill: Fill) -> None:
    fill(3)
    log.tamper("UPDATE engine_history SET at = at + interval '2 days'",
               "UPDATE engine_history h SET digest = zhike_history_digest(h)")  # fmt: skip
    fill(3)  # two days before the others, by the clock
    chain.seal(batch=2)
    report = chain.verify()
    times = list(History.objects.order_by("tx", "id").values_list("at", flat=True))
    assert (report.findings, times == sorted(times)) == ([], False)


def test_a_transaction_taken_back_leaves_nothing(log: Any, boss: Actor) -> None:
    before = History.objects.count()
    with transaction.atomic():
        records.create(boss, get("account"), {"name": "未遂有限公司"})
        history.note(boss, "reveal", entity="account", details={"fields": ["phone"]})
        assert History.objects.count() == before + 2
        transaction.set_rollback(True)
    assert History.objects.count() == before


def test_what_cannot_be_logged_is_not_done(log: Any, boss: Actor, fill: Fill) -> None:
    fill(1)
    model = get("account").model
    before = model._base_manager.count()
    log.run(log.owner, "REVOKE INSERT ON engine_history FROM zhike_app")
    try:
        with pytest.raises(Exception, match="permission denied for table engine_history"):
            records.create(boss, get("account"), {"name": "无痕有限公司"})
    finally:
        log.run(log.owner, "GRANT INSERT ON engine_history TO zhike_app")
    assert model._base_manager.count() == before


def test_both_names_are_kept(log: Any, boss: Actor, fill: Fill) -> None:
    from zhike.base.models import User

    fill(1)
    hand = User.objects.filter(username="li").first() or User.objects.create_user("li", None, name="李雷")
    mine = Actor(boss.user, "web", by=hand)
    made = records.create(mine, get("account"), {"name": "代录有限公司"})
    history.note(mine, "reveal", entity="account", record=made.pk)
    rows = History.objects.filter(record=made.pk).values_list("action", "actor", "behalf")
    assert set(rows) == {("create", hand.pk, boss.user.pk), ("reveal", hand.pk, boss.user.pk)}


def test_a_restored_database_goes_on_with_its_numbers(log: Any, fill: Fill) -> None:
    from zhike.launch import rights

    fill(2)
    chain.seal()
    log.tamper("UPDATE engine_history SET tx = tx + 1000000",
               "UPDATE engine_history h SET digest = zhike_history_digest(h)", "TRUNCATE engine_seal")  # fmt: skip
    chain.seal()  # nothing: they lie ahead
    with psycopg.connect(log.owner) as mine:
        assert not rights.fit(mine, log.app)
    rights.prepare(log.owner, log.app)
    with psycopg.connect(log.owner) as mine:
        assert rights.fit(mine, log.app)
    highest = History.objects.latest("tx").tx
    fill(1)
    assert History.objects.latest("id").tx > highest
    chain.seal()
    report = chain.verify()
    assert (report.findings, report.unsealed) == ([], 0)
