"""Formatted text: only harmless tags, and links only to web, mail and phone. Cleaned on the way in and on the way out.

Nothing that htmx, Alpine or a style sheet reads survives: the one attribute left is the address of a link.
"""

from __future__ import annotations

import html as entities
import re

import nh3
from django.utils.translation import gettext as _
from markupsafe import Markup

from .errors import Wrong

LENGTH = 100_000
TEXTS = {"p", "br", "b", "strong", "i", "em", "u", "s", "blockquote", "a", "h2", "h3", "h4", "code", "pre", "hr"}
TAGS = TEXTS | {"ul", "ol", "li", "table", "thead", "tbody", "tr", "th", "td"}
SCHEMES = {"http", "https", "mailto", "tel"}
# Whole addresses only: no relative or scheme-less ones (//evil.example), no name and password before the host, no
# unseen signs; browsers read a backslash as a slash.
_WEB = re.compile(r"https?://(?:[^\s/?#@\\<>\"'`\x00-\x20]+)(?:[/?#][^\s\\<>\"`\x00-\x20]*)?", re.IGNORECASE)
_MAIL = re.compile(r"mailto:[^\s\\<>\"'`\x00-\x20?#]+@[^\s\\<>\"'`\x00-\x20?#/]+", re.IGNORECASE)
_PHONE = re.compile(r"tel:\+?[0-9 ().,;*#-]{2,40}", re.IGNORECASE)
_BREAK = re.compile(r"</(?:p|li|h[234]|tr|blockquote|pre|div)>|<br ?/?>|<hr ?/?>", re.IGNORECASE)


def _address(tag: str, name: str, value: str) -> str | None:
    """The address of a link when it may stay; `rel` is what we add ourselves."""
    if name == "rel":
        return value
    if tag == "a" and name == "href" and any(p.fullmatch(value) for p in (_WEB, _MAIL, _PHONE)):
        return value
    return None


def _sanitised(text: str) -> str:
    return nh3.clean(
        text,
        tags=TAGS,
        clean_content_tags={"script", "style", "title", "textarea", "template", "noscript", "iframe", "svg", "math"},
        attributes={"a": {"href"}},
        attribute_filter=_address,
        url_schemes=SCHEMES,
        link_rel="noopener noreferrer nofollow",
    )


def clean(text: str) -> str:
    """The formatted text as it is kept; raises Wrong beyond LENGTH characters, or twice that once cleaned."""
    found = _sanitised(text) if len(text) <= LENGTH else text
    if len(text) > LENGTH or len(found) > 2 * LENGTH:
        raise Wrong(_("Too long: %(n)s characters, at most %(max)s.") % {"n": len(found), "max": LENGTH})
    return found


def render(text: str) -> Markup:
    """The formatted text for a page, cleaned again and closed to htmx."""
    if not text:
        return Markup()
    return Markup('<div class="prose" hx-disable>%s</div>') % Markup(_sanitised(text[: 2 * LENGTH]))  # noqa: S704  cleaned


def plain(text: str) -> str:
    """The words alone, a line for each block."""
    return entities.unescape(nh3.clean(_BREAK.sub("\n", text), tags=set())).strip()
