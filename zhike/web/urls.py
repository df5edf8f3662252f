"""Addresses of the pages that every entity has."""

from __future__ import annotations

from django.urls import path

from . import account, board, editing, export, files, find, home, importing, listing, notices, record, settings

urlpatterns = [
    path("", home.home),
    path("login", account.login),
    path("logout", account.logout),
    path("lang", account.switch_language),
    path("me", account.me),
    path("ui/", home.components),
    path("search", find.search_page),
    path("search/palette", find.palette),
    path("options/<slug:kind>", find.codes),
    path("notices", notices.inbox),
    *files.urlpatterns,
    path("job/<uuid:pk>", importing.job),
    *settings.urlpatterns,
    path("<slug:key>/", listing.list_page),
    path("<slug:key>/board", board.board_page),
    path("<slug:key>/board/<uuid:stage>", board.lane_more),
    path("<slug:key>/bin", listing.bin_page),
    path("<slug:key>/new", editing.create_page),
    path("<slug:key>/options", find.options),
    path("<slug:key>/bulk/<slug:action>", listing.bulk),
    path("<slug:key>/export", export.export),
    path("<slug:key>/import", importing.start),
    path("<slug:key>/import/template", importing.template),
    path("<slug:key>/import/<uuid:pk>", importing.step),
    path("<slug:key>/import/<uuid:pk>/<slug:action>", importing.do),
    path("<slug:key>/<uuid:pk>", record.record_page),
    path("<slug:key>/<uuid:pk>/edit", editing.edit_page),
    path("<slug:key>/<uuid:pk>/field/<slug:name>", editing.field),
    path("<slug:key>/<uuid:pk>/reveal/<slug:name>", record.reveal_field),
    path("<slug:key>/<uuid:pk>/move", board.move),
    path("<slug:key>/<uuid:pk>/act/<slug:name>", editing.act),
    path("<slug:key>/<uuid:pk>/log", editing.log),
    path("<slug:key>/<uuid:pk>/delete", editing.delete),
    path("<slug:key>/<uuid:pk>/restore", editing.restore),
    path("<slug:key>/<uuid:pk>/history", editing.history_page),
    path("<slug:key>/<uuid:pk>/files", files.attach),
]
