"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ActivitiesConfig(AppConfig):
    """Tasks, calls, meetings, visits, notes and mails."""

    name = "zhike.modules.activities"
    label = "activities"
    verbose_name = _("Activities")
