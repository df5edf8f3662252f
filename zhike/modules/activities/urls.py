"""Addresses of the pages that only activities have."""

from . import comment_pages, note_templates, plan_pages

__all__ = ["urlpatterns"]

urlpatterns = [*plan_pages.urlpatterns, *note_templates.urlpatterns, *comment_pages.urlpatterns]
