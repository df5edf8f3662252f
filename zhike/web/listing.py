"""Lists and boards of every entity."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET
from markupsafe import Markup

from zhike.engine import access, layouts, lineage, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.kinds import EMPTY, Attribute
from zhike.engine.labels import localized
from zhike.engine.query import COUNT_CAP, AtLeast, Condition, Page, View
from zhike.engine.views import Shape

from . import groups, plugs, shapes, tabs
from .bulk import bulk_actions
from .chips import chips, typed_chips
from .filters import filter_field
from .lookup import entity_or_404
from .tabs import Asked, address
from .templating import Later, actor_of, render


@login_required
@require_GET
def list_page(request: HttpRequest, key: str) -> HttpResponse:
    """The list of an entity: views as tabs, filters as chips, everything in the address."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    found = tabs.ask(request, entity)
    if (settled := found.settled(request)) is not None:
        return settled
    if request.GET.get("rows"):
        return _rows_of_group(request, actor, found)
    by = groups.by(actor, found)
    page = query.page(actor, entity, found.view.but(size=1) if by else found.view, adds=True, late=not by)
    more = groups.context(actor, found, by, page) if by and page.rows else {}
    if more:
        page.next = page.previous = ""
    return render(request, "web/list.html", list_context(actor, found, page) | more, blocks={"list-body": "body"})


def _rows_of_group(request: HttpRequest, actor: Actor, found: Asked) -> HttpResponse:
    page = query.page(actor, found.entity, found.view)
    context = {
        **_table_rows(actor, found, page),
        "pick": bool(bulk_actions(actor, found.entity)),
        "more_url": found.url(found.own.start(), group="") if page.next else "",
    }
    return render(request, "web/list_rows.html", context)


def asked(request: HttpRequest, entity: AnyEntity) -> tuple[str, View, View]:
    """The tab, the conditions of the address, and both together as one view."""
    found = tabs.ask(request, entity)
    return found.key, found.own, found.view


def list_context(actor: Actor, found: Asked, page: Page) -> dict[str, Any]:
    """What web/list.html shows."""
    entity, own = found.entity, found.own
    info = entity_info(actor, entity)
    if info["export_url"]:
        info["export_url"] = found.url(own.start(), path=info["export_url"])
    kind = found.shape.kind if found.shape.kind in ("grid", "split") else "list"
    return {
        "entity": info,
        "total_label": total_text(page.total) if page.counted else "",
        "bar": Later(lambda: tabs.bar(actor, found)),
        "kinds": Later(lambda: tabs.kinds(found, kind)),
        "kind": kind,
        "table": table(found, page),
        **_table_rows(actor, found, page),
        "totals": totals(page),
        "pager": pager(found, page),
        "bulk": bulk_actions(actor, entity),
        "bulk_all": {"count_label": total_text(page.total), "token": page.view.start().but(size=50).query()}
        if page.total > len(page.rows) or isinstance(page.total, AtLeast)
        else None,
        "blank": blank(actor, entity) if not page.rows and not own.clauses and not own.search else None,
    } | filter_line(actor, found)


def filter_line(actor: Actor, found: Asked, *, path: str = "", without: Sequence[str] = ()) -> dict[str, Any]:
    """The search box, the filters, the chips in force and those of one tap."""
    entity, own = found.entity, found.own.start()
    known = access.readable(actor, entity)
    offered = [known[k] for k in layouts.of(actor, entity).filters if k in known and k not in without]
    fields = Later(lambda: [filter_field(actor, entity, a, own) for a in offered])
    kept = [("view", found.key), ("sort", own.sort), *shapes.pairs(found.said)]
    asks = bool(own.clauses or own.search)
    return {
        "q": own.search,
        "find_hint": _("Name, pinyin initials, phone") if entity.search else "",
        "list_url": path or f"/{entity.key}/",
        "here_url": found.url(path=path),
        "keep": Later(
            lambda: [{"name": k, "value": v} for k, v in (*kept, *_unshown(own, fields)) if v or k == "view"]
        ),
        "filters": fields,
        "filter_count": len(own.clauses),
        "quick": Later(lambda: quick(actor, found, path)),
        "chips": [
            *chips(actor, entity, own, lambda rest: found.url(rest, path=path)),
            *typed_chips(actor, found, lambda rest: found.url(rest, path=path)),
        ],
        "clear_url": found.url(View(), path=path) if asks else "",
        "build_url": f"/{entity.key}/filter",
    }


def _unshown(own: View, fields: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The parts of a question that no filter field shows: sent along, or the form would forget them."""
    taken: set[str] = set()
    found: list[tuple[str, str]] = []
    names = {str(f["name"]).rpartition("__")[0]: str(f["name"]) for f in fields}
    for name, value in own.but(search="", sort="").pairs():
        key, _sep, op = name.rpartition("__")
        if key in names and key not in taken and (name == names[key] or op == "eq"):
            taken.add(key)
        else:
            found.append((name, value))
    return found


def quick(actor: Actor, found: Asked, path: str = "") -> list[dict[str, Any]]:
    """Filters of one tap: mine, what is overdue, what is new."""
    known, own = access.readable(actor, found.entity), found.own
    wanted = [
        (_("Mine"), Condition("owner", "eq", "me"), access.scope(actor, found.entity, "list") != "own"),
        (_("Overdue"), Condition("next_follow_up_on", "within", "overdue"), True),
        (_("New this week"), Condition("created_at", "within", "this_week"), True),
    ]
    links = []
    for label, c, offered in wanted:
        if not offered or c.key not in known:
            continue
        rest = tuple(x for x in own.conditions if x != c)
        on = len(rest) < len(own.conditions)
        then = own.but(conditions=rest if on else (*own.conditions, c))
        links.append({"label": label, "url": found.url(then, path=path), "active": on})
    return links


def pager(found: Asked, page: Page) -> dict[str, Any]:
    """How many there are, what they add up to, and the pages beside this one."""
    own = found.own.start()
    begins = not (page.view.after or page.view.before) and page.view.page == 1
    return {
        **number(found, page),
        "range_label": f"1–{len(page.rows)}" if page.rows and begins and not found.shape.group else "",
        "prev_url": found.url(own.but(before=page.previous)) if page.previous else "",
        "next_url": found.url(own.but(after=page.next)) if page.next else "",
    }


def number(found: Asked, page: Page) -> dict[str, Any]:
    """How many there are and what they add up to; where it comes later, and where the exact number is."""
    more = found.url(found.own.start(), path=f"/{found.entity.key}/count") if isinstance(page.total, AtLeast) else ""
    return {
        "total_label": _("%(total)s in all") % {"total": total_text(page.total)},
        "count_url": more if page.counted else "",
        "later_url": "" if page.counted else f"{more}&capped=1",
        "sums": further(found.entity, page),
    }


def table(found: Asked, page: Page) -> dict[str, Any]:
    """How the table is drawn: density, frozen columns, widths where somebody has set any."""
    widths = {k: w for k, w in found.shape.columns if w}
    shown = [widths.get(a.key) or shapes.width_of(a, found.entity) for a in page.attributes]
    return {
        "density": found.shape.density or "normal",
        "freeze": 1 if found.shape.freeze is None else found.shape.freeze,
        "widths": shown if widths else [],
        "width": sum(shown),
        "shape_url": f"/{found.entity.key}/views/shape",
        "view": found.key,
    }


@login_required
@require_GET
def count(request: HttpRequest, key: str) -> HttpResponse:
    """How many there are and what they add up to: up to the cap after the rows, or all because somebody asks for it."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    found, capped = tabs.ask(request, entity), bool(request.GET.get("capped"))
    if capped:
        query.allow_lately(actor)
    page = query.counted(actor, entity, found.view.but(exact=not capped))
    context = {
        "p": number(found, page),
        "total": total_text(page.total),
        "columns": columns(actor, found, page),
        "totals": totals(page),
        "pick": bool(bulk_actions(actor, entity)),
    }
    return render(request, "web/list_count.html", context)


@login_required
@require_GET
def bin_page(request: HttpRequest, key: str) -> HttpResponse:
    """The recycle bin of an entity: what the actor may delete and has deleted in the last 30 days."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "delete")
    known = access.readable(actor, entity)
    shown = [known[k] for k in layouts.of(actor, entity).columns if k in known]
    deleted = entity.rows().filter(access.rows(actor, entity, "restore"), deleted_at__isnull=False)
    deleted = lineage.single(entity, deleted)
    rows = query.read(actor, entity, deleted.order_by("-deleted_at")[:200], shown)
    page = Page(entity, View(), shown, rows, len(rows), query.labels(actor, shown, rows))
    times = dict(deleted.filter(pk__in=[r.id for r in rows]).values_list("pk", "deleted_at"))
    found = [
        {"title": record_title(entity, r, page), "when": times.get(r.id), "restore_url": f"/{key}/{r.id}/restore"}
        for r in rows
    ]
    return render(request, "web/bin.html", {"entity": entity_info(actor, entity), "rows": found})


def blank(actor: Actor, entity: AnyEntity) -> dict[str, Any] | None:
    """What an empty list says, when there is nothing at all behind it."""
    if query.visible(actor, entity).exists():
        return None
    text = _("Import a spreadsheet, or enter the first one by hand.")
    imports = f"/{entity.key}/import" if access.may(actor, entity, "import") else ""
    return {"title": _("No %(what)s yet") % {"what": entity.plural}, "text": text, "import_url": imports}


def totals(page: Page) -> list[Any] | None:
    """Sums over all rows of the view, in the order of the columns."""
    found = [a.kind.html(a, page.sums[a.key], {}) if a.key in page.sums else "" for a in page.attributes]
    return found if any(found) else None


def further(entity: AnyEntity, page: Page) -> list[dict[str, Any]]:
    """Sums of what has no column, so that every figure of a report is found on its list."""
    shown = {a.key for a in page.attributes}
    hidden = [(entity.attributes[k], v) for k, v in page.sums.items() if k not in shown and v is not None]
    return [{"label": a.label, "value": a.kind.html(a, v, {})} for a, v in hidden]


def columns(actor: Actor, found: Asked, page: Page) -> list[dict[str, Any]]:
    """Heads of the columns; a phone shows the title, two lines and one aside."""
    allowed = access.writable(actor, found.entity) if access.may(actor, found.entity, "update") else {}
    heads = [column(found, a) | {"edit": a.key in allowed and editable(a)} for a in page.attributes]
    lines, most = 0, 2 if found.shape.kind == "split" else 3
    laid = layouts.laid(actor, found.entity, "card", phone=True)
    for c, a in zip(heads, page.attributes, strict=True):
        if a.key == page.entity.title or (laid is not None and a.key not in laid):
            continue
        if a.kind.key in ("money", "choice") and not any(x["phone"] == "aside" for x in heads):
            c["phone"] = "aside"
        elif lines < most and a.kind.key not in ("boolean", "longtext"):
            c["phone"] = "line"
            lines += 1
    return heads


def total_text(total: int) -> str:
    """Exact up to the cap, then “10,000+”; “50+” where counting would have taken too long."""
    return f"{min(total, COUNT_CAP):,}+" if isinstance(total, AtLeast) else f"{total:,}"


def entity_info(actor: Actor, entity: AnyEntity) -> dict[str, Any]:
    """An entity as templates see it, with what the actor may do."""
    may = {action: access.may(actor, entity, action) for action in access.ACTIONS}
    url = f"/{entity.key}/"
    return {
        "key": entity.key,
        "label": entity.label,
        "plural": entity.plural,
        "icon": entity.icon,
        "url": url,
        "list_url": url,
        "new_url": f"{url}new",
        "create_label": _("New %(what)s") % {"what": entity.label},
        "can_create": may["create"],
        "may": may,
        "written": any(has(actor, entity) for has in plugs.written),
        "import_url": f"{url}import" if may["import"] else "",
        "export_url": f"{url}export" if may["export"] else "",
        "duplicates_url": f"/duplicates/{entity.key}" if entity.signs and may["update"] else "",
        "check_url": "/duplicates/look" if entity.signs and may["create"] else "",
        "board_url": f"{url}board" if entity.is_staged else "",
    }


ALIGN = {"left": "", "right": "r"}


def column(found: Asked, a: Attribute) -> dict[str, Any]:
    """A column head: label, alignment, and the address that sorts by it."""
    state = {a.key: "asc", f"-{a.key}": "desc"}.get(found.view.sort, "")
    following = f"-{a.key}" if state == "asc" else a.key
    own = found.own.start().but(sort=following)
    url = address(found.entity, own, found.key, Shape()) if a.kind.sortable else ""  # the script adds the shape
    align = "long" if a.kind.key == "longtext" and not a.stored else ALIGN[a.kind.align]  # what we write is read whole
    return {"key": a.key, "label": a.label, "align": align, "sort": state, "sort_url": url, "phone": ""}


TITLE = Markup('<a class="strong" href="/%s/%s">%s</a>')
LIGHT_TITLE = Markup('<a href="/%s/%s">%s</a>')
PLANNED = ("next_follow_up_on", "due_at")  # columns whose days go by
ALIKE = (str, bool, type(None), UUID)  # values that look the same wherever they stand in a column


def _table_rows(actor: Actor, found: Asked, page: Page) -> dict[str, Any]:
    light, seen = is_light(actor, found, page), dict[Any, Any]()
    rows = [row_info(page, found.entity, row, seen, light=light) for row in page.rows]
    return {"columns": columns(actor, found, page), "rows": rows, "light": light}


def is_light(actor: Actor, found: Asked, page: Page) -> bool:
    """Whether the script adds to each row what follows from its link and its column; not where rows are cards."""
    titled = page.attributes and page.attributes[0].key == found.entity.title
    return bool(titled) and not actor.phone and found.shape.kind != "split"


def row_info(
    page: Page, entity: AnyEntity, row: query.Row, seen: dict[Any, Any] | None = None, *, light: bool = False
) -> dict[str, Any]:
    """A row as ready cells, as light as can be; the title leads to the record. `seen` are cells of the rows before."""
    cells = []
    title = LIGHT_TITLE if light else TITLE
    for a in page.attributes:
        value = row.values.get(a.key)
        if a.key == entity.title:
            html = title % (entity.key, row.id, record_title(entity, row, page))
        elif value and a.key in PLANNED and _is_late(a.key, value, row):
            html = Markup('<time class="late">%s</time>') % a.kind.text(a, value, page.labels)
        elif seen is None or type(value) not in ALIKE:
            html = _cell(page, a, value, light=light)
        else:
            key = (a.key, type(value), value)
            html = seen[key] if key in seen else seen.setdefault(key, _cell(page, a, value, light=light))
        cells.append({"html": html})
    state = "late" if any(_is_late(key, row.values.get(key), row) for key in PLANNED) else ""
    return {"id": "" if light else str(row.id), "version": row.version, "state": state, "cells": cells}


def _is_late(key: str, value: Any, row: query.Row) -> bool:
    """Whether a cell is a planned day that has gone by."""
    if not value or not (key == "next_follow_up_on" or (key == "due_at" and row.values.get("status") == "planned")):
        return False
    return bool((timezone.localdate(value) if isinstance(value, dt.datetime) else value) < timezone.localdate())


def _cell(page: Page, a: Attribute, value: Any, *, light: bool = False) -> Any:
    if value and a.kind.key in ("date", "datetime"):
        return Markup("<time>%s</time>") % a.kind.text(a, value, page.labels)
    html = (a.kind.light if light else a.kind.html)(a, value, page.labels)
    return "" if html is EMPTY or html == EMPTY else html


def editable(a: Attribute) -> bool:
    """Whether cells of a column can be edited in their place; a stage may ask for more, so it is moved elsewhere."""
    return a.editable and a.expression is None and a.key not in ("stage", "pipeline") and a.kind.key != "file"


def record_title(entity: AnyEntity, row: query.Row, page: Page) -> str:
    """The name of a record; never empty, because it is what people click on."""
    value = row.values.get(entity.title)
    if entity.title == "labels":
        return localized(value) or "—"
    a = entity.attributes[entity.title]
    return a.kind.text(a, value, page.labels) or str(row.values.get("number") or "—")
