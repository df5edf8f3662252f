"""Lists of choices that several modules share."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Source(models.TextChoices):
    """Where a customer or lead came from."""

    ADVERTISING = "advertising", _("Advertising")
    SEARCH = "search", _("Search engine")
    REFERRAL = "referral", _("Referral")
    SIGNUP = "signup", _("Online registration")
    INQUIRY = "inquiry", _("Online inquiry")
    COLD_VISIT = "cold_visit", _("Cold visit")
    EXHIBITION = "exhibition", _("Exhibition")
    PHONE = "phone", _("Incoming call")
    MAIL = "mail", _("Incoming mail")
    SOCIAL = "social", _("Social media")
    RETURNING = "returning", _("Returning customer")
    PARTNER = "partner", _("Sales partner")
    OTHER = "other", _("Other")


class Currency(models.TextChoices):
    """ISO 4217 codes of the currencies that amounts are kept in."""

    CNY = "CNY", _("Chinese yuan (CNY)")
    USD = "USD", _("US dollar (USD)")
    EUR = "EUR", _("Euro (EUR)")
    HKD = "HKD", _("Hong Kong dollar (HKD)")
    TWD = "TWD", _("New Taiwan dollar (TWD)")
    JPY = "JPY", _("Japanese yen (JPY)")
    GBP = "GBP", _("Pound sterling (GBP)")


class Tone(models.TextChoices):
    """Colours of a tag."""

    NEUTRAL = "neutral", _("Grey")
    TEAL = "teal", _("Teal")
    BLUE = "blue", _("Blue")
    VIOLET = "violet", _("Violet")
    GREEN = "green", _("Green")
    AMBER = "amber", _("Amber")
    RED = "red", _("Red")
    PINK = "pink", _("Pink")


class Attitude(models.TextChoices):
    """How a person stands towards us."""

    SUPPORTS = "supports", _("Supports us")
    NEUTRAL = "neutral", _("Neutral")
    OPPOSES = "opposes", _("Opposes us")


class BuyingRole(models.TextChoices):
    """The part a person has in a decision to buy."""

    DECIDER = "decider", _("Decision maker")
    INFLUENCER = "influencer", _("Influencer")
    USER = "user", _("User of the product")
    GATEKEEPER = "gatekeeper", _("Technical gatekeeper")
    BUYER = "buyer", _("Purchasing")
    FINANCE = "finance", _("Finance")
    OPPONENT = "opponent", _("Opponent")
