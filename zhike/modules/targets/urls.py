"""Addresses of the pages that only targets have."""

from django.urls import URLPattern, URLResolver, path

from .pages import overview, split

urlpatterns: list[URLPattern | URLResolver] = [
    path("targets/", overview.page),
    path("targets/copy", overview.copy),
    path("targets/<uuid:pk>/split", split.page),
]
