"""Addresses of the pages that only assignment has."""

from django.urls import URLPattern, URLResolver

from .pages import asking, record, settings, sheets

urlpatterns: list[URLPattern | URLResolver] = [
    *sheets.urlpatterns,
    *settings.urlpatterns,
    *record.urlpatterns,
    *asking.urlpatterns,
]
