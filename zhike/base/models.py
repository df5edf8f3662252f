"""People and what they may do: users, departments, roles, permission rows, calendar exceptions."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from . import changes
from .ids import uuid7


class Stored(models.Model):
    """What every kept row has: a UUIDv7, times, a version for optimistic locking, and a recycle bin."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    created_at = models.DateTimeField(_("Created at"), default=timezone.now, editable=False)
    updated_at = models.DateTimeField(_("Last changed at"), default=timezone.now, editable=False)
    version = models.PositiveIntegerField(default=1, editable=False)
    deleted_at = models.DateTimeField(_("Deleted at"), null=True, blank=True, editable=False)

    class Meta:
        abstract = True


class Department(Stored):
    """A node of the organisation tree; `ancestors` runs from the root down to the node itself."""

    name = models.CharField(_("Department"), max_length=80)
    parent = models.ForeignKey(
        "self", models.PROTECT, null=True, blank=True, related_name="children", verbose_name=_("Parent department")
    )
    head = models.ForeignKey(
        "base.User", models.SET_NULL, null=True, blank=True, related_name="heads", verbose_name=_("Head of department")
    )
    order = models.PositiveIntegerField(_("Order"), default=0)
    ancestors = ArrayField(models.UUIDField(), default=list, editable=False)

    class Meta:
        verbose_name = _("Department")
        verbose_name_plural = _("Departments")
        ordering = ("order", "name")
        indexes: ClassVar = [GinIndex(fields=["ancestors"], name="department_ancestors")]

    def __str__(self) -> str:
        return self.name


class Role(Stored):
    """A set of permission rows that people get together."""

    class Home(models.TextChoices):
        """Which first page a person with this role sees."""

        SELLER = "seller", _("Seller")
        MANAGER = "manager", _("Sales manager")
        EXECUTIVE = "executive", _("Executive")
        ADMIN = "admin", _("Administrator")

    class Office(models.TextChoices):
        """Which part of the settings is open. The three administrators of GB/T 22239 (等保) exclude each other."""

        NONE = "", pgettext_lazy("office of an administrator", "None")
        ALL = "all", _("Everything (small firms)")
        SYSTEM = "system", _("System administrator")
        SECURITY = "security", _("Security administrator")
        AUDIT = "audit", _("Audit administrator")

    key = models.SlugField(_("Key"), max_length=40, unique=True)
    name = models.CharField(_("Role"), max_length=80)
    home = models.CharField(_("Home page"), max_length=20, choices=Home.choices, default=Home.SELLER)
    office = models.CharField(
        _("Administers"),
        max_length=10,
        choices=Office.choices,
        default=Office.NONE,
        blank=True,
        help_text=_("Which settings people with this role may open. Nobody can hold two of these."),
    )

    class Meta:
        verbose_name = _("Role")
        verbose_name_plural = _("Roles")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class Grant(models.Model):
    """One permission: `role` may do `action` on rows of `entity` within `scope`. No row, no right."""

    class Scope(models.TextChoices):
        """How far a permission reaches."""

        OWN = "own", _("Own")
        DEPARTMENT = "department", _("Department")
        SUBTREE = "subtree", _("Department and below")
        ACCOUNT = "account", _("Of the portal account")
        ALL = "all", _("All")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.ForeignKey(Role, models.CASCADE, related_name="grants")
    entity = models.CharField(max_length=40)
    action = models.CharField(max_length=40)
    scope = models.CharField(max_length=20, choices=Scope.choices)
    conditions = models.JSONField(
        default=list,
        blank=True,
        help_text='[[field, operator, value], …] in the one filter language; "me" is the reader',
    )

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["role", "entity", "action"], name="grant_once")]

    def __str__(self) -> str:
        return f"{self.entity}.{self.action}={self.scope}"


class FieldGrant(models.Model):
    """What a role may do with one field, where that differs from what the kind of the field says.

    Without a row a field is read and written; one with a phone number, mail address or identity number is masked.
    """

    class Level(models.TextChoices):
        """From least to most. A masked field is shown in part, and may be overwritten."""

        HIDDEN = "hidden", _("Hidden")
        MASKED = "masked", _("Masked")
        READ = "read", _("Read only")
        WRITE = "write", _("Read and write")

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    role = models.ForeignKey(Role, models.CASCADE, related_name="field_grants")
    entity = models.CharField(max_length=40)
    key = models.CharField(max_length=60)
    level = models.CharField(max_length=10, choices=Level.choices)
    when = models.CharField(
        max_length=10, blank=True, default="", help_text="only in this status (open, won, lost); for level read"
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["role", "entity", "key", "when"], name="field_grant_once_each")
        ]

    def __str__(self) -> str:
        return f"{self.entity}.{self.key}={self.level}"


class RoleIds(ArrayField):
    """The ids of a person's roles."""

    kind = "links"
    target = "role"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("base_field", models.UUIDField())
        kwargs.setdefault("default", list)
        kwargs.setdefault("blank", True)
        super().__init__(*args, **kwargs)


class UserManager(BaseUserManager["User"]):
    """Makes users with hashed passwords."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """A saved user; without a password the account cannot log in."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(Stored, AbstractBaseUser):
    """A person who works in Zhike."""

    class NameOrder(models.TextChoices):
        PINYIN = "", _("By pinyin")
        STROKES = "strokes", _("By number of strokes")

    username = models.CharField(_("Login name"), max_length=150, unique=True)
    name = models.CharField(pgettext_lazy("of a person", "Name"), max_length=80)
    pinyin = models.CharField(max_length=200, blank=True, editable=False)
    phone = models.CharField(_("Mobile"), max_length=40, blank=True)
    email = models.EmailField(_("Email"), blank=True)
    position = models.CharField(_("Position"), max_length=80, blank=True)
    hired_on = models.DateField(_("Hire date"), null=True, blank=True)
    manager = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="reports", verbose_name=_("Reports to")
    )
    department = models.ForeignKey(
        Department, models.PROTECT, null=True, blank=True, related_name="members", verbose_name=_("Department")
    )
    roles = RoleIds(verbose_name=_("Roles"))
    language = models.CharField(_("Language"), max_length=10, blank=True, default="")
    name_order = models.CharField(_("Order of names"), max_length=10, blank=True, default="", choices=NameOrder.choices)
    is_active = models.BooleanField(_("Active"), default=True)
    must_change_password = models.BooleanField(default=False, editable=False)
    password_changed_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_on = models.DateField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    class Meta:
        verbose_name = _("Person")
        verbose_name_plural = _("People")
        ordering = ("pinyin", "name")

    def __str__(self) -> str:
        return self.name or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Keep the pinyin sort key in step with the name, whichever door the change came through."""
        from .pinyin import person  # here, because pinyin loads a large table that most commands never need

        self.pinyin = person(self.name).sort_key[:200]
        super().save(*args, **kwargs)


class CalendarDay(Stored):
    """A firm's own exception to the State Council calendar: a day off, or a day worked."""

    day = models.DateField(_("Day"), unique=True)
    is_working = models.BooleanField(_("Working day"), default=False)
    name = models.CharField(_("Occasion"), max_length=80)

    class Meta:
        verbose_name = _("Day of the firm's calendar")
        verbose_name_plural = _("Calendar of the firm")
        ordering = ("day",)

    def __str__(self) -> str:
        return f"{self.day} {self.name}"


class FailedLogin(models.Model):
    """A sign-in that failed; forgotten after a day."""

    username = models.CharField(max_length=150)
    address = models.CharField(max_length=45)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["username", "at"], name="failed_login_name"),
            models.Index(fields=["address", "at"], name="failed_login_address"),
        ]

    def __str__(self) -> str:
        return self.username


class Policy(models.Model):
    """The firm's settings of security and of its fiscal year: one row, made when somebody changes them."""

    class Passwords(models.TextChoices):
        """Two standards that contradict each other: OWASP ASVS 5 (6.2) and GB/T 22239 level 2 and 3."""

        MODERN = "modern", _("Modern: long, not a known one, never forced to change")
        DENGBAO = "dengbao", _("等保: three kinds of characters, changed every 90 days")

    class Factor(models.TextChoices):
        """Who must have a second factor."""

        NOBODY = "nobody", _("Nobody must")
        ADMINS = "admins", _("Administrators")
        ALL = "all", _("Everybody")

    passwords = models.CharField(_("Passwords"), max_length=10, choices=Passwords.choices, default=Passwords.MODERN)
    second_factor = models.CharField(_("Second factor"), max_length=10, choices=Factor.choices, default=Factor.NOBODY)
    idle_minutes = models.PositiveIntegerField(_("Signed out after minutes without work"), default=30)
    session_hours = models.PositiveIntegerField(_("Signed out after hours in any case"), default=12)
    separate_admins = models.BooleanField(
        _("Three administrators"),
        default=False,
        help_text=_("The role that may do everything gives nothing; system, security and audit are three people."),
    )
    reveals_per_hour = models.PositiveIntegerField(_("Numbers revealed per hour and person"), default=60)
    reveals_per_day = models.PositiveIntegerField(_("Numbers revealed per day and person"), default=200)
    export_tell_rows = models.PositiveIntegerField(_("Exports that the manager is told of, from rows"), default=250)
    export_ask_rows = models.PositiveIntegerField(_("Exports that a second person approves, from rows"), default=2_500)
    export_rows_per_day = models.PositiveIntegerField(_("Rows exported per day and person"), default=5_000)
    history_days = models.PositiveIntegerField(
        _("History is kept for days"), default=400, help_text=_("At least 184: the Cybersecurity Law asks six months.")
    )

    fiscal_month = models.PositiveSmallIntegerField(
        _("First month of the fiscal year"),
        default=1,
        help_text=_("Filters and reports count fiscal quarters from it."),
    )

    class Meta:
        verbose_name = _("Security policy")
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(fiscal_month__range=(1, 12)), name="policy_fiscal_month"),
            models.CheckConstraint(condition=models.Q(pk=1), name="policy_one_row"),
            models.CheckConstraint(condition=models.Q(history_days__gte=184), name="policy_history_six_months"),
        ]

    def __str__(self) -> str:
        return str(self._meta.verbose_name)

    @classmethod
    def current(cls) -> Policy:
        """The policy in force; before anybody saved one, its defaults."""
        return changes.kept("policy", lambda: cls.objects.filter(pk=1).first() or cls(pk=1))


class OldPassword(models.Model):
    """The hash of a password somebody has had; the last five are kept, so that they are not used again."""

    user = models.ForeignKey(User, models.CASCADE, related_name="old_passwords")
    password = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["user", "-at"], name="old_password_user")]

    def __str__(self) -> str:
        return str(self.at)
