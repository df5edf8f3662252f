"""The import wizard."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse

from zhike.engine.errors import Missing


@login_required
def start(request: HttpRequest, key: str) -> HttpResponse:
    """Step 1."""
    raise Missing


@login_required
def template(request: HttpRequest, key: str) -> HttpResponse:
    """An empty file to fill in."""
    raise Missing


@login_required
def step(request: HttpRequest, key: str, pk: UUID) -> HttpResponse:
    """The step that an import stands at."""
    raise Missing


@login_required
def do(request: HttpRequest, key: str, pk: UUID, action: str) -> HttpResponse:
    """Go on with an import."""
    raise Missing


@login_required
def job(request: HttpRequest, pk: UUID) -> HttpResponse:
    """How far a job is."""
    raise Missing
