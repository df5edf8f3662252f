"""What a firm sets: its configuration, its saved views, and how long what is kept."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Stored, User
from zhike.engine import exactjson


class Configuration(Stored):
    """Fields, objects, choices, layouts and numbers of the firm as one document; one is published, none is changed."""

    class State(models.TextChoices):
        """What a document is for."""

        DRAFT = "draft", _("Draft")
        PUBLISHED = "published", _("Published")
        PAST = "past", _("Earlier")

    number = models.PositiveIntegerField(null=True, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    document: models.JSONField[Any, Any] = models.JSONField(
        default=dict, encoder=exactjson.Encoder, decoder=exactjson.Decoder
    )
    by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    note = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["state"], condition=Q(state="published"), name="configuration_one_published"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", number=None) | (~Q(state="draft") & ~Q(number=None)),
                name="configuration_numbered",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.number or ''} {self.state}".strip()


class SavedView(Stored):
    """A list as somebody wants to see it: conditions, columns, order. Read with the rights of its reader."""

    class Reach(models.TextChoices):
        """Whom it is there for."""

        MINE = "mine", _("Only me")
        DEPARTMENT = "department", _("A department")
        ROLE = "role", _("A role")
        ALL = "all", _("Everybody")

    entity = models.CharField(max_length=40)
    labels = models.JSONField(default=dict)
    query: models.JSONField[Any, Any] = models.JSONField(
        default=dict, help_text="where, q, sort, and how the list is drawn (views.Shape)"
    )
    owner = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="+")
    order = models.PositiveIntegerField(default=0)
    reach = models.CharField(max_length=12, choices=Reach.choices, default=Reach.MINE)
    target = models.UUIDField(null=True, blank=True, help_text="the department, with all below it, or the role")
    is_default = models.BooleanField(default=False, help_text="what opens first for those it is there for")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["entity", "owner"], name="savedview_entity")]

    def __str__(self) -> str:
        from zhike.engine.labels import localized

        return localized(self.labels)


class ViewChoice(models.Model):
    """What a person has made of a view that is offered: its place, whether it is a tab, other columns."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    entity = models.CharField(max_length=40)
    view = models.CharField(max_length=40, help_text="the id of a saved view, or the key of one that is declared")
    order = models.PositiveIntegerField(null=True)
    pinned = models.BooleanField(null=True)
    shape: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "entity", "view"], name="viewchoice_once")]

    def __str__(self) -> str:
        return f"{self.entity} {self.view}"


class Retention(Stored):
    """A rule for how long records are kept: what no longer serves its purpose is erased or deleted."""

    class Doing(models.TextChoices):
        """What happens when the time is over."""

        ERASE = "erase", _("Erase personal data")
        DELETE = "delete", _("Move to the recycle bin")

    entity = models.CharField(max_length=40)
    name = models.CharField(_("Rule"), max_length=80)
    conditions = models.JSONField(default=list, help_text="[[field, operator, value], …] in the one filter language")
    months = models.PositiveIntegerField(_("Months since the last change"))
    doing = models.CharField(_("Then"), max_length=10, choices=Doing.choices, default=Doing.ERASE)
    is_active = models.BooleanField(_("Active"), default=False)
    ran_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class SearchIndex(models.Model):
    """Of what the search columns of an entity were made: where that changes, they are made anew."""

    entity = models.CharField(max_length=40, primary_key=True)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.entity


class DuplicateRule(models.Model):
    """What an administrator has made of a declared sign of duplicates at one door; every change is a row of its own.

    Without a sign, at the door of the finder, it says whether that learns from what people decide: learn or off.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    sign = models.CharField(max_length=40)
    door = models.CharField(max_length=10)
    level = models.CharField(max_length=10)
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["entity", "sign", "door", "-at"], name="duplicate_rule_latest")]

    def __str__(self) -> str:
        return f"{self.entity} {self.sign} {self.door} {self.level}"
