"""zhike user add."""

import argparse
import getpass
import secrets
import sys
from gettext import gettext as _

from zhike.cli import schema
from zhike.cli.running import django_ready
from zhike.cli.show import say
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


def run(options: argparse.Namespace) -> int:
    """Adds a person; asks for a password, or makes one up when nobody is there to ask."""
    with django_ready() as (home, server):
        schema.migrate(home, server)
        password, made_up = _password(read=options.password_stdin)
        # Here, because they need Django set up.
        from django.contrib.auth.password_validation import validate_password
        from django.core.exceptions import ValidationError

        from zhike.base.models import Department, Role, User

        if User.objects.filter(username=options.username).exists():
            raise LaunchError(_("There is a person with the login name %(name)s already.") % {"name": options.username})
        roles = {role.key: role.pk for role in Role.objects.filter(key__in=options.role)}
        unknown = sorted(set(options.role) - set(roles))
        if unknown:
            known = ", ".join(Role.objects.values_list("key", flat=True))
            raise LaunchError(
                _("No role has the key %(key)s; there are: %(known)s.") % {"key": unknown[0], "known": known or "-"}
            )
        department = Department.objects.filter(name=options.department).first() if options.department else None
        if options.department and department is None:
            raise LaunchError(_("No department is called %(name)s.") % {"name": options.department})
        try:
            validate_password(password, User(username=options.username, name=options.name or ""))
        except ValidationError as error:
            raise LaunchError(" ".join(error.messages)) from error
        User.objects.create_user(
            options.username,
            password,
            name=options.name or options.username,
            email=options.email,
            department=department,
            roles=list(roles.values()),
        )
    say(_("%(name)s can log in now.") % {"name": options.username})
    if made_up:
        say(_("Password: %(password)s") % {"password": password})
    return 0


def _password(*, read: bool) -> tuple[str, bool]:
    """The new person's password, and whether it was made up here."""
    if read:
        return sys.stdin.readline().rstrip("\n"), False
    if not sys.stdin.isatty():
        return secrets.token_urlsafe(12), True
    first = getpass.getpass(_("Password (empty: one is made up): "))
    if not first:
        return secrets.token_urlsafe(12), True
    if first != getpass.getpass(_("The same again: ")):
        raise LaunchError(_("The two passwords differ. Nothing was changed."))
    return first, False
