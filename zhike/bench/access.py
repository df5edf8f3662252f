"""What access costs: the statements of a list as somebody may see it, beside the same without any rule of access.

Both run through the same connection, in turns. The limit is what the database needs for the same rows when everything
may be seen, so a ratio of 1 means that rights, tree and shares cost nothing.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import Any

from django.db import connection

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.query import Condition, View

from . import Figure, Options, figure, load, scratch
from .load_people import Crowd

ROWS = 1_000_000
ROUNDS, WARM = 40, 2
GOAL = 1.5  # for the list of customers that everybody opens; the others are told
NEWEST = "newest 50"
VIEWS: Mapping[str, Mapping[str, View]] = {
    "account": {
        NEWEST: View(),
        "page 3": View(page=3),
        "by name": View(sort="name"),
        "of a status": View(conditions=(Condition("status", "eq", "customer"),)),
        "search, common word": View(search="精密"),
        "search, rare word": View(search="上海瑞德"),
    },
    "contact": {NEWEST: View(), "page 3": View(page=3), "search": View(search="王伟")},
}
Statement = tuple[str, Any]


def run(options: Options) -> list[Figure]:
    """50th and 95th percentile of each list for each person, in milliseconds, and their ratio to one without rules.

    In a database of its own, with `rows` customers (a million) and half as many contacts again.
    """
    with scratch.database(options["server"], "access") as url:
        rows, progress = options.get("rows") or ROWS, options.get("progress")
        made, _seconds = load.make(rows, url=url, contacts=1.5, activities=0, deals=0, progress=progress)
        return [f for who, user in _people(made) for f in _person(who, user, made.admin, options.get("rounds", ROUNDS))]


def _people(crowd: Crowd) -> Iterator[tuple[str, User]]:
    for count, user in crowd.sellers.items():
        yield f"seller, {count} shared", user
    for level, user in sorted(crowd.heads.items(), reverse=True):
        yield f"manager, level {level}", user
    yield "manager, level 3, by status", crowd.narrowed
    yield "executive", crowd.executive


def _person(who: str, user: User, admin: User, rounds: int) -> Iterator[Figure]:
    for key, views in VIEWS.items():
        entity = get(key)
        reached, everything = (query.visible(Actor(u), entity).count() for u in (user, admin))
        yield figure(f"{who}: {key}, reached", reached, "rows", everything)
        for name, view in views.items():
            yield from _view(f"{who}: {key}, {name}", entity, view, user, admin, rounds)


def _view(name: str, entity: AnyEntity, view: View, user: User, admin: User, rounds: int) -> Iterator[Figure]:
    def page(reader: User) -> Callable[[], Any]:
        return lambda: query.page(Actor(reader), entity, view, adds=True, late=True)

    def count(reader: User) -> Callable[[], Any]:
        return lambda: query.how_many(Actor(reader), entity, view)

    ours, free = _sent(page(user)), _sent(page(admin))
    is_first = name.endswith(NEWEST)
    goal = GOAL if is_first and entity.key == "account" else None
    limit = f"LIMIT {view.size + 1}"
    rows, free_rows = (_again([one for one in sent if limit in one[0] or _by_id(one)]) for sent in (ours, free))
    yield from _figures(name, *_in_turns(rows, free_rows, rounds), goal)
    if is_first:
        counted, free_counted = (_again(_sent(count(u))[-1:]) for u in (user, admin))
        yield from _figures(f"{name}, count", *_in_turns(counted, free_counted, rounds))
        yield from _figures(f"{name}, whole page", *_in_turns(page(user), page(admin), rounds))
        yield figure(f"{name}, statements of the page", len(ours), "statements", len(free))


def _sent(work: Callable[[], Any]) -> list[Statement]:
    """The statements that go to the database meanwhile."""
    found: list[Statement] = []

    def note(execute: Callable[..., Any], sql: str, values: Any, many: bool, context: Any) -> Any:
        found.append((sql, values))
        return execute(sql, values, many, context)

    with connection.execute_wrapper(note):
        work()
    return found


def _by_id(statement: Statement) -> bool:
    """Whether it reads rows that the statement before it has found."""
    return '"version"' in statement[0] and '"id" IN (%s' in statement[0]


def _again(statements: Sequence[Statement]) -> Callable[[], None]:
    def work() -> None:
        with connection.cursor() as cursor:
            for sql, values in statements:
                cursor.execute(sql, values)
                cursor.fetchall()

    return work


def _in_turns(ours: Callable[[], Any], free: Callable[[], Any], rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds of both, taken in turns so that a busy machine burdens both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for n in range(rounds + WARM):
        for found, work in zip(taken, (ours, free), strict=True):
            begun = perf_counter()
            work()
            if n >= WARM:
                found.append((perf_counter() - begun) * 1000)
    return taken


def _figures(name: str, ours: Sequence[float], free: Sequence[float], goal: float | None = None) -> Iterator[Figure]:
    yield figure(f"{name}, p50", statistics.median(ours), "ms", statistics.median(free))
    p95, limit = (statistics.quantiles(times, n=20, method="inclusive")[18] for times in (ours, free))
    yield figure(f"{name}, p95", p95, "ms", limit, goal)
