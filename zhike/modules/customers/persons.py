"""What the law gives to persons, as stored: on which ground their data are used, and what they ask of the firm."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.models import Stored, User


class Channel(models.TextChoices):
    """How something came from a person."""

    MEETING = "meeting", _("In person")
    PAPER = "paper", _("On paper")
    FORM = "form", _("Web form")
    MESSAGE = "message", _("Message")
    MAIL = "mail", _("Mail")
    PHONE = "phone", _("Call")


class Consent(Stored):
    """Why one person's data may be used for one purpose, since when; withdrawn it stays as what it was."""

    class Purpose(models.TextChoices):
        """What for. The last three need a consent of their own (PIPL art. 29, 23 and 39)."""

        SERVICE = "service", _("Dealing with the customer")
        MARKETING = "marketing", _("Marketing messages")
        PROFILING = "profiling", _("Automated evaluation")
        SENSITIVE = "sensitive", _("Sensitive data")
        SHARING = "sharing", _("Passing on to others")
        ABROAD = "abroad", _("Processing abroad")

    class Basis(models.TextChoices):
        """The seven grounds of PIPL art. 13; there is no “legitimate interest” among them."""

        CONSENT = "consent", _("Consent")
        CONTRACT = "contract", _("Needed for a contract")
        DUTY = "duty", _("Duty by law")
        EMERGENCY = "emergency", _("Emergency")
        NEWS = "news", _("News in the public interest")
        PUBLIC = "public", _("Published by the person or lawfully")
        LAW = "law", _("Other laws")

    contact = models.ForeignKey("customers.Contact", models.CASCADE, related_name="+", verbose_name=_("Contact"))
    purpose = models.CharField(_("Purpose"), max_length=12, choices=Purpose.choices)
    basis = models.CharField(_("Legal ground"), max_length=12, choices=Basis.choices, default=Basis.CONTRACT)
    evidence = models.CharField(
        _("Evidence"),
        max_length=300,
        blank=True,
        help_text=_("Where the proof is kept: file number, message, recording."),
    )
    text_version = models.CharField(
        _("Version of the text"), max_length=60, blank=True, help_text=_("Which wording the person has agreed to.")
    )
    is_separate = models.BooleanField(
        _("Separate consent"),
        default=False,
        help_text=_("Given for this purpose alone, not within a bundle: needed for the last three purposes."),
    )
    channel = models.CharField(_("Way it came"), max_length=10, choices=Channel.choices, blank=True)
    given_at = models.DateTimeField(_("Given at"), default=timezone.now)
    until_on = models.DateField(_("Valid until"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("Withdrawn at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("Consent")
        verbose_name_plural = _("Consents")
        indexes: ClassVar = [models.Index(fields=["contact", "purpose"], name="consent_purpose")]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(withdrawn_at=None) | Q(withdrawn_at__gte=F("given_at")), name="consent_dates"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_purpose_display())


class PersonRequest(Stored):
    """What a person asks under PIPL art. 44-49, answered within 15 working days."""

    class Kind(models.TextChoices):
        """What is asked."""

        ACCESS = "access", _("Know what is kept")
        COPY = "copy", _("Get a copy")
        CORRECT = "correct", _("Correct")
        DELETE = "delete", pgettext_lazy("right of a person", "Erase")
        RESTRICT = "restrict", _("Restrict")
        EXPLAIN = "explain", _("Explain the rules")

    class Status(models.TextChoices):
        """How far the answer is."""

        RECEIVED = "received", _("Received")
        WORKING = "working", _("In hand")
        DONE = "done", pgettext_lazy("request of a person", "Granted")
        REFUSED = "refused", pgettext_lazy("request of a person", "Refused")

    contact = models.ForeignKey("customers.Contact", models.CASCADE, related_name="+", verbose_name=_("Contact"))
    kind = models.CharField(_("Request"), max_length=10, choices=Kind.choices)
    details = models.TextField(_("Wording of the request"), blank=True)
    status = models.CharField(
        _("Status"), max_length=10, choices=Status.choices, default=Status.RECEIVED, editable=False
    )
    channel = models.CharField(_("Way it came"), max_length=10, choices=Channel.choices, blank=True)
    received_on = models.DateField(_("Received on"), default=timezone.localdate)
    due_on = models.DateField(_("Answer due"), null=True, blank=True, editable=False)
    handler = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Handled by")
    )
    answer = models.TextField(_("Answer"), blank=True)
    refusal_reason = models.TextField(
        _("Reason of the refusal"), blank=True, help_text=_("The person is told this (PIPL art. 50).")
    )
    closed_on = models.DateField(_("Answered on"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("Request of a person")
        verbose_name_plural = _("Requests of persons")
        indexes: ClassVar = [
            models.Index(fields=["due_on"], name="person_request_due", condition=Q(status__in=["received", "working"]))
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=~Q(status="refused") | ~Q(refusal_reason=""), name="person_request_refused_with_reason"
            ),
        ]

    def __str__(self) -> str:
        return str(self.get_kind_display())
