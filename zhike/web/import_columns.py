"""The page on which a person says what each column of a file is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from zhike.base.i18n import listed
from zhike.engine import layouts, query, transfer
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Errors
from zhike.engine.kinds import Attribute
from zhike.engine.models import Job
from zhike.engine.pools import known as pools
from zhike.engine.tabular import Table
from zhike.engine.tabular.messages import note_message
from zhike.engine.tabular.model import column_letter
from zhike.engine.transfer import Column, Plan
from zhike.engine.transfer.model import NUMBER
from zhike.engine.transfer.planning import SCALES

from . import import_pages
from .listing import entity_info

MOST_OPTIONS = 200
NOTES = 20
SURE = ((0.85, "high"), (0.6, "mid"), (0.0, "low"))


def page(
    actor: Actor, entity: AnyEntity, job: Job, table: Table, errors: Errors, asked: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """What web/import_map.html shows; `asked` are choices that were refused, shown as they were made."""
    plan = transfer.plan_of(job.options["plan"])
    for n, c in enumerate(plan.columns):
        c.field = (asked or {}).get("columns", {}).get(f"#{n}", {}).get("field", c.field)
    base = f"/{entity.key}/import"
    here = f"{base}/{job.pk}"
    allowed = transfer.importable(actor, entity)
    said = {name: " ".join(w.text for w in found) for name, found in errors.items()}
    options = _field_options(entity, allowed)
    if NUMBER in plan.fields():
        label = entity.attributes[NUMBER].label
        options = [{"group": _("Found again by"), "options": [{"value": NUMBER, "label": label}]}, *options]
    return {
        "entity": entity_info(actor, entity),
        "set_url": import_pages.set_url(job),
        "step": 2,
        "file": {"name": job.options.get("name", ""), "about": _about(table)},
        "remembered": bool(job.options.get("remembered")),
        "warnings": _warnings(job, table, plan, allowed),
        "url": f"{here}/check",
        "preview_url": f"{here}/preview",
        "back_url": base,
        "reading": _sheets(table),
        "columns": [_column(actor, entity, n, c, allowed, options, said) for n, c in enumerate(plan.columns)],
        "match": {"fields": _match_fields(actor, entity, plan)},
        "errors": [{"name": _control(plan, name), "label": name, "text": text} for name, text in said.items()],
    }


def _about(table: Table) -> str:
    rows = ngettext("%(n)s row", "%(n)s rows", table.row_count) % {"n": f"{table.row_count:,}"}
    head = _("headings in row %(n)s") % {"n": table.header_row} if table.header_row else ""
    return " · ".join(part for part in (table.encoding or table.kind, table.sheet, head, rows) if part)


def _warnings(job: Job, table: Table, plan: Plan, allowed: Mapping[str, Attribute]) -> list[str]:
    found = []
    if job.state == Job.State.CANCELLED:
        found.append(_("The work was stopped; nothing was written."))
    missing = [str(a.label) for a in allowed.values() if a.required and a.key not in plan.fields()]
    if missing:
        found.append(_("No column feeds %(fields)s, which every record needs.") % {"fields": listed(missing)})
    for n in [n for n in table.notes if not n.refuses][:NOTES]:
        text = str(note_message(n))
        found.append(_("Row %(row)s: %(text)s") % {"row": n.row, "text": text} if n.row else text)
    if refused := len(table.refused_rows()):
        text = ngettext(
            "%(n)s row cannot be read and is left out.", "%(n)s rows cannot be read and are left out.", refused
        )
        found.append(text % {"n": refused})
    return found


def _select(name: str, label: str, options: Sequence[Any], value: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "label": label, "kind": "select", "options": options, "value": value, **more}


def _sheets(table: Table) -> list[dict[str, Any]]:
    if len(table.sheets) < 2:
        return []
    options = [{"value": name, "label": name} for name in table.sheets]
    return [_select("sheet", _("Sheet"), options, table.sheet or "", required=True)]


def _field_options(entity: AnyEntity, allowed: Mapping[str, Attribute]) -> list[dict[str, Any]]:
    """Fields in the groups of the form."""
    groups, seen = [], set()
    for section in layouts.declared(entity).sections:
        keys = [k for k in section.keys if k in allowed and k not in seen]
        seen |= set(keys)
        if keys:
            groups.append({"group": section.title, "options": [{"value": k, "label": allowed[k].label} for k in keys]})
    rest = [{"value": k, "label": a.label} for k, a in allowed.items() if k not in seen]
    return [*groups, {"group": _("Other"), "options": rest}] if rest else groups


def _column(
    actor: Actor,
    entity: AnyEntity,
    n: int,
    c: Column,
    allowed: Mapping[str, Attribute],
    options: Sequence[Any],
    said: Mapping[str, str],
) -> dict[str, Any]:
    a = allowed.get(c.field)
    sure = next(name for least, name in SURE if c.confidence >= least) if a and c.reason != "chosen" else ""
    labels = {"high": _("Sure"), "mid": _("Probably"), "low": _("Please check")}
    control = _select(
        f"col-{n}",
        "",
        options,
        c.field,
        placeholder=_("Do not import"),
        aria_label=_("%(column)s goes to") % {"column": c.header},
        error=said.get(c.header) or said.get(f"#{n}", ""),
    )
    return {
        "index": n,
        "header": c.header,
        "letter": column_letter(c.index),
        "samples": c.samples,
        "control": control,
        "sure": sure,
        "sure_label": labels.get(sure, ""),
        "note": _note(a, c),
        "new_field_url": _new_field(actor, entity, c) if a is None else "",
        "formats": _formats(n, a, c) if a else [],
        "words": _words(actor, n, a, c) if a and c.unknown else None,
    }


def _new_field(actor: Actor, entity: AnyEntity, c: Column) -> str:
    """Where who may configure adds a field for a column that has none."""
    if actor.office not in ("all", "system") or not entity.takes_fields or not c.header:
        return ""
    return f"/settings/objects/{entity.key}/fields/new?{urlencode({'label': c.header})}"


def _note(a: Attribute | None, c: Column) -> str:
    if a is None:
        return ""
    if c.reason == "label":
        return _("The amount behind “%(label)s” in the text.") % {"label": c.part}
    name, place = _("The parts of the name are put together."), _("The parts of the region are put together.")
    notes = {
        **dict.fromkeys(("family", "given", "middle"), name),
        **dict.fromkeys(("province", "city", "district"), place),
        "more": _("Added to the other column of this field."),
    }
    return notes.get(c.part, "")


def _formats(n: int, a: Attribute, c: Column) -> list[dict[str, Any]]:
    """Which of day and month comes first, where the file leaves it open; the unit of amounts."""
    found: list[dict[str, Any]] = []
    if a.kind.key in ("date", "datetime") and (c.ambiguous or c.order):
        options = [{"value": "dmy", "label": _("day/month/year")}, {"value": "mdy", "label": _("month/day/year")}]
        error = "" if c.order else _("Choose what comes first: 03/04/2026 can be read in two ways.")
        found.append(_select(f"order-{n}", _("Dates"), options, c.order, error=error))
    if a.kind.key in ("money", "decimal"):
        units = [("1", "1"), *((str(SCALES[u]), f"{u} ({SCALES[u]:,})") for u in ("千", "万", "百万", "亿"))]
        options = [{"value": value, "label": label} for value, label in units]
        found.append(_select(f"scale-{n}", _("Unit"), options, str(c.scale), required=True))
    return found


def _words(actor: Actor, n: int, a: Attribute, c: Column) -> dict[str, Any] | None:
    """The words of a column that mean nothing yet, each with a choice."""
    if a.is_link and a.target not in query.DIRECTORY:
        return None
    options: Sequence[Any] = [{"value": k, "label": label} for k, label in a.choices]
    if a.is_link:
        found = query.options(actor, get(a.target), "", MOST_OPTIONS)
        options = [{"value": str(pk), "label": name} for pk, name in found]
    fields = []
    for i, (text, count) in enumerate(c.unknown.items()):
        means = _("“%(word)s” means") % {"word": text}
        value = c.words.get(text, "")
        control = _select(f"word-{n}-{i}", "", options, value, placeholder=_("Leave empty"), aria_label=means)
        fields.append({"from": text, "count": count, "control": control})
    return {"fields": fields, "open": any(text not in c.words for text in c.unknown)}


def _match_fields(actor: Actor, entity: AnyEntity, plan: Plan) -> list[dict[str, Any]]:
    modes = [
        {"value": "both", "label": _("Create new records and update those that exist")},
        {"value": "create", "label": _("Only create; leave existing records alone")},
        {"value": "update", "label": _("Only update; create nothing")},
    ]
    fed = plan.fields()
    keys = [key for key in entity.match if set(key) <= fed]
    options = [{"value": ",".join(k), "label": " + ".join(str(entity.attributes[f].label) for f in k)} for k in keys]
    best, only_empty = _("whatever identifies the row best"), _("Only fill fields that are empty")
    return [
        {"name": "mode", "label": _("What may happen"), "kind": "radio", "options": modes, "value": plan.mode},
        _select("match", _("Found again by"), options, ",".join(plan.match), placeholder=best),
        {"name": "empty_only", "label": only_empty, "kind": "checkbox", "value": plan.empty_only},
        {
            "name": "loud",
            "label": _("Tell owners and connected systems, as of any other change"),
            "kind": "checkbox",
            "value": not plan.quiet,
        },
        {
            "name": "leave_doubles",
            "label": _("Leave out rows that look like a record which is there already"),
            "kind": "checkbox",
            "value": plan.leave_doubles,
        },
        *_pool_field(actor, entity, plan),
    ]


def _pool_field(actor: Actor, entity: AnyEntity, plan: Plan) -> list[dict[str, Any]]:
    """Into which pool rows without an owner go, for who keeps one."""
    kept = pools.kept_by(actor, entity)
    options = [{"value": str(k.pool.pk), "label": k.pool.name} for k in kept]
    mine = _("none: what names no owner is mine")
    return [_select("pool", _("Into the pool"), options, plan.pool, placeholder=mine)] if kept else []


def _control(plan: Plan, name: str) -> str:
    return next((f"col-{n}" for n, c in enumerate(plan.columns) if c.header == name or name == f"#{n}"), "")


def mapping(post: QueryDict, plan: Plan) -> dict[str, Any]:
    """What the form of the columns means, as transfer.plan takes it."""
    found = {}
    for n, c in enumerate(plan.columns):
        field = post.get(f"col-{n}", c.field)
        asked: dict[str, Any] = {
            "field": field,
            "order": post.get(f"order-{n}", c.order),
            "scale": post.get(f"scale-{n}", c.scale),
        }
        if field == c.field:
            words = {text: post.get(f"word-{n}-{i}", c.words.get(text, "")) for i, text in enumerate(c.unknown)}
            asked["words"] = {text: word for text, word in words.items() if word}
        found[f"#{n}"] = asked
    match = [k for k in post.get("match", "").split(",") if k]
    return {
        "columns": found,
        "match": match,
        "mode": post.get("mode", plan.mode),
        "empty_only": post.get("empty_only") == "1",
        "quiet": post.get("loud") != "1",
        "leave_doubles": post.get("leave_doubles") == "1",
        "pool": post.get("pool", ""),
    }
