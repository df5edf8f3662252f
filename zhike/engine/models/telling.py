"""What a person is told of, through which channels, and when they want to be left alone."""

from __future__ import annotations

import datetime as dt
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import User


class Notice(models.Model):
    """Something a person should know: `text` is a message id, filled with `params` in the reader's language.

    `entity` and `record` are what it is about: its title is asked of the gate whenever it is shown, and never kept. It
    is not there before its time `at`, which putting it off moves.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    kind = models.CharField(max_length=40, default="other")
    text = models.CharField(max_length=200)
    params = models.JSONField(default=dict)
    url = models.CharField(max_length=300, blank=True)
    entity = models.CharField(max_length=40, blank=True, default="")
    record = models.UUIDField(null=True)
    page = models.BooleanField(default=True, help_text="whether the inbox shows it: the person's switch of that kind")
    at = models.DateTimeField(default=timezone.now)
    read_at = models.DateTimeField(null=True)
    cause = models.CharField(
        max_length=120, unique=True, help_text="what made it, so that a repeated job makes it once"
    )

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["user", "-at"], name="notice_user"),
            models.Index(fields=["user", "at"], name="notice_unread", condition=Q(read_at=None, page=True)),
            models.Index(fields=["record"], name="notice_record", condition=Q(read_at=None, record__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.text


class NoticeSettings(models.Model):
    """How one person wants to be told; without a row, as its defaults say."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    zone = models.CharField(_("Time zone"), max_length=64, blank=True, default="")
    quiet_from = models.TimeField(_("Quiet from"), default=dt.time(21))
    quiet_to = models.TimeField(_("Quiet until"), default=dt.time(8))
    quiet_days_off = models.BooleanField(_("Quiet on days off"), default=True)
    pushes_a_day = models.PositiveSmallIntegerField(_("Pushes a day at most"), default=8)
    digest = models.BooleanField(_("Gather mails once a day"), default=True)
    mail_at = models.TimeField(_("Time of gathered mails"), default=dt.time(8, 30))
    before_minutes = models.PositiveSmallIntegerField(_("Remind minutes before"), default=15)
    switches: models.JSONField[dict[str, dict[str, bool]], dict[str, dict[str, bool]]] = models.JSONField(
        default=dict, help_text="{kind: {page, mail, push: on or off}}, only what differs from the kind's own"
    )

    def __str__(self) -> str:
        return str(self.user_id)


class Sending(models.Model):
    """A notice on its way through a channel; all that one person has waiting at a time goes as one message."""

    class Channel(models.TextChoices):
        """How it leaves the page."""

        MAIL = "mail", _("Mail")
        PUSH = "push", _("Push")

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Sent")
        DEAD = "dead", _("Given up")

    id = models.BigAutoField(primary_key=True)
    notice = models.ForeignKey(Notice, models.CASCADE, related_name="sendings", db_index=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+", db_index=False)
    channel = models.CharField(max_length=4, choices=Channel.choices)
    state = models.CharField(max_length=7, choices=State.choices, default=State.WAITING)
    next_at = models.DateTimeField()
    attempts = models.PositiveSmallIntegerField(default=0)
    done_at = models.DateTimeField(null=True, help_text="the same for all that went in one message")
    given = ArrayField(models.BigIntegerField(), default=list, help_text="subscriptions that have it already")
    error = models.CharField(max_length=200, blank=True, default="")

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["notice", "channel"], name="sending_once")]
        indexes: ClassVar = [
            models.Index(fields=["next_at", "user"], name="sending_due", condition=Q(state="waiting")),
            models.Index(fields=["user", "channel", "done_at"], name="sending_done", condition=Q(state="done")),
        ]

    def __str__(self) -> str:
        return f"{self.channel} {self.state}"


class PushSubscription(models.Model):
    """A browser that a person let push to (RFC 8030): its address at the push service, and its keys (RFC 8291)."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    endpoint = models.CharField(max_length=1000, unique=True)
    p256dh = models.CharField(max_length=100)
    auth = models.CharField(max_length=40)
    agent = models.CharField(max_length=80, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.agent


class SealedSecret(models.Model):
    """A key that the installation made for itself, encrypted (engine/sealing.py)."""

    name = models.CharField(primary_key=True, max_length=40)
    value = models.TextField()

    def __str__(self) -> str:
        return self.name
