"""The database that Zhike runs on: a server of one's own, or the embedded one.

`ensure` gives a running server; `test_server` one that is thrown away.
"""

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from gettext import gettext as _
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from zhike.launch import paths, rights
from zhike.launch.account import account_for
from zhike.launch.binaries import NEWEST, OLDEST
from zhike.launch.cluster import Cluster
from zhike.launch.errors import LaunchError
from zhike.launch.locks import Lock, alone
from zhike.launch.tuning import settings, throw_away_settings

ROLE = DATABASE = "zhike"
SUPERUSER = "postgres"
SCRATCH = "zhike_scratch_"
FOREIGN_TOP = Path("/var/lib/zhike")
ACCEPT = "ZHIKE_ACCEPT_DATA_LOSS"
LOG_BYTES = 10_000_000


class Server:
    """A running PostgreSQL server: `url` is Zhike's database for the owner of the tables, `app` for the application."""

    def __init__(self, url: str, *, app: str = "", cluster: Cluster | None = None, home: Path | None = None) -> None:
        self.url = url
        self.app = app or url
        self.cluster = cluster
        self.template = "template0"  # what a scratch database begins as
        self._home = home
        self._users: Lock | None = None
        if home is not None:
            self._users = Lock(home / "postgres.users")
            self._users.share()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def alive(self) -> bool:
        """True when the server takes connections; a server of one's own is not asked."""
        return self.cluster is None or self.cluster.running()

    def revive(self) -> None:
        """Brings an embedded server up again after it was killed; its address stays the same."""
        if self.cluster is not None and self._home is not None:
            with alone(self._home / "postgres.lock"):
                _bring_up(self.cluster)

    def stop(self) -> None:
        """Ends an embedded server unless another process of this data folder still uses it."""
        if self.cluster is None or self._home is None or self._users is None:
            return
        with alone(self._home / "postgres.lock"):
            last = self._users.try_take()
            self._users.release()
            self._users = None
            if last:
                self.cluster.stop()

    @property
    def superuser(self) -> str:
        """The address of an embedded server for whoever may do everything; "" for a server of one's own."""
        return self.cluster.url(role=SUPERUSER, database="postgres") if self.cluster else ""

    def scratch(self, name: str) -> str:
        """Makes a database like `template` for one run (dropping what an earlier run left) and gives its address.

        The name is lower-case letters, digits and underscores; the database is called zhike_scratch_NAME.
        """
        self.drop(name)
        with _connect(self.url) as connection:
            made = sql.SQL("CREATE DATABASE {} TEMPLATE {} ENCODING 'UTF8'")
            connection.execute(made.format(_scratch(name), sql.Identifier(self.template)))
        return self._scratch_url(name)

    def kept(self, name: str) -> str:
        """The address of a scratch database that an earlier run has left; "" where there is none."""
        with _connect(self.url) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [SCRATCH + name]).fetchone()
        return self._scratch_url(name) if found else ""

    def _scratch_url(self, name: str) -> str:
        parts = self.url.partition("?")
        return parts[0].rpartition("/")[0] + f"/{SCRATCH}{name}{parts[1]}{parts[2]}"

    def drop(self, name: str) -> None:
        """Removes a scratch database and ends whoever is connected to it."""
        with _connect(self.url) as connection:
            drop = sql.SQL("DROP DATABASE IF EXISTS {}").format(_scratch(name))
            try:
                connection.execute(drop + sql.SQL(" WITH (FORCE)"))
            except psycopg.errors.InsufficientPrivilege:  # the server tidies up there: that ends of itself, when asked
                connection.execute(drop)


def ensure(home: Path) -> Server:
    """A running server that keeps what it is given: DATABASE_URL, else the embedded one in `home`.

    DATABASE_URL is the address for the application, ZHIKE_OWNER_URL for the owner of the tables where it is another.
    Raises LaunchError when there is none, it cannot start, its version does not fit, or it may lose data.
    """
    url = os.environ.get("DATABASE_URL")
    if url:
        verify(url)
        return Server(os.environ.get("ZHIKE_OWNER_URL") or url, app=url)
    with alone(home / "postgres.lock"):
        cluster = embedded(home)
        _bring_up(cluster)
        owner, app = _urls(cluster)
        server = Server(owner, app=app, cluster=cluster, home=home)
    try:
        verify(server.url)
    except LaunchError:
        server.stop()
        raise
    return server


def embedded(home: Path) -> Cluster:
    """The cluster of a data folder, whether it is there and runs or not."""
    return Cluster(_place(home), _log(home), settings())


@contextmanager
def test_server() -> Iterator[Server]:
    """A server for tests, gone afterwards: durability is off for it alone, and the flag that allows it is set.

    ZHIKE_TEST_DATABASE_URL names a server to use instead; its role must be allowed to create databases.
    """
    named = os.environ.get("ZHIKE_TEST_DATABASE_URL")
    before = os.environ.get(ACCEPT)
    os.environ[ACCEPT] = "1"
    try:
        if named:
            yield Server(named)
        else:
            with _thrown_away() as server:
                yield server
    finally:
        os.environ.pop(ACCEPT)
        if before is not None:
            os.environ[ACCEPT] = before


test_server.__test__ = False  # type: ignore[attr-defined]  # pytest takes every test_* for a test


def verify(url: str) -> str:
    """Makes sure that a server fits and keeps what it is given; gives its version.

    Raises LaunchError when it cannot be reached, is older than PostgreSQL 15, stores no UTF-8, or runs with
    fsync, full_page_writes or synchronous_commit off (ZHIKE_ACCEPT_DATA_LOSS=1 lets the last pass).
    """
    with _connect(url) as connection:
        version = connection.info.server_version // 10000
        row = connection.execute(
            "SELECT current_setting('server_version'), current_setting('server_encoding'),"
            " current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')"
        ).fetchone()
    text, encoding, *durability = row or ("", "", "", "", "")
    if version < OLDEST:
        raise LaunchError(
            _(
                "The server runs PostgreSQL %(version)s; Zhike needs %(oldest)d to %(newest)d. "
                "Upgrade it, or use another."
            )
            % {"version": text, "oldest": OLDEST, "newest": NEWEST}
        )
    if encoding != "UTF8":
        raise LaunchError(
            _("The database stores text as %(encoding)s; Zhike needs UTF8. Create it with ENCODING 'UTF8'.")
            % {"encoding": encoding}
        )
    names = ("fsync", "full_page_writes", "synchronous_commit")
    off = [name for name, value in zip(names, durability, strict=True) if value == "off"]
    if off and os.environ.get(ACCEPT) != "1":
        raise LaunchError(
            _(
                "The database server runs with %(off)s off: a crash would lose data that was confirmed as saved. "
                "Switch it on in the server's configuration; only for data that may be lost, set %(flag)s=1."
            )
            % {"off": ", ".join(off), "flag": ACCEPT}
        )
    return str(text)


def _connect(url: str) -> "psycopg.Connection[tuple[object, ...]]":
    try:
        return psycopg.connect(url, connect_timeout=10, autocommit=True)
    except psycopg.Error as error:
        raise LaunchError(
            _("The database server does not answer (%(where)s): %(reason)s")
            % {"where": _where(url), "reason": str(error).strip()}
        ) from error


def _where(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.Error:
        return "DATABASE_URL"
    parts.pop("password", None)
    return " ".join(f"{name}={value}" for name, value in parts.items())


def _scratch(name: str) -> sql.Identifier:
    if not re.fullmatch(r"[a-z0-9_]{1,40}", name):
        raise ValueError(name)
    return sql.Identifier(SCRATCH + name)


def _bring_up(cluster: Cluster) -> None:
    """Starts a cluster; once more when it dies under our hands, as one does that was just killed."""
    deadline = time.monotonic() + 5
    while True:
        cluster.start()
        try:
            return _prepare(cluster)
        except LaunchError:
            if cluster.running() and time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _urls(cluster: Cluster) -> tuple[str, str]:
    return cluster.url(role=ROLE, database=DATABASE), cluster.url(role=rights.ROLE, database=DATABASE)


def _prepare(cluster: Cluster) -> None:
    """Zhike's own roles, of which none is a superuser, and its database, which belongs to the first of them."""
    with _connect(cluster.url(role=SUPERUSER, database="postgres")) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [rights.ROLE]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(rights.ROLE)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0").format(
                    sql.Identifier(DATABASE), sql.Identifier(ROLE)
                )
            )


def _log(home: Path) -> Path:
    log = paths.log_folder(home) / "postgres.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".1.log"))
    return log


def _place(home: Path) -> Path:
    """The folder of the cluster: inside the data folder if the server's account can get there.

    Root's own folders let nobody in, and their modes are not ours to change: then the cluster lies under
    /var/lib/zhike, and a note in the data folder says where.
    """
    note = home / "postgres.place"
    inside = home / "postgres"
    if note.is_file():
        return _noted(home, note)
    if not inside.is_dir():
        inside.mkdir()
        paths.adopt(inside, home)
    account = account_for(inside / "data")
    if account.enters(inside):
        return inside
    if (inside / "data").exists():
        raise LaunchError(
            _(
                "The database in %(place)s belongs to the account %(account)s, which cannot get there. "
                "Move the data folder to where that account can, and name it in ZHIKE_HOME."
            )
            % {"place": inside, "account": account.name}
        )
    inside.rmdir()
    FOREIGN_TOP.mkdir(mode=0o755, parents=True, exist_ok=True)
    place = Path(tempfile.mkdtemp(prefix="database-", dir=FOREIGN_TOP))
    place.chmod(0o711)
    (place / "home").write_text(str(home), "utf-8")
    note.write_text(str(place), "utf-8")
    text = _("The account %(account)s runs the database and cannot reach %(home)s: its files are in %(place)s.")
    sys.stderr.write(text % {"account": account.name, "home": home, "place": place} + "\n")
    return place


def _noted(home: Path, note: Path) -> Path:
    """Where the note says that the cluster lies, unless the data folder is a copy of another one."""
    place = Path(note.read_text("utf-8"))
    back = place / "home"
    if not place.is_dir():
        raise LaunchError(
            _(
                "%(note)s says that the database is in %(place)s, and it is not there. "
                "Bring it back, or delete the note to begin with an empty one."
            )
            % {"note": note, "place": place}
        )
    owner = Path(back.read_text("utf-8"))
    if owner != home:
        if (owner / note.name).is_file():
            raise LaunchError(
                _(
                    "%(home)s is a copy of %(owner)s, whose database is in use there. "
                    "Delete %(note)s to begin with an empty one."
                )
                % {"home": home, "owner": owner, "note": note}
            )
        back.write_text(str(home), "utf-8")
    return place


@contextmanager
def _thrown_away() -> Iterator[Server]:
    base = Path(tempfile.mkdtemp(prefix="zhike-test-"))
    base.chmod(0o711)
    cluster = Cluster(base, base / "log", throw_away_settings(), durable=False)
    try:
        _bring_up(cluster)
        owner, app = _urls(cluster)
        yield Server(owner, app=app, cluster=cluster)
    finally:
        cluster.stop()
        cluster.remove()
