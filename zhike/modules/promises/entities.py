"""How promises are used."""

from __future__ import annotations

from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.engine import leaving
from zhike.engine.entity import Action, Entity, Section, View, register
from zhike.engine.kinds import classes

from . import services
from .computed import COMPUTED
from .models import Promise

OPEN = "status__eq=open&sort=due_on"
CLOSED = ("kept", "late", "broken", "withdrawn")

PROMISE = Entity(
    key="promise",
    model=Promise,
    title="text",
    icon="badge-check",
    menu=65,
    typed={"when": "due_on"},
    columns=("text", "account", "due_on", "status", "answer", "owner", "made_by", "kept_on"),
    quick=("text", "due_on", "account", "contact", "deal", "asked_of"),
    sections=(
        Section(
            pgettext_lazy("promise", "Promise"), ("text", "status", "due_on", "made_on", "made_by", "owner", "kept_on")
        ),
        Section(_("To whom"), ("account", "contact", "deal", "lead", "activity")),
        Section(
            _("Can it be done?"),
            ("asked_of", "asked_at", "answer_due_at", "answer", "answer_note", "answered_by", "answered_at"),
        ),
        Section(_("What became of it"), ("reason", "remedy", "impact", "counts_for")),
        Section(_("Record"), ("closed_at", "department", "created_by", "created_at", "updated_at"), folded=True),
    ),
    filters=(
        "owner",
        "department",
        "status",
        "due_on",
        "account",
        "contact",
        "deal",
        "lead",
        "answer",
        "asked_of",
        "made_by",
        "counts_for",
        "made_on",
        "kept_on",
        "counted",
        "counted_on",
        "unanswered",
        "created_at",
    ),
    search=("text",),
    views=(
        View("mine", _("Mine to keep"), f"owner__eq=me&{OPEN}"),
        View("overdue", _("Overdue"), f"due_on__within=overdue&{OPEN}"),
        View("asked", _("I am asked"), f"asked_of__eq=me&answer__empty=1&{OPEN}"),
        View("unanswered", _("Not confirmed in time"), f"unanswered__gte=1&{OPEN}"),
        View("not", _("Cannot be done"), f"answer__eq=not&{OPEN}"),
        View("made", _("Promised by me"), "made_by__eq=me&sort=-made_on"),
        View("broken", _("Broken this year"), "status__eq=broken&due_on__within=this_year&sort=-due_on"),
        View("open", _("All open promises"), OPEN),
        View("all", _("All promises"), "sort=-due_on"),
    ),
    facts=("due_on", "answer", "made_by", "asked_of"),
    card=("account", "due_on", "owner"),
    via=("account", "contact", "deal", "lead"),
    named_may={"asked_of": ("list", "read", "confirm", "refuse")},
    match=(("text", "account"),),
    called=("commitment", "承诺事项", "客户承诺"),
    meanings={
        "name": "text",
        "subject": "text",
        "company": "account",
        "customer": "account",
        "contact_person": "contact",
        "deal": "deal",
        "status": "status",
        "owner": "owner",
        "company_id": "account",
        "customer_code": "account",
        "contact_id": "contact",
        "deal_id": "deal",
        "lead_id": "lead",
        "next_on": "due_on",
    },
    tones={
        "status": {"open": "blue", "kept": "green", "late": "amber", "broken": "red", "withdrawn": "neutral"},
        "answer": {"feasible": "green", "conditions": "amber", "not": "red"},
    },
    privacy=classes(
        internal="text account contact deal lead activity made_by made_on due_on counts_for kept_on reason remedy "
        "impact asked_of asked_at answer_due_at answer answer_note answered_by answered_at counted counted_on "
        "unanswered"
    ),
    computed=COMPUTED,
    before_save=(services.tidy_promise,),
    before_all=(services.fill_account,),
    after_save=(services.tell,),
    merged={"remedy": "both", "impact": "both"},
    actions={
        "keep": Action(pgettext_lazy("promise", "Kept"), services.keep, ("kept_on",), "check", "green", ("open",)),
        "break": Action(
            pgettext_lazy("promise", "Not kept"),
            services.break_it,
            ("reason", "remedy", "impact"),
            "circle-x",
            "red",
            ("open",),
        ),
        "confirm": Action(
            _("It can be done"), services.confirm, ("answer", "answer_note"), "circle-check", "green", ("open",)
        ),
        "refuse": Action(_("It cannot be done"), services.refuse, ("answer_note",), "circle-slash", "red", ("open",)),
        "withdraw": Action(
            _("Withdraw, the customer agrees"), services.withdraw, ("reason",), "undo-2", "neutral", ("open",)
        ),
        "reopen": Action(pgettext_lazy("promise", "Reopen"), services.reopen, icon="rotate-ccw", when=CLOSED),
    },
)
register(PROMISE)
leaving.OPEN["promise"] = Q(status="open")
