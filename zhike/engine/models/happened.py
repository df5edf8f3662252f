"""What happened: history and its seals, operations that can be taken back, changes that wait, what was erased."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import User

from .reaching import Token


class History(models.Model):
    """Who did what, when, through which channel and for whom: never changed, sealed in a chain (chain.py).

    Changes of records are written by a database trigger so that no path can forget them; what changes nothing
    (sign-in, reveal, export, print) is written by `history.note`.
    """

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    actor = models.UUIDField(null=True)
    behalf = models.UUIDField(null=True, help_text="for whom, where the actor entered for somebody else")
    channel = models.CharField(max_length=20)
    action = models.CharField(max_length=40)
    entity = models.CharField(max_length=40)
    record = models.UUIDField(null=True)
    changes = models.JSONField(help_text="{column: [before, after]}")
    details = models.JSONField(
        default=dict, db_default={}, help_text="what else is to be known: fields revealed, rows exported, address"
    )
    tx = models.BigIntegerField(
        default=0, db_default=0, help_text="the transaction that wrote it: the order of the chain"
    )
    digest = models.BinaryField(default=b"", db_default=b"", help_text="SHA-256 of the row, computed by the database")

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["record", "-id"], name="history_record"),
            models.Index(fields=["tx", "id"], name="history_tx"),
            models.Index(fields=["actor", "action", "-at"], name="history_actor"),
            models.Index(fields=["-at", "-id"], name="history_at"),
            GinIndex(
                fields=["details"],
                name="history_details",
                opclasses=["jsonb_path_ops"],
                condition=Q(details__has_key="records"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entity} {self.record} {self.action}"


class Seal(models.Model):
    """A link of the chain over the history: all rows of the transactions from `from_tx` up to before `to_tx`."""

    id = models.BigAutoField(primary_key=True)
    from_tx = models.BigIntegerField()
    to_tx = models.BigIntegerField()
    rows = models.BigIntegerField()
    leaves = models.BinaryField(default=b"", help_text="id (8 bytes) and digest (32) of each row, by tx and id")
    digest = models.BinaryField(help_text="SHA-256 of the digest before it, of what stands above and of the leaves")
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.from_tx}-{self.to_tx}"


class Operation(models.Model):
    """Something a person did to one record or to many at once, which can be taken back for some days.

    What each row was before stands in the history alone: the steps of an operation name those rows of it.
    """

    class State(models.TextChoices):
        """Whether it still stands."""

        DONE = "done", _("Done")
        PARTLY = "partly", _("Partly undone")
        UNDONE = "undone", _("Undone")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    channel = models.CharField(max_length=20)
    entity = models.CharField(max_length=40)
    action = models.CharField(max_length=40, help_text="what was done; undo for what took another one back")
    right = models.CharField(max_length=40, help_text="the right that it took, and takes again to be taken back")
    keys: models.JSONField[Any, Any] = models.JSONField(default=list, help_text="the fields that were given")
    rows = models.BigIntegerField(default=0)
    skipped: models.JSONField[Any, Any] = models.JSONField(default=dict, help_text="reason -> how many")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DONE)
    of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="+")
    record = models.UUIDField(null=True, help_text="the one record, where it was one")
    left: models.JSONField[Any, Any] = models.JSONField(
        default=list, help_text="of a merge taken back: [[entity, id, [fields]], …] that stay as they are now"
    )
    choices: models.JSONField[Any, Any] = models.JSONField(
        default=dict, help_text="of a merge: field -> the id of the record whose value it got, or all"
    )
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="operation_user")]

    def __str__(self) -> str:
        return f"{self.action} {self.entity} {self.rows}"


class OperationStep(models.Model):
    """The rows of the history that one transaction of an operation wrote: after `first`, up to `last`."""

    id = models.BigAutoField(primary_key=True)
    operation = models.ForeignKey(Operation, models.CASCADE, related_name="steps")
    tx = models.BigIntegerField()
    first = models.BigIntegerField()
    last = models.BigIntegerField()
    rows = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.operation_id} {self.tx}"


class Proposal(models.Model):
    """A write that a program asked for and a person has yet to confirm."""

    class State(models.TextChoices):
        """Where it stands."""

        ASKED = "asked", _("Waiting for confirmation")
        DONE = "done", _("Confirmed")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    token = models.ForeignKey(Token, models.CASCADE, null=True, related_name="+")
    channel = models.CharField(max_length=20)
    entity = models.CharField(max_length=40)
    action = models.CharField(max_length=40)
    record = models.UUIDField(null=True)
    version = models.PositiveIntegerField(null=True)
    values = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State.choices, default=State.ASKED)
    result = models.JSONField(default=dict)
    at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "state", "-at"], name="proposal_user")]

    def __str__(self) -> str:
        return f"{self.action} {self.entity}"


class Erasure(models.Model):
    """Whose personal data were erased: no value of them, so that a restored backup can be erased again."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    token = models.CharField(max_length=20, help_text="what stands where the name was")
    digests = ArrayField(models.CharField(max_length=64), default=list, help_text="keyed digests of what was erased")
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["entity", "record"], name="erasure_once")]

    def __str__(self) -> str:
        return f"{self.entity} {self.token}"
