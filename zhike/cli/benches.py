"""zhike bench."""

import argparse
from gettext import gettext as _
from pathlib import Path

from zhike.cli.running import django_ready
from zhike.cli.show import Progress, result


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    bench = commands.add_parser("bench", help=_("measure, each figure beside the same work done by hand"))
    bench.add_argument("name", nargs="?", default="all", metavar="NAME", help=_("one bench, such as pages or real"))
    bench.add_argument("--data", type=Path, help=_("folder of real data sets, for the benches real and formats"))
    bench.add_argument("--rows", type=int, help=_("customers of the made-up firm, 1,000,000 unless told"))
    bench.add_argument("--keep", action="store_true", help=_("leave that firm to the next bench: load, lists, search"))
    bench.add_argument("--to", type=Path, help=_("folder that the bench growth writes to; docs unless told"))
    bench.add_argument("--json", action="store_true", help=_("figures as a list of JSON objects"))
    bench.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measures and prints; ends with 1 when a goal is missed."""
    with django_ready() as (_home, server):
        # Here, because it needs Django set up.
        from zhike import bench

        progress = Progress()
        given = {"data": options.data, "rows": options.rows, "keep": options.keep, "to": options.to}
        try:
            figures = bench.run(options.name, {**given, "server": server, "progress": progress})
        finally:
            progress.close()
    result(figures, as_json=options.json)
    return 0 if all(figure.get("met", True) for figure in figures) else 1
