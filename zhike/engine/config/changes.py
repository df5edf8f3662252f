"""What is different between two configurations, entry by entry and in words."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from zhike.base.i18n import listed
from zhike.engine.entity import entities
from zhike.engine.labels import localized

Document = Mapping[str, Any]
ENTRY = {"fields": 3, "objects": 2, "choices": 2, "layouts": 4, "numbers": 2, "pipelines": 3, "views": 3, "tags": 2}


@dataclass(frozen=True)
class Change:
    """One entry that is new, gone or changed: `path` as keys, `what` and `text` in words."""

    path: tuple[str, ...]
    what: str
    text: str
    kind: str  # added, removed or changed

    @property
    def where(self) -> str:
        """The path as a text."""
        return ".".join(self.path)


def entries(document: Document) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every entry of a document with its path: a field, an object, a list of choices, one layout, …"""
    for section, levels in ENTRY.items():
        yield from _entries((section,), document.get(section, {}), levels - 1)


def _entries(path: tuple[str, ...], value: Any, levels: int) -> Iterator[tuple[tuple[str, ...], Any]]:
    if not levels:
        yield path, value
    elif isinstance(value, Mapping):
        for key in sorted(value):
            yield from _entries((*path, key), value[key], levels - 1)


def diff(before: Document, after: Document) -> list[Change]:
    """All entries in which two documents differ, in a stable order."""
    old, new = dict(entries(before)), dict(entries(after))
    found = []
    for path in sorted({*old, *new}, key=lambda p: (list(ENTRY).index(p[0]), p)):
        was, now = old.get(path), new.get(path)
        if was == now:
            continue
        kind = "added" if was is None else "removed" if now is None else "changed"
        found.append(Change(path, named(path, now if now is not None else was, after, before), _words(was, now), kind))
    return found


def object_name(key: str, *documents: Document) -> str:
    """What an object is called, whether it is built in, the firm's own, or gone."""
    for document in documents:
        if said := document.get("objects", {}).get(key):
            return localized(said.get("plural")) or localized(said.get("labels")) or key
    return str(entities()[key].plural) if key in entities() else key


def named(path: Sequence[str], value: Any, *documents: Document) -> str:
    """What an entry is called: “Customer: Region”."""
    section, place = path[0], path[1]
    if section == "objects":
        return _("Object “%(name)s”") % {"name": object_name(place, *documents)}
    if section == "tags":
        return _("Tag “%(name)s”") % {"name": place}
    if section == "choices":
        entity, _dot, key = place.partition(".")
        return _("%(label)s: %(text)s") % {"label": object_name(entity), "text": field_name(entity, key, *documents)}
    name = {
        "fields": lambda: _("field “%(name)s”") % {"name": localized(value.get("labels"))},
        "layouts": lambda: layout_name(path[2], path[3]),
        "numbers": lambda: _("numbering"),
        "pipelines": lambda: _("pipeline “%(name)s”") % {"name": localized(value.get("labels"))},
        "views": lambda: _("view “%(name)s”") % {"name": localized(value.get("labels"))},
    }[section]()
    return _("%(label)s: %(text)s") % {"label": object_name(place, *documents), "text": name}


def field_name(entity: str, key: str, *documents: Document) -> str:
    """What a field is called."""
    for document in documents:
        if said := document.get("fields", {}).get(entity, {}).get(key):
            return localized(said.get("labels")) or key
    known = entities()[entity].attributes if entity in entities() else {}
    return str(known[key].label) if key in known else key


def part_names() -> dict[str, str]:
    """The parts of a layout in words."""
    return {
        "form": _("form and record page"),
        "list": _("columns of the list"),
        "card": _("card"),
        "quick": _("quick form"),
        "facts": _("key figures"),
        "filters": _("filters"),
    }


def layout_name(part: str, who: str) -> str:
    """A layout in words, with whom it is for."""
    name = part_names().get(part, part)
    if who == "phone":
        return _("%(what)s on phones") % {"what": name}
    if who.startswith("role:"):
        return _("%(what)s for the role %(role)s") % {"what": name, "role": who.removeprefix("role:")}
    return name


def entry_names() -> dict[str, str]:
    """The entries of a field or an object in words."""
    return {
        "kind": _("kind"),
        "labels": _("name"),
        "plural": _("name of many"),
        "help": _("help text"),
        "default": _("default"),
        "required": _("required"),
        "required_at": _("required at stages"),
        "visible_if": _("shown only if"),
        "unique": _("unique"),
        "indexed": _("indexed"),
        "choices": _("choices"),
        "target": _("leads to"),
        "rollup": _("roll-up"),
        "formula": _("formula"),
        "privacy": _("class of data"),
        "retired": _("retired"),
        "icon": _("icon"),
        "number": _("numbering"),
        "via": _("seen through"),
        "search": _("searched"),
        "title": _("title"),
        "like": _("rights as"),
        "is_default": _("default"),
        "stages": _("stages"),
        "query": _("conditions and columns"),
        "order": _("order"),
        "roles": _("roles"),
        "tone": _("colour"),
    }


def _words(was: Any, now: Any) -> str:
    """“required: no → yes; choices: East added”."""
    if was is None or now is None:
        return ""
    if not isinstance(was, Mapping) or not isinstance(now, Mapping):
        return _list_words(was, now)
    parts = []
    for name, label in entry_names().items():
        if was.get(name) != now.get(name):
            parts.append(_("%(label)s: %(text)s") % {"label": label, "text": _list_words(was.get(name), now.get(name))})
    return "; ".join(parts)


def _list_words(was: Any, now: Any) -> str:
    if isinstance(was or now, list) and all(isinstance(v, list) or v is None for v in (was, now)):
        old, new = {_key(v): v for v in was or []}, {_key(v): v for v in now or []}
        added = [_shown(new[k]) for k in new if k not in old]
        gone = [_shown(old[k]) for k in old if k not in new]
        other = [_shown(new[k]) for k in new if k in old and new[k] != old[k]]
        texts = [
            _("%(what)s added") % {"what": listed(added)} if added else "",
            _("%(what)s removed") % {"what": listed(gone)} if gone else "",
            _("%(what)s changed") % {"what": listed(other)} if other else "",
        ]
        return ", ".join(filter(None, texts)) or _("another order")
    return f"{_shown(was)} → {_shown(now)}"


def _key(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("key") or json.dumps(value.get("labels", value), sort_keys=True, default=str))
    return json.dumps(value, default=str)


def _shown(value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "—"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Mapping):
        labels = value.get("labels", value)
        if isinstance(labels, Mapping) and (text := localized(labels)):
            return f"“{text}”"
        return json.dumps(value, ensure_ascii=False, default=str)[:120]
    if isinstance(value, list):
        return listed(_shown(v) for v in value)[:120]
    return str(value)[:120]
