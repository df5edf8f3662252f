"""Many who take the same records at one moment: one owner each, nobody beyond a limit, a ledger that agrees."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.own_database import own_database
from zhike.base.models import Department, Role, User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Pool, PoolMove
from zhike.engine.pools import moving

CLAIMS, HELD = 7, 5
SELLERS = [pytest.param((6, 40, 1), id="few"), pytest.param((50, 1_000, 20), marks=pytest.mark.long, id="many")]


@pytest.fixture(scope="module")
def admin(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Actor]:
    """Somebody in a database of its own, in which what is written is committed."""
    with own_database(postgres, django_db_blocker, "pools"):
        role = Role.objects.get(key="administrator")
        yield Actor(User.objects.create_user("admin", "Zhike-test-2026", name="管理员", roles=[role.pk]))


@pytest.mark.parametrize("size", SELLERS)
def test_one_owner_each_and_nobody_beyond_a_limit(admin: Actor, size: tuple[int, int, int]) -> None:
    sellers, customers, rounds = size
    account = get("account")
    place = Department(name="销售部")
    place.ancestors = [place.pk]
    place.save()
    role = Role.objects.get(key="seller")
    people = [
        User.objects.create_user(
            f"s{n}-{place.pk}", "Zhike-test-2026", name=f"员{n}", department=place, roles=[role.pk]
        )
        for n in range(sellers)
    ]
    for _round in range(rounds):
        Pool.objects.update(is_active=False)
        limits = {"claims": CLAIMS, "holding": [{"most": HELD}]}
        document = {"members": [str(place.pk)], "limits": limits, "conditions": [["remark", "eq", str(_round)]]}
        pool = Pool.objects.create(entity="account", name="抢", document=document)
        rows = [{"name": f"{place.pk}{_round}客{n}", "owner": None, "remark": str(_round)} for n in range(customers)]
        ids = [r.pk for r in records.create_many(admin, account, rows)]
        gate, failed = threading.Barrier(sellers), list[Exception]()

        def take(person: User) -> None:
            try:
                gate.wait()  # noqa: B023
                for n in range(0, customers, 5):
                    moving.claim(Actor(person), pool.pk, ids[n : n + 5])  # noqa: B023
            except Exception as error:
                failed.append(error)  # noqa: B023
            finally:
                connections.close_all()

        threads = [threading.Thread(target=take, args=(person,)) for person in people]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failed == []
        owners = dict(account.rows("a test").filter(pk__in=ids, owner__isnull=False).values_list("pk", "owner"))
        moves = list(PoolMove.objects.filter(pool=pool, kind="claim").values_list("record", "user"))
        assert len(moves) == len(owners) == min(customers, sellers * HELD)
        assert dict(moves) == owners
        assert set(Counter(owners.values()).values()) == {HELD}
        account.rows("room for the next round").filter(pk__in=ids).update(
            owner=None, pool=None, deleted_at=pool.created_at
        )
