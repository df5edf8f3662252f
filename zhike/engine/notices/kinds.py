"""What people are told of: kinds of notices in four groups, each with the channels that it takes unless switched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from zhike.engine.access import Actor
    from zhike.engine.models import Notice

GROUPS: Mapping[str, Any] = {
    "todo": _("For me to do"),
    "mention": _("About me"),
    "watching": _("What I follow"),
    "system": pgettext_lazy("group of notices", "System"),
}


@dataclass(frozen=True)
class Line:
    """What a module says of a notice now: the title for its text, a second line, and whether it still holds."""

    title: str
    meta: str = ""
    stands: bool = True
    url: str = ""


Lines = Callable[["Actor", Sequence["Notice"]], Mapping[UUID, Line]]


@dataclass(frozen=True)
class NoticeKind:
    """A kind of notice. `urgent` ones are not gathered for the mail of the day, and come on days off.

    `lines` says of notices (by their ids) what the actor may know of them at this moment; those that it leaves out are
    about something that the actor may not see, or that is gone. Without it the gate is asked for the record's title.
    `content` gives the lines of a mail of its own, as (text, address) pairs below headings with an empty address.
    """

    key: str
    label: Any
    group: str
    page: bool = True
    mail: bool = False
    push: bool = False
    urgent: bool = False
    lines: Lines | None = None
    content: Callable[[Actor], Sequence[tuple[str, str]]] | None = None


KINDS: dict[str, NoticeKind] = {}


def register(kind: NoticeKind) -> None:
    """Make a kind known: the inbox groups by it, and people can switch its channels."""
    KINDS[kind.key] = kind


def kind_of(key: str) -> NoticeKind:
    """The kind of this key; one that is not known any more is like any other."""
    return KINDS.get(key, KINDS["other"])


for _kind in (
    NoticeKind("handed", _("Something is handed over to me"), "todo", mail=True, push=True),
    NoticeKind("proposal", _("A change waits for my word"), "todo", push=True),
    NoticeKind("export", _("Exports: asked, answered, large ones"), "todo", mail=True),
    NoticeKind("request", _("A person asks about their data"), "todo", mail=True),
    NoticeKind("shared", _("Something is shared with me"), "mention"),
    NoticeKind("rights", _("Who may act for me, and what I may do"), "mention", mail=True),
    NoticeKind("returning", _("My records go back to a pool"), "todo", mail=True),
    NoticeKind("won", _("Deals won"), "watching"),
    NoticeKind("work", _("Work on many records has ended"), "system"),
    NoticeKind("webhook", _("A webhook was switched off"), "system", mail=True),
    NoticeKind("other", _("Everything else"), "system"),
):
    register(_kind)
