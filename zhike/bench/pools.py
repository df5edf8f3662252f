"""What pools cost: working out when all customers return, the sweep, and many who take at the same time.

Beside each the one SQL statement that touches the same rows; all leave history through the same trigger. Ours asks
which rule holds for whom, locks, keeps owner periods and the ledger, and tells the outbox.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from time import perf_counter
from typing import Any

from django.db import connection, transaction

from zhike.base.models import Role, User
from zhike.engine.entity import get
from zhike.engine.models import Pool, PoolMove
from zhike.engine.pools import moving, settling

from . import Figure, Options, exact, figure, load

DUE = 10  # one of so many is due
TAKERS, LYING, LIMIT = 8, 1_000, 60
SINCE = (
    "UPDATE customers_account SET held_since = now() - interval '1 day' *"
    " (CASE WHEN abs(hashtext(id::text)) %% %s = 0 THEN 31 ELSE 3 END),"
    " pool_id = NULL, recycle_at = NULL, recycle_rule = '' WHERE owner_id IS NOT NULL"
)
DATES = (
    "UPDATE customers_account SET recycle_at = held_since + interval '30 days', recycle_rule = 'r1'"
    " WHERE owner_id IS NOT NULL AND deleted_at IS NULL"
)
AWAY = (
    "UPDATE customers_account SET former_owner_id = owner_id, owner_id = NULL, department_id = NULL, ancestors = '{}',"
    " held_since = NULL, pooled_at = now(), recycle_at = NULL, recycle_rule = '', updated_at = now(),"
    " version = version + 1 WHERE recycle_at <= now() AND owner_id IS NOT NULL AND deleted_at IS NULL"
)
TAKER = """
import sys, django
django.setup()
from uuid import UUID
from zhike.base.models import User
from zhike.engine.access import Actor
from zhike.engine.pools import moving
user, pool = User.objects.select_related("department").get(pk=sys.argv[1]), UUID(sys.argv[2])
ids = [UUID(line) for line in open(sys.argv[3]).read().split()]
for n in range(0, len(ids), 10):
    moving.claim(Actor(user), pool, ids[n : n + 10])
"""


def run(options: Options) -> list[Figure]:
    """Seconds of the dates of all customers and of a sweep, and a race of several processes for the same customers."""
    with load.database(options) as made, connection.cursor() as cursor:
        account = get("account")
        Pool.objects.filter(name="bench").update(is_active=False)
        seller = Role.objects.get(key="seller")
        cursor.execute("ALTER TABLE customers_account DISABLE TRIGGER history_u")
        cursor.execute(SINCE, [DUE])
        cursor.execute("ALTER TABLE customers_account ENABLE TRIGGER history_u")
        rule = {"key": "r1", "clock": "won", "days": 30}
        document: dict[str, Any] = {"members": [str(seller.pk)], "rules": [rule], "limits": {"claims": LIMIT}}
        pool = Pool.objects.create(entity="account", name="bench", document=document)
        by_hand = _by_hand(DATES)
        begun = perf_counter()
        dated = settling.settle(account)
        dates = perf_counter() - begun
        begun = perf_counter()
        again = settling.settle(account)
        idle = perf_counter() - begun
        cursor.execute("SELECT count(*) FROM customers_account WHERE recycle_at <= now() AND owner_id IS NOT NULL")
        due = int(cursor.fetchone()[0])
        away = _by_hand(AWAY)
        begun = perf_counter()
        swept = moving.sweep(account)
        sweep = perf_counter() - begun
        return [
            figure(f"pools: dates of {dated:,} customers", dates, "s", by_hand),
            figure("pools: dates again, where none differs", idle, "s", by_hand),
            exact("pools: dates that differed again", again, 0, "rows"),
            figure(f"pools: sweep of {swept:,} customers", sweep, "s", away),
            exact("pools: customers swept", swept, due, "rows"),
            *_race(pool, made["url"]),
        ]


def _by_hand(sql: str) -> float:
    """Seconds of one statement, which is rolled back."""
    with transaction.atomic(), connection.cursor() as cursor:
        begun = perf_counter()
        cursor.execute(sql)
        taken = perf_counter() - begun
        transaction.set_rollback(True)
    return taken


def _race(pool: Pool, url: str) -> list[Figure]:
    """Several people, each a process, take from the same customers at the same time, in the same order."""
    account = get("account")
    rows = account.rows("the bench itself").filter(pool=pool, owner=None, deleted_at=None)
    ids = list(rows.order_by("pk").values_list("pk", flat=True)[:LYING])
    people = list(User.objects.filter(username__startswith="seller", is_active=True).order_by("username")[:TAKERS])
    before = set(PoolMove.objects.filter(kind="claim").values_list("pk", flat=True))
    begun = perf_counter()
    env = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", "DATABASE_URL": url}
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write("\n".join(map(str, ids)))
        file.flush()
        commands = [[sys.executable, "-c", TAKER, str(u.pk), str(pool.pk), file.name] for u in people]
        takers = [subprocess.Popen(command, env=env) for command in commands]
        failed = sum(taker.wait() != 0 for taker in takers)
    seconds = perf_counter() - begun
    ledger = dict(PoolMove.objects.filter(kind="claim").exclude(pk__in=before).values_list("record", "user"))
    owners = dict(account.rows("the bench itself").filter(pk__in=ids, owner__isnull=False).values_list("pk", "owner"))
    claims = PoolMove.objects.filter(kind="claim").exclude(pk__in=before).count()
    most = max(Counter(owners.values()).values(), default=0)
    wanted = min(len(ids), LIMIT * len(people))
    return [
        figure(f"pools: {len(people)} people take {claims} customers", seconds, "s", seconds),
        exact("pools: processes that failed", failed, 0, "processes"),
        exact("pools: customers taken", claims, wanted, "rows"),
        exact("pools: taken more than once", claims - len(ledger), 0, "rows"),
        exact("pools: ledger and owners agree", ledger == owners, expected=True),
        exact("pools: the most that one took", most, min(LIMIT, wanted), "rows"),
    ]
