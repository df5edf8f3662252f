"""A large firm to measure with: 2,000 people in a tree of five levels, a million customers, shares. Nobody is real.

Rows are made by the database itself; what they are found by is made by the functions of the product.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Model

from zhike.base import fold, pinyin
from zhike.base.models import Department, Grant, Role, User
from zhike.engine.models import Share
from zhike.modules.customers.models import Account, Contact

CITIES = (
    "上海", "苏州", "宁波", "杭州", "深圳", "东莞", "佛山", "青岛",
    "天津", "合肥", "武汉", "成都", "西安", "长沙",
)  # fmt: skip
STEMS = "华安恒信德瑞金宏嘉盛泰达远航天星海润丰源明光永联合新锐博科创智中元"
TRADES = (
    "精密机械", "电子科技", "自动化设备", "医疗器械", "新材料", "包装制品", "环保工程", "食品",
    "服饰", "物流", "软件", "模具",
)  # fmt: skip
FORMS = (
    "有限公司", "股份有限公司", "有限责任公司",
)  # fmt: skip
SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗"
GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲"
BRANCHES = (4, 4, 4, 3)  # departments under each one, level by level
LEVELS = len(BRANCHES) + 1
PEOPLE = 2_000
SEED = 20260101
# UUIDv7 from the time and the number of a row: as close together in the index as rows made one by one
ID = (
    "(lpad(to_hex((extract(epoch FROM {at}) * 1000)::bigint), 12, '0') || '7' || substr(md5({n}::text), 1, 3)"
    " || '8' || substr(md5({n}::text), 4, 15))::uuid"
)
MADE = "(now() - interval '3 years' * (1 - d.n / %(rows)s::float8))"
TOUCHED = f"(now() - (now() - {MADE}) * d.touched ^ 2)"


@dataclass(frozen=True)
class Crowd:
    """Who is there: `heads` by level (1 is the root), sellers of the lowest level, and by how many shares they have."""

    heads: Mapping[int, User]
    executive: User
    admin: User
    sellers: Mapping[int, User]
    narrowed: User


def make(rows: int) -> Crowd:
    """The firm with `rows` customers and half as many contacts again; shares in proportion."""
    dice = random.Random(SEED)  # noqa: S311 - for drawing data, not secrets
    crowd = _people(dice)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")
        _draw(cursor, dice, rows)
        with _filled(cursor, Account):
            source = "drawn d JOIN seats s ON s.n = d.seat JOIN firm f ON f.n = d.name"
            _insert(cursor, Account, _account(), source, rows)
        cursor.execute(
            "CREATE TEMP TABLE held AS SELECT substr(number, 2)::int AS n, id, owner_id, department_id, ancestors"
            " FROM customers_account"
        )
        with _filled(cursor, Contact):
            _insert(cursor, Contact, _contact(), _contacts(), rows * 3 // 2)
        _shares(cursor, crowd, rows)
        cursor.execute("ANALYZE")
    return crowd


# ---- people


def _people(dice: random.Random) -> Crowd:
    levels: list[list[Department]] = [[_department("总部", None)]]
    for level, width in enumerate(BRANCHES, 2):
        levels.append([_department(f"{level}级{n}部", p) for n, p in product(range(1, width + 1), levels[-1])])
    for each in levels:
        Department.objects.bulk_create(each)
    roles = {role.key: role.pk for role in Role.objects.all()}
    narrow = Role.objects.create(key="narrow", name="narrow")
    for entity, action in product(("account", "contact"), ("list", "read")):
        conditions = [["status", "in", ["customer", "repeat"]]] if entity == "account" else []
        Grant.objects.create(role=narrow, entity=entity, action=action, scope="subtree", conditions=conditions)
    heads = {n: [_person(dice, d, roles["manager"]) for d in each] for n, each in enumerate(levels, 1)}
    others = PEOPLE - sum(map(len, heads.values())) - 3
    sellers = [_person(dice, levels[-1][n % len(levels[-1])], roles["seller"]) for n in range(others)]
    special = [
        _person(dice, levels[0][0], roles["executive"]),
        _person(dice, levels[0][0], roles["administrator"]),
        _person(dice, levels[2][0], narrow.pk),
    ]
    User.objects.bulk_create([*(u for each in heads.values() for u in each), *sellers, *special])
    return Crowd(
        {level: each[-1] for level, each in heads.items()}, special[0], special[1],
        dict(zip((0, 20, 500, 5_000), sellers, strict=False)), special[2],
    )  # fmt: skip


def _department(name: str, parent: Department | None) -> Department:
    made = Department(name=name, parent=parent)
    made.ancestors = [*(parent.ancestors if parent else ()), made.pk]
    return made


def _person(dice: random.Random, department: Department, role: UUID) -> User:
    name = dice.choice(SURNAMES) + dice.choice(GIVEN) + dice.choice(GIVEN)
    return User(
        username=f"u{dice.getrandbits(64):016x}", name=name, pinyin=pinyin.person(name).sort_key, department=department,
        roles=[role],
    )  # fmt: skip


# ---- records


def _draw(cursor: Any, dice: random.Random, rows: int) -> None:
    """Whom customers may belong to, and what they may be called, as tables of this connection."""
    cursor.execute(
        "CREATE TEMP TABLE seats AS"
        " SELECT row_number() OVER (ORDER BY cardinality(d.ancestors) DESC, u.username) - 1 AS n, u.id AS owner,"
        " d.id AS department, d.ancestors FROM base_user u JOIN base_department d ON d.id = u.department_id"
        " WHERE cardinality(d.ancestors) > 1"
    )
    firms = ["".join(p) for p in product(CITIES, STEMS, STEMS, TRADES, FORMS)]
    _names(cursor, "firm", dice.sample(firms, min(30_000, rows)), pinyin.company)
    _names(cursor, "person", ["".join(p) for p in product(SURNAMES, GIVEN, GIVEN)], pinyin.person)


def _names(cursor: Any, table: str, names: Sequence[str], read: Callable[[str], pinyin.Pinyin]) -> None:
    cursor.execute(f"CREATE TEMP TABLE {table} (n int, name text, pinyin text, text text, grams text[])")
    with cursor.copy(f"COPY {table} FROM STDIN") as copy:
        for n, name in enumerate(names):
            found = read(name)
            text = fold.search_text([name, found.full, found.initials, *found.alternatives])
            copy.write_row((n, name, found.sort_key, text, fold.grams(text)))
    cursor.execute(f"ANALYZE {table}")


@contextmanager
def _filled(cursor: Any, model: type[Model]) -> Iterator[None]:
    """Without triggers and indexes while rows come in; both are there again afterwards."""
    table = model._meta.db_table
    cursor.execute("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = %s", [table])
    indexes = [(name, made) for name, made in cursor.fetchall() if "UNIQUE" not in made]
    cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    for name, _made in indexes:
        cursor.execute(f'DROP INDEX "{name}"')
    yield
    for _name, made in indexes:
        cursor.execute(made)
    cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def _insert(cursor: Any, model: type[Model], values: Mapping[str, str], source: str, rows: int) -> None:
    """Rows whose columns are as `values` say in SQL, and else as the model has them by default."""
    others = [f for f in model._meta.concrete_fields if not f.null and f.column not in values]
    plain: dict[str, Any] = {str(f.column): f.get_db_prep_save(f.get_default(), connection) for f in others}
    columns, table = ", ".join([*values, *plain]), model._meta.db_table
    chosen = ", ".join([*values.values(), *(f"%({column})s" for column in plain)])
    drawn = (
        "SELECT n, floor(random() ^ 1.6 * (SELECT count(*) FROM seats))::int AS seat, random() AS touched,"
        " floor(random() * (SELECT count(*) FROM firm))::int AS name,"
        " floor(random() * (SELECT count(*) FROM person))::int AS person, random() AS r, random() AS q"
        " FROM generate_series(1, %(rows)s) n"
    )
    cursor.execute(
        f"WITH drawn AS MATERIALIZED ({drawn}) INSERT INTO {table} ({columns}) SELECT {chosen} FROM {source}",  # noqa: S608
        {**plain, "rows": rows},
    )


def _found(table: str) -> dict[str, str]:
    return {
        "id": ID.format(at=MADE, n="d.n"), "created_at": MADE, "updated_at": TOUCHED, "name": f"{table}.name",
        "pinyin": f"{table}.pinyin", "search_text": f"{table}.text", "search_grams": f"{table}.grams",
    }  # fmt: skip


def _picked(values: str, draw: str = "d.r") -> str:
    """One of the words, each as often as it stands there."""
    words = values.split()
    return f"('{{{','.join(words)}}}'::text[])[1 + floor({draw} * {len(words)})::int]"


def _account() -> dict[str, str]:
    return {
        **_found("f"), "owner_id": "s.owner", "department_id": "s.department", "ancestors": "s.ancestors",
        "number": "'C' || lpad(d.n::text, 7, '0')", "name_key": "f.name",
        "status": _picked("potential potential potential intent intent customer repeat silent silent lost"),
        "tier": _picked("S A A B B B B C C C", "d.q"), "source": _picked("exhibition search referral phone", "d.q"),
        "region": _picked("310114 320583 330212 440306 370203 420106", "d.r * d.q"),
        "phone": "'154' || lpad((d.n * 7 %% 100000000)::text, 8, '0')",
        "last_contact_at": f"CASE WHEN d.q > 0.3 THEN {TOUCHED} END",
        "next_follow_up_on": "CASE WHEN d.q < 0.1 THEN current_date + (d.r * 60 - 30)::int END",
    }  # fmt: skip


def _contact() -> dict[str, str]:
    return {
        **_found("p"), "owner_id": "o.owner_id", "department_id": "o.department_id", "ancestors": "o.ancestors",
        "account_id": "a.id", "position": _picked("总经理 采购经理 工程师 财务 厂长"),
        "phone": "'154' || lpad((d.n * 3 %% 100000000)::text, 8, '0')",
    }  # fmt: skip


def _contacts() -> str:
    """Contacts of customers; a tenth of them belong to somebody else than the customer does."""
    return (
        "drawn d JOIN person p ON p.n = d.person JOIN held a ON a.n = 1 + (d.n - 1) * 2 / 3"
        " JOIN held o ON o.n = CASE WHEN d.q < 0.1 THEN 1 + (d.n * 7919::bigint) %% (%(rows)s * 2 / 3) ELSE a.n END"
    )


# ---- shares


def _shares(cursor: Any, crowd: Crowd, rows: int) -> None:
    """Customers shared with persons, a department and a role; one in five no more."""
    part = rows / 1_000_000
    for count, user in crowd.sellers.items():
        _share(cursor, crowd.admin, Share.Kind.USER, user.pk, round(count * part))
    team = crowd.heads[LEVELS].department
    if team is not None:
        _share(cursor, crowd.admin, Share.Kind.DEPARTMENT, team.pk, round(100 * part))
        _share(cursor, crowd.admin, Share.Kind.DEPARTMENT, team.ancestors[2], round(200 * part))
    for user in User.objects.order_by("pk")[1_000:1_200]:
        _share(cursor, crowd.admin, Share.Kind.USER, user.pk, round(50 * part))
    _share(cursor, crowd.admin, Share.Kind.ROLE, crowd.narrowed.roles[0], round(30 * part))


def _share(cursor: Any, by: User, kind: str, target: UUID, count: int) -> None:
    cursor.execute(
        "INSERT INTO engine_share (id, entity, record, kind, target, level, title, until, reason, by_id, at)"
        " SELECT gen_random_uuid(), 'account', h.id, %(kind)s, %(target)s, 'read', '',"
        " CASE WHEN random() < 0.2 THEN current_date - 1 END, '', %(by)s, now()"
        " FROM (SELECT DISTINCT 1 + floor(random() * (SELECT count(*) FROM held))::int AS n"
        " FROM generate_series(1, %(count)s)) x JOIN held h USING (n) ON CONFLICT DO NOTHING",
        {"kind": kind, "target": target, "by": by.pk, "count": count},
    )
