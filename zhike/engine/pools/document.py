"""What holds in a pool, as an administrator wrote it: who takes, what they see and how much, when records return."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from django.utils.translation import gettext as _

from zhike.engine.errors import Invalid, Wrong

Days = Annotated[int, msgspec.Meta(ge=1, le=3_650)]
Most = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]
Short = Annotated[str, msgspec.Meta(min_length=1, max_length=20)]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When records return: the first rule whose conditions a record meets is its rule.

    They return `days` after their owner got them; what the `clock` counts (a follow-up, a deal) keeps them for
    `update` days from then, for good where that is None; `most` days after the owner got them they return in any case.
    """

    key: Short
    days: Days
    clock: str = "follow_up"
    update: Days | None = None
    most: Days | None = None
    conditions: list[Any] = []


class Holding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many records somebody may own: `who` is a person, a department or a role, None for everybody.

    `together` counts a department as a whole, with those below it.
    """

    most: Most
    who: UUID | None = None
    together: bool = False


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much one may take and see."""

    claims: Most | None = None
    per: Literal["day", "week", "month"] = "day"
    holding: list[Holding] = []
    uncounted: list[str] = []  # exemptions (clocks.py) whose records do not count as held
    former_days: Annotated[int, msgspec.Meta(ge=0, le=3_650)] = 0  # since it left its owner, who may not take it back
    fresh_hours: Annotated[int, msgspec.Meta(ge=0, le=8_760)] = 0  # since it came in, in which nobody may take it
    looks: Most | None = None  # records opened a day


class Counts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What counts as a follow-up: kinds of it, by their key (clocks.py), and the letters that a text must have."""

    kinds: list[str] | None = None  # None for all there are
    letters: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 20


class Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about one pool; `members` and `admins` are people, departments (and below) or roles."""

    members: list[UUID] = []
    admins: list[UUID] = []
    shown: list[str] = []
    masked: list[str] = []
    conditions: list[Any] = []
    exempt: list[str] = []
    rules: list[Rule] = []
    limits: Limits = Limits()
    counts: Counts = Counts()
    warn: list[Days] = msgspec.field(default_factory=lambda: [7, 3, 1])


def read(stored: Any) -> Document:
    """What is stored; msgspec.ValidationError where a program wrote something else."""
    return msgspec.convert(stored or {}, Document, str_keys=True)


def stored(document: Document) -> dict[str, Any]:
    """As it is kept."""
    found: dict[str, Any] = msgspec.to_builtins(document)
    return found


def checked(given: Any, *, fields: Iterable[str], clocks: Iterable[str], exemptions: Iterable[str]) -> Document:
    """What an administrator gave; Invalid with what is wrong by its place ("rules", "limits", …)."""
    try:
        found = msgspec.convert(given, Document, str_keys=True)
    except msgspec.ValidationError as error:
        where = str(error).rpartition("`$.")[2].split(".")[0].split("[")[0].strip("`") or "rules"
        raise Invalid([{where: [Wrong(_("Something here is missing, or too large or too small."))]}]) from error
    wrong: dict[str, list[Wrong]] = {}
    for key, text in _wrongs(found, set(fields), set(clocks), set(exemptions)):
        wrong.setdefault(key, []).append(Wrong(text))
    if wrong:
        raise Invalid([wrong])
    return found


def _wrongs(found: Document, fields: set[str], clocks: set[str], exemptions: set[str]) -> Iterator[tuple[str, str]]:
    for key in ("shown", "masked"):
        if unknown := set(getattr(found, key)) - fields:
            yield key, _("There is no field called %(name)s.") % {"name": min(unknown)}
    if set(found.masked) - set(found.shown):
        yield "masked", _("Only what is shown can be masked.")
    offered = _("Choose one of the values offered.")
    if set(found.exempt) - exemptions:
        yield "exempt", offered
    if set(found.limits.uncounted) - exemptions:
        yield "limits", offered
    if any(rule.clock not in clocks for rule in found.rules):
        yield "rules", offered
    if any(rule.most is not None and rule.most < rule.days for rule in found.rules):
        yield "rules", _("The longest protection cannot be shorter than the one at the beginning.")
    if len({rule.key for rule in found.rules}) < len(found.rules):
        yield "rules", _("Something stands in it twice.")
