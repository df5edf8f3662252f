"""Record ids: UUIDv7 made in Python, because PostgreSQL before 18 has no uuidv7()."""

from __future__ import annotations

import os
import threading
import time
import uuid

_lock = threading.Lock()
_last = [0]


def uuid7() -> uuid.UUID:
    """A new UUIDv7 (RFC 9562, section 5.7), strictly increasing within the process.

    48 bits of milliseconds, 12 bits that count steps below a millisecond (method 3 of section 6.2), 62 random bits.
    """
    with _lock:
        ticks = time.time_ns() * 4096 // 1_000_000
        _last[0] = ticks = max(ticks, _last[0] + 1)
    value = (ticks >> 12) << 80 | 0x7 << 76 | (ticks & 0xFFF) << 64 | 0b10 << 62
    return uuid.UUID(int=value | int.from_bytes(os.urandom(8)) >> 2)
