"""Going back to a second: what `zhike backup` and `zhike restore` say and do about it."""

import datetime as dt
import random
from gettext import gettext as _
from pathlib import Path
from zoneinfo import ZoneInfo

from config.zone import TIME_ZONE
from zhike import backup
from zhike.backup import pitr
from zhike.cli.show import say
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import Server
from zhike.launch.supervisor import Program

ANY = "any"
URL = "ZHIKE_SUPERUSER_URL"  # what the archiver signs in with


def zone() -> ZoneInfo:
    """The time zone of the firm."""
    return ZoneInfo(TIME_ZONE)


def when(text: str) -> dt.datetime:
    """A moment as people write it, in the time zone of the firm where they name none. Raises LaunchError."""
    try:
        at = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        raise LaunchError(
            _("“%(text)s” is no time. Write it as in “2026-11-22 10:15:00”.") % {"text": text[:40]}
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=zone())


def shown(at: dt.datetime) -> str:
    """A moment as the firm's clocks say it."""
    return at.astimezone(zone()).isoformat(" ", "seconds")


def windows(folder: Path) -> list[dict[str, object]]:
    """What can be reached, the newest first."""
    found: list[dict[str, object]] = []
    for archive in pitr.archives(folder):
        for since, until, missing in pitr.spans(archive.windows()):
            found.append({"window": {"from": shown(since), "until": shown(until), "missing": missing or None}})
        for name, said in archive.marks().items():
            found.append({"mark": name, "at": shown(dt.datetime.fromisoformat(said["at"]))})
    return found


def tell(folder: Path) -> None:
    """Say what can be reached."""
    for one in windows(folder):
        window = one.get("window")
        if isinstance(window, dict):
            say(_("Any second can be reached from %(from)s until %(until)s.") % window)
            if window["missing"]:
                say(_("There it ends: the segment %(missing)s of the log is missing or not whole.") % window)
        else:
            say(_("Mark %(mark)s: %(at)s") % one)


def set_mark(server: Server, folder: Path, name: str) -> None:
    """Give this moment a name."""
    require_embedded(server)
    at = pitr.mark(server.superuser, folder, name)
    say(_("Mark %(name)s set: %(at)s. In a minute “zhike restore --mark %(name)s” can go back to it.")
        % {"name": name, "at": shown(at)})  # fmt: skip


def drill(server: Server, home: Path, folder: Path, text: str, identity: str, told: backup.Told) -> int:
    """Try a moment, or any; 1 where the copy is not as it should be."""
    require_embedded(server)
    at = pitr.some_second(folder, random.SystemRandom()) if text == ANY else when(text)
    chosen, problems = pitr.drill(server, home, folder, pitr.Target(at), identity=identity, told=told)
    for problem in problems:
        say(problem)
    if problems:
        say(_("%(at)s is not as it was: %(count)d differences.") % {"at": shown(at), "count": len(problems)})
        return 1
    said = {"at": shown(at), "count": len(chosen.window.segments)}
    say(
        _("%(at)s can be reached (%(count)d segments of the log): its tables, its log of changes and its files agree.")
        % said
    )
    return 0


def require_embedded(server: Server) -> None:
    """Raises LaunchError for a server of one's own."""
    if server.cluster is None:
        raise LaunchError(_external())


def _external() -> str:
    return _(
        "Going back to any second is what the database server at DATABASE_URL does itself: switch on archive_mode "
        "there and take base backups (pg_basebackup, pgBackRest, Barman, the provider's own), or ask whoever runs it. "
        "`zhike backup` and `zhike restore` work with it as usual. Leave ZHIKE_PITR_DAYS unset."
    )


def programs(server: Server, variables: dict[str, str], python: str) -> list[Program]:
    """The archiver where it is wanted; where it is not, the server is told that nobody waits for its log."""
    # Here, because the environment may have changed since the command began.
    from config import settings

    if server.cluster is None:
        if settings.PITR_DAYS:
            say(_external())
        return []
    if settings.PITR_DAYS:
        more = {URL: server.superuser}
        return [Program("archiver", [python, "-m", "zhike.cli.archiver"], {**variables, **more})]
    pitr.forget(server.superuser)
    return []
