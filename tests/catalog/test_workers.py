"""A change is live in every process on the next request, under load, without a restart."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction

from tests.own_database import own_database
from zhike.base.models import Role, User
from zhike.engine import catalog, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import Configuration

WORKER = """
import sys, json, django
django.setup()
from zhike.engine import catalog
from zhike.engine.entity import get
for line in sys.stdin:
    with catalog.fresh():
        own = [k for k in get("account").attributes if k.startswith("x_")]
        print(json.dumps([catalog.current().number, own]), flush=True)
"""


@pytest.fixture(scope="module")
def url(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A database of its own, in which what is published is committed."""
    with own_database(postgres, django_db_blocker, "workers") as found:
        yield found


class Worker:
    """A process that serves requests one after the other, as a web worker does."""

    def __init__(self, url: str) -> None:
        import os

        env = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", WORKER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env
        )
        self.lock = threading.Lock()

    def ask(self) -> Any:
        """What one request sees: the number of the configuration and the own fields of customers."""
        assert self.process.stdin
        assert self.process.stdout
        with self.lock:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
            return json.loads(self.process.stdout.readline())


def test_the_next_request_of_every_worker_sees_what_was_published(url: str) -> None:
    workers = [Worker(url) for _n in range(2)]
    seen: list[tuple[int, list[str]]] = []
    stop = threading.Event()

    def load(worker: Worker) -> None:
        while not stop.is_set():
            number, own = worker.ask()
            seen.append((number, own))

    try:
        assert [w.ask() for w in workers] == [[0, []], [0, []]]
        busy = [threading.Thread(target=load, args=[w]) for w in workers]
        for thread in busy:
            thread.start()
        for number in range(1, 6):
            _publish(number)
            for worker in workers:
                assert worker.ask()[0] == number
        stop.set()
        for thread in busy:
            thread.join(10)
    finally:
        stop.set()
        for worker in workers:
            worker.process.terminate()
            worker.process.wait(10)
    assert {n: own for n, own in seen if n} == {n: [f"x_n{n}"] for n, _own in seen if n}
    assert all(own == ([f"x_n{n}"] if n else []) for n, own in seen)


def _publish(number: int, document: dict[str, Any] | None = None) -> None:
    state = Configuration.State
    document = document or {"fields": {"account": {f"x_n{number}": {"kind": "text", "labels": {"en": "A"}}}}}
    Configuration.objects.filter(state=state.PUBLISHED).update(state=state.PAST)
    Configuration.objects.create(number=number, state=state.PUBLISHED, document=document)


def test_of_two_who_write_one_value_at_once_only_one_wins(url: str) -> None:
    document = {"fields": {"account": {"x_code": {"kind": "text", "labels": {"en": "Code"}, "unique": True}}}}
    _publish(101, document)
    catalog.assume(None)
    role = Role.objects.get(key="administrator")
    user = User.objects.create_user("unique", "a-long-enough-password", name="管理", roles=[role.pk])
    written, done = threading.Event(), threading.Event()
    outcome: dict[str, Any] = {}

    def write(name: str, *, first: bool) -> None:
        try:
            with transaction.atomic():
                records.create(Actor(user), get("account"), {"name": name, "x_code": "A1"})
                if first:
                    written.set()
                    done.wait(10)
            outcome[name] = "saved"
        except Invalid as told:
            outcome[name] = list(told.first)
        finally:
            connection.close()

    one = threading.Thread(target=write, args=["甲"], kwargs={"first": True})
    two = threading.Thread(target=write, args=["乙"], kwargs={"first": False})
    one.start()
    assert written.wait(60)
    two.start()
    two.join(2)
    assert two.is_alive()  # waits for the first to end
    done.set()
    one.join(60)
    two.join(60)
    assert outcome == {"甲": "saved", "乙": ["x_code"]}
