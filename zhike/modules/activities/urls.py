"""Addresses of the pages that only activities have."""

from .plan_pages import urlpatterns

__all__ = ["urlpatterns"]
