"""Secrets: something in the database that somebody must not learn, and how to put another one in its place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db import connection

from zhike.engine import guard, recent, words
from zhike.engine.access import Actor
from zhike.engine.entity import get

from .world import World


@dataclass(frozen=True)
class Secret:
    """`swap` puts the other world in place; `words` are texts near it, by which an attacker would ask; `where` is the
    field that holds it, or "" for a record that is there or not."""

    name: str
    entity: str
    item: str
    where: str
    words: Sequence[str]
    first: Callable[[World], None]
    swap: Callable[[World], None]
    who: Sequence[str]


KEPT = ("engine_history", "engine_ownerperiod", "engine_stageevent", "engine_share")


def silence(*tables: str) -> None:
    """From here to the end of the transaction rows change as if they had always been so, without a history."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come cannot be altered
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for table in tables:
            cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER USER')


def other_value(item: str, entity: str, key: str, value: object) -> Callable[[World], None]:
    """Another value in a field, and in the search text that is made of it."""

    def swap(world: World) -> None:
        found = get(entity)
        rows = guard.rows(found.model, "the other world")
        record = rows.get(pk=world.ids[item])
        a = found.attributes[key]
        a.write(record, a.kind.clean(a, value) if a.custom else value)
        columns = ["custom" if a.custom else key]
        if hasattr(record, "numbers") and key in ("phone", "email", "landline"):
            record.numbers = str(value)
            columns.append("numbers")
        if hasattr(record, "search_text"):
            columns += words.index(found, record)
        if hasattr(record, "digits") and key == "value":
            record.digits = str(value).removeprefix("+86")
            columns.append("digits")
        silence(found.model._meta.db_table)
        rows.bulk_update([record], columns)

    return swap


def there(entity: str) -> Callable[[World], None]:
    """The world as it is, as silent as the other one."""

    def swap(world: World) -> None:
        silence(get(entity).model._meta.db_table, *KEPT)

    return swap


def gone(entity: str, name: str) -> Callable[[World], None]:
    """The record was never there: neither it nor what is kept about it."""

    def swap(world: World) -> None:
        table = get(entity).model._meta.db_table
        silence(table, *KEPT)
        with connection.cursor() as cursor:
            cursor.execute(f'DELETE FROM "{table}" WHERE id = %s', [world.ids[name]])  # noqa: S608  a model's table
            for other in KEPT:
                cursor.execute(f'DELETE FROM "{other}" WHERE record = %s', [world.ids[name]])  # noqa: S608  named above

    return swap


def opened(who: str, *items: str) -> Callable[[World], None]:
    """What somebody opened lately."""

    def swap(world: World) -> None:
        for name in items:
            recent.opened(Actor(world.users[who]), get(world.facts.items[name].entity), world.ids[name])

    return swap


HIDING = ("blind",)  # has fields hidden
SHY = ("shy", "shykey")  # see everything, reveal nothing
PHONES = ("+8613912340001", "+8613998760001")
MAILS = ("abacus@example.com", "abalone@example.com")  # the first two letters are shown


def field(item: str, entity: str, key: str, values: Sequence[object], who: Sequence[str]) -> Secret:
    """A field that is hidden from, or masked for, some people."""
    texts = [str(v) for v in values]
    pieces = [piece for t in texts for piece in (t[-4:], t[-6:-2], t[3:7], t[:8])]
    one, two = (other_value(item, entity, key, value) for value in values)
    return Secret(f"{item}.{key}", entity, item, key, pieces, one, two, who)


def absent(entity: str, name: str, who: Sequence[str]) -> Secret:
    """A record that some people cannot reach."""
    return Secret(f"{name} is there", entity, name, "", (name,), there(entity), gone(entity, name), who)


SECRETS: Sequence[Secret] = (
    field("activity-own", "activity", "body", ("暗号甲乙丙丁，报价一百万", "另一段说话文字，没有什么"), HIDING),
    Secret(
        "what the manager opened",
        "account",
        "account-own",
        "",
        ("account-own", "deal-own"),
        opened("manager", "account-own", "deal-own"),
        opened("manager", "account-mate"),
        ("seller", "mate", "shy", "stranger"),
    ),
    field("account-own", "account", "x_text", ("甲乙丙丁", "别的话说"), HIDING),
    field("account-own", "account", "x_phone", PHONES, HIDING),
    field("deal-own", "deal", "x_money", ("1000.00", "999000.00"), HIDING),
    field("x_visit-own", "x_visit", "x_integer", ("1000", "999000"), HIDING),
    field("account-own", "account", "x_phone", PHONES, SHY),
    field("deal-own", "deal", "x_email", MAILS, SHY),
    field("x_visit-own", "x_visit", "x_phone", PHONES, SHY),
    field("x_visit-own", "x_visit", "x_identity", ("11010519491231002X", "11010519600119002X"), SHY),
    absent("promise", "promise-junior", ("seller", "mate", "key")),
    absent("target", "target-mate", ("seller", "southern", "key")),
    absent("x_visit", "x_visit-mate", ("seller", "stranger", "southern", "key")),
    absent("x_visit", "x_visit-nobody", ("seller", "manager", "southern", "key", "narrow")),
    field("account-own", "account", "registered_capital", ("1000.00", "999000.00"), HIDING),
    field("account-own", "account", "phone", PHONES, HIDING),
    field("deal-own", "deal", "amount", ("1000.00", "999000.00"), HIDING),
    field("lead-own", "lead", "phone", PHONES, HIDING),
    field("account-own", "account", "phone", PHONES, SHY),
    field("account-own", "account", "email", MAILS, SHY),
    field("contact-own", "contact", "phone", PHONES, SHY),
    field("contact-own", "contact", "landline", ("+861062771111", "+861062881111"), SHY),
    field("contact-own", "contact", "email", MAILS, SHY),
    field("lead-own", "lead", "phone", PHONES, SHY),
    field("lead-own", "lead", "email", MAILS, SHY),
    field("contactpoint-own", "contactpoint", "value", PHONES, SHY),
    field("address-own", "address", "phone", PHONES, SHY),
    field("account-shared", "account", "phone", PHONES, ("seller", "mate", "junior", "reader")),
    field("contact-shared", "contact", "email", MAILS, ("seller", "key")),
    field("contact-at-own", "contact", "phone", PHONES, ("seller",)),
    absent("account", "account-nobody", ("seller", "junior", "stranger", "audit", "system", "nobody", "key")),
    absent("lead", "lead-mate", ("seller", "junior", "stranger", "southern", "narrow")),
    absent("contact", "contact-junior", ("seller", "stranger", "bounded", "southern", "key")),
    absent("deal", "deal-manager", ("seller", "stranger", "bounded", "key", "junior")),
    absent("activity", "activity-mate", ("seller", "stranger", "southern", "key")),
    absent("deal", "deal-nobody", ("seller", "manager", "reader", "southern", "bounded", "key")),
    absent("lead", "lead-nobody", ("seller", "manager", "junior", "reader", "bounded", "key", "narrow")),
    absent("activity", "activity-nobody", ("seller", "manager", "southern", "key")),
    field(
        "account-mate",
        "account",
        "name",
        ("记录甲乙", "别的名字"),
        ("seller", "stranger", "southern", "key", "bounded"),
    ),
    field("contact-mate", "contact", "name", ("记录甲乙", "别的名字"), ("seller", "stranger", "southern", "bounded")),
    field("lead-mate", "lead", "name", ("记录甲乙", "别的名字"), ("seller", "stranger", "southern", "key", "narrow")),
    field("deal-stranger", "deal", "amount", ("1000.00", "999000.00"), ("seller", "manager", "junior", "key")),
)
