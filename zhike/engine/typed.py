"""The filter line: `我的 本月 >10万 宝钢` becomes conditions, a search text, and what was made of each word.

Everything goes through the fields that the reader may use; a word that names something else is searched for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.utils import timezone
from django.utils.translation import override

from zhike.base import fold
from zhike.base.i18n import LANGUAGES
from zhike.base.models import User

from . import access, query, typedwords
from .access import Actor
from .entity import AnyEntity, entities
from .errors import Invalid, Wrong
from .kinds import Attribute
from .models import Stage
from .query import Clause, Condition, Group, View

LONGEST = 200  # characters of a filter line
NOT = ("-", *typedwords.NOT)
MOST = 20  # words of it that are more than search
_TOKEN = re.compile(r'-?[“"「]([^”"」]*)[”"」]|\S+')
_WHOLE = frozenset({*typedwords.OWNERS, *typedwords.PERIODS, *typedwords.NO_CONTACT, *typedwords.NO_NEXT})


@dataclass(frozen=True)
class Chip:
    """What was made of some words: a condition, or None where they were not understood."""

    text: str
    clause: Clause | None


@dataclass(frozen=True)
class Typed:
    """A filter line taken apart; what is no condition is `search`ed for."""

    clauses: tuple[Clause, ...]
    search: str
    chips: tuple[Chip, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Words that ask for something in particular that is not there."""
        return tuple(chip.text for chip in self.chips if chip.clause is None)

    def view(self, view: View) -> View:
        """A view narrowed by all of it, at its first page."""
        search = " ".join(filter(None, (view.search, self.search)))[:100]
        return view.also(*self.clauses).start().but(search=search)


def parse(actor: Actor, entity: AnyEntity, text: str) -> Typed:
    """Take a filter line apart for one reader and entity; never raises for what is typed."""
    words = [(m.group(0), m.group(1)) for m in _TOKEN.finditer(text[:LONGEST])]
    reader = _Reader(actor, entity)
    chips: list[Chip] = []
    search: list[str] = []
    at = 0
    while at < len(words):
        quoted = words[at][1]
        if quoted is not None and not words[at][0].startswith("-"):
            search.append(quoted.strip())
            at += 1
            continue
        taken, found = _longest(reader, words, at) if len(chips) < MOST else (1, [])
        chips += found
        if not found:
            search.append(words[at][0])
        at += taken
    clauses = tuple(chip.clause for chip in chips if chip.clause is not None)
    return Typed(clauses, " ".join(filter(None, search)), tuple(chips))


def _longest(reader: _Reader, words: Sequence[tuple[str, str | None]], at: int) -> tuple[int, list[Chip]]:
    """How many words belong together, and what they mean."""
    for n in range(min(typedwords.LONGEST_PHRASE, len(words) - at), 0, -1):
        if n > 1 and any(quoted is not None for _word, quoted in words[at : at + n]):
            continue
        text = " ".join(word for word, _quoted in words[at : at + n])
        if found := reader.chips(text, whole=n > 1):
            return n, found
    return 1, []


class _Reader:
    """What the words of one line mean to one reader of one entity."""

    def __init__(self, actor: Actor, entity: AnyEntity) -> None:
        self.actor, self.entity = actor, entity
        self.known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))

    def chips(self, text: str, *, whole: bool) -> list[Chip]:
        """Some words as conditions; [] for words that are only searched for."""
        if text.startswith(("@", "＠")):
            return [] if whole else [self._person(text)]
        if text.startswith(("#", "＃")):
            return [] if whole else [self._tag(text)]
        if (clause := self.clause(text, several=whole)) is not None:
            return [Chip(text, clause)]
        parts = typedwords.pieces(fold.fold(text), _WHOLE) if not whole else []
        found = [Chip(part, self.clause(part)) for part in parts] if len(parts) > 1 else []
        return found if all(chip.clause is not None for chip in found) else []

    def clause(self, text: str, *, several: bool = False) -> Clause | None:
        """Some words as one condition, None where they are none; only what the reader may ask is one.

        Where they are `several`, a text to look for does not reach over them all.
        """
        word = fold.fold(text)
        plain = (self._owner, self._period, self._amount, self._contact, self._next, self._choice)
        for read in plain:
            if (found := read(word)) is not None and self._may(found):
                return found
        for signed in (self._field, self._not):
            if (found := signed(text, several)) is not None and self._may(found):
                return found
        return None

    def _may(self, clause: Clause) -> bool:
        try:
            sight = query.Sight(self.actor)
            query.narrow(query.every(self.entity).none(), sight, self.entity, [clause])
        except Invalid:
            return False
        return True

    # ---- words without a field

    def _owner(self, word: str) -> Clause | None:
        said = typedwords.OWNERS.get(word)
        return Condition(*said) if said and said[0] in self.known else None

    def _period(self, word: str) -> Clause | None:
        name = typedwords.period(word, timezone.localdate().year)
        when = self._meant("when", ("date", "datetime"), ("created_at",))
        if when is None:
            return None
        if name is None:
            return Condition(when, "eq", word) if typedwords.is_day(word) else None
        return Condition(when, "within", name)

    def _amount(self, word: str) -> Clause | None:
        bounds = typedwords.amounts(word)
        money = self._meant("money", ("money",), self.entity.sums)
        return None if bounds is None or money is None else _bounded(money, bounds)

    def _contact(self, word: str) -> Clause | None:
        days = typedwords.idle_days(word)
        contact, idle = self._meant("contact", ("date", "datetime")), self._meant("idle", ("integer",))
        if days is None or contact is None:
            return None
        never = Condition(contact, "empty", "1")
        if not days:
            return never
        long_ago = Condition(contact, "within", f"before_{days}")
        return Condition(idle, "gte", str(days)) if idle else Group("any", (long_ago, never))

    def _next(self, word: str) -> Clause | None:
        step = self._meant("next", ("date", "datetime"))
        return Condition(step, "empty", "1") if step and word in typedwords.NO_NEXT else None

    def _choice(self, word: str) -> Clause | None:
        found = list(dict.fromkeys(Condition(a.key, op, key) for a, op, label, key in self._labels if label == word))
        if not found:
            return None
        return found[0] if len(found) == 1 else Group("any", tuple(found))

    def _not(self, text: str, several: bool) -> Clause | None:
        said = text.lower()
        lead = next((lead for lead in NOT if said.startswith(lead) and len(said) > len(lead)), "")
        rest = text[len(lead) :].strip(' “”"「」')
        if not lead or not rest:
            return None
        if rest[0] in "@＠#＃":
            inner = None if several and " " in rest else self.chips(rest, whole=False)[0].clause
            return Group("none", (inner,)) if inner is not None else None
        inner = self.clause(rest, several=several)
        if inner is None and lead != "非" and not several and self.entity.title in self.known:
            inner = Condition(self.entity.title, "contains", rest)
        return Group("none", (inner,)) if inner is not None else None

    def _meant(self, meaning: str, kinds: Iterable[str], others: Iterable[str] = ()) -> str | None:
        """The field that the entity means by a word, or the first of `others` of these kinds; None where unseen."""
        said = self.entity.typed.get(meaning)
        keys = [said] if said else list(others)
        return next((k for k in keys if k in self.known and self.known[k].kind.key in kinds), None)

    @cached_property
    def _labels(self) -> list[tuple[Attribute, str, str, str]]:
        """(field, operator, folded label, value) of all choices and stages, in every language, retired ones too."""
        found = []
        for a in self.known.values():
            op = "has" if "has" in a.kind.ops else "eq"
            for lang in LANGUAGES:
                with override(lang):
                    found += [(a, op, fold.fold(str(label)), key) for key, label in a.choices]
                    if a.kind.key == "boolean":
                        found.append((a, "eq", fold.fold(str(a.label)), "1"))
        if "stage" in self.known and self.known["stage"].target == "stage":
            stages = Stage.objects.filter(pipeline__entity=self.entity.key, deleted_at=None)
            for stage in stages.filter(pipeline__deleted_at=None):
                labels = {fold.fold(str(label)) for label in dict(stage.labels).values()}
                found += [(self.known["stage"], "eq", label, str(stage.pk)) for label in labels]
        return found

    # ---- words with a sign

    def _person(self, text: str) -> Chip:
        name = fold.fold(text[1:])
        if "owner" not in self.known:
            return Chip(text, None)
        if name in ("我", "me"):
            return Chip(text, Condition("owner", "eq", "me"))
        ids = _people(name)
        if not ids:
            return Chip(text, None)
        return Chip(text, Condition("owner", "eq", ids[0]) if len(ids) == 1 else Condition("owner", "in", ids))

    def _tag(self, text: str) -> Chip:
        """A record of several that a record is linked to, by its whole name: a tag."""
        for a in self.known.values():
            if a.kind.key == "links" and a.target in entities() and a.column:
                ids = self._named(a, fold.fold(text[1:]))
                if ids:
                    return Chip(text, Condition(a.key, "has", ids[0]))
        return Chip(text, None)

    def _named(self, a: Attribute, name: str) -> list[str]:
        target = entities()[a.target]
        title = query.open_fields(access.readable(self.actor, target), access.closed(self.actor, target)).get(
            target.title
        )
        if title is None or not title.column or not access.may(self.actor, target, "list"):
            return []
        rows = query.visible(self.actor, target).values_list("pk", title.column)[:2_000]
        return [str(pk) for pk, said in rows if fold.fold(str(said)) == name]

    # ---- field:value

    def _field(self, text: str, several: bool) -> Clause | None:
        label, sign, value = text.replace("：", ":").partition(":")
        if not sign:
            found = _COMPARED.fullmatch(text)
            label, value = (found[1], found[2]) if found else ("", "")
        if not label or not value.strip():
            return None
        for a in self._called(fold.fold(label)):
            clause = self._said(a, fold.fold(value), value.strip())
            if clause is not None and self._may(clause) and not (several and _is_free(clause)):
                return clause
        return None

    def _called(self, label: str) -> list[Attribute]:
        found = [a for key, a in self.known.items() if key == label]
        for lang in LANGUAGES:
            with override(lang):
                found += [a for a in self.known.values() if fold.fold(str(a.label)) == label]
        return list({a.key: a for a in found}.values())

    def _said(self, a: Attribute, value: str, raw: str) -> Clause | None:
        """A value said of a field."""
        ops = a.kind.ops
        if "empty" in ops and value in typedwords.EMPTY | typedwords.FILLED:
            return Condition(a.key, "empty", "1" if value in typedwords.EMPTY else "0")
        if "within" in ops and (name := typedwords.period(value, timezone.localdate().year)):
            return Condition(a.key, "within", name)
        if "gte" in ops and (bounds := typedwords.amounts(value)):
            return _bounded(a.key, bounds)
        if a.is_link:
            return self._linked(a, value, raw)
        return _plain(a, raw)

    def _linked(self, a: Attribute, value: str, raw: str) -> Clause | None:
        if a.target == "user":
            ids = ["me"] if value in ("我", "me") else _people(value)
            return Condition(a.key, "in", ids) if ids else None
        if a.target == "stage":
            found = [
                Condition(a.key, op, key) for b, op, label, key in self._labels if (b.key, label) == (a.key, value)
            ]
            return Group("any", tuple(found)) if found else None
        if a.kind.key == "links":
            ids = self._named(a, value)
            return Condition(a.key, "has", ids[0]) if ids else None
        target = entities().get(a.target)
        return Condition(f"{a.key}.{target.title}", "contains", raw) if target else None


_COMPARED = re.compile(r"([^<>=≥≤＞＜\d]+?) ?((?:[<>=≥≤＞＜]).+)")
_CODED = ("choice", "multichoice", "region", "industry")  # kinds whose value is a code, whatever people call it


def _plain(a: Attribute, raw: str) -> Clause | None:
    op = next((op for op in ("contains", "under", "has", "eq") if op in a.kind.ops), "")
    try:
        value = a.kind.operand(a, raw)
    except Wrong:
        return None
    if a.kind.key == "boolean":
        value = "1" if value else "0"
    return Condition(a.key, op, value if a.kind.key in (*_CODED, "boolean") else raw) if op else None


def _is_free(clause: Clause) -> bool:
    return isinstance(clause, Condition) and clause.op == "contains"


def _bounded(key: str, bounds: Sequence[typedwords.Bound]) -> Clause:
    parts = tuple(Condition(key, op, f"{value:f}") for op, value in bounds)
    return parts[0] if len(parts) == 1 else Group("all", parts)


def _people(name: str) -> list[str]:
    """People called so: the whole name, the user name, or the pinyin of the name; names are the firm's directory."""
    if not name:
        return []
    rows = User.objects.filter(deleted_at=None).values_list("pk", "name", "username")
    return [str(pk) for pk, called, username in rows if name in (fold.fold(called), fold.fold(username))][:20]


def narrowed(typed: Typed, without: int) -> Typed:
    """The same line without one of its chips."""
    chips = tuple(chip for n, chip in enumerate(typed.chips) if n != without)
    return replace(typed, chips=chips, clauses=tuple(chip.clause for chip in chips if chip.clause is not None))
