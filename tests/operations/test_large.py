"""Ten thousand rows: every batch asks the database the same number of questions, and nothing is forgotten."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from zhike.base.ids import uuid7
from zhike.engine import bulk as storage
from zhike.engine import deed_jobs, guard, records
from zhike.engine.deeds import BATCH, Chosen, Deed
from zhike.engine.entity import get
from zhike.engine.models import Job, Operation, OwnerPeriod
from zhike.modules.assigning.models import Sheet

pytestmark = pytest.mark.django_db
ACCOUNT = get("account")


def fill(firm: Any, rows: int) -> None:
    """Customers of the seller, every tenth of them of a colleague in another department."""
    made = records.create(firm.actor("seller"), ACCOUNT, {"name": "样板有限公司", "tier": "A"})
    theirs = records.create(firm.actor("stranger"), ACCOUNT, {"name": "样板有限公司", "tier": "A"})
    copies = []
    for n in range(rows - 2):
        row = ACCOUNT.model(**{f.attname: getattr(theirs if n % 10 == 0 else made, f.attname) for f in fields()})
        row.pk, row.name, row.number = uuid7(), f"公司{n:05d}有限公司", f"T{n:06d}"
        copies.append(row)
    storage.insert(ACCOUNT.model, copies)


def fields() -> Any:
    return ACCOUNT.model._meta.concrete_fields


def batches(job: Job, phase: str) -> list[int]:
    """Work on a phase to its end; how many statements each batch took."""
    ticket = deed_jobs.queue(job, phase)
    Job.objects.filter(pk=job.pk).update(state="running")
    found, more = [], True
    while more:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            more = deed_jobs._batch(job.pk, ticket)
        found.append(len(captured))
    job.refresh_from_db()
    return found


def tiers() -> dict[str, int]:
    rows = guard.rows(ACCOUNT.model, "test").values_list("tier", flat=True)
    found: dict[str, int] = {}
    for tier in rows:
        found[tier] = found.get(tier, 0) + 1
    return found


def go_through(firm: Any, rows: int) -> None:
    """Everything once: preview, edit, undo, hand over."""
    fill(firm, rows)
    theirs = guard.rows(ACCOUNT.model, "test").filter(owner=firm.stranger).count()
    reach = rows - theirs
    job = deed_jobs.begin(firm.actor("manager"), ACCOUNT, Deed("update", {"tier": "B"}), Chosen(where=""))
    assert job.total == reach
    tried = batches(job, "check")
    assert (tiers(), job.result["check"]["done"]) == ({"A": rows}, reach)
    took = batches(job, "run")
    assert (tiers(), job.result["run"]["done"]) == ({"A": theirs, "B": reach}, reach)
    assert len(took) == -(-reach // BATCH) + 1
    assert len(set(took[1:-2])) <= 1
    assert max(took) < 60
    assert max(tried) < 60
    done = Operation.objects.get()
    assert (done.rows, done.steps.count()) == (reach, len(took) - 1)
    undoing = deed_jobs.begin_undo(firm.actor("manager"), done.pk)
    back = batches(undoing, "run")
    assert (tiers(), undoing.result["run"]["done"], max(back) < 60) == ({"A": rows}, reach, True)
    given = {"owner": str(firm.colleague.pk)}
    job = deed_jobs.begin(firm.actor("manager"), ACCOUNT, Deed("transfer", given), Chosen(where="owner__eq=me"))
    assert job.total == 0
    where = f"owner__eq={firm.seller.pk}"
    job = deed_jobs.begin(firm.actor("manager"), ACCOUNT, Deed("transfer", given), Chosen(where=where))
    batches(job, "run")  # what it changes no longer matches: none is left out for that
    assert guard.rows(ACCOUNT.model, "test").filter(owner=firm.colleague).count() == reach
    assert OwnerPeriod.objects.filter(owner=firm.colleague, to_at=None).count() == reach


def test_a_few_thousand(firm: Any) -> None:
    go_through(firm, 2_400)


@pytest.mark.long
def test_ten_thousand(firm: Any) -> None:
    go_through(firm, 10_000)


def test_arrays_of_ids_and_texts_go_in_the_one_statement(firm: Any) -> None:
    made = [records.create(firm.actor("seller"), ACCOUNT, {"name": f"数组{n}有限公司"}) for n in range(3)]
    nasty = ["", 'a"b', "a\\b", "a,b", "{c}", "NULL", "换\n行"]
    told = dict(zip((r.pk for r in made), ([firm.north.pk, firm.south.pk], [], [firm.north.pk]), strict=True))
    columns = {"ancestors", "version", "name"}
    assert storage.takes(ACCOUNT.model, columns)
    with CaptureQueriesContext(connection) as captured:
        storage.assign(ACCOUNT.model, {pk: {"ancestors": v, "version": 7, "name": "改了"} for pk, v in told.items()})
    assert len(captured) == 1
    rows = guard.rows(ACCOUNT.model, "test").filter(pk__in=told)
    assert dict(rows.values_list("pk", "ancestors")) == told
    assert set(rows.values_list("version", "name")) == {(7, "改了")}
    sheet = Sheet.objects.create(person=firm.seller)
    storage.assign(Sheet, {sheet.pk: {"skills": nasty}})
    sheet.refresh_from_db()
    assert sheet.skills == nasty
