"""The list of hand-overs, and the page of one: the plan before it runs, the progress, what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_GET, require_POST
from markupsafe import Markup

from zhike.base.i18n import day, listed
from zhike.base.models import Department, User
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.pools import known as pools
from zhike.engine.pools import moving
from zhike.modules.handover import running, services, splitting, watching
from zhike.modules.handover.models import Handover, HandoverItem, HandoverShare
from zhike.web.chips import words
from zhike.web.editing import go
from zhike.web.templating import actor_of, number, render, yuan

from .parts import ITEM_TONES, TONES, label, titles, trail

Item, State, Way = HandoverItem.State, Handover.State, HandoverShare.Way
SIZE = 50


@login_required
@require_GET
def index(request: HttpRequest) -> HttpResponse:
    """The hand-overs that the actor may open, those under way first."""
    actor = actor_of(request)
    found = list(services.visible(actor).order_by("state", "-created_at")[:200])
    order = {State.RUNNING: 0, State.PLANNED: 1, State.HANDED: 2, State.ACCEPTED: 3, State.CLOSED: 4}
    found.sort(key=lambda h: order[State(h.state)])
    counts = _customers([h.pk for h in found])
    stats = _summary(actor, found, counts)
    heads = (
        _("Who hands over"),
        _("Why"),
        _("Last day"),
        _("State"),
        _("Customers"),
        _("Accepted"),
        _("Watched until"),
    )
    table = {
        "kind": "table" if found else "list",
        "title": pgettext("of customers", "Hand-overs"),
        "columns": [
            {"key": str(n), "label": text, "align": "r" if n in (4, 5) else ""} for n, text in enumerate(heads)
        ],
        "rows": [_line(h, *counts.get(h.pk, (0, 0, 0))) for h in found],
        "empty_text": _("Nobody hands anything over"),
    }
    context = {
        "title": pgettext("of customers", "Hand-overs"),
        "lead": _("When people leave or move, what they have goes to others by a plan, and is watched for 90 days."),
        "panels": [{"kind": "stats", "title": _("Summary"), "stats": stats}, table],
        "links": [{"label": _("Watch list"), "url": "/handover/watch", "icon": "eye"}],
        "new_url": "/handover/new" if services.may_plan_any(actor) else "",
    }
    return render(request, "handover/page.html", context, blocks={"panels": "panels"})


def _summary(
    actor: Actor, found: Sequence[Handover], counts: Mapping[UUID, tuple[int, int, int]]
) -> list[dict[str, Any]]:
    kept = watching.retention(watching.watched(actor, watching.items(actor)))
    return [
        {"label": _("Under way"), "value": sum(h.state in services.WAITING for h in found)},
        {"label": _("Waiting to be accepted"), "value": sum(counts.get(h.pk, (0, 0))[1] for h in found)},
        {
            "label": _("Kept after 90 days"),
            "value": "—" if kept.percent is None else f"{kept.percent:g}%",
            "hint": _("%(kept)s of %(n)s still ours and spoken to since") % {"kept": kept.kept, "n": kept.n},
            "url": "/handover/watch",
        },
    ]


def _customers(ids: Sequence[UUID]) -> dict[UUID, tuple[int, int, int]]:
    """Of each hand-over the customers: all, those that wait for a word, those that were accepted."""
    rows = HandoverItem.objects.filter(handover__in=ids, entity="account").values_list("handover")
    waiting = Q(state__in=(Item.HANDED, Item.ASKED, Item.DECLINED))
    counted = rows.annotate(n=Count("pk"), w=Count("pk", filter=waiting), a=Count("pk", filter=Q(state=Item.ACCEPTED)))
    return {pk: (n, w, a) for pk, n, w, a in counted}


def _line(h: Handover, n: int, _waiting: int, accepted: int = 0) -> dict[str, Any]:
    name = Markup('<a class="strong" href="/handover/{}">{}</a>').format(h.pk, h.person.name)
    pill = _pill(h.get_state_display(), TONES[State(h.state)])
    cells = [name, h.get_why_display(), day(h.last_day), pill, number(n), number(accepted), day(h.watch_until)]
    return {"id": str(h.pk), "label": h.person.name, "cells": [{"html": c} for c in cells]}


def _pill(text: Any, tone: str) -> Markup:
    return Markup('<span class="pill pill-{}">{}</span>').format(tone, text)


@login_required
@require_GET
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One hand-over."""
    actor = actor_of(request)
    found = services.find(actor, pk)
    may = services.may_plan(actor, found.person)
    if found.state == State.PLANNED:
        splitting.sync(found)  # what was made or given away since is in the plan that is looked at
    shown = request.GET.get("show", "")
    shown = shown if shown in {*Item.values, "all"} else ""
    panels = [_stats(actor, found), _people(actor, found), _rules(actor, found, may=may)]
    warnings = _warnings(found) if found.state == State.PLANNED else []
    context = {
        "title": _("Hand-over from %(name)s") % {"name": found.person.name},
        "trail": trail(),
        "lead": _lead(found),
        "steps": _steps(found),
        "notices": warnings,
        "panels": [*(p for p in panels if p), _items(request, actor, found, shown, may=may)],
        "busy": found.state == State.RUNNING,
        "here_url": request.get_full_path(),
        **(_buttons(actor, found) if may else {}),
    }
    return render(request, "handover/page.html", context, blocks={"panels": "panels"})


def _lead(found: Handover) -> str:
    said = [str(found.get_why_display())]
    if found.last_day:
        said.append(_("last day %(day)s") % {"day": day(found.last_day)})
    if found.watch_until:
        said.append(_("watched until %(day)s") % {"day": day(found.watch_until)})
    if found.is_emergency:
        said.append(_("the account was closed at once"))
    return " · ".join([*said, found.note] if found.note else said)


def _steps(found: Handover) -> list[dict[str, Any]]:
    n = {State.PLANNED: 1, State.RUNNING: 2, State.HANDED: 3, State.ACCEPTED: 4, State.CLOSED: 4}[State(found.state)]
    texts = (
        _("Who and why"),
        _("Who gets what"),
        pgettext("of customers", "Hand over"),
        pgettext("hand-over", "Accept"),
    )
    return [
        {"label": text, "state": "done" if i < n else "current" if i == n else "todo", "url": ""}
        for i, text in enumerate(texts)
    ]


def _buttons(actor: Actor, found: Handover) -> dict[str, Any]:
    base, links, posts = f"/handover/{found.pk}", list[dict[str, Any]](), list[dict[str, Any]]()
    if found.state == State.PLANNED:
        links = [
            {"label": _("Change the plan"), "url": f"{base}/edit", "icon": "pencil"},
            {"label": _("Add a rule"), "url": f"{base}/rule", "icon": "plus"},
        ]
        posts = [
            {"label": _("Give the plan up"), "url": f"{base}/do/drop", "icon": "x"},
            {"label": _("Hand over now"), "url": f"{base}/do/run", "icon": "arrow-right-left", "first": True},
        ]
    elif found.state != State.RUNNING:
        if found.items.filter(state=Item.FAILED).exists():
            posts.append({"label": _("Try again"), "url": f"{base}/do/run", "icon": "rotate-ccw"})
        mine = found.author_id == actor.user.pk and found.person.is_active and found.operations
        if mine and found.state != State.CLOSED:
            posts.append({"label": _("Take it back"), "url": f"{base}/do/back", "icon": "undo-2"})
        links = [{"label": _("Watch list"), "url": f"/handover/watch?of={found.pk}", "icon": "eye"}]
    return {"links": links, "posts": posts}


def _stats(actor: Actor, found: Handover) -> dict[str, Any]:
    """How much there is of what, and while it runs how far it is."""
    rows = found.items.exclude(state=Item.GONE)
    counted = rows.values_list("entity", "rank").annotate(n=Count("pk")).order_by("rank")
    by_entity = {key: n for key, _rank, n in counted if key in entities()}
    stats: list[dict[str, Any]] = [{"label": label(key), "value": number(n)} for key, n in by_entity.items()]
    if "deal" in by_entity and (amount := _amount(actor, rows)) is not None:
        stats.append({"label": _("Amount of open deals"), "value": yuan(amount)})
    if found.state != State.PLANNED:
        total, left = rows.count(), rows.filter(state=Item.PLANNED).count()
        percent = round(100 * (total - left) / total) if total else 100
        hint = pgettext("hand-over", "%(n)s of %(all)s") % {"n": number(total - left), "all": number(total)}
        stats.insert(
            0, {"label": pgettext("hand-over", "Handed over"), "value": f"{percent}%", "percent": percent, "hint": hint}
        )
        failed = rows.filter(state=Item.FAILED).count()
        if failed:
            url = f"/handover/{found.pk}?show=failed"
            stats.append({"label": _("Could not go"), "value": number(failed), "tone": "red", "url": url})
    return {"kind": "stats", "title": _("Summary"), "stats": stats}


def _amount(actor: Actor, rows: Any) -> Any:
    """Of the open deals among them, as far as the reader may see them; in CNY."""
    deal = get("deal")
    if not access.may(actor, deal, "list") or "amount" not in access.readable(actor, deal):
        return None
    ids = list(rows.filter(entity="deal").values_list("record", flat=True))
    seen = query.visible(actor, deal).filter(pk__in=ids, status="open", currency="CNY")
    return sum((v or 0 for v in seen.values_list("amount", flat=True)), 0)


def _people(actor: Actor, found: Handover) -> dict[str, Any] | None:
    """Who gets how much of what; and who would get more than they may hold."""
    counts: dict[UUID | None, dict[str, int]] = {}
    rows = found.items.exclude(state=Item.GONE).values_list("to", "entity").annotate(n=Count("pk"))
    for to, key, n in rows:
        counts.setdefault(to, {})[key] = n
    if not counts:
        return None
    keys = [k for k in splitting.ranks() if any(k in c for c in counts.values())][:6]
    names = User.objects.in_bulk([pk for pk in counts if pk])
    room = _room(counts, names) if found.state == State.PLANNED else {}
    lines = []
    for to, count in sorted(counts.items(), key=lambda c: -sum(c[1].values())):
        person = names.get(to) if to else None
        name: Any = Markup('<span class="strong">{}</span>').format(person.name if person else _("Pool"))
        if to in room:
            name += Markup('<br><small class="late">{}</small>').format(
                _("may take only %(n)s more customers") % {"n": room[to]}
            )
        amount = _amount(actor, found.items.filter(to=to).exclude(state=Item.GONE))
        cells = [name, *(number(count.get(k, 0)) for k in keys), yuan(amount)]
        lines.append({"id": str(to), "label": "", "cells": [{"html": c} for c in cells]})
    heads = [_("Who gets it"), *(label(k) for k in keys), _("Amount of open deals")]
    columns = [{"key": str(n), "label": text, "align": "r" if n else ""} for n, text in enumerate(heads)]
    return {"kind": "table", "title": _("Who gets what"), "columns": columns, "rows": lines}


def _room(counts: Mapping[UUID | None, Mapping[str, int]], names: Mapping[UUID, User]) -> dict[UUID, int]:
    """Who would get more customers than they may still hold, and how many they may."""
    found: dict[UUID, int] = {}
    for pool in pools.of(get("account")):
        for pk, person in names.items():
            left = moving.room(person, pool)
            if left is not None and counts[pk].get("account", 0) > left:
                found[pk] = max(0, min(left, found.get(pk, left)))
    return found


def _warnings(found: Handover) -> list[str]:
    """What a hand-over of records does not move: people, departments."""
    told = []
    reports = User.objects.filter(manager=found.person, is_active=True, deleted_at=None).count()
    heads = list(Department.objects.filter(head=found.person, deleted_at=None).values_list("name", flat=True))
    if reports:
        told.append(
            ngettext(
                "%(n)s person reports to %(name)s: change that on their page.",
                "%(n)s people report to %(name)s: change that on their pages.",
                reports,
            )
            % {"n": reports, "name": found.person.name}
        )
    if heads:
        told.append(_("%(name)s leads %(what)s.") % {"name": found.person.name, "what": listed(heads)})
    return told


def _rules(actor: Actor, found: Handover, *, may: bool) -> dict[str, Any]:
    """The rules in their order, the one for all others last."""
    names = {str(pk): n for pk, n in User.objects.values_list("pk", "name")}
    rows = []
    change = may and found.state == State.PLANNED
    for share in found.shares.all():
        people = listed(names.get(str(pk), "—") for pk in share.people)
        between = pgettext("between a label and its text", ": ") if people else ""
        way = f"{share.get_way_display()}{between}{people}"
        rows.append(
            {
                "order": share.order,
                "what": f"{label(share.entity)} · {_condition(actor, share)}",
                "to": way,
                "drop_url": f"/handover/{found.pk}/do/rule" if change else "",
            }
        )
    rest = found.rest_to.name if found.rest_to else str(found.get_rest_display())
    if found.rest == Handover.Rest.MANAGER:
        manager = services.manager_of(found.person)
        rest = _("to the manager, %(name)s") % {"name": manager.name if manager else found.author.name}
    rows.append({"order": "", "what": _("All others"), "to": rest, "drop_url": ""})
    return {"kind": "rules", "title": _("Rules"), "rules": rows}


def _condition(actor: Actor, share: HandoverShare) -> str:
    """Which records, in words."""
    if share.ids:
        return ngettext("%(n)s chosen", "%(n)s chosen", len(share.ids)) % {"n": len(share.ids)}
    if not share.where:
        return str(_("all"))
    chips = words(actor, get(share.entity), query.parse(share.where))
    return listed(f"{c['label']} {c['value']}".strip() for c in chips) or share.where


def _items(request: HttpRequest, actor: Actor, found: Handover, shown: str, *, may: bool) -> dict[str, Any]:
    """The records, customers first; who leaves and who plans opens the letter of each customer."""
    rows = found.items.select_related("to").order_by("rank", "to", "pk")
    rows = rows.filter(state=shown) if shown in Item.values else rows if shown == "all" else rows.filter(rank=0)
    text = request.GET.get("page", "1")
    at = max(1, int(text)) if text.isdecimal() and len(text) < 5 else 1
    total = rows.count()
    some = list(rows[(at - 1) * SIZE : at * SIZE])
    names = titles(actor, some)
    lines = []
    for i in some:
        title = names.get((i.entity, i.record), "…")
        url = f"/handover/item/{i.pk}" if i.entity == "account" else f"/{i.entity}/{i.record}"
        name = Markup('<a href="{}">{}</a>').format(url, title) if (i.entity, i.record) in names else title
        to = i.to.name if i.to else _("Pool")
        if may and found.state not in (State.RUNNING, State.CLOSED) and i.state != Item.GONE:
            button = Markup('<a href="/handover/item/{}/give" data-drawer title="{}">{}</a>')
            to = button.format(i.pk, _("Give to somebody else"), to)
        state = _pill(i.get_state_display(), ITEM_TONES[Item(i.state)])
        said = i.text or i.answer or (_("by hand") if i.by_hand else "")
        cells = [name, label(i.entity), to, state, said]
        lines.append({"id": str(i.pk), "label": title, "cells": [{"html": c} for c in cells]})
    heads = (_("Record"), _("Kind"), _("Who gets it"), _("State"), _("Remark"))
    base, pages = f"/handover/{found.pk}?show={shown}", (total + SIZE - 1) // SIZE
    return {
        "kind": "items",
        "title": _("Records"),
        "count": number(total),
        "columns": [{"key": str(n), "label": text} for n, text in enumerate(heads)],
        "rows": lines,
        "tabs": _tabs(found, shown),
        "pages": [{"label": n, "url": f"{base}&page={n}", "active": n == at} for n in range(1, min(pages, 40) + 1)],
    }


def _tabs(found: Handover, shown: str) -> list[dict[str, Any]]:
    states = dict(found.items.values_list("state").annotate(n=Count("pk")))
    base = f"/handover/{found.pk}"
    tabs = [
        {"label": label("account"), "url": base, "active": not shown},
        {"label": _("All"), "url": f"{base}?show=all", "active": shown == "all"},
    ]
    return tabs + [
        {"label": text, "url": f"{base}?show={key}", "active": shown == key, "count": states[key]}
        for key, text in Item.choices
        if states.get(key)
    ]


@login_required
@require_POST
def do(request: HttpRequest, pk: UUID, action: str) -> HttpResponse:
    """Run a plan, take it back, give it up, or drop one of its rules."""
    actor = actor_of(request)
    try:
        if action == "run":
            running.begin(actor, pk)
            request.session["toast"] = _("The hand-over runs.")
        elif action == "back":
            left = running.take_back(actor, pk)
            text = ngettext("Taken back, except %(n)s record.", "Taken back, except %(n)s records.", left)
            request.session["toast"] = text % {"n": left} if left else _("Taken back.")
        elif action == "drop":
            services.drop(actor, pk)
            return go(request, "/handover/")
        elif action == "rule":
            order = request.POST.get("order", "")
            services.drop_share(actor, pk, int(order) if order.isdecimal() else 0)
        else:
            raise Missing
    except Invalid as invalid:
        request.session["toast"] = " ".join(w.text for found in invalid.first.values() for w in found)
    return go(request, f"/handover/{pk}")
