"""The composer as a sheet, as the doing of something planned, and what it can take back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from zhike.engine import catalog, filekinds, records, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import StoredFile
from zhike.modules.activities import composing, note_templates, pages, services
from zhike.modules.activities.models import Activity, NoteTemplate
from zhike.modules.tests.helpers import Firm, create, reload

ZONE = ZoneInfo("Asia/Shanghai")
SHEET = {"HX-Request": "true", "HX-Target": "drawer-body"}
TIMELINE = {"HX-Request": "true", "HX-Target": "timeline"}
AMR = b"#!AMR\n" + b"\x3c" + bytes(range(64))


def browser(actor: Actor) -> Client:
    """A signed-in browser."""
    client = Client(headers={"accept-language": "zh-CN"})
    client.force_login(actor.user)
    return client


def written() -> list[Any]:
    """All activities that are not in the recycle bin, the oldest first."""
    return list(Activity._base_manager.filter(deleted_at=None).order_by("pk"))


def planned(firm: Firm, account: Any, **values: Any) -> Activity:
    """A call due yesterday."""
    due = timezone.now() - dt.timedelta(days=1)
    made: Activity = create(
        firm.seller, "activity", kind="call", subject="问样机", account=account.pk, due_at=due, **values
    )
    return made


def test_a_planned_call_is_done_and_the_next_one_planned_in_one_step(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    contact = create(firm.seller, "contact", name="张伟", account=account.pk)
    task = planned(firm, account, contact=contact.pk, body="带上报价")
    client = browser(firm.seller)
    sheet = client.get(f"/activity/{task.pk}/log", headers=SHEET)
    assert (sheet.status_code, 'value="call" checked' in sheet.content.decode()) == (200, True)
    sent = {"kind": "call", "text": "样机满意", "outcome-call": "interested", "next_on": "2026-12-01"}
    for _again in range(2):
        answer = client.post(
            f"/activity/{task.pk}/log", {**sent, "next_time": "15:30", "idempotency_key": "k"}, headers=SHEET
        )
        assert answer.status_code == 204
    told = json.loads(answer["HX-Trigger"])
    assert (told["zk:close"], told["zk:refresh"], told["zk:toast"]["text"][:4]) == (True, True, "已保存。")
    done, following = written()
    assert (done.pk, done.status, done.result, done.body) == (task.pk, "done", "interested", "带上报价\n\n样机满意")
    assert (following.kind, following.status, following.subject) == ("call", "planned", "问样机")
    assert (following.account_id, following.contact_id) == (account.pk, contact.pk)
    assert following.due_at.astimezone(ZONE) == dt.datetime(2026, 12, 1, 15, 30, tzinfo=ZONE)
    assert reload("account", account.pk).next_follow_up_on == dt.date(2026, 12, 1)
    assert client.get(f"/activity/{task.pk}/log", headers=SHEET).status_code == 404


def test_what_was_saved_is_taken_back_as_a_whole(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    task = planned(firm, account)
    client = browser(firm.seller)
    sent = {"kind": "visit", "text": "去了一趟", "outcome-visit": "held", "next_on": "2026-12-01"}
    answer = client.post(f"/activity/{task.pk}/log", sent, headers=SHEET)
    assert client.post(json.loads(answer["HX-Trigger"])["zk:toast"]["undo_url"]).status_code < 400
    (back,) = written()
    assert (back.kind, back.status, back.body, back.result) == ("call", "planned", "", "")
    assert reload("account", account.pk).next_follow_up_on == timezone.localdate(task.due_at)
    answer = client.post(f"/account/{account.pk}/log", {**sent, "idempotency_key": "b"}, headers=SHEET)
    assert len(written()) == 3
    assert client.post(json.loads(answer["HX-Trigger"])["zk:toast"]["undo_url"]).status_code < 400
    assert [a.pk for a in written()] == [task.pk]


def test_neither_is_written_where_one_cannot_be(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    task = planned(firm, account)
    sent = {"kind": "call", "text": "打了", "outcome-call": "connected", "next_on": "没有这一天", "next_text": "再打"}
    answer = browser(firm.seller).post(f"/activity/{task.pk}/log", sent, headers=SHEET)
    html = answer.content.decode()
    assert (answer.status_code, ">打了</textarea>" in html, 'value="再打"' in html) == (422, True, True)
    assert 'name="outcome-call" value="connected" checked' in html
    assert [a.status for a in written()] == ["planned"]
    records.act(firm.seller, get("activity"), task.pk, "cancel")
    with pytest.raises(Invalid):
        services.log(firm.seller, entity="activity", pk=task.pk, kind="call", body="打了", completes=task.pk)


def test_a_task_about_nobody_is_followed_by_a_task(firm: Firm) -> None:
    task = create(firm.seller, "activity", kind="task", subject="报销", due_at=timezone.now())
    kinds = composing.composer(firm.seller, get("activity"), task.pk)
    assert kinds
    assert (kinds["kind"], kinds["kinds"][0]["key"], kinds["finishes"]) == ("task", "task", True)
    sent = {"kind": "task", "outcome-task": "completed", "next_on": "2026-12-01"}
    assert browser(firm.seller).post(f"/activity/{task.pk}/log", sent, headers=SHEET).status_code == 204
    assert [(a.kind, a.status, a.subject) for a in written()] == [("task", "done", "报销"), ("task", "planned", "报销")]


def test_a_recording_is_kept_with_what_it_tells_of(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    client, url = browser(firm.seller), f"/account/{account.pk}/log"
    sent = {"kind": "visit", "outcome-visit": "held", "next_on": "没有这一天", "idempotency_key": "v"}
    answer = client.post(url, {**sent, "file": SimpleUploadedFile("录音.amr", AMR)}, headers=TIMELINE)
    (stored,) = StoredFile.objects.all()
    assert (answer.status_code, stored.record, "录音.amr" in answer.content.decode()) == (422, None, True)
    again = {**sent, "next_on": "", "file-held": str(stored.pk)}
    for _again in range(2):
        answer = client.post(url, again, headers=TIMELINE)
        assert (answer.status_code, f"/files/{stored.pk}" in answer.content.decode()) == (200, True)
    (visit,) = written()
    assert [(f.entity, f.record) for f in StoredFile.objects.all()] == [("activity", visit.pk)]
    assert browser(firm.manager).get(f"/files/{stored.pk}").status_code == 200
    assert browser(firm.stranger).get(f"/files/{stored.pk}").status_code == 404
    alone = {"kind": "note", "file": SimpleUploadedFile("又一段.amr", AMR + b"0"), "idempotency_key": "w"}
    assert client.post(url, alone, headers=TIMELINE).status_code == 200
    assert [(a.kind, a.body) for a in written()] == [("visit", ""), ("note", "")]


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (AMR, "amr"),
        (b"\xff\xf1\x50\x80" + bytes(64), "aac"),
        (b"\x00\x00\x00\x14ftyp3gp4\x00\x00\x00\x003gp4isom" + bytes(64), "3gp"),
        (b"\x00\x00\x00\x1cftypM4A \x00\x00\x00\x00M4A mp42isom" + bytes(64), "m4a"),
    ],
)
def test_recordings_of_phones_are_known(tmp_path: Path, head: bytes, kind: str) -> None:
    (tmp_path / "in").write_bytes(head)
    assert filekinds.look(tmp_path / "in").kind == kind


def test_nobody_hangs_up_a_file_that_is_not_theirs(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    theirs = uploads.keep(firm.manager, SimpleUploadedFile("经理.amr", AMR))
    sent = {"kind": "note", "text": "看看", "file-held": str(theirs.pk)}
    assert browser(firm.seller).post(f"/account/{account.pk}/log", sent, headers=TIMELINE).status_code == 404
    assert written() == []


def test_templates_are_the_administrators_and_fit_the_kind(firm: Firm) -> None:
    page = "/settings/note-templates"
    admin, seller = browser(firm.admin), browser(firm.seller)
    sent = {"name": "首次通话", "kind": "call", "text": "负责人：___"}
    assert (seller.get(page).status_code, seller.post(f"{page}/new", sent).status_code) == (403, 403)
    assert admin.post(f"{page}/new", {**sent, "text": " "}).status_code == 422
    assert admin.post(f"{page}/new", {**sent, "kind": "dance"}).status_code == 422
    assert admin.post(f"{page}/new", sent).status_code == 303
    assert admin.post(f"{page}/new", sent).status_code == 422
    assert admin.post(f"{page}/new", {"name": "待办", "kind": "task", "text": "做完没有"}).status_code == 303
    account = create(firm.seller, "account", name="宝钢")
    found = composing.composer(firm.seller, get("account"), account.pk)
    assert found
    assert [(t["label"], t["attrs"]["data-template"]) for t in found["templates"]] == [("首次通话", "负责人：___")]
    template = NoteTemplate.objects.get(name="首次通话")
    assert "首次通话" in admin.get(page).content.decode()
    assert admin.get(f"{page}/{template.pk}").status_code == 200
    assert admin.post(f"{page}/{template.pk}", {**sent, "name": "初访"}).status_code == 303
    assert admin.post(f"{page}/{template.pk}/remove").status_code == 303
    assert [t.name for t in note_templates.every()] == ["待办"]


def test_the_sheet_is_there_for_whoever_may_write(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    task = planned(firm, account)
    for person, status in ((firm.seller, 200), (firm.manager, 200), (firm.executive, 404), (firm.stranger, 404)):
        for path in (f"/account/{account.pk}/log", f"/activity/{task.pk}/log"):
            assert browser(person).get(path, headers=SHEET).status_code == status, (person.user.name, path)
    sent = {"kind": "call", "text": "偷偷做完"}
    assert browser(firm.stranger).post(f"/activity/{task.pk}/log", sent, headers=SHEET).status_code == 404
    assert written()[0].status == "planned"
    page = browser(firm.seller).get(f"/account/{account.pk}/log").content.decode()
    assert "hx-disable" in page
    answer = browser(firm.seller).post(f"/account/{account.pk}/log", {"kind": "note", "text": "不用脚本"})
    assert (answer.status_code, answer["Location"]) == (303, f"/account/{account.pk}")


def test_the_firm_says_which_results_there_are(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宝钢")
    choices = get("activity").declared["result"].choices
    rows: list[dict[str, Any]] = [{"key": key, "labels": {"en": str(label)}} for key, label in choices]
    rows = [{**r, "retired": True} if r["key"] == "busy" else r for r in rows]
    own = {"key": "budget_is_there_only_next_year", "labels": {"en": "Budget next year"}}
    with catalog.preview({"choices": {"activity.result": [own, *rows]}}):
        assert next(iter(services.results("call"))) == own["key"]
        assert own["key"] not in services.results("note")
        assert "busy" not in services.results("call")
        assert "busy" in services.results("call", retired=True)
        made, _none = services.log(firm.seller, entity="account", pk=account.pk, kind="call", result=own["key"])
        assert made.result == own["key"]
        (item,) = pages.timeline(firm.seller, get("account"), account.pk)
        assert item.outcome == {"label": "Budget next year", "tone": "neutral"}
