"""Backups of an installation: made, looked through, tried and restored. Works below Django, beside `zhike.launch`.

A backup is a folder: `manifest.json` says when and of what it was made and how its other files must hash, `database`
is a dump of PostgreSQL (custom format), `files` a tar of what was uploaded, both compressed with zstd and, where a key
was given, encrypted with age (age-encryption.org), so that other tools open them too. Whatever its name ends with
`.part` was never finished.
"""

from . import streams
from .make import make
from .model import Backup, BackupError, Told, folder, found, noted, read, write_whole
from .restore import drill, require_whole, restore

__all__ = [
    "Backup", "BackupError", "Told", "drill", "folder", "found", "make", "noted", "read", "require_whole", "restore",
    "streams", "write_whole",
]  # fmt: skip
