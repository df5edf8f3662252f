"""Merges at the same moment, and an edit amid one: nobody's work is lost, and nothing leads to two records."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.db import connections

from tests.own_database import own_database
from zhike.base.models import Role, User
from zhike.engine import guard, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Conflict, Missing
from zhike.engine.merging import merge, sweep
from zhike.engine.models import Merge, Operation

ACCOUNT, CONTACT = get("account"), get("contact")


@pytest.fixture(scope="module")
def admin(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[User]:
    """Somebody in a database of its own, in which what is written is committed."""
    with own_database(postgres, django_db_blocker, "merging"):
        role = Role.objects.get(key="administrator")
        yield User.objects.create_user("admin", "Zhike-test-2026", name="管理员", roles=[role.pk])


def together(*works: Callable[[], Any]) -> list[Any]:
    """What each gives or raises, begun at the same moment in a thread of its own."""
    found: list[Any] = [None] * len(works)
    gate = threading.Barrier(len(works))

    def run(n: int, work: Callable[[], Any]) -> None:
        gate.wait()
        try:
            found[n] = work()
        except Exception as error:
            found[n] = error
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(n, work)) for n, work in enumerate(works)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_of_two_merges_into_each_other_one_is_done(admin: User) -> None:
    for _n in range(5):
        god = Actor(admin, "web")
        one, two = (records.create(god, ACCOUNT, {"name": n}).pk for n in ("甲", "乙"))
        person = records.create(god, CONTACT, {"name": "张三", "account": two}).pk
        versions = {one: 1, two: 1}
        said = together(
            partial(merge, Actor(admin, "web"), ACCOUNT, one, [two], versions=versions),
            partial(merge, Actor(admin, "web"), ACCOUNT, two, [one], versions=versions),
        )
        assert sum(isinstance(s, Conflict) for s in said) == 1, said
        standing = Merge.objects.get(entity="account", loser__in=[one, two])
        live = guard.rows(ACCOUNT.model, "test").filter(pk__in=[one, two], deleted_at=None).get()
        assert live.pk == standing.keeper
        assert guard.rows(CONTACT.model, "test").get(pk=person).account_id == live.pk


def test_an_edit_amid_a_merge_is_not_lost(admin: User) -> None:
    for _n in range(5):
        god = Actor(admin, "web")
        one, two = (records.create(god, ACCOUNT, {"name": n}).pk for n in ("甲", "乙"))
        versions = {one: 1, two: 1}
        merged, edited = together(
            partial(merge, Actor(admin, "web"), ACCOUNT, one, [two], versions=versions),
            partial(records.update, Actor(admin, "web"), ACCOUNT, one, {"remark": "改"}, version=1),
        )
        assert isinstance(merged, Conflict) != isinstance(edited, Conflict | Missing), (merged, edited)
        row = guard.rows(ACCOUNT.model, "test").get(pk=one)
        assert (row.remark == "改") is not isinstance(edited, Exception)


def test_a_child_that_is_made_amid_a_merge_finds_the_record_that_stays(admin: User) -> None:
    for _n in range(8):
        god = Actor(admin, "web")
        one, two = (records.create(god, ACCOUNT, {"name": n}).pk for n in ("甲", "乙"))
        _merged, made = together(
            partial(merge, Actor(admin, "web"), ACCOUNT, one, [two]),
            partial(records.create, Actor(admin, "web"), CONTACT, {"name": "张三", "account": two}),
        )
        sweep(str(Operation.objects.latest("at").pk))
        if not isinstance(made, Exception):
            assert guard.rows(CONTACT.model, "test").get(pk=made.pk).account_id == one
