"""How words find records: the condition that a search text makes, as far as its reader may look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Q

from zhike.base import fold

from . import access
from .entity import AnyEntity
from .errors import Wrong
from .kinds import Attribute

NONE: Mapping[str, Q] = {}


def search_q(entity: AnyEntity, term: str, known: Mapping[str, Attribute], closed: Mapping[str, Q] = NONE) -> Q:
    """Records found by `term`: parts of names, pinyin, pinyin initials, ends of phone numbers.

    Bigrams cut the candidates through an index, the text decides (docs/decisions/0001). Where a searched field is
    hidden from the actor or shown in part, the common text would give it away letter by letter: there only the open
    fields are searched besides, and what is shown in part is found by the whole of it.
    """
    words = fold.query_terms(term)
    if not entity.search or not words:
        return access.NOBODY
    found = Q()
    for word in words:
        forms = Q()
        for form in fold.query_forms(word):
            part = Q(search_text__contains=form)
            if grams := fold.query_grams(form):
                part &= Q(search_grams__contains=grams)
            forms |= part
        found &= forms
    if any(key not in known and not entity.attributes[key].unseen for key in entity.search):
        return found & _plain_search(entity, words, known, closed) | _whole_values(entity, term, known, closed)
    if rows := [closed[key] for key in entity.search if key in closed]:
        plain = _plain_search(entity, words, known, closed)
        return found & (rows[0] | plain) | _whole_values(entity, term, known, closed)
    return found


def _plain_search(
    entity: AnyEntity, words: Sequence[str], known: Mapping[str, Attribute], closed: Mapping[str, Q]
) -> Q:
    """The words in the open fields alone."""
    columns = [known[key].column for key in entity.search if key in known and key not in closed]
    read_aloud = entity.has_owner and entity.title in known and entity.title not in closed
    found = Q() if columns else access.NOBODY
    for word in words:
        places = [Q(**{f"{column}__icontains": word}) for column in columns]
        if read_aloud and word.isascii() and word.isalpha():
            places.append(Q(pinyin__iregex=_sounds_like(word)))
        found &= Q(*places, _connector=Q.OR)
    return found


def _sounds_like(word: str) -> str:
    """A pattern for sort keys such as ~shang4上~hai3海: the word as pinyin without tones, or as initials."""
    return "|".join((r"(?:\d[^~]*~)?".join(word), "".join(f"~{letter}[^~]*" for letter in word)))


def _whole_values(entity: AnyEntity, term: str, known: Mapping[str, Attribute], closed: Mapping[str, Q]) -> Q:
    """Fields shown in part whose whole value is the term."""
    found = access.NOBODY
    for key in entity.search:
        if key in closed and key in known:
            try:
                found |= Q(**{known[key].column: known[key].kind.clean(known[key], term) or None})
            except Wrong:
                continue  # not such a number: it finds nothing
    return found
