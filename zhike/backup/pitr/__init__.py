"""Going back to any second: base backups and the write-ahead log after them, archived while people work.

Works with the embedded database alone: a server of one's own archives by its own means.
"""

from .archive import Archive, archives, newest, spans, unopened
from .archiver import Archiver, Wish
from .drill import drill, some_second
from .marks import mark
from .receiver import forget
from .recover import Target, plan
from .rewind import rewind

__all__ = [
    "Archive", "Archiver", "Target", "Wish", "archives", "drill", "forget", "mark", "newest", "plan", "rewind",
    "some_second", "spans", "unopened",
]  # fmt: skip
