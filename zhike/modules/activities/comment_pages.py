"""Comments on pages: the thread under an entry of a time line, writing, changing and deleting in place; names by @."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from zhike.base.ids import uuid7
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid
from zhike.web.lookup import entity_or_404
from zhike.web.templating import actor_of, ago, clock, render

from . import commenting, mentioning
from .commenting import Thread, Written
from .entities import ACTIVITY
from .models import Comment

NEWEST = 3  # under an entry of a time line; all of them on the page of the activity


def threads(actor: Actor, activities: Collection[UUID], *, whole: bool = False) -> dict[UUID, dict[str, Any]]:
    """As ui/thread.html draws them: one for each activity that the actor may comment on, or read comments of."""
    found = commenting.threads(actor, activities, None if whole else NEWEST)
    named = mentioning.in_comments([c.pk for thread in found.values() for c in thread.comments])
    open_to = activities if commenting.may_write(actor) else found
    return {pk: drawn(actor, pk, found.get(pk), named) for pk in open_to}


def drawn(
    actor: Actor, pk: UUID, thread: Thread | None, named: Mapping[UUID, Sequence[str]], edited: UUID | None = None
) -> dict[str, Any]:
    """One thread; `edited` is the comment in whose place its form stands."""
    comments, total = thread or Thread((), 0)
    return {
        "id": f"thread-{pk}",
        "url": f"/activity/{pk}/comments",
        "may_write": commenting.may_write(actor),
        "count": total,
        "hidden": total - len(comments),
        "comments": [_comment(actor, c, named.get(c.pk, ()), edited=c.pk == edited) for c in comments],
        "form": None,
        "told": (),
    }


def _comment(actor: Actor, comment: Comment, named: Sequence[str], *, edited: bool) -> dict[str, Any]:
    url = f"/activity/{comment.activity_id}/comments/{comment.pk}"
    return {
        "id": comment.pk,
        "who": comment.author.name if comment.author else _("Somebody who has left"),
        "html": mentioning.html(comment.text, named),
        "time": ago(comment.created_at),
        "time_title": clock(comment.created_at),
        "is_edited": comment.edited_at is not None,
        "edit_url": url if commenting.may_edit(actor, comment) else "",
        "delete_url": f"{url}/delete" if commenting.may_delete(actor, comment) else "",
        "in_form": edited,
    }


@login_required
@require_http_methods(["GET", "POST"])
def thread(request: HttpRequest, pk: UUID) -> HttpResponse:
    """All comments of an activity with the box to write one; POST writes it."""
    actor = actor_of(request)
    if request.method == "GET":
        return _answer(request, actor, pk, form=_form(actor, pk) if commenting.may_write(actor) else None)
    key = request.POST.get("idempotency_key", "")
    return _saved(request, actor, pk, lambda text, named: commenting.write(actor, pk, text, named, key=key))


@login_required
@require_http_methods(["GET", "POST"])
def one(request: HttpRequest, pk: UUID, comment: UUID) -> HttpResponse:
    """One's own comment in a form; POST changes it."""
    actor = actor_of(request)
    if request.method == "POST":
        change = lambda text, named: commenting.edit(actor, pk, comment, text, named)  # noqa: E731
        return _saved(request, actor, pk, change, comment)
    commenting.subject(actor, pk)
    mine = Comment.objects.filter(pk=comment, activity=pk, deleted_at=None).first()
    if mine is None or not commenting.may_edit(actor, mine):
        return _answer(request, actor, pk)
    ids = mentioning.ids_in(comment)
    return _answer(request, actor, pk, form=_form(actor, pk, mine.text, ids, comment), edited=comment)


@login_required
@require_POST
def delete(request: HttpRequest, pk: UUID, comment: UUID) -> HttpResponse:
    """A comment goes."""
    actor = actor_of(request)
    commenting.delete(actor, pk, comment)
    if not request.headers.get("HX-Request"):
        request.session["toast"] = _("The comment is deleted.")
        return HttpResponseRedirect(f"/activity/{pk}", status=303)
    return _answer(request, actor, pk)


def _saved(
    request: HttpRequest,
    actor: Actor,
    pk: UUID,
    work: Callable[[str, Sequence[str]], Written],
    comment: UUID | None = None,
) -> HttpResponse:
    """The thread with what was written, or the form again with what is wrong and all that was typed."""
    text, named = request.POST.get("text", ""), request.POST.getlist("mention")
    try:
        done = work(text, named)
    except Invalid as invalid:
        wrong = [w.text for found in invalid.first.values() for w in found]
        form = _form(actor, pk, text, named, comment)
        form |= {"errors": wrong, "key": request.POST.get("idempotency_key", "") or form["key"]}
        return _answer(request, actor, pk, form=form, edited=comment, status=422)
    if not request.headers.get("HX-Request"):
        request.session["toast"] = " ".join([_("Saved."), *done.unreached])
        return HttpResponseRedirect(f"/activity/{pk}#comment-{done.comment.pk}", status=303)
    return _answer(request, actor, pk, form=None if comment else _form(actor, pk), told=done.unreached)


def _form(
    actor: Actor, pk: UUID, text: str = "", named: Sequence[Any] = (), comment: UUID | None = None
) -> dict[str, Any]:
    """The box: empty, or with what was written."""
    url = f"/activity/{pk}/comments"
    return {
        "url": f"{url}/{comment}" if comment else url,
        "key": "" if comment else str(uuid7()),
        "draft": f"{(actor.by or actor.user).pk}:comment/{comment or pk}",
        "mentions_url": f"/activity/{pk}/mentions",
        "text": text,
        "mentions": [str(one) for one in named],
        "errors": (),
        "cancel_url": url if comment else "",
    }


def _answer(
    request: HttpRequest,
    actor: Actor,
    pk: UUID,
    *,
    form: Mapping[str, Any] | None = None,
    edited: UUID | None = None,
    told: Sequence[str] = (),
    status: int = 200,
) -> HttpResponse:
    """The whole thread of an activity, open; a page of its own without JavaScript. Raises Missing."""
    activity = commenting.subject(actor, pk)
    found = commenting.threads(actor, [pk]).get(pk)
    named = mentioning.in_comments([c.pk for c in found.comments] if found else ())
    context = {
        "thread": {**drawn(actor, pk, found, named, edited), "form": form, "told": told},
        "record": {"label": str(query.names(actor, ACTIVITY.key, [pk]).get(pk, activity.get_kind_display()))},
        "url": f"/activity/{pk}",
    }
    blocks = {f"thread-{pk}": "thread"}
    return render(request, "activities/comments.html", context, blocks=blocks, status=status)


@login_required
@require_GET
def mentions(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Colleagues whose names begin what was typed after @."""
    term = request.GET.get("q", "").strip()[:60]
    found = mentioning.offers(actor_of(request), entity_or_404(key), pk, term)
    return render(request, "web/options.html", {"options": found})


urlpatterns = [
    path("activity/<uuid:pk>/comments", thread),
    path("activity/<uuid:pk>/comments/<uuid:comment>", one),
    path("activity/<uuid:pk>/comments/<uuid:comment>/delete", delete),
    path("<slug:key>/<uuid:pk>/mentions", mentions),
]
