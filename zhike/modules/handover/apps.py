"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import pgettext_lazy


class HandoverConfig(AppConfig):
    """Hand-over and continuity."""

    name = "zhike.modules.handover"
    label = "handover"
    verbose_name = pgettext_lazy("of customers", "Hand-over")
