"""Who hears of a comment or of being named: once each, only of what they may read, never of their own words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine import access, delegation, guard, notices, query
from zhike.engine.access import Actor
from zhike.engine.models import Delegation, Notice
from zhike.engine.notices import Line, NoticeKind

from .entities import ACTIVITY
from .models import Activity, Comment
from .seeing import may_read
from .services import TARGETS

MENTIONED = gettext_noop("%(by)s mentions you: %(title)s")
COMMENTED = gettext_noop("%(by)s comments: %(title)s")
FOR_ANOTHER = gettext_noop("%(by)s comments, for %(principal)s whom you stand in for: %(title)s")
SHORT = 80  # characters of a text in a notice
FIELDS = ("subject", "kind", "account", "contact", "lead", "deal")


def commented(actor: Actor, activity: Activity, comment: Comment, named: Sequence[User]) -> list[str]:
    """Tell of a comment: who is named, whose the activity and its records are, who commented before, and who stands
    in for an owner. Gives the names of those who are named and may not see it."""
    owners = _owners(activity)
    before = Comment.objects.filter(activity=activity, deleted_at=None).exclude(author=None)
    about = {"by": actor.user.name, "comment": str(comment.pk)}
    said = _Telling(actor, activity, f"comment:{comment.pk}", about, _address(activity.pk, comment.pk))
    blind = [user.name for user in named if not said.tell(user, "mention", MENTIONED)]
    others = {*owners, *before.values_list("author", flat=True)}
    for user in User.objects.filter(pk__in=others).select_related("department"):
        said.tell(user, "comment", COMMENTED)
    for lent in delegation.in_force().filter(principal__in=owners - {actor.user.pk}):
        said.stand_in(lent)
    return blind


def mentioned(actor: Actor, activity: Activity, named: Sequence[User]) -> list[str]:
    """Tell who is named in the text of an activity; the names of those who may not see it."""
    said = _Telling(actor, activity, f"activity:{activity.pk}", {"by": actor.user.name}, f"/activity/{activity.pk}")
    return [user.name for user in named if not said.tell(user, "mention", MENTIONED)]


def _owners(activity: Activity) -> set[UUID]:
    """Whose the activity is, and whose what it is about."""
    found = {activity.owner_id}
    for key, model in TARGETS.items():
        if pk := getattr(activity, f"{key}_id"):
            rows = guard.rows(model, "whom a comment concerns; they are told only of what they may see")
            found |= set(rows.filter(pk=pk).values_list("owner", flat=True))
    return {pk for pk in found if pk}


class _Telling:
    """Telling people of one text, each of them once; the cause says who was told of it before."""

    def __init__(self, actor: Actor, activity: Activity, cause: str, params: Mapping[str, Any], url: str) -> None:
        self.activity, self.cause, self.params, self.url = activity, cause, params, url
        self.done = {actor.user.pk, actor.hand.pk}

    def tell(self, user: User, kind: str, text: str) -> bool:
        """Whether the person may see it: then they are told, unless they know already."""
        if not _sees(Actor(user), self.activity.pk):
            return False
        self._send(user.pk, kind, text, self.url)
        return True

    def stand_in(self, lent: Delegation) -> None:
        """Who enters for an absent owner hears of it, within what was lent to them."""
        actor = Actor(lent.principal, by=lent.assistant, limit=delegation.limit_of(lent.scopes))
        if _sees(actor, self.activity.pk):
            more = {"principal": lent.principal.name, "delegation": str(lent.pk)}
            self._send(lent.assistant_id, "comment", FOR_ANOTHER, "/me/delegations", more)

    def _send(self, user: UUID, kind: str, text: str, url: str, more: Mapping[str, Any] | None = None) -> None:
        if user in self.done:
            return
        self.done.add(user)
        params, about = {**self.params, **(more or {})}, (ACTIVITY.key, self.activity.pk)
        notices.tell(user, text, params, url, f"{self.cause}:{user}", kind=kind, about=about)


def _address(activity: UUID, comment: UUID) -> str:
    return f"/activity/{activity}#comment-{comment}"


def _sees(actor: Actor, pk: UUID) -> bool:
    return may_read(actor) and query.visible(actor, ACTIVITY, "read").filter(pk=pk).exists()


# ---- in words


def lines(actor: Actor, rows: Sequence[Notice]) -> Mapping[UUID, Line]:
    """What was said, and about what, as far as the reader may see it now; what was deleted is told no more."""
    ids = {UUID(n.params["comment"]) for n in rows if n.params.get("comment")}
    comments = {c.pk: c for c in Comment.objects.filter(pk__in=ids, deleted_at=None)}
    found: dict[UUID, Line] = {}
    for reader, some in _readers(actor, rows):
        own = {n.record for n in some if n.record and not n.params.get("comment")}
        seen = _seen(reader, {*own, *(c.activity_id for c in comments.values())})
        for notice in some:
            of = notice.params.get("comment")
            comment = comments.get(UUID(of)) if of else None
            if comment and (about := seen.get(comment.activity_id)):  # which may have been merged into another
                url = "" if notice.params.get("delegation") else _address(comment.activity_id, comment.pk)
                found[notice.pk] = Line(_short(comment.text), about[1], url=url)
            elif not of and notice.record and (about := seen.get(notice.record)):
                found[notice.pk] = Line(*about)
    return found


def _readers(actor: Actor, rows: Sequence[Notice]) -> Iterable[tuple[Actor, list[Notice]]]:
    """The notices by whose rights they are read: one's own, or those of a person one stands in for."""
    groups: dict[str, list[Notice]] = {}
    for notice in rows:
        groups.setdefault(str(notice.params.get("delegation") or ""), []).append(notice)
    for lent, some in groups.items():
        acting = (actor, None) if not lent else delegation.actor_for(actor.user, UUID(lent))
        if acting and (not lent or actor.by is None):
            yield acting[0], some


def _seen(actor: Actor, ids: Collection[UUID]) -> Mapping[UUID, tuple[str, str]]:
    """Activity -> (its title, its kind and with whom)."""
    if not may_read(actor):
        return {}
    known = access.readable(actor, ACTIVITY)
    shown = [known[key] for key in FIELDS if key in known]
    rows = query.read(actor, ACTIVITY, query.visible(actor, ACTIVITY, "read").filter(pk__in=ids), shown)
    labels = query.labels(actor, shown, rows)
    found = {}
    for row in rows:
        kind = Activity.Kind(row.values["kind"]).label if row.values.get("kind") else ""
        links = ((key, row.values.get(key)) for key in TARGETS)
        with_whom = [labels[key, pk] for key, pk in links if pk and (key, pk) in labels]
        meta = " · ".join(str(part) for part in (kind, *with_whom) if part)
        found[row.id] = (_short(str(row.values.get("subject") or "…")), meta)
    return found


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


notices.register(NoticeKind("mention", _("Somebody names me by @"), "mention", mail=True, push=True, lines=lines))
notices.register(NoticeKind("comment", _("Comments on what is mine"), "mention", push=True, lines=lines))
