"""An import while fields of the firm change below it: each batch keeps the rules of its time; it ends clearly."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction

from tests.catalog.sample import labels
from zhike.engine import catalog, guard
from zhike.engine.config.lifecycle import put_in_force
from zhike.engine.entity import get
from zhike.engine.models import ImportProblem, Job
from zhike.engine.transfer import batches, jobs

from .test_batches import begun

Sheet = Callable[..., Path]
BEFORE: dict[str, Any] = {
    "fields": {
        "account": {
            "x_size": {"kind": "text", "labels": labels("规模", "Size")},
            "x_metal": {
                "kind": "choice",
                "labels": labels("材质", "Metal"),
                "choices": [
                    {"key": "gold", "labels": labels("金", "Gold"), "tone": "amber"},
                    {"key": "tin", "labels": labels("锡", "Tin"), "tone": "blue"},
                ],
            },
        }
    }
}
ROWS = [
    ["A1", "甲机械有限公司", "大", "金"], ["A2", "乙机械有限公司", "", "锡"],
    ["A3", "丙机械有限公司", "小", "锡"], ["A4", "丁机械有限公司", "", "金"],
]  # fmt: skip


def required(fields: dict[str, Any]) -> None:
    fields["x_size"]["required"] = True


def renamed(fields: dict[str, Any]) -> None:
    fields["x_size"]["labels"] = labels("大小", "Magnitude")


def added(fields: dict[str, Any]) -> None:
    fields["x_more"] = {"kind": "text", "labels": labels("更多", "More")}


def retired(fields: dict[str, Any]) -> None:
    fields["x_metal"]["choices"][1]["retired"] = True


def removed(fields: dict[str, Any]) -> None:
    del fields["x_size"]


@pytest.mark.parametrize(
    ("change", "state", "stored", "wrong"),
    [
        (added, "done", ["A1", "A2", "A3", "A4"], []),
        (renamed, "done", ["A1", "A2", "A3", "A4"], []),
        (required, "done", ["A1", "A2", "A3"], [5]),
        (retired, "done", ["A1", "A2", "A4"], [4]),
        (removed, "failed", ["A1", "A2"], []),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_each_batch_keeps_the_rules_of_its_time(
    firm: Any,
    sheet: Sheet,
    monkeypatch: pytest.MonkeyPatch,
    change: Any,
    state: str,
    stored: list[str],
    wrong: list[int],
) -> None:
    monkeypatch.setattr("zhike.engine.transfer.running.chunks.__kwdefaults__", {"after": 0, "size": 2})
    actor = firm.actor("admin")
    catalog.assume(None)
    publish(actor, BEFORE)
    with catalog.fresh():
        job = begun(actor, sheet(["客户编码", "客户名称", "规模", "材质"], *ROWS))
    real, later = batches._Work.batch, deepcopy(BEFORE)
    change(later["fields"]["account"])

    def between(work: Any, chunk: Any) -> None:
        real(work, chunk)
        if chunk[0][0][0] == 2:
            publish(actor, later)

    monkeypatch.setattr(batches._Work, "batch", between)
    jobs.perform(job.pk, jobs.queue(job, "run"), watched=False)
    job.refresh_from_db()
    assert (job.state, bool(job.result.get("error"))) == (state, state == "failed")
    rows = guard.rows(get("account").model, "test").order_by("external_id")
    assert [r.external_id for r in rows] == stored
    given = {row[0]: row for row in ROWS}
    metals = {"金": "gold", "锡": "tin"}
    for r in rows:
        size = given[r.external_id][2]  # that of a field which is gone stays, unseen: it may come back
        assert (r.custom.get("x_size") or "", r.custom.get("x_metal")) == (size, metals[given[r.external_id][3]])
    found = ImportProblem.objects.filter(job=job, phase="run", level="error").order_by("row")
    assert list(found.values_list("row", flat=True)) == wrong
    assert job.done == (4 if state == "done" else 2)
    assert not Job.objects.filter(state="running").exists()


def publish(actor: Any, document: dict[str, Any]) -> None:
    with catalog.fresh(), transaction.atomic():
        put_in_force(actor, deepcopy(document))
