"""Addresses of the pages that only promises have."""

from django.urls import URLPattern, URLResolver, path

from .pages import banner, capture, report

urlpatterns: list[URLPattern | URLResolver] = [
    path("promise/capture", capture.page),
    path("promise/owed/<slug:key>/<uuid:pk>", banner.fragment),
    path("reports/promises", report.page),
]
