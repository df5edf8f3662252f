"""Products, deals, and who takes part in a deal on the customer's and on the other side."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.models import Stored
from zhike.engine.fields import LinksField, MoneyField, PercentField
from zhike.engine.models import KEPT, Record, Staged, record_indexes
from zhike.modules.customers.choices import Attitude, BuyingRole, Currency, Source
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads.models import Lead


class Product(Record):
    """Something we sell."""

    code = models.CharField(_("Product code"), max_length=60, blank=True)
    name = models.CharField(_("Product name"), max_length=200)
    series = models.CharField(_("Series"), max_length=80, blank=True)
    unit = models.CharField(_("Unit"), max_length=20, blank=True)
    list_price = MoneyField(_("List price"), null=True, blank=True)
    currency = models.CharField(_("Currency"), max_length=3, choices=Currency.choices, default=Currency.CNY)
    is_active = models.BooleanField(_("On sale"), default=True)
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Product")
        verbose_name_plural = _("Products")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["code"], condition=~Q(code="") & Q(deleted_at=None), name="product_code_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Deal(Staged):
    """A chance to sell something to a customer."""

    class Forecast(models.TextChoices):
        """How the deal counts in the forecast."""

        COMMIT = "commit", _("Commit")
        BEST = "best", _("Best case")
        PIPELINE = "pipeline", _("In the pipeline")
        OMIT = "omit", pgettext_lazy("in the forecast", "Left out")

    class Procurement(models.TextChoices):
        """How the customer buys."""

        TENDER = "tender", _("Public tender")
        COMPARISON = "comparison", _("Price comparison")
        NEGOTIATION = "negotiation", _("Competitive negotiation")
        SINGLE_SOURCE = "single_source", _("Single source")
        DIRECT = "direct", _("Direct purchase")

    class WonReason(models.TextChoices):
        """Why the customer chose us."""

        PRODUCT = "product", _("Product fits")
        PRICE = "price", _("Good price")
        RELATION = "relation", _("Good relations")
        SERVICE = "service", _("Service and delivery")
        BRAND = "brand", _("Reputation")
        OTHER = "other", _("Other")

    class LostReason(models.TextChoices):
        """Why the deal was lost."""

        PRICE = "price", _("Price too high")
        COMPETITOR = "competitor", _("Competitor won")
        PRODUCT = "product", _("Product does not fit")
        NO_BUDGET = "no_budget", _("No budget")
        POSTPONED = "postponed", _("Project postponed or stopped")
        NO_CONTACT = "no_contact", _("No further contact")
        RELATION = "relation", _("Weak relations")
        TERMS = "terms", _("Payment or delivery terms")
        INVALID = "invalid", _("Never a real chance")
        OTHER = "other", _("Other")

    number = models.CharField(_("Deal number"), max_length=20, blank=True, editable=False)
    name = models.CharField(_("Deal name"), max_length=200)
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Customer")
    )
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Product")
    )
    amount = MoneyField(_("Amount"), null=True, blank=True)
    currency = models.CharField(_("Currency"), max_length=3, choices=Currency.choices, default=Currency.CNY)
    expected_on = models.DateField(_("Expected closing date"), null=True, blank=True)
    started_on = models.DateField(_("Started on"), null=True, blank=True)
    closed_on = models.DateField(_("Closed on"), null=True, blank=True)
    probability = PercentField(
        _("Win %"), null=True, blank=True, help_text=_("Comes from the stage; another value needs a reason.")
    )
    probability_reason = models.CharField(_("Reason for another win %"), max_length=200, blank=True)
    forecast = models.CharField(
        _("Forecast category"), max_length=10, choices=Forecast.choices, default=Forecast.PIPELINE
    )
    procurement = models.CharField(_("Way of procurement"), max_length=16, choices=Procurement.choices, blank=True)
    tender_number = models.CharField(_("Tender number"), max_length=80, blank=True)
    tender_deadline_at = models.DateTimeField(_("Tender deadline"), null=True, blank=True)
    competitor_note = models.TextField(_("Competitive situation"), blank=True)
    won_reason = models.CharField(_("Reason won"), max_length=16, choices=WonReason.choices, blank=True)
    lost_reason = models.CharField(_("Reason lost"), max_length=16, choices=LostReason.choices, blank=True)
    lost_note = models.CharField(_("Remark on the loss"), max_length=300, blank=True)
    source = models.CharField(_("Source"), max_length=20, choices=Source.choices, blank=True)
    lead = models.ForeignKey(
        Lead, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Source lead")
    )
    tags = LinksField(verbose_name=_("Tags"), target="tag")
    next_step = models.CharField(_("Next step"), max_length=300, blank=True)
    next_follow_up_on = models.DateField(_("Next follow-up"), null=True, blank=True, editable=False)
    last_contact_at = models.DateTimeField(_("Last contact"), null=True, blank=True, editable=False)
    external_id = models.CharField(
        _("Number in the former system"),
        max_length=80,
        blank=True,
        help_text=_("Imports find the deal again by this number."),
    )
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Deal")
        verbose_name_plural = _("Deals")
        indexes: ClassVar = [
            *record_indexes("amount", "probability", "currency"),
            models.Index(fields=["stage", "stage_at"], name="deal_stage"),
            # what was won, made and moved of late is counted and added up from these alone
            models.Index(fields=["status", "closed_on"], include=["amount"], condition=KEPT, name="deal_closed"),
            models.Index(fields=["created_at"], include=["amount"], condition=KEPT, name="deal_created"),
            models.Index(
                fields=["stage_at"],
                include=["amount", "created_at"],
                condition=KEPT & Q(status="open"),
                name="deal_moved",
            ),
            models.Index(fields=["next_follow_up_on"], name="deal_next", condition=Q(status="open")),
            models.Index(fields=["amount", "id"], name="deal_open_amount", condition=Q(status="open", deleted_at=None)),
            # lanes and first pages add up all deals: what they read lies here side by side
            models.Index(
                fields=["status", "stage"],
                include=["amount", "probability", "currency", "closed_at", "closed_on", "expected_on", "forecast"],
                condition=Q(deleted_at=None),
                name="deal_figures",
            ),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number"], condition=~Q(number=""), name="deal_number_once"),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id="") & Q(deleted_at=None),
                name="deal_external_id_once",
            ),
            models.CheckConstraint(condition=Q(amount=None) | Q(amount__gte=0), name="deal_amount_not_negative"),
        ]

    def __str__(self) -> str:
        return self.name


class DealContact(Stored):
    """The part that a contact has in a deal."""

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="+", verbose_name=_("Deal"))
    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+", verbose_name=_("Contact"))
    role = models.CharField(_("Role in the decision"), max_length=12, choices=BuyingRole.choices, blank=True)
    attitude = models.CharField(_("Attitude"), max_length=10, choices=Attitude.choices, blank=True)
    remark = models.CharField(_("Remark"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("Contact in the deal")
        verbose_name_plural = _("Contacts in the deal")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deal", "contact"], condition=Q(deleted_at=None), name="deal_contact_once"),
        ]

    def __str__(self) -> str:
        return self.get_role_display() or str(self.contact_id)


class Competitor(Record):
    """A firm that sells against us."""

    name = models.CharField(_("Competitor name"), max_length=200)
    website = models.URLField(_("Website"), blank=True)
    strengths = models.TextField(_("Strengths"), blank=True)
    weaknesses = models.TextField(_("Weaknesses"), blank=True)
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Competitor")
        verbose_name_plural = _("Competitors")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="competitor_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


class DealCompetitor(Stored):
    """How a competitor stands in a deal."""

    class Position(models.TextChoices):
        """Who is ahead."""

        AHEAD = "ahead", _("Ahead of us")
        LEVEL = "level", _("Level with us")
        BEHIND = "behind", _("Behind us")
        OUT = "out", _("Out of the race")
        WINNER = "winner", _("Won the deal")

    deal = models.ForeignKey(Deal, models.CASCADE, related_name="+", verbose_name=_("Deal"))
    competitor = models.ForeignKey(Competitor, models.CASCADE, related_name="+", verbose_name=_("Competitor"))
    position = models.CharField(_("Standing"), max_length=10, choices=Position.choices, blank=True)
    price = MoneyField(_("Price offered"), null=True, blank=True)
    remark = models.CharField(_("Remark"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("Competitor in the deal")
        verbose_name_plural = _("Competitors in the deal")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["deal", "competitor"], condition=Q(deleted_at=None), name="deal_competitor_once"
            ),
        ]

    def __str__(self) -> str:
        return self.get_position_display() or str(self.competitor_id)
