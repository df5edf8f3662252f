"""Names in the order of strokes, as Traditional readers know it from lists of people.

Numbers of strokes: Unicode CLDR 48, collation `stroke` (data/strokes.tsv). Among characters of one number the order is
that of Unicode, which is by radical. `key` says what the SQL function `zhike_strokes` says (migration 0006).
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

FIRST, LAST = 0x3400, 0x9FFF
LENGTH = 16  # characters of a name that count


@cache
def table() -> bytes:
    """The number of strokes of each character from FIRST to LAST; 0 where it is not known."""
    found = bytearray(LAST - FIRST + 1)
    for line in (Path(__file__).parent / "data/strokes.tsv").read_text("utf-8").splitlines():
        number, _tab, chars = line.partition("\t")
        for char in chars:
            found[ord(char) - FIRST] = int(number)
    return bytes(found)


def number(char: str) -> int:
    """How many strokes a character has; 0 where that is not known."""
    return table()[ord(char) - FIRST] if FIRST <= ord(char) <= LAST else 0


def key(text: str) -> str:
    """What sorts by strokes when compared sign by sign: `~`, a sign for the number, and the character."""
    return "".join(f"~{chr(48 + n)}{char}" if (n := number(char)) else _plain(char) for char in text[:LENGTH])


def _plain(char: str) -> str:
    return char.lower() if char.isascii() else char
