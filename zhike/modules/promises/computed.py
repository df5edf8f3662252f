"""Computed values of promises that lists filter by and the kept rate is counted from."""

from __future__ import annotations

from typing import Any

from django.db.models import Case, DateField, F, IntegerField, Q, Value, When
from django.db.models.functions import Cast, Coalesce, Least, Now, TruncDate
from django.db.models.lookups import LessThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.engine.kinds import KINDS, Attribute

from .models import Promise

Status = Promise.Status
SETTLED = (Status.KEPT, Status.LATE, Status.BROKEN)


def _counted() -> Any:
    overdue = Q(status=Status.OPEN, due_on__lt=timezone.localdate())
    return Case(When(Q(status__in=SETTLED) | overdue, then=Value(1)), default=Value(0), output_field=IntegerField())


def _counted_on() -> Any:
    """The day it was settled or fell due, whichever came first: so a week that is over does not change any more."""
    settled = Coalesce("kept_on", TruncDate("closed_at"))
    return Least(Cast(settled, DateField()), F("due_on"), output_field=DateField())


def _unanswered() -> Any:
    waits = Q(status=Status.OPEN, answer="", asked_of__isnull=False)
    return Case(
        When(waits & Q(LessThan(F("answer_due_at"), Now())), then=Value(1)),
        default=Value(0),
        output_field=IntegerField(),
    )


COMPUTED = (
    Attribute(
        key="counted", label=_("Counts in the kept rate"), kind=KINDS["integer"], editable=False, expression=_counted
    ),
    Attribute(
        key="counted_on", label=_("Settled or due on"), kind=KINDS["date"], editable=False, expression=_counted_on
    ),
    Attribute(
        key="unanswered",
        label=_("Not confirmed in a working day"),
        kind=KINDS["integer"],
        editable=False,
        expression=_unanswered,
    ),
)
