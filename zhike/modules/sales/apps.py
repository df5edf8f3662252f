"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SalesConfig(AppConfig):
    """Products and deals."""

    name = "zhike.modules.sales"
    label = "sales"
    verbose_name = _("Sales")
