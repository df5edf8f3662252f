"""Computed values of deals that reports count by and lists filter by: stages reached and passed, delay, risks."""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Case, Exists, F, IntegerField, OuterRef, Q, Subquery, UUIDField, Value, When
from django.db.models.functions import Cast, Coalesce, ExtractDay, Now
from django.db.models.lookups import GreaterThan
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.engine.kinds import KINDS, Attribute
from zhike.engine.models import OwnerPeriod, Stage, StageEvent

OPEN, WON = Stage.Status.OPEN, Stage.Status.WON


def _steps() -> Any:
    return StageEvent.objects.filter(entity="deal", record=OuterRef("pk"))


def _reached() -> Any:
    """Every stage that the deal was ever in."""
    return ArraySubquery(_steps().values("to_stage").distinct())


def _passed() -> Any:
    """The stages after which the deal came to a later open stage of the same pipeline, or was won."""
    further = Q(
        to_stage__status=OPEN,
        to_stage__pipeline=OuterRef("to_stage__pipeline"),
        to_stage__order__gt=OuterRef("to_stage__order"),
    )
    after = Q(at__gt=OuterRef("at")) | Q(at=OuterRef("at"), pk__gt=OuterRef("pk"))
    later = StageEvent.objects.filter(after, further | Q(to_stage__status=WON), record=OuterRef("record"))
    return ArraySubquery(_steps().filter(Exists(later), to_stage__status=OPEN).values("to_stage").distinct())


def _days_over() -> Any:
    days = ExtractDay(Now() - F("stage_at")) - F("stage__days_allowed")
    return Case(When(status=OPEN, then=Cast(days, IntegerField())), output_field=IntegerField())


def _one(condition: Any) -> Any:
    return Case(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


def _risks() -> Any:
    """One each for an expected day gone by, no next step, and too long in the stage."""
    late, alone = Q(expected_on__lt=timezone.localdate()), Q(next_follow_up_on=None)
    found = _one(late) + _one(alone) + _one(GreaterThan(_days_over(), 0))
    return Case(When(status=OPEN, then=found), default=Value(0), output_field=IntegerField())


def _days_to_win() -> Any:
    days = Cast(ExtractDay(F("closed_on") - F("started_on")), IntegerField())
    return Case(When(status=WON, then=days), output_field=IntegerField())


def _when_won(key: str, now: str) -> Any:
    """Of who had the deal when it was won, whoever has it since; where that was not written down, of who has it now."""
    held = OwnerPeriod.objects.filter(entity="deal", record=OuterRef("pk"), from_at__lte=OuterRef("closed_at"))
    then = Subquery(held.order_by("-from_at").values(key)[:1])
    return Case(When(status=WON, then=Coalesce(then, F(now))), output_field=UUIDField())


def _won_by() -> Any:
    return _when_won("owner", "owner")


def _won_in() -> Any:
    """The department of that person as it is now."""
    return _when_won("owner__department", "department")


def _whole(key: str, label: Any, expression: Any) -> Attribute:
    return Attribute(key=key, label=label, kind=KINDS["integer"], editable=False, expression=expression)


def _stages(key: str, label: Any, expression: Any) -> Attribute:
    return Attribute(key=key, label=label, kind=KINDS["links"], target="stage", editable=False, expression=expression)


COMPUTED = (
    _stages("reached", _("Stages reached"), _reached),
    _stages("passed", _("Stages passed"), _passed),
    _whole("days_over", _("Days over the limit of the stage"), _days_over),
    _whole("risks", _("Number of risks"), _risks),
    _whole("days_to_win", _("Days to win"), _days_to_win),
    Attribute(key="won_by", label=_("Won by"), kind=KINDS["user"], target="user", editable=False, expression=_won_by),
    Attribute(
        key="won_in",
        label=_("Won in the department"),
        kind=KINDS["department"],
        target="department",
        editable=False,
        expression=_won_in,
    ),
)
