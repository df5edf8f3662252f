"""The wizard as a browser without scripts uses it, and as htmx does."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import Job
from zhike.engine.tabular import read
from zhike.engine.transfer import jobs
from zhike.modules.customers.models import Account

from .conftest import load

Sheet = Callable[..., Path]


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> None:
    """Uploads of a test go with it."""
    settings.HOME, settings.MEDIA_ROOT = tmp_path / "home", tmp_path / "home" / "files"
    settings.HOME.mkdir()


def upload(client: Any, path: Path, *, name: str = "", **more: Any) -> Any:
    file = SimpleUploadedFile(name or path.name, path.read_bytes())
    return client.post("/account/import", {"file": file}, **more)


def begun(client: Any, path: Path) -> str:
    """The address of an import whose columns are to be looked at."""
    answer = upload(client, path)
    assert answer.status_code == 303
    return str(answer.headers["Location"])


def fields(html: str) -> dict[str, str]:
    """What a browser would post of the form of columns: selected options, checked radios."""
    found = {}
    for name, inside in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', html, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', inside)
        found[name] = chosen[1] if chosen else ""
    for tag in re.findall(r'<input class="radio"[^>]*>', html):
        if " checked" in tag:
            found[re.search(r'name="([^"]+)"', tag)[1]] = re.search(r'value="([^"]*)"', tag)[1]  # type: ignore[index]
    return found


def test_the_whole_way_with_plain_forms(firm: Any, sheet: Sheet, tmp_path: Path) -> None:
    client = firm.client("seller")
    assert client.get("/account/import").status_code == 200
    path = sheet(
        ["客户名称", "手机", "客户来源", "成立日期"],
        ["甲有限公司", "13800138001", "线下", "03/04/2020"], ["乙有限公司", "13", "转介绍", ""],
    )  # fmt: skip
    here = begun(client, path)
    page = client.get(here).content.decode()
    posted = fields(page)
    assert (posted["col-0"], posted["col-1"], posted["col-2"], posted["col-3"]) == (
        "name",
        "phone",
        "source",
        "founded_on",
    )
    assert posted["mode"] == "both"
    assert posted["word-2-0"] == ""
    answer = client.post(f"{here}/check", {**posted, "word-2-0": "cold_visit", "order-3": "dmy"})
    assert (answer.status_code, answer.headers["Location"]) == (303, here)
    dry = client.get(here).content.decode()
    assert not Account._base_manager.exists()
    assert "13" in dry
    only = client.get(f"{here}?level=error").content.decode()
    assert only.count("<tbody><tr>") == 1
    assert f"{here}/left-out" in dry
    report = b"".join(client.get(f"{here}/left-out").streaming_content)
    (left,) = _rows(report, tmp_path / "report.xlsx")
    assert left[:3] == ["乙有限公司", "13", "转介绍"]
    assert left[4] == 3
    assert client.post(f"{here}/run").status_code == 303
    (one,) = Account._base_manager.all()
    assert (one.name, one.source, str(one.founded_on), one.owner_id) == (
        "甲有限公司",
        "cold_visit",
        "2020-04-03",
        firm.seller.pk,
    )
    done = client.get(here).content.decode()
    assert f"{here}/left-out" in done
    (left,) = _rows(b"".join(client.get(f"{here}/left-out").streaming_content), tmp_path / "again.xlsx")
    assert left[1] == "13"
    undo = f"/operations/{Job.objects.get(kind='import').options['operation']}/undo"
    assert undo in done
    assert client.post(undo).status_code == 303
    assert not Account._base_manager.filter(deleted_at=None).exists()

    assert client.post(f"{here}/run").headers["Location"] == here
    assert Account._base_manager.count() == 1
    assert path.name in client.get("/account/import").content.decode()


def test_a_file_to_import_may_be_larger_than_one_to_keep_for_who_may_import(firm: Any) -> None:
    length = {"content-length": str(30 * 1024 * 1024)}
    seller, stranger = firm.client("seller"), Client()
    assert seller.post("/account/import", data="", content_type="text/plain", headers=length).status_code != 413
    assert seller.post("/account/new", data="", content_type="text/plain", headers=length).status_code == 413
    assert stranger.post("/account/import", data="", content_type="text/plain", headers=length).status_code == 413
    more = {"content-length": str(2 * 1024 * 1024 * 1024)}
    assert seller.post("/account/import", data="", content_type="text/plain", headers=more).status_code == 413


def _rows(report: bytes, place: Path) -> list[list[Any]]:
    place.write_bytes(report)
    with read(place) as table:
        return [cells for _n, cells in table.rows()]


def test_choices_that_contradict_are_said_beside_the_column(firm: Any, sheet: Sheet) -> None:
    client = firm.client("seller")
    here = begun(client, sheet(["客户名称", "备注"], ["甲有限公司", "x"]))
    posted = fields(client.get(here).content.decode())
    answer = client.post(f"{here}/check", {**posted, "col-1": "name"})
    assert answer.status_code == 422
    assert "field-error" in answer.content.decode()
    assert fields(answer.content.decode())["col-1"] == "name"
    answer = client.post(f"{here}/check", {**posted, "col-1": "number"})
    assert answer.status_code == 422


def test_a_change_is_shown_at_once_by_htmx(firm: Any, sheet: Sheet) -> None:
    client = firm.client("seller")
    here = begun(client, sheet(["客户名称", "备注"], ["甲有限公司", "转介绍"], ["乙有限公司", "别的"]))
    posted = fields(client.get(here).content.decode())
    answer = client.post(f"{here}/preview", {**posted, "col-1": "source"}, HTTP_HX_REQUEST="true", HTTP_HX_TARGET="map")
    text = answer.content.decode()
    assert answer.status_code == 200
    assert "<html" not in text
    assert "word-1-0" in text


def test_an_upload_by_script_is_told_where_to_go(firm: Any, sheet: Sheet) -> None:
    client = firm.client("seller")
    answer = upload(client, sheet(["客户名称"], ["甲有限公司"]), HTTP_HX_REQUEST="true")
    assert (answer.status_code, answer.headers["HX-Redirect"][:16]) == (204, "/account/import/")


def test_somebody_elses_import_is_not_there(firm: Any, sheet: Sheet) -> None:
    here = begun(firm.client("seller"), sheet(["客户名称"], ["甲有限公司"]))
    client = firm.client("colleague")
    assert client.get(here).status_code == 404
    assert client.post(f"{here}/check").status_code == 404
    assert client.get("/job/" + here.rpartition("/")[2]).status_code == 404
    assert firm.client("seller").get(here.replace("/account/", "/contact/")).status_code == 404


BAD = {
    "empty": b"",
    "a picture": b"\x89PNG\r\n\x1a\n" + b"\0" * 500,
    "broken xlsx": b"PK\x03\x04" + b"\0" * 300,
    "one heading": "客户名称,手机\n".encode(),
    "binary": bytes(range(256)) * 40,
}


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_read_is_refused_in_words(firm: Any, name: str) -> None:
    client = firm.client("seller")
    file = SimpleUploadedFile("客户.xlsx", BAD[name])
    answer = client.post("/account/import", {"file": file})
    assert answer.status_code == 422
    error = re.search(r"data-dropzone-error>([^<]+)</div>", answer.content.decode())
    assert error
    assert len(error[1]) > 5
    assert not Job.objects.exists()
    script = client.post(
        "/account/import", {"file": SimpleUploadedFile("客户.xlsx", BAD[name])}, HTTP_HX_REQUEST="true"
    )
    assert (script.status_code, "<" in script.content.decode()) == (422, False)


def test_no_file_and_a_file_that_is_too_large(firm: Any, settings: Any) -> None:
    client = firm.client("seller")
    assert client.post("/account/import", {}).status_code == 422
    settings.UPLOAD_LIMIT = 10
    answer = client.post("/account/import", {"file": SimpleUploadedFile("a.csv", b"x" * 11)})
    assert answer.status_code == 422


def test_the_template_is_understood_without_guessing(firm: Any, tmp_path: Path) -> None:
    import openpyxl

    from zhike.engine import transfer

    data = b"".join(firm.client("seller").get("/account/import/template").streaming_content)
    place = tmp_path / "template.xlsx"
    place.write_bytes(data)
    book = openpyxl.load_workbook(place)
    headings = [cell.value for cell in book.active[1]]
    book.active.append(["甲有限公司"])
    book.save(place)
    with read(place) as table:
        plan = transfer.plan(firm.actor("seller"), get("account"), table)
    assert [c.header for c in plan.columns if c.field] == headings


def test_a_work_that_is_gone_is_said_and_can_be_done_again(firm: Any, sheet: Sheet) -> None:
    import datetime as dt

    client = firm.client("seller")
    here = begun(client, sheet(["客户名称"], ["甲有限公司"]))
    client.post(f"{here}/check", fields(client.get(here).content.decode()))
    job = Job.objects.get(kind="import")
    jobs.queue(job, "run")
    Job.objects.update(state=Job.State.RUNNING, updated_at=job.updated_at - dt.timedelta(seconds=61))
    text = client.get(here).content.decode()
    assert f"{here}/retry" in text
    client.post(f"{here}/retry")
    job.refresh_from_db()
    assert (job.state, job.options["phase"]) == (Job.State.READY, "run")
    jobs.perform(job.pk, "another ticket", watched=False)
    assert Account._base_manager.count() == 0
    jobs.perform(job.pk, job.options["queued"], watched=False)
    assert Account._base_manager.count() == 1


def test_a_stopped_import_can_be_taken_up(firm: Any, sheet: Sheet) -> None:
    client = firm.client("seller")
    here = begun(client, sheet(["客户名称"], ["甲有限公司"]))
    client.post(f"{here}/check", fields(client.get(here).content.decode()))
    job = Job.objects.get(kind="import")
    ticket = jobs.queue(job, "run")
    assert client.get(here).content.decode().count(f"{here}/cancel") == 1
    client.post(f"{here}/cancel")
    jobs.perform(job.pk, ticket, watched=False)
    assert Account._base_manager.count() == 0
    page = client.get(here)
    assert page.status_code == 200
    client.post(f"{here}/check", fields(page.content.decode()))
    client.post(f"{here}/run")
    assert Account._base_manager.count() == 1


EMPTY: Any = {
    **dict.fromkeys(("tier", "remark", "region", "source", "website"), ""),
    **dict.fromkeys(("founded_on", "prior_sales")),
}


def test_a_list_comes_out_as_it_was_filtered_and_goes_in_again(firm: Any, tmp_path: Path) -> None:
    actor = firm.actor("seller")
    values = [
        {"name": "甲有限公司", "phone": "13800138001", "tier": "A", "region": "440300", "remark": "=1+1\n第二行"},
        {"name": "乙有限公司", "tier": "B", "founded_on": "2020-02-29", "source": "referral", "prior_sales": "12.345"},
        {"name": "丙有限公司", "website": "https://c.example.com"},
    ]
    records.create_many(actor, get("account"), values)
    client = firm.client("seller")
    answer = client.get("/account/export?purpose=work&format=xlsx&view=all&tier__in=A")
    assert Job.objects.get(kind="export").done == 1
    for kind in ("xlsx", "csv"):
        place = tmp_path / f"list.{kind}"
        answer = client.get(f"/account/export?purpose=work&format={kind}&view=all")
        place.write_bytes(b"".join(answer.streaming_content))
        before = _everything()
        result = load(actor, "account", place)
        assert [(p.row, p.header, p.value, p.text) for p in result.problems] == []
        assert (result.new, result.updated, result.unchanged, result.errors) == (0, 0, 3, 0)
        Account._base_manager.update(name="别名", **EMPTY)
        assert load(actor, "account", place).updated == 3
        assert _everything() == before
    assert client.get("/account/export?purpose=work&format=pdf").status_code == 404


def _everything() -> list[tuple[Any, ...]]:
    keys = ("name", "phone", "tier", "region", "remark", "founded_on", "source", "website", "prior_sales")
    return list(Account._base_manager.order_by("name").values_list(*keys))
