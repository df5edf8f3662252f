"""Records that are one: groups of duplicates, what was decided of them, and merges."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import User

from .happened import Operation


class DuplicateGroup(models.Model):
    """Records of one entity that the finder takes for one, until somebody decides; a reader sees those of them he may.

    `pairs` are [record, record, likeness, [reasons]]: which of them are alike, how much and in what. With `beyond` it
    is a record and one of that other entity, in this order. `score` is the order in which they are offered.
    """

    class State(models.TextChoices):
        """What became of it."""

        OPEN = "open", _("Open")
        LATER = "later", _("Later")
        MERGED = "merged", _("Merged")
        DIFFERENT = "different", _("Not duplicates")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    records = ArrayField(models.UUIDField())
    score = models.FloatField()
    pairs = models.JSONField(default=list)
    beyond = models.CharField(max_length=40, blank=True, default="")
    again: models.JSONField[Any, Any] = models.JSONField(
        default=dict, help_text="a merge that was taken back: {keep, others, values} as merging.merge takes them"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    found_at = models.DateTimeField(default=timezone.now)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["entity", "state", "-score", "id"], name="duplicates_best"),
            GinIndex(fields=["records"], name="duplicates_records"),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.score}"


class DuplicateVerdict(models.Model):
    """What somebody has decided about two records: that they are different, and not offered again; or one.

    What the finder had said of them is kept with it, for it to learn from (duplicates.learning).
    """

    class Verdict(models.TextChoices):
        """What was decided."""

        DIFFERENT = "different", _("Not duplicates")
        MERGED = "merged", _("Merged")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    left = models.UUIDField(help_text="the smaller id")
    right = models.UUIDField()
    verdict = models.CharField(max_length=10, choices=Verdict.choices, default=Verdict.DIFFERENT)
    score = models.FloatField(null=True, help_text="how alike the finder found them; none: nothing to learn from")
    reasons = ArrayField(models.CharField(max_length=40), default=list)
    group = models.UUIDField(null=True, help_text="the group of duplicates that they stood in")
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entity", "left", "right", "verdict"], name="verdict_once")
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.left} {self.right}"


class Merge(models.Model):
    """A record that has become part of another: its id leads there for good. Gone again when the merge is undone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    loser = models.UUIDField()
    keeper = models.UUIDField()
    operation = models.ForeignKey(Operation, models.SET_NULL, null=True, related_name="merges")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["entity", "loser"], name="merge_once"),
            models.CheckConstraint(condition=~Q(loser=F("keeper")), name="merge_two_records"),
        ]
        indexes: ClassVar = [models.Index(fields=["keeper", "entity"], name="merge_keeper")]

    def __str__(self) -> str:
        return f"{self.entity} {self.loser} in {self.keeper}"


class MergeMove(models.Model):
    """A row without a history of its own that a merge has moved: where it was, so that it can go back."""

    id = models.BigAutoField(primary_key=True)
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="moves")
    table = models.CharField(max_length=60)
    row = models.CharField(max_length=40)
    was: models.JSONField[Any, Any] = models.JSONField(help_text="the id it led to; of a saved view its query")

    def __str__(self) -> str:
        return f"{self.table} {self.row}"
