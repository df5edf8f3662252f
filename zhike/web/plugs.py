"""Where modules plug into the generic pages: plain lists and dictionaries, filled when a module's `pages` is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse

from zhike.engine.access import Actor
from zhike.engine.cards import Card
from zhike.engine.entity import AnyEntity


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of a time line; `system` ones are what the machine noted, the others what people wrote.

    `outcome` is {label, tone}, `next` {text, due, tone}, `changes` a list of {label, old, new}, `actions` menu items,
    `files` the stored files that hang on it as (id, name),
    `about` the entity and id of the record that it is, `html` the text where it has more than words, `thread` what
    colleagues say about it, as ui/thread.html draws it.
    """

    id: str
    at: dt.datetime
    icon: str
    title: Any
    who: str = ""
    text: str = ""
    html: Any = ""
    tone: str = "neutral"
    outcome: Mapping[str, Any] | None = None
    next: Mapping[str, Any] | None = None
    planned: bool = False
    system: bool = False
    changes: Sequence[Mapping[str, Any]] = ()
    actions: Sequence[Mapping[str, Any]] = ()
    files: Sequence[tuple[UUID, str]] = ()
    about: tuple[str, UUID] | None = None
    thread: Mapping[str, Any] | None = None

    def entry(self) -> dict[str, Any]:
        """As ui/data.html draws it."""
        from .templating import clock

        return {
            "id": self.id,
            "icon": self.icon,
            "title_html": self.title,
            "who": self.who,
            "text": "" if self.html else self.text,
            "html": self.html,
            "tone": self.tone,
            "outcome": self.outcome,
            "next": self.next,
            "planned": self.planned,
            "system": self.system,
            "changes": list(self.changes),
            "actions": list(self.actions),
            "thread": self.thread,
            "files": [{"url": f"/files/{pk}", "name": name} for pk, name in self.files],
            "time": clock(self.at)[11:],
            "time_title": clock(self.at),
        }


@dataclass(frozen=True)
class MenuItem:
    """A page of a module in the main menu; offered where `may` says so."""

    label: Any
    url: str
    icon: str
    order: int
    may: Callable[[Actor], bool]


@dataclass(frozen=True)
class RecordAction:
    """A page of a module offered on a record; `kind` is drawer, or link for one that takes the whole window."""

    label: Any
    icon: str
    url: Callable[[UUID], str]
    may: Callable[[Mapping[str, Any], Mapping[str, bool]], bool]
    kind: str = "drawer"


@dataclass(frozen=True)
class Command:
    """Something to do from anywhere, offered in the palette; its form opens in the drawer."""

    label: Any
    url: str
    icon: str
    may: Callable[[Actor], bool]


@dataclass(frozen=True)
class PoolDeed:
    """What a module does with records of a pool (its id, theirs) for who keeps it; answers with what became of them."""

    key: str
    label: Any
    icon: str
    offered: Callable[[AnyEntity], bool]
    do: Callable[[Actor, UUID, Sequence[UUID]], str]


@dataclass(frozen=True)
class OwnPage:
    """A page of a module about oneself, offered on one's account; `button` is what leads there."""

    label: Any
    text: Any
    url: str
    button: Any
    icon: str
    may: Callable[[Actor], bool]


@dataclass(frozen=True)
class HomePanel:
    """A panel of a module on first pages (keys of Role.Home), put in as number `place`; None where it has nothing."""

    make: Callable[[Actor, str], Mapping[str, Any] | None]
    place: int


Timeline = Callable[[Actor, AnyEntity, UUID], Sequence[Item]]
Home = Callable[[HttpRequest, Actor], HttpResponse]
Composer = Callable[[Actor, AnyEntity, UUID], Mapping[str, Any] | None]
Log = Callable[[HttpRequest, Actor, AnyEntity, UUID], Mapping[str, Any]]  # {text, undo_url}, or {errors, …}
Banner = Callable[[HttpRequest, Actor, AnyEntity, UUID], str]  # HTML above a record, "" for nothing to say
Reads = Callable[[Actor, Card], tuple[dict[str, str], list[str]]]  # values by field, and what found none
Take = Callable[[Actor, str, UUID], Mapping[str, Any] | None]  # {label, icon, url}: makes something of written text

timelines: list[Timeline] = []
composers: list[Composer] = []
homes: dict[str, Home] = {}
menu: list[MenuItem] = []
commands: list[Command] = []
actions: dict[str, list[RecordAction]] = {}
bulk: list[Callable[[Actor, AnyEntity], list[dict[str, Any]]]] = []  # buttons above ticked rows that open a page
own_pages: list[OwnPage] = []
pool_deeds: list[PoolDeed] = []
# (entity, field of a moment) -> the address that says what else its owner has at that time: POST the form, `but` is the
# id of its record; and GET address/<id> for a record as it is saved
overlaps: dict[tuple[str, str], str] = {}
banners: list[Banner] = []
takes: list[Take] = []  # asked for a record with a composer, and for what was written about it
home_panels: list[HomePanel] = []
beside: list[Callable[[Actor, AnyEntity, UUID], Mapping[str, Any] | None]] = []  # cards beside a record, as its lists
report_tabs: list[tuple[str, Any, str]] = []  # key, label and address of reports that modules add
log: Log | None = None
cards: dict[str, Reads] = {}  # by entity: what a card that was pasted says for its fields
written: list[Callable[[Actor, AnyEntity], bool]] = []  # whether the records of an entity have a composer
