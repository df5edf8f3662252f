"""One export in a process of its own, for its memory: `python -m zhike.bench.export_apart FORMAT FIELDS`."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import django


def main(kind: str, keys: str) -> None:
    """Print seconds, peak memory and size of the file, both in MB."""
    django.setup()
    # Here, because they need Django set up.
    from zhike.base.models import User
    from zhike.engine import query, transfer
    from zhike.engine.access import Actor
    from zhike.engine.entity import get

    with tempfile.TemporaryDirectory(prefix="zhike-bench-") as folder:
        path = Path(folder) / f"list.{kind}"
        actor = Actor(User.objects.get(username="admin"), "export")
        begun = perf_counter()
        named = [key for key in keys.split(",") if key]
        transfer.export(actor, get("account"), query.parse(""), path, kind=kind, keys=named, console=True)
        seconds = perf_counter() - begun
        sys.stdout.write(json.dumps([seconds, _peak() / 1e6, path.stat().st_size / 1e6]) + "\n")


def _peak() -> int:
    """Bytes of memory at most; what getrusage says on Linux begins with the peak of the process that started this."""
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1_024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1_024)


if __name__ == "__main__":
    main(*sys.argv[1:])
