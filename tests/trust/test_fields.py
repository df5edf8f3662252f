"""A hidden field is nowhere: all fields of an entity but its title are hidden, and looked for everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client

from tests.registry.factory import values
from zhike.base.models import FieldGrant, Grant, Role, User
from zhike.engine import records, tokens
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities, get

TEXTS = ("text", "longtext", "address", "reach", "phone", "email", "identity", "url")
PEOPLE = ("user", "department", "role", "pipeline", "stage")  # the directory that all may name


def marked(entity: AnyEntity) -> dict[str, str]:
    """A value in each field that takes a text, found again wherever it leaks to."""
    found = {}
    for n, (key, a) in enumerate(entity.attributes.items()):
        if not a.editable or a.expression is not None or a.choices or key == entity.title or a.kind.key not in TEXTS:
            continue
        kinds = {"phone": f"1370000{n:04d}", "email": f"mark{n:04d}@example.com", "url": f"https://mark{n:04d}.example"}
        found[key] = kinds.get(a.kind.key, f"标{n:04d}记")
    return {k: v for k, v in found.items() if not (entity.key == "account" and k == "uscc")}


def needles(value: str) -> list[str]:
    """How a value may look: as it is, or as numbers are written."""
    return [value, f"{value[:3]} {value[3:7]} {value[7:]}", value[-8:]] if value.isdigit() else [value]


COPIES = {"contact": [("affiliation", "position")]}  # kept on the relation too, whose fields have rights of their own


@pytest.mark.django_db
@pytest.mark.parametrize("key", sorted(k for k in entities() if k not in PEOPLE))
def test_hidden_fields_are_nowhere(firm: Any, key: str) -> None:
    entity = get(key)
    god = firm.actor("admin")
    marks = marked(entity)
    base = {k: v for k, v in values(god, entity).items() if k not in marks or entity.attributes[k].kind.key == "reach"}
    record = records.create(god, entity, {**{k: v for k, v in marks.items() if k not in base}, **base})
    role = Role.objects.create(key="veiled", name="看不见")
    Grant.objects.create(role=role, entity="*", action="*", scope="all")
    hidden = [k for k in entity.attributes if k != entity.title]
    FieldGrant.objects.bulk_create(FieldGrant(role=role, entity=key, key=k, level="hidden") for k in hidden)
    for other, field in COPIES.get(key, ()):
        FieldGrant.objects.create(role=role, entity=other, key=field, level="hidden")
    user = User.objects.create_user("veiled", "a-long-enough-password", name="某人", roles=[role.pk])
    pages = list(asked(user, entity, str(record.pk)))
    leaks = [
        (name, field)
        for name, text in pages
        for field, value in marks.items()
        if field not in base and any(needle in text for needle in needles(value))
    ]
    assert leaks == []
    shapes = dict(pages)["openapi"]
    assert [k for k in hidden if f'"{k}"' in json.dumps(_schema(shapes, key)) and k not in ("names", "note")] == []


def _schema(document: str, key: str) -> Any:
    found = json.loads(document)["components"]["schemas"]
    return {name: list(s.get("properties", {})) for name, s in found.items() if name.split(".")[0] == key}


def asked(user: User, entity: AnyEntity, pk: str) -> Any:
    """(where, text) of everything that shows the record."""
    client = Client()
    client.force_login(user)
    base = f"/{entity.key}/"
    for path in ("", "?view=", "board", "bin", "new", "options?q=", "export?purpose=work&format=csv&view=", "import"):
        if path != "board" or entity.is_staged:
            answer: Any = client.get(base + path)
            content = b"".join(answer.streaming_content) if answer.streaming else answer.content
            yield path, content.decode("utf-8", "replace")
    for path in ("", "/edit", "/history"):
        yield f"record{path}", client.get(f"{base}{pk}{path}").content.decode()
    yield "search", client.get("/search?q=标").content.decode()
    secret = tokens.issue(Actor(user), name="k", scopes=["*:*"], days=1).secret
    headers = {"Authorization": f"Bearer {secret}"}
    for path in (f"{entity.key}/", f"{entity.key}/{pk}", f"{entity.key}/{pk}/history"):
        yield f"api {path}", client.get(f"/api/v1/{path}", headers=headers).content.decode()
    yield "openapi", client.get("/api/v1/openapi.json", headers=headers).content.decode()
    for tool, more in (("find", {}), ("get", {"id": pk}), ("describe_entity", {})):
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": {"entity": entity.key, **more}},
        }
        answer = client.post("/mcp", json.dumps(message), content_type="application/json", headers=headers)
        yield f"mcp {tool}", answer.content.decode()
