"""Files on records: as visible as the record, downloads only, within limits."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.utils import timezone

from zhike.engine import guard, records, uploads
from zhike.engine.entity import get
from zhike.engine.models import History, Job, StoredFile
from zhike.web import files


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


def attach(firm: Any, who: str, name: str = "合同.pdf", content: bytes = b"%PDF-1.4 x") -> tuple[Any, Any]:
    made = records.create(firm.actor("seller"), get("account"), {"name": "甲公司"})
    answer = firm.client(who).post(f"/account/{made.pk}/files", {"file": SimpleUploadedFile(name, content)})
    return made, answer


def test_a_file_is_as_visible_as_its_record(firm: Any) -> None:
    made, answer = attach(firm, "seller")
    assert answer.status_code == 303
    stored = StoredFile.objects.get()
    beside = {"HX-Request": "true", "HX-Target": "related"}
    assert stored.name in firm.client("manager").get(f"/account/{made.pk}", headers=beside).content.decode()
    codes = {
        w: firm.client(w).get(f"/files/{stored.pk}").status_code for w in ("seller", "manager", "stranger", "colleague")
    }
    assert codes == {"seller": 200, "manager": 200, "stranger": 404, "colleague": 404}


def test_a_file_is_only_ever_a_download(firm: Any) -> None:
    attach(firm, "seller", "x.html", b"<script>alert(1)</script>")
    answer = firm.client("seller").get(f"/files/{StoredFile.objects.get().pk}")
    assert answer["Content-Disposition"] == 'attachment; filename="x.html"'
    assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("name", ["../../etc/passwd", "a\x00b.pdf", "CON.pdf", "\u202efdp.exe", "x" * 300 + ".pdf"])
def test_names_stay_names(firm: Any, settings: Any, name: str) -> None:
    attach(firm, "seller", name)
    stored = StoredFile.objects.get()
    assert Path(stored.blob.path).resolve().is_relative_to(Path(settings.MEDIA_ROOT).resolve())
    assert Path(stored.blob.path).name == str(stored.pk)


def test_who_may_not_change_the_record_attaches_nothing(firm: Any) -> None:
    for who in ("stranger", "executive"):
        _made, answer = attach(firm, who)
        assert answer.status_code in (403, 404)
    assert StoredFile.objects.count() == 0


def test_empty_and_too_large_files_are_refused(firm: Any, settings: Any) -> None:
    settings.UPLOAD_LIMIT = 1024 * 1024
    for content in (b"", b"x" * (1024 * 1024 + 1)):
        _made, answer = attach(firm, "seller", content=content)
        assert answer.status_code == 422
    assert StoredFile.objects.count() == 0


def test_a_file_is_taken_away_by_those_who_may(firm: Any) -> None:
    attach(firm, "seller")
    stored = StoredFile.objects.get()
    assert firm.client("stranger").post(f"/files/{stored.pk}/delete").status_code == 404
    assert firm.client("manager").post(f"/files/{stored.pk}/delete").status_code == 303
    assert firm.client("seller").get(f"/files/{stored.pk}").status_code == 404


def test_who_no_longer_sees_the_record_no_longer_gets_the_file(firm: Any) -> None:
    made, _answer = attach(firm, "seller")
    stored = StoredFile.objects.get()
    records.update(firm.actor("manager"), get("account"), made.pk, {"owner": str(firm.stranger.pk)})
    assert firm.client("seller").get(f"/files/{stored.pk}").status_code == 404
    assert firm.client("stranger").get(f"/files/{stored.pk}").status_code == 200
    records.delete_many(firm.actor("admin"), get("account"), [made.pk])
    assert firm.client("stranger").get(f"/files/{stored.pk}").status_code == 404


def test_a_file_of_nothing_is_its_uploaders_alone(firm: Any) -> None:
    stored = uploads.keep(firm.actor("seller"), SimpleUploadedFile("a.txt", b"x"))
    codes = {w: firm.client(w).get(f"/files/{stored.pk}").status_code for w in ("seller", "manager", "admin")}
    assert codes == {"seller": 200, "manager": 404, "admin": 404}


def test_what_came_of_an_export_ends_with_the_right_to_export(firm: Any) -> None:
    stored = uploads.keep(firm.actor("manager"), SimpleUploadedFile("a.csv", b"x,y\n"))
    Job.objects.create(kind="export", entity="account", user=firm.manager, report=stored, state=Job.State.DONE)
    client = firm.client("manager")
    assert client.get(f"/files/{stored.pk}").status_code == 200
    firm.manager.roles = []
    firm.manager.save()
    assert client.get(f"/files/{stored.pk}").status_code == 404


def test_a_record_keeps_so_many_files(firm: Any, settings: Any) -> None:
    settings.UPLOADS_PER_RECORD = 1
    made, answer = attach(firm, "seller")
    assert answer.status_code == 303
    again = firm.client("seller").post(f"/account/{made.pk}/files", {"file": SimpleUploadedFile("b.txt", b"x")})
    assert (again.status_code, StoredFile.objects.count()) == (422, 1)


def bytes_of(media: str) -> list[str]:
    return sorted(path.relative_to(media).as_posix() for path in Path(media).rglob("*") if path.is_file())


def test_a_full_disk_leaves_nothing(firm: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = records.create(firm.actor("seller"), get("account"), {"name": "甲公司"})
    monkeypatch.setattr(uploads, "RESERVE", 2**62)
    answer = firm.client("seller").post(f"/account/{made.pk}/files", {"file": SimpleUploadedFile("b.txt", b"x")})
    assert (answer.status_code, StoredFile.objects.count(), bytes_of(settings.MEDIA_ROOT)) == (507, 0, [])


class Cut(SimpleUploadedFile):
    """An upload whose connection breaks after the first piece."""

    def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
        """One piece, then the end of the line."""
        yield b"x"
        raise ConnectionResetError


def test_a_broken_upload_leaves_nothing(firm: Any, settings: Any) -> None:
    with pytest.raises(ConnectionResetError):
        uploads.keep(firm.actor("seller"), Cut("a.txt", b"xyz"))
    assert (StoredFile.objects.count(), bytes_of(settings.MEDIA_ROOT)) == (0, [])


def test_bytes_of_a_transaction_that_failed_are_swept(firm: Any, settings: Any) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():  # noqa: PT012  both belong to one transaction
        uploads.keep(firm.actor("seller"), SimpleUploadedFile("a.txt", b"x"), typed=False)
        raise ZeroDivisionError
    assert StoredFile.objects.count() == 0
    uploads.sweep()
    assert len(bytes_of(settings.MEDIA_ROOT)) == 1  # too young to be swept: its transaction might still run
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        os.utime(path, (0, 0))
    assert uploads.sweep() == 1
    assert bytes_of(settings.MEDIA_ROOT) == []


def test_sweeping_keeps_what_belongs_to_something(firm: Any, settings: Any) -> None:
    made, _answer = attach(firm, "seller")
    report = uploads.keep(firm.actor("seller"), SimpleUploadedFile("a.csv", b"x,y\n"))
    Job.objects.create(kind="export", entity="account", user=firm.seller, report=report, state=Job.State.DONE)
    loose = uploads.keep(firm.actor("seller"), SimpleUploadedFile("b.csv", b"x,y\n"))
    removed = uploads.keep(
        firm.actor("seller"), SimpleUploadedFile("c.txt", b"x"), entity=get("account"), record=made.pk
    )
    uploads.remove(firm.actor("seller"), removed.pk)
    long_ago = timezone.now() - dt.timedelta(days=31)
    StoredFile.objects.update(created_at=long_ago)
    StoredFile.objects.filter(pk=removed.pk).update(deleted_at=long_ago)
    (Path(settings.MEDIA_ROOT) / "incoming" / "half").mkdir()
    for path in Path(settings.MEDIA_ROOT).rglob("*"):
        os.utime(path, (0, 0))
    assert uploads.sweep() == 3
    assert {str(pk) for pk in StoredFile.objects.values_list("pk", flat=True)} == {
        Path(p).name for p in bytes_of(settings.MEDIA_ROOT)
    }
    assert not StoredFile.objects.filter(pk__in=[loose.pk, removed.pk]).exists()
    assert StoredFile.objects.count() == 2
    guard.rows(get("account").model, "a test erases it").filter(pk=made.pk).delete()
    assert uploads.sweep() == 1


def test_a_host_of_files_gives_out_files_and_nothing_else(firm: Any, settings: Any) -> None:
    settings.FILES_HOST = "files.example.cn"
    settings.ALLOWED_HOSTS = ["testserver", "files.example.cn"]
    made, _answer = attach(firm, "seller", "合同.pdf")
    stored, client, there = StoredFile.objects.get(), firm.client("seller"), {"host": "files.example.cn"}
    way = client.get(f"/files/{stored.pk}")
    assert way.status_code == 302
    assert way["Location"].startswith(f"http://files.example.cn/files/{stored.pk}/")
    path = way["Location"].removeprefix("http://files.example.cn")
    given = Client().get(path, headers=there)
    assert (given.status_code, given["Content-Security-Policy"]) == (200, "sandbox; default-src 'none'")
    others = [
        f"/files/{stored.pk}",
        "/",
        "/login",
        f"/account/{made.pk}",
        f"/files/{stored.pk}/delete",
        path[:-1] + "_",
    ]
    assert {client.get(other, headers=there).status_code for other in others} == {404}
    assert Client().get(path).status_code == 404
    firm.seller.roles = []
    firm.seller.save()
    assert Client().get(path, headers=there).status_code == 404


def test_a_way_to_a_file_is_good_for_a_minute(firm: Any, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.FILES_HOST = "files.example.cn"
    settings.ALLOWED_HOSTS = ["files.example.cn", "testserver"]
    attach_as = uploads.keep(firm.actor("seller"), SimpleUploadedFile("a.txt", b"x"))
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.0)
    ticket = signing.dumps([str(attach_as.pk), str(firm.seller.pk)], salt=files.SALT)
    monkeypatch.undo()
    answer = Client().get(f"/files/{attach_as.pk}/{ticket}", headers={"host": "files.example.cn"})
    assert answer.status_code == 404


def test_attaching_and_taking_away_are_in_the_history(firm: Any) -> None:
    made, _answer = attach(firm, "seller")
    stored = StoredFile.objects.get()
    uploads.remove(firm.actor("manager"), stored.pk)
    found = History.objects.filter(record=made.pk, action__in=("attach", "detach")).order_by("id")
    assert [(row.action, row.actor) for row in found] == [("attach", firm.seller.pk), ("detach", firm.manager.pk)]
