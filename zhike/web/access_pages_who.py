"""Who can see this record, and why somebody can: in the words of the parts that decide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET

from zhike.base.models import Grant, Role, User
from zhike.engine import access, query, reach, sharing
from zhike.engine.access import Actor, Part
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Missing
from zhike.engine.models import Share
from zhike.engine.reach import Reached

from .access_words import action_label
from .lookup import entity_or_404
from .templating import actor_of, render

SHOWN = 100


class Words:
    """Reasons in words, with what they name read once: roles, shares of the record, what it is seen through."""

    def __init__(self, reader: Actor, entity: AnyEntity, pk: UUID) -> None:
        self._reader, self._entity, self._pk = reader, entity, pk
        self._roles = dict(Role.objects.values_list("pk", "name"))
        self._through: dict[str, str] = {}
        rows = Share.objects.filter(entity=entity.key, record=pk).exclude(until__lt=reader.day).select_related("by")
        self._shares = list(rows)
        self._names = sharing.names(self._shares)

    def of(self, found: Reached) -> list[str]:
        """Why one person reaches the record."""
        said = [text for part in found.parts for text in self._part(found.user, part)]
        for d in found.helpers:
            values = {"name": d.assistant.name, "until": d.until_on.isoformat()}
            said.append(_("%(name)s may enter for them until %(until)s") % values)
        return list(dict.fromkeys(said))

    def _part(self, user: User, part: Part) -> Sequence[str]:
        place = user.department.name if user.department else ""
        values = {"role": self._roles.get(part.role, "") if part.role else "", "place": place}
        if part.reason == "share":
            return [self._share(s) for s in self._shares if self._is_with(user, s)]
        if part.reason == "via":
            return [_("through %(what)s") % {"what": self._link(part.detail)}]
        if part.reason == "named":
            return [_("named in the field “%(field)s”") % {"field": self._entity.attributes[part.detail].label}]
        texts = {
            Grant.Scope.OWN: _("own record (role %(role)s)"),
            Grant.Scope.DEPARTMENT: _("role %(role)s reaches the department %(place)s"),
            Grant.Scope.SUBTREE: _("role %(role)s reaches %(place)s and all below it"),
            Grant.Scope.ALL: _("role %(role)s reaches everything"),
        }
        return [texts[Grant.Scope(part.reason)] % values]

    def _is_with(self, user: User, s: Share) -> bool:
        above = user.department.ancestors if user.department else []
        return s.target == user.pk or s.target in user.roles or s.target in above

    def _share(self, s: Share) -> str:
        values = {"by": s.by.name, "until": s.until.isoformat() if s.until else "", "name": self._names.get(s.target)}
        if s.kind == Share.Kind.USER:
            text = _("shared by %(by)s until %(until)s") if s.until else _("shared by %(by)s")
        else:
            text = (
                _("shared with %(name)s by %(by)s until %(until)s") if s.until else _("shared with %(name)s by %(by)s")
            )
        return (text % values) + (f" ({s.title})" if s.title else "")

    def _link(self, link: str) -> str:
        """The record that this one is seen through, as far as the reader may see it."""
        if link not in self._through:
            a = self._entity.attributes[link]
            row = self._entity.rows("a record that the reader sees").filter(pk=self._pk)
            other = row.values_list(a.column, flat=True).first()
            title = query.names(self._reader, a.target, [other]).get(other, "") if other else ""
            label = str(get(a.target).label)
            self._through[link] = _("%(what)s “%(title)s”") % {"what": label, "title": title} if title else label
        return self._through[link]


@login_required
@require_GET
def who(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Everybody who sees a record with their reasons; `person` asks for one and all that they may do with it."""
    entity, actor = entity_or_404(key), actor_of(request)
    page = query.record(actor, entity, pk)
    words = Words(actor, entity, pk)
    term = request.GET.get("q", "").strip()[:60]
    found = reach.everybody(actor, entity, pk)
    wanted = [r for r in found if term in r.user.name or term.lower() in r.user.pinyin] if term else found
    context = {
        "title": _("Who can see “%(title)s”") % {"title": page.text(page.rows[0], entity.title)},
        "trail": [{"label": entity.plural, "url": f"/{key}/"}],
        "url": f"/{key}/{pk}/visibility",
        "record_url": f"/{key}/{pk}",
        "q": term,
        "person": _person(request, actor, entity, pk, words),
        "total": ngettext("%(n)s person", "%(n)s people", len(found)) % {"n": len(found)},
        "more": max(0, len(wanted) - SHOWN),
        "rows": [_row(r, words, f"/{key}/{pk}/visibility") for r in wanted[:SHOWN]],
    }
    return render(request, "web/access_who.html", context, blocks={"modal-body": "body", "who": "body"})


def _row(r: Reached, words: Words, url: str) -> dict[str, Any]:
    place = str(r.user.department or "")
    return {"name": r.user.name, "place": place, "reasons": words.of(r), "url": f"{url}?person={r.user.pk}"}


def _person(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID, words: Words) -> dict[str, Any] | None:
    """What one chosen person may do with the record, each with why."""
    asked = request.GET.get("person", "")
    if not asked:
        return None
    try:
        user = User.objects.select_related("department").filter(pk=UUID(asked), deleted_at=None).first()
    except ValueError:
        raise Missing from None
    if user is None:
        raise Missing
    own = Actor(user)
    rows = []
    for action in (*(a for a in access.ACTIONS if a not in ("create", "import", "list")), *entity.actions):
        parts = access.why(own, entity, pk, action)
        label = str(entity.actions[action].label) if action in entity.actions else action_label(action)
        rows.append({"label": label, "may": bool(parts), "reasons": words.of(Reached(user, parts))})
    return {"id": str(user.pk), "name": user.name, "place": str(user.department or ""), "rows": rows}


__all__ = ["Words", "who"]
