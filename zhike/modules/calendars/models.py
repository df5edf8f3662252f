"""What is kept of a person's feed, of the calendar elsewhere, and of which entry there is which activity here."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.ids import uuid7
from zhike.base.models import User


class Feed(models.Model):
    """The address at which programs read a person's calendar. Its secret is kept as a digest, so it is shown once."""

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the secret, as hexadecimal digits")
    made_at = models.DateTimeField(default=timezone.now)
    asked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return str(self.user_id)


class CalDav(models.Model):
    """A person's calendar on a CalDAV server, and how the last run went."""

    class Direction(models.TextChoices):
        """What travels."""

        OUT = "out", _("From here only: what is changed there is put right again")
        BOTH = "both", _("Both ways, for the entries that come from here")
        ALL = "all", _("Both ways, and what is entered there comes in as a task")

    class State(models.TextChoices):
        """Where it stands."""

        DRAFT = "draft", pgettext_lazy("of a calendar", "Not switched on")
        ON = "on", pgettext_lazy("of a calendar", "In step")
        PAUSED = "paused", pgettext_lazy("of a calendar", "Paused")

    user = models.OneToOneField(User, models.CASCADE, primary_key=True, related_name="+")
    url = models.CharField(max_length=500)
    username = models.CharField(max_length=200)
    password = models.TextField(help_text="sealed: zhike/base/sealing.py")
    calendar_url = models.CharField(max_length=700, blank=True)
    calendar_name = models.CharField(max_length=200, blank=True)
    direction = models.CharField(max_length=4, choices=Direction.choices, default=Direction.BOTH)
    state = models.CharField(max_length=6, choices=State.choices, default=State.DRAFT)
    begun_at = models.DateTimeField(null=True, help_text="end of the first run")
    since = models.DateField(null=True, help_text="entries made there that begin earlier stay there")
    ctag = models.CharField(max_length=300, blank=True, help_text="of the calendar, when all of it had been looked at")
    run_at = models.DateTimeField(null=True)
    next_at = models.DateTimeField(null=True)
    failed_since = models.DateTimeField(null=True)
    error = models.CharField(max_length=200, blank=True, help_text='a code of accounts.WORDS, a space, details: "auth"')
    failures = models.PositiveIntegerField(default=0, help_text="in a row: each waits longer than the one before")
    may_vanish = models.BooleanField(default=False, help_text="the person has said that so many were meant to go")

    class Meta:
        indexes: ClassVar = [models.Index(fields=["next_at"], name="caldav_due", condition=Q(state="on"))]

    def __str__(self) -> str:
        return self.calendar_name


class Link(models.Model):
    """One entry of the calendar elsewhere, by its UID, and the activity that it is; None for one that is left alone.

    No foreign key to the activity: where it is gone for good, the entry there has yet to follow. Digests by field of
    what both sides last had in common tell which side has changed; no text of an entry is kept.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    activity = models.UUIDField(null=True)
    uid = models.CharField(max_length=400)
    href = models.CharField(max_length=700, blank=True, help_text='path on the server; "" while it is not there')
    etag = models.CharField(max_length=300, blank=True, help_text='"" until the server has confirmed what was sent')
    base = models.JSONField(default=dict, help_text="field -> digest of what both sides had last")
    sent = models.JSONField(default=dict, help_text="field -> digest of what is being sent; empty once it has arrived")
    is_gone = models.BooleanField(default=False, help_text="deleted or cancelled on either side, and settled")

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "uid"], name="calendar_uid_once"),
            models.UniqueConstraint(fields=["user", "activity"], name="calendar_activity_once"),
        ]

    def __str__(self) -> str:
        return self.uid
