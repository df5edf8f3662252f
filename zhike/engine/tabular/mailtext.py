"""The text of a mail: its plain part, or what a person sees of its HTML; names of what is attached."""

from __future__ import annotations

import re
from collections.abc import Iterator
from email.message import Message
from html.parser import HTMLParser

from .mailwords import decode, header

_BLOCKS = frozenset(
    ("p", "div", "br", "tr", "li", "ul", "ol", "table", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "hr", "pre")
)
_UNSEEN = frozenset(("script", "style", "head", "title", "template"))
_GAPS = re.compile(r"[ \t\xa0\u200b]+")
_LINES = re.compile(r"\n{3,}")
MOST_HTML = 2 * 1024 * 1024
PARTS = 2_000


class _Seen(HTMLParser):
    """Collects what stands on the page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BLOCKS:
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


def of_html(html: str) -> str:
    """The words of a page, a line for each block."""
    parser = _Seen()
    parser.feed(re.sub(r"<!--.*?(?:-->|\Z)|<!\[.*?\]>", "", html[:MOST_HTML], flags=re.DOTALL))
    parser.close()
    return tidy("".join(parser.parts))


def tidy(text: str) -> str:
    """Lines without blanks at their ends, and at most one empty line between them."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "")
    lines = [_GAPS.sub(" ", line).rstrip() for line in text.split("\n")]
    return _LINES.sub("\n\n", "\n".join(lines)).strip()


def leaves(mail: Message, most: int) -> Iterator[Message]:
    """The parts of a mail that hold no parts, in order; raises RecursionError below `most` levels.

    A mail within the mail is one leaf: it is what was forwarded.
    """
    waiting = [(mail, 1)]
    count = 0
    while waiting:
        part, depth = waiting.pop()
        count += 1
        if depth > most or count > PARTS:
            raise RecursionError
        inner = part.get_payload()
        if isinstance(inner, list) and part.get_content_maintype() == "multipart":
            waiting += [(one, depth + 1) for one in reversed(inner) if isinstance(one, Message)]
        else:
            yield part


def attached(part: Message) -> str:
    """The name of an attachment; empty for the text of the mail itself."""
    how = str(part.get("Content-Disposition") or "").lower().lstrip()
    try:
        name = header(part.get_filename())
    except (ValueError, LookupError, TypeError, AttributeError):
        name = ""
    name = name.replace("\\", "/").rpartition("/")[2].strip()[:200]
    if name:
        return name
    if part.get_content_maintype() == "message":
        inner = part.get_payload()
        first = inner[0] if isinstance(inner, list) and inner else None
        subject = header(first.get("Subject")) if isinstance(first, Message) else ""
        return f"{subject[:180] or 'message'}.eml"
    return "attachment" if how.startswith("attachment") else ""


def text_of(part: Message) -> tuple[str, bool]:
    """The decoded text of a part, and whether its label was right."""
    try:
        data = part.get_payload(decode=True)
    except (ValueError, LookupError, AssertionError):
        data = None
    if not isinstance(data, bytes):
        return "", True
    try:
        label = str(part.get_param("charset") or "")
    except (ValueError, TypeError):
        label = ""
    text, true = decode(data, label)
    kind = part.get_content_subtype()
    return (of_html(text), true) if kind == "html" else (tidy(text), true)
