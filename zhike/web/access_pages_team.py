"""The team of a record: the card on its page, and the form that adds to it."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from markupsafe import Markup

from zhike.base.models import Role
from zhike.engine import query, sharing
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import Share

from .lookup import entity_or_404
from .templating import actor_of, render

Errors = dict[str, str]


def panel(actor: Actor, entity: AnyEntity, pk: UUID) -> dict[str, Any]:
    """The card on the record page: who else works on it, in which part, and until when."""
    may = sharing.may_share(actor, entity, pk)
    rows = []
    for m in sharing.of(actor, entity, pk):
        url = f"/{entity.key}/{pk}/share/{m.share.pk}"
        link = Markup('<a href="{}" data-drawer>{}</a>').format(url, m.name) if may else Markup("{}").format(m.name)
        rows.append({"html": link, "aside": m.share.get_level_display(), "meta": _meta(m)})
    return {
        "title": _("Team and sharing"),
        "icon": "share-2",
        "count": len(rows),
        "rows": rows,
        "url": "",
        "new_url": f"/{entity.key}/{pk}/share" if may else "",
        "empty_text": _("Nobody else: share it with a colleague, a department or a role."),
    }


def _meta(m: sharing.Member) -> list[str]:
    found = [m.share.title] if m.share.title else []
    if m.share.kind != Share.Kind.USER:
        found.append(str(m.share.get_kind_display()))
    if m.share.until:
        day = m.share.until.isoformat()
        found.append(_("ended on %(day)s") % {"day": day} if m.over else _("until %(day)s") % {"day": day})
    return [*found, _("shared by %(name)s") % {"name": m.by}]


@login_required
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, key: str, pk: UUID, share: UUID | None = None) -> HttpResponse:
    """Share a record, or change how it is shared."""
    from .editing import form_answer, go  # editing draws the record page, which draws the card above

    entity, actor = entity_or_404(key), actor_of(request)
    if not sharing.may_share(actor, entity, pk):
        query.record(actor, entity, pk)
        raise Missing
    old = Share.objects.filter(pk=share, entity=key, record=pk).first() if share else None
    if share and old is None:
        raise Missing
    errors: Errors = {}
    if request.method == "POST":
        try:
            made = _save(request, actor, entity, pk, old)
        except Invalid as invalid:
            errors = {k: found[0].text for k, found in invalid.first.items()}
        else:
            name = sharing.names([made]).get(made.target, "")
            request.session["toast"] = _("Shared with %(name)s.") % {"name": name}
            return go(request, f"/{key}/{pk}")
    page = query.record(actor, entity, pk)
    title = _("Sharing of “%(title)s”") % {"title": page.text(page.rows[0], entity.title)}
    if old is None:
        title = _("Share “%(title)s”") % {"title": page.text(page.rows[0], entity.title)}
    fields = _fields(request, actor, entity, pk, old, errors)
    form = {
        "url": request.path,
        "key": "",
        "cancel_url": f"/{key}/{pk}",
        "submit_label": _("Share the record") if old is None else _("Save"),
        "sections": [{"title": "", "fields": fields}],
        "errors": [
            {"name": f["name"], "label": f["label"], "text": f["error"]} for f in fields if f.get("error")
        ],
    }  # fmt: skip
    trail = [{"label": entity.plural, "url": f"/{key}/"}]
    end = f"/{key}/{pk}/share/{old.pk}/end" if old else ""
    context = {"title": title, "trail": trail, "form": form, "end_url": end}
    if old is None:
        return form_answer(request, {**context, "conflict": None}, status=422 if errors else 200)
    blocks = {"drawer-body": "form", "form-body": "form"}
    return render(request, "web/access_share.html", context, status=422 if errors else 200, blocks=blocks)


def _save(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID, old: Share | None) -> Share:
    post = request.POST
    until = post.get("until", "").strip()
    try:
        day = dt.date.fromisoformat(until) if until else None
        target = old.target if old else None
        kind = old.kind if old else ""
        if old is None:
            given = [(k, post.get(k, "")) for k in Share.Kind.values if post.get(k, "")]
            if len(given) != 1:
                raise Invalid([{"user": [Wrong(_("Choose one person, one department or one role."))]}])
            kind, target = given[0][0], UUID(given[0][1])
    except ValueError:
        raise Invalid([{"until": [Wrong(_("This is not a day."))]}]) from None
    if target is None:
        raise Missing
    try:
        return sharing.share(
            actor, entity, pk, kind=kind, target=target, level=post.get("level", Share.Level.READ),
            title=post.get("title", ""), until=day, reason=post.get("reason", ""),
        )  # fmt: skip
    except Invalid as invalid:
        raise Invalid([{kind if k == "target" else k: v for k, v in invalid.first.items()}]) from None


def _fields(
    request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID, old: Share | None, errors: Errors
) -> list[dict[str, Any]]:
    post = request.POST
    found: list[dict[str, Any]] = []
    if old is None:
        roles = [{"value": str(r.pk), "label": r.name} for r in Role.objects.filter(deleted_at=None)]
        found = [
            {"name": "user", "label": _("Person"), "kind": "combo", "options_url": "/user/options"},
            {
                "name": "department",
                "label": _("or a department with all below it"),
                "kind": "combo",
                "options_url": "/department/options",
            },
            {"name": "role", "label": _("or everybody with a role"), "kind": "select", "options": roles},
        ]
    may_write = sharing.may_share(actor, entity, pk, Share.Level.WRITE)
    levels = [
        {"value": value, "label": label}
        for value, label in Share.Level.choices
        if may_write or value == Share.Level.READ
    ]
    found += [
        {
            "name": "level",
            "label": _("What is opened"),
            "kind": "radio",
            "options": levels,
            "value": post.get("level") or (old.level if old else Share.Level.READ),
        },
        {
            "name": "title",
            "label": _("Part in the team"),
            "maxlength": 40,
            "value": post.get("title") or (old.title if old else ""),
            "placeholder": _("Presales, delivery …"),
            "help": _("With a part the person is a member of the team."),
        },
        {
            "name": "until",
            "label": _("Until"),
            "kind": "date",
            "value": post.get("until") or (old.until.isoformat() if old and old.until else ""),
            "help": _("The last day on which it holds; empty for as long as it is needed."),
        },
        {
            "name": "reason",
            "label": _("Reason"),
            "maxlength": 200,
            "value": post.get("reason") or (old.reason if old else ""),
        },
    ]
    return [{**f, "error": errors.get(f["name"], "")} for f in found]


@login_required
@require_POST
def end(request: HttpRequest, key: str, pk: UUID, share: UUID) -> HttpResponse:
    """Take a share back."""
    from .editing import go  # see above

    entity, actor = entity_or_404(key), actor_of(request)
    sharing.unshare(actor, entity, pk, share)
    request.session["toast"] = _("No longer shared.")
    mine = query.visible(actor, entity, "read").filter(pk=pk).exists()
    return go(request, f"/{key}/{pk}" if mine else f"/{key}/")
