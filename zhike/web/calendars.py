"""Records on the days of a month or a week, by any of their dates; moving one there writes that date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import Count, F, Window
from django.db.models.functions import RowNumber, TruncDate
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext
from django.views.decorators.http import require_GET

from zhike.base import calendar_cn
from zhike.base.i18n import day, language
from zhike.base.models import CalendarDay
from zhike.engine import access, layouts, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Missing
from zhike.engine.kinds import Attribute
from zhike.engine.query import Condition

from . import plugs, tabs
from .listing import entity_info, filter_line, record_title
from .lookup import entity_or_404
from .tabs import Asked
from .templating import actor_of, render, yuan

PREFERRED = ("due_at", "expected_on", "next_follow_up_on", "created_at")
PER_DAY = {"month": 4, "week": 30}
# of a day in the week: what has no time of day, the early hours, each hour of work, the late ones
HOURS = (("", ""), ("00", "08"), *((f"{h:02}", f"{h + 1:02}") for h in range(8, 20)), ("20", "24"))
HOLIDAYS = (  # as calendar_cn names them
    gettext_noop("New Year's Day"), gettext_noop("Spring Festival"), gettext_noop("Tomb-sweeping Day"),
    gettext_noop("Labour Day"), gettext_noop("Dragon Boat Festival"), gettext_noop("National Day"),
    gettext_noop("Mid-autumn Festival"),
)  # fmt: skip


def dates(actor: Actor, entity: AnyEntity) -> list[Attribute]:
    """The dates by which the records can be placed, the likeliest first."""
    known = query.open_fields(access.readable(actor, entity), access.closed(actor, entity))
    found = [a for a in known.values() if a.kind.key in ("date", "datetime") and a.expression is None and a.stored]
    order = {key: n for n, key in enumerate(PREFERRED)}
    return sorted(found, key=lambda a: order.get(a.key, 99 if a.editable else 999))


@login_required
@require_GET
def calendar_page(request: HttpRequest, key: str) -> HttpResponse:
    """The calendar of an entity: a month, or a week (`span`), around `day`, by the field `date`."""
    entity, actor = entity_or_404(key), actor_of(request)
    access.require(actor, entity, "list")
    found = tabs.ask(request, entity)
    if (settled := found.settled(request, f"/{key}/calendar")) is not None:
        return settled
    fields = dates(actor, entity)
    if not fields:
        raise Missing
    a = next((a for a in fields if a.key == found.shape.date), fields[0])
    span = "week" if request.GET.get("span") == "week" else "month"
    context = calendar_context(actor, found, a, span, _day(request.GET.get("day", "")), fields)
    return render(request, "web/calendar.html", context, blocks={"calendar-body": "body"})


def _day(raw: str) -> dt.date:
    try:
        found = dt.date.fromisoformat(raw[:10])
    except ValueError:
        return timezone.localdate()
    return found if 1900 < found.year < 2200 else timezone.localdate()


def _bounds(span: str, near: dt.date) -> tuple[dt.date, int]:
    """The Monday on which the picture begins, and how many weeks it has."""
    if span == "week":
        return near - dt.timedelta(days=near.weekday()), 1
    first = near.replace(day=1)
    last = (first + dt.timedelta(days=32)).replace(day=1) - dt.timedelta(days=1)
    start = first - dt.timedelta(days=first.weekday())
    return start, ((last - start).days // 7) + 1


def _around(span: str, near: dt.date) -> tuple[dt.date, dt.date]:
    """A day of the picture before, and of the one after."""
    if span == "week":
        return near - dt.timedelta(days=7), near + dt.timedelta(days=7)
    first = near.replace(day=1)
    return first - dt.timedelta(days=1), (first + dt.timedelta(days=32)).replace(day=1)


def calendar_context(
    actor: Actor, found: Asked, a: Attribute, span: str, near: dt.date, fields: Sequence[Attribute]
) -> dict[str, Any]:
    """What web/calendar.html shows."""
    entity, path = found.entity, f"/{found.entity.key}/calendar"
    start, weeks = _bounds(span, near)
    last = start + dt.timedelta(days=7 * weeks - 1)
    picture = Picture(
        found, a, near, span, placed(actor, found, a, start, last, PER_DAY[span]), _exceptions(start, last)
    )
    today = timezone.localdate()

    def url(at: dt.date, how: str = span, date: str = "") -> str:
        return f"{found.url(path=path, date=date or a.key)}&span={how}&day={at.isoformat()}"

    days = [start + dt.timedelta(days=n) for n in range(7 * weeks)]
    before, after = _around(span, near)
    line = filter_line(actor, found, path=path)
    line["keep"] = [*line["keep"], {"name": "span", "value": span}, {"name": "day", "value": near.isoformat()}]
    line["here_url"] = url(near)
    return line | {
        "entity": entity_info(actor, entity),
        "bar": tabs.bar(actor, found),
        "kinds": tabs.kinds(found, "calendar"),
        "label": _label(span, near, days),
        "span": span,
        "spans": [
            {"label": _("Month"), "url": url(near, "month"), "active": span == "month"},
            {"label": _("Week"), "url": url(near, "week"), "active": span == "week"},
        ],
        "prev_url": url(before),
        "next_url": url(after),
        "today_url": url(today),
        "field": {"key": a.key, "label": a.label, "is_time": a.kind.key == "datetime"},
        "fields": [{"key": f.key, "label": f.label, "url": url(near, span, f.key), "active": f is a} for f in fields],
        "heads": [str(day(d)).split(" ")[0 if language() == "en" else -1] for d in days[:7]],
        "weeks": [[_cell(picture, d, today) for d in days[n : n + 7]] for n in range(0, len(days), 7)],
        "hours": [_("Whole day"), "", *(f"{hour}:00" for hour, _until in HOURS[2:])] if picture.by_hour else [],
        "overlaps_url": plugs.overlaps.get((entity.key, a.key), ""),
    }


def _label(span: str, near: dt.date, days: Sequence[dt.date]) -> str:
    if span == "week":
        return f"{days[0].isoformat()} – {days[-1].isoformat()}"
    return _("%(month)s/%(year)s") % {"year": near.year, "month": near.month}


@dataclass(frozen=True)
class Picture:
    """What all days of one picture share; `exceptions` are days of the firm's own: works or not, and what it is."""

    found: Asked
    a: Attribute
    near: dt.date
    span: str
    items: Mapping[dt.date, list[dict[str, Any]]]
    exceptions: Mapping[dt.date, tuple[bool, str]]

    @property
    def by_hour(self) -> bool:
        """Whether days are divided into hours."""
        return self.span == "week" and self.a.kind.key == "datetime"


def _exceptions(first: dt.date, last: dt.date) -> dict[dt.date, tuple[bool, str]]:
    rows = CalendarDay.objects.filter(day__gte=first, day__lte=last, deleted_at=None)
    return {day: (works, name) for day, works, name in rows.values_list("day", "is_working", "name")}


def _mark(picture: Picture, at: dt.date) -> dict[str, Any]:
    """Whether people work on a day, and what is to be said where that is not as the day of the week has it."""
    works = calendar_cn.is_working_day(at, overrides={d: found[0] for d, found in picture.exceptions.items()})
    known = calendar_cn.holiday_name(at)
    name = (
        picture.exceptions[at][1] if at in picture.exceptions else _(known) if known in HOLIDAYS and not works else ""
    )
    unusual = works == (at.weekday() > 4) or bool(name)
    word = pgettext("mark on a day", "work") if works else pgettext("mark on a day", "off")
    label = _("Working day") if works else _("Day off")
    said = {"word": word, "name": name, "label": f"{label} {name}".strip()} if unusual else None
    return {"off": not works, "mark": said}


def _cell(picture: Picture, at: dt.date, today: dt.date) -> dict[str, Any]:
    """One day: its records, and how many more there are."""
    found, a, items = picture.found, picture.a, picture.items.get(at, [])
    total = items[0]["of"] if items else 0
    own = found.own.start()
    behind = own.but(conditions=(*own.conditions, Condition(a.key, "eq", at.isoformat())))
    new_url = f"/{found.entity.key}/new?{a.key}={at.isoformat()}"
    return _mark(picture, at) | {
        "date": at.isoformat(),
        "number": at.day,
        "label": day(at),
        "today": at == today,
        "outside": picture.span == "month" and at.month != picture.near.month,
        "items": items,
        "slots": _slots(items, new_url) if picture.by_hour else [{"hour": None, "items": items}],
        "total": total,
        "more": total - len(items),
        "url": found.url(behind, kind="list"),
        "new_url": new_url,
    }


def _slots(items: Sequence[dict[str, Any]], new_url: str) -> list[dict[str, Any]]:
    return [
        {
            "hour": hour,
            "until": until,
            "items": [i for i in items if (hour <= i["time"] < until if hour else not i["time"])],
            "new_url": f"{new_url}T{hour}:00" if "00" < hour < "20" else "",
        }
        for hour, until in HOURS
    ]


def placed(
    actor: Actor, found: Asked, a: Attribute, start: dt.date, end: dt.date, per_day: int
) -> dict[dt.date, list[dict[str, Any]]]:
    """The first records of each day with the number of all of that day: one query for the days, one to read them."""
    entity = found.entity
    inside = Condition(a.key, "between", [start.isoformat(), end.isoformat()])
    view = found.view.start().also(inside).but(sort="")
    at = a.typed()
    on = TruncDate(at) if a.kind.key == "datetime" else at
    rows = query.select(actor, entity, view).order_by()
    rows = rows.annotate(
        on_day=on,
        nth=Window(RowNumber(), partition_by=[F("on_day")], order_by=[at, F("pk").asc()]),
        of=Window(Count("pk"), partition_by=[F("on_day")]),
    ).filter(nth__lte=per_day)
    counted: dict[Any, int] = dict(rows.values_list("pk", "of"))
    known = access.readable(actor, entity)
    keys = dict.fromkeys((entity.title, a.key, *layouts.of(actor, entity).card[:3], "stage", "status", "owner"))
    shown = [known[k] for k in keys if k in known]
    read = query.read(actor, entity, entity.rows().filter(pk__in=counted), shown)
    labels = query.labels(actor, shown, read)
    page = query.Page(entity, view, shown, read, len(read), labels)
    writes = a.key in access.writable(actor, entity) and access.may(actor, entity, "update")
    result: dict[dt.date, list[dict[str, Any]]] = {}
    for row in sorted(read, key=lambda r: (str(r.values[a.key]), str(r.id))):
        result.setdefault(_on(row.values[a.key]), []).append(_item(page, row, a, counted[row.id], writes=writes))
    return result


def _on(value: Any) -> dt.date:
    return timezone.localtime(value).date() if isinstance(value, dt.datetime) else value


def _item(page: query.Page, row: query.Row, a: Attribute, of: int, *, writes: bool) -> dict[str, Any]:
    entity, value = page.entity, row.values[a.key]
    amount = next((row.values[x.key] for x in page.attributes if x.kind.key == "money" and row.values.get(x.key)), None)
    keys = {k: v for k, v in row.values.items() if isinstance(v, str)}
    said = [t[keys[k]] for k, t in entity.tones.items() if keys.get(k) in t]
    stage = page.labels.get(("stage", row.values.get("stage")))  # type: ignore[arg-type]
    time = timezone.localtime(value).strftime("%H:%M") if isinstance(value, dt.datetime) else ""
    return {
        "id": str(row.id),
        "url": f"/{entity.key}/{row.id}",
        "title": record_title(entity, row, page),
        "time": time if time != "00:00" else "",
        "clock": time,
        "aside": yuan(amount) if amount is not None else "",
        "tone": getattr(stage, "tone", said[0] if said else "teal"),
        "state": str(stage or ""),
        "version": row.version,
        "move_url": f"/{entity.key}/{row.id}/field/{a.key}" if writes else "",
        "of": of,
    }
