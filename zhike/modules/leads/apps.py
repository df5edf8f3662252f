"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LeadsConfig(AppConfig):
    """Leads and their conversion."""

    name = "zhike.modules.leads"
    label = "leads"
    verbose_name = _("Leads")
