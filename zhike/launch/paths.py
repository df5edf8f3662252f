"""Where Zhike keeps its data on this machine."""

import os
import pwd
import secrets
import sys
from gettext import gettext as _
from pathlib import Path

from zhike.launch.errors import LaunchError

CODE = Path(__file__).resolve().parents[2]


def is_checkout() -> bool:
    """True when the code lies in a source checkout and not among installed packages."""
    return (CODE / "pyproject.toml").is_file()


def default_home() -> Path:
    """The data folder when ZHIKE_HOME names none: `var` of a checkout, else the user's data folder."""
    if is_checkout():
        return CODE / "var"
    person = Path(os.environ.get("HOME") or pwd.getpwuid(os.geteuid()).pw_dir)
    if sys.platform == "darwin":
        return person / "Library" / "Application Support" / "Zhike"
    return Path(os.environ.get("XDG_DATA_HOME") or person / ".local" / "share") / "zhike"


def home() -> Path:
    """The data folder, made when missing.

    A folder that root makes lets others pass through, because the database runs as another account;
    whatever is private inside carries its own mode.
    """
    named = os.environ.get("ZHIKE_HOME")
    place = Path(named).expanduser().absolute() if named else default_home()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_dir():
            place.mkdir()
            place.chmod(0o711 if os.geteuid() == 0 else 0o700)
    except OSError as error:
        raise LaunchError(
            _("The data folder %(place)s cannot be made: %(reason)s. Set ZHIKE_HOME to another one.")
            % {"place": place, "reason": error.strerror}
        ) from error
    if not os.access(place, os.W_OK | os.X_OK):
        raise LaunchError(
            _(
                "The data folder %(place)s belongs to another account. "
                "Start Zhike as that account, or set ZHIKE_HOME to a folder of your own."
            )
            % {"place": place}
        )
    return place


def adopt(place: Path, home: Path) -> None:
    """Gives what root has just made in the data folder to the owner of that folder."""
    if os.geteuid() == 0:
        owner = home.stat()
        os.chown(place, owner.st_uid, owner.st_gid)


def log_folder(home: Path) -> Path:
    """The folder of the log files, made when missing."""
    place = home / "log"
    if not place.is_dir():
        place.mkdir(mode=0o700)
        adopt(place, home)
    return place


def secret_key(home: Path) -> str:
    """The key that signs sessions: made once, kept in a file that only its owner reads."""
    place = home / "secret_key"
    try:
        handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        key = place.read_text("ascii").strip()
        if len(key) < 32:
            raise LaunchError(
                _("The file %(place)s is damaged. Delete it: everybody then logs in again.") % {"place": place}
            ) from None
        return key
    key = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as file:
        file.write(key + "\n")
    adopt(place, home)
    return key
