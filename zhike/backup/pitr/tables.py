"""Whether a copy that went back to some second holds the tables as they were, judged by the database at work.

Both are the same cluster, so that rows tell by the same number (xmin) which transaction wrote them. A row at work that
was written before that second, and not since, must be in the copy as it is; what was changed since is not asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from gettext import gettext as _
from typing import Any

import psycopg
from psycopg import sql

from zhike.backup.digest import columns_of, digests

NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
LOGGED = """SELECT relname FROM pg_class
WHERE relkind = 'r' AND relpersistence = 'p' AND relnamespace = current_schema()::regnamespace"""
HASH = sql.SQL("hashtextextended(ROW({})::text, 0)")
# Numbers of transactions go round after 2^32: older is what lies less than half of that before. Below 3 is for ever.
OLDER = sql.SQL(
    "COPY (SELECT {hash}, xmin::text::bigint FROM {table} WHERE xmin::text::bigint < 3"
    " OR ({next} - xmin::text::bigint) & 4294967295 BETWEEN 1 AND 2147483647) TO STDOUT"
)
LIVE = "CREATE TEMP TABLE IF NOT EXISTS zhike_live (hash bigint, tx bigint); TRUNCATE zhike_live"
MISSING = sql.SQL(
    "SELECT count(*) FROM (SELECT hash, row_number() OVER (PARTITION BY hash) AS n FROM zhike_live WHERE tx < 3 OR"
    " coalesce(pg_xact_status(({next} - (({next} - tx) & 4294967295))::text::xid8), 'committed') = 'committed') l"
    " LEFT JOIN ({there}) w USING (hash) WHERE l.n > coalesce(w.n, 0)"
)
THERE = sql.SQL("SELECT {hash} AS hash, count(*) AS n FROM {table} GROUP BY 1")
NOTHING = sql.SQL("SELECT 0::bigint AS hash, 0 AS n")
SETTINGS = "SET timezone = 'UTC'; SET datestyle = 'ISO'; SET intervalstyle = 'postgres'"
Connection = psycopg.Connection[Any]


def compare(copy: Connection, live: Connection) -> list[str]:
    """The tables of `live` with rows that `copy` should have and has not, in words."""
    upto = int((copy.execute(NEXT).fetchone() or (0,))[0])
    for connection in (copy, live):
        connection.execute(SETTINGS)
    then, now = digests(copy), digests(live)
    logged = {str(row[0]) for row in live.execute(LOGGED)}  # of others nothing survives a crash, nor a copy
    before, after = columns_of(copy), columns_of(live)
    problems = []
    for name in sorted(logged & now.keys()):
        if now[name] == then.get(name):
            continue
        shared = [c for c in after[name] if c in before.get(name, after[name])]
        if count := _missing(copy, live, name, shared, upto, is_there=name in before):
            text = _("%(table)s: %(count)d rows that stood then are missing in the copy or are not as they were")
            problems.append(text % {"table": name, "count": count})
    return problems


def _missing(
    copy: Connection, live: Connection, name: str, columns: Sequence[str], upto: int, *, is_there: bool
) -> int:
    """Rows at work that were written before `upto` by what had been committed in the copy, and are not in it."""
    names = {"hash": HASH.format(sql.SQL(", ").join(map(sql.Identifier, columns))), "table": sql.Identifier(name)}
    copy.execute(LIVE)
    with (
        live.cursor().copy(OLDER.format(next=upto, **names)) as rows,
        copy.cursor().copy("COPY zhike_live FROM STDIN") as into,
    ):
        for block in rows:
            into.write(block)
    there = THERE.format(**names) if is_there else NOTHING
    return int((copy.execute(MISSING.format(next=upto, there=there)).fetchone() or (0,))[0])
