"""What a trial run remembers of the rows it has seen: nothing of them is in the database, and a million do not fit.

A database in a temporary file keeps, for each record that would be made, the values under its keys, and for each
record the row of the file that it came from first.
"""

from __future__ import annotations

import hashlib
import pickle
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

KeyValue = tuple[object, ...]
_MADE = (
    "CREATE TABLE record (id BLOB PRIMARY KEY, row INT, kept BLOB) WITHOUT ROWID",
    "CREATE TABLE found (hash INT, id BLOB, PRIMARY KEY (hash, id)) WITHOUT ROWID",
    "PRAGMA synchronous = off",
    "PRAGMA journal_mode = off",
    "PRAGMA cache_size = -65536",
    "BEGIN",  # to the end: nobody else reads it, and it is thrown away
)


def digest(key: Sequence[str], value: KeyValue) -> int:
    """A key with its values as 64 bits, the same in every process."""
    found = hashlib.blake2b(repr((key, value)).encode("utf-8", "surrogatepass"), digest_size=8)
    return int.from_bytes(found.digest(), "big", signed=True)


class Rehearsal:
    """The records that a trial run would have made or changed."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None)  # no name: in memory, and beyond that on disk
        for statement in _MADE:
            self._file.execute(statement)

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def note(self, rows: Mapping[UUID, int]) -> None:
        """Remember from which row records came."""
        self._file.executemany(
            "INSERT OR IGNORE INTO record VALUES (?, ?, NULL)", ((pk.bytes, row) for pk, row in rows.items())
        )

    def keep(self, made: Iterable[tuple[UUID, Mapping[str, Any], Iterable[int]]]) -> None:
        """Remember the values of records that would be made, and the digests of their keys."""
        records, keys = [], []
        for pk, values, hashes in made:
            records.append((pickle.dumps(dict(values)), pk.bytes))
            keys += [(h, pk.bytes) for h in hashes]
        self._file.executemany("UPDATE record SET kept = ? WHERE id = ?", records)
        self._file.executemany("INSERT OR IGNORE INTO found VALUES (?, ?)", keys)

    def rows(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        """The row from which each record came, as far as it was in the file."""
        found: dict[UUID, int] = {}
        for pk in ids:
            row = self._file.execute("SELECT row FROM record WHERE id = ?", (pk.bytes,)).fetchone()
            if row:
                found[pk] = row[0]
        return found

    def find(self, hashes: Iterable[int]) -> dict[UUID, dict[str, Any]]:
        """The records that would have been made with one of these keys, in the order of the file."""
        ids: dict[bytes, tuple[int, bytes]] = {}
        for h in hashes:
            for pk, row, kept in self._file.execute(
                "SELECT r.id, r.row, r.kept FROM found f JOIN record r USING (id) WHERE f.hash = ?", (h,)
            ):
                ids[pk] = row, kept
        ordered = sorted(ids.items(), key=lambda pair: pair[1][0])
        return {UUID(bytes=pk): pickle.loads(kept) for pk, (_row, kept) in ordered}  # noqa: S301  our own temporary file
