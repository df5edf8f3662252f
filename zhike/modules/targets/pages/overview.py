"""/targets/: people by month with target, done and rate, changed in place; departments against their people."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST
from markupsafe import Markup

from zhike.base.models import User
from zhike.engine import access, query, report
from zhike.engine.access import Actor
from zhike.engine.query import Condition, View
from zhike.modules.sales.pages import filters
from zhike.modules.sales.pages.parts import Panel, as_of, link
from zhike.modules.targets import figures, people, services
from zhike.modules.targets.entities import TARGET
from zhike.modules.targets.figures import Line, Whose
from zhike.modules.targets.measures import MEASURES
from zhike.modules.targets.models import Target
from zhike.web.editing import go
from zhike.web.templating import actor_of, render

from .home import rate, shown

Level, Period = Target.Level, Target.Period
Cells = Mapping[tuple[UUID, dt.date], Line]
Days = tuple[dt.date, dt.date]


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The targets of a fiscal year and measure that the actor may see."""
    actor = actor_of(request)
    access.require(actor, TARGET, "list")
    query.allow_lately(actor)
    measure = filters.chosen(request, "measure", MEASURES, next(iter(MEASURES)))
    show = filters.chosen(request, "show", ("quarter", "year"), "quarter")
    day = _day(request)
    first, last = services.days(Period.YEAR, day)
    years = [services.days(Period.YEAR, dt.date(first.year + n, first.month, 15))[0] for n in (-1, 0, 1)]
    options = [{"value": m.key, "label": m.label} for m in MEASURES.values()]
    starts = [{"value": d.isoformat(), "label": services.when(Period.YEAR, d)} for d in years]
    context = {
        "title": _("Targets"),
        "report_url": "/targets/",
        "lead": MEASURES[measure].statement,
        "filters": [
            {"name": "measure", "label": _("Measured by"), "kind": "chips", "options": options, "value": measure},
            {"name": "year", "label": _("Year"), "kind": "chips", "options": starts, "value": first.isoformat()},
            {"name": "show", "label": _("Months"), "kind": "chips", "options": _spans(), "value": show},
        ],
        "panels": panels(actor, measure, (first, last), _shown(show, day, first)),
        "as_of": as_of(actor),
        "may_create": access.may(actor, TARGET, "create"),
        "copy": {"measure": measure, "day": timezone.localdate().isoformat()},
        "list_url": f"/target/?view=&measure__eq={measure}&first_on__between={first},{last}&sort=first_on",
        "here_url": request.get_full_path(),
    }
    return render(request, "targets/overview.html", context, blocks={"panels": "panels"})


def _day(request: HttpRequest) -> dt.date:
    """A day of the year asked for: today, where that is in it."""
    today = timezone.localdate()
    try:
        found = dt.date.fromisoformat(request.GET.get("year", ""))
    except ValueError:
        return today
    first, last = services.days(Period.YEAR, found) if 2000 <= found.year <= 2100 else (today, today)
    return today if first <= today <= last else found


def _spans() -> list[dict[str, str]]:
    return [{"value": "quarter", "label": _("One quarter")}, {"value": "year", "label": _("All twelve")}]


def _shown(show: str, day: dt.date, first: dt.date) -> Days:
    """First and last day of the months that are shown: of a whole year, or of the quarter around a day."""
    return services.days(Period.YEAR, first) if show == "year" else services.days(Period.QUARTER, day)


@login_required
@require_POST
def copy(request: HttpRequest) -> HttpResponse:
    """Last period's targets for this one, where there are none yet."""
    actor = actor_of(request)
    access.require(actor, TARGET, "create")
    period = filters.chosen_in(request.POST, "period", Period.values, Period.MONTH)
    measure = filters.chosen_in(request.POST, "measure", MEASURES, next(iter(MEASURES)))
    more = request.POST.get("more", "0").strip() or "0"
    percent = Decimal(more) if more.lstrip("+-").isdecimal() and abs(int(more)) < 100 else Decimal(0)
    n = services.copy(actor, period=period, first_on=timezone.localdate(), measure=measure, more=percent)
    request.session["toast"] = ngettext("%(n)s target copied.", "%(n)s targets copied.", n) % {"n": n}
    return go(request, f"/targets/?measure={measure}")


def panels(actor: Actor, measure: str, year: Days, span: Days) -> list[Panel]:
    """The grid of people with the months of `span`, and the departments and the firm against their people."""
    conditions = (Condition("measure", "eq", measure), Condition("first_on", "between", f"{year[0]},{year[1]}"))
    view = View(conditions=(*conditions, Condition("product", "empty", "1")), sort="first_on")
    lines = figures.of_view(actor, view)
    staff = people.sellers(actor)
    months = services.months_of(*year)
    monthly = [line for line in lines if line.whose.level == Level.PERSON and _is_month(line.whose)]
    cells = _cells(actor, measure, staff, months, monthly)
    shown_ = [m for m in months if span[0] <= m <= span[1]]
    if actor.phone:  # which has room for one month beside the name: this one
        shown_.sort(key=lambda m: (m != timezone.localdate().replace(day=1), m))
    found = [_grid(actor, measure, staff, shown_, cells)]
    wholes = [line for line in lines if line.whose.level != Level.PERSON]
    wholes = [line for line in wholes if line.whose.first <= span[1] and line.whose.last >= span[0]]
    if wholes:
        found.append(_wholes(wholes, [line for line in lines if line.whose.level == Level.PERSON], staff))
    return found


def _is_month(whose: Whose) -> bool:
    return (whose.last - whose.first).days < 31


def _cells(actor: Actor, measure: str, staff: Sequence[User], months: Sequence[dt.date], set_: Sequence[Line]) -> Cells:
    """What is done of each person in each month, whether there is a target or not."""
    there = {(line.whose.owner, line.whose.first): line for line in set_}
    blank = {
        (one.pk, month): Whose(measure, Level.PERSON, one.pk, None, None, month, services.days(Period.MONTH, month)[1])
        for one in staff
        for month in months
    }
    done = figures.measured(actor, [w for key, w in blank.items() if key not in there])
    return {key: there[key] if key in there else Line(w, None, 0, "", None, *done[w]) for key, w in blank.items()}


def _grid(actor: Actor, measure: str, staff: Sequence[User], months: Sequence[dt.date], cells: Cells) -> Panel:
    own = query.visible(actor, TARGET, "update").filter(pk__in=[c.id for c in cells.values() if c.id])
    may_edit, may_create = set(own.values_list("pk", flat=True)), access.may(actor, TARGET, "create")
    heads = [{"key": m.isoformat(), "label": f"{m:%Y-%m}", "align": "r"} for m in months]
    second = 1 if actor.phone else 0  # where the year stands
    heads.insert(second, {"key": "year", "label": _("Year"), "align": "r"})
    heads.insert(0, {"key": "name", "label": _("Person")})
    rows = []
    for one in staff:
        place = one.department.name if one.department else ""
        small = Markup('<br><small class="muted">{}</small>').format(place) if place else ""
        name = Markup('<span class="strong">{}</span>').format(one.name) + small
        shown_ = [
            _cell(cells[one.pk, m], may_edit=cells[one.pk, m].id in may_edit, may_create=may_create) for m in months
        ]
        whole = [line for (pk, _month), line in cells.items() if pk == one.pk]
        rows.append(
            {
                "id": str(one.pk),
                "label": one.name,
                "cells": [{"html": name}, *shown_[:second], {"html": _sum(whole, measure)}, *shown_[second:]],
            }
        )
    sums = [[cells[one.pk, m] for one in staff] for m in months]
    totals = ["", *(_sum(column, measure) for column in sums)]
    totals.insert(1 + second, _sum([*cells.values()], measure))
    return {
        "kind": "table" if rows else "list",
        "title": _("People by month"),
        "columns": heads,
        "rows": rows,
        "totals": totals,
        "empty_text": _("Nobody who sells is in your reach."),
    }


def _cell(line: Line, *, may_edit: bool, may_create: bool) -> dict[str, Any]:
    """Target over done and rate; the target is changed in place, or set where there is none."""
    measure = line.whose.measure
    target: Any = shown(line.value, measure)
    if line.id and may_edit:
        label = _("Change the target of %(month)s") % {"month": f"{line.whose.first:%Y-%m}"}
        target = Markup('<button class="linklike" type="button" data-edit title="{}">{}</button>').format(label, target)
    elif line.id is None and may_create:
        label = _("Set the target of %(month)s") % {"month": f"{line.whose.first:%Y-%m}"}
        asked = f"level=person&owner={line.whose.owner}&period=month&first_on={line.whose.first}&measure={measure}"
        target = Markup('<a class="muted" href="/target/new?{}" data-drawer aria-label="{}">+</a>').format(asked, label)
    return {
        "html": target + Markup("<br>") + _done(line.reached, line.percent, line, measure),
        "edit_url": f"/target/{line.id}/field/value" if line.id and may_edit else "",
    }


def _done(reached: Decimal, percent: float | None, line: Line, measure: str) -> Markup:
    if not reached and percent is None:
        return Markup('<small class="muted">—</small>')
    tone = "" if percent is None else " good" if percent >= 100 else " late" if line.time == 100 else ""
    share = f" · {rate(percent)}" if percent is not None else ""
    html = Markup('<small class="nowrap{}"><a href="{}">{}</a>{}</small>')
    return html.format(tone, link(line.done), shown(reached, measure), share)


def _sum(lines: Sequence[Line], measure: str) -> Markup:
    """Sum of targets over the sum of what is done, with its rate."""
    target = sum((line.value or Decimal(0) for line in lines), Decimal(0))
    done = sum((line.reached for line in lines), Decimal(0))
    share = report.share(done, target)
    text = Markup('<span class="strong">{}</span><br><small class="nowrap">{}{}</small>')
    return text.format(shown(target, measure), shown(done, measure), f" · {rate(share)}" if share is not None else "")


def _wholes(wholes: Sequence[Line], persons: Sequence[Line], staff: Sequence[User]) -> Panel:
    """Targets of departments and of the firm against the sum of their people."""
    heads = [
        {"key": "name", "label": _("Target")},
        *(
            {"key": key, "label": label, "align": "r"}
            for key, label in (
                ("value", _("Target")),
                ("done", _("Done")),
                ("rate", _("Rate")),
                ("people", _("Sum of the people")),
                ("difference", _("Difference")),
            )
        ),
    ]
    rows = []
    for line in wholes:
        measure, given = line.whose.measure, given_out(line.whose, persons, staff)
        missing = (line.value or Decimal(0)) - given
        late = ' class="late"' if missing > 0 else ""
        rows.append(
            {
                "id": str(line.id),
                "label": line.name,
                "cells": [
                    {"html": Markup('<a class="strong" href="/target/{}">{}</a>').format(line.id, line.name)},
                    {"html": shown(line.value, measure)},
                    {"html": Markup('<a href="{}">{}</a>').format(link(line.done), shown(line.reached, measure))},
                    {"html": rate(line.percent)},
                    {"html": Markup('<a href="/targets/{}/split">{}</a>').format(line.id, shown(given, measure))},
                    {"html": Markup("<span{}>{}</span>").format(Markup(late), shown(missing, measure))},  # noqa: S704  ours
                ],
            }
        )
    return {"kind": "table", "title": _("Departments and firm"), "columns": heads, "rows": rows}


def given_out(whole: Whose, persons: Sequence[Line], staff: Sequence[User]) -> Decimal:
    """The sum of the targets of its people: of each the one of the same days, else those that lie within them."""
    inside = {one.pk for one in staff if whole.unit is None or people.inside(whole.unit, one)}
    total = Decimal(0)
    for pk in inside:
        own = [line for line in persons if line.whose.owner == pk and line.value is not None]
        same = [line for line in own if (line.whose.first, line.whose.last) == (whole.first, whole.last)]
        within = same or [
            line for line in own if _is_month(line.whose) and whole.first <= line.whose.first <= whole.last
        ]
        total += sum((line.value or Decimal(0) for line in within), Decimal(0))
    return total
