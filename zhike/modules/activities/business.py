"""What the modules so far have to give to roles; the last module knows them all."""

from __future__ import annotations

from zhike.engine.roles import Business

BUSINESS = Business(
    records=("lead", "account", "contact", "deal", "activity"),
    parts=("affiliation", "contactpoint", "address", "dealcontact", "dealcompetitor"),
    shared=("product", "competitor", "tag"),
    growing=("competitor", "tag"),
)
