"""Colleagues named in a text by @: who is offered, what is kept of it, how it is shown."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Case, Q, When
from django.utils.translation import gettext as _
from markupsafe import Markup, escape

from zhike.base.i18n import listed
from zhike.base.models import Department, User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Wrong
from zhike.web.forms import is_uuid

from .models import Mention

MOST = 20  # people in one text
OFFERED, LOOKED_AT = 6, 24  # so many fit without scrolling


class Named(NamedTuple):
    """People whose names stand in a text: those who work here, and the names of those who do not any more."""

    people: Sequence[User]
    gone: Sequence[str]


def named(text: str, chosen: Sequence[str]) -> Named:
    """Of the ids that were chosen, those whose `@name` the text still holds; ids of nobody are left out.

    Raises Invalid for too many.
    """
    ids = {UUID(one) for one in chosen if is_uuid(one)}
    rows = User.objects.filter(pk__in=ids).select_related("department").order_by("pinyin", "pk")
    found = [user for user in rows if f"@{user.name}" in text]
    if len(found) > MOST:
        raise Invalid([{"": [Wrong(_("Name at most %(max)s people.") % {"max": MOST})]}])
    working = [user for user in found if user.is_active and user.deleted_at is None]
    return Named(working, [user.name for user in found if user not in working])


def keep(activity: UUID, comment: UUID | None, people: Sequence[User]) -> None:
    """Who is named in a comment; without one, in the text of the activity, beside those named there before."""
    before = Mention.objects.filter(activity=activity, comment=comment)
    if comment is not None:
        before.delete()
    known = {*before.values_list("user", flat=True)}
    rows = (
        Mention(activity_id=activity, comment_id=comment, user=user, said=user.name)
        for user in people
        if user.pk not in known
    )
    Mention.objects.bulk_create(rows, ignore_conflicts=True)


def in_texts(activities: Collection[UUID]) -> Mapping[UUID, list[str]]:
    """Activity -> the names in its text."""
    return _said(Mention.objects.filter(activity__in=activities, comment=None), "activity")


def in_comments(comments: Collection[UUID]) -> Mapping[UUID, list[str]]:
    """Comment -> the names in it."""
    return _said(Mention.objects.filter(comment__in=comments), "comment")


def ids_in(comment: UUID) -> list[UUID]:
    """Who is named in a comment."""
    return list(Mention.objects.filter(comment=comment).values_list("user", flat=True))


def _said(rows: Any, by: str) -> Mapping[UUID, list[str]]:
    found: dict[UUID, list[str]] = {}
    for pk, said in rows.values_list(by, "said"):
        found.setdefault(pk, []).append(said)
    return found


def html(text: str, said: Sequence[str]) -> Markup:
    """The text with the names in it marked."""
    if not said:
        return escape(text)
    names = sorted({*said}, key=len, reverse=True)  # 王芳芳 before 王芳
    pieces = re.split("(" + "|".join(re.escape(f"@{name}") for name in names) + ")", text)
    marked = (Markup('<span class="mention">{}</span>').format(p) if n % 2 else escape(p) for n, p in enumerate(pieces))
    return Markup("").join(marked)


def sees(user: User, entity: AnyEntity, pk: UUID) -> bool:
    """Whether a person may read a record."""
    return bool(query.visible(Actor(user), entity, "read").filter(pk=pk).exists())


def offers(actor: Actor, entity: AnyEntity, pk: UUID, term: str) -> list[dict[str, Any]]:
    """Colleagues to name in what is written on a record: those who may see it first, with a word on the others.

    Raises Missing.
    """
    query.record(actor, entity, pk)
    near = Case(
        When(pk__in=_near(actor, entity, pk), then=0), When(department=actor.user.department_id, then=1), default=2
    )
    known = query.every(get("user")).filter(is_active=True).exclude(pk=actor.user.pk)
    known = known.filter(Q(name__icontains=term) | Q(pinyin__icontains=term)).select_related("department")
    found = [(user, sees(user, entity, pk)) for user in known.order_by(near, "pinyin", "pk")[:LOOKED_AT]]
    return [
        {
            "value": str(user.pk),
            "label": user.name,
            "hint": str(user.department or ""),
            "aside": "" if seen else _("cannot see this"),
        }
        for user, seen in sorted(found, key=lambda pair: not pair[1])[:OFFERED]
    ]


def _near(actor: Actor, entity: AnyEntity, pk: UUID) -> list[UUID]:
    """Whose the record is, and who leads whoever writes."""
    above = actor.user.department.ancestors if actor.user.department else []
    found = {actor.user.manager_id, *Department.objects.filter(pk__in=above).values_list("head", flat=True)}
    if entity.has_owner:
        found |= set(entity.rows("of a record the actor reads").filter(pk=pk).values_list("owner", flat=True))
    return [one for one in found if one]


def unreached(gone: Sequence[str], blind: Sequence[str]) -> list[str]:
    """Who was named and hears nothing of it, in words for the writer."""
    told = []
    if blind:
        told.append(_("%(names)s cannot see this; no notice was sent.") % {"names": listed(blind)})
    if gone:
        told.append(_("%(names)s: no longer works here; no notice was sent.") % {"names": listed(gone)})
    return told
