"""What assignment brings to the pages: settings, why it is mine, accepting, what waits on first pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.modules.assigning import deciding
from zhike.web import plugs

from . import asking, home, record

plugs.banners.append(record.banner)
plugs.bulk.append(asking.offered)
plugs.home_panels.append(plugs.HomePanel(home.panel, 0))
plugs.pool_deeds.append(
    plugs.PoolDeed("rules", _("Give by rules"), "user-plus", lambda e: e.key in deciding.ENTITIES, asking.of_pool)
)
