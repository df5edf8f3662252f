"""A target split into those of people, departments or months: evenly or by hand, with the sum against the whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext
from django.views.decorators.http import require_http_methods

from zhike.base import amount
from zhike.base.models import Department
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid
from zhike.modules.targets import figures, people, services
from zhike.modules.targets.entities import TARGET
from zhike.modules.targets.models import Target
from zhike.web.editing import go
from zhike.web.templating import actor_of, render

from .home import shown

Level, Period = Target.Level, Target.Period


@dataclass(frozen=True)
class Part:
    """One part of a split: what stands before its field, and the target that it becomes."""

    key: str
    label: str
    wanted: Mapping[str, Any]


@login_required
@require_http_methods(["GET", "POST"])
def page(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Values for the parts; POST adds them up, shares them out evenly (`even`) or saves them (`save`)."""
    actor = actor_of(request)
    values = query.record(actor, TARGET, pk, "update").rows[0].values
    ways = ways_of(values)
    asked = request.GET.get("by", "")
    by = asked if asked in ways else next(iter(ways), "")
    parts = parts_of(actor, values, by)
    given = _posted(request, parts)
    if request.method == "GET":
        given = _there(actor, parts) or _even(values, parts)
    elif request.POST.get("do") == "even":
        given = _even(values, parts)
    errors: dict[str, str] = {p.key: _("Enter an amount.") for p in parts if given.get(p.key) is None}
    if request.POST.get("do") == "save" and not errors:
        try:
            n = services.put(actor, [{**p.wanted, "value": given[p.key]} for p in parts])
        except Invalid as invalid:
            texts = [w.text for row in invalid.rows for found in row.values() for w in found]
            errors[""] = " ".join(dict.fromkeys(texts))
        else:
            request.session["toast"] = ngettext("%(n)s target saved.", "%(n)s targets saved.", n) % {"n": n}
            return go(request, f"/targets/?measure={values['measure']}")
    context = _context(values, by, ways, parts, given, errors)
    context |= {"pk": pk, "url": f"/targets/{pk}/split?by={by}"}
    return render(request, "targets/split.html", context, status=422 if errors else 200, blocks={"split": "split"})


def ways_of(values: Mapping[str, Any]) -> dict[str, str]:
    """How a target can be split."""
    found = {}
    if values["level"] != Level.PERSON:
        found = {"people": _("To people"), "departments": _("To departments")}
    return found | ({"months": _("To months")} if values["period"] != Period.MONTH else {})


def parts_of(actor: Actor, values: Mapping[str, Any], by: str) -> list[Part]:
    """The parts of a split with the targets that they become."""
    same = {k: values[k] for k in ("period", "first_on", "measure", "product")}
    unit = Department.objects.filter(pk=values["unit"]).first() if values["unit"] else None
    if by == "people":
        staff = people.sellers(actor, unit)
        return [Part(str(p.pk), p.name, {**same, "level": Level.PERSON, "owner": p.pk}) for p in staff]
    if by == "departments":
        below = people.units(actor, unit)
        return [Part(str(d.pk), d.name, {**same, "level": Level.DEPARTMENT, "unit": d.pk}) for d in below]
    if by != "months":
        return []
    whose = {k: values[k] for k in ("level", "owner", "unit", "measure", "product")}
    months = services.months_of(values["first_on"], values["last_on"])
    return [
        Part(m.isoformat(), services.when(Period.MONTH, m), {**whose, "period": Period.MONTH, "first_on": m})
        for m in months
    ]


def _posted(request: HttpRequest, parts: Sequence[Part]) -> dict[str, Decimal | None]:
    return {p.key: _read(request.POST.get(f"part-{p.key}", "")) for p in parts}


def _read(text: str) -> Decimal | None:
    """An amount as people type it; nothing typed is nothing to reach."""
    if not text.strip():
        return Decimal(0)
    found = amount.parse(text.strip()[:40])
    return found.quantize(services.CENT) if found is not None and 0 <= found < 10**15 else None


def _there(actor: Actor, parts: Sequence[Part]) -> dict[str, Decimal | None]:
    """The values of the parts that are set already; {} without any."""
    starts: set[dt.date] = {p.wanted["first_on"] for p in parts}
    rows = query.visible(actor, TARGET).filter(first_on__in=starts)
    keys = ("level", "owner_id", "unit_id", "product_id", "period", "first_on", "measure")
    there = {services.identity(*(getattr(t, key) for key in keys)): t for t in rows}
    found = {p.key: there.get(services.identity_of(p.wanted)) for p in parts}
    if not any(found.values()):
        return {}
    return {key: target.value if target else Decimal(0) for key, target in found.items()}


def _even(values: Mapping[str, Any], parts: Sequence[Part]) -> dict[str, Decimal | None]:
    if not parts:
        return {}
    step = services.CENT if figures.is_money(values["measure"]) else Decimal(1)
    return dict(zip((p.key for p in parts), services.even(values["value"], len(parts), step=step), strict=True))


def _context(
    values: Mapping[str, Any],
    by: str,
    ways: Mapping[str, str],
    parts: Sequence[Part],
    given: Mapping[str, Decimal | None],
    errors: Mapping[str, str],
) -> dict[str, Any]:
    whole, measure = values["value"], values["measure"]
    total = sum((v for v in given.values() if v is not None), Decimal(0))
    return {
        "title": _("Split: %(name)s") % {"name": values["name"]},
        "trail": [{"label": _("Targets"), "url": "/targets/"}],
        "ways": [{"label": label, "url": f"?by={key}", "active": key == by} for key, label in ways.items()],
        "parts": [
            {"key": p.key, "label": p.label, "value": _typed(given.get(p.key)), "error": errors.get(p.key, "")}
            for p in parts
        ],
        "error": errors.get("", ""),
        "sums": [
            {"label": pgettext("target", "Target"), "value": shown(whole, measure)},
            {"label": _("Sum of the parts"), "value": shown(total, measure)},
            {"label": _("Difference"), "value": shown(whole - total, measure), "late": whole != total},
        ],
    }


def _typed(value: Decimal | None) -> str:
    return "" if value is None else f"{value:f}".rstrip("0").rstrip(".") if "." in f"{value:f}" else f"{value:f}"
