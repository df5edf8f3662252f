"""Nothing new slips past: every address, operation, tool, action and field is known to the tests of rights."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver

from zhike.api import urls as api
from zhike.api.door import Route
from zhike.engine import access
from zhike.engine.entity import entities
from zhike.mcp import tools

from . import channels, facts
from .oracle import Oracle

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROUTES = tomllib.loads((HERE / "routes.toml").read_text("utf-8"))
PLACES = {"entity": "<slug:key>", "record": "<uuid:pk>"}


def routes(resolver: Any = None, before: str = "") -> Iterator[tuple[str, Any]]:
    """Every address of the product with what answers it."""
    for pattern in (resolver or get_resolver()).url_patterns:
        path = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern, path)
        elif isinstance(pattern, URLPattern):
            yield path, pattern.callback


def test_every_address_is_tried_by_somebody() -> None:
    known = {path: where for where, paths in ROUTES.items() for path in paths}
    assert sorted(path for path, _view in routes()) == sorted(known)


@pytest.mark.parametrize("where", [w for w in ROUTES if w not in ("matrix", "twins", "public")])
def test_the_tests_that_are_named_try_those_addresses(where: str) -> None:
    texts = "".join(p.read_text("utf-8") for p in (ROOT / where).rglob("*.py"))
    for path in ROUTES[where]:
        words = [part for part in path.split("/") if part and "<" not in part]
        assert all(word in texts for word in words), path


def test_every_operation_of_the_api_has_a_door_or_tests_of_its_own() -> None:
    served = {
        (str(p.pattern), method)
        for p in api.urlpatterns
        if isinstance(p.callback, Route)
        for method in p.callback.methods
    }
    assert served == {
        ("v1/", "GET"),
        ("v1/me", "GET"),
        ("v1/openapi.json", "GET"),
        ("v1/<slug:key>/", "GET"),
        ("v1/<slug:key>/", "POST"),
        ("v1/<slug:key>/bulk", "POST"),
        ("v1/pools/", "GET"),
        ("v1/pools/<uuid:pk>/records", "GET"),
        ("v1/pools/<uuid:pk>/records/<uuid:record>", "GET"),
        ("v1/pools/<uuid:pk>/claim", "POST"),
        ("v1/pools/<uuid:pk>/assign", "POST"),
        ("v1/pools/<uuid:pk>/recall", "POST"),
        ("v1/exports/<uuid:pk>", "GET"),
        ("v1/exports/<uuid:pk>/file", "GET"),
        ("v1/<slug:key>/export", "POST"),
        ("v1/operations/<uuid:pk>", "GET"),
        ("v1/operations/<uuid:pk>/undo", "POST"),
        ("v1/<slug:key>/<uuid:pk>", "GET"),
        ("v1/<slug:key>/<uuid:pk>", "PATCH"),
        ("v1/<slug:key>/<uuid:pk>", "DELETE"),
        ("v1/<slug:key>/<uuid:pk>/history", "GET"),
        ("v1/<slug:key>/<uuid:pk>/reveal", "POST"),
        ("v1/<slug:key>/<uuid:pk>/<slug:action>", "POST"),
    }


def test_every_tool_has_a_door() -> None:
    assert set(tools.TOOLS) == {"list_entities", "describe_entity", "find", "get", "save", "act"}


def test_every_entity_and_action_is_in_the_matrix() -> None:
    world = facts.standard()
    tried = {item.entity for item in world.items.values()}
    assert set(entities()) - tried == {"user", "department", "role", "pipeline", "stage", "pool"}  # elsewhere
    for entity in entities().values():
        names = {door.name for door in channels.own_actions(entity)}
        assert {f"act {name}" for name in entity.actions} <= names
    taken = {right for door in (*channels.WEB, *channels.API) for right in door.takes}
    assert set(access.ACTIONS) - taken == {"import"}  # imports in tests/transfer/test_rights.py


def test_the_oracle_knows_every_entity_with_an_owner_and_every_way_through() -> None:
    from . import oracle

    assert {k for k, e in entities().items() if e.has_owner} == oracle.OWNED
    assert {k: tuple(e.via) for k, e in entities().items() if e.via} == oracle.VIA
    assert {k: dict(e.named_may) for k, e in entities().items() if e.named_may} == oracle.NAMED
    masks = {k: {f for f, a in e.attributes.items() if a.masks} for k, e in entities().items()}
    assert {k: v for k, v in masks.items() if v} == oracle.MASKED
    assert access.EXPLICIT == oracle.EXPLICIT
    assert Oracle(facts.standard()).roles.keys() >= {"seller", "manager", "administrator"}
