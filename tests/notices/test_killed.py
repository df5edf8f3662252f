"""Reminders whose worker is killed, whose database goes away and whose clock jumps: none is lost, none told twice."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.house import House, of_server, with_server

REMIND = """
import sys, datetime as dt, django; django.setup()
from zhike.modules.activities import reminders
print(reminders.remind(dt.datetime.fromisoformat(sys.argv[1]), most=int(sys.argv[2])))
"""
PLAN = """
INSERT INTO activities_activity (id, created_at, updated_at, version, kind, status, subject, body, due_at, result,
    direction, priority, place, external_id, owner_id, ancestors, search_text, search_grams, pinyin, custom,
    repeat, repeat_working)
SELECT gen_random_uuid(), '2026-11-01', now(), 1, 'task', 'planned', 'T' || n, '',
    timestamptz '2026-11-23 10:00+08' + n %% 7200 * interval '1 second', '', '', 'normal', '', '', u.id, '{}', '', '{}',
    '', '{}', '', false
FROM generate_series(1, %s) n, base_user u WHERE u.username = 'chief'
"""
SEEN = """
SELECT (SELECT count(*) FROM activities_activity),
    (SELECT count(DISTINCT activity_id) FROM activities_reminder WHERE stage = 2),
    (SELECT count(*) FROM activities_reminder), (SELECT count(*) FROM engine_notice WHERE kind = 'reminder'),
    (SELECT count(DISTINCT cause) FROM engine_notice)
"""


def plan(house: House, count: int) -> None:
    with psycopg.connect(house.url) as connection:
        connection.execute(PLAN, [count])


def at(minutes: float) -> str:
    """So many minutes after ten."""
    whole = int(minutes)
    return f"2026-11-23T{10 + whole // 60:02d}:{whole % 60:02d}:{int(minutes % 1 * 60):02d}+08:00"


def disturbed(house: House, kills: int, draw: random.Random, most: int, *, server: bool = False) -> int:
    """Let time go by with workers that are killed, two of them at once; in the middle the clock is an hour wrong, once
    either way, and the database goes away. Gives how many were killed at work.
    """
    dead = 0
    for n in range(kills):
        minute = n * 120 / kills
        jump = {kills // 3: 60, kills // 3 + 1: -60}.get(n, 0)
        workers = [house.python(REMIND, at(max(0, minute + jump)), str(most)) for _twice in range(2)]
        time.sleep(draw.uniform(0.0, 0.12))
        if server and n == kills // 2:
            house.strike()
            house.revive()
        for worker in workers:
            dead += worker.poll() is None
            worker.kill()
            worker.wait()
    return dead


def check(house: House, count: int) -> None:
    """What was left is told by one more run, and then everything once."""
    house.said(REMIND, at(121), "100000")
    planned, told, claims, notices, causes = house.ask(SEEN)[0]
    assert planned == told == count
    assert claims == notices == causes


def test_reminders_of_workers_that_are_killed_are_told_once(
    postgres: Any, django_db_setup: None, tmp_path: Path
) -> None:
    with of_server(postgres, "reminders", tmp_path) as house:
        plan(house, 3_000)
        assert disturbed(house, 6, random.Random(5), 200) > 0
        check(house, 3_000)


@pytest.mark.long
@pytest.mark.django_db  # so that the tables are there when this runs alone
def test_fifty_kills_a_lost_database_and_a_clock_that_jumps_lose_nothing(
    postgres: Any, django_db_setup: None, tmp_path: Path
) -> None:
    with with_server(postgres, tmp_path) as house:
        plan(house, 20_000)
        assert disturbed(house, 40, random.Random(9), 500, server=True) >= 50
        check(house, 20_000)
