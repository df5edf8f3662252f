"""Activities as stored: planned and done are two states of one thing."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User
from zhike.engine.models import Record, record_indexes
from zhike.modules.customers.models import Account, Contact
from zhike.modules.leads.models import Lead
from zhike.modules.sales.models import Deal


class Activity(Record):
    """One thing done, or to be done, with a customer; its owner is who does it."""

    class Kind(models.TextChoices):
        """What sort of thing."""

        TASK = "task", _("Task")
        CALL = "call", _("Call")
        MEETING = "meeting", _("Meeting")
        VISIT = "visit", _("Visit")
        MESSAGE = "message", _("Message")
        MAIL = "mail", _("Mail")
        NOTE = "note", _("Note")

    class Status(models.TextChoices):
        """Whether it is still to come."""

        PLANNED = "planned", _("Planned")
        DONE = "done", _("Done")
        CANCELLED = "cancelled", _("Cancelled")

    class Result(models.TextChoices):
        """What came of it; `services.RESULTS` says which results a kind can have. A firm may add its own."""

        CONNECTED = "connected", _("Connected")
        HELD = "held", _("Took place")
        REPLIED = "replied", _("Replied")
        COMPLETED = "completed", _("Completed")
        INTERESTED = "interested", pgettext_lazy("result of a call", "Interested")
        CALL_BACK = "call_back", pgettext_lazy("result of a call", "Call back later")
        NO_ANSWER = "no_answer", _("No answer")
        BUSY = "busy", _("Busy")
        ABSENT = "absent", _("Nobody there")
        NO_REPLY = "no_reply", _("No reply")
        NOT_INTERESTED = "not_interested", pgettext_lazy("result of a call", "Not interested")
        REFUSED = "refused", pgettext_lazy("result of a call", "Refused")
        WRONG_NUMBER = "wrong_number", _("Wrong number")
        NOT_COMPLETED = "not_completed", _("Not completed")

    class Direction(models.TextChoices):
        """Who began."""

        OUT = "out", _("Outgoing")
        IN = "in", _("Incoming")

    class Priority(models.TextChoices):
        """How urgent."""

        LOW = "low", _("Low")
        NORMAL = "normal", _("Normal")
        HIGH = "high", _("High")

    class Repeat(models.TextChoices):
        """When it comes again, counted from the first time; by weeks it stays on its weekday."""

        DAY = "day", _("By days")
        WORKDAY = "workday", _("By working days")
        WEEK = "week", _("By weeks")
        MONTH = "month", _("By months")

    kind = models.CharField(_("Kind of activity"), max_length=10, choices=Kind.choices, default=Kind.TASK)
    status = models.CharField(_("Activity status"), max_length=10, choices=Status.choices, blank=True)
    subject = models.CharField(_("Subject"), max_length=200, blank=True)
    body = models.TextField(_("Content"), blank=True)
    due_at = models.DateTimeField(_("Due"), null=True, blank=True)
    remind_minutes = models.PositiveSmallIntegerField(
        _("Remind minutes before"),
        null=True,
        blank=True,
        help_text=_("Empty: as the person has set it. 0: only at the time. At most 1,440, a day."),
    )
    repeat = models.CharField(_("Repeats"), max_length=8, choices=Repeat.choices, blank=True, default="")
    repeat_every = models.PositiveSmallIntegerField(_("Repeats every"), null=True, blank=True)
    repeat_until = models.DateField(_("Repeats until"), null=True, blank=True)
    repeat_working = models.BooleanField(_("Move to working days"), default=False)
    done_at = models.DateTimeField(_("Done at"), null=True, blank=True)
    duration_minutes = models.PositiveIntegerField(_("Minutes"), null=True, blank=True)
    result = models.CharField(_("Result"), max_length=40, choices=Result.choices, blank=True)
    direction = models.CharField(_("Direction"), max_length=4, choices=Direction.choices, blank=True)
    priority = models.CharField(_("Priority"), max_length=8, choices=Priority.choices, default=Priority.NORMAL)
    account = models.ForeignKey(
        Account, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Customer")
    )
    contact = models.ForeignKey(
        Contact, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Contact")
    )
    lead = models.ForeignKey(Lead, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Lead"))
    deal = models.ForeignKey(Deal, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Deal"))
    place = models.CharField(_("Place"), max_length=200, blank=True)
    external_id = models.CharField(
        _("Number in the former system"),
        max_length=200,
        blank=True,
        help_text=_("Imports find the activity again by it: the number of a mail, of a calendar entry."),
    )

    class Meta(Record.Meta):
        verbose_name = _("Activity")
        verbose_name_plural = _("Activities")
        indexes: ClassVar = [
            *record_indexes("duration_minutes"),
            models.Index(fields=["owner", "due_at"], name="activity_due", condition=Q(status="planned")),
            models.Index(
                fields=["due_at", "id"],
                include=["ancestors", "department"],
                name="activity_planned",
                condition=Q(status="planned", deleted_at=None),
            ),
            models.Index(fields=["id"], name="activity_repeats", condition=~Q(repeat="") & Q(deleted_at=None)),
            models.Index(fields=["account", "-done_at"], name="activity_account"),
            models.Index(fields=["contact", "-done_at"], name="activity_contact"),
            models.Index(fields=["lead", "-done_at"], name="activity_lead"),
            models.Index(fields=["deal", "-done_at"], name="activity_deal"),
            models.Index(fields=["done_at"], name="activity_done", condition=Q(status="done")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(status="done", done_at__isnull=False) | (~Q(status="done") & Q(done_at=None)),
                name="activity_done_has_time",
            ),
            models.UniqueConstraint(
                fields=["external_id"],
                condition=~Q(external_id="") & Q(deleted_at=None),
                name="activity_external_id_once",
            ),
        ]

    def __str__(self) -> str:
        return self.subject


class Reminder(models.Model):
    """That a reminder was told: one row for an activity, a stage and the time it was due then, and never two.

    What is moved to another time is another reminder. Rows are forgotten when they are too old to matter.
    """

    class Stage(models.IntegerChoices):
        """Which of them."""

        BEFORE = 1, _("Before the time")
        AT = 2, _("At the time")
        MISSED = 3, _("Missed")

    pk = models.CompositePrimaryKey("due_at", "stage", "activity")
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    stage = models.SmallIntegerField(choices=Stage.choices)
    due_at = models.DateTimeField()
    told_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.stage} {self.due_at}"


class Occurrence(models.Model):
    """Which one of a series a repeated activity is. `number` counts from 0, the one on the day `anchor`."""

    activity = models.OneToOneField(Activity, models.CASCADE, primary_key=True, related_name="+")
    series = models.UUIDField(default=uuid7)
    number = models.PositiveIntegerField(default=0)
    anchor = models.DateField()
    rule = models.CharField(max_length=20, help_text="unit and step; with another, the series begins anew")
    continued = models.BooleanField(default=False, help_text="whether the next one was made, or the series is over")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["series", "number"], name="occurrence_once")]

    def __str__(self) -> str:
        return f"{self.series} {self.number}"


class ActivityPlan(Stored):
    """A named list of steps that are planned together on a record: "first contact", "after the fair"."""

    name = models.CharField(_("Activity plan"), max_length=80)

    class Meta:
        verbose_name = _("Activity plan")
        verbose_name_plural = _("Activity plans")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="plan_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class PlanStep(models.Model):
    """One step of a plan: what, how many days after what, and who does it."""

    class After(models.TextChoices):
        """What its days are counted from."""

        START = "start", _("after the start")
        PREVIOUS = "previous", _("after the step before")

    class Who(models.TextChoices):
        """Who owns it."""

        SELF = "self", _("Who applies the plan")
        OWNER = "owner", _("Owner of the record")
        MANAGER = "manager", _("Manager of the owner")

    plan = models.ForeignKey(ActivityPlan, models.CASCADE, related_name="steps")
    order = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Activity.Kind.choices)
    subject = models.CharField(max_length=200)
    days = models.PositiveSmallIntegerField(default=0)
    working = models.BooleanField(default=True, help_text="whether the days are working days")
    after = models.CharField(max_length=8, choices=After.choices, default=After.START)
    who = models.CharField(max_length=7, choices=Who.choices, default=Who.OWNER)

    class Meta:
        ordering = ("order",)
        constraints: ClassVar = [models.UniqueConstraint(fields=["plan", "order"], name="plan_step_once")]

    def __str__(self) -> str:
        return self.subject


class NoteTemplate(Stored):
    """A text that the composer puts into a note: what is asked on a visit, what a first call must find out."""

    name = models.CharField(_("Note template"), max_length=60)
    kind = models.CharField(_("Kind of activity"), max_length=10, choices=Activity.Kind.choices, blank=True)
    text = models.TextField(_("Text"), max_length=2000)

    class Meta:
        verbose_name = _("Note template")
        verbose_name_plural = _("Note templates")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name"], condition=Q(deleted_at=None), name="note_template_name_once")
        ]

    def __str__(self) -> str:
        return self.name


class Comment(models.Model):
    """What somebody says about an activity. It is no follow-up, and changes nothing of what it stands under.

    A deleted one keeps its row without its words; who deleted it is in the history of the activity.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+")
    author = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    text = models.TextField(blank=True)
    key = models.CharField(max_length=100, blank=True, help_text="of the post that wrote it, against writing it twice")
    created_at = models.DateTimeField(default=timezone.now)
    edited_at = models.DateTimeField(null=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["activity", "created_at"], name="comment_thread", condition=Q(deleted_at=None))
        ]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["activity", "author", "key"], condition=~Q(key=""), name="comment_written_once"
            )
        ]

    def __str__(self) -> str:
        return self.text


class Mention(models.Model):
    """That a person is named in the text of an activity, or of one of its comments, by the words `said`."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    activity = models.ForeignKey(Activity, models.CASCADE, related_name="+")
    comment = models.ForeignKey(Comment, models.CASCADE, null=True, related_name="+")
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    said = models.CharField(max_length=80)

    class Meta:
        constraints: ClassVar = [
            # in the text of an activity a name may stand twice: when two of them are merged
            models.UniqueConstraint(fields=["comment", "user"], name="mention_once")
        ]

    def __str__(self) -> str:
        return self.said
