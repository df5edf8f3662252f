"""Addresses of the pages that only calendars has."""

from django.urls import URLPattern, URLResolver, path

from . import pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("me/calendar", pages.page),
    path("me/calendar/feed/<slug:action>", pages.feed_do),
    path("me/calendar/account", pages.account),
    path("me/calendar/choose", pages.choose),
    path("me/calendar/preview", pages.preview),
    path("me/calendar/do/<slug:action>", pages.do),
    path("calendar/feed/<slug:secret>.ics", pages.feed_file),
    path("calendar/overlaps", pages.overlap),
    path("calendar/overlaps/<uuid:pk>", pages.overlap),
]
