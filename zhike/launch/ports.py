"""Finds a port to serve on."""

import errno
import os
import socket
from gettext import gettext as _

from zhike.launch.errors import LaunchError

DEFAULT_PORT = 8000
TRIES = 100


def wanted(port: int | None) -> int:
    """The port asked for: the argument, else ZHIKE_PORT, else 8000."""
    if port is not None:
        return port
    text = os.environ.get("ZHIKE_PORT") or str(DEFAULT_PORT)
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise LaunchError(_("ZHIKE_PORT is %(text)s; it must be a number from 1 to 65535.") % {"text": text})
    return int(text)


def free(host: str, first: int) -> int:
    """The first port from `first` on that nobody listens on.

    Raises LaunchError when `host` is no address of this machine or no port is to be had.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in range(first, min(first + TRIES, 65536)):
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen(1)
            except OSError as error:
                if error.errno in (errno.EADDRINUSE, errno.EACCES):
                    continue
                raise LaunchError(
                    _("Zhike cannot listen on %(host)s: %(reason)s.") % {"host": host, "reason": error.strerror}
                ) from error
            return port
    raise LaunchError(
        _("None of the ports %(first)d to %(last)d can be used. Name another one in ZHIKE_PORT.")
        % {"first": first, "last": first + TRIES - 1}
    )
