"""Sessions in the database, read in one statement with the mark of the last change (base/changes.py)."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import db
from django.db import connection
from django.utils import timezone

from zhike.base import changes


class SessionStore(db.SessionStore):
    """Django's own, and quicker to read where a page only reads."""

    def load(self) -> dict[str, Any]:
        """What the session holds; {} where there is none."""
        if not changes.is_reading():
            return super().load()
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"SELECT session_data, ({changes.MARK}) FROM {table} WHERE session_key = %s AND expire_date > %s",  # noqa: S608
                [self.session_key, timezone.now()],
            )
            row = cursor.fetchone()
        if row is None:
            self._session_key = None
            return {}
        changes.marked(row[1])
        found: dict[str, Any] = self.decode(row[0])
        return found
