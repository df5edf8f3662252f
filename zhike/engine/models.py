"""What the engine itself stores, and the abstract models that records are made of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Department, Stored, User

from .fields import PercentField
from .guard import GuardedManager

DEPTHS = 4  # levels of the department tree that have an index of their own


class Record(Stored):
    """A business record: owned, placed in a department, searchable, with custom fields."""

    owner = models.ForeignKey(User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Owner"))
    department = models.ForeignKey(
        Department,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Owning department"),
        editable=False,
    )
    ancestors = ArrayField(models.UUIDField(), default=list, editable=False)
    created_by = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Created by"), editable=False
    )
    custom = models.JSONField(default=dict, blank=True, editable=False)
    pinyin = models.CharField(max_length=300, default="", blank=True, editable=False)
    search_text = models.TextField(default="", blank=True, editable=False)
    search_grams = ArrayField(models.TextField(), default=list, blank=True, editable=False)

    objects = GuardedManager["Record"]()

    class Meta:
        abstract = True
        indexes: ClassVar = [
            models.Index(F("owner"), F("updated_at").desc(), name="%(class)s_own"),
            models.Index(F("updated_at").desc(), F("id").desc(), name="%(class)s_recent"),
            models.Index(fields=["pinyin", "id"], name="%(class)s_pinyin"),
            GinIndex(fields=["search_grams"], name="%(class)s_grams"),
            *(
                models.Index(F(f"ancestors__{depth}"), F("updated_at").desc(), name=f"%(class)s_dept{depth}")
                for depth in range(DEPTHS)
            ),
        ]


class Pipeline(Stored):
    """A set of stages that records of one entity go through; a new version takes over when its shape changes."""

    entity = models.CharField(max_length=40)
    key = models.SlugField(max_length=40)
    labels = models.JSONField(_("Name"), default=dict)
    number = models.PositiveIntegerField(_("Version"), default=1)
    is_current = models.BooleanField(default=True)
    is_default = models.BooleanField(_("Default"), default=False)

    class Meta:
        verbose_name = _("Pipeline")
        verbose_name_plural = _("Pipelines")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entity", "key", "number"], name="pipeline_version_once"),
            models.UniqueConstraint(
                fields=["entity", "key"], condition=models.Q(is_current=True), name="pipeline_one_current"
            ),
        ]

    def __str__(self) -> str:
        from .labels import localized

        return localized(self.labels)


class Stage(Stored):
    """A step of a pipeline. `status` is what it means to every report, whatever the firm calls it."""

    class Status(models.TextChoices):
        """The three meanings a stage can have."""

        OPEN = "open", _("Open")
        WON = "won", _("Won")
        LOST = "lost", _("Lost")

    pipeline = models.ForeignKey(Pipeline, models.PROTECT, related_name="stages")
    key = models.SlugField(max_length=40)
    labels = models.JSONField(_("Name"), default=dict)
    order = models.PositiveIntegerField(default=0)
    status = models.CharField(_("Status"), max_length=10, choices=Status.choices, default=Status.OPEN)
    win_percent = PercentField(_("Win %"), default=0)
    required_fields = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    days_allowed = models.PositiveIntegerField(_("Days allowed"), null=True, blank=True)
    tone = models.CharField(max_length=20, default="neutral")

    class Meta:
        verbose_name = _("Stage")
        verbose_name_plural = _("Stages")
        ordering = ("pipeline", "order")
        constraints: ClassVar = [models.UniqueConstraint(fields=["pipeline", "key"], name="stage_key_once")]

    def __str__(self) -> str:
        from .labels import localized

        return localized(self.labels)


class Staged(Record):
    """A record that goes through the stages of a pipeline."""

    pipeline = models.ForeignKey(Pipeline, models.PROTECT, related_name="+", verbose_name=_("Pipeline"), blank=True)
    stage = models.ForeignKey(Stage, models.PROTECT, related_name="+", verbose_name=_("Stage"), blank=True)
    status = models.CharField(
        _("Status"), max_length=10, choices=Stage.Status.choices, default=Stage.Status.OPEN, editable=False
    )
    stage_at = models.DateTimeField(_("In this stage since"), null=True, blank=True, editable=False)
    closed_at = models.DateTimeField(_("Closed at"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class StageEvent(models.Model):
    """One step of one record, never changed: what funnel and conversion are counted from."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    from_stage = models.ForeignKey(Stage, models.PROTECT, null=True, related_name="+")
    to_stage = models.ForeignKey(Stage, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    seconds = models.BigIntegerField(null=True, help_text="time spent in from_stage")
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    note = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["record", "at"], name="stage_event_record"),
            models.Index(fields=["to_stage", "at"], name="stage_event_stage"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"


class OwnerPeriod(models.Model):
    """Who owned a record from when to when; open-ended while it lasts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    owner = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    from_at = models.DateTimeField()
    to_at = models.DateTimeField(null=True)
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["record", "from_at"], name="owner_period_record")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"


class History(models.Model):
    """Field-level before and after, written by a database trigger so that no path can forget it."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor = models.UUIDField(null=True)
    channel = models.CharField(max_length=20)
    action = models.CharField(max_length=40)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    changes = models.JSONField()

    class Meta:
        indexes: ClassVar = [models.Index(fields=["record", "-id"], name="history_record")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record} {self.action}"


class IdempotencyKey(models.Model):
    """Remembers which record a key made, so that a repeated create gives the first one back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    actor = models.UUIDField()
    key = models.CharField(max_length=120)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["actor", "key"], name="idempotency_once")]

    def __str__(self) -> str:
        return self.key


class Counter(models.Model):
    """A number kept under a name, such as the seed of the demo firm."""

    entity = models.CharField(max_length=40, primary_key=True)
    last = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.entity} {self.last}"


class SavedView(Stored):
    """A list as somebody wants to see it: conditions, columns, order. Read with the rights of its reader."""

    entity = models.CharField(max_length=40)
    labels = models.JSONField(default=dict)
    query = models.JSONField(default=dict)
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    order = models.PositiveIntegerField(default=0)

    def __str__(self) -> str:
        from .labels import localized

        return localized(self.labels)


class StoredFile(Stored):
    """An uploaded file; it is as visible as the record it hangs on, or to its uploader alone."""

    name = models.CharField(max_length=200)
    content_type = models.CharField(max_length=100)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    uploader = models.ForeignKey(User, models.PROTECT, related_name="+")
    entity = models.CharField(max_length=40, blank=True)
    record = models.UUIDField(null=True)
    blob = models.FileField(upload_to="files/%Y/%m")

    def __str__(self) -> str:
        return self.name


class Job(Stored):
    """A long piece of work that a person started, and how far it is: imports, exports."""

    class State(models.TextChoices):
        """Where a job stands."""

        READY = "ready", _("Ready")
        RUNNING = "running", _("Running")
        DONE = "done", _("Done")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    kind = models.CharField(max_length=40)
    entity = models.CharField(max_length=40, blank=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    state = models.CharField(max_length=20, choices=State.choices, default=State.READY)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    options: models.JSONField[Any, Any] = models.JSONField(default=dict)
    result: models.JSONField[Any, Any] = models.JSONField(default=dict)
    source = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")
    report = models.ForeignKey(StoredFile, models.SET_NULL, null=True, related_name="+")

    def __str__(self) -> str:
        return f"{self.kind} {self.entity} {self.state}"


class Notice(models.Model):
    """Something a person should know: `text` is a message id, filled with `params` in the reader's language."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    text = models.CharField(max_length=200)
    params = models.JSONField(default=dict)
    url = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    read_at = models.DateTimeField(null=True)
    cause = models.CharField(
        max_length=120, unique=True, help_text="what made it, so that a repeated job makes it once"
    )

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="notice_user")]

    def __str__(self) -> str:
        return self.text


__all__ = [
    "Counter",
    "History",
    "IdempotencyKey",
    "Job",
    "Notice",
    "OwnerPeriod",
    "Pipeline",
    "Record",
    "SavedView",
    "Stage",
    "StageEvent",
    "Staged",
    "StoredFile",
]
