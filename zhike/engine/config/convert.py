"""Fields that become another kind: which ways there are, which values would not come along, and the change itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import JSONField
from django.utils.translation import gettext as _

from zhike.engine import catalog, custom
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Wrong

Document = Mapping[str, Any]
WAYS: Mapping[str, tuple[str, ...]] = {
    "text": ("longtext", "url", "email", "phone", "address", "integer", "decimal", "money", "date", "choice"),
    "longtext": ("text", "richtext"),
    "richtext": ("longtext",),
    "integer": ("decimal", "money", "percent", "text"),
    "decimal": ("money", "integer", "percent", "text"),
    "money": ("decimal", "integer", "text"),
    "percent": ("decimal", "integer", "text"),
    "boolean": ("text",),
    "date": ("datetime", "text"),
    "datetime": ("date", "text"),
    "choice": ("multichoice", "text"),
    "multichoice": ("choice", "text"),
    "link": ("links",),
    "links": ("link",),
    "user": (),
    "department": (),
    "phone": ("text",),
    "email": ("text",),
    "url": ("text",),
    "address": ("text", "longtext"),
    "region": ("text",),
    "industry": ("text",),
    "identity": ("text",),
    "file": (),
}  # old kind -> kinds that its values can be read as
MOST = 20_000  # values that are rewritten while publishing; beyond it a new field is the way


@dataclass(frozen=True)
class Preview:
    """How many values there are, how many would not come along, and some of those."""

    total: int
    lost: int
    samples: tuple[tuple[str, str], ...] = ()
    capped: bool = False


def changed(old: Document, fresh: Document) -> Iterator[tuple[str, str, Mapping[str, Any], Mapping[str, Any]]]:
    """(entity, key, before, after) of every field whose kind is another."""
    for entity, fields in fresh.get("fields", {}).items():
        for key, said in fields.items():
            was = old.get("fields", {}).get(entity, {}).get(key)
            if was and was["kind"] != said["kind"]:
                yield entity, key, was, said


def preview(entity: str, key: str, was: Mapping[str, Any], said: Mapping[str, Any]) -> Preview:
    """What would become of the values of a field, looking at no more than are rewritten."""
    total, lost = 0, 0
    samples: list[tuple[str, str]] = []
    for _pk, _custom, text, value in _values(entity, key, was, said, MOST + 1):
        total += 1
        if isinstance(value, Wrong):
            lost += 1
            if len(samples) < 5:
                samples.append((text, value.text))
    return Preview(min(total, MOST), lost, tuple(samples), total > MOST)


def all_values(old: Document, fresh: Document) -> None:
    """Rewrite the values of fields whose kind changes; Invalid where one does not convert or there are too many."""
    for entity, key, was, said in changed(old, fresh):
        path = f"fields.{entity}.{key}.kind"
        if said["kind"] not in WAYS.get(was["kind"], ()):
            raise Invalid([{path: [Wrong(_("Values of this kind cannot become that kind. Make a new field."))]}])
        found = preview(entity, key, was, said)
        if found.capped:
            text = _("More than %(n)s values: make a new field, and fill it by an import.") % {"n": f"{MOST:,}"}
            raise Invalid([{path: [Wrong(text)]}])
        if found.lost:
            samples = "; ".join(f"{shown}: {why}" for shown, why in found.samples)
            text = _("%(n)s values do not convert: %(samples)s") % {"n": found.lost, "samples": samples}
            raise Invalid([{path: [Wrong(text)]}])
        _rewrite(entity, key, was, said)


def _rewrite(entity: str, key: str, was: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    model: Any = _place(entity).model
    batch = []
    for pk, values, _text, value in list(_values(entity, key, was, said, MOST)):
        batch.append(model(pk=pk, custom={**values, key: value}))
    model._base_manager.bulk_update(batch, ["custom"], batch_size=500)


def _place(entity: str) -> AnyEntity:
    return get(entity)


def _values(entity: str, key: str, was: Mapping[str, Any], said: Mapping[str, Any], most: int) -> Iterator[Any]:
    """(id, custom values, text of the value, what it becomes packed or what is wrong) for records that have one."""
    before, after = custom.attribute(entity, key, was), custom.attribute(entity, key, said)
    if before is None or after is None or entity not in _known():
        return
    rows = _place(entity).rows("the administrator's change of a field, whoever owns the records")
    for pk, values in rows.filter(custom__has_key=key).values_list("pk", "custom")[:most]:
        value = before.loaded(values)
        text = before.kind.form_value(before, value, {})
        try:
            yield (
                pk,
                values,
                text,
                after.kind.pack(after.kind.clean(after, _source(before.kind.key, text, value, after))),
            )
        except Wrong as wrong:
            yield pk, values, text, wrong


def _source(kind: str, text: str, value: Any, after: Any) -> Any:
    """What the new kind reads: the label of a choice that becomes text, else the value as it stands in a form."""
    if kind in ("link", "links"):
        several = value if isinstance(value, list) else [value]
        return [str(v) for v in several] if after.kind.key == "links" else str(several[0])
    return text


def _known() -> Any:
    from zhike.engine.entity import entities

    return entities()


__all__ = ["MOST", "WAYS", "JSONField", "Preview", "all_values", "catalog", "changed", "preview"]
