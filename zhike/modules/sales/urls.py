"""Addresses of the pages that only sales has."""

from django.urls import URLPattern, URLResolver, path
from django.views.generic import RedirectView

from .pages import brief, convert, funnel, quick, team

urlpatterns: list[URLPattern | URLResolver] = [
    path("reports/", RedirectView.as_view(url="/reports/funnel")),
    path("reports/funnel", funnel.page),
    path("reports/team", team.page),
    path("brief", brief.page),
    path("capture", quick.capture),
    path("activity/<uuid:pk>/tick", quick.tick),
    path("activity/<uuid:pk>/drop", quick.drop),
    # before the page that every action has, because this one asks for more than the fields of the lead
    path("lead/<uuid:pk>/act/convert", convert.page),
]
