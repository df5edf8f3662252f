"""All addresses: pages that modules bring, then the pages every entity has."""

from __future__ import annotations

from django.urls import include, path

from zhike.mcp import http as mcp

urlpatterns = [
    path("mcp", mcp.endpoint),
    path("api/", include("zhike.modules.activities.comment_api")),
    path("api/", include("zhike.api.urls")),
    path("", include("zhike.modules.customers.urls")),
    path("", include("zhike.modules.sales.urls")),
    path("", include("zhike.modules.activities.urls")),
    path("", include("zhike.modules.calendars.urls")),
    path("", include("zhike.modules.promises.urls")),
    path("", include("zhike.modules.targets.urls")),
    path("", include("zhike.modules.handover.urls")),
    path("", include("zhike.modules.assigning.urls")),
    path("", include("zhike.web.urls")),
]
handler400 = "zhike.web.errors.bad_request"
handler403 = "zhike.web.errors.forbidden"
handler404 = "zhike.web.errors.not_found"
handler500 = "zhike.web.errors.server_error"
