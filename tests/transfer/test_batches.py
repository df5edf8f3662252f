"""An import in batches: what it keeps, what it says of sums and doubles, how it is undone and corrected."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from zhike.engine import deed_jobs, outbox, records, undo, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import ImportedRow, ImportProblem, Job, Operation
from zhike.engine.transfer import batches, jobs, result_of
from zhike.modules.customers.models import Account

from .conftest import load

Sheet = Callable[..., Path]


def begun(actor: Actor, path: Path, mapping: Any = None, *, entity: str = "account") -> Job:
    """A job that has read its file, planned as `mapping` says."""
    source = uploads.keep(actor, SimpleUploadedFile(path.name, path.read_bytes()), typed=False)
    job = jobs.begin(actor, get(entity), source)
    jobs.perform(job.pk, jobs.queue(job, "read"), watched=False)
    job.refresh_from_db()
    if mapping:
        jobs.propose(job, actor, mapping)
    return job


def phase(job: Job, name: str) -> Job:
    jobs.perform(job.pk, jobs.queue(job, name), watched=False)
    job.refresh_from_db()
    assert job.state != Job.State.FAILED, job.result
    return job


def test_sums_of_the_file_are_those_of_the_database_and_of_the_rows_left_out(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户编码", "客户名称", "手机", "历史销售额"],
        ["A1", "甲有限公司", "13800138001", "100.25"], ["A2", "乙有限公司", "13", "1000"],
        ["A3", "丙有限公司", "", "10000"], ["A1", "甲有限公司", "13800138001", "200.5"],
    )  # fmt: skip
    job = phase(begun(firm.actor("admin"), path), "run")
    result = result_of(job.result["run"])
    total = result.sums["prior_sales"]
    assert (total.cells, total.read) == (4, Decimal("11300.75"))
    assert (total.left_out, total.repeated) == (Decimal(1000), Decimal("100.25"))
    stored = Decimal(job.result["stored"]["prior_sales"])
    assert stored == sum(a.prior_sales or 0 for a in Account._base_manager.all()) == Decimal("10200.5")
    assert total.read == stored + total.left_out + total.repeated


def test_sums_hold_where_a_later_batch_writes_over_an_earlier_one(
    firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.chunks.__kwdefaults__", {"after": 0, "size": 2})
    rows = [[f"A{n % 3}", f"第{n % 3}有限公司", str(10**n)] for n in range(7)]
    job = phase(begun(firm.actor("admin"), sheet(["客户编码", "客户名称", "历史销售额"], *rows)), "run")
    result = result_of(job.result["run"])
    assert (result.new, result.duplicates, result.rows) == (3, 4, 7)
    total, stored = result.sums["prior_sales"], Decimal(job.result["stored"]["prior_sales"])
    assert total.read == 1_111_111
    assert stored == 10**6 + 10**5 + 10**4
    assert total.repeated == 1_111
    assert dict(ImportedRow.objects.filter(job=job).values_list("row", "made")) == {2: True, 3: True, 4: True}


def test_a_trial_run_says_what_the_import_will_say_across_batches(
    firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.chunks.__kwdefaults__", {"after": 0, "size": 3})
    records.create(firm.actor("admin"), get("account"), {"name": "老客户有限公司", "phone": "13700137000"})
    names = [
        "甲有限公司",
        "老客户有限公司",
        "甲有限公司",
        "张三",
        "张三",
        "乙有限公司",
        "老客户有限公司",
        "甲有限公司",
        "张三",
    ]
    phones = [
        "13800138001",
        "13700137000",
        "13800138001",
        "13800138002",
        "13800138003",
        "",
        "",
        "13800138009",
        "13800138002",
    ]
    rows = [[name, number, f"备注{n}"] for n, (name, number) in enumerate(zip(names, phones, strict=True))]
    path = sheet(["客户名称", "手机", "备注"], *rows)
    dry = load(firm.actor("admin"), "account", path, dry=True)
    assert Account._base_manager.count() == 1
    real = load(firm.actor("admin"), "account", path)
    assert {**dry.counts(), "dry_run": False, "warnings": real.warnings} == real.counts()
    assert (real.new, real.updated, real.duplicates) == (5, 1, 3)


def test_who_made_a_record_and_when_is_kept_for_who_may_give_records_to_anybody(firm: Any, sheet: Sheet) -> None:
    path = sheet(
        ["客户名称", "创建时间", "创建人", "负责人"],
        ["甲有限公司", "2019-03-04 10:20", firm.seller.name, firm.seller.name],
    )
    load(firm.actor("admin"), "account", path)
    (one,) = Account._base_manager.all()
    assert one.created_at.astimezone(dt.timezone(dt.timedelta(hours=8))).isoformat()[:16] == "2019-03-04T10:20"
    assert (one.created_by_id, one.owner_id) == (firm.seller.pk, firm.seller.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT at = %s, actor FROM engine_history WHERE record = %s", [one.created_at, one.pk])
        assert cursor.fetchall() == [(True, firm.actor("admin").user.pk)]
    other = sheet(["客户名称", "创建时间"], ["乙有限公司", "2019-03-04"], name="b.csv")
    load(firm.actor("seller"), "account", other)
    assert Account._base_manager.get(name="乙有限公司").created_at.year > 2019


def test_changes_of_an_import_are_taken_back_too(firm: Any, sheet: Sheet) -> None:
    actor = firm.actor("admin")
    old = records.create(actor, get("account"), {"name": "甲有限公司", "phone": "13800138001", "remark": "旧"})
    path = sheet(
        ["客户名称", "手机", "备注"], ["甲有限公司", "13800138001", "新"], ["乙有限公司", "13800138002", "新"],
    )  # fmt: skip
    job = phase(begun(actor, path), "run")
    made = Operation.objects.get(pk=job.options["operation"])
    assert (made.action, made.rows) == ("import", 2)
    undo.undo(actor, made.pk)
    old.refresh_from_db()
    assert old.remark == "旧"
    assert [a.name for a in Account._base_manager.filter(deleted_at=None)] == ["甲有限公司"]


def test_nobody_hears_of_an_import_unless_it_is_to_be_loud(
    firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[str] = []
    monkeypatch.setattr(outbox, "_handlers", {"account.create": [lambda _event: None]})
    monkeypatch.setattr(outbox, "_wanted", [])
    monkeypatch.setattr(outbox.deliver, "defer", lambda **said: heard.append(said["name"]))
    load(firm.actor("admin"), "account", sheet(["客户名称"], ["甲有限公司"]))
    assert heard == []
    load(firm.actor("admin"), "account", sheet(["客户名称"], ["乙有限公司"]), {"quiet": False})
    assert heard == ["account.create"]


def test_rows_that_look_like_a_record_are_told_or_left_out(firm: Any, sheet: Sheet) -> None:
    records.create(firm.actor("admin"), get("account"), {"name": "甲有限公司", "phone": "13800138001"})
    path = sheet(["客户名称", "手机"], ["乙有限公司", "13800138001"])
    left = load(firm.actor("admin"), "account", path, {"leave_doubles": True}, dry=True)
    assert (left.new, left.errors) == (0, 1)
    assert "甲有限公司" in left.problems[0].text
    told = load(firm.actor("admin"), "account", path)
    assert (told.new, told.errors, told.warnings) == (1, 0, 1)


def test_a_cell_typed_anew_counts_as_if_it_stood_in_the_file(firm: Any, sheet: Sheet) -> None:
    actor = firm.actor("admin")
    path = sheet(["客户名称", "手机"], ["甲有限公司", "13"], ["乙有限公司", "13800138002"])
    job = phase(begun(actor, path), "check")
    ((row, column),) = ImportProblem.objects.filter(job=job, level="error").values_list("row", "column")
    assert column is not None
    assert jobs.correct(job, {(row, column): "13800138001"}) == 1
    job = phase(job, "check")
    assert result_of(job.result["check"]).errors == 0
    assert not ImportProblem.objects.filter(job=job, level="error").exists()
    phase(job, "run")
    assert Account._base_manager.get(name="甲有限公司").phone == "+8613800138001"


def test_what_was_found_is_shown_page_by_page(firm: Any, sheet: Sheet) -> None:
    path = sheet(["客户名称", "手机"], *([f"第{n}有限公司", "13"] for n in range(25)))
    job = phase(begun(firm.actor("admin"), path, {"columns": {"手机": "phone"}}), "check")
    assert result_of(job.result["check"]).errors == 25
    first, second = (batches.problems(job, "check", level="error", limit=20, offset=n) for n in (0, 20))
    assert [p.row for p in (*first, *second)] == list(range(2, 27))


def test_an_import_undone_while_it_rests_goes_on_with_the_rest_alone(
    firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.chunks.__kwdefaults__", {"after": 0, "size": 2})
    actor = firm.actor("admin")
    job = begun(actor, sheet(["客户编码", "客户名称"], *([f"A{n}", f"第{n}机械有限公司"] for n in range(4))))
    real = batches._Work.batch

    def rest(work: Any, chunk: Any) -> None:
        real(work, chunk)
        jobs.pause(Job.objects.get(pk=job.pk))

    with monkeypatch.context() as patch:
        patch.setattr(batches._Work, "batch", rest)
        job = phase(job, "run")
    assert (jobs.is_paused(job), job.done) == (True, 2)
    undo.undo(actor, job.options["operation"])
    jobs.perform(job.pk, deed_jobs.go_on(job), watched=False)
    job.refresh_from_db()
    assert (job.state, job.done) == ("done", 4)
    assert sorted(Account._base_manager.filter(deleted_at=None).values_list("external_id", flat=True)) == ["A2", "A3"]
    undo.undo(actor, job.options["operation"])
    assert not Account._base_manager.filter(deleted_at=None).exists()


def test_a_right_that_is_taken_away_ends_an_import_at_the_next_batch(
    firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.chunks.__kwdefaults__", {"after": 0, "size": 2})
    monkeypatch.setattr(batches, "RENEW", -1.0)
    job = begun(firm.actor("seller"), sheet(["客户名称"], *([f"第{n}机械有限公司"] for n in range(4))))
    real = batches._Work.batch

    def take_away(work: Any, chunk: Any) -> None:
        real(work, chunk)
        type(firm.seller).objects.filter(pk=firm.seller.pk).update(roles=[])

    monkeypatch.setattr(batches._Work, "batch", take_away)
    jobs.perform(job.pk, jobs.queue(job, "run"), watched=False)
    job.refresh_from_db()
    assert (job.state, job.done) == ("failed", 2)
    assert Account._base_manager.count() == 2
