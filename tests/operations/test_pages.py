"""Work on many records in the browser: the dialog, the preview, the job, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils.html import escape

from zhike.base.models import Grant
from zhike.engine import deed_jobs, deeds, guard, records, undo
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import History, Job, Operation

pytestmark = pytest.mark.django_db
ACCOUNT, DEAL = get("account"), get("deal")


def accounts(firm: Any, n: int, who: str = "seller", **values: Any) -> list[Any]:
    rows = [{"name": f"公司{k:04d}有限公司", **values} for k in range(n)]
    return records.create_many(firm.actor(who), ACCOUNT, rows)


def tiers() -> list[str]:
    return sorted(guard.rows(ACCOUNT.model, "test").filter(deleted_at=None).values_list("tier", flat=True))


def post(firm: Any, who: str, url: str, **data: Any) -> Any:
    return firm.client(who).post(url, data, headers={"HX-Request": "true"})


def toast(answer: Any) -> dict[str, Any]:
    return dict(json.loads(answer["HX-Trigger"])["zk:toast"])


def finish(job: Job, phase: str) -> Job:
    """What the worker does."""
    job.refresh_from_db()
    assert job.options["phase"] == phase
    deed_jobs.perform(job.pk, job.options["queued"])
    job.refresh_from_db()
    return job


def test_a_field_is_edited_for_what_is_ticked_and_undone(firm: Any) -> None:
    made = accounts(firm, 3, tier="A")
    ids = ",".join(str(m.pk) for m in made[:2])
    form = post(firm, "seller", "/account/bulk/edit", ids=ids, field="tier")
    assert 'name="tier"' in form.content.decode()
    answer = post(firm, "seller", "/account/bulk/edit", ids=ids, field="tier", tier="B", how="set", sure="1")
    assert answer.status_code == 204
    assert tiers() == ["A", "B", "B"]
    back = post(firm, "seller", toast(answer)["undo_url"])
    assert back.status_code == 204
    assert tiers() == ["A", "A", "A"]
    again = post(firm, "seller", toast(back)["undo_url"])
    assert again.status_code == 204
    assert tiers() == ["A", "B", "B"]
    entry = History.objects.filter(action="bulk", record=None).get()
    assert (entry.details, entry.actor) == ({"rows": 2, "fields": ["tier"], "doing": "update"}, firm.seller.pk)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "选择"),
        ({"field": "name", "how": "set", "name": ""}, "输入"),
        ({"field": "founded_on", "how": "set", "founded_on": "2026-02-30"}, ""),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(firm: Any, data: dict[str, str], words: str) -> None:
    made = accounts(firm, 2)
    answer = post(firm, "seller", "/account/bulk/edit", ids=f"{made[0].pk},{made[1].pk}", sure="1", **data)
    assert answer.status_code == 422
    assert Operation.objects.count() == 0


def test_fields_that_nobody_offered_are_refused(firm: Any) -> None:
    made = accounts(firm, 1)
    answer = post(firm, "seller", "/account/bulk/edit", ids=str(made[0].pk), sure="1", field="created_at", how="set")
    assert answer.status_code == 422
    for key in ("uscc", "number", "created_at"):
        with pytest.raises((Refused, Missing)):
            deeds.required(firm.actor("seller"), ACCOUNT, deeds.Deed("update", {key: "x"}))


def test_tags_are_added_and_taken_away(firm: Any) -> None:
    one, two = (records.create(firm.actor("admin"), get("tag"), {"name": n}).pk for n in ("重点", "展会"))
    first, second = accounts(firm, 2)
    records.update(firm.actor("seller"), ACCOUNT, first.pk, {"tags": [one]})
    ids = f"{first.pk},{second.pk}"
    answer = post(firm, "seller", "/account/bulk/tag", ids=ids, add=str(two), remove=str(one), sure="1")
    assert answer.status_code == 204
    rows = guard.rows(ACCOUNT.model, "test")
    assert [rows.get(pk=m.pk).tags for m in (first, second)] == [[two], [two]]
    post(firm, "seller", toast(answer)["undo_url"])
    assert [rows.get(pk=m.pk).tags for m in (first, second)] == [[one], []]


def test_deleted_rows_come_back(firm: Any) -> None:
    made = accounts(firm, 3)
    ids = ",".join(str(m.pk) for m in made)
    answer = post(firm, "seller", "/account/bulk/delete", ids=ids, sure="1")
    assert (answer.status_code, tiers()) == (204, [])
    restored = post(firm, "seller", "/account/bulk/restore", ids=ids, sure="1")
    assert (restored.status_code, len(tiers())) == (204, 3)
    post(firm, "seller", toast(restored)["undo_url"])
    assert tiers() == []


def test_an_action_leaves_out_what_it_is_not_for(firm: Any) -> None:
    customer = accounts(firm, 1)[0].pk
    rows = [{"name": f"商机{n}", "account": customer, "amount": "10"} for n in range(3)]
    made = records.create_many(firm.actor("seller"), DEAL, rows)
    records.act(firm.actor("seller"), DEAL, made[0].pk, "lose", {"lost_reason": "price"})
    ids = ",".join(str(m.pk) for m in made)
    answer = post(firm, "seller", "/deal/bulk/win", ids=ids, sure="1")
    assert answer.status_code == 204
    status = guard.rows(DEAL.model, "test").order_by("pk").values_list("status", flat=True)
    assert list(status) == ["lost", "won", "won"]
    done = Operation.objects.get(action="win")
    assert (done.rows, done.skipped) == (2, {"stage": 1})
    post(firm, "seller", toast(answer)["undo_url"])
    assert list(status.all()) == ["lost", "open", "open"]
    nothing = post(firm, "seller", "/deal/bulk/win", ids=str(made[0].pk), sure="1")
    assert nothing.status_code == 422


def test_rows_out_of_reach_are_left_out_and_not_told_apart_from_none(firm: Any) -> None:
    mine, theirs = accounts(firm, 1)[0], accounts(firm, 1, "stranger")[0]
    nobody = "01a20000-0000-7000-8000-000000000000"
    data = {"field": "tier", "tier": "B", "how": "set", "sure": "1"}
    alone = [post(firm, "seller", "/account/bulk/edit", ids=str(pk), **data).status_code for pk in (theirs.pk, nobody)]
    assert alone == [404, 404]
    told = [
        toast(post(firm, "seller", "/account/bulk/edit", ids=f"{mine.pk},{pk}", **{**data, "tier": t}))["text"]
        for pk, t in ((theirs.pk, "B"), (nobody, "C"))
    ]
    assert told[0] == told[1]
    assert guard.rows(ACCOUNT.model, "test").get(pk=theirs.pk).tier == ""


def test_all_that_match_are_checked_first_then_done_then_undone(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "AT_ONCE", 5)
    monkeypatch.setattr(undo, "AT_ONCE", 5)
    monkeypatch.setattr(deeds, "BATCH", 4)
    accounts(firm, 10, tier="A")
    accounts(firm, 3, tier="B")
    accounts(firm, 2, "stranger", tier="A")
    data = {"all": "tier__in=A,B", "field": "tier", "tier": "B", "how": "set", "sure": "1"}
    answer = post(firm, "seller", "/account/bulk/edit", **data)
    assert answer.status_code == 204
    job = Job.objects.get(kind="bulk")
    assert answer["HX-Redirect"] == f"/tasks/{job.pk}"
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert 'hx-trigger="every 1s"' in page
    assert firm.client("manager").get(f"/tasks/{job.pk}").status_code == 404
    finish(job, "check")
    assert job.result["check"] == {"done": 10, "skipped": {"same": 3}, "texts": []}
    assert (tiers().count("A"), Operation.objects.count(), History.objects.filter(action="update").count()) == (
        12,
        0,
        0,
    )
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert page.count("<del") == deeds.SAMPLES
    assert (tiers().count("A"), History.objects.filter(action="update").count()) == (12, 0)
    post(firm, "seller", f"/tasks/{job.pk}/run")
    finish(job, "run")
    assert (job.state, job.result["run"]) == ("done", job.result["check"])
    assert (tiers().count("A"), tiers().count("B")) == (2, 13)
    made = Operation.objects.get(action="update")
    assert (made.rows, made.steps.count(), made.skipped) == (10, 3, {"same": 3})
    assert "chosen" not in job.options
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert f"/operations/{made.pk}/undo" in page
    back = post(firm, "seller", f"/operations/{made.pk}/undo")
    undoing = Job.objects.get(kind="undo")
    assert back["HX-Redirect"] == f"/tasks/{undoing.pk}"
    finish(undoing, "run")
    assert (tiers().count("A"), tiers().count("B")) == (12, 3)
    assert Operation.objects.get(pk=made.pk).state == "undone"
    listed = firm.client("seller").get("/tasks").content.decode()
    assert listed.count("/undo") == 1
    assert f"/tasks/{undoing.pk}" in listed
    assert str(made.pk) not in firm.client("manager").get("/tasks").content.decode()


def test_a_role_taken_away_stops_the_work_between_two_batches(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "BATCH", 4)
    accounts(firm, 10, tier="A")
    deed = deeds.Deed("update", {"tier": "B"})
    job = deed_jobs.begin(firm.actor("seller"), ACCOUNT, deed, deeds.Chosen(where="tier__in=A,B"))
    ticket = deed_jobs.queue(job, "run")
    Job.objects.filter(pk=job.pk).update(state="running")
    assert deed_jobs._batch(job.pk, ticket) is True
    Grant.objects.filter(role__key="seller", entity__in=("account", "*")).delete()
    with pytest.raises(Refused):
        deed_jobs._batch(job.pk, ticket)
    Job.objects.filter(pk=job.pk).update(state="ready")
    deed_jobs.perform(job.pk, ticket)
    job.refresh_from_db()
    assert (job.state, tiers().count("B"), Operation.objects.get().rows) == ("failed", 4, 4)
    assert "权限" in job.result["error"]
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert escape(job.result["error"]) in page
    assert post(firm, "seller", f"/operations/{Operation.objects.get().pk}/undo").status_code == 403


def test_somebody_who_left_does_nothing_more(firm: Any) -> None:
    accounts(firm, 3, tier="A")
    deed = deeds.Deed("update", {"tier": "B"})
    job = deed_jobs.begin(firm.actor("seller"), ACCOUNT, deed, deeds.Chosen(where=""))
    ticket = deed_jobs.queue(job, "run")
    type(firm.seller).objects.filter(pk=firm.seller.pk).update(is_active=False)
    deed_jobs.perform(job.pk, ticket)
    job.refresh_from_db()
    assert (job.state, tiers()) == ("failed", ["A", "A", "A"])


def test_work_that_is_stopped_keeps_what_is_done(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "BATCH", 4)
    accounts(firm, 10, tier="A")
    deed = deeds.Deed("update", {"tier": "B"})
    job = deed_jobs.begin(firm.actor("seller"), ACCOUNT, deed, deeds.Chosen(where="tier__eq=A"))
    ticket = deed_jobs.queue(job, "run")
    Job.objects.filter(pk=job.pk).update(state="running")
    deed_jobs._batch(job.pk, ticket)
    assert post(firm, "seller", f"/tasks/{job.pk}/cancel").status_code == 204
    with pytest.raises(deed_jobs.Stopped):
        deed_jobs._batch(job.pk, ticket)
    assert tiers().count("B") == 4
    page = firm.client("seller").get(f"/tasks/{job.pk}").content.decode()
    assert "/undo" in page
    undo.undo(firm.actor("seller"), Operation.objects.get().pk)
    assert tiers().count("A") == 10


def test_an_inline_edit_and_a_deletion_are_operations(firm: Any) -> None:
    made = accounts(firm, 1, tier="A")[0]
    client = firm.client("seller")
    answer = client.post(f"/account/{made.pk}/field/tier", {"tier": "B", "version": "1"})
    assert post(firm, "seller", answer["X-Undo"]).status_code == 204
    assert tiers() == ["A"]
    client.post(f"/account/{made.pk}/delete")
    page = client.get("/account/").content.decode()
    done = Operation.objects.get(action="delete")
    assert f"/operations/{done.pk}/undo" in page
    post(firm, "seller", f"/operations/{done.pk}/undo")
    assert tiers() == ["A"]
