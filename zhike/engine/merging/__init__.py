"""Several records made one: which values stay, what moves, where old ids lead, and the way back (docs/merging.md)."""

from . import back  # how operations of this sort are taken back
from .choices import ALL, FEWEST, MOST, TAKES, mergeable, require
from .doing import listed, merge, seen, sweep
from .preview import Field, Preview, preview

__all__ = [
    "ALL",
    "FEWEST",
    "MOST",
    "TAKES",
    "Field",
    "Preview",
    "back",
    "listed",
    "merge",
    "mergeable",
    "preview",
    "require",
    "seen",
    "sweep",
]
