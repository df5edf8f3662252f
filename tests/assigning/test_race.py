"""Several who give at one moment: each record once, and turns fair within one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from tests.own_database import own_database
from zhike.base.models import Department, Role, User
from zhike.bench import assigning_check
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.assigning import deciding
from zhike.modules.assigning.models import AssignmentRule, Decision

SIZES = [pytest.param((3, 45, 4), id="few"), pytest.param((8, 1_000, 17), marks=pytest.mark.long, id="many")]


@pytest.fixture(scope="module")
def admin(postgres: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[Actor]:
    """Somebody in a database of its own, in which what is written is committed."""
    with own_database(postgres, django_db_blocker, "assigning"):
        role = Role.objects.get(key="administrator")
        yield Actor(User.objects.create_user("admin", "Zhike-test-2026", name="管理员", roles=[role.pk]))


@pytest.mark.parametrize("size", SIZES)
def test_parallel_workers_are_fair_within_one(admin: Actor, size: tuple[int, int, int]) -> None:
    workers, count, sellers = size
    lead = get("lead")
    place = Department(name="销售部")
    place.ancestors = [place.pk]
    place.save()
    people = [
        User.objects.create_user(f"s{n}-{place.pk}", None, name=f"员{n}", department=place) for n in range(sellers)
    ]
    AssignmentRule.objects.update(is_active=False)
    AssignmentRule.objects.create(entity="lead", name="轮流", document={"who": [str(place.pk)]})
    ids = [r.pk for r in records.create_many(admin, lead, [{"name": f"线索{n}", "owner": None} for n in range(count)])]
    gate, failed = threading.Barrier(workers), list[Exception]()

    def work(mine: int) -> None:
        try:
            gate.wait()
            for n in range(mine % 3, count, 5):  # what they are asked for overlaps
                deciding.run(lead, ids[n : n + 7])
        except Exception as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    deciding.run(lead, ids)
    owners = dict(lead.rows("a test").filter(pk__in=ids).values_list("pk", "owner"))
    given = list(Decision.objects.filter(record__in=ids).values_list("record", "person"))
    assert len(given) == count
    assert dict(given) == owners
    assert assigning_check.spread(owners.values(), [p.pk for p in people]) <= 1
