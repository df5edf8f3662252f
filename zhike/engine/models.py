"""What the engine itself stores, and the abstract models that records are made of."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from zhike.base.ids import uuid7
from zhike.base.models import Department, Stored, User

from . import exactjson
from .fields import PercentField
from .guard import GuardedManager

DEPTHS = 4  # levels of the department tree that have an index of their own


PLACES = Func(F("ancestors"), F("owner"), function="array_append", output_field=ArrayField(models.UUIDField()))
KEPT = Q(deleted_at=None)  # lists leave out what is deleted, and so do the indexes by which they are read and counted


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
        from .labels import localized

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


class Share(models.Model):
    """A record opened to a person, a department with all below it, or a role; with a title, a member of its team."""

    class Kind(models.TextChoices):
        """With whom."""

        USER = "user", _("Person")
        DEPARTMENT = "department", _("Department")
        ROLE = "role", _("Role")

    class Level(models.TextChoices):
        """What it opens."""

        READ = "read", _("May see")
        WRITE = "write", _("May change")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    entity = models.CharField(max_length=40)
    record = models.UUIDField()
    kind = models.CharField(max_length=12, choices=Kind.choices)
    target = models.UUIDField()
    level = models.CharField(max_length=10, choices=Level.choices, default=Level.READ)
    title = models.CharField(_("Part in the team"), max_length=40, blank=True)
    until = models.DateField(_("Until"), null=True, blank=True, help_text="the last day on which it holds")
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["record", "entity", "kind", "target"], name="share_once")
        ]
        indexes: ClassVar = [models.Index(fields=["target", "entity"], name="share_target")]

    def __str__(self) -> str:
        return f"{self.entity} {self.record}"


class Delegation(models.Model):
    """An assistant who may enter for somebody else, within bounds and until a day; both names are kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    principal = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("For"))
    assistant = models.ForeignKey(User, models.CASCADE, related_name="+", verbose_name=_("Assistant"))
    scopes = models.JSONField(default=list, help_text='["account:read", "deal:*", …]; the actions that are lent')
    from_on = models.DateField(_("From"))
    until_on = models.DateField(_("Until"))
    reason = models.CharField(_("Reason"), max_length=200, blank=True)
    by = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=~Q(principal=F("assistant")), name="delegation_two_people"),
            models.CheckConstraint(condition=Q(until_on__gte=F("from_on")), name="delegation_dates"),
        ]

    def __str__(self) -> str:
        return f"{self.assistant} / {self.principal}"


class Token(models.Model):
    """A key for programs. It is shown once, kept as a digest, and never reaches further than its owner does now."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(_("Name of the key"), max_length=80)
    prefix = models.CharField(max_length=12, unique=True, help_text="the first characters, by which it is found")
    digest = models.CharField(max_length=64, help_text="SHA-256 of the whole key; it has 256 random bits")
    scopes = models.JSONField(default=list, help_text='["account:read", "deal:*", "*:list", …]')
    networks = models.JSONField(default=list, blank=True, help_text="addresses it may be used from; empty for any")
    rows_per_day = models.PositiveIntegerField(default=100_000)
    expires_at = models.DateTimeField(_("Valid until"))
    used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name


class Webhook(Stored):
    """An address that is told of events, as far as its owner may see them when it is told."""

    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    name = models.CharField(_("Name"), max_length=80)
    url = models.URLField(_("Address"), max_length=500)
    events = ArrayField(models.CharField(max_length=80), default=list, help_text='"deal.win", "account.*"')
    secret = models.CharField(max_length=100, help_text="key of the HMAC; shown once")
    is_active = models.BooleanField(_("Active"), default=True)
    failed_since = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.name


class Delivery(models.Model):
    """One message to one webhook: what was sent, how often it was tried, and how it ended."""

    class State(models.TextChoices):
        """Where it stands."""

        WAITING = "waiting", _("Waiting")
        DONE = "done", _("Delivered")
        DEAD = "dead", _("Given up")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=80)
    entity = models.CharField(max_length=40)
    records = ArrayField(models.UUIDField(), default=list)
    cause = models.CharField(max_length=120, unique=True, help_text="what made it: a repeated job makes it once")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    status = models.PositiveIntegerField(null=True, help_text="of the last answer")
    error = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["webhook", "-at"], name="delivery_recent"),
            models.Index(fields=["next_at"], name="delivery_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return self.event


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


class SearchIndex(models.Model):
    """Of what the search columns of an entity were made: where that changes, they are made anew."""

    entity = models.CharField(max_length=40, primary_key=True)
    digest = models.CharField(max_length=64)

    def __str__(self) -> str:
        return self.entity


__all__ = [
    "Configuration",
    "Counter",
    "CustomRecord",
    "Delegation",
    "Delivery",
    "DuplicateGroup",
    "DuplicateRule",
    "DuplicateVerdict",
    "Erasure",
    "History",
    "IdempotencyKey",
    "ImportMapping",
    "ImportProblem",
    "ImportedRow",
    "Job",
    "Notice",
    "OwnerPeriod",
    "Pipeline",
    "Proposal",
    "RecentRecord",
    "Record",
    "Retention",
    "SavedView",
    "Seal",
    "SearchIndex",
    "Share",
    "Stage",
    "StageEvent",
    "Staged",
    "StoredFile",
    "Token",
    "ViewChoice",
    "Webhook",
]


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
