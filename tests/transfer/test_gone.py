"""A field that goes away, or is closed, while an import is under way: said in words, and gone on without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.utils.translation import override

from tests.catalog import sample
from zhike.engine import catalog
from zhike.engine.catalog import Snapshot
from zhike.engine.models import Job
from zhike.engine.transfer import jobs, running
from zhike.modules.customers.models import Account

from .test_batches import begun

Sheet = Callable[..., Path]
ROWS = [[f"第{n}有限公司", f"说明{n}", 100 + n] for n in range(7)]
MAPPING = {"columns": {"说明列": "x_text", "数": "x_decimal"}}


@pytest.fixture(autouse=True)
def home(settings: Any, tmp_path: Path) -> None:
    settings.HOME, settings.MEDIA_ROOT = tmp_path / "home", tmp_path / "home" / "files"
    settings.HOME.mkdir()


@pytest.fixture
def job(firm: Any, sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> Job:
    """An import whose fields are taken away after its second batch of two rows."""
    sample.publish()
    found = begun(firm.actor("seller"), sheet(["客户名称", "说明列", "数"], *ROWS), MAPPING)
    real = running.chunks

    def chunks(*given: Any, **more: Any) -> Iterator[Any]:
        for n, chunk in enumerate(real(*given, **{**more, "size": 2})):
            if n == 2 and not more.get("after"):
                document = deepcopy(sample.document())
                del document["fields"]["account"]["x_text"], document["fields"]["account"]["x_decimal"]
                catalog.assume(Snapshot(document, 2, sample.PK))
            yield chunk

    monkeypatch.setattr(running, "chunks", chunks)
    with override("zh-hans"):
        jobs.perform(found.pk, jobs.queue(found, "run"), watched=False)
    found.refresh_from_db()
    return found


def test_it_is_said_which_column_after_which_row_and_what_is_written(job: Job) -> None:
    assert (job.state, Account._base_manager.count()) == (Job.State.FAILED, 4)
    error = job.result["error"]
    assert all(part in error for part in ("说明列", "数", "5", "4")), error


def test_it_goes_on_without_the_column(job: Job, firm: Any) -> None:
    client = firm.client("seller")
    here = f"/account/import/{job.pk}"
    page = client.get(here).content.decode()
    assert f"{here}/without" in page
    assert "/undo" in page
    assert client.post(f"{here}/without").status_code == 303
    job.refresh_from_db()
    jobs.perform(job.pk, job.options["queued"], watched=False)
    job.refresh_from_db()
    assert job.state == Job.State.DONE, job.result
    assert job.result["run"]["new"] == Account._base_manager.count() == 7
    assert sum("x_text" in a.custom for a in Account._base_manager.all()) == 4
    assert client.get(here).status_code == 200


def test_it_can_be_undone_instead(job: Job, firm: Any) -> None:
    assert firm.client("seller").post(f"/operations/{job.options['operation']}/undo").status_code == 303
    assert not Account._base_manager.filter(deleted_at=None).exists()


def test_nothing_is_written_where_it_was_gone_before(firm: Any, sheet: Sheet) -> None:
    sample.publish()
    found = begun(firm.actor("seller"), sheet(["客户名称", "说明列", "数"], *ROWS), MAPPING)
    document = deepcopy(sample.document())
    del document["fields"]["account"]["x_text"]
    catalog.assume(Snapshot(document, 2, sample.PK))
    jobs.perform(found.pk, jobs.queue(found, "check"), watched=False)
    found.refresh_from_db()
    assert found.state == Job.State.FAILED
    assert "说明列" in found.result["error"]
    client = firm.client("seller")
    client.post(f"/account/import/{found.pk}/without")
    found.refresh_from_db()
    jobs.perform(found.pk, found.options["queued"], watched=False)
    found.refresh_from_db()
    assert (found.options["phase"], found.result["check"]["new"]) == ("checked", 7)
