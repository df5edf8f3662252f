"""Comments under activities: who may read and write them, writing, changing, deleting. Rules: docs/follow-up.md."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import history, notices, query
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.models import Notice
from zhike.engine.privacy import personfile

from . import comment_notices, mentioning
from .entities import ACTIVITY
from .models import Activity, Comment, Mention
from .seeing import may_read

LONGEST = 2_000  # characters
EDITABLE = dt.timedelta(minutes=15)
KEEPERS = ("all", "system")  # administrators who may delete what others wrote


class Written(NamedTuple):
    """A comment, and what its writer must be told: whom no notice reached."""

    comment: Comment
    unreached: Sequence[str]


class Thread(NamedTuple):
    """Comments of one activity, the oldest first, and how many there are in all."""

    comments: Sequence[Comment]
    total: int


def may_write(actor: Actor) -> bool:
    """Whoever reads may comment; keys, delegations and looks as somebody else only where they may write follow-ups."""
    return may_read(actor) and actor.place is None and (actor.limit is None or actor.limit.allows("activity", "create"))


def may_edit(actor: Actor, comment: Comment) -> bool:
    """One's own, for a while."""
    fresh = timezone.now() - comment.created_at < EDITABLE
    return may_write(actor) and comment.author_id == actor.user.pk and fresh


def may_delete(actor: Actor, comment: Comment) -> bool:
    """One's own; an administrator all that they can read."""
    return may_write(actor) and (comment.author_id == actor.user.pk or actor.office in KEEPERS)


def threads(actor: Actor, activities: Collection[UUID], newest: int | None = None) -> Mapping[UUID, Thread]:
    """The comments under those of the activities that the actor may read, the `newest` of each or all of them."""
    if not activities or not may_read(actor):
        return {}
    readable = query.visible(actor, ACTIVITY, "read").filter(pk__in=activities).values("pk")
    rows = Comment.objects.filter(activity__in=readable, deleted_at=None).select_related("author")
    each = [F("activity")]
    rows = rows.annotate(
        place=Window(RowNumber(), partition_by=each, order_by=[F("created_at").desc(), F("pk").desc()]),
        total=Window(Count("*"), partition_by=each),
    )
    if newest is not None:
        rows = rows.filter(place__lte=newest)
    found: dict[UUID, Thread] = {}
    for row in sorted(rows, key=lambda c: (c.created_at, c.pk)):
        before = found.get(row.activity_id, Thread((), row.total))
        found[row.activity_id] = Thread([*before.comments, row], row.total)
    return found


def subject(actor: Actor, pk: UUID) -> Activity:
    """The activity whose comments the actor may read. Raises Missing."""
    found: Activity | None = query.visible(actor, ACTIVITY, "read").filter(pk=pk).first() if may_read(actor) else None
    if found is None:
        raise Missing
    return found


def write(
    actor: Actor, pk: UUID, text: str, people: Sequence[str] = (), *, key: str = "", at: dt.datetime | None = None
) -> Written:
    """Comment on an activity; `people` are ids of those who are named in it, `key` keeps a post sent twice from
    becoming two (what the second says otherwise is a change of the first).

    Raises Missing, Refused, or Invalid for an empty or too long text.
    """
    activity, said = _writable(actor, pk), _clean(text)
    named = mentioning.named(said, people)
    new = Comment(activity=activity, author=actor.user, text=said, key=key[:100], created_at=at or timezone.now())
    with transaction.atomic():
        Comment.objects.bulk_create([new], ignore_conflicts=True)
        kept = Comment.objects.get(activity=pk, author=actor.user, key=new.key) if new.key else new
        if kept.pk != new.pk:
            if kept.deleted_at is None and kept.text != said:
                return edit(actor, pk, kept.pk, text, people)
            return Written(kept, ())
        mentioning.keep(pk, new.pk, named.people)
        history.note(actor, "comment", entity=ACTIVITY.key, record=pk, details={"comment": new.pk})
        blind = comment_notices.commented(actor, activity, new, named.people)
    return Written(new, mentioning.unreached(named.gone, blind))


def edit(actor: Actor, pk: UUID, comment: UUID, text: str, people: Sequence[str] = ()) -> Written:
    """Another text for one's own comment. Raises Missing, Refused for another's, Invalid for a text that is none or
    when its time is over."""
    activity, said = _writable(actor, pk), _clean(text)
    named = mentioning.named(said, people)
    with transaction.atomic():
        found = _live(pk, comment)
        if found.author_id != actor.user.pk:
            raise Refused("edit comment")
        if not may_edit(actor, found):
            raise Invalid([{"": [Wrong(_("A comment can be changed for 15 minutes; write another one."), "closed")]}])
        if found.text != said:
            found.text, found.edited_at = said, timezone.now()
            found.save(update_fields=["text", "edited_at"])
            history.note(actor, "comment.edit", entity=ACTIVITY.key, record=pk, details={"comment": found.pk})
        mentioning.keep(pk, found.pk, named.people)
        blind = comment_notices.commented(actor, activity, found, named.people)
    return Written(found, mentioning.unreached(named.gone, blind))


def delete(actor: Actor, pk: UUID, comment: UUID) -> None:
    """Take a comment away: its words go, the history keeps that it was deleted and by whom. Raises Missing, Refused."""
    _writable(actor, pk)
    with transaction.atomic():
        found = _live(pk, comment)
        if not may_delete(actor, found):
            raise Refused("delete comment")
        Comment.objects.filter(pk=comment).update(text="", deleted_at=timezone.now())
        Mention.objects.filter(comment=comment).delete()
        notices.read(Notice.objects.filter(record=pk, params__comment=str(comment)))
        history.note(actor, "comment.delete", entity=ACTIVITY.key, record=pk, details={"comment": comment})


def _writable(actor: Actor, pk: UUID) -> Activity:
    found = subject(actor, pk)
    if not may_write(actor):
        raise Refused("comment")
    return found


def _live(pk: UUID, comment: UUID) -> Comment:
    found = Comment.objects.select_for_update().filter(pk=comment, activity=pk, deleted_at=None).first()
    if found is None:
        raise Missing
    return found


def _clean(text: str) -> str:
    a = ACTIVITY.attributes["body"]
    said = str(a.kind.clean(a, text.replace("\r\n", "\n")))
    if not said:
        raise Invalid([{"": [Wrong(_("Write a comment first."), "required")]}])
    if len(said) > LONGEST:
        wrong = _("Too long: %(n)s characters, at most %(max)s.") % {"n": len(said), "max": LONGEST}
        raise Invalid([{"": [Wrong(wrong, "long")]}])
    return said


def _said(actor: Actor, activities: Collection[UUID]) -> Mapping[UUID, Sequence[Mapping[str, str]]]:
    """Comments for the file of a person."""
    return {
        pk: [
            {"at": c.created_at.isoformat(), "who": c.author.name if c.author else "", "text": c.text}
            for c in thread.comments
        ]
        for pk, thread in threads(actor, activities).items()
    }


personfile.register(ACTIVITY.key, _said)
