"""Leads as stored."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from zhike.engine.fields import IndustryField, LinksField, PhoneField, RegionField
from zhike.engine.models import Pooled, Record, Staged, pool_indexes
from zhike.modules.customers.choices import Source
from zhike.modules.customers.models import Account, Contact


class Lead(Staged, Pooled):
    """A first sign of interest, of a person or a firm; converted once at most."""

    class LostReason(models.TextChoices):
        """Why a lead is no use to us."""

        NO_DEMAND = "no_demand", _("No demand")
        NO_BUDGET = "no_budget", _("No budget")
        UNREACHABLE = "unreachable", _("Cannot be reached")
        WRONG_NUMBER = "wrong_number", _("Wrong number")
        COMPETITOR = "competitor", _("Bought elsewhere")
        OUT_OF_SCOPE = "out_of_scope", _("Outside our business")
        DUPLICATE = "duplicate", _("Known already")
        SPAM = "spam", _("Advertising or test")
        OTHER = "other", _("Other")

    name = models.CharField(_("Lead name"), max_length=200, help_text=_("Name of the firm, or of the person."))
    company = models.CharField(_("Company"), max_length=200, blank=True)
    contact_name = models.CharField(_("Contact person"), max_length=80, blank=True)
    position = models.CharField(_("Position"), max_length=80, blank=True)
    phone = PhoneField(_("Mobile"), blank=True)
    email = models.EmailField(_("Email"), blank=True)
    wechat = models.CharField(_("WeChat"), max_length=80, blank=True)
    uscc = models.CharField(_("Unified social credit code"), max_length=20, blank=True)
    region = RegionField(_("Region"), blank=True)
    address = models.CharField(_("Address"), max_length=300, blank=True)
    industry = IndustryField(_("Industry"), blank=True)
    source = models.CharField(_("Source"), max_length=20, choices=Source.choices, blank=True)
    campaign = models.CharField(_("Campaign"), max_length=120, blank=True)
    keyword = models.CharField(_("Search word"), max_length=120, blank=True)
    medium = models.CharField(_("Medium"), max_length=80, blank=True, help_text=_("The utm_medium of a link."))
    landing_page = models.URLField(_("Landing page"), max_length=500, blank=True)
    interest = models.CharField(_("Product of interest"), max_length=200, blank=True)
    demand = models.TextField(_("Demand"), blank=True)
    score = models.PositiveSmallIntegerField(_("Score"), null=True, blank=True, help_text=_("From 0 to 100."))
    tags = LinksField(verbose_name=_("Tags"), target="tag")
    lost_reason = models.CharField(_("Reason of invalidity"), max_length=16, choices=LostReason.choices, blank=True)
    lost_note = models.CharField(_("Remark on the reason"), max_length=300, blank=True)
    external_id = models.CharField(
        _("Number in the former system"),
        max_length=80,
        blank=True,
        help_text=_("Imports find the lead again by this number."),
    )
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Customer"), editable=False
    )
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Contact"), editable=False
    )
    converted_at = models.DateTimeField(_("Converted at"), null=True, blank=True, editable=False)
    first_response_at = models.DateTimeField(_("First response"), null=True, blank=True, editable=False)
    response_due_at = models.DateTimeField(_("First response due"), null=True, blank=True, editable=False)
    last_contact_at = models.DateTimeField(_("Last contact"), null=True, blank=True, editable=False)
    next_follow_up_on = models.DateField(_("Next follow-up"), null=True, blank=True, editable=False)
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Lead")
        verbose_name_plural = _("Leads")
        indexes: ClassVar = [
            *Record.Meta.indexes,
            *pool_indexes(),
            models.Index(fields=["stage", "stage_at"], name="lead_stage"),
            models.Index(
                fields=["response_due_at"],
                condition=Q(response_due_at__isnull=False, first_response_at=None),
                name="lead_unanswered",
            ),
            models.Index(fields=["phone"], name="lead_phone", condition=~Q(phone="")),
            models.Index(fields=["email"], name="lead_email", condition=~Q(email="")),
            models.Index(fields=["uscc"], name="lead_uscc", condition=~Q(uscc="")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(score=None) | Q(score__lte=100), name="lead_score_range"),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id="") & Q(deleted_at=None),
                name="lead_external_id_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name
