"""Rules of assignment, what is known of people for it, what was decided and why, and who still has to accept."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User


class AssignmentRule(Stored):
    """Who gets records that nobody has; what holds is `document`, read by document.py.

    `turn` counts what it has given: its row is locked while it gives, so that two who run it wait for each other.
    """

    entity = models.CharField(_("Of which records"), max_length=40, editable=False)
    name = models.CharField(_("Name"), max_length=80)
    order = models.PositiveIntegerField(_("Order"), default=0)
    is_active = models.BooleanField(_("In use"), default=True)
    document: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True, editable=False)
    turn = models.BigIntegerField(default=0, editable=False)

    class Meta:
        verbose_name = _("Assignment rule")
        ordering = ("entity", "order", "created_at")

    def __str__(self) -> str:
        return self.name


class Turn(models.Model):
    """When a rule gave something to somebody last, as a number that grows with each record it gives."""

    rule = models.ForeignKey(AssignmentRule, models.CASCADE, related_name="turns")
    person = models.ForeignKey(User, models.CASCADE, related_name="+")
    turn = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["rule", "person"], name="assigning_turn_once")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.turn}"


class Sheet(Stored):
    """What rules know of a person beside the account: how much they take, where, what they know, when they work.

    `territories` are codes of regions (GB/T 2260), with all below; `skills` are words looked for in what a lead is
    interested in; `hours` are [["09:00", "18:00"]], without them those of the rule.
    """

    person = models.OneToOneField(User, models.CASCADE, related_name="+")
    is_receiving = models.BooleanField(_("Gets new records by rules"), default=True)
    daily = models.PositiveIntegerField(_("New records a day, at most"), null=True, blank=True)
    open_limit = models.PositiveIntegerField(_("Open records at one time, at most"), null=True, blank=True)
    territories = ArrayField(models.CharField(max_length=6), default=list, blank=True)
    skills = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    hours: models.JSONField[Any, Any] = models.JSONField(default=list, blank=True)
    away_from = models.DateField(_("Away from"), null=True, blank=True)
    away_until = models.DateField(_("Away until"), null=True, blank=True)

    def __str__(self) -> str:
        return str(self.person_id)


class Decision(models.Model):
    """What became of one record, by which rule and why; never changed. `why` is data, worded when it is shown."""

    class Outcome(models.TextChoices):
        """How it ended."""

        GIVEN = "given", _("Given")
        NOBODY = "nobody", _("Nobody fits")
        HAND = "hand", _("Given by hand")
        MANAGER = "manager", _("Escalated to the manager")
        PERSON = "person", _("Escalated to a person")
        POOL = "pool", _("Escalated to the pool")
        STAYS = "stays", _("Stays")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    rule = models.ForeignKey(AssignmentRule, models.PROTECT, related_name="+")
    person = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome.choices)
    why: models.JSONField[Any, Any] = models.JSONField(default=dict)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", help_text="who asked; none for a rule")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["record", "-at"], name="assigning_decision_record"),
            models.Index(fields=["person", "at"], name="assigning_decision_person"),
            models.Index(fields=["at"], name="assigning_decision_at"),
        ]

    def __str__(self) -> str:
        return f"{self.outcome} {self.record}"


class Offer(models.Model):
    """Somebody who got a record and has until `due_at` to say that they take it."""

    class State(models.TextChoices):
        """What became of it."""

        WAITING = "waiting", _("Waits for an answer")
        ACCEPTED = "accepted", _("Accepted")
        DECLINED = "declined", _("Declined")
        LAPSED = "lapsed", _("No answer in time")
        MOVED = "moved", _("Went elsewhere meanwhile")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    rule = models.ForeignKey(AssignmentRule, models.PROTECT, related_name="+")
    person = models.ForeignKey(User, models.PROTECT, related_name="+")
    round = models.PositiveSmallIntegerField(default=1)
    chain = models.UUIDField(help_text="the same for all rounds of one record")
    at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    answered_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(_("Reason"), max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["due_at"], condition=Q(state="waiting"), name="assigning_offer_due"),
            models.Index(fields=["person", "due_at"], condition=Q(state="waiting"), name="assigning_offer_person"),
            models.Index(fields=["chain"], name="assigning_offer_chain"),
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record"], condition=Q(state="waiting"), name="assigning_offer_once")
        ]

    def __str__(self) -> str:
        return f"{self.state} {self.record}"
