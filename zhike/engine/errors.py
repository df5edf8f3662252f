"""What can go wrong, as values that every channel turns into its own answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.utils.translation import gettext as _


class Wrong(ValueError):
    """One value cannot be taken; the text tells the user why and what to write instead."""

    def __init__(self, text: str, code: str = "invalid") -> None:
        super().__init__(text)
        self.text = text
        self.code = code


Errors = Mapping[str, Sequence[Wrong]]


class Invalid(Exception):
    """Records cannot be written: for each row given, the errors by field key ("" for the record as a whole)."""

    def __init__(self, rows: Sequence[Errors]) -> None:
        self.rows = list(rows)
        super().__init__("; ".join(f"{k}: {e.text}" for row in rows for k, found in row.items() for e in found)[:500])

    @property
    def first(self) -> Errors:
        """The errors of the first row that has any."""
        return next((row for row in self.rows if row), {})


class Refused(Exception):
    """The actor has no right to this; what exists beyond it is not told."""

    def __init__(self, what: str = "") -> None:
        super().__init__(what)
        self.what = what

    @property
    def text(self) -> str:
        """For the user."""
        return _("You have no permission for this. Ask your administrator.")


class Limited(Refused):
    """Allowed, but not so often: `after` says in how many seconds to try again."""

    def __init__(self, said: str, after: int) -> None:
        super().__init__("limit")
        self.said = said
        self.after = after

    @property
    def text(self) -> str:
        """For the user."""
        return self.said


class Missing(Exception):
    """There is no such record, or the actor may not see it: the two look the same."""

    @property
    def text(self) -> str:
        """For the user."""
        return _("This record does not exist, or you may not see it.")


class Conflict(Exception):
    """Somebody else changed the record in the meantime."""

    def __init__(self, ids: Sequence[object] = ()) -> None:
        super().__init__(str(ids))
        self.ids = list(ids)

    @property
    def text(self) -> str:
        """For the user."""
        return _("Somebody else has changed this record in the meantime. Your input is kept: compare and save again.")
