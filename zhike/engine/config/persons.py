"""Who configures from the console."""

from __future__ import annotations

from django.utils.translation import gettext as _

from zhike.base.models import Role, User
from zhike.engine.access import Actor
from zhike.engine.errors import Invalid, Wrong


def administrator(username: str = "") -> Actor:
    """The person with this login name, else the first who may configure; Invalid where there is none."""
    people = User.objects.filter(is_active=True, deleted_at=None)
    if username:
        found = people.filter(username=username).first()
    else:
        ids = [
            list(Role.objects.filter(office=office, deleted_at=None).values_list("pk", flat=True))
            for office in ("all", "system")
        ]
        ordered = (people.filter(roles__overlap=roles).order_by("created_at").first() for roles in ids)
        found = next(filter(None, ordered), None)
    if found is None:
        raise Invalid([{"as": [Wrong(_("There is nobody with the login name “%(name)s”.") % {"name": username})]}])
    return Actor(found, "cli")
