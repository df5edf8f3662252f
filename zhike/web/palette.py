"""The palette: records, things to do, pages, settings, people, tags by a few letters; Tab shows what a record offers.

A first sign narrows: > things to do and pages, @ people, # tags, ? what can be typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import pgettext
from django.views.decorators.http import require_GET

from zhike.base import fold, pinyin
from zhike.engine import access, marks, query, search
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get

from . import plugs, settings_index
from .lookup import entity_or_404
from .record import actions, permissions
from .templating import actor_of, frame, is_admin, render

RECORDS, THINGS, RECENT, PEOPLE = 18, 8, 8, 10
PER_ENTITY = 6
Option = dict[str, Any]
Group = dict[str, Any]


@login_required
@require_GET
def palette(request: HttpRequest) -> HttpResponse:
    """What the palette shows for what was typed so far; for nothing, what was opened last."""
    actor, raw = actor_of(request), request.GET.get("q", "").strip()[:100]
    sign, term = (raw[:1], raw[1:].strip()) if raw[:1] in ASKED else ("", raw)
    groups = [g for g in ASKED[sign](request, actor, term) if g["options"]]
    return render(request, "web/palette.html", {"groups": groups, "q": raw, "cut_short": search.was_cut_short(actor)})


@login_required
@require_GET
def offered(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """What can be done with one record, and what can be made for it."""
    entity, actor = entity_or_404(key), actor_of(request)
    page, may = query.record(actor, entity, pk), permissions(actor, entity, pk)
    base = f"/{key}/{pk}"
    found = [_option(pgettext("palette", "Open"), base, entity.icon)]
    if may.get("update"):
        found.append(_option(_("Edit"), f"{base}/edit", "pencil", drawer=True))
    verbs = (a for a in actions(entity, page, may) if a["kind"] in ("drawer", "link", "tel"))
    found += [_option(a["label"], a["url"], a["icon"], drawer=a["kind"] == "drawer") for a in verbs]
    found += [
        _option(_("New %(what)s") % {"what": other.label}, f"/{other.key}/new?{item.by}={pk}", other.icon, drawer=True)
        for item in entity.related
        if (other := get(item.entity)).menu
        and access.may(actor, other, "create")
        and item.by in access.writable(actor, other)
    ]
    title = str(page.text(page.rows[0], entity.title)) if entity.title in page.rows[0].values else str(entity.label)
    return render(request, "web/palette.html", {"groups": [{"label": title, "options": found}], "q": ""})


def _option(label: Any, url: str, icon: str, *, drawer: bool = False, **more: Any) -> Option:
    return {"label": label, "url": url, "icon": icon, "kind": "drawer" if drawer else "link", **more}


# ---- what is asked for


def _anything(request: HttpRequest, actor: Actor, term: str) -> Iterable[Group]:
    if not term:
        found = [{**record_option(hit), "aside": hit.found.entity.label} for hit in search.latest(actor, RECENT)]
        yield {"label": _("Opened lately"), "options": found}
        yield {
            "label": pgettext("palette", "Pages"),
            "options": [o for o in _things(request, actor) if o["place"] == "page"],
        }
        return
    yield from record_groups(search.find(actor, term, limit=PER_ENTITY)[:RECORDS])
    yield {"label": _("Pages and actions"), "options": _matching(_things(request, actor), term)[:THINGS]}


def _doing(request: HttpRequest, actor: Actor, term: str) -> Iterable[Group]:
    found = _matching(_things(request, actor), term)
    for place, label in (("action", _("Actions")), ("page", pgettext("palette", "Pages")), ("settings", _("Settings"))):
        yield {"label": label, "options": [o for o in found if o["place"] == place]}


def _people(request: HttpRequest, actor: Actor, term: str) -> Iterable[Group]:
    """Persons at customers, and colleagues with what belongs to them, for who sees what belongs to others."""
    looked = search.searched(actor)
    if term:
        yield from record_groups(search.find(actor, term, among=[e for e in looked if e.named == "person"], limit=20))
    wide = next(iter(looked), None)
    if wide is not None and access.scope(actor, wide, "list") not in ("", "own"):
        url = f"/{wide.key}/?view=&owner__eq="
        people = query.options(actor, get("user"), term, PEOPLE)
        aside = _("whose %(what)s") % {"what": wide.plural}
        found = [_option(marks.marked(str(name), term), f"{url}{pk}", "user", aside=aside) for pk, name in people]
        yield {"label": _("Colleagues"), "options": found}


def _tags(request: HttpRequest, actor: Actor, term: str) -> Iterable[Group]:
    """Lists of all that has a tag."""
    for entity in search.searched(actor):
        known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
        for a in known.values():
            if a.kind.key == "links" and a.target and access.may(actor, get(a.target), "list"):
                url = f"/{entity.key}/?view=&{a.key}__has="
                tags = query.options(actor, get(a.target), term, PEOPLE)
                found = [_option(marks.marked(str(name), term), f"{url}{pk}", "tag") for pk, name in tags]
                yield {"label": entity.plural, "options": found}


def _help(request: HttpRequest, actor: Actor, term: str) -> Iterable[Group]:
    signs = {
        ">": _("things to do, pages, settings"), "@": _("people: contacts and colleagues"), "#": _("tags"),
    }  # fmt: skip
    words = {
        _("some of the name"): "宝钢", _("pinyin or its initials"): "bgjt", _("pinyin and characters"): "宝gang",
        _("a person of a customer"): "zw 宝钢", _("the end of a phone number"): "8000",
    }  # fmt: skip
    filled = [_option(label, "/search", "command", fill=sign, aside=sign) for sign, label in signs.items()]
    shown = [_option(label, f"/search?q={quote(q)}", "search", fill=q, aside=q) for label, q in words.items()]
    yield {"label": _("What can be typed"), "options": [*filled, *shown]}


ASKED = {"": _anything, ">": _doing, "@": _people, "＠": _people, "#": _tags, "＃": _tags, "?": _help, "？": _help}


# ---- records


def record_option(hit: search.Hit) -> Option:
    """A hit as an option; Tab asks its `actions`."""
    shown = hit.label or hit.snippet or "—"
    return {
        "label": hit.title or shown, "label_html": shown, "hint": hit.facts, "url": hit.url, "kind": "link",
        "icon": hit.found.entity.icon, "text": hit.snippet if hit.label else "",
        "actions": f"{hit.found.entity.key}/{hit.found.id}",
    }  # fmt: skip


def record_groups(hits: Iterable[search.Hit]) -> list[Group]:
    """Hits by entity, that of the best hit first."""
    groups: dict[str, Group] = {}
    for hit in hits:
        entity = hit.found.entity
        group = groups.setdefault(entity.key, {"entity": entity, "label": entity.plural, "options": []})
        group["options"].append(record_option(hit))
    return list(groups.values())


# ---- things to do


def _things(request: HttpRequest, actor: Actor) -> list[Option]:
    """All that the actor may do or open from anywhere."""
    shown = frame(request)
    new = [
        _option(_("New %(what)s") % {"what": c["label"]}, c["url"], "plus", drawer=True, place="action")
        for c in shown["create_menu"]
    ]
    plugged = [_option(c.label, c.url, c.icon, drawer=True, place="action") for c in plugs.commands if c.may(actor)]
    pages = [_option(n["label"], n["url"], n["icon"], place="page") for n in shown["nav"]]
    pages.append(_option(_("My account"), "/me", "circle-user", place="page"))
    return [*new, *plugged, *pages, *_settings(actor)]


def _settings(actor: Actor) -> list[Option]:
    if not is_admin(actor):
        return []
    items = [item for group in settings_index.groups(actor) for item in group["items"]]
    return [_option(i["label"], i["url"], i["icon"], hint=i["hint"], place="settings") for i in items]


def _matching(options: Iterable[Option], term: str) -> list[Option]:
    """Options whose label has the term, or sounds like it; those that begin with it first."""
    sought = fold.fold(term)
    found = [(rank, o) for o in options if (rank := _rank(str(o["label"]), sought)) is not None]
    return [{**o, "label_html": marks.marked(str(o["label"]), term)} for _rank, o in sorted(found, key=lambda f: f[0])]


def _rank(label: str, sought: str) -> int | None:
    text, read = fold.fold(label), pinyin.company(label)
    if text.startswith(sought):
        return 0
    if read.initials.startswith(sought) or read.full.startswith(sought):
        return 1
    return 2 if sought in text or sought in read.full else None


def entity_groups(groups: Iterable[Mapping[str, Any]], term: str) -> list[Group]:
    """Groups of hits with the list that shows all of each."""
    return [{**g, "url": _list_of(g["entity"], term)} for g in groups]


def _list_of(entity: AnyEntity, term: str) -> str:
    return f"/{entity.key}/?view=&q={quote(term)}"
