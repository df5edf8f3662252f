"""Jobs that lost their worker, or their place in the queue."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from zhike.engine.models import Job
from zhike.engine.transfer import jobs

from .test_batches import begun

Sheet = Callable[..., Path]


@pytest.mark.parametrize(
    ("state", "minutes", "is_left"),
    [("running", 2, True), ("running", 0, False), ("ready", 61, True), ("ready", 59, False), ("failed", 61, False)],
)
def test_a_job_whose_worker_or_whose_place_in_the_queue_is_lost_is_done_again(
    firm: Any, sheet: Sheet, state: str, minutes: int, is_left: bool
) -> None:
    job = begun(firm.actor("admin"), sheet(["客户名称"], ["甲有限公司"]))
    ticket = jobs.queue(job, "run")
    Job.objects.filter(pk=job.pk).update(state=state, updated_at=timezone.now() - dt.timedelta(minutes=minutes))
    found = jobs.abandoned()
    assert [pk for pk, _ticket in found] == ([job.pk] if is_left else [])
    if is_left:
        jobs.perform(job.pk, ticket, watched=False)  # the old ticket is worth nothing any more
        job.refresh_from_db()
        assert job.state == "ready"
        jobs.perform(*found[0], watched=False)
        job.refresh_from_db()
        assert (job.state, job.done) == ("done", 1)


def test_an_import_that_rests_is_left_alone(firm: Any, sheet: Sheet) -> None:
    job = begun(firm.actor("admin"), sheet(["客户名称"], ["甲有限公司"]))
    jobs.queue(job, "run")
    jobs.pause(job)
    Job.objects.filter(pk=job.pk).update(updated_at=timezone.now() - dt.timedelta(days=1))
    assert jobs.abandoned() == []
