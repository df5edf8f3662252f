"""Merging, and taking a merge or an import back, killed at random moments: all of it or nothing, and never twice."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import BEGIN, SMALL, WORK, House, Process, differing, file, of_server

FAMILY = """
import django; django.setup()
from zhike.base.models import User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
chief = Actor(User.objects.get(username="chief"), "web")
make = lambda key, rows: [r.pk for r in records.create_many(chief, get(key), rows)]
firms = make("account", [
    {"name": f"华远精密仪器{n}厂", "phone": f"1380013800{n}", "remark": f"第{n}份"} for n in range(3)
])
people = make("contact", [
    {"name": f"联系人{n}", "account": firms[n % 3], "phone": f"139{n:08d}"} for n in range(60)
])
make("deal", [{"name": f"产线{n}", "account": firms[n % 3], "amount": f"{n}.50"} for n in range(20)])
make("activity", [
    {"kind": "call", "status": "done", "subject": f"问候{n}", "account": firms[n % 3], "contact": people[n]}
    for n in range(40)
])
print(*firms)
"""
MERGE = """
import sys, django; django.setup()
from uuid import UUID
from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.merging import merge
chief = Actor(User.objects.get(username="chief"), "web")
keep, *others = map(UUID, sys.argv[1:])
merge(chief, get("account"), keep, others, {"name": others[0]})
"""
PART = """
import django; django.setup()
from zhike.base.models import User
from zhike.engine import undo
from zhike.engine.access import Actor
from zhike.engine.models import Operation
chief = Actor(User.objects.get(username="chief"), "web")
undo.undo(chief, Operation.objects.filter(action="merge", of=None).order_by("-at").first().pk)
"""
BEGIN_UNDO = """
import sys, django; django.setup()
from zhike.base.models import User
from zhike.engine import deed_jobs
from zhike.engine.access import Actor
job = deed_jobs.begin_undo(Actor(User.objects.get(username="chief"), "web"), sys.argv[1])
print(job.pk, deed_jobs.queue(job, "run"))
"""
GO_UNDO = """
import sys, django; django.setup()
from uuid import UUID
from zhike.engine import deed_jobs
deed_jobs.perform(UUID(sys.argv[1]), sys.argv[2])
"""
LEFT_UNDO = """
import django; django.setup()
from zhike.engine import deed_jobs
((job, ticket),) = deed_jobs.abandoned()
print(job, ticket)
"""
KILLS = [3, pytest.param(200, marks=pytest.mark.long)]
PERIODS = ("engine_ownerperiod",)  # those of records in the bin stay with them
DICE = random.Random(5)
State = dict[str, tuple[int, int]]


@pytest.fixture(scope="module")
def house(postgres: Any, django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with of_server(postgres, "killed", tmp_path_factory.mktemp("home")) as found:
        yield found


def timed(work: Callable[[], object]) -> float:
    """Seconds that something took."""
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def watched(house: House, process: Process, seconds: float, fits: Callable[[State], bool]) -> None:
    """Look again and again at what others see, then kill; what they saw was never half of it."""
    end = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < end:
        assert fits(house.state())
        time.sleep(min(0.05, max(0.0, end - time.monotonic())))
    process.kill()
    process.wait()
    house.alone()


def notes(house: House) -> dict[str, int]:
    """How often merges and their undoing are noted, wherever they are."""
    texts = {
        "operations": "SELECT count(*) FROM engine_operation WHERE action = 'merge'",
        "steps": "SELECT count(*) FROM engine_operationstep",
        "history": "SELECT count(*) FROM engine_history",
        "queued": "SELECT count(*) FROM procrastinate_jobs",
        "undone": "SELECT count(*) FROM engine_operation WHERE state = 'undone'",
    }
    return {name: house.ask(text)[0][0] for name, text in texts.items()}


@pytest.mark.parametrize("kills", KILLS)
def test_a_merge_and_its_undoing_are_done_or_not(house: House, kills: int) -> None:
    firms = house.said(FAMILY).split()
    apart, first = house.state(), notes(house)
    merging = timed(lambda: house.said(MERGE, *firms))
    joined, second = house.state(), notes(house)
    parting = timed(lambda: house.said(PART))
    assert house.state() == apart
    assert joined["customers_account"][0] == apart["customers_account"][0] - 2
    before, merges, partings = notes(house), 0, 0
    for _kill in range(kills):
        was = house.state()
        code, longest = (MERGE, merging) if was == apart else (PART, parting)
        watched(house, house.python(code, *firms), DICE.uniform(0, 1.2 * longest), lambda now: now in (apart, joined))
        now = house.state()
        assert now in (apart, joined), differing(now, joined)
        merges += now != was and now == joined
        partings += now != was and now == apart
    if house.state() == apart:
        house.said(MERGE, *firms)
        merges += 1
    assert house.state() == joined
    house.said(PART)
    assert house.state() == apart
    partings += 1
    for name, count in notes(house).items():  # as much as that many undisturbed ones leave
        told = merges * (second[name] - first[name]) + partings * (before[name] - second[name])
        assert (name, count - before[name]) == (name, told)


@pytest.mark.parametrize("kills", KILLS)
def test_the_undoing_of_an_import_goes_on_where_it_was_killed(house: House, tmp_path: Path, kills: int) -> None:
    path = file(tmp_path / "old.csv", 60)
    path.write_text(path.read_text("utf-8").replace("\n", "\nU"), "utf-8")
    house.said(SMALL + WORK, *house.said(BEGIN, str(path)).split())
    before, present = house.state(without=PERIODS), live(house)
    lines = file(tmp_path / "new.csv", 180).read_text("utf-8").replace("\n", "\nU").replace("有限公司", "股份公司")
    path.write_text(lines, "utf-8")
    for n in range(0, kills, 10):
        job, ticket = house.said(BEGIN, str(path)).split()
        house.said(SMALL + WORK, job, ticket)
        assert house.state(without=PERIODS) != before
        ((operation,),) = house.ask("SELECT options ->> 'operation' FROM engine_job WHERE id = %s", job)
        undo, ticket = house.said(BEGIN_UNDO, operation).split()
        for _kill in range(min(10, kills - n)):
            watched(house, house.python(GO_UNDO, undo, ticket), DICE.uniform(0, 0.4), lambda _now: True)
            state, done, _new = house.job(undo)
            if state == "done":
                break
            assert live(house) == present + 120 - min(done, 120)  # the last of the file went first, batch by batch
            if state == "running":
                house.age(undo)
                ticket = house.said(LEFT_UNDO).split()[1]
        house.said(GO_UNDO, undo, ticket)
        assert house.job(undo)[:2] == ("done", 180)
        assert house.state(without=PERIODS) == before
        assert house.ask("SELECT state, rows FROM engine_operation WHERE id = %s", operation) == [("undone", 180)]
        twice = (
            "SELECT h.record FROM engine_history h JOIN engine_importedrow r ON r.record = h.record AND r.made"
            " WHERE r.job_id = %s AND h.entity = 'account' GROUP BY 1"
            " HAVING count(*) FILTER (WHERE h.changes ? 'deleted_at') <> 1"
        )
        assert house.ask(twice, job) == []


def live(house: House) -> int:
    """Customers that are not in the bin."""
    return int(house.ask("SELECT count(*) FROM customers_account WHERE deleted_at IS NULL")[0][0])
