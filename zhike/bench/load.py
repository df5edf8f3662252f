"""A large firm to measure with: customers, contacts, deals and activities of 2,000 people, made by the database.

What rows are found by is made by the functions of the product. Indexes, foreign keys and triggers are away while rows
come in and are there again afterwards; two connections work at a time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import product
from typing import Any

import psycopg
from django.db import connection

from zhike.base import fold, pinyin
from zhike.engine import catalog
from zhike.engine.models import Configuration, Counter
from zhike.launch import tuning

from . import Figure, Options, at_least, exact, load_people, scratch
from .load_people import Crowd
from .load_rows import Maker, Rows, Size
from .load_words import CITIES, FORMS, GIVEN, PROJECTS, REMARKS, STEMS, SUBJECTS, SURNAMES, TRADES, WHOM, document

ROWS = 1_000_000
SHARES = (2.0, 10.0, 0.4)  # contacts, activities and deals for each customer
SHARES_BEYOND = (1.0, 1.0, 0.1)  # of more than a million: a hundred million activities do not fit on a small machine
GOAL = 20_000  # rows a second
BODIES = 0.3  # activities that say more than their subject
CHUNK = 250_000
HANDS = 2
SEED = 20260101
DONE = "bench"  # the counter that says how many customers a finished database has
ROOM = min(max(tuning.memory() // tuning.MIB // 24, 128), 1_024)  # MB for an index; two are made at once
SESSION = (
    "SET synchronous_commit = off", f"SET maintenance_work_mem = '{ROOM}MB'", "SET work_mem = '64MB'", "SET jit = off",
    "SET max_parallel_maintenance_workers = 1", "SET timezone = 'Asia/Shanghai'",
)  # fmt: skip
Tell = Callable[[int, int, str], None]
Names = Sequence[tuple[str, str]]


def run(options: Options) -> list[Figure]:
    """Rows of each table, and rows a second in total, in a database that `keep` leaves to other benches."""
    size = options.get("rows") or ROWS
    with database({**options, "fresh": True}) as made:
        counts = _counts()
        wanted = _wanted(size, *shares(size))
        figures = [exact(f"load: {name}", counts[name], count, "rows") for name, count in wanted.items()]
        total, seconds = sum(counts.values()), made["seconds"]
        return [*figures, at_least("load: all rows", total / seconds, "rows/s", total / made["fill"], GOAL)]


@contextmanager
def database(options: Options, *, light: bool = False) -> Iterator[dict[str, Any]]:
    """The loaded database: one that is kept from before, if it has as many rows, else a new one.

    Gives its address, the people in it, and the seconds in which it was filled and made whole; `keep` leaves it there.
    A light one has no activities, most of the rows, for measures that do not touch them.
    """
    size, server = options.get("rows") or ROWS, options["server"]
    name, keep = _name(size, light=light), bool(options.get("keep"))
    if not options.get("fresh") and scratch.lies(server, name):
        with scratch.database(server, name, keep=keep, again=True) as url:
            if _is_whole(size):
                yield {"url": url, "crowd": load_people.found(), "seconds": 0.0, "fill": 0.0}
                return
    with scratch.database(server, name, keep=keep) as url:
        begun = time.perf_counter()
        crowd, fill = make(size, url=url, activities=0 if light else None, progress=options.get("progress"))
        yield {"url": url, "crowd": crowd, "seconds": time.perf_counter() - begun, "fill": fill}


def make(
    rows: int,
    *,
    url: str,
    contacts: float | None = None,
    activities: float | None = None,
    deals: float | None = None,
    progress: Tell | None = None,
) -> tuple[Crowd, float]:
    """The firm with `rows` customers, in the empty migrated database at `url`; and the seconds that rows took alone."""
    tell = progress or _silently
    crowd = load_people.make(random.Random(SEED))  # noqa: S311 - for drawing data, not secrets
    Configuration.objects.create(number=1, state=Configuration.State.PUBLISHED, document=document())
    catalog.refresh()
    with connection.cursor() as cursor:
        counts = _words(cursor, rows)
    given = zip((contacts, activities, deals), shares(rows), strict=True)
    wanted = _wanted(rows, *(usual if asked is None else asked for asked, usual in given))
    maker = Maker(Size(**wanted, now=int(time.time() // 86_400) * 86_400_000, **counts))
    begun, fill = time.perf_counter(), 0.0
    for one in maker.rows():
        with _bare(url, one, tell):
            started = time.perf_counter()
            _fill(url, one, tell)
            fill += time.perf_counter() - started
    with connection.cursor() as cursor:
        _follow_up(cursor, crowd, rows)
    tell(1, 1, f"load: {time.perf_counter() - begun:.0f} s")
    Counter.objects.create(entity=DONE, last=rows)
    return crowd, fill


def _silently(done: int, total: int, text: str) -> None:
    return


def shares(rows: int) -> tuple[float, float, float]:
    """Contacts, activities and deals for each of so many customers."""
    return SHARES if rows <= ROWS else SHARES_BEYOND


def _wanted(rows: int, contacts: float, activities: float, deals: float) -> dict[str, int]:
    shares = {"accounts": 1.0, "contacts": contacts, "deals": deals, "activities": activities}
    return {name: int(rows * share) for name, share in shares.items()}


def _counts() -> dict[str, int]:
    tables = {
        "accounts": "customers_account", "contacts": "customers_contact", "deals": "sales_deal",
        "activities": "activities_activity",
    }  # fmt: skip
    with connection.cursor() as cursor:
        found = {}
        for name, table in tables.items():
            cursor.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - one of the four above
            found[name] = cursor.fetchone()[0]
        return found


def _is_whole(size: int) -> bool:
    """Whether a kept database was filled to its end, with the fields of today."""
    published = Configuration.objects.filter(state=Configuration.State.PUBLISHED).first()
    return Counter.objects.filter(entity=DONE, last=size).exists() and (
        published is not None and published.document == document()
    )


def forget(options: Options) -> None:
    """Remove the databases that were kept."""
    for light in (False, True):
        options["server"].drop(_name(options.get("rows") or ROWS, light=light))


def _name(size: int, *, light: bool) -> str:
    return f"load_{size}_light" if light else f"load_{size}"


# ---- words


def _words(cursor: Any, rows: int) -> dict[str, int]:
    """Whom rows may belong to and what they may be called, as tables; how many there are of each."""
    dice = random.Random(SEED)  # noqa: S311 - for drawing data, not secrets
    for name in ("seat", "head", "tail", "person", "text", "project"):
        cursor.execute(f"DROP TABLE IF EXISTS bench_{name}")
    cursor.execute(
        "CREATE UNLOGGED TABLE bench_seat AS SELECT (row_number() OVER (ORDER BY cardinality(d.ancestors) DESC,"
        " md5(u.username)) - 1)::int AS n, u.id AS owner, d.id AS department, d.ancestors FROM base_user u"
        " JOIN base_department d ON d.id = u.department_id WHERE cardinality(d.ancestors) > 1"
    )
    heads = [(city + a + b, "") for city, a, b in product(CITIES, STEMS, STEMS)]
    heads = dice.sample(heads, min(len(heads), max(1_000, rows // 20)))
    trades = [(trade + form, trade) for trade, form in product(TRADES, FORMS)]
    persons = [(a + b + c, "") for a, b, c in product(SURNAMES, GIVEN, GIVEN)]
    persons = dice.sample(persons, min(len(persons), max(1_000, rows)))
    bodies = [f"{one}，{two}" if one != two else one for one, two in product(REMARKS, REMARKS[:4])]
    subjects = [*SUBJECTS * 20, *(s + w for s, w in product(SUBJECTS, WHOM))]
    texts = [(s, dice.choice(bodies) if dice.random() < BODIES else "") for s in subjects]
    counts = {
        "heads": _named(cursor, "head", heads, pinyin.company), "tails": _named(cursor, "tail", trades, pinyin.company),
        "persons": _named(cursor, "person", persons, pinyin.person),
        "texts": _named(cursor, "text", texts, pinyin.company),
        "projects": _named(cursor, "project", [(p, "") for p in PROJECTS], pinyin.company),
    }  # fmt: skip
    cursor.execute("SELECT count(*) FROM bench_seat")
    return {**counts, "seats": cursor.fetchone()[0]}


def _named(cursor: Any, table: str, names: Names, read: Callable[[str], pinyin.Pinyin]) -> int:
    """Names with what they are sorted and found by; the other text of each is its key or what stands below it.

    `inner_grams` and `begins` are what a name keeps that is only half of one.
    """
    cursor.execute(
        f"CREATE UNLOGGED TABLE bench_{table} (n int, name text, key text, pinyin text, reading text, initials text,"
        " text text, whole text[], inner_grams text[], begins text[], more text, more_grams text[])"
    )
    with cursor.copy(f"COPY bench_{table} FROM STDIN") as copy:
        for n, (name, other) in enumerate(names):
            found = read(name)
            text, more = fold.search_text([name, *found.search_parts]), fold.search_text([other])
            grams = fold.grams(text)
            inner = [g for g in grams if fold.SEPARATOR not in g]
            begins = [g for g in grams if g[0] == fold.SEPARATOR != g[-1]]
            row = (n, name, other, found.sort_key, found.full, found.initials, text, grams, inner, begins)
            copy.write_row((*row, more.lstrip(fold.SEPARATOR), fold.grams(more)))
    cursor.execute(f"ANALYZE bench_{table}")
    return len(names)


# ---- rows


def _fill(url: str, one: Rows, tell: Tell) -> None:
    """All rows of a table, a chunk at a time, so that neither side keeps many in memory."""
    table = one.model._meta.db_table
    others = [f for f in one.model._meta.concrete_fields if not f.null and f.column not in one.values]
    plain: dict[str, Any] = {str(f.column): f.get_db_prep_save(f.get_default(), connection) for f in others}
    chosen = ", ".join([*one.values.values(), *(f"%({column})s" for column in plain)])
    columns = ", ".join([*one.values, *plain])
    statement = f"INSERT INTO {table} ({columns}) SELECT {chosen} FROM {one.source}"  # noqa: S608 - our own words
    lows = range(1, one.count + 1, CHUNK)
    work = [(statement, {**plain, "low": low, "high": min(low + CHUNK - 1, one.count)}) for low in lows]
    _together(url, work, partial(_told, tell, f"load: {table}", one.count))


def _told(tell: Tell, text: str, count: int, done: int) -> None:
    tell(min(done * CHUNK, count), count, text)


@contextmanager
def _bare(url: str, one: Rows, tell: Tell) -> Iterator[None]:
    """A table without triggers, foreign keys and indexes while rows come in; all are there again afterwards."""
    table = one.model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
        indexes = [(name, made) for name, made in cursor.fetchall() if "UNIQUE" not in made]
        cursor.execute(
            "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass"
            " AND contype = 'f'",
            [table],
        )
        keys = cursor.fetchall()
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        for name, _made in keys:
            cursor.execute(f'ALTER TABLE {table} DROP CONSTRAINT "{name}"')
        for name, _made in indexes:
            cursor.execute(f'DROP INDEX "{name}"')
    yield
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM {table}")  # now, while there is no index to go through
    slow_first = sorted((made for _name, made in indexes), key=lambda made: "USING gin" not in made)
    _together(url, [(made, None) for made in slow_first], lambda done: tell(done, len(indexes), f"index: {table}"))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {table}")  # after the indexes: some are over expressions, which have figures too
    one_by_one = [(f'ALTER TABLE {table} ADD CONSTRAINT "{name}" {made}', None) for name, made in keys]
    _together(url, one_by_one, lambda done: tell(done, len(keys), f"foreign key: {table}"), hands=1)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _together(url: str, work: Sequence[tuple[str, Any]], told: Callable[[int], None], *, hands: int = HANDS) -> None:
    """Statements on some connections at a time, each with the room that great ones need."""

    def do(statement: tuple[str, Any]) -> None:
        with psycopg.connect(url, autocommit=True) as hand:
            for each in SESSION:
                hand.execute(each)
            hand.execute(statement[0], statement[1])

    with ThreadPoolExecutor(hands) as pool:
        for done, _nothing in enumerate(pool.map(do, work), 1):
            told(done)


def _follow_up(cursor: Any, crowd: Crowd, rows: int) -> None:
    """Steps of deals, and shares of customers."""
    cursor.execute(
        "INSERT INTO engine_stageevent (id, entity, record, to_stage_id, at, user_id, note)"
        " SELECT gen_random_uuid(), 'deal', id, stage_id, stage_at, owner_id, '' FROM sales_deal"
    )
    load_people.share(cursor, crowd, rows)
    cursor.execute("ANALYZE engine_stageevent, engine_share")
