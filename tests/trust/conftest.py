"""The firm of these tests has fields of every kind and an object of its own: they are covered like those built in."""

from __future__ import annotations

import pytest

from tests.catalog import sample


@pytest.fixture(autouse=True)
def catalog(db: None) -> None:
    """The sample configuration is published."""
    sample.publish()
