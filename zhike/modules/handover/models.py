"""Hand-overs as stored (requirement S4.9): the plan, its rules, each record with who gets it, and continuity."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User
from zhike.modules.customers.models import Account


class Handover(Stored):
    """One person who hands over what they have: why, until when, by which rules, and how far it is."""

    class Why(models.TextChoices):
        """Why."""

        LEAVING = "leaving", _("Leaves the firm")
        MOVING = "moving", _("Moves to another post")
        ABSENT = "absent", _("Away for long")

    class State(models.TextChoices):
        """How far it is."""

        PLANNED = "planned", pgettext_lazy("hand-over", "Planned")
        RUNNING = "running", pgettext_lazy("hand-over", "Running")
        HANDED = "handed", pgettext_lazy("hand-over", "Handed over")
        ACCEPTED = "accepted", pgettext_lazy("hand-over", "Accepted")
        CLOSED = "closed", pgettext_lazy("hand-over", "Closed")

    class Rest(models.TextChoices):
        """Where what no rule names goes."""

        MANAGER = "manager", _("To the manager")
        PERSON = "person", _("To one person")
        POOL = "pool", _("To the pool")

    person = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Who hands over"))
    author = models.ForeignKey(User, models.PROTECT, related_name="+", verbose_name=_("Planned by"))
    why = models.CharField(pgettext_lazy("hand-over", "Why"), max_length=10, choices=Why.choices, default=Why.LEAVING)
    last_day = models.DateField(_("Last day"), null=True, blank=True)
    note = models.TextField(_("Remark"), blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    rest = models.CharField(_("All others"), max_length=10, choices=Rest.choices, default=Rest.MANAGER)
    rest_to = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+")
    with_closed = models.BooleanField(_("Closed deals and leads too"), default=False)
    is_emergency = models.BooleanField(_("Emergency: everything to the manager"), default=False)
    intro_days = models.PositiveSmallIntegerField(_("Introduce within working days"), default=5)
    started_at = models.DateTimeField(null=True, blank=True)
    handed_at = models.DateTimeField(null=True, blank=True)
    watch_until = models.DateField(_("Watched until"), null=True, blank=True)
    operations: models.JSONField[Any, Any] = models.JSONField(
        default=dict, blank=True, help_text="entity -> the operation by which its records went, to take it back"
    )

    class Meta:
        verbose_name = pgettext_lazy("of customers", "Hand-over")
        verbose_name_plural = pgettext_lazy("of customers", "Hand-overs")
        indexes: ClassVar = [
            models.Index(fields=["state", "updated_at"], name="handover_state"),
            models.Index(fields=["watch_until"], name="handover_watch", condition=Q(watch_until__isnull=False)),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(state__in=("planned", "running")), name="handover_one_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return str(self.person)


class HandoverShare(models.Model):
    """A rule: which records of an entity go to whom. The first rule that a record meets is its own."""

    class Way(models.TextChoices):
        """How the people of a rule share its records."""

        ONE = "one", _("All to one person")
        EVEN = "even", _("Evenly, to who has least")
        FORMER = "former", _("To who knew the customer before")
        MANAGER = "manager", _("To the manager")
        POOL = "pool", _("To the pool")

    handover = models.ForeignKey(Handover, models.CASCADE, related_name="shares")
    order = models.PositiveSmallIntegerField()
    entity = models.CharField(max_length=40, default="account")
    where = models.TextField(blank=True, default="", help_text="conditions in the one filter language; empty for all")
    ids = ArrayField(models.UUIDField(), default=list, blank=True, help_text="ticked rows instead")
    way = models.CharField(max_length=10, choices=Way.choices, default=Way.ONE)
    people = ArrayField(models.UUIDField(), default=list, blank=True)

    class Meta:
        ordering = ("order",)
        constraints: ClassVar = [models.UniqueConstraint(fields=["handover", "order"], name="handover_share_once")]

    def __str__(self) -> str:
        return f"{self.order} {self.entity}"


class HandoverItem(models.Model):
    """One record that is handed over: to whom, whether it went, and what its successor says.

    `of` is the customer that it hangs on: where the customer goes, it goes along. `giver` is who has it until it goes.
    """

    class State(models.TextChoices):
        """What became of it."""

        PLANNED = "planned", pgettext_lazy("hand-over", "Planned")
        HANDED = "handed", pgettext_lazy("hand-over", "Handed over")
        GONE = "gone", _("Somebody else's by then")
        FAILED = "failed", _("Could not be handed over")
        ACCEPTED = "accepted", pgettext_lazy("hand-over", "Accepted")
        ASKED = "asked", _("Asked back")
        DECLINED = "declined", pgettext_lazy("hand-over", "Declined")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    handover = models.ForeignKey(Handover, models.CASCADE, related_name="items")
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    rank = models.PositiveSmallIntegerField(help_text="place of its entity: customers first")
    of = models.UUIDField(null=True, blank=True)
    giver = models.ForeignKey(User, models.PROTECT, related_name="+")
    to = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", help_text="none for a pool")
    rule = models.PositiveSmallIntegerField(null=True, blank=True, help_text="order of its rule; none for the rest")
    by_hand = models.BooleanField(default=False)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLANNED)
    text = models.CharField(max_length=300, blank=True, help_text="why it did not go")
    words = models.TextField(blank=True, help_text="what who leaves adds to the letter")
    handed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    answer = models.CharField(max_length=300, blank=True)
    alarmed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["handover", "state", "rank", "to", "id"], name="handover_item_next"),
            models.Index(fields=["to", "state"], name="handover_item_to", condition=Q(entity="account")),
            models.Index(fields=["record"], name="handover_item_record"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["handover", "entity", "record"], name="handover_item_once")
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"


class Continuity(models.Model):
    """How well the relation to a customer would outlast one of us leaving, as of the last count (continuity.py)."""

    account = models.OneToOneField(Account, models.CASCADE, primary_key=True, related_name="+", db_constraint=False)
    score = models.SmallIntegerField(_("Continuity"))
    ours = models.SmallIntegerField(_("Our people in touch"))
    theirs = models.SmallIntegerField(_("Their people known"))
    decider = models.BooleanField(_("Decision maker known"))
    written = models.SmallIntegerField(_("Written down"))

    class Meta:
        indexes: ClassVar = [models.Index(fields=["ours", "account"], name="continuity_ours", include=["score"])]

    def __str__(self) -> str:
        return str(self.score)
