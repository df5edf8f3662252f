"""Several files in one (zip): unpacked within limits, in a process of its own.

`python -m zhike.engine.tabular.bundle JOB` writes the files of an archive to a folder, under names of its own; their
real names stand in the contents, and are only shown. What is a spreadsheet itself is no bundle and is left whole.
"""

from __future__ import annotations

import errno
import sys
import zipfile
from pathlib import Path

import msgspec

from zhike.engine import confined

from . import archive
from .errors import TabularError
from .model import Failure, Limits, MiB
from .sniff import ZIP

MOST = 60  # files
CONTENTS = "contents.json"
_LEFT = (".", "__MACOSX", "Thumbs.db", "desktop.ini")  # what computers put beside files


class Job(msgspec.Struct, frozen=True):
    """What the process is told."""

    path: str
    folder: str
    limits: Limits
    seconds: int


class Contents(msgspec.Struct):
    """What it answers: the names of the files 0, 1, … in the folder, none where the file is no bundle."""

    names: list[str] = []
    failure: Failure | None = None


def unpack(path: Path, folder: Path, limits: Limits) -> list[tuple[str, Path]]:
    """The files of a bundle, (name, where it lies in `folder`) each, in its order; nothing for what is no bundle.

    Raises TabularError.
    """
    with path.open("rb") as file:
        if file.read(len(ZIP)) != ZIP:
            return []
    seconds = limits.seconds + limits.seconds_per_mib * path.stat().st_size / MiB
    folder.mkdir(parents=True, exist_ok=True)
    job = Job(str(path.resolve()), str(folder.resolve()), limits, int(seconds) + 1)
    try:
        confined.run("zhike.engine.tabular.bundle", msgspec.json.encode(job).decode(), folder=folder, seconds=seconds)
        found = msgspec.json.decode((folder / CONTENTS).read_bytes(), type=Contents)
    except confined.Died as died:
        raise TabularError(died.code, **({"seconds": int(seconds)} if died.code == "too_slow" else {})) from None
    except (OSError, msgspec.DecodeError):
        raise TabularError("reader_died") from None
    if found.failure is not None:
        raise TabularError(found.failure.code, **found.failure.params)
    return [(name, folder / str(n)) for n, name in enumerate(found.names)]


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a file; old programs write it in the encoding of their country and do not say which."""
    name = info.filename
    if not info.flag_bits & 0x800:
        raw = name.encode("cp437", "replace")
        for codec in ("utf-8", "gb18030"):
            try:
                name = raw.decode(codec)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/").replace("\x00", "").strip("/")


def _write(job: Job) -> list[str]:
    path, limits = Path(job.path), job.limits
    with zipfile.ZipFile(path) as opened:
        infos = opened.infolist()
    if len(infos) > limits.entries:
        raise TabularError("zip_bomb", reason="entries", count=len(infos), limit=limits.entries)
    if archive.kind_of({info.filename for info in infos}) != "archive":
        return []
    archive.refuse_overlap(infos)
    names: list[str] = []
    total = 0
    with path.open("rb") as file:
        for info in infos:
            name = _name(info)
            if info.is_dir() or name.startswith(_LEFT[1:]) or name.rpartition("/")[2].startswith(_LEFT):
                continue
            if info.flag_bits & 1:
                raise TabularError("password")
            if len(names) == MOST:
                raise TabularError("zip_bomb", reason="entries", count=len(infos), limit=MOST)
            size = 0
            with (Path(job.folder) / str(len(names))).open("wb") as to:
                for piece in archive.inflated(file, info):
                    size, total = size + len(piece), total + len(piece)
                    if size > limits.ratio_floor and size > limits.unpacked_ratio * max(info.compress_size, 1):
                        raise TabularError("zip_bomb", reason="ratio", count=size, limit=limits.unpacked_ratio)
                    if total > limits.file_bytes:
                        raise TabularError("zip_bomb", reason="size", count=total, limit=limits.file_bytes)
                    to.write(piece)
            names.append(name[-120:])
    if not names:
        raise TabularError("no_rows")
    return names


def main(argument: str) -> int:
    """Unpack; what went wrong stands in the contents."""
    job = msgspec.json.decode(argument, type=Job)
    limits = job.limits
    confined.confine(
        seconds=job.seconds, output=limits.file_bytes, memory=limits.memory_bytes, ceiling=limits.memory_ceiling
    )
    found = Contents()
    try:
        found.names = _write(job)
    except TabularError as error:
        found.failure = Failure(error.code, error.params)
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        found.failure = Failure("disk_full" if full else "broken", {} if full else {"detail": str(error)[:100]})
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OverflowError, MemoryError) as error:
        found.failure = Failure("broken", {"detail": str(error)[:100]})
    (Path(job.folder) / CONTENTS).write_bytes(msgspec.json.encode(found))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
