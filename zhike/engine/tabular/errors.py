"""The one exception of the file readers: a code and its parameters, no text."""

from __future__ import annotations


class TabularError(Exception):
    """A file that cannot be read; `code` names the reason, `params` say where and how much."""

    def __init__(self, code: str, **params: str | int) -> None:
        super().__init__(code, params)
        self.code = code
        self.params: dict[str, str | int] = params
