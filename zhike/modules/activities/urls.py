"""Addresses of the pages that only activities have."""

from . import note_templates, plan_pages

__all__ = ["urlpatterns"]

urlpatterns = [*plan_pages.urlpatterns, *note_templates.urlpatterns]
