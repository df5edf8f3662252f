"""Django app of the worker's tasks."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class JobsConfig(AppConfig):
    """The worker finds the module `tasks` of every app; this one holds the imports and exports that take long."""

    name = "zhike.jobs"
    label = "jobs"
    verbose_name = _("Long work")
