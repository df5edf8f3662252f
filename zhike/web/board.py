"""The board of an entity with stages, and moving records over it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.db.models import Count, Max, Min, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from zhike.engine import access, layouts, operations, query, records, stages
from zhike.engine.access import Actor
from zhike.engine.duplicates import check as doubles
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Conflict, Invalid, Missing
from zhike.engine.kinds import Attribute
from zhike.engine.models import Stage
from zhike.engine.query import Condition, View

from . import forms, tabs
from .listing import entity_info, filter_line
from .lookup import entity_or_404
from .tabs import Asked
from .templating import actor_of, ago, clock, render, yuan

FIRST, CARDS = 8, 30  # cards of a lane at first, and with each step further


@login_required
@require_GET
def board_page(request: HttpRequest, key: str) -> HttpResponse:
    """The board of a staged entity: a lane per stage, with count, sum and the first cards."""
    entity, actor = entity_or_404(key), actor_of(request)
    if not entity.is_staged:
        raise Missing
    access.require(actor, entity, "list")
    pipelines = stages.current(entity)
    pipeline = next(
        (p for p in pipelines if str(p.pk) == request.GET.get("pipeline")), pipelines[0] if pipelines else None
    )
    query.allow_lately(actor)
    found = tabs.ask(request, entity, bare=True)
    if (settled := found.settled(request, f"/{key}/board")) is not None:
        return settled
    context = board_context(actor, found, pipelines, pipeline)
    return render(request, "web/board.html", context, blocks={"board-body": "body"})


def board_context(actor: Actor, found: Asked, pipelines: Sequence[Any], pipeline: Any) -> dict[str, Any]:
    """What web/board.html shows."""
    entity, own = found.entity, found.view.but(columns=())
    url = f"/{entity.key}/board"
    here = f"{url}?pipeline={pipeline.pk}" if pipeline else url
    order = stages.of(pipeline.pk) if pipeline else []
    shown = cards_of(actor, entity, [(s, first_rows(actor, entity, s, own)) for s in order])
    totals = lane_totals(actor, entity, order, own)
    line = filter_line(actor, found, path=url, without=("stage",))
    for link in (line, *line["chips"], *line["quick"]):
        for name in ("here_url", "clear_url", "remove_url", "url"):
            if pipeline and link.get(name):
                link[name] += f"&pipeline={pipeline.pk}"
    line["keep"] = [*line["keep"], *([{"name": "pipeline", "value": str(pipeline.pk)}] if pipeline else [])]
    return line | {
        "entity": entity_info(actor, entity),
        "bar": tabs.bar(actor, found),
        "kinds": tabs.kinds(found, "board"),
        "pipelines": [{"label": str(p), "url": f"{url}?pipeline={p.pk}", "active": p == pipeline} for p in pipelines],
        "as_of": clock(query.as_of(actor)),
        "scope": scope_links(actor, entity, found.own, f"{here}&" if pipeline else f"{here}?"),
        "columns": [lane(entity, stage, own, totals[stage.pk], shown[stage.pk]) for stage in order],
    }


def scope_links(actor: Actor, entity: AnyEntity, own: View, here: str) -> list[dict[str, Any]]:
    """Mine or everybody's, where the actor sees more than the own records."""
    if access.scope(actor, entity, "list") == "own":
        return []
    mine = any(c.key == "owner" and c.value == "me" for c in own.conditions)
    rest = own.but(conditions=tuple(c for c in own.conditions if c.key != "owner"))
    return [
        {"label": _("Mine"), "url": here + rest.also(Condition("owner", "eq", "me")).query(), "active": mine},
        {"label": _("Everybody I see"), "url": here + rest.query(), "active": not mine},
    ]


CLOSED_DAYS = 90


def lane_rows(actor: Actor, entity: AnyEntity, stage: Stage, own: View) -> Any:
    """The records of a lane; closed lanes show the last 90 days, like the list behind them."""
    _told(actor, entity)
    return query.select(actor, entity, own.but(sort="").also(*lane_conditions(stage)))


def lane_conditions(stage: Stage) -> list[Condition]:
    """What the list behind a lane is filtered by."""
    return [Condition("stage", "eq", stage.pk), *closed_lately(stage)]


def closed_lately(stage: Stage) -> list[Condition]:
    """What lanes of closed records leave out."""
    return [] if stage.status == Stage.Status.OPEN else [Condition("closed_at", "within", f"last_{CLOSED_DAYS}")]


def first_rows(actor: Actor, entity: AnyEntity, stage: Stage, own: View) -> Any:
    """The records whose cards a lane shows at first."""
    return lane_rows(actor, entity, stage, own).order_by("-stage_at", "-pk")[:FIRST]


def _told(actor: Actor, entity: AnyEntity) -> Mapping[str, Attribute]:
    """The fields whose values the actor sees whole; Missing where the stage is none of them: no lanes then."""
    known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
    if "stage" not in known:
        raise Missing
    return known


def lane_totals(actor: Actor, entity: AnyEntity, order: Sequence[Stage], own: View) -> dict[UUID, dict[str, Any]]:
    """How many records each lane has and what they add up to, in one statement for all lanes that are open or not."""
    known = _told(actor, entity)
    amount, weighted = known.get("amount"), known.get("weighted")
    measures: dict[str, Any] = {"n": Count("*")}
    if amount:
        measures["total"] = Sum(amount.column)
    if weighted and weighted.expression:
        measures["expected"] = Sum(weighted.expression())
    mixed = query.has_currency(entity.model)
    if mixed:
        measures |= {"least": Min("currency"), "greatest": Max("currency")}
    found: dict[UUID, dict[str, Any]] = {stage.pk: dict.fromkeys(measures, 0) for stage in order}
    for is_open in (True, False):
        mine = [s for s in order if (s.status == Stage.Status.OPEN) is is_open]
        if mine:
            narrowed = own.but(sort="").also(*closed_lately(mine[0]))
            rows = query.select(actor, entity, narrowed).filter(stage__in=[s.pk for s in mine]).order_by()
            lanes = rows.values("stage").annotate(**measures)
            added: list[Any] = query.figure(actor, lanes, "lanes", partial(list, lanes))
            for total in map(dict, added):
                for name in total.keys() & {"total", "expected"} if mixed else ():
                    total[name] = query.in_currency(total[name], total["least"], total["greatest"])
                found[total["stage"]] = total
    return found


def lane(
    entity: AnyEntity,
    stage: Stage,
    own: View,
    total: Mapping[str, Any],
    shown: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """One lane with its totals (`lane_totals`), and the cards `shown`."""
    behind = View(conditions=(*lane_conditions(stage), *own.conditions), search=own.search)
    found = {
        "key": str(stage.pk),
        "label": str(stage),
        "tone": stage.tone,
        "kind": stage.status,
        "count": total["n"],
        "sum": yuan(total["total"] or 0) if "total" in total else "",
        "weighted": yuan(total["expected"]) if total.get("expected") and stage.status == Stage.Status.OPEN else "",
        "url": f"/{entity.key}/?view=&{behind.query()}",
        "cards": list(shown),
        "more_url": f"/{entity.key}/board/{stage.pk}?start={FIRST}&{own.query()}" if total["n"] > FIRST else "",
    }
    if stage.status != Stage.Status.OPEN:
        found["label"] = _("%(stage)s, last %(n)s days") % {"stage": stage, "n": CLOSED_DAYS}
    return found


@login_required
@require_GET
def lane_more(request: HttpRequest, key: str, stage: UUID) -> HttpResponse:
    """The next cards of a lane."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    found = Stage.objects.filter(pk=stage, pipeline__entity=key).first()
    if found is None:
        raise Missing
    raw = request.GET.get("start", "0")
    start = int(raw) if raw.isdecimal() and len(raw) < 7 else 0
    own = query.parse([(k, v) for k, values in request.GET.lists() for v in values if k != "start" and v])
    rows = lane_rows(actor, entity, found, own).order_by("-stage_at", "-pk")[start : start + CARDS + 1]
    shown = cards(actor, entity, rows, found)
    more = f"/{key}/board/{stage}?start={start + CARDS}&{own.query()}" if len(shown) > CARDS else ""
    return render(request, "web/board_cards.html", {"cards": shown[:CARDS], "more_url": more})


def cards(actor: Actor, entity: AnyEntity, rows: Any, stage: Stage) -> list[dict[str, Any]]:
    """Cards of one stage."""
    return cards_of(actor, entity, [(stage, rows)])[stage.pk]


def cards_of(actor: Actor, entity: AnyEntity, lanes: Sequence[tuple[Stage, Any]]) -> dict[UUID, list[dict[str, Any]]]:
    """Cards by stage: name, declared line, owner, days in the stage and whether that is too long, next step.

    One query per lane, and one per linked entity for the names on all of them.
    """
    known = access.readable(actor, entity)
    card = layouts.of(actor, entity).card
    keys = dict.fromkeys(
        [entity.title, *card, "owner", "stage_at", "status", "next_follow_up_on", "next_step", "amount"]
    )
    shown = [known[k] for k in keys if k in known]
    found = {stage.pk: query.read(actor, entity, rows, shown) for stage, rows in lanes}
    labels = query.labels(actor, shown, [row for rows in found.values() for row in rows])
    lines = {k: known[k] for k in (entity.title, *card) if k in known}
    return {stage.pk: [_card(entity, row, lines, labels, stage) for row in found[stage.pk]] for stage, _rows in lanes}


def _card(
    entity: AnyEntity, row: query.Row, lines: Mapping[str, Attribute], labels: Any, stage: Stage
) -> dict[str, Any]:
    v = row.values
    texts = {k: a.kind.text(a, v.get(k), labels) for k, a in lines.items()}
    days = (timezone.now() - v["stage_at"]).days if v.get("stage_at") else 0
    allowed = stage.days_allowed if stage.status == Stage.Status.OPEN else None
    owner = labels.get(("user", v.get("owner")), "")
    follow = v.get("next_follow_up_on")
    url = f"/{entity.key}/{row.id}"
    late = bool(follow and follow < timezone.localdate())
    return {
        "id": str(row.id),
        "url": url,
        "version": row.version,
        "stage": str(stage.pk),
        "title": texts.pop(entity.title),
        "sub": " · ".join(t for k, t in texts.items() if t and k not in ("amount", "owner")),
        "amount": yuan(v["amount"]) if v.get("amount") is not None else "",
        "owner": {"name": owner, "initials": owner[:1]} if owner else None,
        "days_label": ngettext("%(n)s day", "%(n)s days", days) % {"n": days},
        "tone": "red" if allowed and days > allowed else "amber" if allowed and days > allowed * 0.7 else "",
        "next": {"text": v.get("next_step") or _("Follow up"), "due": ago(follow), "tone": "late" if late else ""}
        if follow
        else None,
    }


@login_required
@require_POST
def move(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """Move a record to a stage. 422 gives the form of what the stage still needs, 409 the card as it now is."""
    entity, actor = entity_or_404(key), actor_of(request)
    raw = request.POST.get("stage", "")
    stage = Stage.objects.filter(pk=raw, pipeline__entity=key).first() if forms.is_uuid(raw) else None
    if stage is None:
        raise Missing
    before = query.record(actor, entity, pk, "update").rows[0].values["stage"]
    wanted = [
        k
        for k in dict.fromkeys((*stages.needed(stage, stages.of(stage.pipeline_id), entity), *closing(entity, stage)))
        if k in request.POST
    ]
    values = {k: v for k, v in forms.posted(request, entity, wanted).items() if v != ""}
    version = forms.version(request)
    try:
        doors = doubles.at("typed", confirmed=True)  # a card that is dropped has no room for a question
        with doors, operations.recording(actor, entity, "update", keys=[*values, "stage"], record=pk):
            records.update_many(
                actor,
                entity,
                {pk: {**values, "stage": stage.pk}},
                versions={pk: version} if version is not None else None,
                note=request.POST.get("note", "")[:300],
            )
    except Invalid as invalid:
        return _ask(request, actor, entity, pk, stage, invalid, bool(wanted))
    except Conflict:
        return _moved(request, actor, entity, pk, {before}, 409)
    return _moved(request, actor, entity, pk, {before, stage.pk}, 200)


def closing(entity: AnyEntity, stage: Stage) -> tuple[str, ...]:
    """What winning and losing ask for besides the stage's own fields."""
    wanted = {"won": ("amount", "closed_on", "won_reason"), "lost": ("lost_reason", "lost_note")}.get(stage.status, ())
    return tuple(k for k in wanted if k in entity.attributes)


def _moved(
    request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID, changed: set[Any], status: int
) -> HttpResponse:
    """The card as it now is, with the heads of the lanes it left and reached."""
    rows = query.visible(actor, entity, "update").filter(pk=pk)
    now = rows.first()
    if now is None:
        raise Missing
    stage = now.stage
    lanes, own = list(Stage.objects.filter(pk__in=changed | {stage.pk})), _shown(request, entity)
    totals = lane_totals(actor, entity, lanes, own)
    context = {
        "card": cards(actor, entity, rows, stage)[0],
        "columns": [lane(entity, s, own, totals[s.pk]) for s in lanes],
    }
    response = render(request, "web/board_moved.html", context, status=status)
    if status == 200:
        text = _("Moved to “%(stage)s”.") % {"stage": stage}
        response["HX-Trigger"] = json.dumps({"zk:toast": {"text": text, "tone": "good"}})
    return response


def _shown(request: HttpRequest, entity: AnyEntity) -> View:
    """The filters of the board that a move was made on, so that the heads of its lanes still count what it shows."""
    here = urlsplit(request.headers.get("HX-Current-URL", ""))
    if here.path != f"/{entity.key}/board":
        return View()
    return query.parse([(k, v) for k, v in parse_qsl(here.query) if k != "pipeline"])


def _ask(
    request: HttpRequest, actor: Actor, entity: AnyEntity, pk: UUID, stage: Stage, invalid: Invalid, asked: bool
) -> HttpResponse:
    """The form of what is missing, to be shown in the card. Errors show once the person has been asked."""
    page = query.record(actor, entity, pk, "update")
    keys = [
        k for k in dict.fromkeys([*invalid.first, *closing(entity, stage)]) if k in entity.attributes and k != "stage"
    ]
    errors = {k: v for k, v in invalid.first.items() if asked or k not in keys}
    data = {k: request.POST[k] for k in keys if k in request.POST} if asked else None
    shown = forms.fields(actor, entity, keys, page=page, data=data, errors=errors)
    for f in shown:
        f["required"] = f["name"] in invalid.first
    context = {
        "url": f"/{entity.key}/{pk}/move",
        "version": page.rows[0].version,
        "stage": str(stage.pk),
        "key": "",
        "stage_label": str(stage),
        "fields": shown,
        "errors": forms.summary(errors, entity),
    }
    return render(request, "web/move_form.html", context, status=422)
