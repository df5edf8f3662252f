"""The running Zhike and its browser, as the journeys have them."""

from __future__ import annotations

from tests.journeys.conftest import chromium, site, visit

__all__ = ["chromium", "site", "visit"]
