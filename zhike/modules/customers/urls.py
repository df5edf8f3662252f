"""Addresses of the pages that only customers have."""

from django.urls import URLPattern, URLResolver, path

from . import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("contact/<uuid:pk>/consents", pages.consents_of),
    path("contact/<uuid:pk>/consents/<uuid:consent>/withdraw", pages.withdraw),
]
