"""Django app of the pages."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class WebConfig(AppConfig):
    """Finds each module's `pages`, which plug into the generic ones."""

    name = "zhike.web"
    label = "web"

    def ready(self) -> None:
        """Read every module's pages once, when all models are loaded."""
        from . import handlers  # models are loaded only now

        handlers.listen()
        autodiscover_modules("pages")
