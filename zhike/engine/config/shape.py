"""The form of a configuration document: which tables it has, which entries they take, and how much of each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from zhike.engine.custom import KEPT

from .checking import TONES, Check

SECTIONS = ("fields", "objects", "choices", "layouts", "numbers", "pipelines", "views", "tags")
FIELD_ENTRIES = (
    "kind",
    "labels",
    "help",
    "default",
    "required",
    "required_at",
    "visible_if",
    "unique",
    "indexed",
    "search",
    "choices",
    "target",
    "rollup",
    "formula",
    "privacy",
    "retired",
)
FLAGS = ("required", "unique", "indexed", "search", "retired")
OBJECT_ENTRIES = ("labels", "plural", "icon", "number", "via", "search", "title", "like", "retired")
MEASURES = ("count", "sum", "avg", "min", "max", "last")
PARTS = ("form", "list", "card", "quick", "facts", "filters")
CHOICE_KEY = re.compile(r"[a-z0-9][a-z0-9_\-]{0,39}")
NUMBER = re.compile(r"[^%\x00-\x1f]{0,12}%(0?[1-9]?)d[^%\x00-\x1f]{0,8}")
FIELDS_EACH, OBJECTS, CHOICES_EACH = 200, 40, 300


def check(found: Check, document: Any) -> None:
    """Everything that can be said of a document without knowing the installation."""
    top = found.table("", document, (*SECTIONS, "base"))
    for entity, fields in found.table("fields", top.get("fields", {})).items():
        for key, field in found.table(f"fields.{entity}", fields, most=FIELDS_EACH).items():
            _field(found, f"fields.{entity}.{key}", key, field)
    for key, item in found.table("objects", top.get("objects", {}), most=OBJECTS).items():
        _object(found, f"objects.{key}", key, item)
    for place, choices in found.table("choices", top.get("choices", {})).items():
        _choices(found, f"choices.{place}", choices)
    for entity, parts in found.table("layouts", top.get("layouts", {})).items():
        _layout(found, f"layouts.{entity}", parts)
    for entity, pattern in found.table("numbers", top.get("numbers", {})).items():
        _number(found, f"numbers.{entity}", pattern)
    _rows(found, top)


def _field(found: Check, path: str, key: str, value: Any) -> None:
    found.key(path, key)
    said = found.table(path, value, FIELD_ENTRIES)
    found.one_of(f"{path}.kind", said.get("kind"), KEPT)
    found.labels(f"{path}.labels", said.get("labels", {}))
    if "help" in said:
        found.labels(f"{path}.help", said["help"], 300, need=False)
    for flag in FLAGS:
        if flag in said:
            found.flag(f"{path}.{flag}", said[flag])
    for n, stage in enumerate(found.items(f"{path}.required_at", said.get("required_at", []), 30)):
        found.text(f"{path}.required_at.{n}", stage, 40, need=True)
    conditions(found, f"{path}.visible_if", said.get("visible_if", []))
    if "choices" in said:
        _choices(found, f"{path}.choices", said["choices"])
    if "target" in said:
        found.text(f"{path}.target", said["target"], 40, need=True)
    if "formula" in said:
        found.text(f"{path}.formula", said["formula"], 2000, need=True)
    if "privacy" in said:
        found.one_of(f"{path}.privacy", said["privacy"], ("public", "internal", "personal", "sensitive"))
    if "rollup" in said:
        _rollup(found, f"{path}.rollup", said["rollup"])


def _rollup(found: Check, path: str, value: Any) -> None:
    said = found.table(path, value, ("entity", "by", "measure", "field", "where", "everything", "stored"))
    for name in ("entity", "by"):
        found.text(f"{path}.{name}", said.get(name), 40, need=True)
    measure = found.one_of(f"{path}.measure", said.get("measure"), MEASURES)
    if measure and measure != "count":
        found.text(f"{path}.field", said.get("field"), 40, need=True)
    conditions(found, f"{path}.where", said.get("where", []))
    for flag in ("everything", "stored"):
        if flag in said:
            found.flag(f"{path}.{flag}", said[flag])


def conditions(found: Check, path: str, value: Any) -> None:
    """A list of conditions of the one filter language, each a list that begins with a word."""
    for n, item in enumerate(found.items(path, value, 20)):
        if not isinstance(item, list) or not item or not isinstance(item[0], str):
            found.wrong(f"{path}.{n}", _('A condition is a list such as ["tier", "eq", "A"].'))


def _choices(found: Check, path: str, value: Any) -> None:
    seen: set[str] = set()
    for n, item in enumerate(found.items(path, value, CHOICES_EACH)):
        here = f"{path}.{n}"
        said = found.table(here, item, ("key", "labels", "tone", "retired"))
        key = said.get("key")
        if not isinstance(key, str) or not CHOICE_KEY.fullmatch(key):
            found.wrong(f"{here}.key", _("A key has small letters, digits, - and _, 40 characters at most."))
        elif key in seen:
            found.wrong(f"{here}.key", _("“%(key)s” stands here twice.") % {"key": key})
        else:
            seen.add(key)
        found.labels(f"{here}.labels", said.get("labels", {}))
        if "tone" in said:
            found.one_of(f"{here}.tone", said["tone"], TONES)
        if "retired" in said:
            found.flag(f"{here}.retired", said["retired"])


def _object(found: Check, path: str, key: str, value: Any) -> None:
    found.key(path, key)
    said = found.table(path, value, OBJECT_ENTRIES)
    found.labels(f"{path}.labels", said.get("labels", {}))
    if "plural" in said:
        found.labels(f"{path}.plural", said["plural"], need=False)
    if "icon" in said and not re.fullmatch(r"[a-z0-9\-]{1,40}", found.text(f"{path}.icon", said["icon"]) or "?"):
        found.wrong(f"{path}.icon", _("There is no such icon."))
    if "number" in said:
        _number(found, f"{path}.number", said["number"])
    if "retired" in said:
        found.flag(f"{path}.retired", said["retired"])
    for name in ("via", "search"):
        for n, item in enumerate(found.items(f"{path}.{name}", said.get(name, []), 10)):
            found.text(f"{path}.{name}.{n}", item, 40, need=True)
    for name in ("title", "like"):
        if name in said:
            found.text(f"{path}.{name}", said[name], 40, need=True)


def _layout(found: Check, path: str, value: Any) -> None:
    for part, versions in found.table(path, value, PARTS).items():
        for who, content in found.table(f"{path}.{part}", versions, most=100).items():
            here = f"{path}.{part}.{who}" if who else f"{path}.{part}"
            if not re.fullmatch(r"|phone|role:[a-z0-9_\-]{1,40}", who):
                found.wrong(here, _('A layout is for everybody (""), for a role (role:key) or for phones (phone).'))
            if part == "form":
                _sections(found, here, content)
            else:
                _keys(found, here, content)


def _sections(found: Check, path: str, value: Any) -> None:
    for n, item in enumerate(found.items(path, value, 40)):
        said = found.table(f"{path}.{n}", item, ("labels", "keys", "folded"))
        found.labels(f"{path}.{n}.labels", said.get("labels", {}), need=False)
        _keys(found, f"{path}.{n}.keys", said.get("keys", []))
        if "folded" in said:
            found.flag(f"{path}.{n}.folded", said["folded"])


def _keys(found: Check, path: str, value: Any) -> None:
    seen: set[str] = set()
    for n, key in enumerate(found.items(path, value, FIELDS_EACH)):
        if found.text(f"{path}.{n}", key, 60, need=True) in seen:
            found.wrong(f"{path}.{n}", _("“%(key)s” stands here twice.") % {"key": key})
        seen.add(str(key))


def _number(found: Check, path: str, pattern: Any) -> None:
    if not isinstance(pattern, str) or not NUMBER.fullmatch(pattern):
        found.wrong(path, _("A number has one place for the digits, such as C%%06d: a C and six digits.") % {})


def _rows(found: Check, top: Mapping[str, Any]) -> None:
    """Pipelines, shared views and tags; what they mean is checked where their rows are written."""
    for entity, pipelines in found.table("pipelines", top.get("pipelines", {})).items():
        for key, item in found.table(f"pipelines.{entity}", pipelines, most=50).items():
            _pipeline(found, f"pipelines.{entity}.{key}", item)
    for entity, views in found.table("views", top.get("views", {})).items():
        for key, item in found.table(f"views.{entity}", views, most=300).items():
            here = f"views.{entity}.{key}"
            said = found.table(here, item, ("labels", "query", "order", "roles", "default"))
            found.labels(f"{here}.labels", said.get("labels", {}), 120)
            found.table(f"{here}.query", said.get("query", {}))
    for name, item in found.table("tags", top.get("tags", {}), most=2000).items():
        said = found.table(f"tags.{name}", item, ("tone",))
        found.text(f"tags.{name}", name, 40, need=True)
        if "tone" in said:
            found.one_of(f"tags.{name}.tone", said["tone"], TONES)


def _pipeline(found: Check, path: str, value: Any) -> None:
    said = found.table(path, value, ("labels", "is_default", "stages", "moves"))
    for gone, heir in found.table(f"{path}.moves", said.get("moves", {})).items():
        found.text(f"{path}.moves.{gone}", heir, 40, need=True)
    found.labels(f"{path}.labels", said.get("labels", {}))
    if "is_default" in said:
        found.flag(f"{path}.is_default", said["is_default"])
    entries = ("key", "labels", "status", "win_percent", "days_allowed", "required_fields", "tone")
    for n, item in enumerate(found.items(f"{path}.stages", said.get("stages", []), 40)):
        here = f"{path}.stages.{n}"
        stage = found.table(here, item, entries)
        found.text(f"{here}.key", stage.get("key"), 40, need=True)
        found.labels(f"{here}.labels", stage.get("labels", {}))
        found.one_of(f"{here}.status", stage.get("status"), ("open", "won", "lost"))
        if "tone" in stage:
            found.one_of(f"{here}.tone", stage["tone"], TONES)
        if "days_allowed" in stage:
            found.whole(f"{here}.days_allowed", stage["days_allowed"], 1, 3650)
        for m, key in enumerate(found.items(f"{here}.required_fields", stage.get("required_fields", []), 60)):
            found.text(f"{here}.required_fields.{m}", key, 60, need=True)
