"""The figures of sales: periods, the funnel, the table of sellers, lists of what is due. Each carries its list."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.engine import access, query, report, stages
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.kinds import Labels
from zhike.engine.models import Pipeline, Stage, StageEvent
from zhike.engine.query import Condition, Page, Row, View
from zhike.engine.report import COUNT, Cells, Column, Group, Measure

AMOUNT, WEIGHTED = Measure("amount", "sum", "amount"), Measure("weighted", "sum", "weighted")
SPAN = (Measure("days", "sum", "days_to_win"), Measure("dated", "count", "days_to_win"))
NO_NEXT_STEP = "status__eq=open&next_follow_up_on__empty=1"
STUCK = "status__eq=open&days_over__gte=1"
OVERDUE = "status__eq=planned&due_at__within=overdue"


def readable(actor: Actor, entity: AnyEntity, *measures: Measure) -> tuple[Measure, ...]:
    """Those measures whose field the actor may read."""
    known = access.readable(actor, entity)
    return tuple(m for m in measures if not m.of or m.of in known)


def deals(actor: Actor, asked: str, *measures: Measure) -> Group:
    """Count, amount and weighted amount of the deals of a query string."""
    wanted = readable(actor, get("deal"), COUNT, *(measures or (AMOUNT, WEIGHTED)))
    return report.total(actor, get("deal"), query.parse(asked), wanted)


def count(actor: Actor, entity: str, asked: str) -> Group:
    """How many records of an entity a query string finds."""
    return report.total(actor, get(entity), query.parse(asked))


# ---- periods ----


def periods() -> dict[str, str]:
    """The periods that reports offer, with their names."""
    return {
        "month": _("This month"),
        "quarter": _("This quarter"),
        "year": _("This year"),
        "last_quarter": _("Last quarter"),
        "last_year": _("Last year"),
        "all": _("All time"),
    }


def span(period: str, today: dt.date | None = None) -> tuple[dt.date, dt.date] | None:
    """First and last day of a period of `periods`, or of "last_month"; None for all time."""
    day = today or timezone.localdate()
    month, year = day.replace(day=1), dt.date(day.year, 1, 1)
    quarter = dt.date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
    first = {"month": month, "quarter": quarter, "year": year}
    if period in first:
        return first[period], _ahead(first[period], report.MONTHS[period])
    kind = period.removeprefix("last_")
    if kind not in first:
        return None
    last = first[kind] - dt.timedelta(days=1)
    return span(kind, last)


def _ahead(first: dt.date, months: int) -> dt.date:
    month = first.month - 1 + months
    return dt.date(first.year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)


def within(key: str, period: str) -> list[Condition]:
    """The condition that a date lies in a period; none for all time."""
    days = span(period)
    return [Condition(key, "between", f"{days[0]},{days[1]}")] if days else []


def same_days_before(period: str) -> str:
    """The last month or quarter as far as this one has come, as a value of `between`."""
    today = timezone.localdate()
    (first, _end), (start, last) = _known(period), _known(f"last_{period}")
    return f"{start},{min(last, start + (today - first))}"


def _known(period: str) -> tuple[dt.date, dt.date]:
    days = span(period)
    if days is None:
        raise KeyError(period)
    return days


def last_days(days: int) -> str:
    """The last `days` days with today, as a value of `between`."""
    today = timezone.localdate()
    return f"{today - dt.timedelta(days=days - 1)},{today}"


# ---- funnel ----


@dataclass(frozen=True)
class Step:
    """One stage of a funnel: what stands there now, how many were there and came further, and how long it takes."""

    stage: Stage
    now: Group
    reached: Group
    passed: Group
    median_days: float | None

    @property
    def rate(self) -> float | None:
        """Conversion in percent: of the deals that were in the stage, how many later came further or were won."""
        return report.share(self.passed.n, self.reached.n)


@dataclass(frozen=True)
class Funnel:
    """The deals of a cohort by stage; `total` covers open, won and lost ones alike."""

    steps: list[Step]
    total: Group
    reasons: list[Group]

    def of(self, status: str) -> list[Step]:
        """The steps of one meaning."""
        return [s for s in self.steps if s.stage.status == status]


def pipelines() -> list[Pipeline]:
    """Every version of every deal pipeline: those in force first, the default before all."""
    rows = Pipeline.objects.filter(entity="deal", deleted_at=None)
    return list(rows.order_by("-is_current", "-is_default", "created_at", "-number"))


def by_stage(actor: Actor, order: Sequence[Stage], view: View) -> dict[UUID, Group]:
    """Count, amount and weighted amount of the deals of a view in each of these stages."""
    return _column(actor, "stage", order, view, AMOUNT, WEIGHTED)


def _column(actor: Actor, by: str, order: Sequence[Stage], view: View, *measures: Measure) -> dict[UUID, Group]:
    deal = get("deal")
    asked = Column(deal, view, readable(actor, deal, COUNT, *measures))
    found = report.column(actor, asked, (by,), [(s.pk,) for s in order])
    return {s.pk: found[s.pk,] for s in order}


def funnel(actor: Actor, pipeline: UUID, cohort: View) -> Funnel:
    """The funnel of the deals of `cohort` in a pipeline.

    Conversion of a stage: of the deals of the cohort that were ever in it, the share that later came to a further open
    stage of the pipeline or was won, counted from the stage events. A deal that skipped a stage is not counted there.
    Median days: of the completed stays in the stage, those that ended in a loss included.
    """
    deal = get("deal")
    view = View(conditions=(Condition("pipeline", "eq", pipeline), *cohort.conditions))
    order = stages.of(pipeline)
    now = by_stage(actor, order, view)
    reached = _column(actor, "reached", order, view, AMOUNT, WEIGHTED)
    passed = _column(actor, "passed", order, view)
    days = _medians(actor, deal, view)
    steps = [Step(s, now[s.pk], reached[s.pk], passed[s.pk], days.get(s.pk)) for s in order]
    lost = view.also(Condition("status", "eq", Stage.Status.LOST))
    reasons = report.grouped(actor, deal, lost, ("lost_reason",), readable(actor, deal, COUNT, AMOUNT))
    total = report.total(actor, deal, view, readable(actor, deal, COUNT, AMOUNT, WEIGHTED))
    return Funnel(steps, total, sorted(reasons, key=lambda g: (-g.n, g.labels)))


def _medians(actor: Actor, entity: AnyEntity, view: View) -> dict[UUID, float]:
    """Median days that the deals of a view stayed in each stage they left; time in the stage from the stage events."""
    rows = query.select(actor, entity, view).order_by().values("pk")
    events = StageEvent.objects.filter(entity=entity.key, record__in=rows, seconds__isnull=False)
    found = events.values_list("from_stage").annotate(middle=report.Median("seconds")).order_by()
    return {stage: middle / 86_400 for stage, middle in found}


# ---- sellers ----


BY = ("department", "owner")


def seller_columns(actor: Actor, period: str, narrowed: Sequence[Condition] = ()) -> dict[str, Column]:
    """The columns of the seller table; won and lost count by the day of closing, activities by the day done."""
    deal, activity = get("deal"), get("activity")
    closed = within("closed_on", period)

    def column(entity: AnyEntity, asked: str, *measures: Measure, more: Sequence[Condition] = ()) -> Column:
        view = query.parse(asked).also(*more, *narrowed)
        return Column(entity, view, readable(actor, entity, COUNT, *measures))

    found = {
        "open": column(deal, "status__eq=open", AMOUNT, WEIGHTED),
        "won": column(deal, "status__eq=won", AMOUNT, *SPAN, more=closed),
        "closed": column(deal, "status__in=won,lost", more=closed),
        "alone": column(deal, NO_NEXT_STEP),
    }
    if access.may(actor, activity, "list"):
        found["done"] = column(activity, "status__eq=done&done_at__within=this_week")
        found["overdue"] = column(activity, OVERDUE)
    return found


@dataclass(frozen=True)
class Team:
    """The table of sellers: per seller, per department, and over all; keys are (department, owner)."""

    sellers: Cells
    departments: Cells
    total: Mapping[str, Group]
    names: Labels


def team(actor: Actor, period: str, narrowed: Sequence[Condition] = ()) -> Team:
    """The sellers that the actor may see: one query per column, two for the names."""
    columns = seller_columns(actor, period, narrowed)
    cells = report.table(actor, columns, BY)
    names = {
        (target, pk): name
        for n, target in ((0, "department"), (1, "user"))
        for pk, name in query.names(actor, target, {k[n] for k in cells if k[n]}).items()
    }
    total = report.rolled(cells, columns, BY, 0).get(()) or {n: c.at((), (), {}) for n, c in columns.items()}
    return Team(cells, report.rolled(cells, columns, BY, 1), total, names)


def win_rate(cells: Mapping[str, Group]) -> float | None:
    """Won of closed deals, in percent."""
    return report.share(cells["won"].n, cells["closed"].n)


def days_to_win(cells: Mapping[str, Group]) -> float | None:
    """Average days from start to the day won."""
    won = cells["won"]
    return round(float(won["days"]) / won["dated"], 1) if won["dated"] else None


# ---- lists ----


@dataclass(frozen=True)
class Wanted:
    """A short list: the first `limit` records that a query string finds, with these fields."""

    entity: AnyEntity
    asked: str
    keys: tuple[str, ...]
    limit: int = 6
    more: tuple[Condition, ...] = ()


@dataclass
class Lines:
    """The rows of a short list and how many there are in all."""

    group: Group
    page: Page
    rows: list[Row] = field(default_factory=list)

    def text(self, row: Row, key: str) -> str:
        """A field as text, "" where it is empty or may not be read."""
        return self.page.text(row, key) if key in row.values else ""


def lists(actor: Actor, wanted: Mapping[str, Wanted]) -> dict[str, Lines]:
    """Several short lists, each with how many there are up to the cap of lists; one query per linked entity for all.

    A list whose entity the actor may not read is left out.
    """
    found: dict[str, Lines] = {}
    for name, w in wanted.items():
        if access.may(actor, w.entity, "list"):
            view = query.parse(w.asked).also(*w.more)
            known = access.readable(actor, w.entity)
            view = view if view.sort.removeprefix("-") in known else view.but(sort="")
            shown = [known[k] for k in w.keys if k in known]
            rows = query.walk(actor, w.entity, view, query.order_of(actor, w.entity, view.sort), shown, w.limit + 1)
            n = len(rows) if len(rows) <= w.limit else query.how_many(actor, w.entity, view, known=len(rows))
            rows = rows[: w.limit]
            group = Group(w.entity, view, figures={"n": n})
            found[name] = Lines(group, Page(w.entity, view, shown, rows, n, {}), rows)
    ids: dict[str, set[UUID]] = {}
    for lines in found.values():
        for a in lines.page.attributes:
            if a.is_link:
                ids.setdefault(a.target, set()).update(v for r in lines.rows if (v := r.values.get(a.key)))
    names = {(t, pk): text for t, some in ids.items() for pk, text in query.names(actor, t, some).items()}
    for lines in found.values():
        lines.page.labels = names
    return found
