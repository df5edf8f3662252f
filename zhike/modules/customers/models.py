"""Customers as stored: accounts, contacts, what joins them, and their numbers, mails and addresses."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.models import Stored
from zhike.engine.fields import AddressField, IndustryField, LinksField, MoneyField, PhoneField, ReachField, RegionField
from zhike.engine.models import Pooled, Record, pool_indexes, record_indexes

from .choices import Attitude, BuyingRole, Currency, Source, Tone
from .persons import Consent, PersonRequest


class Account(Record, Pooled):
    """A customer: a legal entity, or a person who buys for himself."""

    class Kind(models.TextChoices):
        """What the customer is before the law."""

        FIRM = "firm", pgettext_lazy("kind of customer", "Company")
        SOLE = "sole", _("Sole proprietor")
        PUBLIC = "public", _("Public body")
        SOCIAL = "social", _("Social organisation")
        PERSON = "person", pgettext_lazy("kind of customer", "Person")

    class BusinessStatus(models.TextChoices):
        """What the business register says."""

        ACTIVE = "active", _("In business")
        MOVED = "moved", _("Moved to another register")
        SUSPENDED = "suspended", _("Suspended")
        REVOKED = "revoked", _("Licence revoked")
        DISSOLVED = "dissolved", _("Dissolved")

    class Size(models.TextChoices):
        """Size by the statistical classes of the National Bureau of Statistics."""

        LARGE = "large", _("Large enterprise")
        MEDIUM = "medium", _("Medium enterprise")
        SMALL = "small", _("Small enterprise")
        MICRO = "micro", _("Micro enterprise")

    class Taxpayer(models.TextChoices):
        """How the firm pays VAT."""

        GENERAL = "general", _("General VAT payer")
        SMALL = "small", _("Small-scale VAT payer")

    class Tier(models.TextChoices):
        """How much the customer matters."""

        S = "S", _("S strategic")
        A = "A", _("A important")
        B = "B", _("B ordinary")
        C = "C", _("C low priority")

    class Status(models.TextChoices):
        """Where the customer stands with us."""

        POTENTIAL = "potential", _("Potential")
        INTENT = "intent", _("Interested")
        CUSTOMER = "customer", _("Has bought")
        REPEAT = "repeat", _("Has bought again")
        SILENT = "silent", _("Silent")
        LOST = "lost", _("Lost customer")
        BLACKLIST = "blacklist", _("Blacklisted")

    number = models.CharField(_("Customer number"), max_length=20, blank=True, editable=False)
    name = models.CharField(_("Customer name"), max_length=200)
    name_key = models.CharField(max_length=200, blank=True, editable=False, db_index=True)
    short_name = models.CharField(_("Short name"), max_length=80, blank=True)
    english_name = models.CharField(_("English name"), max_length=200, blank=True)
    kind = models.CharField(_("Kind of customer"), max_length=10, choices=Kind.choices, default=Kind.FIRM)
    uscc = models.CharField(
        _("Unified social credit code"),
        max_length=20,
        blank=True,
        help_text=_("18 characters on the business licence; also the tax number."),
    )
    legal_representative = models.CharField(_("Legal representative"), max_length=80, blank=True)
    registered_capital = MoneyField(_("Registered capital"), null=True, blank=True)
    currency = models.CharField(_("Currency"), max_length=3, choices=Currency.choices, default=Currency.CNY)
    founded_on = models.DateField(_("Founded on"), null=True, blank=True)
    business_status = models.CharField(_("Business status"), max_length=12, choices=BusinessStatus.choices, blank=True)
    size = models.CharField(_("Size"), max_length=10, choices=Size.choices, blank=True)
    employees = models.PositiveIntegerField(_("Employees"), null=True, blank=True)
    annual_revenue = MoneyField(_("Annual revenue"), null=True, blank=True)
    taxpayer_kind = models.CharField(_("Taxpayer kind"), max_length=10, choices=Taxpayer.choices, blank=True)
    industry = IndustryField(_("Industry"), blank=True)
    region = RegionField(_("Region"), blank=True)
    address = AddressField(_("Address"), blank=True)
    website = models.URLField(_("Website"), blank=True)
    phone = PhoneField(_("Phone"), blank=True)
    email = models.EmailField(_("Email"), blank=True)
    numbers = models.TextField(_("All numbers and mails"), blank=True, editable=False)
    tier = models.CharField(_("Tier"), max_length=2, choices=Tier.choices, blank=True)
    source = models.CharField(_("Source"), max_length=20, choices=Source.choices, blank=True)
    status = models.CharField(_("Customer status"), max_length=12, choices=Status.choices, default=Status.POTENTIAL)
    first_won_on = models.DateField(_("First won on"), null=True, blank=True, editable=False)
    prior_sales = models.DecimalField(
        _("Earlier sales"),
        max_digits=18,
        decimal_places=4,
        null=True,
        blank=True,
        help_text=_("What the customer had bought before Zhike was used, as taken over."),
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Group or parent company")
    )
    tags = LinksField(verbose_name=_("Tags"), target="tag")
    external_id = models.CharField(
        _("Number in the former system"),
        max_length=80,
        blank=True,
        help_text=_("Imports find the customer again by this number."),
    )
    last_contact_at = models.DateTimeField(_("Last contact"), null=True, blank=True, editable=False)
    next_follow_up_on = models.DateField(_("Next follow-up"), null=True, blank=True, editable=False)
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Customer")
        verbose_name_plural = _("Customers")
        indexes: ClassVar = [
            *record_indexes("prior_sales", "currency"),
            *pool_indexes(),
            models.Index(
                fields=["next_follow_up_on"], name="account_next", condition=Q(next_follow_up_on__isnull=False)
            ),
            models.Index(fields=["phone"], name="account_phone", condition=~Q(phone="")),
            models.Index(fields=["email"], name="account_email", condition=~Q(email="")),
            models.Index(fields=["website"], name="account_website", condition=~Q(website="")),
            models.Index(fields=["address"], name="account_address", condition=~Q(address="")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["number"], condition=~Q(number=""), name="account_number_once"),
            models.UniqueConstraint(
                fields=["uscc"], condition=~Q(uscc="") & Q(deleted_at=None), name="account_uscc_once"
            ),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id="") & Q(deleted_at=None),
                name="account_external_id_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Contact(Record):
    """A person whom we deal with; `account` is the main employer now."""

    class Gender(models.TextChoices):
        """As on the identity card."""

        MALE = "male", _("Male")
        FEMALE = "female", _("Female")

    class Employment(models.TextChoices):
        """Whether the person still works there."""

        EMPLOYED = "employed", _("Employed")
        LEFT = "left", _("Has left")

    name = models.CharField(pgettext_lazy("of a person", "Name"), max_length=80)
    salutation = models.CharField(_("Salutation"), max_length=20, blank=True)
    gender = models.CharField(_("Gender"), max_length=10, choices=Gender.choices, blank=True)
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Customer")
    )
    department_name = models.CharField(_("Department of the contact"), max_length=80, blank=True)
    position = models.CharField(_("Position"), max_length=80, blank=True)
    role = models.CharField(_("Role in the decision"), max_length=12, choices=BuyingRole.choices, blank=True)
    is_key_decider = models.BooleanField(_("Key decision maker"), default=False)
    reports_to = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Superior")
    )
    phone = PhoneField(_("Mobile"), blank=True)
    landline = PhoneField(_("Landline"), blank=True)
    wechat = models.CharField(_("WeChat"), max_length=80, blank=True)
    qq = models.CharField(_("QQ"), max_length=20, blank=True)
    email = models.EmailField(_("Email"), blank=True)
    numbers = models.TextField(_("All numbers and mails"), blank=True, editable=False)
    birthday = models.DateField(_("Birthday"), null=True, blank=True)
    birthday_is_lunar = models.BooleanField(_("Birthday by the lunar calendar"), default=False)
    attitude = models.CharField(_("Attitude"), max_length=10, choices=Attitude.choices, blank=True)
    employment = models.CharField(
        _("Employment"), max_length=10, choices=Employment.choices, default=Employment.EMPLOYED
    )
    left_on = models.DateField(_("Left on"), null=True, blank=True)
    locked_at = models.DateTimeField(
        _("Locked for storage only"), null=True, blank=True, editable=False, help_text=_("PIPL art. 47, last sentence.")
    )
    source = models.CharField(_("Source"), max_length=20, choices=Source.choices, blank=True)
    tags = LinksField(verbose_name=_("Tags"), target="tag")
    external_id = models.CharField(
        _("Number in the former system"),
        max_length=80,
        blank=True,
        help_text=_("Imports find the contact again by this number."),
    )
    last_contact_at = models.DateTimeField(_("Last contact"), null=True, blank=True, editable=False)
    next_follow_up_on = models.DateField(_("Next follow-up"), null=True, blank=True, editable=False)
    remark = models.TextField(_("Remark"), blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Contact")
        verbose_name_plural = _("Contacts")
        indexes: ClassVar = [
            *Record.Meta.indexes,
            models.Index(fields=["phone"], name="contact_phone", condition=~Q(phone="")),
            models.Index(fields=["email"], name="contact_email", condition=~Q(email="")),
            models.Index(fields=["wechat"], name="contact_wechat", condition=~Q(wechat="")),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id="") & Q(deleted_at=None),
                name="contact_external_id_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Affiliation(Stored):
    """A person's tie to a customer from a day to a day: several at once, and former ones are kept."""

    class Kind(models.TextChoices):
        """What ties the person to the customer."""

        EMPLOYEE = "employee", _("Employee")
        REPRESENTATIVE = "representative", _("Legal representative")
        SHAREHOLDER = "shareholder", _("Shareholder")
        ADVISER = "adviser", _("Adviser")
        AGENT = "agent", _("Agent")

    contact = models.ForeignKey(Contact, models.CASCADE, related_name="+", verbose_name=_("Contact"))
    account = models.ForeignKey(Account, models.CASCADE, related_name="+", verbose_name=_("Customer"))
    kind = models.CharField(_("Relation"), max_length=16, choices=Kind.choices, default=Kind.EMPLOYEE)
    position = models.CharField(_("Position"), max_length=80, blank=True)
    from_on = models.DateField(_("From"), null=True, blank=True)
    to_on = models.DateField(_("Until"), null=True, blank=True)
    remark = models.CharField(_("Remark"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("Relation")
        verbose_name_plural = _("Relations")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(from_on=None) | Q(to_on=None) | Q(to_on__gte=models.F("from_on")), name="affiliation_dates"
            ),
        ]

    def __str__(self) -> str:
        return self.position or self.get_kind_display()


class ContactPoint(Stored):
    """One phone number or mail address of an account or of a contact."""

    class Kind(models.TextChoices):
        """How to reach."""

        PHONE = "phone", _("Phone")
        EMAIL = "email", _("Email")

    account = models.ForeignKey(
        Account, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("Customer")
    )
    contact = models.ForeignKey(
        Contact, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("Contact")
    )
    kind = models.CharField(_("Kind of number"), max_length=10, choices=Kind.choices, default=Kind.PHONE)
    value = ReachField(_("Number or address"), max_length=254)
    digits = models.CharField(_("Comparable form"), max_length=254, blank=True, editable=False, db_index=True)
    label = models.CharField(_("Used for"), max_length=40, blank=True)
    is_primary = models.BooleanField(_("Primary"), default=False)
    is_valid = models.BooleanField(_("Valid"), default=True)
    opted_out = models.BooleanField(_("Do not contact"), default=False)
    verified_on = models.DateField(_("Verified on"), null=True, blank=True)

    class Meta:
        verbose_name = _("Number or mail")
        verbose_name_plural = _("Numbers and mails")
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(account=None, contact__isnull=False) | Q(account__isnull=False, contact=None),
                name="contact_point_one_owner",
            ),
            models.UniqueConstraint(
                fields=["account", "kind", "digits"], condition=Q(deleted_at=None), name="contact_point_account_once"
            ),
            models.UniqueConstraint(
                fields=["contact", "kind", "digits"], condition=Q(deleted_at=None), name="contact_point_contact_once"
            ),
        ]

    def __str__(self) -> str:
        return self.value


class Address(Stored):
    """One place of a customer: an office, where invoices go, where goods go."""

    class Kind(models.TextChoices):
        """What the place is for."""

        OFFICE = "office", _("Office")
        INVOICE = "invoice", _("Invoices")
        SHIPPING = "shipping", _("Deliveries")

    account = models.ForeignKey(Account, models.CASCADE, related_name="+", verbose_name=_("Customer"))
    kind = models.CharField(_("Kind of address"), max_length=10, choices=Kind.choices, default=Kind.OFFICE)
    region = RegionField(_("Region"), blank=True)
    detail = AddressField(_("Street and number"))
    receiver = models.CharField(_("Receiver"), max_length=80, blank=True)
    phone = PhoneField(_("Phone"), blank=True)

    class Meta:
        verbose_name = _("Address")
        verbose_name_plural = _("Addresses")

    def __str__(self) -> str:
        return self.detail


class Tag(Stored):
    """A word that people put on records."""

    name = models.CharField(_("Tag"), max_length=40)
    tone = models.CharField(_("Colour"), max_length=10, choices=Tone.choices, default=Tone.NEUTRAL)

    class Meta:
        verbose_name = _("Tag")
        verbose_name_plural = _("Tags")
        ordering = ("name",)
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="tag_name_once"),
        ]

    def __str__(self) -> str:
        return self.name


__all__ = [
    "Account",
    "Address",
    "Affiliation",
    "Consent",
    "Contact",
    "ContactPoint",
    "PersonRequest",
    "Tag",
]
