"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AssigningConfig(AppConfig):
    """Who gets what nobody has."""

    name = "zhike.modules.assigning"
    label = "assigning"
    verbose_name = _("Assignment")
