"""Many rows written together as far as they can be: what fails is found, left out and told, the rest is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import IntegrityError, transaction

from . import access, lineage
from .access import Actor
from .entity import AnyEntity
from .errors import Conflict, Invalid, Limited, Missing, Refused

RIGHT, STAGE, CONFLICT, INVALID, SAME = "right", "stage", "conflict", "invalid", "same"
Write = Callable[[Sequence[UUID]], object]


@dataclass
class Outcome:
    """What became of rows: ids done, and for each other one the reason and, where it may be told, a text."""

    done: list[UUID] = field(default_factory=list)
    skipped: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    warned: dict[UUID, list[str]] = field(default_factory=dict)  # done all the same, and to be told of

    def skip(self, ids: Sequence[UUID], reason: str, text: str = "") -> None:
        """Leave rows out."""
        self.skipped |= dict.fromkeys(ids, (reason, text))

    def counts(self) -> dict[str, int]:
        """reason -> how many."""
        found: dict[str, int] = {}
        for reason, _text in self.skipped.values():
            found[reason] = found.get(reason, 0) + 1
        return found


def attempt(ids: Sequence[UUID], write: Write, outcome: Outcome) -> None:
    """Write all of `ids` that can be written: together, else without those that are named, else in halves."""
    left = list(ids)
    while left:
        try:
            with transaction.atomic():
                write(left)
        except Limited:
            raise
        except Invalid as invalid:
            bad = _named(invalid, left)
            if not bad:
                _halve(left, write, outcome, INVALID, _text(invalid))
                return
            for pk, text in bad.items():
                outcome.skip([pk], INVALID, text)
            left = [pk for pk in left if pk not in bad]
        except Conflict as conflict:
            gone = set(conflict.ids) or set(left)
            outcome.skip([pk for pk in left if pk in gone], CONFLICT)
            left = [pk for pk in left if pk not in gone]
        except (Refused, Missing):
            _halve(left, write, outcome, RIGHT, "")
            return
        except IntegrityError:
            _halve(left, write, outcome, INVALID, "")
            return
        else:
            outcome.done += left
            return


def _halve(ids: Sequence[UUID], write: Write, outcome: Outcome, reason: str, text: str) -> None:
    if len(ids) == 1:
        outcome.skip(ids, reason, text)
        return
    middle = len(ids) // 2
    attempt(ids[:middle], write, outcome)
    attempt(ids[middle:], write, outcome)


def _named(invalid: Invalid, ids: Sequence[UUID]) -> dict[UUID, str]:
    """The rows that an Invalid speaks of, with its words; nothing where it speaks of all, or does not know of whom."""
    if len(invalid.rows) != len(ids):
        return {}
    if any(w.code == "constraint" for row in invalid.rows for found in row.values() for w in found):
        return {}  # the database says that one of them is wrong, not which
    return {
        pk: " ".join(w.text for found in row.values() for w in found)
        for pk, row in zip(ids, invalid.rows, strict=True)
        if row
    }


def _text(invalid: Invalid) -> str:
    return " ".join(w.text for found in invalid.first.values() for w in found)


def reached(actor: Actor, entity: AnyEntity, action: str, ids: Sequence[UUID], *, bulk: bool) -> set[UUID]:
    """Which rows the actor may do this to now; to many at once where `bulk`. Restoring is done in the recycle bin."""
    found = entity.rows("rows from access").filter(access.rows(actor, entity, action), pk__in=ids)
    if bulk:
        access.require(actor, entity, "bulk")
        found = found.filter(access.rows(actor, entity, "bulk"))
    found = found.filter(deleted_at__isnull=action != "restore")
    return set((lineage.single(entity, found) if action == "restore" else found).values_list("pk", flat=True))
