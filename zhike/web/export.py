"""Lists as files."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from zhike.engine.errors import Missing


@login_required
def export(request: HttpRequest, key: str) -> HttpResponse:
    """A list as a file."""
    raise Missing
