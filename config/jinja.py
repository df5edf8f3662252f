"""The Jinja2 environment of every page."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils import translation
from jinja2 import Environment


def environment(**options: Any) -> Environment:
    """Autoescape is Django's default for Jinja2; optional values of a template's contract may be left out."""
    env = Environment(**options, extensions=["jinja2.ext.i18n", "jinja2.ext.do"])  # noqa: S701
    env.install_gettext_callables(  # type: ignore[attr-defined]
        translation.gettext,
        translation.ngettext,
        newstyle=True,
        pgettext=translation.pgettext,
        npgettext=translation.npgettext,
    )
    from zhike.web import templating  # settings are read before apps are loaded

    env.globals.update(static=templating.static, debug=settings.DEBUG, **templating.GLOBALS)
    env.filters.update(templating.FILTERS)
    return env
