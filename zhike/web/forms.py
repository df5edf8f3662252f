"""Forms from attributes: fields as ui/forms.html draws them, and what a post means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from zhike.base import industries, regions
from zhike.base.i18n import language
from zhike.engine import access, fieldrules, layouts, query, stages, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Errors, Invalid
from zhike.engine.kinds import Attribute, Labels
from zhike.engine.query import Page

from .templating import actor_of

Field = dict[str, Any]
CONTROLS = {
    "text": "text",
    "longtext": "textarea",
    "richtext": "textarea",
    "integer": "integer",
    "decimal": "number",
    "money": "money",
    "percent": "percent",
    "boolean": "checkbox",
    "date": "date",
    "datetime": "datetime",
    "choice": "select",
    "multichoice": "multi",
    "link": "combo",
    "links": "multicombo",
    "user": "combo",
    "department": "combo",
    "email": "email",
    "phone": "tel",
    "reach": "text",
    "identity": "text",
    "url": "url",
    "address": "text",
    "file": "file",
    "stage": "select",
    "region": "combo",
    "industry": "combo",
    "json": "hidden",
}
REFUSED = "zhike_refused_files"
CHIPS = {"lost_reason", "won_reason"}  # few choices that are asked for in a hurry


def field(
    entity: AnyEntity,
    a: Attribute,
    value: Any,
    labels: Labels,
    *,
    actor: Actor,
    error: str = "",
    raw: str | None = None,
) -> Field:
    """One field. `raw` is what the user typed, kept when it was refused."""
    shown = a.kind.form_value(a, value, labels) if raw is None else raw
    found: Field = {
        "name": a.key,
        "label": a.label,
        "kind": CONTROLS[a.kind.key],
        "value": shown,
        "required": a.required,
        "help": a.help,
        "error": error,
        "maxlength": a.max_length if a.kind.key in ("text", "email", "url") else None,
        "wide": a.kind.key in ("longtext", "richtext", "address", "multichoice"),
    }
    if a.kind.key == "boolean":
        found["value"] = bool(shown)
    elif a.choices:
        held = set(value if isinstance(value, list) else [value])
        found["options"] = [{"value": k, "label": label} for k, label in a.choices if k not in a.retired or k in held]
        if a.kind.key == "multichoice":
            found["value"] = [part for part in shown.split(",") if part]
        elif a.key in CHIPS:
            found |= {"kind": "chips", "wide": True}
    elif a.key in ("stage", "pipeline") and entity.is_staged:
        found |= {"kind": "select", "options": _stage_options(entity, a)}
    elif a.is_link:
        found |= _link(actor, a, shown, labels)
    elif a.kind.key in ("region", "industry"):
        found |= {
            "options_url": f"/options/{a.kind.key}",
            "text": a.kind.text(a, shown, labels) if _known(a, shown) else shown,
        }
    return found


def _known(a: Attribute, code: str) -> bool:
    return bool((regions if a.kind.key == "region" else industries).find(code)) if code else False


def _link(actor: Actor, a: Attribute, shown: str, labels: Labels) -> Field:
    ids = [UUID(part) for part in shown.split(",") if is_uuid(part)]
    names = {pk: labels[a.target, pk] for pk in ids if (a.target, pk) in labels}
    names |= query.names(actor, a.target, [pk for pk in ids if pk not in names])
    if a.kind.key == "links":
        return {
            "options_url": f"/{a.target}/options",
            "value": [{"value": str(pk), "label": names.get(pk, "")} for pk in ids],
        }
    text = names.get(ids[0], "") if ids else ""
    return (
        {"held": shown, "text": text} if a.kind.key == "file" else {"options_url": f"/{a.target}/options", "text": text}
    )


def is_uuid(text: str) -> bool:
    """Whether a text is a record id."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _stage_options(entity: AnyEntity, a: Attribute) -> list[dict[str, Any]]:
    pipelines = stages.current(entity)
    if a.key == "pipeline":
        return [{"value": str(p.pk), "label": str(p)} for p in pipelines]
    return [
        {"group": str(p), "options": [{"value": str(s.pk), "label": str(s)} for s in stages.of(p.pk)]}
        for p in pipelines
    ]


def fields(
    actor: Actor,
    entity: AnyEntity,
    keys: Iterable[str],
    *,
    page: Page | None = None,
    data: Mapping[str, str] | None = None,
    errors: Errors | None = None,
) -> list[Field]:
    """Fields in `keys` that the actor may write, with the record's values or what was posted."""
    allowed = access.writable(actor, entity)
    values = page.rows[0].values if page else defaults(actor, entity)
    labels = page.labels if page else {}
    texts = {k: " ".join(w.text for w in found) for k, found in (errors or {}).items()}
    found = [
        field(
            entity,
            allowed[k],
            values.get(k),
            labels,
            actor=actor,
            error=texts.get(k, ""),
            raw=data.get(k) if data is not None else None,
        )
        for k in keys
        if k in allowed
    ]
    for one in found:
        if said := allowed[one["name"]].visible_if:
            shown = fieldrules.is_shown(allowed[one["name"]], entity.attributes, values.get)
            one |= {"shown_if": said, "absent": not shown and not one["error"]}
    return found


def defaults(actor: Actor, entity: AnyEntity) -> dict[str, Any]:
    """What a new record starts with; its owner is who makes it."""
    blank = entity.make()
    found = {k: a.read(blank) for k, a in entity.attributes.items() if a.stored and a.editable}
    made = [a for a in entity.attributes.values() if a.custom and a.default is not None]
    found |= {a.key: fieldrules.default(a, actor) for a in made}
    if entity.has_owner:
        found["owner"] = actor.user.pk
    if entity.is_staged and (pipelines := stages.current(entity)):
        found["pipeline"] = pipelines[0].pk
        found["stage"] = next((s.pk for s in stages.of(pipelines[0].pk)), None)
    return found


def sections(
    actor: Actor,
    entity: AnyEntity,
    *,
    page: Page | None = None,
    data: Mapping[str, str] | None = None,
    errors: Errors | None = None,
) -> list[dict[str, Any]]:
    """The whole form in its sections."""
    found = []
    shown = set(shown_keys(actor, entity))
    for s in layouts.of(actor, entity).sections:
        inside = fields(actor, entity, [k for k in s.keys if k in shown], page=page, data=data, errors=errors)
        if inside:
            found.append({"title": s.title, "fields": inside, "folded": s.folded})
    return found


def posted(request: HttpRequest, entity: AnyEntity, keys: Iterable[str]) -> dict[str, str]:
    """The raw values of a post for the fields that the form showed. Files are kept at once; `refused` has what was not.

    Browsers send nothing for a checkbox that is off or a list without entries: those count as emptied.
    """
    data: QueryDict = request.POST
    found: dict[str, str] = {}
    for key in keys:
        if (a := entity.attributes.get(key)) is None:
            continue
        if a.kind.key in ("multichoice", "links"):
            found[key] = ",".join(v for v in data.getlist(key) if v)
        elif a.kind.key == "file":
            found |= _file(request, key)
        elif key in data:
            found[key] = str(data[key])
        elif a.kind.key == "boolean":
            found[key] = ""
    return found


def _file(request: HttpRequest, key: str) -> dict[str, str]:
    """The id of the file that came for a field, else of the one that it held; what was refused is told by `refused`."""
    upload, held = request.FILES.get(key), request.POST.get(f"{key}-held")
    if upload is not None:
        try:
            return {key: str(uploads.keep(actor_of(request), upload).pk)}
        except Invalid as invalid:
            request.__dict__.setdefault(REFUSED, {})[key] = invalid.first["file"]
    if held is None:
        return {}  # no form of ours: what is there stays
    return {key: "" if request.POST.get(f"{key}-drop") == "1" else held}


def refused(request: HttpRequest) -> Errors:
    """What was wrong with the files of a post that `posted` has read, by field."""
    return dict(request.__dict__.get(REFUSED, {}))


def changed(entity: AnyEntity, page: Page, data: Mapping[str, str]) -> dict[str, str]:
    """The posted values that differ from what the form showed: what was not touched is not written."""
    row = page.rows[0]
    found = {}
    for key, raw in data.items():
        a = entity.attributes[key]
        if raw.replace("\r\n", "\n") != a.kind.form_value(a, row.values.get(key), page.labels).replace("\r\n", "\n"):
            found[key] = raw
    return found


def is_sure(request: HttpRequest) -> bool:
    """Whether the person was told of what is there already, and saves all the same."""
    return request.POST.get("confirmed") == "1"


def version(request: HttpRequest) -> int | None:
    """The version that the form was made from."""
    raw = request.POST.get("version", "")
    return int(raw) if raw.isdecimal() and len(raw) < 10 else None


def summary(errors: Errors, entity: AnyEntity) -> list[dict[str, Any]]:
    """All errors in a line each, for the summary above a form."""
    found = []
    for key, wrongs in errors.items():
        label = entity.attributes[key].label if key in entity.attributes else _("Record")
        found += [{"name": key if key in entity.attributes else "", "label": label, "text": w.text} for w in wrongs]
    return found


def shown_keys(actor: Actor, entity: AnyEntity, *, quick: bool = False) -> list[str]:
    """The keys of the fields on a form: what a post is read for."""
    allowed = access.writable(actor, entity)
    hidden = {"pipeline"} if entity.is_staged and len(stages.current(entity)) == 1 else set()
    layout = layouts.of(actor, entity)
    keys: Sequence[str] = layout.quick if quick and layout.quick else layout.keys
    return [k for k in keys if k in allowed and k not in hidden]


def tree_options(kind: str, term: str) -> list[dict[str, str]]:
    """Options of a code table: those found, or the top of the tree."""
    tree = regions if kind == "region" else industries
    lang = language()
    codes = tree.search(term, limit=20) if term else tree.children("")
    full = regions.full_name if kind == "region" else industries.name
    return [{"value": c, "label": full(c, lang), "aside": c} for c in codes]
