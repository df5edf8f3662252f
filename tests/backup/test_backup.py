"""Backups hold one moment of everything, prove it, and come back whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from zhike import backup
from zhike.backup import keeping, nightly, streams
from zhike.backup.model import DRILL, MANIFEST, BackupError, Piece
from zhike.launch.paths import CODE
from zhike.launch.postgres import Server

pytestmark = pytest.mark.django_db  # scratch databases begin with its tables, also where these tests run alone
NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
FILL = """
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TABLE words (id int PRIMARY KEY, one mood, many mood[], of regclass);
INSERT INTO words VALUES (1, 'bad', '{good,bad}', 'base_user'), (2, 'good', '{}', NULL);
CREATE TABLE odd (id int PRIMARY KEY, text text, doc json, amount numeric, tags text[], raw bytea);
INSERT INTO odd SELECT n, E'客户\\t"' || n || E'"\\n\\\\N', json_build_object('n', n),
  CASE n % 3 WHEN 0 THEN 'NaN' ELSE n / 7.0 END, ARRAY['甲', NULL, n::text], decode(lpad(to_hex(n), 8, '0'), 'hex')
  FROM generate_series(1, 5000) n;
CREATE TABLE moves (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount int NOT NULL);
"""
UPLOADS = {"files/files/2026/11/合同.pdf": os.urandom(3_000_000), "files/files/2026/10/空.txt": b""}


@pytest.fixture
def saved(postgres: Any) -> Iterator[Server]:
    """A database with all tables of Zhike, and one with everything that is awkward."""
    server = Server(postgres.scratch("saved"))
    with psycopg.connect(server.url) as connection:
        connection.execute(FILL)
    yield server
    postgres.drop("saved")


@pytest.fixture
def empty(postgres: Any) -> Iterator[Server]:
    plain = Server(postgres.url)  # its scratch databases begin empty
    yield Server(plain.scratch("restored"))
    postgres.drop("restored")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = tmp_path / "客户 home"
    for name, data in UPLOADS.items():
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_bytes(data)
    (home / "erased.jsonl").write_text('{"record": "a"}\n', "utf-8")
    (home / "secret_key").write_text("k" * 64, "utf-8")
    return home


def rows(server: Server, statement: str = "SELECT count(*), sum(hashtext(o::text)) FROM odd o") -> Any:
    with psycopg.connect(server.url) as connection:
        return connection.execute(statement).fetchall()


def contents(home: Path) -> dict[str, bytes]:
    return {f.relative_to(home).as_posix(): f.read_bytes() for f in (home / "files").rglob("*") if f.is_file()}


@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_everything_comes_back(saved: Server, empty: Server, home: Path, tmp_path: Path, is_encrypted: bool) -> None:
    secret, public = streams.new_key() if is_encrypted else ("", "")
    made = backup.make(home, saved, tmp_path / "out", recipient=public)
    assert made == backup.read(made.place) == backup.found(tmp_path / "out")[0]
    assert (made.tables["odd"].rows, made.uploads, made.recipient) == (5000, 2, public)
    assert not list((tmp_path / "out").glob("*.part"))
    held = b"".join(file.read_bytes() for file in made.place.iterdir())
    assert (b"PGDMP" in held, b"k" * 64 in held) == (False, False)

    other = tmp_path / "other"
    other.mkdir()
    (other / "erased.jsonl").write_text('{"record": "b"}\n', "utf-8")
    assert backup.restore(other, empty, made, identity=secret) == []
    assert rows(empty) == rows(saved)
    assert contents(other) == contents(home) == UPLOADS
    assert (other / "erased.jsonl").read_text("utf-8") == '{"record": "b"}\n{"record": "a"}\n'
    assert (other / "secret_key").exists() is is_encrypted
    assert sorted(p.name for p in other.iterdir()) == sorted(
        ["erased.jsonl", "files", *(["secret_key"] if is_encrypted else [])]
    )


def test_one_moment_of_a_database_that_is_at_work(saved: Server, home: Path, tmp_path: Path) -> None:
    """Every transaction adds nothing in all: a dump of two moments would hold half of one."""
    stop = threading.Event()

    def work() -> None:
        with psycopg.connect(saved.url) as connection:
            while not stop.is_set():
                amount = random.randrange(1000)
                connection.execute("INSERT INTO moves (amount) VALUES (%s)", [amount])
                connection.execute("INSERT INTO moves (amount) VALUES (%s)", [-amount])
                connection.commit()

    workers = [threading.Thread(target=work) for _n in range(2)]
    for worker in workers:
        worker.start()
    try:
        while rows(saved, "SELECT count(*) FROM moves") == [(0,)]:
            time.sleep(0.01)  # on a busy machine they begin late
        made = [backup.make(home, saved, tmp_path / "out") for _n in range(3)]
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert [one.tables["moves"].rows % 2 for one in made] == [0, 0, 0]
    assert made[-1].tables["moves"].rows > made[0].tables["moves"].rows > 0
    assert backup.drill(saved, made[-1]) == []
    assert made[-1].drilled()["ok"] is True


def test_a_drill_tells_what_is_not_as_it_was(saved: Server, home: Path, tmp_path: Path) -> None:
    made = backup.make(home, saved, tmp_path / "out")
    assert backup.drill(saved, made, identity=streams.new_key()[0]) == []  # not encrypted: no key is asked for
    said = json.loads((made.place / MANIFEST).read_text("utf-8"))
    said["tables"]["odd"]["digest"] = "1"
    said["tables"]["gone"] = {"rows": 7, "digest": "2"}
    (made.place / MANIFEST).write_text(json.dumps(said), "utf-8")
    problems = backup.drill(saved, backup.read(made.place))
    assert [problem.split(":")[0] for problem in problems] == ["gone", "odd"]
    assert json.loads((made.place / DRILL).read_text("utf-8"))["ok"] is False


@pytest.mark.parametrize("harm", ["flipped", "cut", "gone", "elsewhere"])
def test_a_damaged_backup_is_refused_and_nothing_is_touched(
    saved: Server, empty: Server, home: Path, tmp_path: Path, harm: str
) -> None:
    made = backup.make(home, saved, tmp_path / "out")
    piece = made.piece("database")
    data = bytearray(piece.read_bytes())
    if harm == "flipped":
        data[len(data) // 2] ^= 1
        piece.write_bytes(data)
    elif harm == "cut":
        piece.write_bytes(data[:-1])
    elif harm == "gone":
        piece.unlink()
    else:
        said = json.loads((made.place / MANIFEST).read_text("utf-8"))
        said["pieces"]["../../etc/passwd"] = said["pieces"].pop(piece.name)
        (made.place / MANIFEST).write_text(json.dumps(said), "utf-8")
        assert backup.found(tmp_path / "out") == []
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    with pytest.raises(BackupError):
        backup.restore(fresh, empty, backup.read(made.place))
    assert list(fresh.iterdir()) == []
    assert rows(empty, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]


def test_the_key_must_fit(saved: Server, empty: Server, home: Path, tmp_path: Path) -> None:
    (_secret, public), (other, _public) = streams.new_key(), streams.new_key()
    made = backup.make(home, saved, tmp_path / "out", recipient=public)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    for key in ("", other, "AGE-SECRET-KEY-1"):
        with pytest.raises(BackupError):
            backup.restore(fresh, empty, made, identity=key)
        with pytest.raises(BackupError):
            backup.drill(saved, made, identity=key)
    assert made.drilled() == {}  # whoever has the wrong key has not tried it
    assert rows(empty, "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace") == [(0,)]
    for text in ("age1", "AGE-SECRET-KEY-1", "../x"):
        with pytest.raises(BackupError):
            backup.make(home, saved, tmp_path / "out", recipient=text)


def test_only_an_empty_installation_is_filled(saved: Server, empty: Server, home: Path, tmp_path: Path) -> None:
    made = backup.make(home, saved, tmp_path / "out")
    with pytest.raises(BackupError):
        backup.restore(tmp_path / "out", saved, made)  # its database has tables
    with pytest.raises(BackupError):
        backup.restore(home, empty, made)  # its folder has files


def test_a_full_disk_leaves_nothing(saved: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Any, data: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(streams.Sink, "write", full)
    with pytest.raises(BackupError, match="No space left"):
        backup.make(home, saved, tmp_path / "out")
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["backup.lock"]


# ---- killed

RESTORE = """
import sys
from pathlib import Path
from zhike import backup
from zhike.launch.postgres import Server
home, url, place = sys.argv[1:]
print("begun", flush=True)
print(backup.restore(Path(home), Server(url), backup.read(Path(place))), flush=True)
"""
MAKE = """
import sys
from pathlib import Path
from zhike import backup
from zhike.launch.postgres import Server
home, url, folder = sys.argv[1:]
print("begun", flush=True)
backup.make(Path(home), Server(url), Path(folder))
"""


def killed(program: str, *arguments: object, after: float) -> bool:
    """Run a program and kill it so long after its beginning; whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=CODE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(after)
    was_at_work = process.poll() is None
    os.killpg(process.pid, signal.SIGKILL) if was_at_work else None
    process.wait()
    process.stdout.close()
    return was_at_work


def _killed_again_and_again(saved: Server, empty: Server, home: Path, tmp_path: Path, times: int) -> None:
    dice = random.Random(7)
    for _n in range(times):
        killed(MAKE, home, saved.url, tmp_path / "out", after=dice.uniform(0, 1.5))
    made = backup.make(home, saved, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*.part"))
    assert all(not backup.drill(saved, one) for one in backup.found(tmp_path / "out")[:2])
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    hit = sum(killed(RESTORE, fresh, empty.url, made.place, after=dice.uniform(0, 2)) for _n in range(times))
    assert hit
    if (fresh / "restoring.json").exists():
        assert backup.restore(fresh, empty, made) == []
    assert rows(empty) == rows(saved)
    assert contents(fresh) == UPLOADS
    assert sorted(p.name for p in fresh.iterdir()) == ["erased.jsonl", "files"]


def test_a_killed_one_is_no_backup_and_a_killed_restore_goes_on(
    saved: Server, empty: Server, home: Path, tmp_path: Path
) -> None:
    _killed_again_and_again(saved, empty, home, tmp_path, 3)


@pytest.mark.long
def test_killed_two_hundred_times(saved: Server, empty: Server, home: Path, tmp_path: Path) -> None:
    _killed_again_and_again(saved, empty, home, tmp_path, 100)


# ---- what is kept


def _backup(place: Path, age: dt.timedelta, *, good: bool = False) -> backup.Backup:
    at = NOW - age
    folder = place / f"zhike-{at:%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True)
    one = backup.Backup(folder, at, "1", 18, "", 1.0, {}, {"database.dump.zst": Piece(1, "")})
    (folder / MANIFEST).write_text(json.dumps(one.manifest()), "utf-8")
    if good:
        (folder / DRILL).write_text('{"ok": true}', "utf-8")
    return one


def test_old_backups_go_the_newest_and_the_one_that_was_tried_stay(tmp_path: Path) -> None:
    for days in range(400):
        _backup(tmp_path, dt.timedelta(days=days, hours=1), good=days == 399)
    gone = keeping.prune(backup.found(tmp_path), keeping.Keeping(days=7, weeks=4, months=6), NOW)
    left = [(NOW - one.made_at).days for one in backup.found(tmp_path)]
    assert left[:7] == list(range(7))
    assert 399 in left
    assert len(left) + len(gone) == 400
    months = {(NOW - dt.timedelta(days=days)).month for days in left if days < 180}
    assert months >= {6, 7, 8, 9, 10, 11}
    assert keeping.prune(backup.found(tmp_path), keeping.Keeping(days=7, weeks=4, months=6), NOW) == []
    assert [one.name for one in keeping.spare(backup.found(tmp_path), keeping.Keeping(0, 0, 0), NOW)] != []
    assert left[0] == 0


# ---- every night


@pytest.mark.parametrize(
    ("age", "hour", "is_due"),
    [(None, 9, True), (23, 2, True), (0.5, 2, False), (8, 10, False), (29, 7, False), (31, 7, True)],
)
def test_when_a_backup_is_due(age: float | None, hour: int, is_due: bool) -> None:
    now = dt.datetime(2026, 11, 22, hour, 7, tzinfo=dt.UTC)
    newest = None if age is None else now - dt.timedelta(hours=age)
    assert nightly.is_due(newest, now, 2) is is_due


def test_a_night_that_fails_is_told_until_one_succeeds(saved: Server, home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    nights: dict[str, Any] = {"hour": 2, "keeping": keeping.Keeping()}
    with pytest.raises(BackupError):
        nightly.run(home, saved, out, recipient="age1wrong", **nights)
    assert "age1wrong" in nightly.failure(out)["reason"]
    made = nightly.run(home, saved, out, **nights)
    assert made == backup.found(out)[0]
    assert nightly.failure(out) == {}
    assert nightly.run(home, saved, out, **nights) is None
