"""The one box: records of every entity found by words, best first, as far as their reader may see and search them.

A record is a better hit the better its text fits (exactly, from the beginning, inside, one slip away), then the more
often and lately its reader opened it, then the later it changed. Common words find more than can be ranked: there the
newest stand for all that fit equally well.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from time import monotonic
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q, QuerySet
from markupsafe import Markup

from zhike.base import fold, pinyin

from . import access, frequency, marks, query, recent, words
from .access import Actor
from .entity import AnyEntity, entities, get
from .kinds import Attribute, Masked

RANKED = 50  # records of one entity that are ranked
LINKED = 200  # records that another one may hang on, when words are spread over both
ENOUGH = 12  # hits with which nobody looks for letters inside of the words of more entities
SHORT, LEAST = 0.005, 0.02  # seconds in which nothing is found any more, and what each that finds any has
ORDERED, ANY = 0.05, 10.0  # seconds for what only puts better hits before others, and for what finds any
FEW = 3  # hits below which links are looked at too
WIDE = ("all", "subtree")  # reasons for which somebody reaches much
FACTS = ("number", "phone", "account", "owner", "stage")  # what tells namesakes apart
LONG = ("longtext", "richtext")
Weights = Mapping[tuple[str, UUID], float]


@dataclass(frozen=True)
class Found:
    """A record that fits, before it is read. `closeness` tells slips apart: 1 for none."""

    entity: AnyEntity
    id: UUID
    fit: int
    at: dt.datetime
    weight: float = 0.0
    closeness: float = 1.0

    @property
    def order(self) -> tuple[float, ...]:
        """Best first."""
        return (self.fit, -self.closeness, -self.weight, -self.at.timestamp())


@dataclass(frozen=True)
class Hit:
    """A record as its reader may see it: title and facts with the words marked, and a piece of a text around a hit."""

    found: Found
    title: str
    label: Markup
    facts: Markup
    snippet: Markup

    @property
    def url(self) -> str:
        """The page of the record."""
        return f"/{self.found.entity.key}/{self.found.id}"


def searched(actor: Actor) -> list[AnyEntity]:
    """The entities that a search looks through, in the order of the menu."""
    order = sorted((e for e in entities().values() if e.search and e.has_owner), key=lambda e: e.menu or 500)
    return [e for e in order if access.may(actor, e, "list")]


def find(actor: Actor, term: str, *, among: Sequence[AnyEntity] | None = None, limit: int = 6) -> list[Hit]:
    """The best hits, at most `limit` of each entity, best first over all of them."""
    looked = searched(actor) if among is None else [e for e in among if access.may(actor, e, "list")]
    if not fold.query_terms(term) or not looked:
        return []
    weights = recent.weights(actor)
    found: list[Found] = []
    for e in looked:
        begun = sum(f.fit < words.INSIDE for f in found)
        inside = begun < limit and len(found) < ENOUGH
        enough = len(found) >= FEW
        found += candidates(actor, e, term, limit=limit, weights=weights, inside=inside, besides=enough)
    if len(found) < FEW and all(f.fit == words.INSIDE for f in found):
        known = {f.id for f in found}
        found += [f for e in looked for f in linked(actor, e, term, limit=limit) if f.id not in known]
    actor.known.pop("patience", None)  # the last that can be done has a time of its own
    found = (
        found or _slips(actor, looked, term, limit, by_sound=False) or _slips(actor, looked, term, limit, by_sound=True)
    )
    return hits(actor, sorted(found, key=lambda f: f.order), term)


def _slips(actor: Actor, looked: Sequence[AnyEntity], term: str, limit: int, *, by_sound: bool) -> list[Found]:
    """What is nearly the term; where one entity has some, the others are not looked through for long."""
    found: list[Found] = []
    for e in looked:
        found += nearly(actor, e, term, limit=limit, by_sound=by_sound, within=ORDERED if found else ANY)
    return found


def latest(actor: Actor, limit: int = 8) -> list[Hit]:
    """What the actor opened last and may still see."""
    now = dt.datetime.now(dt.UTC)
    known = {e.key: e for e in searched(actor)}
    opened = [(key, pk) for key, pk in recent.latest(actor, limit * 2) if key in known]
    found = [Found(known[key], pk, words.EXACT, now - dt.timedelta(seconds=n)) for n, (key, pk) in enumerate(opened)]
    return hits(actor, found, "")[:limit]


# ---- candidates


def candidates(
    actor: Actor,
    entity: AnyEntity,
    term: str,
    *,
    limit: int,
    weights: Weights | None = None,
    inside: bool = True,
    besides: bool = False,
) -> list[Found]:
    """The records of one entity that the term finds, best first.

    Of letters and digits what begins with them is looked for first: inside of others there is more of them than helps,
    and not `inside` at all where other entities have given enough that begins with them. Where these have given enough
    of any kind, all that is found here is found `besides`.
    """
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    wide, narrow = (q(entity, term, known, closed) for q in (words.search_q, words.begins_q))
    first, second = (narrow, wide) if term.isascii() else (wide, narrow)
    found = _newest(actor, entity, term, first, within=ANY if besides else None)
    if inside and len(found) < limit if first is narrow else len(found) == RANKED:
        within = ANY if second is wide else ORDERED
        found += _newest(actor, entity, term, second, is_own=second is wide, within=within)
    if sum(f.fit < words.INSIDE for f in found) >= RANKED:
        exact = words.exact_q(entity, term, known, closed)
        found += _newest(actor, entity, term, exact, is_few=True, within=ORDERED)
    mine = [pk for key, pk in weights or () if key == entity.key]
    if mine and len(found) >= RANKED:
        found += _newest(actor, entity, term, wide & Q(pk__in=mine), is_few=True)
    each = {f.id: replace(f, weight=(weights or {}).get((entity.key, f.id), 0.0)) for f in found}
    return sorted(each.values(), key=lambda f: f.order)[:limit]


def _newest(
    actor: Actor,
    entity: AnyEntity,
    term: str,
    q: Q,
    *,
    is_few: bool = False,
    is_own: bool = False,
    within: float | None = None,
) -> list[Found]:
    """The newest RANKED records that meet `q`; where the term is common, some of the newest rows will do.

    With `is_own` only those that the actor reaches for themselves, and not through other records. What is looked for
    besides ends `within` seconds, and with the patience of who waits.
    """
    parts = access.pieces(actor, entity, "list")
    parts = [part for part in parts if part.reason != "via"] if is_own else parts
    wide = [part.q for part in parts if part.reason in WIDE] if not is_few else []
    grams, found = fold.all_grams(term), list[Found]()
    if since := [at for reach in wide if (at := frequency.newest_if_common(entity, grams, reach)) is not None]:
        found = _read(actor, entity, term, words.by_text(q), parts, within=within, since=max(since))
        if len(found) == RANKED:
            return found
    return _read(actor, entity, term, q, parts, within=within) or found


def _read(
    actor: Actor,
    entity: AnyEntity,
    term: str,
    q: Q,
    parts: Sequence[access.Part],
    *,
    within: float | None,
    since: dt.datetime | None = None,
) -> list[Found]:
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    rows = entity.rows().filter(deleted_at=None).filter(q)
    rows = rows.filter(updated_at__gte=since) if since else rows
    rows = rows.annotate(fit=words.fit(entity, term, known, closed)).order_by("-updated_at", "-pk")
    direct = [
        rows.filter(access.by_shares(actor, entity))
        if part.reason == "share"
        else (rows.filter(part.q) if since else query.placed(rows, part))
        for part in parts
        if part.reason != "via"
    ]
    found: list[tuple[dt.datetime, UUID, int]] = []
    with _until_tired(actor), _patience(actor, within) if within else nullcontext():
        found = _first(direct) if direct else []
    if through := [part.q for part in parts if part.reason == "via"]:
        # Who reaches much looks for what is rare once, and then on what it hangs; one common gram is in too much. Who
        # reaches little begins there, which one condition for several ways would not allow.
        grams = fold.all_grams(term)
        is_wide = any(part.reason in WIDE for part in parts)
        is_rare = len(grams) > 1 or not frequency.is_common(entity, grams)
        ways = [reduce(or_, through)] if is_wide and is_rare else through
        rows = rows.filter(updated_at__gte=found[-1][0]) if len(found) == RANKED else rows
        # whoever owns nothing of the kind finds by this way or not at all
        waiting = _patience(actor, within or ANY) if found or within else query.hurried(settings.COUNT_SECONDS)
        with _until_tired(actor), waiting:
            found = sorted({*found, *_first([rows.filter(way) for way in ways])}, reverse=True)[:RANKED]
    return [Found(entity, pk, fit, at) for at, pk, fit in found]


@contextmanager
def _until_tired(actor: Actor) -> Iterator[None]:
    """What takes too long ends here, and it is remembered that not all was looked through."""
    try:
        yield
    except query.TooLong:
        actor.known["cut short"] = True


def was_cut_short(actor: Actor) -> bool:
    """Whether a search of this actor ended before all was looked through: then nothing found does not mean much."""
    return bool(actor.known.get("cut short"))


@contextmanager
def _patience(actor: Actor, within: float) -> Iterator[None]:
    """A third of what a list may count for, once for all that a search looks for besides what it finds first.

    Raises TooLong when it is over, or when this took longer than `within` seconds.
    """
    if not settings.COUNT_SECONDS:
        yield
        return
    left, begun = actor.known.setdefault("patience", settings.COUNT_SECONDS / 3), monotonic()
    left = max(left, LEAST if within == ANY else 0)
    if left < SHORT:
        raise query.TooLong
    try:
        with query.hurried(min(left, within)):
            yield
    finally:
        actor.known["patience"] = left - (monotonic() - begun)


def _first(pieces: Sequence[QuerySet[Any]]) -> list[tuple[dt.datetime, UUID, int]]:
    """The newest RANKED rows of all pieces."""
    first, *others = (piece.values_list("pk", "fit", "updated_at")[:RANKED] for piece in pieces)
    rows = first.union(*others) if others else first
    return sorted({(at, pk, fit) for pk, fit, at in rows}, reverse=True)[:RANKED]


def linked(actor: Actor, entity: AnyEntity, term: str, *, limit: int) -> list[Found]:
    """Records with some of the words, hanging on a record with the others: “zw 宝钢” is Zhang Wei of 宝钢."""
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    open_fields = query.open_fields(known, closed)
    links = [
        a for key in entity.columns if (a := open_fields.get(key)) is not None and a.kind.key == "link" and a.column
    ]
    found: list[Found] = []
    for own, others in _splits(fold.query_terms(term)):
        for link in links:
            if ids := _titled(actor, link, others):
                q = words.search_q(entity, own, known, closed) & Q(**{f"{link.column}__in": ids})
                found += _newest(actor, entity, own, q, is_few=True)
    return list({f.id: replace(f, fit=words.INSIDE) for f in found}.values())[:limit]


def _splits(terms: Sequence[str]) -> Iterator[tuple[str, str]]:
    for n in range(1, len(terms)):
        yield " ".join(terms[:n]), " ".join(terms[n:])
        yield " ".join(terms[n:]), " ".join(terms[:n])


def _titled(actor: Actor, link: Attribute, term: str) -> list[UUID]:
    """The records that a link may lead to and the term finds, as far as the actor may see them."""
    if link.target not in entities():
        return []
    target = get(link.target)
    if not target.search or not target.has_owner or not access.may(actor, target, "list"):
        return []
    key = ("titled", target.key, term)
    if key not in actor.known:
        known, closed = access.readable(actor, target), access.closed(actor, target)
        rows = query.visible(actor, target).filter(words.search_q(target, term, known, closed))
        actor.known[key] = list(rows.values_list("pk", flat=True)[:LINKED])
    found: list[UUID] = actor.known[key]
    return found


def nearly(
    actor: Actor, entity: AnyEntity, term: str, *, limit: int, by_sound: bool = False, within: float = ANY
) -> list[Found]:
    """Records one slip away from the term, or those that sound like it, the closest title first."""
    known, closed = access.readable(actor, entity), access.closed(actor, entity)
    q = words.nearly_q(entity, term, known, closed, by_sound=by_sound)
    found = _newest(actor, entity, term, q, is_few=True, within=within) if q != access.NOBODY else []
    title = known.get(entity.title)
    titles = {}
    if found and title is not None and title.key not in closed:
        rows = query.visible(actor, entity).filter(pk__in=[f.id for f in found])
        titles = dict(rows.values_list("pk", title.column))
    near = [replace(f, fit=words.NEARLY, closeness=_closeness(term, str(titles.get(f.id, "")))) for f in found]
    return sorted(near, key=lambda f: f.order)[:limit]


def _closeness(term: str, title: str) -> float:
    """From 0 to 1: how alike a term and the likest piece of a title are, in signs or, from its beginning, in sound."""
    sought, text = fold.fold(term), fold.fold(title)
    pieces = {text[n : n + len(sought)] for n in range(max(1, len(text) - len(sought) + 1))}
    sound, read = pinyin.plain(sought), pinyin.plain(text)
    pairs = [*((sought, piece) for piece in pieces), (sound, read[: len(sound)])]
    return round(max(difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs), 3)


# ---- what is shown of them


def hits(actor: Actor, found: Iterable[Found], term: str) -> list[Hit]:
    """What was found, read through the gate: who is not there, or no longer, is left out."""
    order = list(found)
    shown: dict[UUID, Hit] = {}
    for entity in {f.entity.key: f.entity for f in order}.values():
        mine = {f.id: f for f in order if f.entity.key == entity.key}
        shown |= {hit.found.id: hit for hit in _shown(actor, entity, mine, term)}
    return [shown[f.id] for f in order if f.id in shown]


def _shown(actor: Actor, entity: AnyEntity, found: Mapping[UUID, Found], term: str) -> Iterator[Hit]:
    known = access.readable(actor, entity)
    facts = [known[k] for k in FACTS if k in known and k != entity.title]
    long = [known[k] for k in words.searched(entity) if k in known and known[k].kind.key in LONG] if term else []
    title = known.get(entity.title)
    attributes = list({a.key: a for a in (title, *facts, *long) if a is not None}.values())
    rows = query.read(actor, entity, query.visible(actor, entity).filter(pk__in=list(found)), attributes)
    labels = query.labels(actor, facts, rows)
    for row in rows:
        text = title.kind.text(title, row.values.get(title.key), labels) if title is not None else ""
        beside = [a.kind.text(a, row.values.get(a.key), labels) for a in facts]
        pieces = [marks.snippet(" ".join(a.kind.search_parts(v)), term) for a in long if (v := _whole(row, a.key))]
        yield Hit(
            found[row.id],
            text,
            marks.marked(text, term),
            Markup(" · ").join(marks.marked(part, term) for part in beside if part),
            next((piece for piece in pieces if piece), Markup()),
        )


def _whole(row: query.Row, key: str) -> object:
    value = row.values.get(key)
    return None if isinstance(value, Masked) else value
