"""Promises as stored (requirement S4.7)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.models import User
from zhike.engine.models import KEPT, Record, record_indexes
from zhike.modules.activities.models import Activity
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal


class Promise(Record):
    """Something we told a customer we would do by a day; its owner is who has to keep it now.

    `made_by` is who promised, whoever has it afterwards. `counts_for` is whose kept rate it counts in: who had it when
    it fell due.
    """

    class Status(models.TextChoices):
        """What became of it."""

        OPEN = "open", pgettext_lazy("promise", "Open")
        KEPT = "kept", pgettext_lazy("promise", "Kept")
        LATE = "late", pgettext_lazy("promise", "Kept late")
        BROKEN = "broken", pgettext_lazy("promise", "Broken")
        WITHDRAWN = "withdrawn", pgettext_lazy("promise", "Withdrawn")

    class Answer(models.TextChoices):
        """Whether we can do it, as the person says who was asked."""

        FEASIBLE = "feasible", _("Can be done")
        CONDITIONS = "conditions", _("Can be done under conditions")
        NOT = "not", _("Cannot be done")

    text = models.CharField(_("What was promised"), max_length=300)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+", verbose_name=_("Customer"))
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Contact")
    )
    deal = models.ForeignKey(Deal, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Deal"))
    lead = models.ForeignKey(Lead, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Lead"))
    activity = models.ForeignKey(
        Activity, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Written down in")
    )
    made_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Promised by"), editable=False
    )
    made_on = models.DateField(_("Promised on"), null=True, blank=True)
    due_on = models.DateField(_("Promised for"))
    counts_for = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Counts for"),
        editable=False,
        help_text=_("In whose kept rate it counts: who had it when it fell due."),
    )
    status = models.CharField(
        pgettext_lazy("promise", "Status"), max_length=10, choices=Status.choices, default=Status.OPEN
    )
    kept_on = models.DateField(_("Kept on"), null=True, blank=True)
    closed_at = models.DateTimeField(_("Closed at"), null=True, blank=True, editable=False)
    reason = models.CharField(
        pgettext_lazy("promise", "Reason"),
        max_length=300,
        blank=True,
        help_text=_("Why it was not kept; or who at the customer agreed to take it back."),
    )
    remedy = models.TextField(_("What made good for it"), blank=True)
    impact = models.TextField(_("What it led to"), blank=True)
    asked_of = models.ForeignKey(
        User,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Who confirms that it can be done"),
        help_text=_("Someone from delivery, finance or engineering, not who promised."),
    )
    asked_at = models.DateTimeField(_("Asked at"), null=True, blank=True, editable=False)
    answer_due_at = models.DateTimeField(_("Answer due"), null=True, blank=True, editable=False)
    answer = models.CharField(_("Feasibility"), max_length=10, choices=Answer.choices, blank=True)
    answer_note = models.CharField(_("Remark on feasibility"), max_length=300, blank=True)
    answered_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Answered by"), editable=False
    )
    answered_at = models.DateTimeField(_("Answered at"), null=True, blank=True, editable=False)

    class Meta(Record.Meta):
        verbose_name = _("Promise")
        verbose_name_plural = _("Promises")
        indexes: ClassVar = [
            *record_indexes(),
            models.Index(fields=["owner", "due_on"], name="promise_due", condition=Q(status="open")),
            models.Index(fields=["account", "due_on"], name="promise_account", condition=KEPT),
            models.Index(fields=["deal"], name="promise_deal", condition=KEPT),
            models.Index(fields=["contact"], name="promise_contact", condition=KEPT),
            models.Index(fields=["asked_of", "answer_due_at"], name="promise_asked", condition=KEPT),
            models.Index(fields=["answer_due_at"], name="promise_unanswered", condition=Q(status="open", answer="")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None) | (~Q(status="open") & Q(closed_at__isnull=False)),
                name="promise_closed_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=("kept", "late"), kept_on__isnull=False)
                | (~Q(status__in=("kept", "late")) & Q(kept_on=None)),
                name="promise_kept_has_day",
            ),
            models.CheckConstraint(
                condition=Q(answered_by=None) | Q(made_by=None) | ~Q(answered_by=F("made_by")),
                name="promise_not_confirmed_by_maker",
            ),
        ]

    def __str__(self) -> str:
        return self.text
