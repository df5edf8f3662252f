"""Files on records: as visible as the record, downloads only, within limits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import StoredFile


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
    assert stored.name in firm.client("manager").get(f"/account/{made.pk}").content.decode()
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
