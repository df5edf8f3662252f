"""A copy of the log outside the database, for whoever trusts it less: what happened, without values, and the seals."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.conf import settings

from .history import steps

if TYPE_CHECKING:
    from .chain import Line
    from .models import Seal

NOTICE = b"<109>zhike: "  # facility 13 (log audit), severity 5 (notice) of RFC 5424
LONGEST = 1_400
LOCAL = "/dev/log"


def write(seal: Seal, rows: Iterable[Line]) -> None:
    """Append a seal and its rows to ZHIKE_AUDIT_LOG, if it is set; OSError where that cannot be written.

    It names a file, or syslog (the machine's own), or syslog://host:port (RFC 3164 over UDP).
    """
    if not settings.AUDIT_LOG:
        return
    lines = [json.dumps(fact(row), ensure_ascii=False).encode() for row in rows]
    lines.append(json.dumps(sealed(seal)).encode())
    if settings.AUDIT_LOG.startswith("syslog"):
        _send(settings.AUDIT_LOG, lines)
    else:
        _append(Path(settings.AUDIT_LOG), lines)


def fact(row: Line) -> dict[str, Any]:
    """A row without its values: enough to compute its digest again (chain.py), not to learn what was in it."""
    return {
        "id": row.id,
        "at": row.at,
        "actor": row.actor,
        "behalf": row.behalf,
        "channel": row.channel,
        "action": row.action,
        "entity": row.entity,
        "record": row.record,
        "tx": row.tx,
        "fields": sorted(column for column, _sides in steps(json.loads(row.changes))),
        "payload": row.payload(),
        "digest": row.digest.hex(),
    }


def sealed(seal: Seal) -> dict[str, Any]:
    """A seal as it stands in the copy."""
    return {
        "seal": seal.pk,
        "from_tx": seal.from_tx,
        "to_tx": seal.to_tx,
        "rows": seal.rows,
        "at": seal.at.isoformat(),
        "digest": bytes(seal.digest).hex(),
    }


def seals(path: Path) -> Mapping[int, set[str]]:
    """The seals of a copy: number -> digests. A seal that was written but then not made stands there twice."""
    found: dict[int, set[str]] = {}
    with path.open(encoding="utf-8") as file:
        for line in file:
            start = line.find('{"seal"')
            if start >= 0:
                one = json.loads(line[start:])
                found.setdefault(one["seal"], set()).add(one["digest"])
    return found


def _append(path: Path, lines: Iterable[bytes]) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "wb") as file:
        file.write(b"".join(line + b"\n" for line in lines))
        file.flush()
        os.fsync(file.fileno())


def _send(place: str, lines: Iterable[bytes]) -> None:
    parts = urlsplit(place)
    family, address = (
        (socket.AF_INET, (parts.hostname, parts.port or 514)) if parts.hostname else (socket.AF_UNIX, LOCAL)
    )
    with socket.socket(family, socket.SOCK_DGRAM) as out:
        out.connect(address)
        for line in lines:
            out.send(NOTICE + line[:LONGEST])
