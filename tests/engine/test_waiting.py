"""Statements that end where somebody waits leave the rest of a transaction as it was."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from zhike.engine.query import TooLong, hurried


def limit() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        return str(cursor.fetchone()[0])


@pytest.mark.django_db
def test_the_limit_holds_inside_alone() -> None:
    with transaction.atomic():
        before = limit()
        with hurried(0.3):
            assert limit() == "300ms"
        assert limit() == before
        with pytest.raises(TooLong), hurried(0.05), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(5)")
        assert limit() == before
