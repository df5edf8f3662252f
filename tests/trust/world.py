"""A world of facts as rows in a database, made through the write path, and the browsers and keys of its people."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.catalog import sample
from tests.registry.factory import value
from zhike.base.models import Department, FieldGrant, Grant, Role, User
from zhike.engine import guard, records, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.models import Delegation, Share, Token

from .facts import Facts, Item, Person
from .oracle import Oracle

VOLATILE = {  # columns that are not the records': when a key was last used, how often somebody knocked
    "base_user": ("last_seen_on", "last_login"),
    "engine_token": ("used_at",),
}
LEFT_OUT = (
    "django_",
    "base_failedlogin",
    "engine_counter",
    "engine_seal",
    "procrastinate_",
    "usersessions_",
    "zhike_change",
)

NEEDED = {"activity": {"kind": "note"}, "consent": {"text_version": "2026-01"}}  # beyond required fields


@dataclass
class World:
    """The rows of `facts`, by the names in it."""

    facts: Facts
    oracle: Oracle
    departments: dict[str, Department] = field(default_factory=dict)
    roles: dict[str, Role] = field(default_factory=dict)
    users: dict[str, User] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    loans: dict[str, UUID] = field(default_factory=dict)
    clients: dict[str, Client] = field(default_factory=dict)
    again: UUID | None = None  # a record that a case has made to be like the one it is about

    def version(self, item: Item) -> int:
        """The version of a record now."""
        rows = guard.rows(get(item.entity).model, "test")
        return int(rows.filter(pk=self.ids[item.name]).values_list("version", flat=True).get())

    def actor(self, name: str) -> Actor:
        """Somebody as an actor of the engine, for what has no page."""
        return Actor(User.objects.get(pk=self.users[name].pk), "test")

    def client(self, person: Person) -> Client:
        """The browser of somebody, signed in as far as they can be; made once."""
        if person.name not in self.clients:
            client = Client(raise_request_exception=False)
            if person.name != "anonymous":
                client.force_login(self.users[person.name])
                if person.for_whom:
                    enter(self, client, person)
            self.clients[person.name] = client
        return self.clients[person.name]


def enter(world: World, client: Client, person: Person) -> None:
    """Begin to act for somebody, or to look as somebody."""
    if person.looking:
        data = {"person": str(world.users[person.for_whom].pk), "reason": "Test"}
        answer = client.post("/settings/view-as", data)
    else:
        answer = client.post(f"/acting/{world.loans[person.name]}")
    assert answer.status_code in (302, 303), (person.name, answer.status_code)


def build(facts: Facts) -> World:
    """Make the rows; the caller holds the transaction that undoes them."""
    sample.publish()
    world = World(facts, Oracle(facts))
    for name, parent in facts.parents.items():
        above = world.departments[parent].ancestors if parent else []
        made = Department(name=name, parent=world.departments[parent] if parent else None)
        made.ancestors = [*above, made.pk]
        made.save()
        world.departments[name] = made
    _roles(world)
    for person in facts.people.values():
        if person.name != "anonymous":
            world.users[person.name] = User.objects.create_user(
                person.name,
                "a-long-enough-password",
                name=f"人{person.name}",
                email=f"{person.name}@example.com",
                department=world.departments[person.place],
                roles=[world.roles[r].pk for r in person.roles],
            )
    god = Actor(world.users["admin"], "test")
    for item in facts.items.values():
        _item(world, god, item)
    _lend(world)
    for person in facts.people.values():  # last, because nobody who is gone can be given anything
        if not person.active:
            User.objects.filter(pk=world.users[person.name].pk).update(is_active=False)
    for person in facts.people.values():
        if person.token is None:
            world.client(person)  # signed in before the first case, whose end takes back what it did
    return world


def _roles(world: World) -> None:
    world.roles = {role.key: role for role in Role.objects.all()}
    for key, said in world.facts.extra_roles.items():
        role = world.roles[key] = Role.objects.create(key=key, name=f"角色{key}", office=str(said["office"]))
        for grant in said["grants"]:  # type: ignore[attr-defined]
            for entity in world.oracle.groups.get(grant["on"], [grant["on"]]):
                for word in grant["may"]:
                    for action in world.oracle.words.get(word, [word]):
                        Grant.objects.get_or_create(
                            role=role,
                            entity=entity,
                            action=action,
                            defaults={
                                "scope": grant["reach"],
                                "conditions": [grant["when"]] if "when" in grant else [],
                            },
                        )
        for place, level in said.get("fields", {}).items():  # type: ignore[attr-defined]
            entity, key_ = place.split(".")
            FieldGrant.objects.create(role=role, entity=entity, key=key_, level=level)


def _item(world: World, god: Actor, item: Item) -> None:
    entity = entities().get(item.entity)
    if entity is None:
        return
    links = {key: str(world.ids[name]) for key, name in item.links}
    keys = {k for k, a in entity.attributes.items() if a.required and a.editable}
    if entity.attributes[entity.title].editable:
        keys.add(entity.title)
    keys -= {"pipeline", "stage", "owner", *links}
    values = {k: value(god, entity, k) for k in sorted(keys) if not entity.attributes[k].is_link}
    values |= {k: value(god, entity, k) for k in ("phone", "email") if k in entity.attributes}
    values |= {**links, **dict(item.values), **{key: str(world.users[name].pk) for key, name in item.named}}
    values |= NEEDED.get(item.entity, {})
    if entity.has_owner:
        values["owner"] = str(world.users[item.owner or "admin"].pk)
    made = records.create(god, entity, values)
    world.ids[item.name] = made.pk
    if entity.has_owner and not item.owner:
        guard.rows(entity.model, "a record that lost its owner").filter(pk=made.pk).update(
            owner=None, department=None, ancestors=[]
        )
    for share in item.shares:
        target: Any = {"user": world.users, "department": world.departments, "role": world.roles}[share.kind]
        day = timezone.localdate()
        Share.objects.create(
            entity=item.entity,
            record=made.pk,
            kind=share.kind,
            target=target[share.target].pk,
            level=share.level,
            until=day - dt.timedelta(days=1) if share.expired else day,
            by=god.user,
        )
    if item.deleted:
        records.delete_many(god, entity, [made.pk])


def _lend(world: World) -> None:
    day, now = timezone.localdate(), timezone.now()
    for person in world.facts.people.values():
        if person.token is not None:
            issued = tokens.issue(
                Actor(world.users[person.name], "test"), name=person.name, scopes=list(person.token), days=30
            )
            made, world.keys[person.name] = issued.token, issued.secret
            if person.token_is == "expired":
                Token.objects.filter(pk=made.pk).update(expires_at=now - dt.timedelta(minutes=1))
            if person.token_is == "revoked":
                Token.objects.filter(pk=made.pk).update(revoked_at=now)
        if person.for_whom and not person.looking:
            loan = Delegation.objects.create(
                principal=world.users[person.for_whom],
                assistant=world.users[person.name],
                scopes=list(person.lent),
                from_on=day,
                until_on=day,
                by=world.users["admin"],
            )
            world.loans[person.name] = loan.pk


def digest() -> dict[str, str]:
    """A fingerprint of every table, but for sessions, queues and what only says that somebody knocked."""
    with connection.cursor() as cursor:
        cursor.execute(_sql())
        return dict(cursor.fetchall())


def written() -> dict[str, str]:
    """How often this transaction has written to each table, taken back or not; of tables in which columns are left out,
    their fingerprints. Where this is the same before and after, so is the digest, and asking takes no walk."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname, (n_tup_ins + n_tup_upd + n_tup_del)::text FROM pg_stat_xact_user_tables"
            " WHERE schemaname = 'public' AND relname <> ALL(%s)",
            [list(VOLATILE)],
        )
        found = {table: n for table, n in cursor.fetchall() if not table.startswith(LEFT_OUT)}
        cursor.execute(" UNION ALL ".join(_part(table) for table in sorted(VOLATILE)))
        return found | dict(cursor.fetchall())


_statement: list[str] = []


def _part(table: str) -> str:
    row = "to_jsonb(t)" + "".join(f" - '{column}'" for column in VOLATILE.get(table, ()))
    hashed = f"coalesce(sum(hashtextextended(({row})::text, 0)::numeric), 0)"
    return f"SELECT '{table}', count(*) || ':' || {hashed} FROM \"{table}\" t"  # noqa: S608  names from the catalogue


def _sql() -> str:
    if not _statement:
        with connection.cursor() as cursor:
            cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
            tables = [t for (t,) in cursor.fetchall() if not t.startswith(LEFT_OUT)]
        _statement.append(" UNION ALL ".join(_part(table) for table in tables))
    return _statement[0]
