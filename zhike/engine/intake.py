"""The limited process that looks at an upload: `python -m zhike.engine.intake JOB`.

JOB is a JSON text made by `uploads`. The verdict goes to a file of JSON, a picture drawn anew to another.
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path

import msgspec

from . import confined, filekinds

MiB = 1024 * 1024


class Job(msgspec.Struct, frozen=True):
    """Where the upload lies, where verdict and picture go, and the limits: pixels, seconds, bytes."""

    path: str
    verdict: str
    fresh: str
    pixels: int
    seconds: int
    memory: int = 315 * MiB  # of addresses; what is really in use stays below 300 MiB
    output: int = 64 * MiB


class Verdict(msgspec.Struct):
    """The kind and its endings, or why not; `fresh` when a picture was drawn anew."""

    kind: str = ""
    endings: tuple[str, ...] = ()
    fresh: bool = False
    refused: str = ""
    params: dict[str, int | str] = {}


def judge(job: Job) -> Verdict:
    """Look at the file; every failure is a verdict too."""
    try:
        found = filekinds.look(Path(job.path))
        if found.kind not in filekinds.PICTURES:
            return Verdict(found.kind, found.endings)
        from . import pictures  # only pictures need it

        kind = pictures.redraw(Path(job.path), Path(job.fresh), found.kind, pixels=job.pixels)
        return Verdict(kind, filekinds.KINDS[kind].endings, fresh=True)
    except filekinds.Refused as refused:
        return Verdict(refused=refused.code, params=refused.params)
    except MemoryError:
        return Verdict(refused="too_much_memory")
    except OSError as error:
        codes = {errno.ENOSPC: "disk_full", errno.EDQUOT: "disk_full", errno.EFBIG: "too_much_memory"}
        return Verdict(refused=codes.get(error.errno or 0, "picture"))
    except RecursionError:
        return Verdict(refused="unknown")


def main(argument: str) -> int:
    """Confine the process, judge, write the verdict."""
    job = msgspec.json.decode(argument, type=Job)
    confined.confine(seconds=job.seconds, output=job.output, memory=job.memory, ceiling=job.memory)
    Path(job.verdict).write_bytes(msgspec.json.encode(judge(job)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
