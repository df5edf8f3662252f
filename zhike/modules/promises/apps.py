"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PromisesConfig(AppConfig):
    """What we promised to customers."""

    name = "zhike.modules.promises"
    label = "promises"
    verbose_name = _("Promises")
