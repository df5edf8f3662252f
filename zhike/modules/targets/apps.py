"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TargetsConfig(AppConfig):
    """Targets of people, departments and the firm."""

    name = "zhike.modules.targets"
    label = "targets"
    verbose_name = _("Targets")
