"""A manager that fails closed: rows are read through `query`, written through `records`, or with a written reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from django.db import models

_reason: ContextVar[str] = ContextVar("unguarded", default="")
M = TypeVar("M", bound=models.Model)


class Unguarded(RuntimeError):
    """Rows were asked for beside the gate."""


@contextmanager
def unguarded(reason: str) -> Iterator[None]:
    """Let code inside use the plain manager; `reason` is for the reader, who greps for it."""
    token = _reason.set(reason)
    try:
        yield
    finally:
        _reason.reset(token)


class GuardedManager(models.Manager[M]):
    """Raises Unguarded unless a reason is in force."""

    def get_queryset(self) -> models.QuerySet[M]:
        """All rows, when the code has said why it may see them."""
        if not _reason.get():
            raise Unguarded(f"{self.model.__name__}: read through query.visible, write through records")
        return super().get_queryset()


def rows(model: type[M], reason: str) -> models.QuerySet[Any]:
    """All rows of `model`, for code that has a `reason` not to ask for an actor."""
    if not reason:
        raise Unguarded(model.__name__)
    return model._base_manager.all()
