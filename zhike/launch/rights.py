"""What the application may do in its database: everything with records, nothing to the tables, only add to the history.

The tables belong to one role and the application signs in as another, so that no fault of the application can change
what was logged. With one role for both (one DATABASE_URL), triggers alone guard the history.
"""

from __future__ import annotations

from typing import LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

ROLE = "zhike_app"
ONLY_ADDED = ("engine_history", "engine_seal", "engine_stageevent")

GRANTS: tuple[LiteralString, ...] = (
    "REVOKE CREATE ON SCHEMA {schema} FROM PUBLIC",
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role}",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE ON {only_added} FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON django_migrations FROM {role}",
    "GRANT EXECUTE ON FUNCTION zhike_history_expire(bigint, jsonb) TO {role}",
    "GRANT EXECUTE ON FUNCTION zhike_history_redact(text, uuid, text[], uuid, uuid, text, text) TO {role}",
)
FITS = """
SELECT has_table_privilege(%(role)s, 'engine_history', 'INSERT')
    AND NOT has_table_privilege(%(role)s, 'engine_history', 'UPDATE')
    AND has_table_privilege(%(role)s, 'base_user', 'UPDATE')
    AND coalesce((SELECT max(tx) FROM engine_history), 0) < pg_snapshot_xmax(s)::text::bigint
        + zhike_tx_oldest() - pg_snapshot_xmin(s)::text::bigint
FROM (SELECT pg_current_snapshot() AS s) AS now
"""
GONE_BACK = """
SELECT zhike_tx_oldest() - pg_snapshot_xmin(s)::text::bigint,
    greatest((SELECT max(tx) + 1 FROM engine_history), (SELECT max(to_tx) FROM engine_seal), 0)
        - pg_snapshot_xmax(s)::text::bigint
FROM (SELECT pg_current_snapshot() AS s) AS now
"""
TRANSACTIONS: LiteralString = """
CREATE OR REPLACE FUNCTION zhike_tx() RETURNS bigint LANGUAGE sql AS
    'SELECT pg_current_xact_id()::text::bigint + {base}';
CREATE OR REPLACE FUNCTION zhike_tx_oldest() RETURNS bigint LANGUAGE sql AS
    'SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint + {base}';
"""


def role_of(url: str) -> str:
    """The role that an address signs in as."""
    return str(conninfo_to_dict(url).get("user") or "")


def prepare(owner: str, app: str) -> None:
    """Give the role of `app` its rights on what the role of `owner` has made, and keep the order of the history.

    A database that was restored into another server counts its transactions from the beginning: what it adds to their
    numbers is raised, so that the history goes on after its last row.
    """
    with psycopg.connect(owner) as connection:
        row = connection.execute(GONE_BACK).fetchone()
        base, behind = (int(part) for part in row or (0, 0))
        if behind > 0:
            connection.execute(sql.SQL(TRANSACTIONS).format(base=sql.Literal(base + behind)))
        role, mine = role_of(app), connection.info.user
        if not role or role == mine:
            return
        schema = (connection.execute("SELECT current_schema()").fetchone() or ("public",))[0]
        names = {
            "role": sql.Identifier(role),
            "schema": sql.Identifier(schema),
            "only_added": sql.SQL(", ").join(map(sql.Identifier, ONLY_ADDED)),
        }
        for text in GRANTS:
            connection.execute(sql.SQL(text).format(**names))


def fit(connection: psycopg.Connection[tuple[object, ...]], app: str) -> bool:
    """Whether `prepare` has nothing to do; asked on an open connection of the owner."""
    role = role_of(app)
    if not role or role == connection.info.user:
        row = connection.execute(GONE_BACK).fetchone()
        return row is not None and int(str(row[1])) <= 0
    row = connection.execute(FITS, {"role": role}).fetchone()
    return row is not None and bool(row[0])
