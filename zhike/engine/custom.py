"""Fields that the firm has made, as attributes: what the published document says about them, in words of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.utils.functional import lazy

from .kinds import KINDS, Attribute
from .labels import lazily

if TYPE_CHECKING:
    from .catalog import Snapshot

Definition = Mapping[str, Any]
# (the field without its value, entity, definition) -> the field; formulas and roll-ups put theirs here.
Computing = Callable[[Attribute, str, Definition], Attribute]
COMPUTED: dict[str, Computing] = {}
KEPT = (
    "text",
    "longtext",
    "richtext",
    "integer",
    "decimal",
    "money",
    "percent",
    "boolean",
    "date",
    "datetime",
    "choice",
    "multichoice",
    "link",
    "links",
    "user",
    "department",
    "phone",
    "email",
    "url",
    "address",
    "region",
    "industry",
    "identity",
    "file",
)  # kinds whose values are kept, in the order in which they are offered
TARGETS = {"user": "user", "department": "department", "file": "file"}
LONGEST = {"text": 300, "longtext": 20_000, "phone": 60, "email": 254, "url": 500, "address": 300, "identity": 30}


def attributes(snapshot: Snapshot, entity: str) -> dict[str, Attribute]:
    """The custom fields of an entity in the order of the document, without the retired ones."""
    found = {}
    for key, said in (snapshot.part("fields").get(entity) or {}).items():
        if not said.get("retired") and (a := attribute(entity, key, said)) is not None:
            found[key] = a
    return found


def attribute(entity: str, key: str, said: Definition) -> Attribute | None:
    """One custom field; None for a computed one of a sort that nobody computes."""
    plain = Attribute(
        key=key,
        label=lazily(said.get("labels") or {"en": key}),
        kind=KINDS[said["kind"]],
        help=lazily(said.get("help") or {}),
        privacy=said.get("privacy") or "internal",
        target=said.get("target") or TARGETS.get(said["kind"], ""),
    )
    sort = next((name for name in ("formula", "rollup") if said.get(name)), "")
    if sort:
        return COMPUTED[sort](plain, entity, said) if sort in COMPUTED else None
    return replace(
        plain,
        custom=True,
        max_length=LONGEST.get(said["kind"]),
        default=said.get("default"),
        required=bool(said.get("required")),
        required_at=tuple(said.get("required_at") or ()),
        visible_if=tuple(said.get("visible_if") or ()),
        unique=bool(said.get("unique")),
        indexed=bool(said.get("indexed")),
        **_choices(said.get("choices") or ()),
    )


def _beside(what: Any, which: Any) -> str:
    return f"{what} ({which})"


beside = lazy(_beside, str)


def with_choices(a: Attribute, said: Sequence[Definition]) -> Attribute:
    """A built-in choice field with the firm's own list: names, colours, further ones, retired ones."""
    return replace(a, **_choices(said))


def _choices(said: Sequence[Definition]) -> dict[str, Any]:
    return {
        "choices": tuple((one["key"], lazily(one.get("labels") or {"en": one["key"]})) for one in said),
        "tones": {one["key"]: one["tone"] for one in said if one.get("tone")},
        "retired": frozenset(one["key"] for one in said if one.get("retired")),
    }
