"""Which side of an appointment has the last word, field by field. Knows neither database nor network."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from .events import Facts


@dataclass(frozen=True)
class Verdict:
    """Fields to `take` over from the calendar and to `give` to it.

    `lost_here` and `lost_there` were changed on both sides: what stood here, or there, gives way to what came later.
    """

    take: tuple[str, ...] = ()
    give: tuple[str, ...] = ()
    lost_here: tuple[str, ...] = ()
    lost_there: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rules:
    """What may travel: `names` are seen by the person, `writable` ones may be changed here.

    `one_way`: nothing comes from there. `guests`: nothing goes there, for those who are invited would get mail.
    """

    names: Collection[str]
    writable: Collection[str]
    one_way: bool = False
    guests: bool = False


def weigh(
    here: Facts,
    there: Facts,
    base: Mapping[str, str],
    sent: Mapping[str, str],
    rules: Rules,
    *,
    there_later: Callable[[str], bool],
) -> Verdict:
    """Compare both sides with what they last had in common.

    `base` and `sent` are digests by field: of what was agreed on, and of what was under way when a run ended early. A
    field that only one side has changed follows that side; of one that both changed, the later one stays.
    """
    found: dict[str, list[str]] = {"take": [], "give": [], "lost_here": [], "lost_there": []}
    for name in rules.names:
        ours, theirs = here.digest(name), there.digest(name)
        if ours == theirs:
            continue
        agreed = theirs if theirs == sent.get(name) else base.get(name)
        both = agreed not in (ours, theirs)
        wins = rules.guests or ours == agreed or (both and there_later(name))
        if rules.one_way or name not in rules.writable:
            if not rules.guests:
                found["give"].append(name)
        elif wins:
            found["take"].append(name)
            if ours != agreed and agreed is not None:
                found["lost_here"].append(name)
        else:
            found["give"].append(name)
            if both and agreed is not None:
                found["lost_there"].append(name)
    return Verdict(**{key: tuple(names) for key, names in found.items()})
