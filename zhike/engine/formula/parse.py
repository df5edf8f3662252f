"""The text of a formula as a tree: a small grammar of its own, in bounded time, with the place of every error.

The grammar is that of spreadsheets, because that is what administrators know: `if(amount >= 10万, "A", "B")`.
Full-width signs count as their plain ones. Nothing loops, calls back, or names anything but fields and functions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine.errors import Wrong

MAX_TEXT = 2_000  # characters
MAX_NODES = 200
MAX_DEPTH = 24
MAX_DIGITS = 15  # of a number before and after the point


class Problem(Wrong):
    """What is wrong with a formula; `at` is the character where it is, from 1."""

    def __init__(self, text: str, at: int, code: str = "formula") -> None:
        super().__init__(_("Character %(at)s: %(problem)s") % {"at": at, "problem": text}, code)
        self.at = at


@dataclass(frozen=True)
class Node:
    """One part of a formula. `op` is number, text, true, false, null, name, or what is done to `args`."""

    op: str
    at: int
    args: tuple[Node, ...] = ()
    value: Any = None

    def walk(self) -> Iterator[Node]:
        """This part and all below it."""
        yield self
        for part in self.args:
            yield from part.walk()


@dataclass(frozen=True)
class Token:
    """A word, number, text or sign, and where it begins."""

    kind: str
    text: str
    at: int


_WIDE = str.maketrans("（），；＋－×＊÷／＝＞＜％＆．！｜", "(),,+-**//=><%&.!|") | str.maketrans(
    {"≥": ">=", "≤": "<=", "≠": "!="}
)
_TOKEN = re.compile(
    r"""(?P<space>[\s\u3000]+)
    |(?P<number>[0-9０-９]+(?:[.．][0-9０-９]+)?[万亿萬億]?)
    |(?P<text>"[^"]*"|'[^']*'|“[^”]*”|‘[^’]*’)
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*(?:\.[A-Za-z_][A-Za-z0-9_]*)*)
    |(?P<sign>&&|\|\||==|!=|<>|>=|<=|[-+*/&=<>(),%!≥≤≠（），；＋－×＊÷／＝＞＜％＆])""",
    re.VERBOSE | re.ASCII,
)
_SAME = {"=": "==", "<>": "!=", "&&": "and", "||": "or", "!": "not"}
_UNITS = {"万": 4, "萬": 4, "亿": 8, "億": 8}
WORDS = ("and", "or", "not", "true", "false", "null", "blank")


def tokens(text: str) -> list[Token]:
    """The words and signs of a formula; Problem for a character that means nothing."""
    found, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Problem(_("“%(text)s” means nothing in a formula.") % {"text": text[at : at + 10]}, at + 1)
        kind, said = str(match.lastgroup), match.group()
        if kind == "sign":
            said = said.translate(_WIDE)
            said = _SAME.get(said, said)
        elif kind == "name" and said.lower() in WORDS:
            kind, said = "word", said.lower()
        if kind != "space":
            found.append(Token("sign" if said in ("and", "or", "not") and kind == "sign" else kind, said, at + 1))
        at = match.end()
    return found


def parse(text: str) -> Node:
    """The tree of a formula; Problem where it is none, or too large."""
    if len(text) > MAX_TEXT:
        raise Problem(_("A formula has at most %(max)s characters.") % {"max": MAX_TEXT}, MAX_TEXT)
    return _Parser(tokens(text), len(text) + 1).whole()


_LEVELS: tuple[tuple[str, ...], ...] = (
    ("or",),
    ("and",),
    ("not",),
    ("==", "!=", "<", "<=", ">", ">="),
    ("+", "-", "&"),
    ("*", "/"),
)


class _Parser:
    def __init__(self, found: list[Token], end: int) -> None:
        self.tokens, self.place, self.end = found, 0, end
        self.nodes = self.depth = 0

    def whole(self) -> Node:
        tree = self.level(0)
        if (rest := self.peek()) is not None:
            raise Problem(_("“%(text)s” does not belong here.") % {"text": rest.text[:20]}, rest.at)
        return tree

    def peek(self) -> Token | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self) -> Token:
        found = self.peek()
        if found is None:
            raise Problem(_("Something is missing at the end."), self.end)
        self.place += 1
        return found

    def sees(self, *texts: str) -> bool:
        found = self.peek()
        return found is not None and found.kind in ("sign", "word") and found.text in texts

    def expect(self, text: str) -> None:
        found = self.peek()
        if found is None or found.kind != "sign" or found.text != text:
            raise Problem(_("“%(text)s” is missing.") % {"text": text}, found.at if found else self.end)
        self.place += 1

    def node(self, op: str, at: int, *args: Node, value: Any = None) -> Node:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Problem(_("The formula has too many parts: at most %(max)s.") % {"max": MAX_NODES}, at)
        return Node(op, at, args, value)

    def level(self, n: int) -> Node:
        """What binds as tightly as level `n`, or tighter."""
        if n == len(_LEVELS):
            return self.signed()
        if _LEVELS[n] == ("not",):
            return self.negated(n)
        left = self.level(n + 1)
        while self.sees(*_LEVELS[n]):
            sign = self.take()
            left = self.node(sign.text, sign.at, left, self.level(n + 1))
            if n == 3 and self.sees(*_LEVELS[n]):
                raise Problem(_("Two comparisons need “and” between them."), self.take().at)
        return left

    def negated(self, n: int) -> Node:
        if not self.sees("not"):
            return self.level(n + 1)
        sign = self.take()
        with _Deeper(self, sign):
            return self.node("not", sign.at, self.negated(n))

    def signed(self) -> Node:
        if not self.sees("-", "+"):
            return self.single()
        sign = self.take()
        with _Deeper(self, sign):
            return self.node("negative", sign.at, self.signed()) if sign.text == "-" else self.signed()

    def single(self) -> Node:
        token = self.take()
        if token.kind == "number":
            return self.number(token)
        if token.kind == "text":
            return self.node("text", token.at, value=token.text[1:-1])
        if token.kind == "word" and token.text in ("true", "false", "null", "blank"):
            return self.node("null" if token.text == "blank" else token.text, token.at)
        if token.kind in ("name", "word") and self.sees("("):
            return self.call(token)
        if token.kind == "name":
            return self.node("name", token.at, value=token.text)
        if token.text == "(":
            with _Deeper(self, token):
                inner = self.level(0)
            self.expect(")")
            return inner
        raise Problem(
            _("A field, a value or a function is missing before “%(text)s”.") % {"text": token.text}, token.at
        )

    def number(self, token: Token) -> Node:
        digits, unit = token.text.replace("．", ".").rstrip("万亿萬億"), token.text[-1]
        whole, _point, rest = digits.partition(".")
        if len(whole) > MAX_DIGITS or len(rest) > 10:
            raise Problem(_("A number has at most 15 digits before the point and 10 after it."), token.at)
        value = Decimal(digits).scaleb(_UNITS.get(unit, 0))
        if self.sees("%"):
            self.take()
            value = value.scaleb(-2)
        return self.node("number", token.at, value=value)

    def call(self, token: Token) -> Node:
        with _Deeper(self, token):
            self.expect("(")
            args: list[Node] = []
            while not self.sees(")"):
                if args:
                    self.expect(",")
                args.append(self.level(0))
            self.expect(")")
        return self.node("call", token.at, *args, value=token.text.lower())


class _Deeper:
    """One level of brackets or signs further in; nobody writes many, and a stack has an end."""

    def __init__(self, parser: _Parser, token: Token) -> None:
        self.parser, self.token = parser, token

    def __enter__(self) -> None:
        self.parser.depth += 1
        if self.parser.depth > MAX_DEPTH:
            raise Problem(
                _("The formula is nested too deeply: at most %(max)s brackets.") % {"max": MAX_DEPTH}, self.token.at
            )

    def __exit__(self, *exc: object) -> None:
        self.parser.depth -= 1
