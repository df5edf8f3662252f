"""Django app of the people layer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BaseConfig(AppConfig):
    """Users, departments, roles, working calendar."""

    name = "zhike.base"
    label = "base"
    verbose_name = _("People")
