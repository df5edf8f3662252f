"""Small things that the tests of access share: a digest of all tables, records of people, rows of rights."""

from __future__ import annotations

from typing import Any

from django.db import connection

from tests.registry.factory import make
from zhike.base.models import FieldGrant, Grant, Role, User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get

ASIDE = ("django_session", "usersessions_usersession", "zhike_change")


def digest() -> dict[str, tuple[int, str]]:
    """Rows and a hash of every table but sessions."""
    found = {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'django%%'")
        for (table,) in cursor.fetchall():
            if table not in ASIDE:
                row = "(to_jsonb(t) - '{last_seen_on,last_login}'::text[])::text"
                rows = f"md5(coalesce(string_agg({row}, '|' ORDER BY {row}), ''))"
                cursor.execute(f'SELECT count(*), {rows} FROM "{table}" t')  # noqa: S608  names from the catalogue
                found[table] = cursor.fetchone()
    return found


def record(firm: Any, who: str, entity: str = "account") -> Any:
    """A record of somebody's own."""
    return make(firm.actor(who), get(entity))


def sees(user: User, record: Any, action: str = "read", entity: str = "account") -> bool:
    """Whether the gate lets somebody reach a record, with an actor made anew as for every request."""
    fresh = User.objects.select_related("department").get(pk=user.pk)
    return query.visible(Actor(fresh), get(entity), action).filter(pk=record.pk).exists()


def role(
    key: str, *grants: tuple[str, str, str], office: str = "", fields: tuple[tuple[str, str, str], ...] = ()
) -> Role:
    """A role with rows (entity, action, scope) and field levels (entity, field, level)."""
    made = Role.objects.create(key=key, name=key, office=office)
    Grant.objects.bulk_create(Grant(role=made, entity=e, action=a, scope=s) for e, a, s in grants)
    FieldGrant.objects.bulk_create(FieldGrant(role=made, entity=e, key=k, level=level) for e, k, level in fields)
    return made


def give(user: User, *roles: Role) -> None:
    """Let somebody hold these roles and no other."""
    User.objects.filter(pk=user.pk).update(roles=[r.pk for r in roles])
    user.refresh_from_db()
