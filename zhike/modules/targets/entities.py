"""How targets are used."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.engine import leaving
from zhike.engine.entity import Entity, Section, View, register
from zhike.engine.kinds import classes

from . import services
from .models import Target

TARGET = Entity(
    key="target",
    model=Target,
    icon="target",
    columns=("name", "level", "owner", "unit", "period", "first_on", "measure", "value", "product"),
    quick=("level", "owner", "unit", "period", "first_on", "measure", "value", "product"),
    sections=(
        Section(
            _("Target"),
            ("level", "owner", "unit", "period", "first_on", "last_on", "measure", "value", "product", "remark"),
        ),
        Section(_("Record"), ("name", "department", "created_by", "created_at", "updated_at"), folded=True),
    ),
    filters=("level", "owner", "department", "unit", "period", "first_on", "measure", "product", "value"),
    search=("name",),
    views=(
        View("month", _("This month"), "first_on__within=this_month&period__eq=month&sort=name"),
        View("year", _("This year"), "first_on__within=this_fiscal_year&sort=first_on"),
        View("mine", _("Mine"), "owner__eq=me&sort=-first_on"),
        View("all", _("All targets"), "sort=-first_on"),
    ),
    facts=("value", "measure", "first_on", "last_on"),
    card=("owner", "first_on", "value"),
    match=(("level", "owner", "period", "first_on", "measure"),),
    called=("quota", "goal", "业绩目标", "销售目标", "任务指标"),
    meanings={"owner": "owner", "product": "product", "department": "unit", "amount": "value", "remark": "remark"},
    tones={"level": {"person": "blue", "department": "violet", "firm": "teal"}},
    privacy=classes(internal="name level unit product period first_on last_on measure value remark"),
    before_save=(services.tidy_target,),
    before_all=(services.name_targets,),
)
register(TARGET)
leaving.OPEN["target"] = leaving.NOTHING  # what somebody was to reach stays their own
