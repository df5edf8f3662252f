"""Files in fields that the firm has made: put there by a form, seen by who sees the field, there after an undo."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from conftest import Firm
from zhike.base.models import FieldGrant, Role
from zhike.engine import catalog, operations, query, records, undo, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import StoredFile

from . import sample

PAPER = b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"
pytestmark = pytest.mark.django_db


@pytest.fixture
def made(firm: Firm, settings: Any, tmp_path: Path) -> Iterator[Any]:
    """A customer of the seller, where the sample is published."""
    settings.MEDIA_ROOT = tmp_path
    sample.publish()
    with catalog.fresh():
        yield records.create(firm.actor("seller"), get("account"), {"name": "宝钢"})


def paper(name: str = "样本.pdf", data: bytes = PAPER) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, data, "application/pdf")


def sent(firm: Firm, made: Any, **more: Any) -> Any:
    """The form of the customer, sent by the seller."""
    row = query.record(firm.actor("seller"), get("account"), made.pk).rows[0]
    return firm.client("seller").post(f"/account/{made.pk}/edit", {"version": row.version, **more})


def downloaded(firm: Firm, who: str, pk: str) -> bytes:
    answer: Any = firm.client(who).get(f"/files/{pk}")
    return b"".join(answer.streaming_content)


def held(made: Any) -> str:
    return str(get("account").rows("test").get(pk=made.pk).custom.get("x_file", ""))


def test_who_sees_the_record_sees_the_file_and_nobody_else(firm: Firm, made: Any) -> None:
    assert sent(firm, made, x_file=paper()).status_code == 303
    pk = held(made)
    assert "样本.pdf" in firm.client("manager").get(f"/account/{made.pk}").content.decode()
    assert downloaded(firm, "manager", pk) == PAPER
    assert firm.client("stranger").get(f"/files/{pk}").status_code == 404


def test_a_hidden_field_hides_its_file_too(firm: Firm, made: Any) -> None:
    sent(firm, made, x_file=paper())
    role = Role.objects.get(key="manager")
    FieldGrant.objects.create(role=role, entity="account", key="x_file", level=FieldGrant.Level.HIDDEN)
    assert "样本.pdf" not in firm.client("manager").get(f"/account/{made.pk}").content.decode()
    assert firm.client("manager").get(f"/files/{held(made)}").status_code == 404
    assert firm.client("seller").get(f"/files/{held(made)}").status_code == 200


def test_it_stays_goes_and_comes_back(firm: Firm, made: Any) -> None:
    sent(firm, made, x_file=paper())
    first = held(made)
    assert sent(firm, made, **{"x_file-held": first, "x_text": "一"}).status_code == 303
    assert held(made) == first
    sent(firm, made, x_text="二")  # a form that does not have the field
    assert held(made) == first
    sent(firm, made, **{"x_file-held": first, "x_file-drop": "1"})
    assert held(made) == ""
    last = operations.recent(Actor(firm.seller))[0]
    StoredFile.objects.update(created_at=timezone.now() - dt.timedelta(days=60))
    uploads.sweep()
    undo.undo(Actor(firm.seller), last.pk)
    assert held(made) == first
    assert downloaded(firm, "seller", first) == PAPER


def test_what_no_field_ever_held_is_swept(firm: Firm, made: Any) -> None:
    stored = uploads.keep(firm.actor("seller"), paper())
    StoredFile.objects.update(created_at=timezone.now() - dt.timedelta(days=2))
    uploads.sweep()
    assert not StoredFile.objects.filter(pk=stored.pk).exists()


def test_what_is_refused_is_said_and_nothing_typed_is_lost(firm: Firm, made: Any) -> None:
    answer = sent(firm, made, x_file=paper("样本.exe", b"MZ" + b"\0" * 200), x_text="留着")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "e-x_file" in page
    assert "留着" in page
    assert held(made) == ""


def test_the_file_of_somebody_else_cannot_be_taken(firm: Firm, made: Any) -> None:
    foreign = uploads.keep(firm.actor("stranger"), paper("别人.pdf"))
    assert sent(firm, made, **{"x_file-held": str(foreign.pk)}).status_code == 422
    assert held(made) == ""
    page = sent(firm, made, **{"x_file-held": "..%2f"}).content.decode()
    assert "别人" not in page
