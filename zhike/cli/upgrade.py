"""zhike upgrade: brings the tables up to date, or rehearses that on a copy and says what it would do."""

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from gettext import gettext as _
from pathlib import Path

import psycopg

from zhike import backup
from zhike.backup import copying, streams
from zhike.backup.digest import columns_of, digests
from zhike.backup.model import Table
from zhike.cli import migrating, schema, serving
from zhike.cli.running import django_ready
from zhike.cli.show import Progress, result, say
from zhike.launch.postgres import Server

SCRATCH = "rehearsal"
# What a step holds until it ends. The weakest of them says that it has written rows.
LOCKS = """
SELECT c.relname, array_agg(DISTINCT l.mode ORDER BY l.mode) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
WHERE l.pid = pg_backend_pid() AND l.granted AND c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace
    AND l.mode NOT IN ('AccessShareLock', 'RowShareLock')
GROUP BY 1
"""
WRITES = "RowExclusiveLock"
ALWAYS = {"django_migrations", "django_content_type", "auth_permission"}  # every upgrade adds to them


@dataclass
class Step:
    """One migration: its name, seconds, and by table what it locked so that others wait."""

    name: str
    seconds: float
    locks: dict[str, list[str]] = field(default_factory=dict)


@dataclass
class Rehearsed:
    """What a rehearsal has shown: the steps, tables that hold something else, and what must not be so."""

    steps: list[Step]
    changed: list[str]
    problems: list[str]


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    upgrade = commands.add_parser("upgrade", help=_("bring the tables up to date; --rehearse tries it on a copy"))
    upgrade.add_argument(
        "--rehearse", action="store_true", help=_("on a copy only: how long, which locks, what changes")
    )
    upgrade.add_argument("--from", dest="place", type=Path, metavar="FOLDER", help=_("rehearse on this backup"))
    upgrade.add_argument("--key", type=Path, metavar="FILE", help=_("file with the secret key"))
    upgrade.add_argument("--json", action="store_true", help=_("the outcome as JSON"))
    serving.add_no_backup(upgrade)
    upgrade.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Upgrades or rehearses; a rehearsal ends with 1 where something is not as it must be."""
    if not options.rehearse:
        return serving.run_migrate(options)
    progress = Progress()
    with django_ready() as (_home, server):
        try:
            url = server.scratch(SCRATCH)
            if options.place:
                chosen = backup.read(options.place.expanduser().absolute())
                copying.fill(url, chosen, _secret(options.key), progress)
            else:
                copying.copy(server.url, url)
            found = rehearse(Server(url), progress)
        finally:
            progress.close()
            server.drop(SCRATCH)
    _show(found, as_json=options.json)
    return 1 if found.problems else 0


def rehearse(copy: Server, told: backup.Told | None = None) -> Rehearsed:
    """Bring a copy up to date, step by step. Needs Django set up. Raises LaunchError where a step fails."""
    with psycopg.connect(copy.url) as connection:
        columns = columns_of(connection)
        before = digests(connection, told)
    with schema.owner(copy, **migrating.OPTIONS):
        migrating.refuse_newer()
        steps = _steps(told)
        migrating.apply(copy)  # what comes after the last step: types of content, permissions
    with psycopg.connect(copy.url) as connection:
        now = columns_of(connection)
        left = {name: [c for c in mine if c in now[name]] for name, mine in columns.items() if name in now}
        after = digests(connection, told, left)
    return Rehearsed(steps, *_judged(steps, columns, left, before, after))


def _steps(told: backup.Told | None) -> list[Step]:
    # Here, because importing them needs Django's settings to be in the environment.
    from contextlib import nullcontext

    from django.db import connection, transaction
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    executor.recorder.ensure_schema()
    applied = [key for key in executor.loader.applied_migrations or () if key in executor.loader.graph.nodes]
    state, steps = executor.loader.project_state(applied), []
    for n, (migration, _backwards) in enumerate(plan, 1):
        begun = time.monotonic()
        locks: dict[str, list[str]] = {}
        with transaction.atomic() if migration.atomic else nullcontext():
            state = executor.apply_migration(state, migration)
            if migration.atomic:
                with connection.cursor() as cursor:
                    cursor.execute(LOCKS)
                    locks = {str(table): list(modes) for table, modes in cursor.fetchall()}
        steps.append(Step(f"{migration.app_label}.{migration.name}", round(time.monotonic() - begun, 3), locks))
        if told:
            told(n, len(plan), _("steps"))
    return steps


def _judged(
    steps: list[Step], columns: Mapping[str, list[str]], left: Mapping[str, list[str]],
    before: Mapping[str, Table], after: Mapping[str, Table],
) -> tuple[list[str], list[str]]:  # fmt: skip
    """Which tables hold something else, and which of them no step has anything to do with."""
    touched = {table for step in steps for table in step.locks}
    changed: list[str] = []
    problems: list[str] = []
    for name, was in before.items():
        if name in ALWAYS:
            continue
        now = after.get(name)
        gone = [column for column in columns[name] if column not in left.get(name, [])]
        if now is None:
            text = _("%(table)s is gone (%(rows)s rows)") % {"table": name, "rows": f"{was.rows:,}"}
        elif gone:
            text = _("%(table)s loses %(columns)s") % {"table": name, "columns": ", ".join(gone)}
        elif now != was:
            text = _("%(table)s: %(before)s rows then, %(after)s now") % {
                "table": name, "before": f"{was.rows:,}", "after": f"{now.rows:,}",
            }  # fmt: skip
        else:
            continue
        (changed if name in touched else problems).append(text)
    return changed, problems


def _show(found: Rehearsed, *, as_json: bool) -> None:
    if as_json:
        steps = [vars(step) for step in found.steps]
        result({"steps": steps, "changed": found.changed, "problems": found.problems}, as_json=True)
        return
    for step in found.steps:
        strong = {table: [m for m in modes if m != WRITES] for table, modes in step.locks.items()}
        held = "; ".join(f"{table}: {', '.join(modes)}" for table, modes in strong.items() if modes)
        result(f"{step.seconds:8.3f} s  {step.name}  {held}".rstrip(), as_json=False)
    for text in found.changed:
        result(_("changed: %(text)s") % {"text": text}, as_json=False)
    for text in found.problems:
        result(_("must not be: %(text)s") % {"text": text}, as_json=False)
    seconds = sum(step.seconds for step in found.steps)
    say(
        _("Rehearsed on a copy: %(count)d steps in %(seconds).1f s, %(changed)d tables changed, %(wrong)d must not be.")
        % {"count": len(found.steps), "seconds": seconds, "changed": len(found.changed), "wrong": len(found.problems)}
    )
    say(_("The installation is as it was."))


def _secret(file: Path | None) -> str:
    if file is None:
        return ""
    text = file.expanduser().read_text("utf-8")
    streams.identity_of(text)
    return text
