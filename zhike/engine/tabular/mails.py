"""Mails as rows, one mail a row: a single one (eml) or a box of them (mbox).

Headings and words are those of the fields of an activity, so that they find their fields by themselves. Whether a mail
came in or went out is not told in it: the persons stand in "Owner" and "Contact" in the order from, to, cc, and the
import takes the first one that it knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email.message import Message
from email.parser import BytesHeaderParser, BytesParser
from email.policy import Compat32
from pathlib import Path

from . import mailtext, mailwords
from .errors import TabularError
from .model import Cell, Limits, MiB, Notes, key_of


class _AsItStands(Compat32):
    """Gives headers with the bytes that they have, so that those without a label can be read by content."""

    def header_fetch_parse(self, name: str, value: str) -> str:
        return value


AS_IT_STANDS = _AsItStands()
HEADERS = [
    "Type", "Status", "Subject", "Done at", "Content", "Owner", "Contact", "From", "From address", "To", "Cc",
    "Attachments", "Message-ID",
]  # fmt: skip
LARGEST = 64 * MiB  # of one mail in a box; of a larger one only the head is read
HEAD = 256 * 1024
_BEGIN = re.compile(rb"From \S.*\d{1,2}:\d\d(:\d\d)?.*\d{4}\s*$")
_BEFORE_COLON = re.compile(rb"^([A-Za-z][A-Za-z0-9-]*)[ \t]+:", re.MULTILINE)
_HEADER = re.compile(rb"[A-Za-z][A-Za-z0-9-]*:|[ \t]")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n|\r\r")


def _box(path: Path, limits: Limits) -> Iterator[tuple[int, bytes, bool]]:
    """(place from 1, bytes, whether it was cut because of its size) of each mail in a box."""
    number, size = 0, 0
    lines: list[bytes] = []
    blank = True
    with path.open("rb") as file:
        while line := file.readline(limits.cell_bytes):
            if blank and line.startswith(b"From ") and _BEGIN.match(line):
                if number:
                    yield number, b"".join(lines), size > LARGEST
                number, size, lines = number + 1, 0, []
                continue
            blank = not line.strip()
            size += len(line)
            if size <= LARGEST:
                lines.append(line[1:] if line.startswith(b">From ") else line)
    if number:
        yield number, b"".join(lines), size > LARGEST


def _mails(path: Path, *, box: bool, limits: Limits) -> Iterator[tuple[int, bytes, bool]]:
    if box:
        yield from _box(path, limits)
    else:
        size = path.stat().st_size
        with path.open("rb") as file:
            yield 1, file.read(LARGEST).lstrip(b"\xef\xbb\xbf\r\n \t"), size > LARGEST


def _parsed(data: bytes, row: int, notes: Notes, limits: Limits, *, cut: bool) -> tuple[Message, list[Message]]:
    """The mail and its leaves; of one that is too large or too deeply nested only the head."""
    if not cut:
        try:
            mail = BytesParser(policy=AS_IT_STANDS).parsebytes(data)
            if not any(mail.get(name) for name in ("From", "Subject", "Date", "To")):
                mail = BytesParser(policy=AS_IT_STANDS).parsebytes(_straightened(data))
            return mail, list(mailtext.leaves(mail, limits.depth))
        except (RecursionError, AssertionError, ValueError, LookupError, TypeError, AttributeError):
            pass
    if cut:
        notes.add("mail_too_large", row=row)
    else:
        notes.add("mail_too_deep", row=row)
    end = _END_OF_HEAD.search(data[:HEAD])
    return BytesHeaderParser(policy=AS_IT_STANDS).parsebytes(data[: end.end() if end else HEAD]), []


def _straightened(data: bytes) -> bytes:
    """A head without blanks before colons; a line that is no header belongs to the one before."""
    end = _END_OF_HEAD.search(data[:HEAD])
    place = end.start() if end else min(len(data), HEAD)
    lines = _BEFORE_COLON.sub(rb"\1:", data[:place].lstrip()).splitlines()
    head = [line if _HEADER.match(line) else b" " + line for line in lines]
    return b"\r\n".join(head) + data[place:]


def _body(parts: list[Message], row: int, notes: Notes, limits: Limits) -> tuple[str, list[str]]:
    """The text, plain before HTML, and the names of what is attached."""
    texts: dict[str, list[str]] = {"plain": [], "html": []}
    names = []
    for part in parts:
        name = mailtext.attached(part)
        if name:
            names.append(name)
        elif part.get_content_maintype() == "text" or part.get_content_type() == "text/plain":
            text, true = mailtext.text_of(part)
            if not true:
                notes.add("mail_charset", row=row)
            if text:
                texts["html" if part.get_content_subtype() == "html" else "plain"].append(text)
    found = "\n\n".join(texts["plain"] or texts["html"])
    if len(found) > limits.cell_chars:
        notes.add("text_cut", row=row, limit=limits.cell_chars)
        found = found[: limits.cell_chars]
    return found, names


def _when(mail: Message, row: int, notes: Notes) -> datetime | None:
    for name in ("Date", "Received", "Resent-Date", "Delivery-Date"):
        for value in (mail.get_all(name) or [])[:1]:
            found = mailwords.moment(value)
            if found is not None:
                return found
    notes.add("mail_undated", row=row)
    return None


def _all(mail: Message, *names: str) -> list[tuple[str, str]]:
    return mailwords.people([value for name in names for value in mail.get_all(name, [])])


def _cells(mail: Message, parts: list[Message], row: int, notes: Notes, limits: Limits) -> list[Cell]:
    body, names = _body(parts, row, notes, limits)
    senders, to, cc = _all(mail, "From") or _all(mail, "Sender"), _all(mail, "To"), _all(mail, "Cc", "Bcc")
    addresses = "; ".join(dict.fromkeys(address for _name, address in [*senders, *to, *cc][:50] if address))
    sender = next((address for _name, address in senders if address), "")
    texts: list[Cell] = [
        "mail", "done", mailwords.header(mail.get("Subject"))[:200], _when(mail, row, notes), body, addresses,
        addresses, next((name or address for name, address in senders), ""), sender, mailwords.shown(to),
        mailwords.shown(cc), "; ".join(names),
    ]  # fmt: skip
    number = mailwords.header(mail.get("Message-ID")).strip("<> ")
    texts.append(key_of(number, (sender, mail.get("To"), mail.get("Date"), texts[2], body)))
    return [(cell[: limits.cell_chars] or None) if isinstance(cell, str) else cell for cell in texts]


def read(path: Path, *, box: bool, notes: Notes, limits: Limits) -> tuple[list[str], Iterator[tuple[int, list[Cell]]]]:
    """Headings and rows; a row number is the place of the mail in the box."""
    return HEADERS, _rows(path, notes, limits, box=box)


def _rows(path: Path, notes: Notes, limits: Limits, *, box: bool) -> Iterator[tuple[int, list[Cell]]]:
    for row, data, cut in _mails(path, box=box, limits=limits):
        if row > limits.rows:
            raise TabularError("too_many_rows", limit=limits.rows, row=row)
        mail, parts = _parsed(data, row, notes, limits, cut=cut)
        if not mail.keys():
            notes.add("mail_empty", row=row)
            continue
        yield row, _cells(mail, parts, row, notes, limits)
