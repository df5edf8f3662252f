"""Files of rows that users drop: read in a confined process, guessed, written.

Pure Python: no Django model, no database. Texts for people are in `messages`.
"""

from __future__ import annotations

from .errors import TabularError
from .guess import FieldSpec, Guess, compose_name, guess, name_parts
from .model import Cell, Limits, Note
from .reader import Table, open_table, read

__all__ = [
    "Cell",
    "FieldSpec",
    "Guess",
    "Limits",
    "Note",
    "Table",
    "TabularError",
    "compose_name",
    "guess",
    "name_parts",
    "open_table",
    "read",
]
