"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CalendarsConfig(AppConfig):
    """Feeds, and calendars elsewhere that are kept in step."""

    name = "zhike.modules.calendars"
    label = "calendars"
    verbose_name = _("Calendars")
