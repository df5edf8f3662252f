"""When a record returns to its pool."""

from __future__ import annotations

import datetime as dt

from .document import Rule


def returns_at(rule: Rule, since: dt.datetime, last: dt.datetime | None) -> dt.datetime | None:
    """When a record goes back that its owner has had since `since`, and whose last event that counts was at `last`.

    红圈's arithmetic (domain-rules 3.5.4): the date is `days` after `since`; an event moves it to `update` days after
    itself, never back; `most` days after `since` it goes back whatever happens. None: an event has saved it for good.
    """
    at: dt.datetime | None = since + dt.timedelta(days=rule.days)
    if last is not None and last > since:
        at = (
            None if rule.update is None else max(since + dt.timedelta(days=rule.days), last + dt.timedelta(rule.update))
        )
    end = None if rule.most is None else since + dt.timedelta(days=rule.most)
    found = [moment for moment in (at, end) if moment is not None]
    return min(found) if found else None
