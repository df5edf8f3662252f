"""Many who take the same records at one moment: one owner each, nobody beyond a limit, a ledger that agrees."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import House
from tests.own_database import own_database
from zhike.base.models import Department, Role, User
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Pool, PoolMove

STEP = 20  # customers that are marked and taken at once
TURNS = (  # limits, and the most that one can have by them
    ({"claims": 15}, 15), ({"holding": [{"most": 15}]}, 15), ({"claims": 25, "holding": [{"most": 40}]}, 25),
)  # fmt: skip
SELLERS = [pytest.param((6, 100, 3), id="few"), pytest.param((50, 1_000, 20), marks=pytest.mark.long, id="many")]
TAKE = f"""
import random, sys, time
from pathlib import Path
from uuid import UUID
from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.pools import moving
person, pool, lying, begun = sys.argv[1:]
actor = Actor(User.objects.select_related("department").get(pk=person))
ids = [UUID(line) for line in Path(lying).read_text().split()]
if actor.user.username.endswith("0"):  # most go down the list as it stands, some pick here and there
    random.Random(actor.user.username).shuffle(ids)
Path(begun + "." + person).touch()
while not Path(begun).exists():
    time.sleep(0.001)
for n in range(0, len(ids), {STEP}):
    moving.claim(actor, UUID(pool), ids[n : n + {STEP}])
"""


@pytest.fixture(scope="module")
def house(
    postgres: Any, django_db_setup: None, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Processes in a database of its own, in which what is written is committed."""
    with own_database(postgres, django_db_blocker, "pools") as url:
        found = House(url, tmp_path_factory.mktemp("race"))
        try:
            yield found
        finally:
            found.close()


@pytest.mark.parametrize("size", SELLERS)
def test_one_owner_each_and_nobody_beyond_a_limit(house: House, size: tuple[int, int, int], tmp_path: Path) -> None:
    sellers, customers, rounds = size
    account = get("account")
    place = Department(name="销售部")
    place.ancestors = [place.pk]
    place.save()
    chief, seller = Role.objects.get(key="administrator"), Role.objects.get(key="seller")
    admin = Actor(User.objects.create_user(f"admin-{sellers}", "Zhike-test-2026", name="管理员", roles=[chief.pk]))
    people = [
        User.objects.create_user(
            f"{place.pk}-{n}", "Zhike-test-2026", name=f"员{n}", department=place, roles=[seller.pk]
        )
        for n in range(sellers)
    ]
    for n in range(rounds):
        limits, most = TURNS[n % len(TURNS)]
        Pool.objects.update(is_active=False)
        document = {"members": [str(place.pk)], "limits": limits, "conditions": [["remark", "eq", str(n)]]}
        pool = Pool.objects.create(entity="account", name="抢", document=document)
        rows = [{"name": f"{place.pk}{n}客{i}", "owner": None, "remark": str(n)} for i in range(customers)]
        ids = [r.pk for r in records.create_many(admin, account, rows)]
        lying, begun = tmp_path / f"lying{n}", tmp_path / f"begun{n}"
        lying.write_text("\n".join(map(str, ids)))
        takers = [house.python(TAKE, str(p.pk), str(pool.pk), str(lying), str(begun)) for p in people]
        while len(list(tmp_path.glob(f"{begun.name}.*"))) < sellers and all(t.poll() is None for t in takers):
            pass
        begun.touch()
        assert [taker.wait(900) for taker in takers] == [0] * sellers
        owners = dict(account.rows("a test").filter(pk__in=ids, owner__isnull=False).values_list("pk", "owner"))
        moves = list(PoolMove.objects.filter(pool=pool, kind="claim").values_list("record", "user"))
        taken = Counter(owners.values())
        assert len(moves) == len(owners) == min(customers, sellers * most)
        assert dict(moves) == owners
        assert max(taken.values()) <= most
        account.rows("room for the next round").filter(pk__in=ids).update(
            owner=None, pool=None, deleted_at=pool.created_at
        )
