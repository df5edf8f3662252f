"""How words find records: the conditions that a search text makes, as far as its reader may look.

Grams cut the candidates through an index, the text decides (docs/decisions/0001). Where a searched field is hidden from
the reader or shown in part, the common text would give it away letter by letter: there only the open fields are
searched besides, and what is shown in part is found by the whole of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

from django.db.models import Case, IntegerField, Q, Value, When

from zhike.base import fold, pinyin

from . import access, catalog, frequency
from .entity import AnyEntity
from .errors import Wrong
from .kinds import Attribute

NONE: Mapping[str, Q] = {}
Known = Mapping[str, Attribute]
Closed = Mapping[str, Q]
EXACT, BEGINS, PART_BEGINS, INSIDE, NEARLY = range(5)  # how well a text fits, best first


def search_q(entity: AnyEntity, term: str, known: Known, closed: Closed = NONE) -> Q:
    """Records found by `term`: parts of names, pinyin, pinyin initials, ends of phone numbers."""
    words = fold.query_terms(term)
    if not entity.search or not words:
        return access.NOBODY
    found = reduce(and_, (inside(entity, word) for word in words))
    if not is_guarded(entity, known, closed):
        return found
    plain = found & _plain_search(entity, words, known, closed)
    return _where_open(entity, found, known, closed) | plain | _whole_values(entity, term, known, closed)


def is_guarded(entity: AnyEntity, known: Known, closed: Closed) -> bool:
    """Whether the common text holds something that this reader may not search everywhere."""
    return _is_hidden(entity, known) or any(key in closed for key in searched(entity))


def _is_hidden(entity: AnyEntity, known: Known) -> bool:
    return any(key not in known and not entity.attributes[key].unseen for key in searched(entity))


def _where_open(entity: AnyEntity, found: Q, known: Known, closed: Closed) -> Q:
    """The rows in which the common text may answer: none where a field is hidden, else those it may be revealed in."""
    rows = [closed[key] for key in searched(entity) if key in closed]
    return access.NOBODY if _is_hidden(entity, known) else found & rows[0] if rows else found


def inside(entity: AnyEntity, word: str) -> Q:
    """The word, or what it may stand for, anywhere in the common text."""
    forms = fold.query_forms(word)
    return reduce(or_, (_text(entity, fold.pattern(form), fold.query_grams(form)) for form in forms))


def begins_q(entity: AnyEntity, term: str, known: Known, closed: Closed = NONE) -> Q:
    """Records of which a part begins with the term, or a number ends with its four or more digits."""
    text = fold.fold(term)
    forms = fold.query_forms(text)
    found = reduce(or_, (_text(entity, fold.SEPARATOR + form, fold.begin_grams(form)) for form in forms))
    for form in forms:
        if form.isdecimal() and len(form) >= fold.ENDING:
            found |= _text(entity, form + fold.SEPARATOR, fold.end_grams(form))
    return _open_or_title(entity, found, text, fold.begin_grams(text), known, closed)


def exact_q(entity: AnyEntity, term: str, known: Known, closed: Closed = NONE) -> Q:
    """Records of which a part is the term."""
    text = fold.fold(term)
    grams = fold.exact_grams(text)
    found = _text(entity, f"{fold.SEPARATOR}{text}{fold.SEPARATOR}", grams)
    return _open_or_title(entity, found, text + fold.SEPARATOR, grams, known, closed)


def _open_or_title(entity: AnyEntity, found: Q, text: str, grams: Sequence[str], known: Known, closed: Closed) -> Q:
    """The rows found where the common text may answer; elsewhere those whose title begins with the text."""
    if not is_guarded(entity, known, closed):
        return found
    rows = _where_open(entity, found, known, closed)
    if not _title_line(entity, known, closed):
        return rows
    return rows | Q(search_text__startswith=fold.SEPARATOR + text) & Q(
        search_grams__contains=frequency.rarest(entity, grams)
    )


def _text(entity: AnyEntity, text: str, grams: Sequence[str]) -> Q:
    """The text first: to say no costs less there than in a long list of grams, which an index has cut already."""
    return Q(search_text__contains=text) & Q(search_grams__contains=frequency.rarest(entity, grams))


def by_text(q: Q) -> Q:
    """The same rows without the index of grams: for rows that are walked through anyway."""
    kept = [by_text(c) if isinstance(c, Q) else c for c in q.children]
    kept = [c for c in kept if not isinstance(c, tuple) or c[0] != "search_grams__contains"]
    return Q(*kept, _connector=q.connector, _negated=q.negated)


# ---- one wrong sign


def nearly_q(entity: AnyEntity, term: str, known: Known, closed: Closed = NONE, *, by_sound: bool = False) -> Q:
    """Records whose text is one slip away from the term: one sign wrong, missing, too many or swapped.

    Or, `by_sound`, those that sound alike: homophones, and fuzzy pinyin. Only the first of several words that is long
    enough may hold the slip.
    """
    words = fold.query_terms(term)
    near = next((n for n, word in enumerate(words) if fold.may_slip(word)), None)
    if not entity.search or near is None:
        return access.NOBODY
    others = reduce(and_, (inside(entity, word) for n, word in enumerate(words) if n != near), Q())
    is_open = not is_guarded(entity, known, closed)
    if by_sound:  # of a title alone the database cannot tell how it sounds
        found = _sounds_near(entity, words[near]) & others
        return found if is_open else _where_open(entity, found, known, closed)
    slips = fold.slips(words[near])
    found = reduce(or_, (_slip(entity, *slip) for slip in slips), access.NOBODY)
    if is_open:
        return found & others
    has_title = slips and len(words) == 1 and _title_line(entity, known, closed)
    in_title = Q(search_text__regex=f"^\n[^\n]*(?:{'|'.join(pattern for pattern, _grams in slips)})")
    plain = found & in_title if has_title else access.NOBODY
    return _where_open(entity, found & others, known, closed) | plain


def _slip(entity: AnyEntity, pattern: str, grams: Sequence[str]) -> Q:
    """A text with the slip in it; of one whose rest is common, in the newest records alone: those are enough."""
    found = Q(search_text__regex=pattern) & Q(search_grams__contains=frequency.rarest(entity, grams))
    since = frequency.newest_if_common(entity, grams)
    return found if since is None else found & Q(updated_at__gte=since)


def _sounds_near(entity: AnyEntity, word: str) -> Q:
    """The same sounds written with other characters, and z for zh, n for ng, l for n and the like."""
    forms = pinyin.fuzzy(word)
    if not word.isascii() and len(word) > 2:  # the whole is long enough to be looked for inside
        return reduce(or_, (_text(entity, form, fold.query_grams(form)) for form in forms), access.NOBODY)
    found = (_text(entity, fold.SEPARATOR + form, fold.begin_grams(form)) for form in forms)
    return reduce(or_, found, access.NOBODY)


# ---- order


def fit(entity: AnyEntity, term: str, known: Known, closed: Closed = NONE) -> Case:
    """How well a row found by `term` fits: EXACT, BEGINS, PART_BEGINS or INSIDE; of what its reader may search."""
    text, line = fold.fold(term), fold.SEPARATOR
    forms = dict.fromkeys(f for form in (text, *fold.query_terms(term)[:1]) for f in fold.query_forms(form))
    whens: list[When] = []
    if not is_guarded(entity, known, closed) or _title_line(entity, known, closed):
        whens += _whens([f"{line}{text}{line}"], "startswith", EXACT) + _whens([line + text], "startswith", BEGINS)
    if not is_guarded(entity, known, closed):
        whens += _whens([f"{line}{form}{line}" for form in forms], "contains", BEGINS)
        ends = [f"{form}{line}" for form in forms if form.isdecimal() and len(form) >= fold.ENDING]
        whens += _whens([*(line + form for form in forms), *ends], "contains", PART_BEGINS)
    return Case(*whens, default=Value(INSIDE), output_field=IntegerField())


def _whens(texts: Sequence[str], lookup: str, rank: int) -> list[When]:
    return [When(**{f"search_text__{lookup}": text, "then": Value(rank)}) for text in texts]


def _title_line(entity: AnyEntity, known: Known, closed: Closed) -> bool:
    """Whether the first line of the common text is the title, and the reader sees that whole."""
    title = known.get(entity.title)
    return title is not None and title.required and entity.search[0] == title.key and title.key not in closed


# ---- where the common text may not answer


def _plain_search(entity: AnyEntity, words: Sequence[str], known: Known, closed: Closed) -> Q:
    """The words in the open fields alone."""
    columns = [known[key].path for key in searched(entity) if key in known and key not in closed]
    is_title = _title_line(entity, known, closed)
    found = Q() if columns else access.NOBODY
    for word in words:
        places = [Q(**{f"{column}__icontains": word}) for column in columns]
        if is_title:  # folded, so that either script finds the other
            places.append(Q(search_text__regex=rf"^\n[^\n]*{re.escape(word)}"))
        if entity.has_owner and entity.title in known and entity.title not in closed:
            places += [Q(pinyin__iregex=_sounds_like(form)) for form in _letters(word)]
        found &= Q(*places, _connector=Q.OR)
    return found


def _letters(word: str) -> list[str]:
    return [form for form in fold.query_forms(word) if form.isascii() and form.isalpha()]


def _sounds_like(word: str) -> str:
    """A pattern for sort keys such as ~shang4上~hai3海: the word as pinyin without tones, or as initials."""
    return "|".join((r"(?:\d[^~]*~)?".join(word), "".join(f"~{letter}[^~]*" for letter in word)))


def _whole_values(entity: AnyEntity, term: str, known: Known, closed: Closed) -> Q:
    """Fields shown in part whose whole value is the term."""
    found = access.NOBODY
    for key in searched(entity):
        if key in closed and key in known:
            try:
                value = known[key].kind.clean(known[key], term)
                found |= known[key].equals(value) if value else access.NOBODY
            except Wrong:
                continue  # not such a number: it finds nothing
    return found


# ---- what records are found by


def searched(entity: AnyEntity) -> tuple[str, ...]:
    """The fields by whose texts records are found: those of the entity, and those of the firm that say so."""
    snapshot = catalog.current()
    return snapshot.once(("searched", entity.key), lambda: _searched(entity, snapshot))


def _searched(entity: AnyEntity, snapshot: catalog.Snapshot) -> tuple[str, ...]:
    own = snapshot.part("fields").get(entity.key) or {}
    marked = [key for key, said in own.items() if said.get("search")]
    return tuple(key for key in dict.fromkeys((*entity.search, *marked)) if key in entity.attributes)


def index(entity: AnyEntity, record: Any) -> tuple[str, ...]:
    """Set what the record is found and sorted by: each kind says which texts, the title also by its pinyin."""
    parts: list[str] = []
    for key in searched(entity):
        a = entity.attributes[key]
        parts += a.kind.search_parts(a.read(record))
    title = str(getattr(record, entity.title, ""))
    read: Callable[[str], pinyin.Pinyin] = pinyin.person if entity.named == "person" else pinyin.company
    sound = read(title)
    record.pinyin = sound.sort_key[:300]
    record.search_text = fold.search_text([*parts, sound.full, sound.initials, *sound.alternatives])
    record.search_grams = fold.grams(record.search_text)
    return "search_text", "search_grams", "pinyin"
