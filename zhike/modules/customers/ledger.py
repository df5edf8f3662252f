"""How consents and the requests of persons are used."""

from __future__ import annotations

from django.db.models import BooleanField, Case, Q, Value, When
from django.db.models.functions import Now, TruncDate
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.engine.entity import Action, Entity, Section, View
from zhike.engine.kinds import KINDS, Attribute

from . import classes, consents
from .models import Consent, PersonRequest

IS_LIVE = Attribute(
    key="is_live",
    label=_("In force"),
    kind=KINDS["boolean"],
    editable=False,
    expression=lambda: Case(
        When(Q(withdrawn_at=None) & (Q(until_on=None) | Q(until_on__gte=TruncDate(Now()))), then=Value(True)),
        default=Value(False),
        output_field=BooleanField(),
    ),
)

CONSENT = Entity(
    key="consent",
    model=Consent,
    title="purpose",
    icon="shield-check",
    columns=("purpose", "contact", "basis", "is_separate", "given_at", "until_on", "withdrawn_at", "is_live"),
    quick=("contact", "purpose", "basis", "text_version", "channel", "is_separate", "given_at", "evidence"),
    sections=(
        Section(_("Consent"), ("contact", "purpose", "basis", "is_separate", "given_at", "until_on", "withdrawn_at")),
        Section(_("Proof"), ("text_version", "channel", "evidence")),
        Section(_("Record"), ("created_at", "updated_at"), folded=True),
    ),
    filters=("purpose", "basis", "contact", "is_separate", "given_at", "withdrawn_at", "is_live"),
    via=("contact",),
    privacy=classes.CONSENT,
    about=("contact",),
    computed=(IS_LIVE,),
    before_save=(consents.check_consent,),
    actions={"withdraw": Action(_("Withdraw"), consents.withdraw, icon="undo-2", tone="red")},
)
PERSON_REQUEST = Entity(
    key="personrequest",
    model=PersonRequest,
    title="kind",
    icon="file-text",
    columns=("kind", "contact", "status", "received_on", "due_on", "handler", "closed_on"),
    quick=("contact", "kind", "channel", "received_on", "handler", "details"),
    sections=(
        Section(_("Request"), ("contact", "kind", "details", "channel", "received_on", "due_on", "handler")),
        Section(pgettext_lazy("to a request", "Answer"), ("status", "answer", "refusal_reason", "closed_on")),
        Section(_("Record"), ("created_at", "updated_at"), folded=True),
    ),
    filters=("kind", "status", "contact", "handler", "received_on", "due_on", "closed_on"),
    views=(
        View("open", _("To be answered"), "status__in=received,working&sort=due_on"),
        View("overdue", _("Overdue"), "status__in=received,working&due_on__within=overdue&sort=due_on"),
        View("all", _("All requests"), "sort=-received_on"),
    ),
    facts=("kind", "status", "due_on"),
    via=("contact",),
    privacy=classes.PERSON_REQUEST,
    about=("contact",),
    tones={"status": {"received": "amber", "working": "blue", "done": "green", "refused": "red"}},
    before_save=(consents.check_request,),
    actions={
        "start": Action(_("Take in hand"), consents.start, icon="play", tone="primary", when=("received",)),
        "grant": Action(
            _("Answer as asked"), consents.grant, ("answer",), "check", "green", when=("received", "working")
        ),
        "refuse": Action(
            _("Refuse with a reason"), consents.refuse, ("refusal_reason",), "x", "red", when=("received", "working")
        ),
    },
)
