"""What a configuration document means here: do its fields, targets, layouts and calculations fit the installation?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from zhike.base import pinyin
from zhike.base.fold import fold
from zhike.engine import catalog, formula, rollup
from zhike.engine.entity import AnyEntity, declared, entities, get
from zhike.engine.errors import Wrong
from zhike.engine.kinds import KINDS, Attribute
from zhike.engine.labels import localized

from . import shape
from .checking import MOST_BYTES, MOST_DEPTH, Check, Problem, depth

Document = Mapping[str, Any]
CHOOSING = ("choice", "multichoice")
LINKING = ("link", "links")
NOT_UNIQUE = ("longtext", "richtext", "boolean", "multichoice", "links", "choice")
NOT_INDEXED = ("longtext", "richtext", "multichoice", "links", "boolean")
SEARCHED = ("text", "longtext", "richtext", "phone", "email", "url", "address")
COUNTED = ("integer", "decimal", "money", "percent")
NEAR = 4  # names shorter than this are alike only when they are the same


@dataclass(frozen=True)
class Known:
    """A field as far as a document must know it: built in (`a`), or the firm's own (`said`)."""

    kind: str
    label: str
    target: str = ""
    a: Attribute | None = None
    said: Mapping[str, Any] = field(default_factory=dict)


def attributes(entity: AnyEntity) -> dict[str, Attribute]:
    """The fields of an entity that are written in code."""
    return {k: a for k, a in entity.declared.items() if not a.unseen}


def known_fields(document: Document) -> dict[str, dict[str, Known]]:
    """Every field that there would be, by entity."""
    found: dict[str, dict[str, Known]] = {
        key: {k: Known(a.kind.key, str(a.label), a.target, a) for k, a in attributes(e).items()}
        for key, e in declared().items()
    }
    account = declared().get("account")
    common = ("owner", "department", "created_by", "created_at", "updated_at")
    for key in document.get("objects", {}):
        shared = attributes(account) if account else {}
        found[key] = {k: Known(shared[k].kind.key, str(shared[k].label), a=shared[k]) for k in common if k in shared}
        found[key] |= {"name": Known("text", _("Name")), "number": Known("text", _("Number"))}
    for entity, fields in document.get("fields", {}).items():
        found.setdefault(entity, {}).update(
            {k: Known(str(f.get("kind")), localized(f.get("labels")), _target(f), said=f) for k, f in fields.items()}
        )
    return found


def _target(said: Mapping[str, Any]) -> str:
    kind = str(said.get("kind"))
    return kind if kind in ("user", "department") else str(said.get("target", ""))


def problems(document: Any) -> list[Problem]:
    """All that is wrong with a document, with paths, in the reader's language; warnings come last."""
    check = Check()
    if depth(document) > MOST_DEPTH:
        check.wrong("", _("The configuration nests too deep."))
        return check.found
    try:
        size = len(json.dumps(document, ensure_ascii=False, allow_nan=False).encode("utf-8", "surrogatepass"))
    except (TypeError, ValueError):
        check.wrong(
            "", _("The configuration holds a value that cannot be kept, such as a date or NaN. Write it as text.")
        )
        return check.found
    if size > MOST_BYTES:
        check.wrong("", _("The configuration is too large: at most %(max)s characters.") % {"max": f"{MOST_BYTES:,}"})
        return check.found
    shape.check(check, document)
    if not check.errors:
        _meaning(check, document)
    return sorted(check.found, key=lambda p: p.warns)


def _meaning(check: Check, document: Document) -> None:
    known = known_fields(document)
    for key, item in document.get("objects", {}).items():
        _object(check, document, known, key, item)
    for entity, fields in document.get("fields", {}).items():
        place = declared().get(entity)
        if entity not in document.get("objects", {}) and (place is None or not place.takes_fields):
            check.wrong(f"fields.{entity}", _("Fields cannot be added here: there is no such object."))
            continue
        for key, said in fields.items():
            _field(check, known, entity, key, said)
        _near(check, known[entity], entity)
    _choices(check, document)
    _layouts(check, document, known)
    for entity in document.get("numbers", {}):
        if entity not in declared() or not declared()[entity].number:
            check.wrong(f"numbers.{entity}", _("This has no running numbers."))
    for section in ("pipelines", "views"):
        for entity in document.get(section, {}):
            place = declared().get(entity)
            if (place is None and entity not in document.get("objects", {})) or (
                section == "pipelines" and (place is None or not place.is_staged)
            ):
                check.wrong(f"{section}.{entity}", _("There is no such object."))
    _circles(check, document, known)
    if not check.errors:
        _formulas(check, document)


def _formulas(check: Check, document: Document) -> None:
    """Names, types, cost and circles of formulas and roll-ups, as the fields would be."""
    with catalog.preview(document):
        for key, fields in document.get("fields", {}).items():
            for name, said in fields.items():
                if said.get("retired") or key not in entities():
                    continue
                sort = next((one for one in ("formula", "rollup") if said.get(one)), "")
                try:
                    if sort == "formula":
                        formula.check(get(key), said["formula"], kind=str(said["kind"]), key=name)
                    elif sort:
                        rollup.check(key, name, {**said["rollup"], "kind": said["kind"]})
                except Wrong as wrong:
                    check.wrong(f"fields.{key}.{name}.{sort}", wrong.text)


def _object(check: Check, document: Document, known: Mapping[str, Any], key: str, said: Mapping[str, Any]) -> None:
    path, mine = f"objects.{key}", known[key]
    if said.get("title", "name") not in mine:
        check.wrong(f"{path}.title", _no_field(said["title"]))
    for n, name in enumerate(said.get("via", [])):
        if name not in mine or mine[name].kind != "link":
            check.wrong(f"{path}.via.{n}", _("“%(key)s” is no link to one record.") % {"key": name})
    for n, name in enumerate(said.get("search", [])):
        if name not in mine:
            check.wrong(f"{path}.search.{n}", _no_field(name))
    if (like := said.get("like")) and like not in declared():
        check.wrong(f"{path}.like", _("There is no such object."))
    names = {fold(str(e.label)): e.key for e in declared().values()}
    names |= {fold(localized(o.get("labels"))): k for k, o in document.get("objects", {}).items() if k != key}
    if names.get(fold(localized(said.get("labels")))):
        text = _("Another object has this name already. Two of the same name are hard to tell apart.")
        check.wrong(f"{path}.labels", text, warns=True)


def _no_field(key: object) -> str:
    return _("There is no field “%(key)s”.") % {"key": str(key)[:60]}


def _field(check: Check, known: Mapping[str, Any], entity: str, key: str, said: Mapping[str, Any]) -> None:
    path, kind = f"fields.{entity}.{key}", str(said["kind"])
    derived = "formula" in said or "rollup" in said
    targets = said.get("target") in known
    place = declared().get(entity)
    staged = place is not None and place.is_staged
    wrong: list[tuple[bool, str, str]] = [
        (kind in CHOOSING and not said.get("choices"), "choices", _("A list to choose from needs at least one entry.")),
        (kind not in CHOOSING and bool(said.get("choices")), "choices", _("Only a list to choose from has entries.")),
        (kind in LINKING and not targets, "target", _("Say to which object this leads.")),
        ("formula" in said and "rollup" in said, "formula", _("Either a formula or a roll-up, not both.")),
        (
            bool(said.get("unique")) and kind in NOT_UNIQUE,
            "unique",
            _("Values of this kind are not compared. Leave “unique” off."),
        ),
        (
            bool(said.get("indexed")) and (kind in NOT_INDEXED or derived),
            "indexed",
            _("This kind of field cannot be indexed."),
        ),
        (
            bool(said.get("search")) and (kind not in SEARCHED or derived),
            "search",
            _("This kind of field is not searched."),
        ),
        (bool(said.get("required_at")) and not staged, "required_at", _("This object has no stages.")),
    ]
    if derived:
        names = ("default", "required", "required_at", "unique", "choices", "visible_if")
        wrong += [(bool(said.get(n)), n, _("A value that is calculated cannot have this.")) for n in names]
    for happens, name, text in wrong:
        if happens:
            check.wrong(f"{path}.{name}", text)
    _conditions(check, f"{path}.visible_if", said.get("visible_if", []), known, entity)
    if "rollup" in said:
        _rollup(check, f"{path}.rollup", said, known, entity)
    if "default" in said and not derived:
        _default(check, path, key, said)


def _default(check: Check, path: str, key: str, said: Mapping[str, Any]) -> None:
    kind = KINDS[str(said["kind"])]
    choices = tuple((c["key"], localized(c["labels"])) for c in said.get("choices", []) if not c.get("retired"))
    a = Attribute(key=key, label=localized(said.get("labels")), kind=kind, choices=choices, max_length=300)
    try:
        if kind.key in (*LINKING, "user", "department") and said["default"] not in ("me", "my_department"):
            raise Wrong(_("A link has no fixed default."))
        if kind.key not in (*LINKING, "user", "department"):
            kind.clean(a, said["default"])
    except Wrong as wrong:
        check.wrong(f"{path}.default", wrong.text)


def _conditions(check: Check, path: str, rows: Sequence[Any], known: Mapping[str, Any], entity: str) -> None:
    """The fields that conditions name are there; operators and values are checked where they are run."""
    for n, key in enumerate(leaves(rows)):
        first = key.split(".", 1)[0]
        if first not in known.get(entity, {}):
            check.wrong(f"{path}.{n}", _no_field(key))


def leaves(rows: Sequence[Any]) -> Iterator[str]:
    """The fields of the record itself that conditions name, groups opened."""
    for row in rows:
        if not isinstance(row, list | tuple) or not row:
            continue
        if row[0] in ("any", "all", "not"):
            yield from leaves(row[1:])
        elif row[0] not in ("some", "none") and isinstance(row[0], str):
            yield row[0]


def _rollup(check: Check, path: str, said: Mapping[str, Any], known: Mapping[str, Any], entity: str) -> None:
    rolled = said["rollup"]
    other = known.get(rolled["entity"])
    if other is None:
        check.wrong(f"{path}.entity", _("There is no such object."))
        return
    by = other.get(rolled["by"])
    if by is None or by.kind not in ("link", "user", "department") or by.target != entity:
        check.wrong(f"{path}.by", _("“%(key)s” does not lead here. Choose a link that does.") % {"key": rolled["by"]})
    measure, name = rolled["measure"], rolled.get("field", "")
    if measure != "count" and name not in other:
        check.wrong(f"{path}.field", _no_field(name))
    elif measure in ("sum", "avg") and other[name].kind not in COUNTED:
        check.wrong(f"{path}.field", _("Only numbers can be added up."))
    if measure == "count" and said["kind"] != "integer":
        check.wrong(f"{path}.measure", _("A count is a whole number: choose that kind."))
    _conditions(check, f"{path}.where", rolled.get("where", []), known, rolled["entity"])


def _choices(check: Check, document: Document) -> None:
    for place, rows in document.get("choices", {}).items():
        entity, _dot, key = place.partition(".")
        a = attributes(declared()[entity]).get(key) if entity in declared() else None
        if a is None or not a.choices:
            check.wrong(
                f"choices.{place}", _("There is no list of choices here. Write object.field, such as deal.lost_reason.")
            )
            continue
        missing = [label for k, label in a.choices if k not in {c["key"] for c in rows}]
        if missing:
            said = {"name": str(missing[0])}
            check.wrong(
                f"choices.{place}", _("“%(name)s” is part of the product: retire it instead of leaving it out.") % said
            )


def _layouts(check: Check, document: Document, known: Mapping[str, Any]) -> None:
    for entity, parts in document.get("layouts", {}).items():
        if entity not in known:
            check.wrong(f"layouts.{entity}", _("There is no such object."))
            continue
        for part, versions in parts.items():
            for who, content in versions.items():
                path = f"layouts.{entity}.{part}" + (f".{who}" if who else "")
                keys = [k for s in content for k in s.get("keys", [])] if part == "form" else content
                for key in keys:
                    if key not in known[entity]:
                        check.wrong(path, _no_field(key))
                double = {k for k in keys if list(keys).count(k) > 1}
                for key in sorted(double):
                    check.wrong(path, _("“%(key)s” stands here twice.") % {"key": key})


def _near(check: Check, fields: Mapping[str, Known], entity: str) -> None:
    """Names that people would mix up: the same to the ear, or one letter apart."""
    mine = {k: f for k, f in fields.items() if f.said and not f.said.get("retired")}
    seen = [(k, f.label, fold(f.label), pinyin.plain(f.label)) for k, f in fields.items() if k not in mine]
    for key, f in mine.items():
        here = (fold(f.label), pinyin.plain(f.label))
        for other, label, folded, spoken in seen:
            if f.label and (here == (folded, spoken) or here[0] == folded or alike(*here, folded, spoken)):
                said = {"name": f.label, "other": label, "key": other}
                text = _("“%(name)s” is hard to tell from “%(other)s” (%(key)s). Is it the same thing?")
                check.wrong(f"fields.{entity}.{key}.labels", text % said, warns=True)
                break
        seen.append((key, f.label, *here))


def alike(name: str, spoken: str, other: str, other_spoken: str) -> bool:
    """Whether two folded names sound the same, or differ by one character where they are long enough for that."""
    if spoken and spoken == other_spoken and len(name) > 1:
        return True
    return min(len(name), len(other)) >= NEAR and one_apart(name, other)


def one_apart(a: str, b: str) -> bool:
    """Whether one insertion, removal or exchange makes one text the other (edit distance of Levenshtein at most 1)."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    same = next((n for n, c in enumerate(a) if c != b[n]), len(a))
    return a[same + (len(a) == len(b)) :] == b[same + 1 :]


def _circles(check: Check, document: Document, known: Mapping[str, Any]) -> None:
    """Calculations that would need themselves, and objects seen through each other."""
    edges: dict[str, list[str]] = {}
    for entity, fields in document.get("fields", {}).items():
        for key, said in fields.items():
            edges[f"fields.{entity}.{key}"] = list(_needs(entity, said))
    for key, said in document.get("objects", {}).items():
        ways = [known[key][v].target for v in said.get("via", []) if v in known[key]]
        edges[f"objects.{key}"] = [f"objects.{t}" for t in ways]
    for start in sorted(edges):
        if _returns(start, edges):
            text = _("This leads back to itself in a circle. Take one of the steps out.")
            check.wrong(f"{start}.via" if start.startswith("objects.") else start, text)


def _needs(entity: str, said: Mapping[str, Any]) -> Iterator[str]:
    if rolled := said.get("rollup"):
        names = [rolled.get("field", ""), rolled["by"], *leaves(rolled.get("where", []))]
        yield from (f"fields.{rolled['entity']}.{name}" for name in names if name)


def _returns(start: str, edges: Mapping[str, Sequence[str]]) -> bool:
    seen: set[str] = set()
    todo = list(edges.get(start, ()))
    while todo:
        here = todo.pop()
        if here == start:
            return True
        if here not in seen:
            seen.add(here)
            todo += edges.get(here, ())
    return False
