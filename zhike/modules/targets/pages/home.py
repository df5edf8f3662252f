"""The target on first pages: done, gap, time passed, what may still come; each figure opens its list."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from markupsafe import Markup

from zhike.base.models import Role
from zhike.engine import access
from zhike.engine.access import Actor
from zhike.engine.query import Condition, View
from zhike.modules.sales.pages.parts import link
from zhike.modules.targets import figures
from zhike.modules.targets.entities import TARGET
from zhike.modules.targets.figures import Line
from zhike.modules.targets.models import Target
from zhike.web.templating import number, yuan

ORDER = {"month": 0, "quarter": 1, "year": 2}


def panel(actor: Actor, shown: str) -> Mapping[str, Any] | None:
    """The ring of the nearest target in force, and one line for each longer one; None without any."""
    if not access.may(actor, TARGET, "list"):
        return None
    whose = _whose(actor, shown)
    if whose is None:
        return None
    today = timezone.localdate().isoformat()
    conditions = (
        *whose,
        Condition("first_on", "lte", today),
        Condition("last_on", "gte", today),
        Condition("product", "empty", "1"),
    )
    lines = figures.of_view(actor, View(conditions=conditions), 12)
    if not lines:
        return None
    lines.sort(key=lambda line: (line.whose.measure != "won_amount", ORDER[_period(line)]))
    first, rest = lines[0], lines[1:]
    return {
        "kind": "target",
        "title": _("Target: %(name)s") % {"name": first.name},
        "url": "/targets/",
        "percent": round(first.percent or 0),
        "label": said(first),
        "lines": [*detail(first), *(_longer(line) for line in rest[:3])],
        "width": "half",
    }


def _whose(actor: Actor, shown: str) -> tuple[Condition, ...] | None:
    if shown == Role.Home.SELLER:
        return (Condition("level", "eq", Target.Level.PERSON), Condition("owner", "eq", "me"))
    if shown == Role.Home.MANAGER and actor.user.department_id:
        unit = Condition("unit", "eq", str(actor.user.department_id))
        return (Condition("level", "eq", Target.Level.DEPARTMENT), unit)
    if shown == Role.Home.EXECUTIVE:
        return (Condition("level", "eq", Target.Level.FIRM),)
    return None


def _period(line: Line) -> str:
    days = (line.whose.last - line.whose.first).days
    return "month" if days < 32 else "quarter" if days < 100 else "year"


def shown(value: Decimal | None, measure: str) -> Any:
    """A value in the unit of its measure."""
    if value is None:
        return "—"
    return yuan(value) if figures.is_money(measure) else number(int(value))


def rate(percent: float | None) -> str:
    """48.3%, or a dash."""
    return "—" if percent is None else f"{percent:g}%"


def said(line: Line) -> str:
    """How the time and the target stand, in one sentence."""
    values = {"time": rate(line.time), "done": rate(line.percent)}
    return _("%(time)s of the working days are over, %(done)s of the target is done") % values


def detail(line: Line) -> list[dict[str, Any]]:
    """Target, done, gap, time, and what may still come."""
    key = line.whose.measure
    behind = line.percent is not None and line.percent < line.time
    found: list[dict[str, Any]] = [
        {"label": _("Target"), "value": shown(line.value, key), "url": f"/target/{line.id}"},
        {"label": _("Done"), "value": shown(line.reached, key), "url": link(line.done)},
        {"label": _("Gap"), "value": shown(line.gap, key)},
        {"label": _("Time passed"), "value": rate(line.time), "tone": "late" if behind else ""},
    ]
    if line.ahead is not None:
        label = _("Pipeline, weighted") if figures.is_money(key) else _("Open deals expected")
        found.append({"label": label, "value": shown(line.ahead["value"], key), "url": link(line.ahead)})
    return found


def _longer(line: Line) -> dict[str, Any]:
    """A longer period in one line: the target and its rate, opening the target."""
    value = Markup("{} · {}").format(shown(line.value, line.whose.measure), rate(line.percent))
    kind = "" if figures.is_money(line.whose.measure) else f" · {line.measure.label}"
    return {"label": line.name.rpartition(" ")[2] + kind, "value": value, "url": f"/target/{line.id}"}
