"""The form of one field: what a post says, and what the page shows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _

from zhike.engine import formula
from zhike.engine.config import rows as config_rows
from zhike.engine.config.convert import WAYS
from zhike.engine.config.shape import MEASURES
from zhike.engine.config.uses import named
from zhike.engine.custom import KEPT
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Wrong
from zhike.engine.formula.check import FREE
from zhike.engine.labels import localized
from zhike.engine.stages import current, of

from . import config_common as common
from .access_pages_roles import json_text, operators
from .config_words import ICONS, USUAL, kinds, measures, privacy, sort_of, tones

BLANK = 2
FLAGS = ("required", "unique", "indexed", "search", "retired")


def posted(request: HttpRequest, entity: AnyEntity, before: Mapping[str, Any]) -> dict[str, Any]:
    """What the form says about a field; entries that say nothing are left out."""
    post = request.POST
    sort = post.get("kind") or sort_of(before) or "text"
    found: dict[str, Any] = {"kind": sort, "labels": common.labels_of(request, "label")}
    found |= {"formula": post.get("formula", "").strip()} if sort == "formula" else {}
    if sort == "formula":
        found["kind"] = post.get("result") or result(entity, found["formula"])
    if sort == "rollup":
        found |= _rollup(post)
    for name, value in (
        ("help", common.labels_of(request, "help")),
        ("privacy", post.get("privacy", "")),
        ("target", post.get("target", "") if sort in ("link", "links") else ""),
        ("choices", _choices(post, before) if sort in ("choice", "multichoice") else []),
        ("default", _default(sort, post.get("default", "").strip())),
        ("required_at", post.getlist("required_at")),
        ("visible_if", conditions(post, "v")),
        *((flag, post.get(flag) == "1") for flag in FLAGS),
    ):
        if value:
            found[name] = value
    return found


def result(entity: AnyEntity, text: str) -> str:
    """The kind that shows what a formula gives; a number where it makes no sense yet."""
    try:
        return FREE[formula.check(entity, text).type]
    except Wrong:
        return "decimal"


def _default(kind: str, text: str) -> Any:
    if not text:
        return None
    if kind == "boolean":
        return text == "1"
    if kind == "integer" and text.lstrip("-").isdecimal():
        return int(text)
    if kind == "multichoice":
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _rollup(post: QueryDict) -> dict[str, Any]:
    entity, _dot, by = post.get("rollup_of", "").partition(".")
    found: dict[str, Any] = {"entity": entity, "by": by, "measure": post.get("measure", "count")}
    if post.get("rollup_field") and found["measure"] != "count":
        found["field"] = post.get("rollup_field", "").rpartition(".")[2]
    if where := conditions(post, "r"):
        found["where"] = where
    rolled = entities()[entity].attributes.get(found.get("field", "")) if entity in entities() else None
    found |= {flag: True for flag in ("everything", "stored") if post.get(f"rollup_{flag}") == "1"}
    kind = "integer" if found["measure"] == "count" else rolled.kind.key if rolled else "decimal"
    if found["measure"] == "avg" and kind not in ("money", "percent"):
        kind = "decimal"
    return {"rollup": found, "kind": kind}


def conditions(post: QueryDict, prefix: str) -> list[list[Any]]:
    """Rows of field, operator and value."""
    columns = [post.getlist(f"{prefix}-{name}") for name in ("field", "op", "value")]
    return [[k, op or "eq", value.strip()] for k, op, value in zip(*columns, strict=False) if k]


def _choices(post: QueryDict, before: Mapping[str, Any]) -> list[dict[str, Any]]:
    if "choices_text" in post:
        return from_text(post.get("choices_text", ""))
    return choices(post)


def from_text(text: str) -> list[dict[str, Any]]:
    """One entry a line, in the reader's language; colours in turn."""
    lang, taken, found = common.languages()[0]["code"], set[str](), []
    names = [line.strip() for line in text.splitlines() if line.strip()]
    shades = [t for t in tones() if t != "red"]
    for n, name in enumerate(dict.fromkeys(names)):
        key = config_rows.slug(name, taken)
        taken.add(key)
        found.append({"key": key, "labels": {lang: name}, "tone": shades[(n + 1) % len(shades)]})
    return found


def choices(post: QueryDict) -> list[dict[str, Any]]:
    """The rows of the editor, in their order; a new one gets a key from its name."""
    found, rows = [], [r for r in post.getlist("row") if r.isalnum()]
    taken = {post.get(f"{r}-id", "") for r in rows}
    for r in rows:
        labels = {x["code"]: post.get(f"{r}-label-{x['code']}", "").strip() for x in common.languages()}
        labels = {k: v for k, v in labels.items() if v}
        key = post.get(f"{r}-id", "")
        if post.get(f"{r}-remove") == "1" or (not labels and not key):
            continue
        if not key:
            key = config_rows.slug(labels.get("en") or localized(labels), taken)
            taken.add(key)
        one: dict[str, Any] = {"key": key, "labels": labels}
        one |= {"tone": post[f"{r}-tone"]} if post.get(f"{r}-tone") else {}
        one |= {"retired": True} if post.get(f"{r}-retired") == "1" else {}
        found.append(one)
    return found


def choice_rows(said: Any) -> list[dict[str, Any]]:
    """Rows for the editor of a list."""
    return [
        {
            "key": c["key"],
            "labels": dict(c["labels"]),
            "tone": c.get("tone", "neutral"),
            "retired": bool(c.get("retired")),
        }
        for c in said
    ]


def context(entity: AnyEntity, key: str, said: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """What the page of one field shows; `texts` are errors by entry."""
    sort, new = sort_of(said), not key
    offered = [*KEPT, "rollup", "formula"] if new else [sort, *_ways(sort, said)]
    names = kinds()
    listed = [{"value": k, "label": names[k], "icon": ICONS[k], "on": k == sort} for k in offered]
    return {
        "labels": common.label_fields(
            "label", _("Name"), said.get("labels", {}), required=True, error=texts.get("labels", "")
        ),
        "helps": [
            {**f, "maxlength": 300}
            for f in common.label_fields("help", _("Why do we ask?"), said.get("help", {}), required=False)
        ],
        "usual": [k for u in USUAL for k in listed if k["value"] == u],
        "further": [k for k in listed if k["value"] not in USUAL],
        "kinds": listed,
        "sort": sort,
        "said": {
            **{f: bool(said.get(f)) for f in FLAGS},
            "default": _shown(said.get("default")),
            "formula": said.get("formula", ""),
        },
        "default_options": [
            {"value": c["key"], "label": localized(c["labels"])}
            for c in said.get("choices", ())
            if not c.get("retired")
        ],
        "targets": [{"value": e.key, "label": e.label} for e in entities().values() if e.takes_fields],
        "target": said.get("target", "account"),
        "choices": choice_rows(said.get("choices", ())),
        "choices_text": "\n".join(localized(c["labels"]) for c in said.get("choices", ())),
        "tones": [{"value": k, "label": v} for k, v in tones().items()],
        "languages": common.languages(),
        "classes": [{"value": k, "label": v} for k, v in privacy().items()],
        "privacy": said.get("privacy", ""),
        "stages": stages(entity, said),
        "operators": [{"value": op, "label": label} for op, label in operators().items()],
        "all_fields": fields_of(entity),
        "visible": _lines(said.get("visible_if", [])),
        "texts": texts,
        **_rollup_context(entity, said),
    }


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "1" if value else ""
    return json_text(value)


def _ways(sort: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    return () if sort in ("formula", "rollup") else tuple(WAYS.get(str(said.get("kind")), ()))


def _lines(rows: Any) -> list[dict[str, str]]:
    """Conditions as rows of the form; what the form cannot show (groups, links) stays as JSON in the value."""
    found = [
        {"field": str(r[0]), "op": str(r[1]), "value": json_text(r[2])}
        if len(r) == 3 and isinstance(r[1], str)
        else {"field": "", "op": "", "value": json.dumps(r)}
        for r in rows
    ]
    return [*found, *({"field": "", "op": "", "value": ""} for _n in range(BLANK))]


def fields_of(entity: AnyEntity) -> list[dict[str, str]]:
    """The fields of an object for a choice."""
    return [{"value": k, "label": str(a.label)} for k, a in entity.attributes.items() if not a.unseen]


def stages(entity: AnyEntity, said: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The stages at which a field can be required."""
    if not entity.is_staged:
        return []
    found = {s.key: str(s) for p in current(entity) for s in of(p.pk)}
    return [{"value": k, "label": v, "on": k in said.get("required_at", ())} for k, v in found.items()]


def _rollup_context(entity: AnyEntity, said: Mapping[str, Any]) -> dict[str, Any]:
    rolled = said.get("rollup", {})
    ways, fields = [], []
    for other in entities().values():
        mine = [(k, a) for k, a in other.attributes.items() if a.target == entity.key and a.kind.key == "link"]
        for k, a in mine:
            ways.append({"value": f"{other.key}.{k}", "label": f"{other.plural} · {a.label}"})
        if mine:
            options = [
                {"value": f"{other.key}.{k}", "label": str(a.label)}
                for k, a in other.attributes.items()
                if a.kind.key in ("integer", "decimal", "money", "percent", "date", "datetime", "choice", "text")
                and not a.unseen
            ]
            fields.append({"group": str(other.plural), "options": options})
    here = f"{rolled.get('entity')}.{rolled.get('field', '')}"
    return {
        "ways": ways,
        "way": f"{rolled['entity']}.{rolled['by']}" if rolled else "",
        "measures": [{"value": m, "label": measures()[m]} for m in MEASURES],
        "measure": rolled.get("measure", "count"),
        "everything": bool(rolled.get("everything")),
        "stored": bool(rolled.get("stored")),
        "rollup_fields": fields,
        "rollup_field": here,
        "rollup_lines": _lines(rolled.get("where", [])),
        "rollup_all": _all_fields(ways),
        "results": [
            {"value": k, "label": kinds()[k]}
            for k in ("decimal", "integer", "money", "percent", "text", "boolean", "date")
        ],
        "result": said.get("kind", "") if said.get("formula") else "",
        "named": sorted(named(rolled.get("where"))),
    }


def _all_fields(ways: list[dict[str, str]]) -> list[dict[str, Any]]:
    """The fields of every object that leads here, in groups."""
    keys = list(dict.fromkeys(w["value"].partition(".")[0] for w in ways))
    return [{"group": str(entities()[k].plural), "options": fields_of(entities()[k])} for k in keys]
