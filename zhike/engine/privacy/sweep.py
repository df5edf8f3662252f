"""Through every table of the database: texts, lists and JSON that name one person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

from zhike.engine.entity import AnyEntity, entities

from .blank import reindex
from .needles import Needles
from .persons import Around

# the history has its own way (history.redact); the others hold no words of people, or only what is derived
SKIPPED = (
    "engine_history",
    "engine_seal",
    "engine_erasure",
    "engine_stageevent",
    "engine_ownerperiod",
    "base_user",
    "django_session",
    "django_migrations",
    "django_content_type",
)
DERIVED = ("search_text", "search_grams", "pinyin", "name_key", "digest", "token", "password", "sha256", "secret")
TEXTS = ("text", "character varying")
CHUNK = 5_000
# table of no entity -> (its column, the entity to whose records it leads): its rows are as near as these
HANGING: dict[str, tuple[str, str]] = {}


@dataclass(frozen=True)
class Table:
    """A table with the columns that may hold words."""

    name: str
    key: str
    texts: tuple[str, ...]
    jsons: tuple[str, ...]
    lists: tuple[str, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.texts, *self.jsons, *self.lists)


def tables() -> list[Table]:
    """All tables with a key of one column, as the catalogue knows them: those of libraries too."""
    sql = """
        SELECT c.table_name, c.column_name, c.data_type, c.udt_name, k.key FROM information_schema.columns c JOIN (
            SELECT i.indrelid::regclass::text AS name, min(a.attname) AS key FROM pg_index i
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
            WHERE i.indisprimary GROUP BY 1 HAVING count(*) = 1
        ) k ON k.name = quote_ident(c.table_name)
        JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
        WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER'
        ORDER BY c.table_name, c.ordinal_position
    """
    with connection.cursor() as cursor:
        cursor.execute(sql)
        rows = cursor.fetchall()
    found: dict[str, Table] = {}
    for name, column, kind, udt, key in rows:
        if name in SKIPPED or column in DERIVED or column == key:
            continue
        t = found.setdefault(name, Table(name, key, (), (), ()))
        texts, jsons, lists = t.texts, t.jsons, t.lists
        if kind in TEXTS:
            texts = (*texts, column)
        elif kind in ("json", "jsonb"):
            jsons = (*jsons, column)
        elif kind == "ARRAY" and udt in ("_text", "_varchar"):
            lists = (*lists, column)
        found[name] = Table(name, key, texts, jsons, lists)
    return [t for t in found.values() if t.columns]


def _by_table() -> dict[str, list[AnyEntity]]:
    """The entities of each table; those of objects that the firm has made lie in one."""
    found: dict[str, list[AnyEntity]] = {}
    for e in entities().values():
        found.setdefault(e.model._meta.db_table, []).append(e)
    return found


def sweep(needles: Needles, where: Around) -> dict[str, set[Any]]:
    """Replace what is found; table -> keys of the rows that held it. Names of firms and codes (class public) stay."""
    known, found = _by_table(), dict[str, set[Any]]()
    own = {str(pk) for ids in where.own.values() for pk in ids}
    for table in tables():
        here = known.get(table.name, [])
        near: set[Any] = set()
        for entity in here:
            near |= where.own.get(entity.key, set()) | where.near.get(entity.key, set())
        first = next(iter(here), None)
        by, hub = HANGING.get(table.name, (table.key, ""))
        near |= where.own.get(hub, set()) | where.near.get(hub, set())
        hits = _clean_table(_words(table, first), needles, near, own if first is None else set(), by)
        if hits:
            found[table.name] = hits
            for entity in here:
                reindex(entity, hits)
    return found


def near_only(needles: Needles, where: Around) -> dict[str, set[Any]]:
    """As `sweep`, but only in the records about and around the person: for many persons at once."""
    found: dict[str, set[Any]] = {}
    known = {t.name: t for t in tables()}
    for key in {*where.own, *where.near}:
        entity = entities()[key]
        table = _words(known[entity.model._meta.db_table], entity)
        near = where.own.get(key, set()) | where.near.get(key, set())
        hanging = [(known[name], by) for name, (by, hub) in HANGING.items() if hub == key]
        for one, by in ((table, table.key), *hanging):
            for chunk in _chunks(sorted(near)):
                if hits := _rows(one, needles, f"{connection.ops.quote_name(by)} = ANY(%s)", [chunk]):
                    found.setdefault(one.name, set()).update(hits)
        reindex(entity, found.get(table.name, set()))
    return found


def _words(table: Table, entity: AnyEntity | None) -> Table:
    """Without the columns of class public, and of choices, which hold keys."""
    if entity is None:
        return table
    out = {a.column for a in entity.attributes.values() if a.data_class == "public" or a.choices}
    return Table(table.name, table.key, tuple(c for c in table.texts if c not in out), table.jsons, table.lists)


def _clean_table(table: Table, needles: Needles, near: set[Any], own: set[str], by: str) -> set[Any]:
    """`near` are values of the column `by`, in whose rows the bare name is meant too."""
    hits: set[Any] = set()
    if not table.columns:
        return hits
    quote = connection.ops.quote_name
    parts = [f"{quote(c)}::text" for c in table.columns]
    if needles.marks:
        pattern = "|".join(needles.marks)
        marked = " OR ".join(f"{p} ~* %s" for p in parts)
        hits |= _rows(table, needles, marked, [pattern] * len(parts))
    if near and needles.names:
        for chunk in _chunks(sorted(near)):
            hits |= _rows(table, needles, f"{quote(by)} = ANY(%s)", [chunk])
    if own and needles.names:  # rows of no entity, such as notices: those that name a record of the person
        linked = " OR ".join(f"{p} ~ %s" for p in parts)
        for chunk in _chunks(sorted(own), size=100):
            hits |= _rows(table, needles, linked, ["|".join(chunk)] * len(parts))
    return hits


def _chunks(items: Sequence[Any], size: int = CHUNK) -> Iterable[list[Any]]:
    return (list(items[n : n + size]) for n in range(0, len(items), size))


def _rows(table: Table, needles: Needles, where: str, values: list[Any]) -> set[Any]:
    quote = connection.ops.quote_name
    names = [quote(c) for c in (table.key, *table.columns)]
    jsons = {quote(c) for c in table.jsons}
    shown = ", ".join(f"{n}::text" if n in jsons else n for n in names)
    hits: set[Any] = set()
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {shown} FROM {quote(table.name)} WHERE {where}", values)  # noqa: S608
        rows = cursor.fetchall()
        for key, *cells in rows:
            changed = _changed(table, needles, cells)
            if changed:
                hits.add(key)
                sets = ", ".join(f"{quote(c)} = %s" + ("::jsonb" if c in table.jsons else "") for c in changed)
                sql = f"UPDATE {quote(table.name)} SET {sets} WHERE {quote(table.key)} = %s"  # noqa: S608
                cursor.execute(sql, [*changed.values(), key])
    return hits


def _changed(table: Table, needles: Needles, cells: Sequence[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for column, value in zip(table.columns, cells, strict=True):
        if value is None:
            continue
        after = needles.clean_json(value, named=True) if column in table.jsons else needles.clean(value, named=True)
        if after != value:
            found[column] = after
    return found
