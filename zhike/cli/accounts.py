"""zhike user add, zhike user link."""

import argparse
import os
import sys
from gettext import gettext as _
from uuid import UUID

from zhike.cli import schema, serving
from zhike.cli.running import django_ready
from zhike.cli.show import say
from zhike.launch import paths
from zhike.launch.errors import LaunchError


def add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds the command to the command line."""
    user = commands.add_parser("user", help=_("people who log in"))
    actions = user.add_subparsers(dest="action", required=True, metavar="ACTION")
    new = actions.add_parser("add", help=_("add a person"))
    new.add_argument("username", help=_("login name"))
    new.add_argument("--name", help=_("name as others see it (the login name)"))
    new.add_argument("--role", action="append", default=[], help=_("key of a role, such as seller; may be repeated"))
    new.add_argument("--department", help=_("name of the department"))
    new.add_argument("--email", default="", help=_("mail address"))
    new.add_argument("--password-stdin", action="store_true", help=_("read the password from standard input"))
    new.set_defaults(run=run)
    link = actions.add_parser("link", help=_("a one-time link with which a person chooses a password"))
    link.add_argument("username", help=_("login name"))
    link.set_defaults(run=run_link)


def run(options: argparse.Namespace) -> int:
    """Adds a person, who chooses a password with a one-time link; or reads one from standard input."""
    _serving()
    with django_ready() as (home, server):
        schema.migrate(home, server)
        password = sys.stdin.readline().rstrip("\n") if options.password_stdin else None
        # Here, because they need Django set up.
        from django.contrib.auth.password_validation import validate_password
        from django.core.exceptions import ValidationError

        from zhike.base import passwords
        from zhike.base.models import Department, User
        from zhike.web import identity_links

        if User.objects.filter(username=options.username).exists():
            raise LaunchError(_("There is a person with the login name %(name)s already.") % {"name": options.username})
        roles = _roles(options.role)
        department = Department.objects.filter(name=options.department).first() if options.department else None
        if options.department and department is None:
            raise LaunchError(_("No department is called %(name)s.") % {"name": options.department})
        if password is not None:
            try:
                validate_password(password, User(username=options.username, name=options.name or ""))
            except ValidationError as error:
                raise LaunchError(" ".join(error.messages)) from error
        user = User.objects.create_user(
            options.username,
            name=options.name or options.username,
            email=options.email,
            department=department,
            roles=roles,
        )
        if password is not None:
            passwords.change(user, password)
        else:
            _tell(identity_links.link(user, "invitation"))
    say(_("%(name)s can log in now.") % {"name": options.username})
    return 0


def run_link(options: argparse.Namespace) -> int:
    """Prints a link with which somebody chooses a password: for a first administrator, or one who is locked out."""
    _serving()
    with django_ready():
        # Here, because they need Django set up.
        from zhike.base.models import User
        from zhike.web import identity_links

        user = User.objects.filter(username=options.username, is_active=True, deleted_at=None).first()
        if user is None:
            raise LaunchError(_("Nobody in use has the login name %(name)s.") % {"name": options.username})
        _tell(identity_links.link(user, "invitation"))
    return 0


def _roles(keys: list[str]) -> list[UUID]:
    from zhike.base.models import Role  # needs Django set up

    known = dict(Role.objects.values_list("key", "pk"))
    unknown = sorted(set(keys) - set(known))
    if unknown:
        raise LaunchError(
            _("No role has the key %(key)s; there are: %(known)s.")
            % {"key": unknown[0], "known": ", ".join(known) or "-"}
        )
    return [known[key] for key in keys]


def _serving() -> None:
    """Links lead to where Zhike runs now, unless ZHIKE_URL says where people reach it."""
    url = serving.address(paths.home() / "running.json")
    if url:
        os.environ.setdefault("ZHIKE_URL", url)


def _tell(link: str) -> None:
    say(_("Choose the password here, within 72 hours: %(link)s") % {"link": link})
