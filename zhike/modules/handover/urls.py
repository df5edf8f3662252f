"""Addresses of hand-over and continuity."""

from django.urls import URLPattern, URLResolver, path

from .pages import last, letter, mine, plan, show, watch

urlpatterns: list[URLPattern | URLResolver] = [
    path("handover/", show.index),
    path("handover/new", plan.new),
    path("handover/watch", watch.page),
    path("handover/emergency/<uuid:pk>", plan.emergency),
    path("handover/item/<uuid:pk>", letter.page),
    path("handover/item/<uuid:pk>/give", plan.give),
    path("handover/item/<uuid:pk>/words", letter.words),
    path("handover/item/<uuid:pk>/answer", mine.answer_one),
    path("handover/<uuid:pk>", show.page),
    path("handover/<uuid:pk>/edit", plan.edit),
    path("handover/<uuid:pk>/rule", plan.rule),
    path("handover/<uuid:pk>/do/<slug:action>", show.do),
    path("handed/", mine.page),
    path("handed/answer", mine.answer),
    path("reports/continuity", last.page),
]
