"""The page of one record, and everything done from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from markupsafe import escape

from zhike.base.i18n import day, listed
from zhike.engine import access, history, layouts, lineage, merging, query, recent, reveal, stages
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, Related, get
from zhike.engine.kinds import Masked
from zhike.engine.models import OwnerPeriod, StageEvent, StoredFile
from zhike.engine.pools import telling
from zhike.engine.query import Condition, Page, View

from . import access_pages_team, plugs
from .listing import entity_info, record_title, total_text
from .lookup import entity_or_404
from .plugs import Item
from .templating import Later, actor_of, ago, render, yuan

RELATED = "related"  # the part of the page with the lists beside the record
BESIDE = 5
NEAR = timedelta(days=15)  # before a record goes back to its pool the page says so


@login_required
@require_GET
def record_page(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """One record: facts, time line with its composer; or what is beside it."""
    entity, actor = entity_or_404(key), actor_of(request)
    context = record_context(request, actor, entity, pk)
    if not request.headers.get("HX-Request"):
        recent.opened(actor, entity, pk)
    blocks = {"timeline": "timeline", "facts": "facts", "rec-head": "head", RELATED: "related"}
    blocks |= {"pane": "content", "drawer-body": "content"}  # beside a list, or previewed
    return render(request, "web/record.html", context, blocks=blocks)


def record_context(request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID) -> dict[str, Any]:
    """What web/record.html shows; Missing when the record is not there for the actor."""
    page = query.record(actor, entity, pk)
    may = permissions(actor, entity, pk)
    show = request.GET.get("show", "")
    return {
        "entity": entity_info(actor, entity),
        "record": head(entity, page, may),
        "actions": Later(lambda: actions(entity, page, may)),
        "numbers": Later(lambda: numbers(actor, entity, page)),
        "path": Later(lambda: path(entity, page, may) if entity.is_staged else None),
        "facts": Later(lambda: facts(actor, entity, page, may)),
        "composer": Later(lambda: composer_of(actor, entity, pk)),
        "takes": Later(lambda: takes(actor, entity.key, pk)),
        "banners": Later(lambda: [b for make in plugs.banners if (b := make(request, actor, entity, pk))]),
        "timeline": Later(lambda: timeline_context(actor, entity, pk, show)),
        "related": Later(lambda: beside(actor, entity, pk, may))
        if request.headers.get("HX-Target") == RELATED
        else None,
        "notices": _returns(entity, page),
        "visibility_url": f"/{entity.key}/{pk}/visibility" if entity.has_owner or entity.via else "",
        "printed_url": f"/{entity.key}/{pk}/printed",
    }


def composer_of(actor: Actor, entity: AnyEntity, pk: UUID) -> Mapping[str, Any] | None:
    """The composer of a record, where the actor has one there."""
    return next((c for make in plugs.composers if (c := make(actor, entity, pk))), None)


def _returns(entity: AnyEntity, page: Page) -> list[dict[str, Any]]:
    """That a record goes back to its pool soon, why, and what keeps it."""
    at = page.rows[0].values.get("recycle_at")
    if at is None or at - timezone.now() > NEAR:
        return []
    record = entity.rows("of a record that the page shows").select_related("pool").get(pk=page.rows[0].id)
    told = telling.told(entity, record)
    return [{"text": f"{told.text} {told.saves}".strip(), "tone": "warn"}] if told else []


def beside(actor: Actor, entity: AnyEntity, pk: UUID, may: Mapping[str, bool]) -> list[dict[str, Any]]:
    """The lists beside a record, fetched once it is there to be read: what hangs on it, files, team."""
    found = [r for r in (related(actor, entity, pk, item) for item in entity.lists) if r]
    found += [dict(card) for make in plugs.beside if (card := make(actor, entity, pk))]
    if entity.has_owner:
        found += [attached(entity, pk, may=may["update"]), access_pages_team.panel(actor, entity, pk)]
    return found


def facts(actor: Actor, entity: AnyEntity, page: Page, may: Mapping[str, bool]) -> list[dict[str, Any]]:
    """The fields of a record by section, without sections that show nothing."""
    return [
        {"title": s.title, "fields": found}
        for s in layouts.of(actor, entity).sections
        if (found := [f for k in s.keys if (f := fact(actor, entity, page, k, may))])
    ]


def permissions(actor: Actor, entity: AnyEntity, pk: UUID) -> dict[str, bool]:
    """What the actor may do with this very record; actions of equal reach are asked for once."""
    found: dict[str, bool] = {}
    by_reach: dict[str, bool] = {}
    for action in ("update", "delete", "transfer", "merge", "reveal", "export", *entity.actions):
        reach = access.signature(actor, entity, action)
        if reach not in by_reach:
            by_reach[reach] = (
                access.may(actor, entity, action) and query.visible(actor, entity, action).filter(pk=pk).exists()
            )
        found[action] = by_reach[reach]
    return found


def head(entity: AnyEntity, page: Page, may: Mapping[str, bool]) -> dict[str, Any]:
    """Name, state and owner of a record."""
    row = page.rows[0]
    base = f"/{entity.key}/{row.id}"
    sub: list[dict[str, Any]] = []
    if row.values.get("number"):
        sub.append({"html": row.values["number"], "icon": "hash"})
    for key in ("account", "owner"):
        if row.values.get(key):
            a = entity.attributes[key]
            sub.append(
                {"html": a.kind.html(a, row.values[key], page.labels), "icon": "building-2" if key == "account" else ""}
            )
    if row.values.get("last_contact_at"):
        sub.append(
            {"html": _("last contact %(when)s") % {"when": ago(row.values["last_contact_at"])}, "icon": "history"}
        )
    return {
        "id": str(row.id),
        "version": row.version,
        "title": record_title(entity, row, page),
        "url": base,
        "sub": sub,
        "pills": pills(entity, page),
        "edit_url": f"{base}/edit" if may.get("update") else "",
        "list_url": f"/{entity.key}/",
    }


def pills(entity: AnyEntity, page: Page) -> list[dict[str, Any]]:
    """The choices that have tones: tier, status, priority."""
    row = page.rows[0]
    found = []
    for key, tones in entity.tones.items():
        value = row.values.get(key)
        if isinstance(value, str) and value in tones and not (key == "status" and entity.is_staged):
            a = entity.attributes[key]
            found.append({"label": a.kind.text(a, value, page.labels), "tone": tones[value]})
    return found[:3]


def numbers(actor: Actor, entity: AnyEntity, page: Page) -> list[dict[str, Any]]:
    """The key figures of a record that its head does not show otherwise."""
    row = page.rows[0]
    elsewhere = {*entity.tones, "stage"}  # the pills and the path above them
    found = []
    for key in layouts.of(actor, entity).facts:
        if key not in row.values or key in elsewhere:
            continue
        a, value = entity.attributes[key], row.values[key]
        shown: Any = yuan(value) if a.kind.key == "money" else a.kind.text(a, value, page.labels)
        tone = ""
        if key == "next_follow_up_on":
            shown = day(value) if value else _("none")
            tone = "late" if not value or value < timezone.localdate() else ""
        found.append({"label": a.label, "value": shown or "—", "tone": tone})
    return found[:4]


def fact(actor: Actor, entity: AnyEntity, page: Page, key: str, may: Mapping[str, bool]) -> dict[str, Any] | None:
    """One field as shown on the record page; where it is empty and cannot be filled it is left out."""
    row = page.rows[0]
    if key not in row.values:
        return None
    a, value = entity.attributes[key], row.values[key]
    editable = may.get("update", False) and key in access.writable(actor, entity) and key not in ("stage", "pipeline")
    if a.kind.key == "file" or (key == "owner" and not may.get("transfer")):
        editable = False
    return {
        "key": key,
        "label": a.label,
        "html": a.kind.html(a, value, page.labels),
        "edit_url": f"/{entity.key}/{row.id}/field/{key}" if editable else "",
        "reveal_url": f"/{entity.key}/{row.id}/reveal/{key}" if isinstance(value, Masked) and may.get("reveal") else "",
    }


@login_required
@require_POST
def reveal_field(request: HttpRequest, key: str, pk: UUID, name: str) -> HttpResponse:
    """A masked value whole, in place; counted, limited and kept in the history."""
    entity, actor = entity_or_404(key), actor_of(request)
    value = reveal.reveal(actor, entity, pk, [name])[name]
    a = entity.attributes[name]
    return HttpResponse(a.kind.html(a, value, {}))


def path(entity: AnyEntity, page: Page, may: Mapping[str, bool]) -> dict[str, Any] | None:
    """The stages of the record's pipeline with the current one marked."""
    values = page.rows[0].values
    order = stages.of(values["pipeline"]) if values.get("pipeline") else []
    now = next((s for s in order if s.pk == values.get("stage")), None)
    if now is None:
        return None
    steps = []
    for s in order:
        state = "todo"
        if s == now:
            state = s.status if s.status != "open" else "current"
        elif s.order < now.order and now.status != "lost" and s.status == "open":
            state = "done"
        steps.append({"key": str(s.pk), "label": str(s), "state": state})
    return {
        "stages": steps,
        "move_url": f"/{entity.key}/{page.rows[0].id}/move",
        "version": page.rows[0].version,
        "can_move": may.get("update", False),
    }


def timeline_context(actor: Actor, entity: AnyEntity, pk: UUID, show: str) -> dict[str, Any]:
    """The time line, grouped by day, all of it or only what people wrote or only what changed."""
    url = f"/{entity.key}/{pk}"
    items = timeline(actor, entity, pk)
    if show == "talk":
        items = [i for i in items if not i.system]
    elif show == "changes":
        items = [i for i in items if i.system]
    entries: list[dict[str, Any]] = []
    last = None
    for item in items:
        date = timezone.localtime(item.at).date()
        if date != last:
            entries.append({"day": day(date)})
            last = date
        entries.append({**item.entry(), "takes": takes(actor, *item.about) if item.about and item.text else []})
    tabs = (("", _("All")), ("talk", _("Follow-ups")), ("changes", _("Changes")))
    return {
        "entries": entries,
        "filters": [{"label": label, "url": f"{url}?show={k}", "active": k == show} for k, label in tabs],
        "refresh_url": f"{url}?show={show}",
    }


def takes(actor: Actor, key: str, pk: UUID) -> list[Mapping[str, Any]]:
    """What can be made of something written: in the composer of a record, or in an entry of its time line."""
    return [t for take in plugs.takes if (t := take(actor, key, pk))]


def timeline(actor: Actor, entity: AnyEntity, pk: UUID, limit: int = 80) -> list[Item]:
    """Everything that happened, newest first: what modules know, steps, owners, changes."""
    items: list[Item] = []
    for source in plugs.timelines:
        items += source(actor, entity, pk)
    ids = lineage.ids(entity.key, pk)
    items += _steps(entity, ids)
    items += [item for one in ids for item in _owners(one)]
    items += _changes(actor, entity, pk)
    return sorted(items, key=lambda i: (i.planned, i.at), reverse=True)[:limit]


def _steps(entity: AnyEntity, ids: Sequence[UUID]) -> list[Item]:
    if not entity.is_staged:
        return []
    rows = (
        StageEvent.objects.filter(record__in=ids).select_related("from_stage", "to_stage", "user").order_by("-at")[:50]
    )
    return [
        Item(
            id=str(e.pk),
            at=e.at,
            icon="milestone",
            who=e.user.name if e.user else "",
            text=e.note,
            system=True,
            tone={"won": "green", "lost": "red"}.get(e.to_stage.status, "blue"),
            title=_("moved from %(from)s to %(to)s") % {"from": e.from_stage, "to": e.to_stage}
            if e.from_stage
            else _("began at %(to)s") % {"to": e.to_stage},
        )
        for e in rows
    ]


def _owners(pk: UUID) -> list[Item]:
    rows = list(OwnerPeriod.objects.filter(record=pk).select_related("owner", "by").order_by("from_at"))
    return [
        Item(
            id=str(p.pk),
            at=p.from_at,
            icon="user-round-check",
            who=p.by.name if p.by else "",
            text=p.reason,
            system=True,
            title=_("handed over to %(name)s") % {"name": p.owner.name if p.owner else _("nobody")},
            tone="violet",
        )
        for p in rows[1:]
    ]


QUIET = {
    "stage_id",
    "status",
    "stage_at",
    "closed_at",
    "probability",
    "owner_id",
    "last_contact_at",
    "next_follow_up_on",
}


def _changes(actor: Actor, entity: AnyEntity, pk: UUID) -> list[Item]:
    found = []
    for e in history.of(actor, entity, pk, limit=60, without=QUIET):
        if e.action == "create":
            found.append(
                Item(id=f"h{e.id}", at=e.at, icon="sparkles", title=_("created this"), who=e.actor, system=True)
            )
        elif e.changes:
            changes = [{"label": label, "old": old, "new": new} for label, old, new in e.changes]
            title = _("changed %(fields)s") % {"fields": listed(str(c["label"]) for c in changes[:4])}
            found.append(
                Item(id=f"h{e.id}", at=e.at, icon="pencil", title=title, who=e.actor, changes=changes, system=True)
            )
    return found


def related(actor: Actor, entity: AnyEntity, pk: UUID, item: Related) -> dict[str, Any] | None:
    """A related list: the newest few, how many there are, and where to see them all."""
    other = get(item.entity)
    link = access.readable(actor, other).get(item.by)
    if link is None or not access.may(actor, other, "list"):
        return None
    pointing = "eq" if "eq" in link.kind.ops else "has"  # a field may lead to several records
    columns = tuple(dict.fromkeys((other.title, *(item.columns or other.columns[:4]))))
    view = View(conditions=(Condition(item.by, pointing, pk),), columns=columns, size=BESIDE)
    page = query.page(actor, other, view)
    rows = []
    for row in page.rows:
        texts = [
            (a, escape(a.label) if a.kind.key == "boolean" else a.kind.html(a, row.values.get(a.key), page.labels))
            for a in page.attributes
            if a.key != other.title and row.values.get(a.key) not in (None, "", [], False)
        ]
        aside = next((html for a, html in texts if a.kind.key == "money"), "")
        title = record_title(other, row, page)
        if title == "—" and texts:
            title = str(texts[0][0].kind.text(texts[0][0], row.values.get(texts[0][0].key), page.labels)) or title
            texts = texts[1:]
        rows.append(
            {
                "title": title,
                "url": f"/{other.key}/{row.id}",
                "aside": aside,
                "meta": [html for a, html in texts if a.kind.key != "money"],
            }
        )
    create = access.may(actor, other, "create") and item.by in access.writable(actor, other)
    return {
        "title": item.title or other.plural,
        "icon": other.icon,
        "count": total_text(page.total),
        "rows": rows,
        "url": f"/{other.key}/?view=&{item.by}__{pointing}={pk}",
        "new_url": f"/{other.key}/new?{item.by}={pk}" if create else "",
    }


def attached(entity: AnyEntity, pk: UUID, *, may: bool) -> dict[str, Any]:
    """The files of a record, as the record page lists them."""
    rows = StoredFile.objects.filter(entity=entity.key, record=pk, deleted_at=None).select_related("uploader")
    found = rows.order_by("-created_at")
    return {
        "title": _("Files"),
        "icon": "paperclip",
        "count": found.count(),
        "rows": [
            {
                "title": f.name,
                "url": f"/files/{f.pk}",
                "aside": filesizeformat(f.size),
                "meta": [f.uploader.name, ago(f.created_at)],
            }
            for f in found[:20]
        ],
        "url": "",
        "new_url": f"/{entity.key}/{pk}/files" if may else "",
        "empty_text": _("Contracts, drawings, quotes: whatever belongs to it."),
    }


def actions(entity: AnyEntity, page: Page, may: Mapping[str, bool]) -> list[dict[str, Any]]:
    """What is offered on this record now: call, the named verbs, deleting."""
    row = page.rows[0]
    base = f"/{entity.key}/{row.id}"
    status = row.values.get("status") or ""
    found: list[dict[str, Any]] = []
    if row.values.get("phone"):
        found.append({"label": _("Call"), "icon": "phone", "url": f"tel:{row.values['phone']}", "kind": "tel"})
    verbs = [
        {"label": action.label, "icon": action.icon, "url": f"{base}/act/{name}", "kind": "drawer", "name": name}
        for name, action in entity.actions.items()
        if may.get(name) and (not action.when or status in action.when)
    ]
    found += [v for v in verbs if v["name"] not in access.EXPLICIT]
    found += [
        {"label": item.label, "icon": item.icon, "url": item.url(row.id), "kind": item.kind}
        for item in plugs.actions.get(entity.key, ())
        if item.may(row.values, may)
    ]
    if may.get("merge") and merging.mergeable(entity):
        url = f"/merge/{entity.key}?ids={row.id}"
        found.append({"label": _("Merge with…"), "icon": "merge", "url": url, "kind": "link"})
    found.append({"label": _("History"), "icon": "history", "url": f"{base}/history", "kind": "link"})
    found += [v for v in verbs if v["name"] in access.EXPLICIT]  # rare, and not to be hit by accident
    if may.get("delete"):
        found.append({"label": _("Delete"), "icon": "trash-2", "url": f"{base}/delete", "kind": "post", "danger": True})
    return found
