"""The page that says whether the installation is well: for administrators of the system alone."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest

from zhike.backup.model import DRILL, MANIFEST, Backup, Piece, Table
from zhike.backup.nightly import FAILED
from zhike.backup.pitr import archive

pytestmark = pytest.mark.django_db
PAGE = "/settings/health"


def _backup(folder: Path, age: dt.timedelta, *, drill: dict[str, Any] | None = None, recipient: str = "") -> Backup:
    at = dt.datetime.now(dt.UTC).replace(microsecond=0) - age
    place = folder / f"zhike-{at:%Y%m%dT%H%M%SZ}"
    place.mkdir(parents=True)
    one = Backup(
        place, at, "1", 18, recipient, 1.0, {"a": Table(12_345, "1")}, {"database.dump.zst": Piece(5 << 20, "")}, 7
    )
    (place / MANIFEST).write_text(json.dumps(one.manifest()), "utf-8")
    if drill:
        (place / DRILL).write_text(json.dumps(drill), "utf-8")
    return one


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.BACKUPS = tmp_path / "备份"
    settings.BACKUP_HOUR = 2
    return tmp_path / "备份"


def test_who_may_see_it(firm: Any, folder: Path) -> None:
    assert firm.client("admin").get(PAGE).status_code == 200
    for name in ("seller", "manager", "executive"):
        assert firm.client(name).get(PAGE).status_code in (403, 404)


def test_it_says_what_is_missing(firm: Any, folder: Path, settings: Any) -> None:
    page = firm.client("admin").get(PAGE).content.decode()
    assert "还没有备份" in page
    settings.BACKUP_HOUR = None
    assert "目前没有任何备份" in firm.client("admin").get(PAGE).content.decode()


def test_it_tells_of_backups_drills_and_failures(firm: Any, folder: Path) -> None:
    good = {"at": dt.datetime.now(dt.UTC).isoformat(), "ok": True, "problems": []}
    _backup(folder, dt.timedelta(hours=40), drill=good)
    _backup(folder, dt.timedelta(hours=35), recipient="age1x")
    (folder / FAILED).write_text(
        json.dumps({"at": "2026-11-22T02:07:00+08:00", "reason": "<b>No space left</b>"}), "utf-8"
    )
    page = firm.client("admin").get(PAGE).content.decode()
    assert "12,345行" in page
    assert "7个文件" in page
    assert page.count(">5.0 MB<") == 2
    assert 'data-tone="red"' in page  # older than a night may be
    assert "全部一致" in page
    assert "&lt;b&gt;No space left" in page
    assert "未演练" in page
    assert "备份未加密" not in page


def test_a_damaged_folder_breaks_nothing(firm: Any, folder: Path) -> None:
    one = _backup(folder, dt.timedelta(hours=1), drill={"at": "yesterday", "ok": True})
    (_backup(folder, dt.timedelta(hours=2)).place / MANIFEST).write_text("{", "utf-8")
    (folder / FAILED).write_text('{"at": 7}', "utf-8")
    assert firm.client("admin").get(PAGE).status_code == 200
    assert one.name in firm.client("admin").get(PAGE).content.decode()


def _archive(folder: Path, age: dt.timedelta, **said: Any) -> None:
    now = dt.datetime.now(dt.UTC)
    top = folder / archive.FOLDER / "7"
    (top / "wal").mkdir(parents=True, exist_ok=True)
    at, place = now - dt.timedelta(hours=3), top / "base-20261122T020000Z"
    place.mkdir(exist_ok=True)
    base = archive.Base(place, at, at, "1", 18, "", 1, 40, 50, {}, 0)
    (place / archive.BASE).write_text(json.dumps(base.manifest()), "utf-8")
    stamp = (now - age).strftime(archive.STAMP)
    (top / "wal" / f"{archive.name_of(1, 0)}-{stamp}-{'0' * 32}-{'1' * 32}.zst").touch()
    note = {"at": now.isoformat(), "until": (now - age).isoformat(), "error": "", "waiting": 5 << 20, **said}
    (top / archive.STATE).write_text(json.dumps(note), "utf-8")


def test_it_tells_how_far_back_any_second_can_be_reached(firm: Any, folder: Path, settings: Any) -> None:
    settings.EMBEDDED, settings.PITR_DAYS = True, None
    page = firm.client("admin").get(PAGE).content.decode()
    assert "ZHIKE_PITR_DAYS=7" in page
    settings.PITR_DAYS = 7
    page = firm.client("admin").get(PAGE).content.decode()
    assert "正在做第一个基础备份" in page
    _archive(folder, dt.timedelta(seconds=42))
    page = firm.client("admin").get(PAGE).content.decode()
    assert "42秒" in page or "43秒" in page
    assert "5 MB" in page
    assert "没有归档任何日志" not in page
    _archive(folder, dt.timedelta(hours=2), error="<i>No space left", failed_since="2026-11-22T02:07:00+08:00")
    page = firm.client("admin").get(PAGE).content.decode()
    assert "&lt;i&gt;No space left" in page
    assert "没有归档任何日志" in page
    settings.EMBEDDED = False
    page = firm.client("admin").get(PAGE).content.decode()
    assert "只用于内置数据库" in page
    assert "任意一秒" not in page
