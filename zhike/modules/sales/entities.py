"""How products, deals and their parts are used."""

from __future__ import annotations

from django.db.models import DecimalField, ExpressionWrapper, F, IntegerField
from django.db.models.functions import Cast, ExtractDay, Now, Round
from django.utils.translation import gettext_lazy as _

from zhike.engine.entity import Action, Entity, Related, Section, View, register
from zhike.engine.kinds import KINDS, Attribute, classes

from . import pools, services
from .computed import COMPUTED
from .models import Competitor, Deal, DealCompetitor, DealContact, Product

ATTITUDE_TONES = {"supports": "green", "neutral": "neutral", "opposes": "red"}

WEIGHTED = Attribute(
    key="weighted",
    label=_("Weighted amount"),
    kind=KINDS["money"],
    editable=False,
    expression=lambda: Round(
        ExpressionWrapper(F("amount") * F("probability") / 100, DecimalField(max_digits=20, decimal_places=4)),
        2,
        output_field=DecimalField(max_digits=18, decimal_places=2),
    ),
)
DAYS_IN_STAGE = Attribute(
    key="days_in_stage",
    label=_("Days in this stage"),
    kind=KINDS["integer"],
    editable=False,
    expression=lambda: Cast(ExtractDay(Now() - F("stage_at")), IntegerField()),
)

PRODUCT = Entity(
    key="product",
    model=Product,
    icon="layers",
    menu=70,
    columns=("name", "code", "series", "unit", "list_price", "is_active"),
    quick=("name", "code", "series", "unit", "list_price"),
    sections=(
        Section(_("Product"), ("name", "code", "series", "unit", "list_price", "currency", "is_active", "remark")),
        Section(_("Record"), ("owner", "created_by", "created_at", "updated_at"), folded=True),
    ),
    filters=("series", "is_active", "list_price"),
    search=("name", "code", "series"),
    views=(View("active", _("On sale"), "is_active__eq=1&sort=name"), View("all", _("All products"), "sort=name")),
    facts=("list_price", "series", "is_active"),
    card=("code", "list_price"),
    related=(Related("deal", "product", ("name", "account", "stage", "amount", "owner")),),
    unique=(("code",),),
    match=(("code",), ("name",)),
    called=("item", "price list", "商品", "价目表"),
    meanings={
        "name": "name",
        "product": "name",
        "code": "code",
        "price": "list_price",
        "type": "series",
        "remark": "remark",
        "currency": "currency",
    },
    privacy=classes(public="name code series unit", internal="list_price currency is_active remark"),
)

DEAL = Entity(
    key="deal",
    model=Deal,
    icon="handshake",
    menu=50,
    number="D%06d",
    columns=(
        "name",
        "account",
        "stage",
        "amount",
        "probability",
        "expected_on",
        "owner",
        "next_follow_up_on",
        "days_in_stage",
    ),
    quick=("name", "account", "amount", "expected_on", "product", "stage"),
    sections=(
        Section(
            _("Deal"),
            (
                "name",
                "number",
                "account",
                "product",
                "amount",
                "currency",
                "pipeline",
                "stage",
                "expected_on",
                "started_on",
                "closed_on",
                "owner",
                "tags",
            ),
        ),
        Section(_("Forecast"), ("probability", "probability_reason", "forecast", "next_step")),
        Section(
            _("Procurement and competition"),
            (
                "procurement",
                "tender_number",
                "tender_deadline_at",
                "competitor_note",
            ),
        ),
        Section(_("Outcome"), ("won_reason", "lost_reason", "lost_note")),
        Section(_("Origin"), ("source", "lead", "remark")),
        Section(
            _("Record"),
            (
                "last_contact_at",
                "next_follow_up_on",
                "stage_at",
                "external_id",
                "department",
                "created_by",
                "created_at",
                "updated_at",
            ),
            folded=True,
        ),
    ),
    filters=(
        "owner",
        "department",
        "pipeline",
        "stage",
        "status",
        "account",
        "product",
        "amount",
        "expected_on",
        "closed_on",
        "forecast",
        "source",
        "procurement",
        "days_over",
        "risks",
        "won_reason",
        "lost_reason",
        "tags",
        "days_in_stage",
        "last_contact_at",
        "next_follow_up_on",
        "created_at",
    ),
    search=("name", "number", "tender_number", "external_id"),
    views=(
        View("mine", _("Mine"), "owner__eq=me&status__eq=open&sort=expected_on"),
        View("open", _("All open deals"), "status__eq=open&sort=expected_on"),
        View("closing", _("Closing this month"), "status__eq=open&expected_on__within=this_month&sort=expected_on"),
        View("overdue", _("Past the expected date"), "status__eq=open&expected_on__within=overdue&sort=expected_on"),
        View("due", _("Due today"), "owner__eq=me&status__eq=open&next_follow_up_on__within=today"),
        View(
            "late",
            _("Follow-up overdue"),
            "owner__eq=me&status__eq=open&next_follow_up_on__within=overdue&sort=next_follow_up_on",
        ),
        View("stuck", _("Without next step"), "status__eq=open&next_follow_up_on__empty=1&sort=-amount"),
        View("new", _("New this month"), "created_at__within=this_month&sort=-created_at"),
        View("won", _("Won this year"), "status__eq=won&closed_on__within=this_year&sort=-closed_on"),
        View("lost", _("Lost this year"), "status__eq=lost&closed_on__within=this_year&sort=-closed_on"),
        View("all", _("All deals")),
    ),
    facts=("amount", "weighted", "expected_on", "next_follow_up_on", "days_in_stage"),
    card=("amount", "account", "owner", "next_follow_up_on"),
    sums=("amount", "weighted"),
    related=(
        Related("dealcontact", "deal", ("contact", "role", "attitude", "remark"), holds=False),
        Related("dealcompetitor", "deal", ("competitor", "position", "price", "remark"), holds=False),
        Related("activity", "deal", ("kind", "subject", "status", "due_at", "done_at", "owner"), holds=False),
        Related("promise", "deal", ("text", "status", "due_on", "owner"), holds=False),
    ),
    unique=(("external_id",),),
    match=(("external_id",), ("name", "account")),
    called=("opportunity", "pipeline", "potential", "crm.lead", "业务机会", "交易"),
    meanings={
        "name": "name",
        "deal": "name",
        "company": "account",
        "customer": "account",
        "product": "product",
        "amount": "amount",
        "currency": "currency",
        "stage": "stage",
        "status": "stage",
        "pipeline": "pipeline",
        "probability": "probability",
        "closed_on": "expected_on",
        "source": "source",
        "owner": "owner",
        "tags": "tags",
        "remark": "remark",
        "code": "external_id",
        "deal_id": "external_id",
        "company_id": "account",
        "customer_code": "account",
    },
    tones={
        "status": {"open": "blue", "won": "green", "lost": "red"},
        "forecast": {"commit": "green", "best": "teal", "pipeline": "blue", "omit": "neutral"},
    },
    privacy=classes(
        internal="number name account product amount currency expected_on started_on closed_on probability "
        "probability_reason forecast procurement tender_number tender_deadline_at competitor_note won_reason "
        "lost_reason lost_note source lead tags next_step next_follow_up_on last_contact_at external_id remark "
        "weighted days_in_stage reached passed days_over risks days_to_win won_by won_in"
    ),
    typed={
        "when": "expected_on",
        "money": "amount",
        "contact": "last_contact_at",
        "next": "next_follow_up_on",
    },
    computed=(WEIGHTED, DAYS_IN_STAGE, *COMPUTED),
    before_save=(services.tidy_deal,),
    before_all=(services.follow_stage,),
    after_save=(services.follow_wins, pools.follow),
    after_remove=(services.recount_removed, pools.follow_removal),
    after_move=(services.recount_moved, pools.follow_move),
    merged={"remark": "both", "competitor_note": "both", "started_on": "least"},
    actions={
        "win": Action(_("Win"), services.win_deal, ("amount", "closed_on", "won_reason"), "trophy", "green", ("open",)),
        "lose": Action(_("Lose"), services.lose_deal, ("lost_reason", "lost_note"), "flag", "red", ("open",)),
        "reopen": Action(_("Reopen"), services.reopen_deal, icon="rotate-ccw", when=("won", "lost")),
    },
)
DEAL_CONTACT = Entity(
    key="dealcontact",
    model=DealContact,
    title="remark",
    icon="users-round",
    columns=("contact", "role", "attitude", "remark"),
    quick=("contact", "role", "attitude", "remark"),
    sections=(Section(_("Contact in the deal"), ("deal", "contact", "role", "attitude", "remark")),),
    filters=("deal", "contact", "role", "attitude"),
    via=("deal",),
    unique=(("deal", "contact"),),
    privacy=classes(internal="deal contact", personal="role attitude remark"),
    about=("contact",),
    tones={"attitude": ATTITUDE_TONES},
)
COMPETITOR = Entity(
    key="competitor",
    model=Competitor,
    icon="target",
    columns=("name", "website", "strengths", "weaknesses"),
    quick=("name", "website"),
    sections=(
        Section(_("Competitor"), ("name", "website", "strengths", "weaknesses", "remark")),
        Section(_("Record"), ("owner", "created_by", "created_at", "updated_at"), folded=True),
    ),
    search=("name", "website"),
    views=(View("all", _("All competitors"), "sort=name"),),
    related=(Related("dealcompetitor", "competitor", ("deal", "position", "price"), _("Deals")),),
    unique=(("name",),),
    match=(("name",),),
    meanings={"name": "name", "company": "name", "website": "website", "remark": "remark"},
    privacy=classes(public="name website", internal="strengths weaknesses remark"),
)
DEAL_COMPETITOR = Entity(
    key="dealcompetitor",
    model=DealCompetitor,
    title="remark",
    icon="target",
    columns=("competitor", "position", "price", "remark"),
    quick=("competitor", "position", "price", "remark"),
    sections=(Section(_("Competitor in the deal"), ("deal", "competitor", "position", "price", "remark")),),
    filters=("deal", "competitor", "position"),
    via=("deal",),
    unique=(("deal", "competitor"),),
    privacy=classes(internal="deal competitor position price remark"),
    tones={"position": {"ahead": "red", "level": "amber", "behind": "green", "out": "neutral", "winner": "red"}},
)
register(PRODUCT, DEAL, DEAL_CONTACT, COMPETITOR, DEAL_COMPETITOR)
