"""What a person is found by in texts: numbers and addresses that are theirs alone, and the name among their records."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from django.conf import settings

from zhike.base import mail, phone

GAP = r"[ \-–—()（）.·]*"
SHORT = 4  # a shorter account name or number would be found in texts that mean something else
ROOM = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: nothing that reads like another letter


def _key() -> bytes:
    return hashlib.sha256(b"zhike.erasure:" + settings.SECRET_KEY.encode()).digest()


def digest(value: str) -> str:
    """A keyed digest: tells whether a value is the erased one, and nobody without the key can try all numbers."""
    return hmac.new(_key(), value.encode(), hashlib.sha256).hexdigest()


def token(entity: str, record: object) -> str:
    """What stands where the name was, such as [K7Q2-M9XD]: no language, always the same for one record."""
    raw = hmac.new(_key(), f"{entity}:{record}".encode(), hashlib.sha256).digest()
    letters = "".join(ROOM[b % 32] for b in raw[:8])
    return f"[{letters[:4]}-{letters[4:]}]"


def number_source(value: str) -> str:
    """A regular expression for a phone number in the ways people write it; "" for what is none."""
    digits = phone.digits(phone.parse(value)).split(";")[0]
    if not digits.isdecimal() or len(digits) < 7:
        return ""
    foreign = phone.parse(value).number
    coded = foreign.startswith("+") and not foreign.startswith("+86")
    head = r"(?:\+|00)?" if coded else r"(?:(?:\+|00)?86[ -]*)?0?"
    return rf"(?<![0-9]){head}{GAP.join(digits if coded else digits.removeprefix('0'))}(?![0-9])"


def word_source(value: str, *, inside: str = "A-Za-z0-9_-") -> str:
    """A regular expression for a word as it stands, and as it stands in addresses of pages."""
    forms = {re.escape(value), re.escape(quote(value, safe="")), re.escape(value.replace(" ", "+"))}
    edge = inside if value.isascii() else ""
    joined = "|".join(sorted(forms, key=len, reverse=True))
    return rf"(?<![{edge}])(?:{joined})(?![{edge}])" if edge else f"(?:{joined})"


@dataclass(frozen=True)
class Needles:
    """Sources of regular expressions that Python and PostgreSQL read alike.

    `marks` are looked for everywhere, `names` only in records of or around the person.
    """

    marks: tuple[str, ...]
    names: tuple[str, ...]
    token: str
    digests: tuple[str, ...] = ()

    @cached_property
    def mark(self) -> re.Pattern[str] | None:
        """All marks in one."""
        return re.compile("|".join(self.marks), re.IGNORECASE) if self.marks else None

    @cached_property
    def any(self) -> re.Pattern[str] | None:
        """Marks and names in one."""
        found = (*self.marks, *self.names)
        return re.compile("|".join(found), re.IGNORECASE) if found else None

    def clean(self, value: Any, *, named: bool) -> Any:
        """The value with the token in place of what is found: in texts, lists, and JSON at any depth."""
        pattern = self.any if named else self.mark
        if pattern is None or value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return pattern.sub(self.token, value)
        if isinstance(value, int | float):
            return self.token if pattern.search(str(value)) else value
        if isinstance(value, list):
            return [self.clean(v, named=named) for v in value]
        if isinstance(value, dict):
            return {self.clean(k, named=named): self.clean(v, named=named) for k, v in value.items()}
        return value

    def clean_json(self, text: str, *, named: bool) -> str:
        """As `clean`, for JSON as text; what reads the same stays byte for byte."""
        before = json.loads(text)
        after = self.clean(before, named=named)
        return text if after == before else json.dumps(after, ensure_ascii=False)


def gather(
    *, mark: str, names: Iterable[str], phones: Iterable[str], mails: Iterable[str], words: Iterable[str], unique: bool
) -> Needles:
    """What to look for. `unique` says that nobody else bears the name, so that it may be looked for everywhere."""
    marks: list[str] = []
    said: set[str] = set()
    for value in phones:
        if source := number_source(value):
            marks.append(source)
            said.add(phone.digits(phone.parse(value)))
    for value in filter(None, mails):
        marks.append(word_source(value, inside="A-Za-z0-9._+-"))
        said.add(mail.key(value))
    long = [w for w in words if len(w) > SHORT and not (w.isdecimal() and len(w) < 7)]
    marks += [word_source(w) for w in long]
    titles = [n for n in dict.fromkeys(names) if len(n) > 1]
    plain = [word_source(n) for n in titles]
    if unique:
        everywhere = [word_source(n) for n in titles if len(n) > 2]
        marks += everywhere
        plain = [p for p in plain if p not in everywhere]
    digests = {digest(v) for v in (*said, *titles)}
    return Needles(tuple(dict.fromkeys(marks)), tuple(plain), mark, tuple(sorted(digests)))
