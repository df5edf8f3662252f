"""Pools: records that belong to nobody, or return to it, and the ledger of who got them and lost them."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User

from .records import KEPT


class Pool(Stored):
    """A pool of records of one entity; what holds in it is `document`, read by engine/pools/document.py."""

    entity = models.CharField(_("Of which records"), max_length=40, editable=False)
    name = models.CharField(_("Name"), max_length=80)
    order = models.PositiveIntegerField(_("Order"), default=0)
    is_active = models.BooleanField(_("In use"), default=True)
    document: models.JSONField[Any, Any] = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = _("Pool")
        verbose_name_plural = _("Pools")
        ordering = ("entity", "order", "created_at")

    def __str__(self) -> str:
        return self.name


class Pooled(models.Model):
    """What a record carries whose owner may lose it to a pool.

    `pool` is the one it lies in while it has no owner, and returns to while it has one. `held_since` is when its owner
    got it, `recycle_at` when it goes back unless something is done, by the rule `recycle_rule`.
    """

    pool = models.ForeignKey(
        Pool, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Pool"), editable=False,
        db_index=False,
    )  # fmt: skip
    pooled_at = models.DateTimeField(_("In the pool since"), null=True, blank=True, editable=False)
    former_owner = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("Former owner"), editable=False,
        db_index=False,
    )  # fmt: skip
    held_since = models.DateTimeField(_("With the owner since"), null=True, blank=True, editable=False)
    is_kept = models.BooleanField(_("Never returns by itself"), default=False, editable=False)
    recycle_at = models.DateTimeField(_("Returns to the pool"), null=True, blank=True, editable=False)
    recycle_rule = models.CharField(max_length=20, default="", blank=True, editable=False)

    class Meta:
        abstract = True


def pool_indexes() -> list[models.Index]:
    """What lies in a pool, newest first, and what is about to return to one."""
    return [
        models.Index(fields=["pool", "-pooled_at", "id"], condition=Q(owner=None) & KEPT, name="%(class)s_pool"),
        models.Index(fields=["recycle_at"], condition=Q(recycle_at__isnull=False), name="%(class)s_recycle"),
    ]


class PoolMove(models.Model):
    """One record that came into a pool or left it, never changed: what limits are counted from."""

    class Kind(models.TextChoices):
        """How."""

        CLAIM = "claim", _("Claimed")
        ASSIGN = "assign", _("Assigned")
        RELEASE = "release", _("Released")
        RECYCLE = "recycle", _("Returned by rule")
        RECALL = "recall", _("Called back")
        ENTER = "enter", _("Put in")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="+")
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    user = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", help_text="who got it, or lost it")
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+", help_text="none for a rule")
    at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "pool", "kind", "at"], name="pool_move_user"),
            models.Index(fields=["record", "at"], name="pool_move_record"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.record}"
