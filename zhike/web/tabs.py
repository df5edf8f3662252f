"""What an address of a list means: the view it is a tab of, its own conditions, and how it is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from zhike.engine import query, typed, views
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.query import View
from zhike.engine.typed import Typed
from zhike.engine.views import Shape, Tab

from . import shapes
from .templating import actor_of

PLACES = {"board": "board", "calendar": "calendar"}  # kinds that have a page of their own
ICONS = {
    "list": "layout-list",
    "grid": "table-2",
    "split": "panel-left",
    "board": "kanban",
    "calendar": "calendar-days",
}
FEW = 9  # tabs beside each other; what is pinned beyond them lies in the menu


@dataclass(frozen=True, kw_only=True)
class Asked:
    """An address of a list, read for one actor: `view` is the tab and the address together, `own` the address alone."""

    entity: AnyEntity
    offered: Sequence[Tab]
    tab: Tab | None
    key: str
    own: View
    view: View
    said: Shape
    shape: Shape
    line: Typed | None = None  # what the filter line says, where it is taken for more than a search

    def url(self, own: View | None = None, *, path: str = "", key: str | None = None, **shape: Any) -> str:
        """The address of the same list with another question, tab or look."""
        said, asked = Shape.of({**self.said.stored(), **shape}), own or self.own
        found = address(self.entity, asked, self.key if key is None else key, said, path=path)
        return f"{found}&typed=1" if self.line and asked.search else found

    def settled(self, request: HttpRequest, path: str = "") -> HttpResponse | None:
        """After Enter in the filter line: on to the address where its words are conditions, if there are any."""
        if request.GET.get("typed") != "2" or not self.line or not self.line.clauses:
            return None
        response = HttpResponse(status=204)
        asked = self.line.view(self.own.but(search=""))
        response["HX-Redirect"] = address(self.entity, asked, self.key, self.said, path=path)
        return response


def address(entity: AnyEntity, own: View, key: str, said: Shape, *, path: str = "") -> str:
    """A list address that means `own` on the tab `key`, drawn as `said`."""
    pairs = [("view", key), *parse_qsl(own.query(), keep_blank_values=True), *shapes.pairs(said)]
    return f"{path or f'/{entity.key}/'}?{urlencode(pairs)}"


def ask(request: HttpRequest, entity: AnyEntity, *, bare: bool = False) -> Asked:
    """Read an address. Without a tab in it the first one opens, except where the address is `bare` (boards)."""
    actor = actor_of(request)
    offered = views.tabs(actor, entity)
    pairs = [(k, v) for k, values in request.GET.lists() for v in values if v != "" or k == "view"]
    plain = not any(k not in ("page", "after", "before", *shapes.SAID) for k, _v in pairs)
    key = str(request.GET.get("view", views.first(entity, offered) if plain and not bare else ""))
    tab = next((t for t in offered if t.key == key), None)
    tab = views.usable(actor, entity, tab) if tab else None
    own, said = query.parse(pairs).but(group=""), shapes.read(request.GET)
    shape = said.over(tab.shape if tab else Shape())
    base = tab.view if tab else View()
    line = typed.parse(actor, entity, own.search) if request.GET.get("typed") and own.search else None
    asks = line.view(own.but(search="")) if line else own
    view = asks.but(
        conditions=(*base.conditions, *asks.conditions),
        where=(*base.where, *asks.where),
        search=" ".join(filter(None, (base.search, asks.search))),
        page=own.page,
        after=own.after,
        before=own.before,
        sort=own.sort or base.sort,
        columns=shapes.shown(actor, entity, shape),
    )
    return Asked(
        entity=entity, offered=offered, tab=tab, key=key, own=own, view=view, said=said, shape=shape, line=line
    )  # fmt: skip


def tab_url(entity: AnyEntity, tab: Tab) -> str:
    """Where a tab leads: to the page of its kind."""
    place = PLACES.get(tab.shape.kind, "")
    return f"/{entity.key}/{place}?{urlencode({'view': tab.key})}"


def beside(offered: Sequence[Tab], key: str) -> list[Tab]:
    """The tabs beside each other: the first pinned ones, and the one of `key` wherever it stands."""
    pinned = [t for t in offered if t.pinned][:FEW]
    return pinned + [t for t in offered if t.key == key and t not in pinned]


def bar(actor: Actor, asked: Asked) -> dict[str, Any]:
    """The tabs over a list, what more there is, and what can be done with the one that is open."""
    entity = asked.entity
    near = beside(asked.offered, asked.key)

    def item(tab: Tab) -> dict[str, Any]:
        found = {"key": tab.key, "label": tab.label, "url": tab_url(entity, tab), "active": tab.key == asked.key}
        return found | {"shared": tab.is_shared, "own": tab.saved is not None and not tab.is_shared}

    saved = asked.tab.saved if asked.tab else None
    base = f"/{entity.key}/views"
    return {
        "tabs": [item(t) for t in near],
        "more": [item(t) for t in asked.offered if t not in near],
        "counts_url": f"{base}/counts?{urlencode({'view': asked.key})}",
        "save_url": f"{base}/new",
        "arrange_url": f"{base}/arrange",
        "shape_url": f"{base}/shape",
        "edit_url": f"{base}/{saved.pk}" if saved and views.may_change(actor, entity, saved) else "",
        "arranges": not actor.by and not actor.limit,
        "note": left_out(asked.tab.left) if asked.tab and asked.tab.left else "",
    }


def left_out(n: int) -> str:
    """What is said where a view asks for more than its reader may use."""
    return _("Parts of this view that are left out, because you may not use their fields: %(n)s.") % {"n": n}


def kinds(asked: Asked, kind: str) -> list[dict[str, Any]]:
    """The ways to look at a list, the current one marked; each keeps what is asked."""
    labels = {
        "list": _("List"),
        "grid": _("Table"),
        "split": _("Split"),
        "board": _("Board"),
        "calendar": _("Calendar"),
    }
    own = asked.own.start()
    found = []
    for key, label in labels.items():
        if key == "board" and not asked.entity.is_staged:
            continue
        if key == "calendar" and not dated(asked):
            continue
        place = f"/{asked.entity.key}/{PLACES.get(key, '')}"
        tab = "" if key == "board" and not (asked.tab and asked.tab.saved) else asked.key
        url = asked.url(own, path=place, key=tab, kind="" if key in PLACES else key)
        found.append({"key": key, "label": label, "url": url, "icon": ICONS[key], "active": key == kind})
    return found


def dated(asked: Asked) -> bool:
    """Whether the records have days to be placed by."""
    return any(a.kind.key in ("date", "datetime") and a.editable for a in asked.entity.attributes.values())
