"""What an entity is: one typed value beside the model. No metaclass, no inheritance, no generated code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from uuid import UUID

from django.db import models
from django.db.models.base import ModelState
from django.utils.translation import gettext_lazy as _

from zhike.base.models import Department, Stored, User

from . import catalog, custom
from .kinds import KINDS, Attribute
from .labels import lazily
from .models import CustomRecord, Pipeline, Stage

if TYPE_CHECKING:
    from .records import Change

M = TypeVar("M", bound=Stored)
Hook = Callable[["Change[Any]"], None]
BatchHook = Callable[["Sequence[Change[Any]]"], None]
RemoveHook = Callable[[Sequence[UUID]], None]
MoveHook = Callable[[str, Sequence[UUID], Sequence[UUID], bool], None]

SYSTEM = (
    "id",
    "custom",
    "pinyin",
    "name_key",
    "search_text",
    "search_grams",
    "ancestors",
    "deleted_at",
    "version",
    "password",
    "last_login",
    "object",
    "recycle_rule",
    "document",
)


COMMON = dict.fromkeys(
    (
        "owner",
        "department",
        "created_by",
        "created_at",
        "updated_at",
        "pipeline",
        "stage",
        "status",
        "stage_at",
        "closed_at",
        "pool",
        "pooled_at",
        "former_owner",
        "held_since",
        "recycle_at",
        "is_kept",
    ),
    "internal",
)  # fields that every record has; the class of all others is said by their kind or their entity
UNSEEN = ("numbers", "digits")  # what the system compares and searches by; nobody reads it


@dataclass(frozen=True)
class Section:
    """A group of fields on the form and the record page."""

    title: Any
    keys: tuple[str, ...]
    folded: bool = False


@dataclass(frozen=True)
class Related:
    """A list on the record page: records of `entity` whose field `by` points here.

    While there are any, the record cannot be deleted, unless `holds` is false.
    """

    entity: str
    by: str
    columns: tuple[str, ...] = ()
    title: Any = ""
    holds: bool = True


@dataclass(frozen=True)
class Action:
    """A named verb with its own permission: button, API call, later a tool.

    `run` is called for each change before it is saved; `fields` are asked for; `when` names the statuses it is for.
    """

    label: Any
    run: Hook
    fields: tuple[str, ...] = ()
    icon: str = ""
    tone: str = ""
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sign:
    """A sign that two records are one: equal `fields`, or names alike, and what is done about it at each door.

    `how` is same (equal as stored), full (the whole legal name of a firm), firm (names alike) or person (one name, and
    the other fields equal). Levels are block, ask, hint and off. `beyond` names fields of other entities to look at.
    """

    key: str
    label: Any
    fields: tuple[str, ...]
    how: str = "same"
    score: float = 0.9  # of two records of which nothing else is known
    typed: str = "ask"
    form: str = "hint"
    api: str = "ask"
    imported: str = "ask"  # asked once for the whole file: its plan says whether such rows are left out
    beyond: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """A list as offered to everybody: a name, a query string in the one filter language, and columns of its own."""

    key: str
    label: Any
    query: str = ""
    columns: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Entity(Generic[M]):
    """How the records of one model are used. Every name in it is checked before the server starts (checks.py)."""

    key: str
    model: type[M]
    title: str = "name"
    icon: str = "file"
    menu: int = 0  # place in the main menu; 0 means not in it
    columns: Sequence[str] = ()
    sections: Sequence[Section] = ()
    quick: Sequence[str] = ()  # the few fields of the quick-create panel
    filters: Sequence[str] = ()
    search: Sequence[str] = ()
    views: Sequence[View] = ()
    facts: Sequence[str] = ()  # the key numbers in the head of the record page
    card: Sequence[str] = ()  # what a board card and a phone row show below the title
    sums: Sequence[str] = ()  # columns that have a total
    related: Sequence[Related] = ()
    via: Sequence[str] = ()  # link fields through whose record this one is seen
    named_may: Mapping[str, Sequence[str]] = field(default_factory=dict)  # field with a person -> what that one may do
    unique: Sequence[tuple[str, ...]] = ()
    match: Sequence[tuple[str, ...]] = ()  # import keys, best first
    signs: Sequence[Sign] = ()  # of duplicates, surest first
    joined: str = ""  # the action that joins a record to what its signs find beyond the entity (`Sign.beyond`)
    apart: Sequence[str] = ()  # numbers of which every firm or person has one: others in two records keep them apart
    meanings: Mapping[str, str] = field(default_factory=dict)  # import: meaning of a column -> field
    called: Sequence[str] = ()  # import: what sheets and files of such records are called, beside the names
    typed: Mapping[str, str] = field(default_factory=dict)  # filter line: when, money, contact, idle, next -> field
    tones: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    computed: Sequence[Attribute] = ()
    on_input: Sequence[Hook] = ()  # sees the values before they are cleaned
    before_save: Sequence[Hook] = ()
    before_all: Sequence[
        BatchHook
    ] = ()  # as before_save, but once for the whole batch, for rules that ask the database
    after_save: Sequence[BatchHook] = ()
    after_remove: Sequence[RemoveHook] = ()  # after records went to the recycle bin or came back
    after_move: Sequence[
        MoveHook
    ] = ()  # records of another entity, by its key and their ids, have got rows of this one,
    # by ids, through merging, or lost them again where the last argument says that it is taken back
    merged: Mapping[str, str] = field(default_factory=dict)  # field -> what a merge keeps: newest, oldest, most, least,
    # any (one yes is enough) or both (texts one below the other); else what the record that stays has, else the newest
    actions: Mapping[str, Action] = field(default_factory=dict)
    named: str = "company"  # how the title is read aloud, for pinyin: company or person
    number: str = ""  # pattern of the running number kept in the field `number`, such as "C%06d"
    whole: Sequence[str] = ()  # numbers and mails that are not masked: those of our own people
    privacy: Mapping[str, str] = field(default_factory=dict)  # field -> class of its data, where the kind does not say
    about: Sequence[str] = ()  # whose data a row holds: "id" for a person's own record, else links to that record
    names: tuple[Any, Any] | None = None  # of one and of many, where the model does not say them
    object: str = ""  # the key of an object that the firm has made; its rows lie in one table with those of others

    @property
    def label(self) -> Any:
        """The name of one record, in the reader's language when shown."""
        return self.names[0] if self.names else self.model._meta.verbose_name

    @property
    def plural(self) -> Any:
        """The name of many."""
        return self.names[1] if self.names else self.model._meta.verbose_name_plural

    def rows(self, reason: str = "") -> models.QuerySet[Any]:
        """All rows, for code that may see them: through the gate, or for a `reason` that the reader greps for."""
        found = self.model._base_manager.all()
        return found.filter(object=self.object) if self.object else found

    def make(self) -> Any:
        """A new record that is not saved yet: what Django's own way gives, at a tenth of its price."""
        kept, fresh = self._blank
        made = self.model.__new__(self.model)
        made._state = ModelState()
        values = vars(made)
        values.update(kept)
        for name, default in fresh:
            values[name] = default()
        return made

    @cached_property
    def _blank(self) -> tuple[dict[str, Any], list[tuple[str, Callable[[], Any]]]]:
        """What all new records have alike, and what is made anew for each."""
        found = vars(self.model(object=self.object) if self.object else self.model())
        fresh = [
            (f.attname, f.default) for f in self.model._meta.concrete_fields if f.has_default() and callable(f.default)
        ]
        made = dict(fresh)
        return {k: v for k, v in found.items() if k != "_state" and k not in made}, fresh

    @cached_property
    def has_owner(self) -> bool:
        """Whether records have an owner and a department of their own."""
        return any(f.name == "owner" for f in self.model._meta.concrete_fields)

    @cached_property
    def is_staged(self) -> bool:
        """Whether records go through a pipeline."""
        return any(f.name == "stage" for f in self.model._meta.concrete_fields)

    @property
    def attributes(self) -> dict[str, Attribute]:
        """Every field, whoever asks: model columns, computed values, then those that the firm has made."""
        snapshot = catalog.current()
        return snapshot.once(("attributes", self.key), lambda: self._attributes(snapshot))

    @cached_property
    def declared(self) -> dict[str, Attribute]:
        """The fields of the declaration alone, as a firm finds them that has configured nothing."""
        found = {a.key: a for a in self._columns()}
        computed = (*self.computed, *_lent.get(self.key, ()))
        return {**found, **{a.key: replace(a, privacy=self.privacy.get(a.key, a.privacy)) for a in computed}}

    def _attributes(self, snapshot: catalog.Snapshot) -> dict[str, Attribute]:
        said = snapshot.part("choices")
        own = {
            k: custom.with_choices(a, said[f"{self.key}.{k}"]) if f"{self.key}.{k}" in said else a
            for k, a in self.declared.items()
        }
        return {**own, **custom.attributes(snapshot, self.key)} if self.takes_fields else own

    @property
    def pattern(self) -> str:
        """The pattern of running numbers: as the firm wants it, else as declared."""
        return str(catalog.current().part("numbers").get(self.key) or self.number)

    @property
    def lists(self) -> Sequence[Related]:
        """Lists on the record page: those declared, then one for each link that the firm has made to these records."""
        snapshot = catalog.current()
        return snapshot.once(("lists", self.key), lambda: (*self.related, *_pointing(self.key)))

    @cached_property
    def takes_fields(self) -> bool:
        """Whether records have room for fields of the firm."""
        return any(f.name == "custom" for f in self.model._meta.concrete_fields)

    def unclassed(self) -> list[str]:
        """Fields whose class nobody said: neither the entity nor, by being personal or sensitive, the kind."""
        return [k for k, a in self.declared.items() if not a.privacy and a.kind.privacy == "internal"]

    def _columns(self) -> Iterator[Attribute]:
        for f in self.model._meta.concrete_fields:
            if f.name not in SYSTEM:
                privacy = self.privacy.get(f.name, COMMON.get(f.name, ""))
                yield attribute_for(f, tones=self.tones.get(f.name, {}), privacy=privacy, whole=f.name in self.whole)

    def __hash__(self) -> int:
        return hash(self.key)


AnyEntity = Entity[Any]
OBJECTS = 600  # place in the menu of the first object that the firm has made: after all others
_registry: dict[str, AnyEntity] = {}
_lent: dict[str, tuple[Attribute, ...]] = {}


def attribute_for(
    f: models.Field[Any, Any], *, tones: Mapping[str, str], privacy: str = "", whole: bool = False
) -> Attribute:
    """Label, kind, choices and target of a model field: the model says these once."""
    key, target = _kind_of(f)
    choices = f.choices or getattr(f, "of", None) or ()
    flat = [c for c in choices if isinstance(c, (list, tuple))]
    return Attribute(
        key=f.name,
        label=f.verbose_name,
        kind=KINDS[key],
        target=target,
        column=f.attname,
        unseen=f.name in UNSEEN,
        required=not f.blank and not f.has_default() and f.editable,
        editable=f.editable,
        max_length=getattr(f, "max_length", None),
        help=f.help_text,
        tones=tones,
        privacy=privacy,
        whole=whole,
        choices=tuple((str(k), v) for k, v in flat),
    )


_KIND_BY_CLASS: tuple[tuple[type[models.Field[Any, Any]], str], ...] = (
    (models.EmailField, "email"),
    (models.URLField, "url"),
    (models.BooleanField, "boolean"),
    (models.DecimalField, "decimal"),
    (models.IntegerField, "integer"),
    (models.DateTimeField, "datetime"),
    (models.DateField, "date"),
    (models.JSONField, "json"),
    (models.TextField, "longtext"),
    (models.CharField, "text"),
)


def _kind_of(f: models.Field[Any, Any]) -> tuple[str, str]:
    """(kind, target entity) of a model field."""
    said = getattr(f, "kind", "")
    if said:
        return said, getattr(f, "target", "") or ("file" if said == "file" else "")
    if isinstance(f, models.ForeignKey):
        special: dict[Any, tuple[str, str]] = {
            User: ("user", "user"),
            Department: ("department", "department"),
            Stage: ("stage", "stage"),
            Pipeline: ("stage", "pipeline"),
        }
        return special.get(f.related_model) or ("link", _target(f.related_model))
    if f.choices:
        return "choice", ""
    return next((key for cls, key in _KIND_BY_CLASS if isinstance(f, cls)), "text"), ""


def _target(model: Any) -> str:
    found = entity_of(model)
    return found.key if found else model._meta.model_name


def register(*entities: AnyEntity) -> None:
    """Make entities known to every channel; ValueError when a key is taken."""
    for entity in entities:
        if entity.key in _registry:
            raise ValueError(f"entity {entity.key!r} is declared twice")
        _registry[entity.key] = entity


def lend(key: str, *attributes: Attribute) -> None:
    """Computed values that a module gives to the records of a lower one, whose declaration may name them."""
    _lent[key] = (*_lent.get(key, ()), *attributes)
    vars(_registry[key]).pop("declared", None)


def declared() -> Mapping[str, AnyEntity]:
    """The entities of the modules by key, without objects that the firm has made."""
    return _registry


def entities() -> Mapping[str, AnyEntity]:
    """All entities by key, objects that the firm has made included."""
    snapshot = catalog.current()
    if not snapshot.part("objects"):
        return _registry
    return snapshot.once("entities", lambda: {**_registry, **_objects(snapshot)})


def get(key: str) -> AnyEntity:
    """The entity called `key`; KeyError if there is none."""
    found = _registry.get(key)
    return entities()[key] if found is None else found


def _pointing(key: str) -> Iterator[Related]:
    """One list for each custom link to the records of an entity; what is seen through them does not hold them."""
    for other in entities().values():
        for a in other.attributes.values():
            if a.custom and a.target == key and a.kind.key in ("link", "links"):
                several = sum(b.custom and b.target == key for b in other.attributes.values()) > 1
                title = custom.beside(other.plural, a.label) if several or other.key == key else ""
                yield Related(other.key, a.key, title=title, holds=a.key not in other.via)


def _objects(snapshot: catalog.Snapshot) -> dict[str, AnyEntity]:
    objects = snapshot.part("objects")
    return {
        key: _object(key, said, custom.attributes(snapshot, key), menu=OBJECTS + n)
        for n, (key, said) in enumerate(objects.items())
        if not said.get("retired")
    }


def _object(key: str, said: Mapping[str, Any], own: Mapping[str, Attribute], *, menu: int) -> AnyEntity:
    """An object that the firm has made: its entity says by default what a declaration would."""
    label, number = lazily(said.get("labels") or {"en": key}), (("number",) if said.get("number") else ())
    short = [k for k, a in own.items() if a.kind.key not in ("longtext", "richtext", "links", "file")]
    return Entity(
        key=key,
        object=key,
        model=CustomRecord,
        names=(label, lazily(said.get("plural") or said.get("labels") or {"en": key})),
        icon=said.get("icon") or "box",
        menu=menu,
        columns=("name", *number, *short[:5], "owner", "updated_at"),
        sections=(Section(label, ("name", *own, "owner")),),
        quick=("name", *(k for k, a in own.items() if a.required and a.editable)),
        filters=tuple(k for k in ("owner", *short[:6])),
        search=tuple(dict.fromkeys(("name", "number", *(k for k in said.get("search") or () if k in own)))),
        views=(View("mine", _("Mine"), "owner__eq=me"), View("all", _("All"))),
        facts=tuple(short[:3]),
        card=tuple(short[:2]),
        sums=tuple(k for k, a in own.items() if a.kind.key in ("integer", "decimal", "money")),
        via=tuple(k for k in said.get("via") or () if k in own and own[k].kind.key == "link"),
        match=(("number",), ("name",)),
        number=said.get("number") or "",
        privacy={"name": said.get("privacy") or "internal", "number": "internal"},
    )


def entity_of(model: type[models.Model]) -> AnyEntity | None:
    """The entity declared for `model`, if any."""
    return next((e for e in _registry.values() if e.model is model), None)
