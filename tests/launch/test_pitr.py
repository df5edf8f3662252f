"""An installation goes back to any second that its archive reaches, to no other, and never halfway."""

from __future__ import annotations

import datetime as dt
import json
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from zhike.backup import BackupError, pitr, streams
from zhike.backup.pitr import archive as archives
from zhike.backup.pitr import base, packing, receiver
from zhike.backup.pitr.archiver import Archiver, Wish
from zhike.launch import postgres
from zhike.launch.paths import CODE
from zhike.launch.postgres import Server

UTC = dt.UTC


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits a second for being told what was received."""
    monkeypatch.setattr(receiver, "TELLS", ["--synchronous"])


class Firm:
    """An installation at work, and what it knew at which time."""

    def __init__(self, home: Path, server: Server, folder: Path, recipient: str) -> None:
        self.home, self.server, self.folder = home, server, folder
        self.archiver = Archiver(server.superuser, home, folder, Wish(days=7, recipient=recipient, every=3600))
        self.known: list[tuple[dt.datetime, int]] = []
        self.connection = psycopg.connect(server.superuser, autocommit=True)
        self.archiver._open(self.connection)
        with psycopg.connect(server.url) as connection:
            connection.execute("CREATE TABLE IF NOT EXISTS kept (number int)")

    @property
    def archive(self) -> pitr.Archive:
        return pitr.archives(self.folder)[0]

    def write(self, count: int = 1) -> None:
        """Rows, each with a moment after it that must show it."""
        with psycopg.connect(self.server.url, autocommit=True) as connection:
            for _n in range(count):
                number = len(self.known) + 1
                connection.execute("INSERT INTO kept VALUES (%s)", [number])
                at = connection.execute("SELECT clock_timestamp()").fetchone()
                self.known.append((at[0] if at else dt.datetime.now(UTC), number))
                time.sleep(0.002)

    def cover(self) -> None:
        time.sleep(0.12)  # a moment counts as reached a tenth of a second later
        self.archiver.step(self.connection, cover=True)

    def base(self) -> None:
        """The base backup that is due, and everything that makes it count."""
        self.cover()
        assert self.archiver._worker is not None
        self.archiver._worker.join()
        self.cover()
        self.cover()

    def switch(self) -> None:
        self.connection.execute("SELECT pg_switch_wal()")

    def close(self) -> None:
        self.archiver._receiver.stop()
        self.connection.close()
        if self.archiver._lock:
            self.archiver._lock.release()
            self.archiver._lock = None


@contextmanager
def firm(home: Path, folder: Path, recipient: str = "") -> Iterator[Firm]:
    with postgres.ensure(home) as server:
        one = Firm(home, server, folder, recipient)
        try:
            yield one
        finally:
            one.close()


def numbers(home: Path) -> list[int]:
    with postgres.ensure(home) as server, psycopg.connect(server.url) as connection:
        return [row[0] for row in connection.execute("SELECT number FROM kept ORDER BY number")]


@pytest.fixture
def other(home: Path, seed: Path) -> Path:
    return another(home, seed, "另一处 data")


def another(home: Path, seed: Path, name: str) -> Path:
    place = home.with_name(name)
    place.mkdir()
    subprocess.run(["cp", "-a", str(seed), str(place / "postgres")], check=True)
    return place


def test_any_second_comes_back_from_an_encrypted_archive(home: Path, other: Path, tmp_path: Path) -> None:
    secret, public = streams.new_key()
    upload = home / "files" / "files" / "2026" / "11"
    upload.mkdir(parents=True)
    (upload / "a").write_bytes(b"before")
    with firm(home, tmp_path / "out", public) as one:
        one.write(3)
        one.base()
        one.write(5)
        one.switch()
        (upload / "b").write_bytes(b"after")
        one.write(5)
        middle, wanted = one.known[-1]
        one.write(5)
        one.cover()
        assert one.archive.state()["error"] == ""
        ((since, until, missing),) = pitr.spans(one.archive.windows())
        assert since < one.known[3][0] < one.known[-1][0] <= until
        assert missing == ""
        files = [p for p in one.archive.folder.rglob("*") if p.suffix in (".zst", ".age")]
        assert {p.suffix for p in files} == {".age"}
        assert all(p.read_bytes().startswith(b"age-encryption.org") for p in files)
    target = pitr.Target(middle)
    for key in ("", streams.new_key()[0]):
        with pytest.raises(BackupError, match="encrypted"):
            pitr.rewind(other, tmp_path / "out", target, identity=key)
    chosen = pitr.rewind(other, tmp_path / "out", target, identity=secret)
    assert chosen.at == middle
    assert numbers(other) == list(range(1, wanted + 1))
    assert (other / "files/files/2026/11/b").read_bytes() == b"after"
    assert sorted(p.name for p in other.iterdir()) == ["files", "log", "postgres", "postgres.lock", "postgres.users"]
    with pytest.raises(BackupError, match="holds a firm already"):
        pitr.rewind(other, tmp_path / "out", target, identity=secret)


def test_what_cannot_be_reached_is_said(home: Path, other: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(BackupError, match="ZHIKE_PITR_DAYS"):
        pitr.rewind(other, out, pitr.Target(dt.datetime.now(UTC)))
    with firm(home, out) as one:
        with pytest.raises(BackupError, match="base backup"):
            pitr.mark(one.server.superuser, out, "early")
        one.base()
        one.write(2)
        for _n in range(3):
            one.switch()
            one.write(2)
            one.cover()
        pitr.mark(one.server.superuser, out, "合并前")
        _grows_while_it_is_read(one, tmp_path / "grown")
        idle = dt.datetime.now(UTC)
        names = [s.name for s in one.archive.segments()]
        one.cover()
        assert [s.name for s in one.archive.segments()] == names  # nothing was committed: nothing is written
        marked = pitr.plan(out, pitr.Target(mark="合并前"))
        assert one.known[-2][0] < marked.at < one.known[-1][0]
        last, first = one.known[-1][0], one.known[0][0]
        assert pitr.plan(out, pitr.Target(idle - dt.timedelta(milliseconds=1))).window.until >= idle
        _refused(out, pitr.Target(mark="nobody"), "合并前")
        _refused(out, pitr.Target(last + dt.timedelta(hours=1)), "outside")
        _refused(out, pitr.Target(first - dt.timedelta(hours=1)), "outside")
        one.server.stop()
    middle = one.archive.segments()[-2]
    held = middle.place.read_bytes()
    middle.place.write_bytes(held[:-1])
    with pytest.raises(BackupError, match="damaged"):
        pitr.rewind(other, out, pitr.Target(last))
    middle.place.unlink()
    _refused(out, pitr.Target(last), f"{middle.name} of the log is missing")
    assert pitr.plan(out, pitr.Target(first)).window.missing == middle.name
    middle.place.write_bytes(held)
    assert pitr.rewind(other, out, pitr.Target(mark="合并前")).mark == "合并前"
    assert numbers(other) == list(range(1, len(one.known)))


def _grows_while_it_is_read(one: Firm, place: Path) -> None:
    one.cover()
    planned = pitr.plan(one.folder, pitr.Target(one.known[-1][0])).window.segments[-1]
    one.write(1)
    one.cover()
    assert not planned.place.exists()
    packing.unpack(planned, place, "")
    assert place.stat().st_size == archives.SEGMENT_BYTES


def _refused(out: Path, target: pitr.Target, text: str) -> None:
    with pytest.raises(BackupError, match=text):
        pitr.plan(out, target)


def test_another_content_is_never_written_over(tmp_path: Path) -> None:
    archive = pitr.Archive(tmp_path)
    archive.wal.mkdir()
    name, now = "000000010000000000000003", dt.datetime(2026, 11, 22, tzinfo=UTC)
    source = tmp_path / name
    source.write_bytes(b"a" * 1000)
    grown = packing.pack(archive, source, name, now, "", partial=True)
    source.write_bytes(b"ab" * 500)
    later = packing.pack(archive, source, name, now + dt.timedelta(seconds=9), "", partial=True)
    assert (len(archive.segments()), grown < later) == (1, True)
    packing.pack(archive, source, name, now + dt.timedelta(seconds=20), "", partial=False)
    (only,) = archive.wal.iterdir()
    packing.pack(archive, source, name, now + dt.timedelta(seconds=30), "", partial=False)
    assert [only] == list(archive.wal.iterdir())
    source.write_bytes(b"b" * 1000)
    for partial in (False, True):
        with pytest.raises(BackupError, match="another content"):
            packing.pack(archive, source, name, now, "", partial=partial)
    assert [only] == list(archive.wal.iterdir())
    packing.unpack(archive.segments()[0], tmp_path / "back", "")
    assert (tmp_path / "back").read_bytes() == b"ab" * 500


def test_what_no_moment_needs_is_removed(tmp_path: Path) -> None:
    archive = pitr.Archive(tmp_path)
    for place in (archive.wal, archive.files):
        place.mkdir()
    now = dt.datetime(2026, 11, 22, tzinfo=UTC)
    for day in range(10):  # a base a day, with two segments each
        at = now - dt.timedelta(days=9 - day)
        for n in (2 * day, 2 * day + 1):
            until = (at + dt.timedelta(hours=12 * (n % 2) + 1)).strftime(archives.STAMP)
            (archive.wal / f"{archives.name_of(1, n)}-{until}-{'0' * 32}-{'1' * 32}.zst").touch()
        (archive.files / f"{at.strftime(archives.STAMP)}-{'2' * 32}.tar.zst").touch()
        place = tmp_path / f"base-{at:%Y%m%dT%H%M%SZ}"
        place.mkdir()
        start = 2 * day * archives.SEGMENT_BYTES + 40
        made = archives.Base(place, at, at, "1", 18, "", 1, start, start + 9, {}, 0)
        (place / archives.BASE).write_text(json.dumps(made.manifest()), "utf-8")
    assert len(archive.windows()) == 10
    gone = base.prune(archive, 3, now)
    assert len(gone) == 6
    assert archive.bases()[-1].made_at == now - dt.timedelta(days=3)
    assert [s.position for s in archive.segments()] == list(range(12, 20))
    assert len(archive.added()) == 4
    assert base.prune(archive, 3, now) == []
    (archive.segments()[-1].place).unlink()
    (
        archive.segments()[-1].place
    ).unlink()  # the newest base reaches nothing: the one before it stays, whatever its age
    base.prune(archive, 0, now + dt.timedelta(days=30))
    assert [b.made_at for b in archive.bases()] == [now, now - dt.timedelta(days=1)]


# ---- killed

ARCHIVE = """
import sys, threading
from pathlib import Path
from zhike.backup.pitr import Archiver, Wish
url, home, folder = sys.argv[1:]
print("begun", flush=True)
Archiver(url, Path(home), Path(folder), Wish(days=7, every=0.2)).run(threading.Event())
"""
REWIND = """
import datetime as dt, sys
from pathlib import Path
from zhike.backup import pitr
home, folder, at = sys.argv[1:]
print("begun", flush=True)
pitr.rewind(Path(home), Path(folder), pitr.Target(dt.datetime.fromisoformat(at)))
"""


def _killed_again_and_again(home: Path, other: Path, out: Path, times: int, dice: random.Random) -> int:
    """The archiver is killed in the middle of packing and of base backups, the return anywhere; how often in all."""
    with firm(home, out) as one:
        one.close()
        hits = sum(
            killed(ARCHIVE, one.server.superuser, home, out, after=dice.uniform(0.2, 2), meanwhile=one.write)
            for _n in range(times)
        )
        for base in one.archive.bases():
            assert all(streams.check(base.place / name, piece) for name, piece in base.pieces.items())
        again = Firm(home, one.server, out, "")
        again.cover()
        if again.archiver._worker:
            again.archiver._worker.join()
            again.cover()
        again.known = one.known
        again.write(3)
        again.cover()
        again.close()
        assert not list(again.archive.folder.rglob("*.part"))
        since = min(w.since for w in again.archive.windows())
        at, wanted = dice.choice([(at, n) for at, n in one.known if at >= since])
    for _n in range(times):
        if killed(REWIND, other, out, at.isoformat(), after=dice.uniform(0.1, 2.2)):
            hits += 1
        elif not (other / "restoring.json").exists():
            break  # it was quicker
    else:
        if (other / "restoring.json").exists() or not _is_there(other):
            pitr.rewind(other, out, pitr.Target(at))
    assert numbers(other) == list(range(1, wanted + 1))
    assert not {"restoring", "data.before"} & {p.name for p in (other / "postgres").iterdir()}
    return hits


def _is_there(home: Path) -> bool:
    with postgres.ensure(home) as server, psycopg.connect(server.url) as connection:
        row = connection.execute("SELECT to_regclass('kept') IS NOT NULL").fetchone()
    return bool(row and row[0])


def test_a_killed_archiver_loses_nothing_and_a_killed_return_goes_on(home: Path, other: Path, tmp_path: Path) -> None:
    assert _killed_again_and_again(home, other, tmp_path / "out", 2, random.Random(3))


@pytest.mark.long
def test_archiver_and_return_killed_two_hundred_times(home: Path, seed: Path, tmp_path: Path) -> None:
    dice, hits, n = random.Random(7), 0, 0
    while hits < 200:
        n += 1
        mine, theirs = another(home, seed, f"{n}"), another(home, seed, f"{n} 回")
        hits += _killed_again_and_again(mine, theirs, tmp_path / f"{n}", 8, dice)
        shutil.rmtree(tmp_path / f"{n}")
        shutil.rmtree(mine)
        shutil.rmtree(theirs)


def killed(program: str, *arguments: object, after: float, meanwhile: Callable[[], None] = lambda: None) -> bool:
    """Run a program and kill it so long after its beginning; whether it was still at work."""
    process = subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)], cwd=CODE, stdout=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    end = time.monotonic() + after
    while time.monotonic() < end and process.poll() is None:
        meanwhile()
        time.sleep(0.02)
    was_at_work = process.poll() is None
    if was_at_work:
        process.kill()  # alone: whatever it has started must not harm the next one
    process.wait()
    process.stdout.close()
    return was_at_work
