"""Files, long work and its rows, and what a person has opened."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User


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


class ImportedRow(models.Model):
    """Which record a row of an imported file became, or was about; of several rows about one record, the first."""

    pk = models.CompositePrimaryKey("job", "record")
    job = models.ForeignKey(Job, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    record = models.UUIDField()
    row = models.IntegerField(help_text="as a spreadsheet counts")
    made = models.BooleanField()

    def __str__(self) -> str:
        return f"{self.row} {self.record}"


class ImportProblem(models.Model):
    """What was found in a row of a file; equal warnings of one batch stand once, with how often they came."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, models.CASCADE, related_name="+", db_constraint=False, db_index=False)
    phase = models.CharField(max_length=5, help_text="check or run")
    level = models.CharField(max_length=7, help_text="error or warning")
    row = models.IntegerField()
    column = models.IntegerField(null=True)
    header = models.TextField(blank=True)
    value = models.TextField(blank=True)
    text = models.TextField()
    code = models.CharField(max_length=20, blank=True)
    count = models.IntegerField(default=1)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["job", "phase", "row"], name="import_problem_row")]

    def __str__(self) -> str:
        return self.text


class ImportMapping(models.Model):
    """How a person had the columns of a file read, to be read so again when a file with the same headings comes."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    entity = models.CharField(max_length=40)
    headers = models.CharField(max_length=64, help_text="digest of the headings")
    mapping = models.JSONField(default=dict)
    used_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "entity", "headers"], name="import_mapping_once"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.headers}"


class RecentRecord(models.Model):
    """A record that somebody opened: when last, and how often, where an opening counts half after a fortnight."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    at = models.DateTimeField(default=timezone.now)
    weight = models.FloatField(default=1)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "entity", "record"], name="recent_once")]
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="recent_user")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"
