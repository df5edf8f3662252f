"""What there is for this key: the index, who one is, and the document of it all."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse

from zhike.engine import access, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import entities

from . import asking, door
from .door import Call


def rights(actor: Actor) -> dict[str, list[str]]:
    """entity -> what the actor may do with at least some of its records."""
    found = {
        entity.key: [action for action in tokens.actions(entity) if access.may(actor, entity, action)]
        for entity in entities().values()
    }
    return {key: may for key, may in found.items() if may}


def index(call: Call) -> HttpResponse:
    """The entities that there are for this key."""
    asking.only(call.request)
    known = entities()
    found = [
        {"key": key, "label": str(known[key].label), "url": f"/api/v1/{key}/", "actions": may}
        for key, may in rights(call.actor).items()
    ]
    return door.answer({"entities": found, "openapi": "/api/v1/openapi.json", "me": "/api/v1/me"})


def me(call: Call) -> HttpResponse:
    """Whose key it is, what it may do now, and until when."""
    asking.only(call.request)
    user, token = call.actor.user, call.token
    body: dict[str, Any] = {
        "user": {"id": str(user.pk), "name": user.name},
        "key": {
            "name": token.name,
            "prefix": token.prefix,
            "expires_at": token.expires_at.isoformat(),
            "scopes": list(token.scopes),
            "rows_per_day": token.rows_per_day,
        },
        "rights": rights(call.actor),
    }
    return door.answer(body)


def document(call: Call) -> HttpResponse:
    """The OpenAPI document of what this key may do."""
    from . import openapi  # needed by this one address

    asking.only(call.request)
    return door.answer(openapi.document(call.actor))
