"""Targets as stored (requirement S1.33)."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from zhike.base.models import Department
from zhike.engine.models import KEPT, Record, record_indexes
from zhike.modules.sales.models import Product

from .measures import choices


class Target(Record):
    """What a person, a department with all below it, or the firm is to reach in a period.

    The owner is the person, or who answers for the department or the firm.
    """

    class Level(models.TextChoices):
        """Whose it is."""

        PERSON = "person", pgettext_lazy("target", "A person")
        DEPARTMENT = "department", pgettext_lazy("target", "A department")
        FIRM = "firm", pgettext_lazy("target", "The firm")

    class Period(models.TextChoices):
        """How long it is; quarters and years are those of the fiscal year."""

        MONTH = "month", pgettext_lazy("period", "Month")
        QUARTER = "quarter", pgettext_lazy("period", "Quarter")
        YEAR = "year", pgettext_lazy("period", "Year")

    name = models.CharField(_("Target"), max_length=200, blank=True, editable=False)
    level = models.CharField(_("Whose target"), max_length=10, choices=Level.choices, default=Level.PERSON)
    unit = models.ForeignKey(
        Department,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("Department of the target"),
        help_text=_("With all below it; only for the target of a department."),
    )
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("Product")
    )
    period = models.CharField(
        pgettext_lazy("target", "Period"), max_length=8, choices=Period.choices, default=Period.MONTH
    )
    first_on = models.DateField(_("From"), help_text=_("Any day of the period; the first one is kept."))
    last_on = models.DateField(_("Up to"), null=True, blank=True, editable=False)
    measure = models.CharField(_("Measured by"), max_length=20, choices=choices, default="won_amount")
    value = models.DecimalField(pgettext_lazy("target", "Target"), max_digits=18, decimal_places=2)
    remark = models.CharField(_("Remark"), max_length=200, blank=True)

    class Meta(Record.Meta):
        verbose_name = _("Target")
        verbose_name_plural = _("Targets")
        indexes: ClassVar = [
            *record_indexes("value"),
            models.Index(fields=["first_on", "measure"], name="target_period", condition=KEPT),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(value__gt=0), name="target_value_positive"),
            models.CheckConstraint(condition=Q(last_on=None) | Q(last_on__gt=F("first_on")), name="target_days"),
            models.CheckConstraint(
                condition=Q(level="department", unit__isnull=False) | (~Q(level="department") & Q(unit=None)),
                name="target_of_a_department",
            ),
            models.UniqueConstraint(
                fields=["level", "owner", "unit", "product", "period", "first_on", "measure"],
                condition=Q(deleted_at=None, level="person"),
                nulls_distinct=False,
                name="target_of_person_once",
            ),
            models.UniqueConstraint(
                fields=["level", "unit", "product", "period", "first_on", "measure"],
                condition=Q(deleted_at=None) & ~Q(level="person"),
                nulls_distinct=False,
                name="target_of_department_once",
            ),
        ]

    def __str__(self) -> str:
        return self.name
