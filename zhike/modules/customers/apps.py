"""Django app of the module."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """Customers, contacts and their numbers."""

    name = "zhike.modules.customers"
    label = "customers"
    verbose_name = _("Customers")
