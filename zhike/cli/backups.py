"""zhike backup and zhike restore."""

import argparse
import datetime as dt
import os
from gettext import gettext as _
from pathlib import Path
from typing import Any

from zhike import backup
from zhike.backup import keeping, pitr, streams
from zhike.cli import moments, schema
from zhike.cli.running import database, django_ready
from zhike.cli.serving import only_one
from zhike.cli.show import Progress, result, say
from zhike.launch import paths
from zhike.launch.postgres import Server

MIB = 1024 * 1024


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the commands to the command line."""
    make = commands.add_parser("backup", help=_("save the whole installation: database, files, list of the erased"))
    _folder(make)
    make.add_argument(
        "--recipient",
        metavar="AGE1…",
        help=_("public key to encrypt for (ZHIKE_BACKUP_RECIPIENT); `backup key` makes one"),
    )
    make.add_argument("--json", action="store_true", help=_("the outcome as JSON"))
    make.set_defaults(run=run_make)
    actions = make.add_subparsers(dest="action", metavar="ACTION")

    listing = actions.add_parser("list", help=_("the backups that there are"))
    _folder(listing)
    listing.add_argument("--json", action="store_true", help=_("as JSON"))
    listing.set_defaults(run=run_list)

    drill = actions.add_parser("drill", help=_("try a backup: restore it beside everything and compare every table"))
    _folder(drill)
    drill.add_argument("--name", help=_("which one (the newest)"))
    drill.add_argument(
        "--at",
        metavar="WHEN",
        help=_("try the archive of the log instead: go to this second beside everything; or “any”"),
    )
    drill.add_argument("--key", type=Path, metavar="FILE", help=_("file with the secret key"))
    drill.set_defaults(run=run_drill)

    prune = actions.add_parser("prune", help=_("remove old backups"))
    _folder(prune)
    usual = keeping.Keeping()
    prune.add_argument("--days", type=int, default=usual.days, help=_("days of which all are kept (%(default)s)"))
    prune.add_argument("--weeks", type=int, default=usual.weeks, help=_("weeks of which one is kept (%(default)s)"))
    prune.add_argument("--months", type=int, default=usual.months, help=_("months of which one is kept (%(default)s)"))
    prune.set_defaults(run=run_prune)

    key = actions.add_parser("key", help=_("make a pair of keys: the public one encrypts, the secret one restores"))
    key.add_argument("--out", type=Path, required=True, metavar="FILE", help=_("new file for the secret key"))
    key.set_defaults(run=run_key)

    mark = actions.add_parser("mark", help=_("give this moment a name that one can go back to"))
    _folder(mark)
    mark.add_argument("name", help=_("a word"))
    mark.set_defaults(run=run_mark)

    restore = commands.add_parser("restore", help=_("bring a backup back into an empty installation"))
    restore.add_argument(
        "place", type=Path, metavar="FOLDER", nargs="?", help=_("the backup; for a moment, where backups lie")
    )
    moment = restore.add_mutually_exclusive_group()
    moment.add_argument("--to", dest="at", metavar="WHEN", help=_("a second: “2026-11-22 10:15:00”"))
    moment.add_argument("--mark", help=_("a moment that “zhike backup mark” has named"))
    restore.add_argument("--key", type=Path, metavar="FILE", help=_("file with the secret key"))
    restore.set_defaults(run=run_restore)


def _folder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", default=argparse.SUPPRESS,
        help=_("where backups lie (ZHIKE_BACKUPS, else `backups` in the data folder)"),
    )  # fmt: skip


def folder(options: argparse.Namespace, home: Path) -> Path:
    """Where backups lie."""
    named = getattr(options, "to", None)
    return named.expanduser().absolute() if named else backup.folder(home)


def run_make(options: argparse.Namespace) -> int:
    """Makes a backup and says where it is."""
    progress = Progress()
    recipient = options.recipient or os.environ.get("ZHIKE_BACKUP_RECIPIENT") or ""
    with database() as (home, server):
        try:
            made = backup.make(home, server, folder(options, home), recipient=recipient, told=progress)
        finally:
            progress.close()
    if options.json:
        result(_told(made), as_json=True)
        return 0
    say(
        _("Backup made in %(seconds).1f s: %(place)s (%(rows)s rows, %(files)s files, %(size).1f MB).")
        % {
            "seconds": made.seconds, "place": made.place, "rows": f"{made.rows:,}", "files": f"{made.uploads:,}",
            "size": made.size / MIB,
        }
    )  # fmt: skip
    if not recipient:
        say(
            _(
                "It is not encrypted: whoever has the folder reads all of it. "
                "It does without %(file)s: keep a copy of that in another place."
            )
            % {"file": home / "secret_key"}
        )
    return 0


def run_list(options: argparse.Namespace) -> int:
    """Lists the backups, the newest first."""
    found = backup.found(folder(options, paths.home()))
    place = folder(options, paths.home())
    if not found and not options.json:
        say(_("There is no backup in %(folder)s yet.") % {"folder": place})
    reached = moments.windows(place) if options.json else []
    result([*map(_told, found), *reached], as_json=options.json)
    if not options.json:
        moments.tell(place)
    return 0


def run_drill(options: argparse.Namespace) -> int:
    """Tries a backup; ends with 1 where it is not what it should be."""
    progress = Progress()
    with database() as (home, server):
        if options.at:
            try:
                return moments.drill(server, home, folder(options, home), options.at, _secret(options.key), progress)
            finally:
                progress.close()
        chosen = _chosen(folder(options, home), options.name)
        try:
            problems = backup.drill(server, chosen, identity=_secret(options.key), told=progress)
        finally:
            progress.close()
    for problem in problems:
        result(problem, as_json=False)
    if problems:
        say(
            _("%(name)s does not hold what it should: %(count)d differences.")
            % {"name": chosen.name, "count": len(problems)}
        )
        return 1
    text = _("%(name)s can be restored: all %(tables)d tables and %(files)s files are as they were.")
    say(text % {"name": chosen.name, "tables": len(chosen.tables), "files": f"{chosen.uploads:,}"})
    return 0


def run_prune(options: argparse.Namespace) -> int:
    """Removes old backups and names them."""
    kept = keeping.Keeping(options.days, options.weeks, options.months)
    gone = keeping.prune(backup.found(folder(options, paths.home())), kept, dt.datetime.now(dt.UTC))
    for one in gone:
        result(one.name, as_json=False)
    say(_("%(count)d backups removed.") % {"count": len(gone)})
    return 0


def run_key(options: argparse.Namespace) -> int:
    """Makes a pair of keys."""
    secret, public = streams.new_key()
    handle = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"# public key: {public}\n{secret}\n")
    result(public, as_json=False)
    say(
        _("The secret key is in %(file)s. Keep it away from this machine: without it no backup can be restored.")
        % {"file": options.out}
    )
    return 0


def run_mark(options: argparse.Namespace) -> int:
    """Gives this moment a name."""
    with database() as (home, server):
        moments.set_mark(server, folder(options, home), options.name)
    return 0


def run_restore(options: argparse.Namespace) -> int:
    """Restores a backup; ends with 1 where something is not as it was."""
    if options.at or options.mark:
        return _rewind(options)
    if options.place is None:
        raise backup.BackupError(_("Name the backup to restore, or a moment: --to “2026-11-22 10:15:00”."))
    chosen = backup.read(options.place.expanduser().absolute())
    progress = Progress()
    with only_one(), database(resumes=True) as (home, server):
        try:
            problems = backup.restore(home, server, chosen, identity=_secret(options.key), told=progress)
        finally:
            progress.close()
    _bring_up_to_date()
    for problem in problems:
        result(problem, as_json=False)
    if problems:
        say(_("Restored, but %(count)d tables are not as they were.") % {"count": len(problems)})
        return 1
    say(
        _("Restored: %(rows)s rows and %(files)s files, as of %(at)s. Start Zhike as usual.")
        % {"rows": f"{chosen.rows:,}", "files": f"{chosen.uploads:,}", "at": chosen.made_at.isoformat(" ")}
    )
    return 0


def _rewind(options: argparse.Namespace) -> int:
    """Goes back to a moment."""
    if os.environ.get("DATABASE_URL"):
        moments.require_embedded(Server(os.environ["DATABASE_URL"]))
    target = pitr.Target(moments.when(options.at) if options.at else None, options.mark or "")
    progress, home = Progress(), paths.home()
    place = options.place.expanduser().absolute() if options.place else folder(options, home)
    with only_one():
        try:
            chosen = pitr.rewind(home, place, target, identity=_secret(options.key), told=progress)
        finally:
            progress.close()
    _bring_up_to_date()
    say(_("Restored as of %(at)s. Start Zhike as usual.") % {"at": moments.shown(chosen.at)})
    return 0


def _bring_up_to_date() -> None:
    with django_ready() as (home, server):
        schema.migrate(home, server, save=False)  # it has just come from a backup
        # Here, because it needs Django set up.
        from zhike.engine import privacy

        privacy.reapply()  # a backup brings back whom it knew


def _chosen(place: Path, name: str | None) -> backup.Backup:
    if name:
        return backup.read(place / Path(name).name)
    found = backup.found(place)
    if not found:
        raise backup.BackupError(_("There is no backup in %(folder)s yet.") % {"folder": place})
    return found[0]


def _secret(file: Path | None) -> str:
    if file is None:
        return ""
    text = file.expanduser().read_text("utf-8")
    streams.identity_of(text)
    return text


def _told(one: backup.Backup) -> dict[str, Any]:
    return {
        "name": one.name,
        "made_at": one.made_at.isoformat(),
        "place": str(one.place),
        "rows": one.rows,
        "files": one.uploads,
        "bytes": one.size,
        "seconds": round(one.seconds, 1),
        "encrypted": bool(one.recipient),
        "drill": one.drilled(),
    }
