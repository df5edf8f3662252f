"""What leaves in a file: counted by day, marked, noted, told to the manager, and approved by a second person."""

from __future__ import annotations

import hashlib
from typing import Any

import openpyxl
import pytest

from tests.access.world import digest, give
from zhike.base.models import Department, Policy, Role
from zhike.engine import records
from zhike.engine.access import Actor, Limit
from zhike.engine.entity import get
from zhike.engine.errors import Limited, Missing, Refused
from zhike.engine.models import History, Job, Notice
from zhike.engine.query import View
from zhike.engine.transfer import export, jobs, leaving, writing

ACCOUNT = get("account")


@pytest.fixture
def six(firm: Any) -> Any:
    """Six customers of the seller, in a department that the manager heads."""
    rows = [{"name": f"客户{n}有限公司", "phone": f"1380013800{n}"} for n in range(6)]
    records.create_many(firm.actor("seller"), ACCOUNT, rows)
    Department.objects.filter(pk=firm.north.pk).update(head=firm.manager)
    return firm


def policy(**values: int) -> None:
    """The firm's numbers."""
    Policy.objects.update_or_create(pk=1, defaults=values)


def body(answer: Any) -> bytes:
    """A download."""
    return b"".join(answer.streaming_content)


def test_an_export_is_marked_and_noted_with_its_digest(six: Any, tmp_path: Any) -> None:
    for kind in ("xlsx", "csv"):
        answer = six.client("seller").get(f"/account/export?purpose=work&format={kind}&view=all")
        place = tmp_path / f"list.{kind}"
        place.write_bytes(body(answer))
        step = History.objects.filter(action="export").latest("id")
        assert (step.actor, step.details["rows"], step.details["format"]) == (six.seller.pk, 6, kind)
        assert step.details["digest"] == hashlib.sha256(place.read_bytes()).hexdigest()
        assert "phone" in step.details["fields"]
    last = (tmp_path / "list.csv").read_text("utf-8-sig").splitlines()[-1]
    assert last.startswith(("#zhike ", '"#zhike '))
    assert "seller" in last
    book = openpyxl.load_workbook(tmp_path / "list.xlsx")
    assert len(book.sheetnames) == 2
    assert "王芳 (seller)" in [row[1].value for row in book["Zhike"].iter_rows()]


def test_the_head_of_the_department_is_told_of_contact_data(six: Any) -> None:
    policy(export_tell_rows=6)
    body(six.client("seller").get("/account/export?purpose=work&format=csv&view=all"))
    assert Notice.objects.count() == 0
    policy(export_tell_rows=5)
    body(six.client("seller").get("/account/export?purpose=work&format=csv&view=all"))
    assert [n.user_id for n in Notice.objects.all()] == [six.manager.pk]


def test_no_more_than_the_rows_of_a_day(six: Any, tmp_path: Any) -> None:
    policy(export_rows_per_day=11)
    body(six.client("seller").get("/account/export?purpose=work&format=csv&view=all"))
    before = digest()
    answer = six.client("seller").get("/account/export?purpose=work&format=csv&view=all")
    assert (answer.status_code, int(answer["Retry-After"]) > 0) == (429, True)
    with pytest.raises(Limited):
        export(six.actor("seller"), ACCOUNT, View(), tmp_path / "x.csv", kind="csv")
    assert digest() == before
    assert (
        six.client("manager").get("/account/export?purpose=work&format=csv&view=all").status_code == 200
    )  # counted by person


def ask(firm: Any) -> Job:
    """The seller asks for more rows than leave without a second person."""
    policy(export_ask_rows=5)
    answer = firm.client("seller").get("/account/export?purpose=work&format=csv&view=all")
    job = Job.objects.get(kind="export", state="ready")
    assert (answer.status_code, answer["Location"]) == (303, f"/exports/{job.pk}")
    return job


def test_a_second_person_approves_a_large_export(six: Any, tmp_path: Any) -> None:
    job = ask(six)
    assert {n.user_id for n in Notice.objects.all()} == {six.manager.pk, six.admin.pk}
    with pytest.raises(Refused):
        export(six.actor("seller"), ACCOUNT, View(), tmp_path / "x.csv", kind="csv")
    before = digest()
    for who, status in (("seller", 200), ("colleague", 404), ("stranger", 404), ("executive", 404)):
        assert six.client(who).get(f"/exports/{job.pk}").status_code == status
        assert six.client(who).post(f"/exports/{job.pk}/approve").status_code == 404
    assert digest() == before
    assert six.client("manager").get(f"/exports/{job.pk}").status_code == 200
    leaving.decide(six.actor("manager"), job.pk, approve=True)
    with pytest.raises(Missing):  # once
        leaving.decide(six.actor("admin"), job.pk, approve=True)
    job.refresh_from_db()
    jobs.perform(job.pk, jobs.queue(job, "run"), watched=False)
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 6)
    step = History.objects.get(action="export")
    assert step.details["approved_by"] == str(six.manager.pk)
    assert History.objects.filter(action="export_approve", actor=six.manager.pk).count() == 1
    policy(export_rows_per_day=5)  # what was approved does not count for the day, but what was not does
    with pytest.raises(Refused):
        export(six.actor("seller"), ACCOUNT, View(), tmp_path / "y.csv", kind="csv")


def test_a_refused_export_is_not_written(six: Any) -> None:
    job = ask(six)
    assert six.client("manager").post(f"/exports/{job.pk}/refuse").status_code == 303
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert job.report_id is None
    assert History.objects.filter(action="export").count() == 0


def test_nobody_approves_their_own_by_any_hand(six: Any) -> None:
    policy(export_ask_rows=5)
    seller = Role.objects.get(key="seller")
    acting = Actor(six.seller).within(Limit.of(("account:*",)), by=six.manager)
    job = writing.begin_export(acting, ACCOUNT, "", "csv", 6, purpose="work")
    before = digest()
    for actor in (six.actor("manager"), six.actor("seller"), six.actor("admin").within(Limit.of(("*:*",)))):
        with pytest.raises(Missing):
            leaving.decide(actor, job.pk, approve=True)
    assert digest() == before
    made = leaving.actor_of(job, "export")
    assert (made.user, made.by, made.limit) == (six.seller, six.manager, acting.limit)
    give(six.admin, seller)  # who no longer holds the office does not approve
    with pytest.raises(Missing):
        leaving.decide(Actor(six.admin), job.pk, approve=True)


def test_a_print_out_is_noted_for_who_sees_the_record(six: Any) -> None:
    one = ACCOUNT.model._base_manager.first()
    assert one is not None
    before = digest()
    assert six.client("stranger").post(f"/account/{one.pk}/printed").status_code == 404
    assert digest() == before
    assert six.client("seller").post(f"/account/{one.pk}/printed").status_code == 204
    assert History.objects.get(action="print").record == one.pk
