"""Django app of the record machine."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules
from django.utils.translation import gettext_lazy as _


class EngineConfig(AppConfig):
    """Finds each app's `entities` (declarations) and `handlers` (reactions to events)."""

    name = "zhike.engine"
    label = "engine"
    verbose_name = _("Records")

    def ready(self) -> None:
        """Read every declaration once, when all models are loaded."""
        # the system checks, what fields can be computed by, and how a merge is taken back
        from . import checks, formula, merging, rollup  # noqa: F401

        autodiscover_modules("entities", "handlers", "pools")
