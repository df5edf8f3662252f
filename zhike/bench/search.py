"""The search box over a large firm: whether the right record comes first, and how long it takes.

Times stand beside the newest ten customers read without any search, in the same run. All that the bench writes is
undone at its end, so that a firm that is kept stays as it was.
"""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from time import perf_counter
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.test import Client, override_settings

from zhike.base.models import User
from zhike.engine import query, recent, records, search
from zhike.engine.access import Actor
from zhike.engine.entity import get

from . import Figure, Options, at_least, figure, load, search_queries, within
from .search_queries import Query, Wanted

ROUNDS = 3
FIRST, AMONG_FIVE = 90.0, 98.0  # per cent of the queries
SEARCH, PALETTE = 100.0, 150.0  # milliseconds at the 95th percentile
COPIED = 50_000
TERMS: dict[str, Sequence[str]] = {
    "1 character, common": ("海", "华", "王", "曾", "精", "有", "电", "李"),
    "1 character, rare": ("麒", "镍", "玺", "翡", "沛", "鲲"),
    "2 characters, common": ("上海", "科技", "精密", "公司", "王伟", "苏州"),
    "2 characters, rare": ("曜海", "翡翠", "镍矿", "琥珀", "机科", "网红"),
    "3 characters, common": ("上海华", "有限公", "精密机", "曾伟芳", "电子科"),
    "3 characters, rare": ("镍矿物", "蚌埠玻", "海上华", "琥珀科", "解玉华"),
    "4 characters, common": ("精密机械", "有限公司", "信息技术", "上海恒信", "电子科技"),
    "4 characters, rare": ("蚌埠玻璃", "镍矿物资", "瓜片茶业", "恒信恒信", "科技电子"),
    "6 characters, common": ("精密机械有限", "电子科技股份", "信息技术有限", "股份有限公司"),
    "6 characters, rare": ("蚌埠玻璃厂长", "六安瓜片茶业", "上海德瑞金宏", "张家口氢能装"),
    "pinyin initials": ("s", "sh", "shh", "ww", "zwf", "shdrjm", "cdhxxx", "bbblc", "zgfgj", "xyh"),
    "pinyin": ("shang", "shanghai", "wangwei", "huaxin", "bengbu", "zengguofan", "guopian"),
    "end of a number": ("0007", "5678", "71000", "0000014", "9999"),
    "one slip": ("蚌埠波璃厂", "上海德锐金宏", "zephirine", "shanghaihuaanx"),
}  # fmt: skip


def run(options: Options) -> list[Figure]:
    """Accuracy by kind of query, times by length of the term for several people, and what writing the index costs."""
    with load.database(options) as made, transaction.atomic():
        crowd, figures = made["crowd"], list[Figure]()
        wanted, queries = search_queries.draw()
        ids = _write(crowd.admin, wanted)
        people = {"executive": crowd.executive, "manager, level 2": crowd.heads[2], "seller": crowd.sellers[500]}
        with override_settings(COUNT_SECONDS=settings.PATIENCE):  # as it is served
            figures += _accuracy(crowd.executive, queries, ids)
            for who, user in people.items():
                figures += _times(who, user, options.get("rounds", ROUNDS))
            figures += _palette(crowd.executive, options.get("rounds", ROUNDS))
        figures += _writing()
        transaction.set_rollback(True)
    return figures


# ---- the right record


def _write(admin: User, wanted: Sequence[Wanted]) -> dict[str, UUID]:
    """The wanted records, through the write path of the product: name -> id."""
    actor, ids = Actor(admin, "web"), dict[str, UUID]()
    for key in ("account", "contact"):
        mine = [w for w in wanted if w.entity == key]
        rows = [{"name": w.name, **w.values, **({"account": ids[w.of]} if w.of else {})} for w in mine]
        made = records.create_many(actor, get(key), rows)
        ids |= {w.name: record.pk for w, record in zip(mine, made, strict=True)}
    return ids


def _accuracy(reader: User, queries: Sequence[Query], ids: dict[str, UUID]) -> Iterator[Figure]:
    wanted, _queries = search_queries.draw()
    for w in wanted:
        if w.opened:
            recent.opened(Actor(reader), get(w.entity), ids[w.name])
    places = {q: place(Actor(reader), q, ids[q.name]) for q in queries}
    ordered = sorted(queries, key=lambda q: q.kind)
    for kind, mine in (*((k, list(g)) for k, g in groupby(ordered, lambda q: q.kind)), ("", list(queries))):
        found = Counter(places[q] for q in mine)
        first, five = (100 * sum(found[n] for n in range(1, top + 1)) / len(mine) for top in (1, 5))
        name = f"accuracy, {kind}" if kind else f"accuracy, all {len(mine)} queries"
        goals = (FIRST, AMONG_FIVE) if not kind else (None, None)
        yield _share(f"{name}: first", first, goals[0])
        yield _share(f"{name}: among five", five, goals[1])


def place(actor: Actor, asked: Query, wanted: UUID) -> int:
    """Where the wanted record stands in the answer, from 1; 0 for not at all."""
    found = [hit.found.id for hit in search.find(actor, asked.text)]
    return found.index(wanted) + 1 if wanted in found else 0


def _share(name: str, value: float, goal: float | None) -> Figure:
    return figure(name, value, "%", 100.0) if goal is None else at_least(name, value, "%", 100.0, goal)


# ---- times


def _times(who: str, user: User, rounds: int) -> Iterator[Figure]:
    """Customers and contacts together, for each length of a term."""
    both = [get("account"), get("contact")]
    limit = _measured([lambda: _newest(user)], rounds * 5)
    for name, terms in TERMS.items():
        # each with an actor of its own, as each request has
        work = [lambda term=term: search.find(Actor(user), term, among=both) for term in terms]
        taken = _measured(work, rounds)
        yield figure(f"search, {who}, {name}: p50", statistics.median(taken), "ms", statistics.median(limit))
        yield within(f"search, {who}, {name}: p95", _p95(taken), "ms", _p95(limit), SEARCH)


def _newest(user: User) -> None:
    """What the same reader's newest ten customers and contacts cost, without any search."""
    actor = Actor(user)
    for key in ("account", "contact"):
        entity = get(key)
        rows = query.select(actor, entity, query.View())[:10]
        query.read(actor, entity, rows, [entity.attributes[entity.title]])


def _palette(user: User, rounds: int) -> Iterator[Figure]:
    """The whole answer as HTML, over all entities, beside the palette that nothing was typed into."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)

    def ask(url: str) -> None:
        answer = client.get(url)
        if answer.status_code != 200:  # a refusal is quick, and says nothing
            raise RuntimeError(f"{url}: {answer.status_code}")

    empty = _measured([lambda: ask("/search/palette")], rounds * 5)
    terms = [term for words in TERMS.values() for term in words]
    work = [lambda term=term: ask(f"/search/palette?{urlencode({'q': term})}") for term in terms]
    taken = _measured(work, rounds)
    yield figure("palette, all entities: p50", statistics.median(taken), "ms", statistics.median(empty))
    yield within("palette, all entities: p95", _p95(taken), "ms", _p95(empty), PALETTE)


def _measured(work: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """Milliseconds of each of the works, `rounds` times, after once without the clock."""
    for one in work:
        one()
    found = []
    for _round in range(rounds):
        for one in work:
            begun = perf_counter()
            one()
            found.append((perf_counter() - begun) * 1000)
    return found


def _p95(taken: Sequence[float]) -> float:
    return statistics.quantiles(taken, n=20, method="inclusive")[18]


# ---- what writing costs


def _writing() -> Iterator[Figure]:
    """Rows a second into a table with the index as it is, beside one of pairs of characters alone."""
    pairs = "ARRAY(SELECT g FROM unnest(search_grams) g WHERE length(g) = 2 AND strpos(g, E'\\n') = 0)"
    speeds = {}
    with connection.cursor() as cursor:
        for name, grams in (("all", "search_grams"), ("pairs", pairs)):
            cursor.execute(
                f"CREATE TEMP TABLE wrote AS SELECT id, search_text, {grams} AS grams FROM customers_account LIMIT %s",  # noqa: S608
                [COPIED],
            )
            cursor.execute("CREATE TEMP TABLE written (id uuid PRIMARY KEY, search_text text, grams text[])")
            cursor.execute("CREATE INDEX ON written USING gin (grams)")
            begun = perf_counter()
            cursor.execute("INSERT INTO written SELECT * FROM wrote")
            speeds[name] = cursor.rowcount / (perf_counter() - begun)
            cursor.execute("DROP TABLE wrote, written")
    yield figure("writing the index", speeds["all"], "rows/s", speeds["pairs"])
