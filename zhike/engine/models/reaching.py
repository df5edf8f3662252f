"""Who reaches what beside the roles, and what goes to other systems."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User


class Share(models.Model):
    """A record opened to a person, a department with all below it, or a role; with a title, a member of its team."""

    class Kind(models.TextChoices):
        """With whom."""

        USER = "user", _("Person")
        DEPARTMENT = "department", _("Department")
        ROLE = "role", _("Role")

    class Level(models.TextChoices):
        """What it opens."""

        READ = "read", _("May see")
        WRITE = "write", _("May change")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target = models.UUIDField()
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.READ)
    title = models.CharField(_("Part in the team"), max_length=40, blank=True)
    until = models.DateField(_("Until"), null=True, blank=True, help_text="the last day on which it holds")
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record", "entity", "kind", "target"], name="share_once")
        ]
        indexes: ClassVar = [models.Index(fields=["target", "entity"], name="share_target")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"


class Delegation(models.Model):
    """An assistant who may enter for somebody else, within bounds and until a day; both names are kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    principal = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("For"))
    assistant = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("Assistant"))
    scopes = models.JSONField(default=list, help_text='["account:read", "deal:*", …]; the actions that are lent')
    from_on = models.DateField(_("From"))
    until_on = models.DateField(_("Until"))
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(principal=F("assistant")), name="delegation_two_people"),
            models.CheckConstraint(condition=Q(until_on__gte=F("from_on")), name="delegation_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.assistant} / {self.principal}"


class Token(models.Model):
    """A key for programs. It is shown once, kept as a digest, and never reaches further than its owner does now."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(_("Name of the key"), max_length=80)
    prefix = models.CharField(max_length=12, unique=True, help_text="the first characters, by which it is found")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole key; it has 256 random bits")
    scopes = models.JSONField(default=list, help_text='["account:read", "deal:*", "*:list", …]')
    networks = models.JSONField(default=list, blank=True, help_text="addresses it may be used from; empty for any")
    rows_per_day = models.PositiveIntegerField(default=100_000)
    expires_at = models.DateTimeField(_("Valid until"))
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Webhook(Stored):
    """An address that is told of events, as far as its owner may see them when it is told."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(_("Name"), max_length=80)
    url = models.URLField(_("Address"), max_length=500)
    events = ArrayField(models.CharField(max_length=80), default=list, help_text='"deal.win", "account.*"')
    secret = models.CharField(max_length=100, help_text="key of the HMAC; shown once")
    is_active = models.BooleanField(_("Active"), default=True)
    failed_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message to one webhook: what was sent, how often it was tried, and how it ended."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Delivered")
        DEAD = "dead", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=80)
    entity = models.CharField(max_length=40)
    records = ArrayField(models.UUIDField(), default=list)
    cause = models.CharField(max_length=120, unique=True, help_text="what made it: a repeated job makes it once")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    status = models.PositiveIntegerField(null=True, help_text="of the last answer")
    error = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["webhook", "-at"], name="delivery_recent"),
            models.Index(fields=["next_at"], name="delivery_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return self.event
