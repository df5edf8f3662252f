# ruff: noqa: S608  statements put together from constants of the tests
"""Nobody changes the log: the application has no right to, and the owner is stopped by triggers."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from zhike.engine import archive, chain, history, records
from zhike.engine.entity import get
from zhike.engine.models import History, Seal
from zhike.launch.paths import CODE

Fill = Callable[[int], list[Any]]
TABLES = ("engine_history", "engine_seal", "engine_stageevent")


def refused(url: str, statement: str) -> str:
    """The SQLSTATE with which a statement is refused."""
    with psycopg.connect(url) as found, pytest.raises(psycopg.Error) as wrong:
        found.execute(statement)
    return str(wrong.value.sqlstate)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("who", ["app", "owner"])
def test_tables_of_the_log(log: Any, fill: Fill, who: str, table: str) -> None:
    fill(1)
    chain.seal()
    url = getattr(log, who)
    for text in (f"UPDATE {table} SET id = id", f"DELETE FROM {table}", f"TRUNCATE {table}"):
        assert (text, refused(url, text)) == (text, "42501")


def test_the_application_may_add_and_no_more(log: Any) -> None:
    found = log.run(
        log.owner,
        "SELECT table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type) FROM "
        "information_schema.role_table_grants WHERE grantee = 'zhike_app' AND table_name IN "
        f"{TABLES} GROUP BY 1",
    )
    assert dict(found) == dict.fromkeys(TABLES, "INSERT SELECT")


def test_tables_belong_to_somebody_else(log: Any) -> None:
    for text in (
        "ALTER TABLE engine_history DISABLE TRIGGER ALL",
        "DROP TABLE engine_history",
        "CREATE TABLE public.engine_history2 (id int)",
        "CREATE OR REPLACE FUNCTION zhike_history() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
        "SET session_replication_role = replica",
        "UPDATE django_migrations SET name = 'x'",
        "SELECT setval('engine_history_id_seq', 1)",
    ):
        assert (text, refused(log.app, text)) == (text, "42501")


def each_row_is_refused(log: Any, fill: Fill, rows: int) -> list[int]:
    fill(rows)
    ids = list(History.objects.order_by("tx", "id").values_list("id", flat=True))[:rows]
    assert len(ids) == rows
    with psycopg.connect(log.app, autocommit=True) as mine:
        for pk in ids:
            for text in ("UPDATE engine_history SET tx = tx WHERE id = %s", "DELETE FROM engine_history WHERE id = %s"):
                with pytest.raises(errors.InsufficientPrivilege):
                    mine.execute(text, [pk])
    return ids


def each_row_is_found(log: Any, ids: list[int]) -> None:
    """A third of the rows changed, a third removed, a third moved: every one of them is named, and no other."""
    chain.seal(batch=50)
    changed, removed, moved = ids[0::3], ids[1::3], ids[2::3]
    log.tamper(
        f"UPDATE engine_history SET channel = 'web2' WHERE id = ANY('{{{','.join(map(str, changed))}}}')",
        f"DELETE FROM engine_history WHERE id = ANY('{{{','.join(map(str, removed))}}}')",
        f"UPDATE engine_history SET tx = tx + 1 WHERE id = ANY('{{{','.join(map(str, moved))}}}')",
        "UPDATE engine_history h SET digest = zhike_history_digest(h)",
    )
    found = chain.verify()
    assert {n for f in found.findings for n in range(f.ids[0], f.ids[1] + 1)} == set(ids)


def test_a_hundred_rows_one_by_one(log: Any, fill: Fill) -> None:
    each_row_is_found(log, each_row_is_refused(log, fill, 100))


@pytest.mark.long
def test_ten_thousand_rows_one_by_one(log: Any, fill: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "SHOWN", 100_000)
    each_row_is_found(log, each_row_is_refused(log, fill, 10_000))


# ---- what goes by the book


@pytest.fixture
def old(log: Any, fill: Fill) -> list[int]:
    """Rows that were sealed 500 days ago, and some of today."""
    fill(4)
    chain.seal()
    ids = list(History.objects.values_list("id", flat=True))
    log.tamper(
        "UPDATE engine_seal SET at = at - interval '500 days'",
        "UPDATE engine_seal SET digest = sha256(convert_to(jsonb_build_array(id, from_tx, to_tx, rows, "
        "(extract(epoch FROM at) * 1000000)::bigint)::text || E'\\n', 'UTF8') || leaves)",
    )
    fill(3)
    chain.seal()
    assert chain.verify().ok
    return ids


def test_what_is_too_old_goes_into_a_file(log: Any, old: list[int], settings: Any, tmp_path: Path) -> None:
    import gzip

    settings.HOME = tmp_path
    made = archive.expire()
    assert made["rows"] == len(old)
    with gzip.open(tmp_path / "archive" / made["file"], "rt", encoding="utf-8") as file:
        assert [json.loads(line)["id"] for line in file] == sorted(old)
    chain.seal()
    report = chain.verify()
    assert (report.findings, report.expired, report.unsealed) == ([], len(old), 0)
    assert not History.objects.filter(pk__in=old).exists()
    assert archive.expire() == {}


def test_what_is_younger_never_goes(log: Any, fill: Fill, settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    fill(2)
    chain.seal()
    assert archive.expire(days=1) == {}
    last = Seal.objects.latest("id").pk
    assert refused(log.app, f"SELECT zhike_history_expire({last}, '{{}}')") == "42501"
    for gate in ("expire", "redact"):
        for text in ("DELETE FROM engine_history", "UPDATE engine_history SET channel = 'x'"):
            with psycopg.connect(log.owner) as mine:
                mine.execute(f"SET zhike.gate = '{gate}'")
                with pytest.raises(errors.InsufficientPrivilege):
                    mine.execute(text)
    log.tamper("DELETE FROM engine_history WHERE action = 'create'")
    history.note_event("expire", details={"to_tx": 10**15, "rows": 1})  # a false witness
    assert not chain.verify().ok


def test_personal_values_are_erased_by_the_book(log: Any, boss: Any, fill: Fill) -> None:
    (made,) = fill(1)
    records.update(boss, get("account"), made.pk, {"name": "张三的店", "short_name": "张三"})
    records.update(boss, get("account"), made.pk, {"name": "李四的店"})
    chain.seal()
    assert history.redact("account", made.pk, ["name", "short_name"], boss, "asked for") == 2
    records.update(boss, get("account"), made.pk, {"name": "王五的店"})
    assert history.redact("account", made.pk, ["name"], boss, "asked again") == 1
    chain.seal()
    report = chain.verify()
    assert (report.findings, report.redacted, report.unsealed) == ([], 2, 0)
    left = json.dumps(list(History.objects.values_list("changes", "details")), ensure_ascii=False)
    assert [word for word in ("张三", "李四", "王五") if word in left] == []
    steps = History.objects.filter(record=made.pk, action="redact").order_by("id")
    assert [(s.actor, s.details["reason"], s.details["fields"]) for s in steps] == [
        (boss.user.pk, "asked for", ["name", "short_name"]),
        (boss.user.pk, "asked again", ["name"]),
    ]


def test_a_redaction_hides_nothing_else(log: Any, boss: Any, fill: Fill) -> None:
    (made,) = fill(1)
    records.update(boss, get("account"), made.pk, {"name": "张三的店"})
    chain.seal()
    history.redact("account", made.pk, ["name"], boss, "asked for")
    chain.seal()
    row = History.objects.filter(record=made.pk, action="update").get()
    for change in ("actor = NULL", 'changes = \'{"name": ["x", "y"]}\'', "action = 'create'"):
        log.tamper(
            f"UPDATE engine_history SET {change} WHERE id = {row.pk}",
            f"UPDATE engine_history h SET digest = zhike_history_digest(h) WHERE id = {row.pk}",
        )
        assert {str(f) for f in chain.verify().findings} == {f"changed {row.pk}"}
        log.tamper(
            f"UPDATE engine_history SET actor = '{row.actor}', changes = '{json.dumps(row.changes)}', "
            f"action = 'update', digest = '\\x{bytes(row.digest).hex()}' WHERE id = {row.pk}"
        )
        assert chain.verify().ok


def test_rights_and_settings_leave_steps_without_secrets(log: Any, boss: Any) -> None:
    from zhike.base.models import Grant, Policy, Role
    from zhike.engine.models import Token

    role = Role.objects.get(key="seller")
    grant = Grant.objects.create(role=role, entity="deal", action="sing", scope="own")
    grant.delete()
    Policy.objects.update_or_create(pk=1, defaults={"idle_minutes": 20})
    Policy.objects.filter(pk=1).update(idle_minutes=10)
    token = Token.objects.create(
        user=boss.user, name="robot", prefix="abcdefgh", digest="5ec2e7", expires_at=dt.datetime.now(dt.UTC)
    )
    Token.objects.filter(pk=token.pk).update(revoked_at=dt.datetime.now(dt.UTC), digest="5ec2e7ff")
    found = History.objects.filter(entity__in=("grant", "policy", "token")).order_by("id")
    assert [(h.entity, h.action, h.record) for h in found if h.entity == "grant"] == [
        ("grant", "create", role.pk),
        ("grant", "delete", role.pk),
    ]
    assert found.filter(entity="policy", action="update").get().changes["idle_minutes"][1] == 10
    assert [h.record for h in found if h.entity == "token"] == [token.pk, token.pk]
    assert "5ec2e7" not in json.dumps([h.changes for h in found])


# ---- the command


def zhike(log: Any, home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "ZHIKE_HOME": str(home),
        "ZHIKE_LANG": "en",
        "DATABASE_URL": log.owner,
    }
    command = [sys.executable, "-m", "zhike", "history", *words]
    return subprocess.run(command, check=False, cwd=CODE, env=environment, capture_output=True, text=True)


def test_the_command_verifies_and_exports(log: Any, fill: Fill, tmp_path: Path) -> None:
    import hashlib

    (made,) = fill(1)
    assert zhike(log, tmp_path, "verify").returncode == 0
    day = dt.datetime.now(dt.UTC) + dt.timedelta(hours=8)
    out = tmp_path / "log.jsonl"
    words = ("export", "--from", f"{day:%Y-%m-%d}", "--to", f"{day:%Y-%m-%d}", "--out", str(out), "--json")
    manifest = json.loads(zhike(log, tmp_path, *words).stdout)
    assert manifest["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    lines = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert manifest["rows"] == len(lines) == History.objects.count()
    for line in lines:  # an auditor computes the digests from what the file says
        head = [line[k] for k in ("id", "at", "actor", "behalf", "channel", "action", "entity", "record", "tx")]
        text = json.dumps(head, ensure_ascii=False) + "\n" + line["payload"]
        assert hashlib.sha256(text.encode()).hexdigest() == line["digest"]
    row = History.objects.filter(record=made.pk).first()
    assert row is not None
    log.tamper(f"UPDATE engine_history SET channel = 'api' WHERE id = {row.pk}")
    bad = zhike(log, tmp_path, "verify")
    assert (bad.returncode, f"changed {row.pk}" in bad.stdout) == (1, True)
