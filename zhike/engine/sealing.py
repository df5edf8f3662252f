"""Secrets that the installation makes for itself, encrypted in the database: a copy of the tables has none."""

from __future__ import annotations

from collections.abc import Callable

from django.db import transaction

from zhike.base.sealing import seal, unseal

from .models import SealedSecret


def kept(name: str, make: Callable[[], str]) -> tuple[str, bool]:
    """The secret of this name, made on first use, and whether it is new; two who ask first at once get the same.

    One that another key of the installation had sealed cannot be read any more and is made anew.
    """
    with transaction.atomic():
        SealedSecret.objects.get_or_create(name=name, defaults={"value": ""})
        found = SealedSecret.objects.select_for_update().get(name=name)
        if (value := unseal(name, found.value)) is not None:
            return value, False
        found.value = seal(name, value := make())
        found.save(update_fields=["value"])
        return value, True
