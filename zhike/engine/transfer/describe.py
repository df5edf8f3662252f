"""What a full export says about itself: a Data Package (Frictionless, v1) and a page for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import override

from zhike.base.i18n import LANGUAGES
from zhike.engine.entity import AnyEntity, entity_of
from zhike.engine.kinds import Attribute

README = """# Data of a Zhike installation

Everything is text in UTF-8, one JSON object a line (`.jsonl`), plus the uploaded files as they were given.
`datapackage.json` lists every file with its SHA-256, size, number of rows, fields, types, names in three languages,
choices and keys; it follows <https://specs.frictionlessdata.io/data-package/>.

- `data/` records: `account.jsonl` customers, `contact.jsonl`, `deal.jsonl`, …, and objects that the firm has made.
- `system/` people, roles, departments, tags of stages, settings, the history (`history.jsonl`: who changed what, when,
  with the values before and after), older history as `history-*.jsonl.gz`, the configuration (`configuration.jsonl`:
  the published document has the state `published`).
- `files/ID/NAME` uploads; `system/storedfile.jsonl` says on which record each hangs (`entity`, `record`).

Every record has `id` (UUID). A field that ends in `_id` holds the id of a record of the resource that `foreignKeys`
names; a list of ids is an array. `deleted_at` that is not null means: in the recycle bin. Fields that the firm has made
are in the object `custom`, described in `zhike:custom`. Choices are kept by key; their names are in `zhike:choices`.
Amounts are JSON numbers with all their digits: read them as decimals. Moments have their offset from UTC.

    python3 -c "import json; print(sum(1 for line in open('data/account.jsonl') if not json.loads(line)['deleted_at']))"
    duckdb -c "select name, amount from 'data/deal.jsonl' where deleted_at is null"
    sha256sum data/account.jsonl        # as in datapackage.json

Passwords, keys and other secrets are not here, nor what is computed from the rest (search words).
"""
TYPES: tuple[tuple[type[models.Field[Any, Any]], str, str], ...] = (
    (models.BooleanField, "boolean", ""),
    (models.IntegerField, "integer", ""),
    (models.DecimalField, "number", ""),
    (models.DateTimeField, "datetime", ""),
    (models.DateField, "date", ""),
    (models.UUIDField, "string", "uuid"),
    (models.JSONField, "object", ""),
    (models.EmailField, "string", "email"),
    (models.URLField, "string", "uri"),
)


def there_already(place: Path) -> str:
    """What to say of a folder that is not empty."""
    return _("%(place)s is there already. Name a new folder.") % {"place": place}


def names(label: Any) -> dict[str, str]:
    """A text in every language."""
    found = {}
    for language in LANGUAGES:
        with override(language):
            found[language] = str(label)
    return found


def package(resources: Sequence[dict[str, Any]], *, version: str, made_at: str) -> dict[str, Any]:
    """The whole description."""
    return {
        "profile": "data-package",
        "name": "zhike-export",
        "created": made_at,
        "zhike:version": version,
        "resources": list(resources),
    }


def table(
    name: str, path: str, model: type[models.Model], columns: Sequence[Any], entity: AnyEntity | None
) -> dict[str, Any]:
    """One file of rows."""
    known = {a.column: a for a in entity.attributes.values() if a.column} if entity else {}
    about: dict[str, Any] = {"name": name, "path": path, "format": "jsonl", "encoding": "utf-8"}
    label = entity.plural if entity else model._meta.verbose_name_plural
    schema: dict[str, Any] = {
        "fields": [_field(f, known.get(f.column)) for f in columns],
        "primaryKey": [f.column for f in model._meta.pk_fields],
        "foreignKeys": [found for f in columns if (found := _key(f, known.get(f.column)))],
    }
    about |= {"zhike:names": names(label), "schema": schema}
    if entity and (own := [a for a in entity.attributes.values() if a.custom]):
        schema["zhike:custom"] = [_attribute(a) for a in own]
    return about


def _field(f: Any, a: Attribute | None) -> dict[str, Any]:
    kind, form = next(((kind, form) for cls, kind, form in TYPES if isinstance(f, cls)), ("string", ""))
    if f.get_internal_type() == "ArrayField" or hasattr(f, "base_field"):
        kind = "array"
    if isinstance(f, models.ForeignKey):
        kind, form = "string", "uuid"
    found: dict[str, Any] = {"name": f.column, "type": kind}
    if form:
        found["format"] = form
    return found | (_attribute(a, key=f.column) if a else {"zhike:names": names(f.verbose_name)})


def _attribute(a: Attribute, *, key: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {"name": key or a.key, "zhike:kind": a.kind.key, "zhike:names": names(a.label)}
    if a.choices:
        found["zhike:choices"] = {key: names(label) for key, label in a.choices}
    if a.is_link:
        found["zhike:target"] = a.target
    return found


def _key(f: Any, a: Attribute | None) -> dict[str, Any] | None:
    target = f.related_model if isinstance(f, models.ForeignKey) else None
    if target is not None:
        entity = entity_of(target)
        resource = entity.key if entity else target._meta.model_name
    elif a is not None and a.is_link:
        resource = a.target
    else:
        return None
    return {"fields": f.column, "reference": {"resource": resource, "fields": "id"}}
