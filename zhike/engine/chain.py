"""The chain over the history: seals that no change, no gap and no new order of old rows survives unseen.

A row carries a digest of itself, made by the database. Every minute the rows of all transactions that can no longer
change are sealed, in the order of transaction and id; a seal's digest covers the digest before it, and so all that
went before. `verify` reads everything again and computes the digests anew, here and not in the database.

What it cannot see alone is a chain that somebody with the rights of a superuser has computed anew as a whole, or cut
off at its end: for that the seals are copied to another machine (ZHIKE_AUDIT_LOG) and `verify` is given the copy.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from zhike.base.models import User

from . import offbox
from .history import ERASED
from .models import History, Seal

LOCK = 0x7A6873656C  # "zhsel": one seal at a time
BATCH = 10_000
LEAF = 40
SHORTEST = 184  # days of history that nobody may take away: six calendar months (Cybersecurity Law, article 23)
SHOWN = 1_000

COLUMNS = (
    "id, (extract(epoch FROM at) * 1000000)::bigint, actor::text, behalf::text, channel, action, entity, record::text,"
    " tx, changes::text, details::text, digest"
)

SEAL = """
WITH h AS (
    SELECT count(*) AS n, coalesce(string_agg(int8send(id) || digest, ''::bytea ORDER BY tx, id), '') AS leaves
    FROM engine_history WHERE tx >= %(from)s AND tx < %(to)s
), s AS (SELECT n, leaves, clock_timestamp() AS at FROM h)
INSERT INTO engine_seal (id, from_tx, to_tx, rows, at, leaves, digest)
SELECT %(id)s, %(from)s, %(to)s, n, at, leaves, sha256(%(before)s::bytea || convert_to(
    jsonb_build_array(%(id)s::bigint, %(from)s::bigint, %(to)s::bigint, n, (extract(epoch FROM at) * 1000000)::bigint)
    ::text || E'\\n', 'UTF8') || leaves)
FROM s
"""


@dataclass(frozen=True)
class Finding:
    """Something that is not as it was sealed: `kind` changed, missing, added or seal; `ids` of rows or seals."""

    kind: str
    ids: tuple[int, int]  # first and last
    detail: str = ""

    def __str__(self) -> str:
        first, last = self.ids
        where = f"{first}" if first == last else f"{first}-{last}"
        return f"{self.kind} {where}{': ' if self.detail else ''}{self.detail}"


@dataclass
class Report:
    """What a verification saw. `redacted` counts rows whose personal values were erased by the book."""

    at: dt.datetime = field(default_factory=timezone.now)
    rows: int = 0
    seals: int = 0
    unsealed: int = 0
    redacted: int = 0
    expired: int = 0
    head: str = ""
    count: int = 0
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether everything is as it was sealed."""
        return not self.count

    def find(self, kind: str, first: int, last: int | None = None, detail: str = "") -> None:
        """Keep a finding; neighbours of one kind become a range, and beyond SHOWN they are only counted."""
        self.count += 1 if last is None else last - first + 1
        end = first if last is None else last
        if self.findings:
            before = self.findings[-1]
            if (before.kind, before.detail) == (kind, detail) and before.ids[1] + 1 == first:
                self.findings[-1] = Finding(kind, (before.ids[0], end), detail)
                return
        if len(self.findings) < SHOWN:
            self.findings.append(Finding(kind, (first, end), detail))


# ---- sealing


def seal(*, batch: int = BATCH) -> int:
    """Seal what no running transaction can still add to; gives how many rows. Safe to run at any time, by anybody.

    Each seal is written to the copy outside first: where that cannot be written, nothing is sealed and the error rises.
    """
    sealed = 0
    while True:
        with transaction.atomic():
            made = _seal_once(batch)
        if made is None:
            return sealed
        sealed += made


def _seal_once(batch: int) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute("SELECT zhike_tx_oldest()")
        oldest = int(cursor.fetchone()[0])
        last = Seal.objects.order_by("-id").values("id", "to_tx", "digest").first()
        start = last["to_tx"] if last else 0
        end = _end(cursor, start, oldest, batch)
        if end is None:
            return None
        number = last["id"] + 1 if last else 1
        before = bytes(last["digest"]) if last else b""
        cursor.execute(SEAL, {"id": number, "from": start, "to": end, "before": before})
    made = Seal.objects.get(pk=number)
    offbox.write(made, rows(start, end))
    return int(made.rows)


def _end(cursor: Any, start: int, oldest: int, batch: int) -> int | None:
    """Up to which transaction a seal of about `batch` rows reaches; a transaction is never divided. None: no rows."""
    where = "FROM engine_history WHERE tx >= %s AND tx < %s ORDER BY tx, id"
    cursor.execute(f"SELECT tx {where} LIMIT 1", [start, oldest])
    first = cursor.fetchone()
    if first is None:
        return None
    cursor.execute(f"SELECT tx {where} OFFSET %s LIMIT 1", [start, oldest, batch])
    more = cursor.fetchone()
    return oldest if more is None else max(int(more[0]), int(first[0]) + 1)


# ---- reading


@dataclass(frozen=True)
class Line:
    """One row of the history as texts, the way its digest is made."""

    id: int
    at: int  # microseconds since 1970
    actor: str | None
    behalf: str | None
    channel: str
    action: str
    entity: str
    record: str | None
    tx: int
    changes: str
    details: str
    digest: bytes

    @property
    def head(self) -> list[Any]:
        """What nobody may ever change."""
        parts = (self.id, self.at, self.actor, self.behalf, self.channel, self.action, self.entity, self.record)
        return [*parts, self.tx]

    def payload(self) -> str:
        """The digest of the values, from which alone personal data can be erased."""
        return hashlib.sha256(f"{self.changes}\n{self.details}".encode()).hexdigest()

    def computed(self, payload: str = "") -> bytes:
        """The digest as it should be, or as it was when the values had another digest."""
        text = json.dumps(self.head, ensure_ascii=False) + "\n" + (payload or self.payload())
        return hashlib.sha256(text.encode()).digest()


def rows(
    start: int | None = None, end: int | None = None, where: str = "", values: Sequence[Any] = ()
) -> Iterator[Line]:
    """Rows in the order of the chain, of the transactions from `start` to before `end`, a few at a time."""
    parts = ["true"]
    if start is not None:
        parts.append(f"tx >= {int(start)}")
    if end is not None:
        parts.append(f"tx < {int(end)}")
    if where:
        parts.append(where)
    sql = f"SELECT {COLUMNS} FROM engine_history WHERE {' AND '.join(parts)} ORDER BY tx, id"  # noqa: S608
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(sql, list(values))
        while found := cursor.fetchmany(2_000):
            for row in found:
                yield Line(*(*row[:11], bytes(row[11])))


def seal_digest(before: bytes, number: int, start: int, end: int, count: int, at: int, leaves: bytes) -> bytes:
    """The digest of a seal."""
    head = json.dumps([number, start, end, count, at]) + "\n"
    return hashlib.sha256(before + head.encode() + leaves).digest()


# ---- verifying


def verify(*, against: Mapping[int, Collection[str]] | None = None) -> Report:
    """Read the whole history and compute every digest again. `against` are seals kept elsewhere: number -> digests.

    Reads one state of the database, a few thousand rows at a time.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        return _Verification(against or {}).run()


@dataclass
class _Erased:
    """What was erased from a row: the digests of its values before and after each time, and the fields."""

    steps: list[tuple[str, str]] = field(default_factory=list)
    fields: set[str] = field(default_factory=set)


class _Ahead:
    """Rows of which one can be looked at before it is taken."""

    def __init__(self, found: Iterator[Line]) -> None:
        self.found = found
        self.line = next(found, None)

    def until(self, tx: int | None) -> Iterator[Line]:
        while (line := self.line) is not None and (tx is None or line.tx < tx):
            self.line = next(self.found, None)
            yield line


class _Verification:
    def __init__(self, against: Mapping[int, Collection[str]]) -> None:
        self.report = Report()
        self.against = against
        self.erased: dict[int, _Erased] = {}
        self.gone, self.gone_at = 0, 0  # rows of transactions before this one had expired at that moment
        self.number, self.reached, self.before = 0, 0, b""

    def run(self) -> Report:
        self._events()
        found = _Ahead(rows())
        for seal in Seal.objects.order_by("id").iterator(chunk_size=50):
            self._seal(seal)
            self._rows(seal, found.until(seal.to_tx))
        for line in found.until(None):
            self.report.unsealed += 1
            if line.digest != line.computed():
                self.report.find("changed", line.id, detail="not yet sealed")
        if missing := set(self.against) - set(range(1, self.number + 1)):
            self.report.find("seal", min(missing), max(missing), detail="is in the copy but not in the database")
        self.report.seals, self.report.head = self.number, self.before.hex()
        return self.report

    def _events(self) -> None:
        """What happened to the history by the book: erasures, expiry, a chain begun anew."""
        for line in rows(where="action IN ('redact', 'expire', 'chain')"):
            if line.digest != line.computed():
                continue  # it will be named as changed, and excuses nothing
            details = json.loads(line.details)
            if line.action == "redact":
                for pk, before, after in details["rows"]:
                    one = self.erased.setdefault(pk, _Erased())
                    one.steps.append((before, after))
                    one.fields.update(details["fields"])
            elif line.action == "expire":
                self.gone, self.gone_at = max((self.gone, self.gone_at), (details["to_tx"], line.at))
            else:
                self.report.notes.append(f"row {line.id}: the chain was begun anew ({details.get('reason', '')})")

    def _seal(self, seal: Seal) -> None:
        report, digest, leaves = self.report, bytes(seal.digest), bytes(seal.leaves)
        if seal.pk != self.number + 1:
            report.find("seal", self.number + 1, seal.pk - 1, "missing")
        elif seal.from_tx != self.reached:
            report.find("seal", seal.pk, detail="does not begin where the one before it ends")
        computed = seal_digest(self.before, seal.pk, seal.from_tx, seal.to_tx, seal.rows, micros(seal.at), leaves)
        if computed != digest or len(leaves) != seal.rows * LEAF:
            report.find("seal", seal.pk, detail="is not what follows from the one before it and its rows")
        if seal.pk in self.against and digest.hex() not in self.against[seal.pk]:
            report.find("seal", seal.pk, detail="is another one than in the copy")
        self.number, self.reached, self.before = seal.pk, seal.to_tx, digest

    def _rows(self, seal: Seal, inside: Iterable[Line]) -> None:
        report, leaves = self.report, bytes(seal.leaves)
        due = {
            int.from_bytes(leaves[n : n + 8], "big", signed=True): leaves[n + 8 : n + LEAF]
            for n in range(0, len(leaves), LEAF)
        }
        for line in inside:
            leaf = due.pop(line.id, None)
            if leaf is None:
                report.find("added", line.id)
            elif line.digest != line.computed() or not (line.computed() == leaf or self._by_the_book(line, leaf)):
                report.find("changed", line.id)
            else:
                report.rows += 1
        if seal.to_tx <= self.gone and self.gone_at - micros(seal.at) >= SHORTEST * 86_400_000_000:
            report.expired += len(due)
            return
        for pk in due:
            report.find("missing", pk)

    def _by_the_book(self, line: Line, leaf: bytes) -> bool:
        """Whether a row differs from what was sealed only by values that were erased, and by none that was not."""
        erased = self.erased.get(line.id)
        if erased is None:
            return False
        sealed = next((n for n, step in enumerate(erased.steps) if line.computed(step[0]) == leaf), None)
        if sealed is None:
            return False
        steps = erased.steps[sealed:]
        follow = all(now[1] == then[0] for now, then in pairwise(steps))
        if not follow or steps[-1][1] != line.payload() or not _all_erased(line, erased.fields):
            return False
        self.report.redacted += 1
        return True


def _all_erased(line: Line, fields: Collection[str]) -> bool:
    """Whether the fields hold nothing but the word that stands for an erased value."""
    held = [*json.loads(line.changes).items(), *json.loads(line.details).items()]
    values = [value for key, value in held if key in fields]
    flat = [part for value in values for part in (value if isinstance(value, list) else [value])]
    return all(part in (None, ERASED) for part in flat)


def micros(at: dt.datetime) -> int:
    """A moment as whole microseconds since 1970."""
    return (at - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)


# ---- how it stands


@dataclass(frozen=True)
class Status:
    """How the chain stands: the last seal, what waits for one, and what the last verification said."""

    seals: int
    sealed_at: dt.datetime | None
    head: str
    waiting: int
    verified_at: dt.datetime | None
    ok: bool | None
    findings: Sequence[str]


def status() -> Status:
    """How the chain stands now, without reading it."""
    last = Seal.objects.order_by("-id").values("id", "to_tx", "at", "digest").first()
    seen = History.objects.filter(action="verify", entity="").order_by("-id").first()
    return Status(
        last["id"] if last else 0,
        last["at"] if last else None,
        bytes(last["digest"]).hex() if last else "",
        History.objects.filter(tx__gte=last["to_tx"] if last else 0).count(),
        seen.at if seen else None,
        seen.details.get("ok") if seen else None,
        seen.details.get("findings", ()) if seen else (),
    )


def verified(report: Report, *, user: User | None = None, channel: str = "job") -> None:
    """Keep in the history that, and with what result, it was verified."""
    details = {
        "ok": report.ok,
        "rows": report.rows,
        "seals": report.seals,
        "head": report.head,
        "count": report.count,
        "findings": [str(one) for one in report.findings[:20]],
    }
    History.objects.create(
        at=timezone.now(),
        actor=user.pk if user else None,
        channel=channel,
        action="verify",
        entity="",
        changes={},
        details=details,
    )
