"""Addresses of the API."""

from __future__ import annotations

from django.urls import path

from . import about, docs, exports, items, lists, operations, pools
from .door import Route

urlpatterns = [
    path("docs", docs.page),
    path("v1/", Route(GET=about.index)),
    path("v1/me", Route(GET=about.me)),
    path("v1/openapi.json", Route(GET=about.document)),
    path("v1/operations/<uuid:pk>", Route(GET=operations.show)),
    path("v1/operations/<uuid:pk>/undo", Route(POST=operations.undo)),
    path("v1/exports/<uuid:pk>", Route(GET=exports.show)),
    path("v1/exports/<uuid:pk>/file", Route(GET=exports.file)),
    path("v1/pools/", Route(GET=pools.index)),
    path("v1/pools/<uuid:pk>/records", Route(GET=pools.listing)),
    path("v1/pools/<uuid:pk>/records/<uuid:record>", Route(GET=pools.show)),
    path("v1/pools/<uuid:pk>/claim", Route(POST=pools.claim)),
    path("v1/pools/<uuid:pk>/assign", Route(POST=pools.assign)),
    path("v1/pools/<uuid:pk>/recall", Route(POST=pools.recall)),
    path("v1/<slug:key>/export", Route(POST=exports.export)),
    path("v1/<slug:key>/", Route(GET=lists.listing, POST=lists.create)),
    path("v1/<slug:key>/bulk", Route(POST=lists.bulk)),
    path("v1/<slug:key>/<uuid:pk>", Route(GET=items.show, PATCH=items.change, DELETE=items.remove)),
    path("v1/<slug:key>/<uuid:pk>/history", Route(GET=items.changes)),
    path("v1/<slug:key>/<uuid:pk>/reveal", Route(POST=items.reveal)),
    path("v1/<slug:key>/<uuid:pk>/<slug:action>", Route(POST=items.act)),
]
