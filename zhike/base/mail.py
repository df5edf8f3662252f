"""E-mail addresses as people type them.

Source: RFC 5321 lengths, RFC 5322 dot-atom, RFC 6531 (letters of any script are allowed). Quoted local
parts and address literals are refused on purpose: nobody's customer has one, a typing slip often looks so.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LABEL = re.compile(r"^(?:e-?mail|mail|邮箱|电子邮件|信箱|mailto)\s*:\s*", re.IGNORECASE)
_LOCAL = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*")
_DOMAIN_LABEL = re.compile(r"[^\W_](?:[\w-]*[^\W_])?")
_NAMED = re.compile(r"^[^<>]*<([^<>]+)>$")
_SEPARATORS = re.compile(r"[,;、\s/|]+")


def normalise(text: str) -> str:
    """Return the bare address: half-width, without label, name and brackets, domain in lower case."""
    return _normalise(text)


@lru_cache(1 << 13)
def _normalise(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).strip().strip("<>;, ")
    named = _NAMED.match(text + ">" if "<" in text else text)
    if named:
        text = named.group(1).strip()
    text = _LABEL.sub("", text).replace("。", ".")
    local, at, domain = text.rpartition("@")
    return f"{local}{at}{domain.lower().rstrip('.')}" if at else text


def key(text: str) -> str:
    """Return the form two equal mailboxes share: the normalised address, all lower case."""
    return normalise(text).lower()


def problem(text: str) -> str | None:
    """Say what is wrong with an address, or None.

    Codes: "empty", "no_at", "spaces", "local" (before the @), "domain" (after it), "length" (over 254).
    """
    address = normalise(text)
    if not address:
        return "empty"
    if "@" not in address:
        return "no_at"
    if re.search(r"\s", address):
        return "spaces"
    if len(address.encode()) > 254:
        return "length"
    local, _, domain = address.rpartition("@")
    if len(local.encode()) > 64 or not _LOCAL.fullmatch(local):
        return "local"
    return None if _is_domain(domain) else "domain"


def _is_domain(domain: str) -> bool:
    labels = domain.split(".")
    if len(labels) < 2 or labels[-1].isdigit() or len(labels[-1]) < 2:
        return False
    return all(len(label) <= 63 and _DOMAIN_LABEL.fullmatch(label) for label in labels)


def split(text: str) -> list[str]:
    """Split a cell that holds several addresses; text without an @ stays with what precedes it."""
    if text.isascii() and text.count("@") < 2:
        return [text.strip()] if text.strip() else []
    pieces = [piece for piece in _SEPARATORS.split(unicodedata.normalize("NFKC", text)) if piece]
    if sum("@" in piece for piece in pieces) < 2:
        return [text.strip()] if text.strip() else []
    return [piece for piece in pieces if "@" in piece]


def mask(text: str) -> str:
    """Hide the middle of the local part: "zh****@example.com"; without an @ everything is hidden."""
    local, at, domain = normalise(text).rpartition("@")
    if not at:
        return "****"
    return f"{local[: min(2, len(local) - 1)]}****@{domain}"
