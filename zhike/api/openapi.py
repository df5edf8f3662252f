"""The OpenAPI 3.1 document, made for one actor: only the entities, actions and fields that this actor has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from zhike import __version__
from zhike.engine import access, query
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.pools import known

from . import asking, exports, items, lists, operations, pools, schemas, shapes
from .shapes import Schema

Doc = dict[str, Any]
SERVER = "/api/v1"
ETAG_HEADER = {"description": "tag of this version as you see it", "schema": {"type": "string"}}
COMMON: Mapping[str, Any] = {
    "4XX": {"$ref": "#/components/responses/Problem"},
    "5XX": {"$ref": "#/components/responses/Problem"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "the ETag that the change is based on, or *",
    "schema": {"type": "string", "pattern": r'^(\*|"[1-9][0-9]{0,8}(-[0-9a-f]{16})?")$'},
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "a repeated request with the same key gives the first result again",
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
}
CONFIRMED = {
    "name": lists.CONFIRMED,
    "in": "header",
    "description": "the caller knows of what may be there already, and writes all the same",
    "schema": {"type": "string", "enum": [lists.KNOWN]},
}
ID = {"name": "id", "in": "path", "required": True, "schema": shapes.UUID}


def document(actor: Actor) -> Doc:
    """The whole document for an actor."""
    paths: Doc = dict(_own())
    found: Doc = {"Problem": PROBLEM}
    tags = []
    for entity in entities().values():
        mine = _paths(actor, entity, found)
        if mine:
            paths |= mine
            tags.append({"name": entity.key, "description": str(entity.plural)})
    if "operation" in found:
        paths |= _operations()
    if "export" in found:
        paths |= _exports()
    paths |= _pools(actor)
    for make in added:
        paths |= make(actor)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Zhike API", "version": __version__, "description": _("What this key may do now.")},
        "servers": [{"url": SERVER}],
        "security": [{"key": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "zk_…"}},
            "responses": {"Problem": _response("RFC 9457", _ref("Problem"), media="application/problem+json")},
            "schemas": found,
        },
    }


PROBLEM: Schema = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "pointer": {"type": "string", "description": "RFC 6901, into the body"},
                    "parameter": {"type": "string", "description": "of the address"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
                "required": ["code", "detail"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["type", "title", "status"],
    "additionalProperties": False,
}
TEXT: Schema = {"type": "string"}
added: list[Callable[[Actor], Doc]] = []  # addresses of modules, as far as the actor may


def _object(**properties: Schema) -> Schema:
    return {
        "type": "object",
        "properties": properties,
        "required": [key for key in properties if key != "total"],
        "additionalProperties": False,
    }


def _list(of: Schema) -> Schema:
    return {"type": "array", "items": of}


ENTRY = _object(
    at={"type": "string", "format": "date-time"},
    by=TEXT,
    channel=TEXT,
    action=TEXT,
    changes=_list(_object(field=TEXT, before=TEXT, after=TEXT)),
)


def _ref(name: str) -> Doc:
    return {"$ref": f"#/components/schemas/{name}"}


def _response(text: str, schema: Doc, *, media: str = "application/json", headers: Doc | None = None) -> Doc:
    found: Doc = {"description": text, "content": {media: {"schema": schema}}}
    return {**found, "headers": headers} if headers else found


def _operation(
    name: str, summary: str, answers: Doc, *, tag: str = "", body: Schema | None = None, parameters: Any = ()
) -> Doc:
    found: Doc = {"operationId": name, "summary": summary, "responses": {**answers, **COMMON}}
    if tag:
        found["tags"] = [tag]
    if parameters:
        found["parameters"] = list(parameters)
    if body is not None:
        needed = bool(body.get("required") or body.get("$ref") or body.get("oneOf"))
        found["requestBody"] = {"required": needed, "content": {"application/json": {"schema": body}}}
    return found


def _own() -> Doc:
    entry = _object(key=TEXT, label=TEXT, url=TEXT, actions=_list(TEXT))
    index = _object(entities=_list(entry), openapi=TEXT, me=TEXT)
    key = _object(
        name=TEXT,
        prefix=TEXT,
        expires_at={"type": "string", "format": "date-time"},
        scopes=_list(TEXT),
        rows_per_day={"type": "integer"},
    )
    rights = {"type": "object", "additionalProperties": _list(TEXT)}
    me = _object(user=_object(id=shapes.UUID, name=TEXT), key=key, rights=rights)
    return {
        "/": {"get": _operation("index", _("What there is"), {"200": _response("OK", index)})},
        "/me": {"get": _operation("me", _("Whose key this is and what it may do"), {"200": _response("OK", me)})},
        "/openapi.json": {
            "get": _operation("openapi", _("This document"), {"200": _response("OK", {"type": "object"})})
        },
    }


def _paths(actor: Actor, entity: AnyEntity, found: Doc) -> Doc:
    """The addresses of an entity; its schemas are added to `found`."""
    may = {action for action in access.ACTIONS if access.may(actor, entity, action)}
    actions = schemas.actions(actor, entity)
    if not may and not actions:
        return {}
    found[entity.key] = schemas.reading(actor, entity)
    record, whole = _ref(entity.key), f"/{entity.key}/{{id}}"
    paths: Doc = {
        f"/{entity.key}/": {**_listing(actor, entity, may), **_creating(actor, entity, may, found)},
        whole: _item(actor, entity, may, found),
        f"{whole}/history": _history(entity, may),
        f"{whole}/reveal": _reveal(actor, entity, may),
        f"/{entity.key}/bulk": _bulk(actor, entity, found),
        f"/{entity.key}/export": _export(entity, may, found),
    }
    for name in actions:
        label = str(entity.actions[name].label) if name in entity.actions else name
        found[f"{entity.key}.{name}"] = schemas.acting(actor, entity, name)
        body = {**_ref(f"{entity.key}.{name}")}
        post = _operation(
            f"{name}_{entity.key}",
            label,
            {"200": _shown(record)},
            tag=entity.key,
            body=body,
            parameters=_writing(entity, IDEMPOTENCY),
        )
        post["requestBody"]["required"] = name in ("transfer", "merge")
        post["parameters"].append({**IF_MATCH, "required": False})
        paths[f"{whole}/{name}"] = {"parameters": [ID], "post": post}
    return {path: item for path, item in paths.items() if set(item) - {"parameters"}}


def _shown(record: Doc) -> Doc:
    return _response("OK", record, headers={"ETag": ETAG_HEADER})


def _listing(actor: Actor, entity: AnyEntity, may: set[str]) -> Doc:
    if "list" not in may:
        return {}
    total = _object(count={"type": "integer"}, capped={"type": "boolean"})
    page = _object(items=_list(_ref(entity.key)), names=schemas.NAMES, next={"type": ["string", "null"]}, total=total)
    get = _operation(
        f"list_{entity.key}",
        str(entity.plural),
        {"200": _response("OK", page)},
        tag=entity.key,
        parameters=_parameters(actor, entity),
    )
    return {"get": get}


def _parameters(actor: Actor, entity: AnyEntity) -> list[Doc]:
    """The filters, and what else a list takes."""
    known, closed, masked = access.readable(actor, entity), access.closed(actor, entity), access.masked(actor, entity)
    sorts = [key for key, a in known.items() if a.kind.sortable and key not in masked]
    number = {"type": "integer", "minimum": 1, "maximum": asking.LARGEST, "default": asking.PAGE}
    found: list[Doc] = [
        _query("limit", number, _("how many per page")),
        _query("cursor", TEXT, _("of the next page, as `next` gives it")),
        _query("total", {"type": "string", "enum": ["0", "1"]}, _("1 to be told how many there are")),
        _query("fields", TEXT, _("keys of the fields wanted, with commas")),
    ]
    if sorts:
        both = [s for key in sorts for s in (key, f"-{key}")]
        found.append(_query("sort", {"type": "string", "enum": both}, _("order; a minus turns it round")))
    if entity.search:
        found.append(_query("q", {**TEXT, "maxLength": 100}, _("search: parts of names, pinyin, numbers")))
    said = _("filter as JSON: [field, operator, value], groups any, all, not, and some, none of linked records")
    found.append(_query("where", {**TEXT, "maxLength": query.LONGEST}, said))
    filters: Doc = {}
    for key, a in known.items():
        for op in a.kind.ops if closed.get(key, Q()) != access.NOBODY else ("eq",) if "eq" in a.kind.ops else ():
            schema: Schema = {"type": "string", "enum": ["0", "1"]} if op == "empty" else {**TEXT, "minLength": 1}
            filters[f"{key}__{op}"] = {**schema, "title": str(a.label)}
    schema = {"type": "object", "properties": filters, "additionalProperties": False}
    found.append({**_query("filter", schema, _("each is a parameter of its own")), "style": "form", "explode": True})
    return found


def _query(name: str, schema: Schema, text: str) -> Doc:
    return {"name": name, "in": "query", "description": text, "schema": schema}


def _creating(actor: Actor, entity: AnyEntity, may: set[str], found: Doc) -> Doc:
    if "create" not in may:
        return {}
    name = f"{entity.key}.create"
    found[name] = schemas.creating(actor, entity)
    created = _response("Created", _ref(entity.key), headers={"Location": {"schema": TEXT}, "ETag": {"schema": TEXT}})
    follow = {"read": "get", "update": "patch", "delete": "delete"}
    links = {
        f"{verb}_{entity.key}": {"operationId": f"{verb}_{entity.key}", "parameters": {"id": "$response.body#/id"}}
        for verb in follow
        if verb in may
    }
    if links:
        created["links"] = links
    post = _operation(
        f"create_{entity.key}",
        str(entity.label),
        {"201": created},
        tag=entity.key,
        body=_ref(name),
        parameters=_writing(entity, IDEMPOTENCY),
    )
    return {"post": post}


def _item(actor: Actor, entity: AnyEntity, may: set[str], found: Doc) -> Doc:
    key, label = entity.key, str(entity.label)
    ok = {"200": _shown(_ref(key))}
    methods: Doc = {"parameters": [ID]}
    if "read" in may:
        fields = _query("fields", TEXT, _("keys of the fields wanted, with commas"))
        methods["get"] = _operation(f"read_{key}", label, ok, tag=key, parameters=[fields])
    if "update" in may:
        found[f"{key}.update"] = schemas.updating(actor, entity)
        methods["patch"] = _operation(
            f"update_{key}", label, ok, tag=key, body=_ref(f"{key}.update"), parameters=_writing(entity, IF_MATCH)
        )
    if "delete" in may:
        gone = {"204": {"description": _("moved to the recycle bin")}}
        methods["delete"] = _operation(f"delete_{key}", label, gone, tag=key, parameters=[IF_MATCH])
    return methods


def _history(entity: AnyEntity, may: set[str]) -> Doc:
    if "read" not in may:
        return {}
    ok = {"200": _response("OK", _object(items=_list(ENTRY)))}
    return {"parameters": [ID], "get": _operation(f"history_{entity.key}", _("Changes"), ok, tag=entity.key)}


def _reveal(actor: Actor, entity: AnyEntity, may: set[str]) -> Doc:
    masked = sorted(access.masked(actor, entity))
    if "reveal" not in may or not masked:
        return {}
    values = {"type": "object", "additionalProperties": {"type": ["string", "null"]}}
    ok = {"200": _response("OK", _object(id=shapes.UUID, values=values))}
    summary = _("Masked values whole: %(fields)s") % {"fields": ", ".join(masked)}
    return {
        "parameters": [ID],
        "post": _operation(f"reveal_{entity.key}", summary, ok, tag=entity.key, body=items.FIELDS),
    }


def _operations() -> Doc:
    ok, later = _response("OK", _ref("operation")), _response("Accepted", _ref("operation"))
    show = _operation("show_operation", _("How far an operation is"), {"200": ok})
    undo = _operation("undo_operation", _("Undo, within 7 days"), {"200": ok, "202": later}, parameters=[IDEMPOTENCY])
    return {
        "/operations/{id}": {"parameters": [ID], "get": show},
        "/operations/{id}/undo": {"parameters": [ID], "post": undo},
    }


def _export(entity: AnyEntity, may: set[str], found: Doc) -> Doc:
    if "export" not in may:
        return {}
    found[f"{entity.key}.export"], found["export"] = exports.body_of(entity), exports.EXPORT
    answers = {"200": _response("OK", _ref("export")), "202": _response("Accepted", _ref("export"))}
    summary = _("The records that a filter finds, as a file")
    body = _ref(f"{entity.key}.export")
    post = _operation(f"export_{entity.key}", summary, answers, tag=entity.key, body=body, parameters=[IDEMPOTENCY])
    return {"post": post}


def _exports() -> Doc:
    show = _operation("show_export", _("How far an export is"), {"200": _response("OK", _ref("export"))})
    data = {"200": _response("OK", {"type": "string", "format": "binary"}, media="application/octet-stream")}
    return {
        "/exports/{id}": {"parameters": [ID], "get": show},
        "/exports/{id}/file": {"parameters": [ID], "get": _operation("file_of_export", _("The file"), data)},
    }


def _pools(actor: Actor) -> Doc:
    """The addresses of pools, for who is a member of one."""
    found = known.open_to(actor)
    if not found:
        return {}
    may = {action for pool in found for action in known.allowed(actor, pool)}
    moved = {"200": _response("OK", pools.MOVED)}
    record = {**ID, "name": "record"}
    listed = _operation("list_pools", _("The pools that are open to you"), {"200": _response("OK", pools.POOLS)})
    lying = [_query(name, TEXT, text) for name, text in (("q", _("search")), ("cursor", _("of the next page")))]
    rows = _operation(
        "list_pool", _("What lies in a pool"), {"200": _response("OK", pools.RECORDS)}, tag="pools", parameters=lying
    )
    one = _operation("read_pool", _("One record of a pool"), {"200": _response("OK", {"type": "object"})}, tag="pools")
    paths: Doc = {
        "/pools/": {"get": listed},
        "/pools/{id}/records": {"parameters": [ID], "get": rows},
        "/pools/{id}/records/{record}": {"parameters": [ID, record], "get": one},
    }
    for name, body in pools.BODIES.items():
        post = _operation(
            f"{name}_pool", str(known.MOVES[name]), moved, tag="pools", body=body, parameters=[IDEMPOTENCY]
        )
        paths |= {f"/pools/{{id}}/{name}": {"parameters": [ID], "post": post}} if name in may else {}
    return paths


def _bulk(actor: Actor, entity: AnyEntity, found: Doc) -> Doc:
    allowed = schemas.bulk_actions(actor, entity)
    if not allowed:
        return {}
    found[f"{entity.key}.bulk"] = schemas.bulk(actor, entity)
    hints = {"hints": schemas.HINTS} if entity.signs else {}
    one: Schema = _object(id=shapes.UUID, version={"type": "integer"}, **hints)
    one["required"] = ["id"]
    listed = _object(action=TEXT, items=_list(one))
    done = _ref("operation")
    found["operation"] = operations.OPERATION
    ok = {"200": _response("OK", {"oneOf": [listed, done]}), "202": _response("Accepted", done)}
    summary = _("One action for up to %(n)s records, or for all that a filter finds") % {"n": schemas.BULK}
    name = f"bulk_{entity.key}"
    body = _ref(f"{entity.key}.bulk")
    return {"post": _operation(name, summary, ok, tag=entity.key, body=body, parameters=_writing(entity, IDEMPOTENCY))}


def _writing(entity: AnyEntity, *others: Doc) -> list[Doc]:
    """The headers of whatever writes values of an entity."""
    return [*others, *([CONFIRMED] if entity.signs else [])]
