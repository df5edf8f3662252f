"""How activities are used."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhike.engine import leaving
from zhike.engine.entity import Action, Entity, Section, View, register
from zhike.engine.kinds import classes
from zhike.engine.privacy.sweep import HANGING

from . import services
from .models import Activity

DUE = "status__eq=planned&sort=due_at"
RESULT_TONES = {
    "connected": "green",
    "interested": "green",
    "call_back": "blue",
    "held": "green",
    "replied": "green",
    "completed": "green",
    "no_answer": "amber",
    "busy": "amber",
    "absent": "amber",
    "no_reply": "amber",
    "not_completed": "amber",
    "not_interested": "red",
    "refused": "red",
    "wrong_number": "red",
}

ACTIVITY = Entity(
    key="activity",
    model=Activity,
    title="subject",
    icon="calendar-check",
    menu=60,
    typed={"when": "due_at"},
    columns=("subject", "kind", "status", "account", "contact", "deal", "due_at", "done_at", "result", "owner"),
    quick=("subject", "kind", "due_at", "account", "deal", "owner"),
    sections=(
        Section(
            _("Activity"),
            (
                "subject",
                "kind",
                "status",
                "priority",
                "due_at",
                "remind_minutes",
                "repeat",
                "repeat_every",
                "repeat_until",
                "repeat_working",
                "done_at",
                "duration_minutes",
                "result",
                "direction",
                "place",
                "body",
                "owner",
            ),
        ),
        Section(_("With whom"), ("account", "contact", "lead", "deal")),
        Section(_("Record"), ("external_id", "department", "created_by", "created_at", "updated_at"), folded=True),
    ),
    filters=(
        "owner",
        "department",
        "kind",
        "status",
        "due_at",
        "done_at",
        "result",
        "priority",
        "account",
        "contact",
        "lead",
        "deal",
        "created_at",
    ),
    search=("subject", "body", "place"),
    views=(
        View("today", _("Today"), f"owner__eq=me&due_at__within=today&{DUE}"),
        View("overdue", _("Overdue"), f"owner__eq=me&due_at__within=overdue&{DUE}"),
        View("upcoming", _("Next 7 days"), f"owner__eq=me&due_at__within=next_7&{DUE}"),
        View("mine", _("Done by me"), "owner__eq=me&status__eq=done&sort=-done_at"),
        View("team_overdue", _("All overdue"), f"due_at__within=overdue&{DUE}"),
        View("done", _("Done this week"), "status__eq=done&done_at__within=this_week&sort=-done_at"),
        View("all", _("All activities"), ""),
    ),
    facts=("kind", "status", "due_at", "result"),
    card=("kind", "account", "due_at", "owner"),
    sums=("duration_minutes",),
    via=("account", "contact", "lead", "deal"),
    unique=(("external_id",),),
    match=(("external_id",),),
    called=("task", "event", "call", "meeting", "mail", "email", "note", "跟进记录", "拜访记录", "日程"),
    meanings={
        "name": "subject",
        "subject": "subject",
        "type": "kind",
        "status": "status",
        "remark": "body",
        "date": "done_at",
        "company": "account",
        "customer": "account",
        "contact_person": "contact",
        "deal": "deal",
        "company_id": "account",
        "contact_id": "contact",
        "deal_id": "deal",
        "lead_id": "lead",
        "activity_id": "external_id",
        "code": "external_id",
        "customer_code": "account",
        "owner": "owner",
        "next_on": "due_at",
        "last_activity_on": "done_at",
    },
    tones={
        "kind": {
            "task": "neutral",
            "call": "blue",
            "meeting": "violet",
            "visit": "teal",
            "message": "green",
            "mail": "amber",
            "note": "neutral",
        },
        "status": {"planned": "blue", "done": "green", "cancelled": "neutral"},
        "priority": {"high": "red", "normal": "neutral", "low": "neutral"},
        "result": RESULT_TONES,
    },
    privacy=classes(
        internal="kind subject body due_at remind_minutes repeat "
        "repeat_every repeat_until repeat_working done_at duration_minutes "
        "result direction priority account contact lead deal",
        personal="place external_id",
    ),
    before_save=(services.tidy_activity,),
    before_all=(services.fill_links,),
    after_save=(services.follow,),
    after_remove=(services.follow_removal,),
    after_move=(services.follow_move,),
    merged={"body": "both", "duration_minutes": "most"},
    actions={
        "complete": Action(_("Mark as done"), services.complete, ("result", "body"), "check", "green", ("planned",)),
        "cancel": Action(_("Cancel this activity"), services.cancel, icon="x", when=("planned",)),
        "reopen": Action(_("Plan again"), services.reopen, icon="rotate-ccw", when=("done", "cancelled")),
    },
)
register(ACTIVITY)
leaving.OPEN["activity"] = Q(status="planned")
HANGING["activities_comment"] = ("activity_id", "activity")
