"""Linked tables on their page: chosen, checked, imported, stopped, gone on with, taken back."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from zhike.base.models import User
from zhike.engine.models import Job, StoredFile
from zhike.engine.transfer import jobs, set_jobs
from zhike.modules.customers.models import Account

from .test_sets import ALL, SHEETS, archive, book, stored

WRONG = {**SHEETS, "联系人": [*SHEETS["联系人"], ["李四", "甲有限公司", "13", "K-2"]]}
NOTHING: dict[str, list[Any]] = {"accounts": [], "contacts": [], "deals": [], "activities": []}


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> None:
    settings.HOME, settings.MEDIA_ROOT = tmp_path / "home", tmp_path / "home" / "files"
    settings.HOME.mkdir()


def begun(client: Any, *paths: Path) -> str:
    """The address of a set."""
    files = [SimpleUploadedFile(path.name, path.read_bytes()) for path in paths]
    answer = client.post("/imports", {"file": files})
    assert answer.status_code == 303, answer.content.decode()
    return str(answer.headers["Location"])


def text(client: Any, here: str) -> str:
    answer = client.get(here)
    assert answer.status_code == 200
    return str(answer.content.decode())


def chosen(html: str) -> dict[str, str]:
    """The choice of each part: its field -> the entity."""
    found = re.findall(r'<select[^>]*name="(part-[^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL)
    return {name: (re.search(r'value="([^"]*)" selected', inside) or ["", ""])[1] for name, inside in found}


def test_a_workbook_is_checked_imported_and_taken_back_as_a_whole(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, book(tmp_path / "a.xlsx"))
    page = text(client, here)
    assert list(chosen(page).values()) == ["account", "contact", "deal", "activity"]
    assert client.post(f"{here}/check").status_code == 303
    page = text(client, here)
    assert stored() == NOTHING
    assert "level=error" not in page
    parts = {part.entity: part for part in Job.objects.filter(kind="import")}
    assert {key: part.result["check"]["new"] for key, part in parts.items()} == {
        "account": 2, "contact": 1, "deal": 2, "activity": 1,
    }  # fmt: skip
    deal = f"/deal/import/{parts['deal'].pk}"
    assert f'href="{here}"' in text(client, deal)
    assert client.post(f"{here}/run").status_code == 303
    assert stored() == ALL
    assert Job.objects.get(kind="import_set").state == Job.State.DONE
    assert client.post(f"{here}/run").status_code == 303  # nothing is left to be done
    assert stored() == ALL
    assert client.get(f"/job/{here.rpartition('/')[2]}").headers["Location"] == here
    assert here.rpartition("/")[2] in text(client, "/tasks")
    assert f"{here}/undo" in text(client, here)
    assert client.post(f"{here}/undo").status_code == 303
    assert stored() == NOTHING
    assert f"{here}/undo" not in text(client, here)


def test_one_part_is_checked_behind_those_before_it(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, archive(tmp_path / "a.zip"))
    part = Job.objects.get(kind="import", entity="activity")
    own = f"/activity/import/{part.pk}"
    assert "K-1" not in re.findall(r'class="map-value">.*?</div>', text(client, own))
    assert client.post(f"{own}/check", {"col-0": "subject", "col-1": "kind", "col-2": "contact", "col-3": "done_at",
                                        "mode": "both"}).status_code == 303  # fmt: skip
    part.refresh_from_db()
    assert (part.result["check"]["new"], part.result["check"]["errors"]) == (1, 0)
    assert stored() == NOTHING
    assert client.post(f"{here}/run").status_code == 303
    assert stored() == ALL


def test_it_stops_before_rows_in_error_until_told_otherwise(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, book(tmp_path / "a.xlsx", WRONG))
    client.post(f"{here}/run")
    assert (len(stored()["accounts"]), stored()["contacts"]) == (2, [])
    page = text(client, here)
    assert 'class="notice' in page
    assert f"{here}/anyway" in page
    contact = Job.objects.get(kind="import", entity="contact")
    assert f"/contact/import/{contact.pk}?level=error" in page
    assert chosen(page).keys().isdisjoint({f"part-{Job.objects.get(kind='import', entity='account').pk}"})
    client.post(f"{here}/anyway")
    assert stored() == ALL
    client.post(f"{here}/undo")
    assert stored() == NOTHING


def test_what_a_part_is_can_be_said_and_it_can_be_left_out(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, book(tmp_path / "a.xlsx"))
    said = chosen(text(client, here))
    deal = next(name for name, key in said.items() if key == "deal")
    contact = next(name for name, key in said.items() if key == "contact")
    client.post(f"{here}/parts", {**said, deal: "", contact: "lead"})
    assert list(chosen(text(client, here)).values()) == ["lead", "account", "activity", ""]
    client.post(f"{here}/parts", {**said, deal: "nothing"})
    client.post(f"{here}/parts", {**said, deal: "", contact: "contact"})
    client.post(f"{here}/run")
    assert stored() == {**ALL, "deals": []}
    client.post(f"{here}/parts", {deal: "deal"})
    client.post(f"{here}/run")
    assert stored() == ALL


def test_a_worker_that_is_killed_is_followed_by_another(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, book(tmp_path / "a.xlsx"))
    whole = Job.objects.get(kind="import_set")
    jobs.queue(whole, "run")
    first = Job.objects.get(kind="import", entity="account")
    jobs.queue(first, "run")
    old = whole.updated_at - dt.timedelta(seconds=61)
    Job.objects.update(state=Job.State.RUNNING, updated_at=old)
    found = dict(jobs.abandoned())
    assert {whole.pk, first.pk} <= found.keys()
    jobs.perform(whole.pk, found[whole.pk], watched=False)
    assert stored() == ALL
    jobs.perform(first.pk, found[first.pk], watched=False)
    assert stored() == ALL
    assert Job.objects.get(pk=whole.pk).state == Job.State.DONE
    assert text(client, here)


def test_files_that_cannot_be_read(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    bad, good = tmp_path / "a.png", tmp_path / "客户.csv"
    bad.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 500)
    good.write_text("客户名称\n甲有限公司\n", "utf-8")
    answer = client.post("/imports", {"file": SimpleUploadedFile(bad.name, bad.read_bytes())})
    assert (answer.status_code, Job.objects.count(), StoredFile.objects.count()) == (422, 0, 0)
    assert client.post("/imports", {}).status_code == 422
    here = begun(client, bad, good)
    assert "a.png" in text(client, here)
    client.post(f"{here}/run")
    assert Account._base_manager.count() == 1
    broken = book(tmp_path / "a.xlsx")
    broken.write_bytes(broken.read_bytes()[:-40])
    answer = client.post(
        "/imports", {"file": SimpleUploadedFile("a.xlsx", broken.read_bytes())}, HTTP_HX_REQUEST="true"
    )
    assert (answer.status_code, b"<" in answer.content) == (422, False)


def test_it_is_ones_own_and_keeps_to_ones_rights(firm: Any, tmp_path: Path) -> None:
    here = begun(firm.client("seller"), book(tmp_path / "a.xlsx"))
    other = firm.client("colleague")
    assert other.get(here).status_code == 404
    assert other.post(f"{here}/run").status_code == 404
    assert stored() == NOTHING
    nobody = User.objects.create_user("nobody", "Zhike-test-2026", name="无权", department=firm.north, roles=[])
    from django.test import Client

    client = Client()
    client.force_login(nobody)
    assert client.get("/imports").status_code == 403
    assert client.post("/imports", {"file": SimpleUploadedFile("a.csv", b"a,b\n1,2\n")}).status_code == 403


def test_the_file_of_several_parts_goes_with_the_last(firm: Any, tmp_path: Path) -> None:
    begun(firm.client("seller"), book(tmp_path / "a.xlsx"))
    Job.objects.filter(entity="deal").update(updated_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert jobs.tidy() == 1
    source = Job.objects.get(kind="import", entity="account").source
    assert source is not None
    assert Path(source.blob.path).exists()
    Job.objects.update(updated_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    assert jobs.tidy() == 4
    assert not Path(source.blob.path).exists()
    assert not StoredFile.objects.exists()


def test_a_set_at_work_is_left_alone(firm: Any, tmp_path: Path) -> None:
    client = firm.client("seller")
    here = begun(client, book(tmp_path / "a.xlsx"))
    whole = Job.objects.get(kind="import_set")
    ticket = jobs.queue(whole, "check")
    page = text(client, here)
    assert 'hx-trigger="every 1s"' in page
    assert "<select" not in page
    client.post(f"{here}/run")
    assert stored() == NOTHING
    client.post(f"{here}/cancel")
    jobs.perform(whole.pk, ticket, watched=False)
    assert not any("check" in part.result for part in set_jobs.parts_of(whole))
    client.post(f"{here}/run")
    assert stored() == ALL
