"""A misspelt name in a declaration is an error before the server starts, not a silent gap in a page."""

from __future__ import annotations

from collections.abc import Iterator

from django.core.checks import CheckMessage, Error, register

from .entity import AnyEntity, declared
from .kinds import CLASSES


def named(entity: AnyEntity) -> Iterator[str]:
    """Every field name that a declaration mentions."""
    yield entity.title
    for group in (
        entity.columns,
        entity.quick,
        entity.filters,
        entity.search,
        entity.facts,
        entity.card,
        entity.sums,
        entity.via,
        entity.named_may,
        [k for k in entity.about if k != "id"],
        entity.tones,
        entity.meanings.values(),
        entity.merged,
        entity.typed.values(),
        *entity.unique,
        *entity.match,
        *(sign.fields for sign in entity.signs),
        entity.apart,
        *(s.keys for s in entity.sections),
        *(a.fields for a in entity.actions.values()),
    ):
        yield from group


@register()
def check_entities(app_configs: object, **kwargs: object) -> list[CheckMessage]:
    """Names of fields, related lists and link targets."""
    found: list[CheckMessage] = []
    for entity in declared().values():
        known = entity.declared
        found += [
            Error(f"{entity.key}: no field {name!r}", id="engine.E001") for name in named(entity) if name not in known
        ]
        found += [Error(f"{entity.key}: no class of {k!r} (privacy)", id="engine.E004") for k in entity.unclassed()]
        for key, privacy in entity.privacy.items():
            if key not in known or privacy not in CLASSES:
                found.append(Error(f"{entity.key}: no class {privacy!r} of {key!r}", id="engine.E005"))
        if entity.joined and entity.joined not in entity.actions:
            found.append(Error(f"{entity.key}: no action {entity.joined!r}", id="engine.E006"))
        for sign in entity.signs:
            for key, keys in sign.beyond.items():
                if key not in declared() or any(k not in declared()[key].declared for k in keys):
                    found.append(Error(f"{entity.key}: no {key} {keys} of {sign.key!r}", id="engine.E007"))
        for related in entity.related:
            other = declared().get(related.entity)
            if other is None or related.by not in other.declared:
                found.append(Error(f"{entity.key}: no related list {related.entity}.{related.by}", id="engine.E002"))
        for a in known.values():
            if a.target and a.target != "file" and a.target not in declared():
                found.append(Error(f"{entity.key}.{a.key}: no entity {a.target!r}", id="engine.E003"))
    return found
