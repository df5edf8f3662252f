"""Tell by its content what a file is; its name is asked only whether a text that is nearly a mail is one."""

from __future__ import annotations

import re
from pathlib import Path

from .errors import TabularError

ZIP = b"PK\x03\x04"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FOREIGN = (
    (b"%PDF-", "pdf"),
    (b"\x89PNG", "image"),
    (b"\xff\xd8\xff", "image"),
    (b"GIF8", "image"),
    (b"BM", "image"),
    (b"Rar!", "archive"),
    (b"7z\xbc\xaf", "archive"),
    (b"\x1f\x8b", "archive"),
    (b"MZ", "program"),
    (b"\x7fELF", "program"),
    (b"{\\rtf", "document"),
)
_HTML = re.compile(r"(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*(<!doctype html|<html|<table|<meta|<head|<style)", re.DOTALL)
# The head of a mail: lines of known names, and nothing but names, texts and what they are continued by.
_MAIL_LINE = re.compile(r"([a-z][a-z0-9_-]{1,60})[ \t]*:|[ \t>]|from \S|$")
_MAIL_NAMES = frozenset(
    ("from", "to", "cc", "bcc", "subject", "date", "received", "message-id", "mime-version", "return-path",
     "delivered-to", "content-type", "reply-to", "sender", "x-original-to", "content-transfer-encoding", "references",
     "in-reply-to", "x-mailer", "resent-from", "dkim-signature")
)  # fmt: skip
_BOX = re.compile(r"from \S.*\d{1,2}:\d\d(:\d\d)?.*\d{4}\s*$")
_JSON = re.compile(r'\{\s*("|\})|\[\s*\{')
_BINARY_SAFE = re.compile(rb"[\x00-\x08\x0e-\x1a\x1b\x1c-\x1f]")


def _utf16(text: str) -> bytes:
    return text.encode("utf-16-le")


def _text_start(head: bytes) -> str:
    for bom, codec in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        if head.startswith(bom):
            return head[2:].decode(codec, "ignore").lstrip()
    start = head.removeprefix(b"\xef\xbb\xbf")
    return start.replace(b"\x00", b"").decode("latin-1").lstrip()


def _ole_kind(path: Path) -> str:
    data = path.read_bytes()
    if _utf16("EncryptedPackage") in data:
        raise TabularError("password")
    if _utf16("Workbook") in data or _utf16("Book") in data:
        return "xls"
    raise TabularError("not_a_table", found="document")


def _text_kind(start: str, name: str) -> str:
    lowered = start[:2000].lower()
    if re.match(r"([\w-]+\.)?begin:vcard", lowered):
        return "vcard"
    if _HTML.match(lowered):
        return "html"
    if lowered.startswith("<?xml") and "urn:schemas-microsoft-com:office:spreadsheet" in lowered:
        return "xml"
    if re.match(r"begin:[a-z-]+\s", lowered):
        return "ics"
    if _JSON.match(lowered):
        return "json"
    return _mail_kind(start.lower(), name)


def _mail_kind(lowered: str, name: str) -> str:
    """eml or mbox for what begins like a mail, else text; a name that says so helps where the head is short or odd."""
    lines = lowered.splitlines()[:-1] if len(lowered) >= 8000 else lowered.splitlines()
    if lines and _BOX.match(lines[0]):
        return "mbox"
    head = lines[: next((n for n, line in enumerate(lines) if not line.strip()), len(lines))]
    found = [_MAIL_LINE.match(line) for line in head]
    names = {match[1] for match in found if match and match[1]} & _MAIL_NAMES
    odd = sum(match is None for match in found)
    told = "eml" in expected_kinds(name)
    return "eml" if len(names) >= (1 if told else 2) and odd <= len(found) // (2 if told else 4) else "text"


def kind_of(path: Path, name: str = "") -> str:
    """One of zip, xls, vcard, ics, json, eml, mbox, html, xml, text; raises for an empty or a foreign file."""
    with path.open("rb") as file:
        head = file.read(8192)
    if not head.strip(b"\x00 \t\r\n\xef\xbb\xbf"):
        raise TabularError("empty")
    if head.startswith((ZIP, b"PK\x05\x06")):
        return "zip"
    if head.startswith(OLE):
        return _ole_kind(path)
    kind = _text_kind(_text_start(head), name)
    if kind == "text":
        _refuse_foreign(head)
    return kind


def _refuse_foreign(head: bytes) -> None:
    wide = head.startswith((b"\xff\xfe", b"\xfe\xff")) or head.count(b"\x00") > len(head) // 8
    for magic, found in _FOREIGN:
        short = len(magic) == 2
        if head.startswith(magic) and (not short or _BINARY_SAFE.search(head[:512])):
            raise TabularError("not_a_table", found=found)
    if not wide and len(_BINARY_SAFE.findall(head)) > len(head) // 10:
        raise TabularError("not_a_table", found="binary")


def expected_kinds(name: str) -> tuple[str, ...]:
    """The contents that a file name promises; empty when the name promises nothing."""
    suffix = name.lower().rpartition(".")[2] if "." in name else ""
    return {
        "xlsx": ("xlsx",),
        "xlsm": ("xlsx",),
        "xls": ("xls",),
        "et": ("xls",),
        "vcf": ("vcard",),
        "vcard": ("vcard",),
        "ods": ("ods",),
        "ics": ("ics",),
        "ical": ("ics",),
        "eml": ("eml", "mbox"),
        "mbox": ("mbox", "eml"),
        "jsonl": ("json",),
        "ndjson": ("json",),
        "json": ("json",),
        "csv": ("csv",),
        "tsv": ("csv",),
        "txt": ("csv", "vcard"),
    }.get(suffix, ())
