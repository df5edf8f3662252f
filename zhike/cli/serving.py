"""zhike demo, serve, worker, migrate: everything that runs processes."""

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path
from typing import Any

from zhike.cli import moments, schema
from zhike.cli.running import database, django_ready, environment
from zhike.cli.show import Progress, say
from zhike.launch import paths, ports
from zhike.launch.errors import LaunchError
from zhike.launch.lifeline import end_with_supervisor
from zhike.launch.locks import Lock
from zhike.launch.postgres import Server
from zhike.launch.supervisor import Program, Supervisor, answers

DEMO_SEED = 20260101


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds these commands to the command line."""
    demo = commands.add_parser("demo", help=_("Zhike with a made-up firm to try it on"))
    demo.add_argument("--lang", choices=("zh-hans", "zh-hant", "en"), help=_("language of the firm and its people"))
    demo.add_argument("--seed", type=int, default=DEMO_SEED, help=_("number that the firm is made from"))
    demo.add_argument("--remove", action="store_true", help=_("remove the made-up firm and end"))
    _add_port(demo)
    demo.set_defaults(run=run_demo, host="127.0.0.1", workers=2, no_worker=False)

    serve = commands.add_parser("serve", help=_("the web server and the worker, until Ctrl-C"))
    serve.add_argument("--host", default="127.0.0.1", help=_("address to listen on (%(default)s)"))
    serve.add_argument("--workers", type=int, default=2, help=_("number of web processes (%(default)s)"))
    serve.add_argument("--no-worker", action="store_true", help=_("leave the background work to `zhike worker`"))
    _add_port(serve)
    serve.set_defaults(run=run_serve)

    worker = commands.add_parser("worker", help=_("background work alone: messages, imports, reminders"))
    worker.add_argument("--concurrency", type=int, default=2, help=_("jobs at the same time (%(default)s)"))
    worker.set_defaults(run=run_worker)

    migrate = commands.add_parser("migrate", help=_("bring the tables of the database up to date"))
    add_no_backup(serve)
    add_no_backup(migrate)
    migrate.set_defaults(run=run_migrate)


def add_no_backup(parser: argparse.ArgumentParser) -> None:
    """Adds the flag of those who have a backup already."""
    parser.add_argument("--no-backup", action="store_true", help=_("change the tables without making a backup before"))


def run_demo(options: argparse.Namespace) -> int:
    """Makes the demo firm if there is none, serves it, and says who can log in."""
    if options.remove:
        return _remove_demo()
    for name in ("ZHIKE_BACKUP_HOUR", "ZHIKE_PITR_DAYS"):  # a made-up firm can be made up again
        os.environ.setdefault(name, "off")
    with only_one() as tell, database() as (home, server):
        schema.update(home, server, save=False)
        accounts = _demo_accounts(home, server, options.lang, options.seed)

        def announce(url: str) -> None:
            say(_("Zhike is ready: %(url)s") % {"url": url})
            say(_("Log in as:"))
            for account in accounts:
                say("  {role}: {username} / {password}".format(**account))
            say(_("Ctrl-C stops it; what you enter is kept."))
            tell(url)

        _supervise(home, server, options, announce)
    return 0


def run_serve(options: argparse.Namespace) -> int:
    """Serves the data folder's firm, or the one at DATABASE_URL."""
    with only_one() as tell, database() as (home, server):
        if server.cluster is None:
            schema.require_current(home, server)
        else:
            schema.update(home, server, save=not options.no_backup)

        def announce(url: str) -> None:
            say(_("Zhike is ready: %(url)s") % {"url": url})
            if schema.nobody(server.url):
                say(_("Nobody can log in yet. The first administrator: zhike user add NAME --role administrator"))
            tell(url)

        _supervise(home, server, options, announce)
    return 0


def run_worker(options: argparse.Namespace) -> int:
    """Does background work until told to stop."""
    end_with_supervisor()
    with django_ready():
        # Here, because it needs Django set up.
        from procrastinate.contrib.django import app
        from procrastinate.contrib.django.django_connector import DjangoConnector

        if not isinstance(app.connector, DjangoConnector):
            raise TypeError(app.connector)
        with app.replace_connector(app.connector.get_worker_connector()):
            app.run_worker(concurrency=options.concurrency, shutdown_graceful_timeout=10, name="zhike")
    return 0


def run_migrate(options: argparse.Namespace) -> int:
    """Applies pending migrations."""
    with django_ready() as (home, server):
        count = schema.migrate(home, server, save=not options.no_backup)
    say(_("The tables are up to date (%(count)d steps applied).") % {"count": count})
    return 0


def _add_port(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=int, help=_("port to listen on (ZHIKE_PORT, else 8000)"))


def _supervise(home: Path, server: Server, options: argparse.Namespace, announce: Callable[[str], None]) -> None:
    wanted = ports.wanted(options.port)
    port = ports.free(options.host, wanted)
    if port != wanted:
        say(_("Port %(wanted)d is taken; using %(port)d.") % {"wanted": wanted, "port": port})
    shown = f"[{options.host}]" if ":" in options.host else options.host
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(options.host, shown)  # noqa: S104
    variables = {"ZHIKE_URL": f"http://{local}:{port}", **environment(home, server)}
    web = [sys.executable, "-m", "zhike.cli.web", options.host, str(port), str(options.workers)]
    programs = [Program("web", web, {**variables, "ZHIKE_OWNER_URL": ""})]  # pages never change tables
    if not options.no_worker:
        programs.append(Program("worker", [sys.executable, "-m", "zhike", "worker"], variables))
    programs += moments.programs(server, variables, sys.executable)
    Supervisor(server, programs, say).run(
        ready=lambda: answers(local.strip("[]"), port), announce=lambda: announce(f"http://{shown}:{port}/")
    )


@contextmanager
def only_one() -> Iterator[Callable[[str], None]]:
    """Holds the data folder for one supervisor; gives a function that notes the address it serves at.

    Raises LaunchError with that address when another one has it.
    """
    home = paths.home()
    note = home / "running.json"
    lock = Lock(home / "running.lock")
    if not lock.try_take():
        raise LaunchError(
            _("Zhike already runs on %(home)s: %(url)s. To run a second one, set ZHIKE_HOME to another folder.")
            % {"home": home, "url": address(note) or _("it is just starting")}
        )

    def tell(url: str) -> None:
        note.write_text(json.dumps({"url": url, "pid": os.getpid()}), "utf-8")
        paths.adopt(note, home)

    try:
        yield tell
    finally:
        note.unlink(missing_ok=True)
        lock.release()


def address(note: Path) -> str:
    """Where Zhike runs, by the note of the one that does; "" when none does."""
    try:
        return str(json.loads(note.read_text("utf-8"))["url"])
    except (OSError, ValueError, KeyError):
        return ""


def _demo_accounts(home: Path, server: Server, lang: str | None, seed: int) -> list[dict[str, str]]:
    """The accounts of the demo firm, which is made first when this database has none."""
    note = home / "demo.json"
    database = schema.identity(server.url)
    known = _read(note)
    if known.get("database") == database:
        if lang not in (None, known["lang"]):
            say(
                _("The made-up firm is there already, in %(lang)s. For another: zhike demo --remove, then again.")
                % {"lang": known["lang"]}
            )
        stored: list[dict[str, str]] = known["accounts"]
        return stored
    # Here, because a second start does without Django in this process.
    import django
    from django.db import connections

    django.setup()
    from zhike import demo

    progress = Progress()
    try:
        accounts: list[dict[str, str]] = demo.load(lang=lang or "zh-hans", seed=seed, progress=progress)
    finally:
        progress.close()
        connections.close_all()
    kept = {"database": database, "lang": lang or "zh-hans", "seed": seed, "accounts": accounts}
    note.touch(0o600)
    note.write_text(json.dumps(kept, ensure_ascii=False), "utf-8")
    paths.adopt(note, home)
    return accounts


def _remove_demo() -> int:
    with django_ready() as (home, server), schema.owner(server):
        # Here, because it needs Django set up.
        from zhike import demo

        demo.remove()
        (home / "demo.json").unlink(missing_ok=True)
    say(_("The made-up firm is gone."))
    return 0


def _read(note: Path) -> dict[str, Any]:
    try:
        found = json.loads(note.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
