"""What a trial run remembers of the rows it has seen: nothing of them is in the database, and a million do not fit.

In memory lie a number of 64 bits for each key of each record that would be made, and for each record the row of the
file that it came from first; the values lie in a temporary file.
"""

from __future__ import annotations

import pickle
from array import array
from collections.abc import Iterable, Mapping, Sequence
from tempfile import TemporaryFile
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

KeyValue = tuple[object, ...]
Kept = tuple[dict[str, Any], str]  # the values of a record, and all its numbers
Made = tuple[UUID, int, Kept, Iterable[int]]  # a record, its row, what is kept of it, the digests of its keys
Hashes = NDArray[np.int64]
Numbers = NDArray[np.int32]


def digest(key: Sequence[str], value: KeyValue) -> int:
    """A key with its values as 64 bits, the same within one process."""
    return hash((key, value))


LONGEST = 1 << 18  # entries of a run that is not made one with another: while two become one, both lie in memory


class _Index:
    """Digests with the number of the record that each stands for: sorted runs, of which equal ones become one."""

    def __init__(self) -> None:
        self._runs: list[tuple[Hashes, Numbers]] = []

    def add(self, hashes: Sequence[int], numbers: Sequence[int]) -> None:
        """Take more digests in."""
        if not hashes:
            return
        run = _sorted(np.array(hashes, np.int64), np.array(numbers, np.int32))
        while self._runs and len(self._runs[-1][0]) <= len(run[0]) < LONGEST:
            other = self._runs.pop()
            run = _sorted(np.concatenate((other[0], run[0])), np.concatenate((other[1], run[1])))
        self._runs.append(run)

    def find(self, hashes: Sequence[int]) -> list[tuple[int, int]]:
        """(place of the digest in `hashes`, number of a record) for each that is known."""
        wanted = np.array(hashes, np.int64)
        found: list[tuple[int, int]] = []
        for known, numbers in self._runs if len(wanted) else ():
            first, last = np.searchsorted(known, wanted), np.searchsorted(known, wanted, "right")
            for n in np.flatnonzero(last > first):
                found += ((int(n), int(number)) for number in numbers[first[n] : last[n]])
        return found


def _sorted(hashes: Hashes, numbers: Numbers) -> tuple[Hashes, Numbers]:
    order = np.argsort(hashes, kind="stable")
    return hashes[order], numbers[order]


class Rehearsal:
    """The records that a trial run would have made or changed, numbered as they came."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115  closed by close()
        self._end, self._is_at_end = 0, True
        self._keys, self._ids = _Index(), _Index()
        self._pks = bytearray()
        self._rows, self._places = array("i"), array("q")

    def close(self) -> None:
        """Forget everything."""
        self._file.close()

    def note(self, rows: Mapping[UUID, int]) -> None:
        """Remember from which row records came that were there before; of several rows the first."""
        known = self._numbers(rows)
        self._enter((pk, row, None) for pk, row in rows.items() if pk not in known)

    def make(self, made: Iterable[Made]) -> None:
        """Remember records that would be made."""
        made = list(made)
        first = self._enter((pk, row, kept) for pk, row, kept, _hashes in made)
        pairs = [(h, n) for n, (_pk, _row, _kept, hashes) in enumerate(made, first) for h in hashes]
        self._keys.add([h for h, _n in pairs], [n for _h, n in pairs])

    def change(self, pk: UUID, row: int, kept: Kept, hashes: Iterable[int]) -> None:
        """Remember what a row has made of a record, and that it is found by other keys too."""
        n = self._numbers([pk]).get(pk)
        if n is None:
            n = self._enter([(pk, row, None)])
        self._places[n] = self._write(kept)
        wanted = list(hashes)
        known = {place for place, number in self._keys.find(wanted) if number == n}
        fresh = [h for place, h in enumerate(wanted) if place not in known]
        self._keys.add(fresh, [n] * len(fresh))

    def rows(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        """The row from which each record came, as far as it was in the file."""
        return {pk: self._rows[n] for pk, n in self._numbers(ids).items()}

    def find(self, hashes: Iterable[int]) -> dict[UUID, Kept]:
        """The records that would have been made, or changed, so as to have one of these keys; in the file's order."""
        found = {n for _place, n in self._keys.find(list(hashes))}
        return {self._pk(n): self._read(n) for n in sorted(found, key=lambda n: (self._rows[n], n))}

    def known(self, hashes: Iterable[int]) -> set[int]:
        """Those of the digests by which something is found."""
        asked = list(hashes)
        return {asked[place] for place, _n in self._keys.find(asked)}

    def changed(self, ids: Iterable[UUID]) -> dict[UUID, Kept]:
        """Those which a row has changed, as they are since."""
        return {pk: self._read(n) for pk, n in self._numbers(ids).items() if self._places[n] >= 0}

    def _enter(self, records: Iterable[tuple[UUID, int, Kept | None]]) -> int:
        """Number records anew; gives the first number."""
        first = len(self._rows)
        hashes = []
        for pk, row, kept in records:
            self._pks += pk.bytes
            self._rows.append(row)
            self._places.append(-1 if kept is None else self._write(kept))
            hashes.append(hash(pk))
        self._ids.add(hashes, range(first, len(self._rows)))
        return first

    def _numbers(self, ids: Iterable[UUID]) -> dict[UUID, int]:
        wanted = list(ids)
        found = self._ids.find([hash(pk) for pk in wanted])
        return {wanted[place]: n for place, n in found if self._pk(n) == wanted[place]}

    def _pk(self, n: int) -> UUID:
        return UUID(bytes=bytes(self._pks[16 * n : 16 * n + 16]))

    def _write(self, kept: Kept) -> int:
        if not self._is_at_end:  # to seek is to empty the buffer
            self._file.seek(self._end)
            self._is_at_end = True
        place = self._end
        self._end += self._file.write(pickle.dumps(kept, pickle.HIGHEST_PROTOCOL))
        return place

    def _read(self, n: int) -> Kept:
        self._is_at_end = False
        self._file.seek(self._places[n])
        found: Kept = pickle.load(self._file)  # noqa: S301  our own temporary file
        return found
