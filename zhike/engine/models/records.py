"""What records are made of, and the stages, owners and numbers that they have."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Department, Stored, User
from zhike.engine import exactjson
from zhike.engine.fields import PercentField
from zhike.engine.guard import GuardedManager

DEPTHS = 4  # levels of the department tree that have an index of their own


PLACES = Func(F("ancestors"), F("owner"), function="array_append", output_field=ArrayField(models.UUIDField()))
KEPT = Q(deleted_at=None)  # lists leave out what is deleted, and so do the indexes by which they are read and counted


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
                fields=["entity", "key"], condition=Q(is_current=True), name="pipeline_one_current"
            ),
        ]

    def __str__(self) -> str:
        from zhike.engine.labels import localized

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
        from zhike.engine.labels import localized

        return localized(self.labels)


def record_indexes(*measured: str, within: str = "") -> list[models.Index]:
    """The indexes of a record whose lists add up the columns `measured`: those of one person by the index alone.

    `within` is a column that every list asks for first. The index by which words are found also knows whose a record is
    and where: a common word is in more records of the firm than a person has.
    """
    first = [within] if within else []
    newest = F("updated_at").desc()
    return [
        models.Index(*map(F, first), F("owner"), newest, include=measured, condition=KEPT, name="%(class)s_own"),
        models.Index(*map(F, first), newest, F("id").desc(), condition=KEPT, name="%(class)s_recent"),
        models.Index(fields=[*first, "pinyin", "id"], condition=KEPT, name="%(class)s_pinyin"),
        models.Index(fields=[*first, "deleted_at"], condition=~KEPT, name="%(class)s_bin"),
        GinIndex(F("search_grams"), PLACES, name="%(class)s_grams"),
        GinIndex(fields=["custom"], name="%(class)s_custom", opclasses=["jsonb_path_ops"]),
        *(
            # of all rows: what PostgreSQL knows of an expression it does not take from an index of some
            models.Index(*map(F, first), F(f"ancestors__{n}"), newest, name=f"%(class)s_dept{n}")
            for n in range(DEPTHS)
        ),
    ]


class Record(Stored):
    """A business record: owned, placed in a department, searchable, with custom fields."""

    owner = models.ForeignKey(
        User, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Owner"), db_index=False
    )
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
    custom = models.JSONField(
        default=dict, blank=True, editable=False, encoder=exactjson.Encoder, decoder=exactjson.Decoder
    )
    pinyin = models.CharField(max_length=300, default="", blank=True, editable=False)
    search_text = models.TextField(default="", blank=True, editable=False)
    search_grams = ArrayField(models.TextField(), default=list, blank=True, editable=False)

    objects = GuardedManager["Record"]()

    class Meta:
        abstract = True
        indexes: ClassVar = record_indexes()


class CustomRecord(Record):
    """A record of an object that the firm has made itself; `object` is its key, its fields lie in `custom`."""

    object = models.CharField(max_length=40, editable=False)
    name = models.CharField(_("Name"), max_length=200)
    number = models.CharField(_("Number"), max_length=40, blank=True, editable=False)

    class Meta:
        verbose_name = _("Record")
        verbose_name_plural = _("Records")
        indexes: ClassVar = record_indexes(within="object")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["object", "number"], condition=~Q(number=""), name="customrecord_number_once"
            ),
        ]

    def __str__(self) -> str:
        return self.name


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
