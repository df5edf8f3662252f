"""From names in a file to records: exactly, then in folded form, within what the actor may see."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.utils.translation import gettext as _

from zhike.base import fold as folding
from zhike.base import pinyin
from zhike.engine import access, exactjson, query, records
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Wrong
from zhike.engine.kinds import Attribute
from zhike.engine.models import Pipeline, Stage
from zhike.engine.tabular.folding import fold

_APART = re.compile(r"[;,]\s*")
_CODE = re.compile(r"[\w-]*\d[\w-]*")
WHOLE = 50_000  # as many names as are kept in memory; beyond it each chunk looks up its own
BY = ("username", "email", "code", "number", "external_id")
REACHED = ("email", "phone")  # kinds by which a person is reached: written in many ways


@dataclass(frozen=True)
class Found:
    """What a name stands for: an id, or the reason why not; `note` tells of a liberty that was taken."""

    id: UUID | None = None
    problem: str = ""
    note: str = ""


@dataclass
class Names:
    """Finds the records of one link field by name."""

    actor: Actor
    attribute: Attribute
    _exact: dict[str, list[UUID]] = field(default_factory=dict)
    _folded: dict[str, list[UUID]] = field(default_factory=dict)
    _titles: dict[UUID, str] = field(default_factory=dict)
    _whole: bool | None = None
    _asked: set[str] = field(default_factory=set)
    _keys: list[str] | None = None
    create: bool = False  # make what is not there: only for lists that everybody may add to, such as tags

    @property
    def target(self) -> AnyEntity:
        """The entity that is linked to."""
        return get(self.attribute.target)

    def prepare(self, texts: Iterable[str]) -> None:
        """Look up the names that a chunk of rows holds: one query, none where all names are known already."""
        if self._whole is None:
            self._whole = self._rows()[: WHOLE + 1].count() <= WHOLE
            if self._whole:
                self._take(self._rows())
        if self._whole and not self.create:
            return
        fresh = {piece for text in texts for piece in (text, *pieces(text))} - self._asked
        self._asked |= fresh
        if fresh and not self._whole:
            read = pinyin.person if self.target.named == "person" else pinyin.company
            keys = {read(text).sort_key[:300] for text in fresh}
            self._take(self._rows().filter(Q(pinyin__among=keys) | self._codes(fresh)))
        if self.create:
            self._make({fold(t) or t: t for t in sorted(fresh) if not self._folded.get(fold(t) or t)}.values())

    def _make(self, names: Iterable[str]) -> None:
        refused = []
        for name in names:
            try:
                made = records.create(self.actor, self.target, {self.target.title: name})
            except Invalid:  # too long: the row says so where it names it; or somebody made it at this moment
                refused.append(name)
                continue
            self._add(made.pk, name, ())
        if refused:
            self._take(self._rows().filter(**{f"{self.target.title}__in": refused}))

    def _codes(self, texts: Iterable[str]) -> Q:
        """Rows that one of the texts names by its number, its code in another program, a mail address or a phone."""
        found = Q()
        for key in self._more():
            a = self.target.attributes[key]
            values = {value for text in texts for value in (text, clean_reach(a, text)) if value}
            found |= reduce(or_, map(a.equals, values), Q(pk__in=())) if a.custom else Q(**{f"{key}__among": values})
        return found

    def _more(self) -> list[str]:
        """Fields beside the name by which a record is found, as far as the actor may read them."""
        if self._keys is None:
            self._keys = identifying(self.actor, self.target)
        return self._keys

    def find(self, text: str) -> Found:
        """The record called `text`; of several addresses or codes in one cell the first that is known."""
        found = self._one(text)
        for piece in pieces(text) if found.id is None else ():
            other = self._one(piece)
            if other.id is not None:
                return other
        return found

    def _one(self, text: str) -> Found:
        for names, key in ((self._exact, text), (self._folded, fold(text) or text)):
            found = names.get(key, ())
            if len(found) > 1:
                said = _("Several are called “%(name)s”. Give the number, or the full name.")
                return Found(problem=said % {"name": text[:60]})
            if found:
                title = self._titles[found[0]]
                said = _("“%(text)s” read as “%(name)s”.") % {"text": text[:60], "name": title[:60]}
                return Found(found[0], note="" if names is self._exact else said)
        if (pk := self._reached(text)) is not None:
            return Found(pk)
        said = _("There is no %(what)s “%(name)s”, or you may not see it.")
        return Found(problem=said % {"what": self.attribute.label, "name": text[:60]})

    def _reached(self, text: str) -> UUID | None:
        """The one record that has this mail address or phone, however it is written."""
        for key in self._more():
            a = self.target.attributes[key]
            found = self._exact.get(clean_reach(a, text), ()) if a.kind.key in REACHED else ()
            if len(found) == 1:
                return found[0]
        return None

    def _rows(self) -> Any:
        target = self.target
        if target.key in query.DIRECTORY:
            return target.rows().filter(deleted_at=None)
        if not access.may(self.actor, target, "list"):
            return target.rows().none()
        return query.visible(self.actor, target)

    def _take(self, rows: Any) -> None:
        known = [self.target.attributes[key] for key in self._more()]
        names = dict.fromkeys(exactjson.COLUMN if a.custom else a.key for a in known)
        for row in rows.values("pk", self.target.title, *names):
            others = (a.loaded(row[exactjson.COLUMN]) if a.custom else row[a.key] for a in known)
            self._add(row["pk"], str(row[self.target.title]), others)

    def learn(self, record: Any) -> None:
        """A record that has just been made: later rows may name it."""
        attributes = self.target.attributes
        others = [attributes[key].read(record) for key in self._more()]
        self._add(record.pk, str(attributes[self.target.title].read(record)), [str(o) for o in others if o])

    def _add(self, pk: UUID, title: str, others: Iterable[str]) -> None:
        if pk in self._titles:
            return
        self._titles[pk] = title
        for name in dict.fromkeys((title, *(o for o in others if o))):
            self._exact.setdefault(name, []).append(pk)
            key = fold(name) or name
            if pk not in self._folded.setdefault(key, []):
                self._folded[key].append(pk)


@dataclass
class Pipelines(Names):
    """Pipelines of one entity by their names in any of the three languages."""

    entity: str = ""

    def _more(self) -> list[str]:
        return []

    def _rows(self) -> Any:
        return Pipeline.objects.filter(entity=self.entity, deleted_at=None, is_current=True)

    def _take(self, rows: Any) -> None:
        for pk, labels, key in rows.values_list("pk", "labels", "key"):
            self._add(pk, next(iter(labels.values()), key), [*labels.values(), key])


@dataclass
class Stages:
    """Stages by their names, within the pipeline of the row, else in the default one and the others in force."""

    entity: AnyEntity
    attribute: Attribute
    _known: dict[UUID, dict[str, UUID]] = field(default_factory=dict)

    def prepare(self, _texts: Iterable[str]) -> None:
        """Read the stages once."""
        if self._known:
            return
        rows = Pipeline.objects.filter(entity=self.entity.key, is_current=True, deleted_at=None)
        for pk in rows.order_by("-is_default", "created_at").values_list("pk", flat=True):
            self._known[pk] = {}
        stages = Stage.objects.filter(pipeline__in=list(self._known), deleted_at=None).order_by("order")
        for stage in stages:
            for name in (*stage.labels.values(), stage.key):
                self._known[stage.pipeline_id].setdefault(fold(str(name)), stage.pk)

    def find(self, text: str, pipeline: UUID | None = None) -> Found:
        """The stage called `text`."""
        wanted = fold(text)
        where = [pipeline] if pipeline is not None and pipeline in self._known else list(self._known)
        for one in where:
            if found := self._known[one].get(wanted):
                return Found(found)
        said = _("There is no stage “%(name)s” in the pipeline.")
        return Found(problem=said % {"name": text[:60]})


Finder = Names | Stages


def grows(actor: Actor, a: Attribute) -> bool:
    """Whether an unknown name may become a new record: in lists of names such as tags, for who may add to them."""
    if a.kind.key != "links" or a.target in query.DIRECTORY:
        return False
    target = get(a.target)
    required = [k for k, b in target.attributes.items() if b.required]
    return required == [target.title] and not target.has_owner and access.may(actor, target, "create")


def finders(actor: Actor, entity: AnyEntity, fields: Iterable[str], *, create: bool = False) -> dict[str, Finder]:
    """A finder for each link field among `fields`; with `create` unknown names of growing lists are made."""
    return dict(_finders(actor, entity, fields, create=create))


def _finders(actor: Actor, entity: AnyEntity, fields: Iterable[str], *, create: bool) -> Iterator[tuple[str, Finder]]:
    for key in fields:
        a = entity.attributes[key]
        if a.target == "stage":
            yield key, Stages(entity, a)
        elif a.target == "pipeline":
            yield key, Pipelines(actor, a, entity=entity.key)
        elif a.is_link:
            yield key, Names(actor, a, create=create and grows(actor, a))


def identifying(actor: Actor, target: AnyEntity) -> list[str]:
    """Fields beside the name by which a record is found, as far as the actor may read them: numbers, codes, what the
    firm wants unique, how a person is reached."""
    known = access.readable(actor, target) if target.key not in query.DIRECTORY else None
    keys = [
        k for k, a in target.attributes.items()
        if k in BY or (a.kind.key in REACHED and a.column) or (a.custom and a.unique and a.kind.key == "text")
    ]  # fmt: skip
    return [k for k in keys if known is None or k in known]


def pieces(text: str) -> list[str]:
    """The addresses or codes in a cell that holds several of them; nothing where it holds one."""
    found = [piece.strip() for piece in _APART.split(unicodedata.normalize("NFKC", text)) if piece.strip()]
    codes = all("@" in piece or _CODE.fullmatch(piece) for piece in found)
    return found if len(found) > 1 and codes else []


def clean_reach(a: Attribute, text: str) -> str:
    """A mail address or phone as it is stored; empty for what is none."""
    if a.kind.key not in REACHED or (a.kind.key == "email") != ("@" in text):
        return ""
    try:
        return str(a.kind.clean(a, text) or "")
    except Wrong:
        return ""


def same_title(one: str, other: str) -> bool:
    """Whether two names are one name in different dress: width, case, script, blanks."""
    return one == other or folding.fold(one) == folding.fold(other)
