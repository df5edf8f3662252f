"""Leads that nobody answered in time: their owner and who is above are told, once."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from zhike.base.models import User
from zhike.engine import notices
from zhike.engine.entity import get
from zhike.engine.models import Stage
from zhike.engine.notices import kinds

from . import offering

LATE = gettext_noop("%(what)s “%(title)s” has not been answered in time")
LATE_ABOVE = gettext_noop("%(who)s has not answered %(what)s “%(title)s” in time")
SINCE = dt.timedelta(days=3)  # a worker that was away so long tells of nothing older
kinds.register(kinds.NoticeKind("response", _("A lead was not answered in time"), "todo", push=True, urgent=True))


def remind(now: dt.datetime | None = None) -> int:
    """Tell of each lead whose time is over, the owner and who is above; how many notices are new."""
    now = now or timezone.now()
    rows = get("lead").rows("whose owners are told that an answer is due")
    late = rows.filter(response_due_at__gt=now - SINCE, response_due_at__lte=now, first_response_at=None)
    late = late.filter(owner__isnull=False, deleted_at=None, status=Stage.Status.OPEN)
    told = 0
    for pk, owner, due in late.order_by("response_due_at", "pk").values_list("pk", "owner", "response_due_at"):
        told += _told(pk, owner, due)
    return told


def _told(pk: UUID, owner: UUID, due: dt.datetime) -> int:
    cause, url = f"response:{pk}:{due:%y%m%d%H%M}", f"/lead/{pk}"
    about = ("lead", pk)
    if not notices.tell(owner, LATE, {}, url, cause, kind="response", about=about):
        return 0
    person = User.objects.select_related("department").get(pk=owner)
    boss = offering.above(person)
    params = {"who": person.name}
    return 1 + (
        boss is not None and notices.tell(boss.pk, LATE_ABOVE, params, url, f"{cause}:up", kind="response", about=about)
    )
