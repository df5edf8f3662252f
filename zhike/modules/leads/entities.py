"""How leads are used."""

from __future__ import annotations

from django.db.models import F, IntegerField
from django.db.models.functions import Cast, Coalesce, Extract, ExtractDay, Now
from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import Action, Entity, Related, Section, Sign, View, register
from zhike.engine.kinds import KINDS, Attribute, classes
from zhike.engine.pools import entity as pools
from zhike.engine.privacy import erasing

from . import services
from .models import Lead

IDLE_DAYS = Attribute(
    key="idle_days",
    label=_("Days without contact"),
    kind=KINDS["integer"],
    editable=False,
    expression=lambda: Cast(ExtractDay(Now() - Coalesce(F("last_contact_at"), F("created_at"))), IntegerField()),
)
RESPONSE_MINUTES = Attribute(
    key="response_minutes",
    label=_("Minutes to first response"),
    kind=KINDS["integer"],
    editable=False,
    expression=lambda: Cast(Extract(F("first_response_at") - F("created_at"), "epoch") / 60, IntegerField()),
)
RESPONSE_LATE = Attribute(
    key="response_late",
    label=_("First response late, minutes"),
    kind=KINDS["integer"],
    editable=False,
    expression=lambda: Cast(
        Extract(Coalesce(F("first_response_at"), Now()) - F("response_due_at"), "epoch") / 60, IntegerField()
    ),
)

LEAD = Entity(
    key="lead",
    model=Lead,
    icon="inbox",
    menu=20,
    columns=("name", "contact_name", "phone", "source", "stage", "score", "owner", "next_follow_up_on", "created_at"),
    quick=("name", "company", "contact_name", "phone", "source", "interest"),
    sections=(
        Section(
            _("Lead"),
            (
                "name",
                "company",
                "contact_name",
                "position",
                "score",
                "tags",
                "owner",
                "stage",
            ),
        ),
        Section(_("How to reach"), ("phone", "email", "wechat", "region", "address")),
        Section(_("Origin"), ("source", "campaign", "keyword", "medium", "landing_page")),
        Section(_("Demand"), ("interest", "demand", "industry", "uscc", "remark")),
        Section(_("Outcome"), ("lost_reason", "lost_note", "account", "contact", "converted_at")),
        Section(
            _("Record"),
            (
                "response_due_at",
                "first_response_at",
                "last_contact_at",
                "next_follow_up_on",
                "external_id",
                "department",
                "created_by",
                "created_at",
                "updated_at",
            ),
            folded=True,
        ),
        pools.SECTION,
    ),
    filters=(
        "owner",
        "department",
        "stage",
        "status",
        "source",
        "campaign",
        "score",
        "region",
        "industry",
        "tags",
        "lost_reason",
        "last_contact_at",
        "next_follow_up_on",
        "response_due_at",
        "response_late",
        "first_response_at",
        "idle_days",
        *pools.FILTERS,
        "converted_at",
        "created_at",
    ),
    search=("name", "company", "contact_name", "phone", "email", "wechat", "external_id"),
    views=(
        View("mine", _("Mine"), "owner__eq=me&status__eq=open"),
        View("fresh", _("Not contacted yet"), "status__eq=open&last_contact_at__empty=1&sort=created_at"),
        View(
            "unanswered",
            _("Answer overdue"),
            "status__eq=open&first_response_at__empty=1&response_late__gte=0&sort=response_due_at",
        ),
        View("new", _("New this month"), "created_at__within=this_month&sort=-created_at"),
        View("due", _("Due today"), "owner__eq=me&status__eq=open&next_follow_up_on__within=today"),
        View(
            "late",
            _("Overdue"),
            "owner__eq=me&status__eq=open&next_follow_up_on__within=overdue&sort=next_follow_up_on",
        ),
        View("unplanned", _("No follow-up planned"), "owner__eq=me&status__eq=open&next_follow_up_on__empty=1"),
        View("neglected", _("No contact for 30 days"), "status__eq=open&idle_days__gte=30&sort=-idle_days"),
        pools.RETURNING,
        View("converted", _("Converted"), "status__eq=won&sort=-converted_at"),
        View("all", _("All leads")),
    ),
    facts=("stage", "score", "source", "last_contact_at", "next_follow_up_on"),
    card=("phone", "source", "owner", "next_follow_up_on"),
    related=(
        Related("activity", "lead", ("kind", "subject", "status", "due_at", "done_at", "owner"), holds=False),
        Related("promise", "lead", ("text", "status", "due_on", "owner"), holds=False),
        Related("deal", "lead", ("name", "stage", "amount", "expected_on", "owner"), holds=False),
    ),
    unique=(("external_id",),),
    match=(("external_id",), ("name", "phone"), ("phone",), ("name", "email"), ("name", "company")),
    signs=(
        Sign("uscc", _("Unified social credit code"), ("uscc",), score=0.95, beyond={"account": ("uscc",)}),
        Sign("phone", _("Mobile"), ("phone",), score=0.9, beyond={"account": ("phone",), "contact": ("phone",)}),
        Sign("email", _("Email"), ("email",), score=0.85, beyond={"account": ("email",), "contact": ("email",)}),
        Sign(
            "company", _("Company"), ("company",), "firm", 0.9, typed="hint", api="hint", beyond={"account": ("name",)}
        ),
    ),
    called=("潜在客户", "mql", "prospect"),
    meanings={
        "name": "name",
        "company": "company",
        "customer": "company",
        "phone": "phone",
        "mobile": "phone",
        "email": "email",
        "wechat": "wechat",
        "position": "position",
        "source": "source",
        "product": "interest",
        "uscc": "uscc",
        "province": "region",
        "city": "region",
        "district": "region",
        "region": "region",
        "address": "address",
        "industry": "industry",
        "tier": "score",
        "owner": "owner",
        "tags": "tags",
        "remark": "remark",
        "code": "external_id",
        "customer_code": "external_id",
        "lead_id": "external_id",
        "stage": "stage",
        "status": "stage",
    },
    tones={"status": {"open": "blue", "won": "green", "lost": "red"}},
    privacy=classes(
        personal="name contact_name position wechat external_id address remark",
        internal="company uscc region industry source campaign keyword medium landing_page interest demand score tags "
        "lost_reason lost_note account contact converted_at first_response_at last_contact_at next_follow_up_on "
        "response_due_at response_late idle_days response_minutes recycle_why",
    ),
    about=("id", "contact"),
    typed={"contact": "last_contact_at", "idle": "idle_days", "next": "next_follow_up_on"},
    computed=(IDLE_DAYS, RESPONSE_MINUTES, RESPONSE_LATE, *pools.computed("lead")),
    before_save=(services.tidy_lead,),
    before_all=(services.check_conversion,),
    merged={"demand": "both", "remark": "both", "score": "most"},
    after_save=(erasing.follow, services.settle_doubles),
    joined="convert",
    actions={
        "convert": Action(_("Convert"), services.convert_lead, icon="arrow-right-left", tone="primary", when=("open",)),
        "invalidate": Action(
            _("Mark as invalid"), services.invalidate_lead, ("lost_reason", "lost_note"), "circle-slash", when=("open",)
        ),
        "reopen": Action(_("Reopen"), services.reopen_lead, icon="rotate-ccw", when=("lost",)),
        **pools.ACTIONS,
        "erase": erasing.ERASE,
    },
)
register(LEAD)
