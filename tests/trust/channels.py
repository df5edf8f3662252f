"""The doors of the system: how each asks for an action on a record, and whether it was let through.

A door names the rights it takes (all of them) and answers True when it did what was asked or would have, had the values
been right: 422 is an opinion about values, 403 and 404 are refusals.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.test import Client

from tests.registry.factory import value
from zhike.engine import access, operations, records
from zhike.engine.entity import AnyEntity, get
from zhike.engine.models import Operation

from .facts import Item, Person
from .world import World

REFUSED = (401, 403, 404, 405)
_count = itertools.count(1)
Run = Callable[[World, Person, Item], "Answer"]


@dataclass
class Answer:
    """Whether a door let the request through, and what came back."""

    allowed: bool
    status: int
    body: str = ""


@dataclass(frozen=True)
class Door:
    """One channel and one thing to ask of it. `takes` are the rights on the record; `many` one on the entity."""

    name: str
    run: Run
    takes: tuple[str, ...]
    applies: Callable[[AnyEntity, Item], bool] = lambda _entity, _item: True
    web: bool = True
    whole: bool = False  # asks for a right on the entity, not on one record
    before: Callable[[World, Person, Item], None] | None = None  # what must have happened


def through(answer: Any) -> Answer:
    """As the status says."""
    if answer.status_code == 302 and "/login" in answer["Location"]:
        return Answer(False, 302)
    return Answer(answer.status_code not in REFUSED, answer.status_code, body(answer))


def body(answer: Any) -> str:
    """The text of an answer, streamed or not."""
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    return str(content.decode("utf-8", "replace"))


def shown(answer: Any, world: World, item: Item) -> Answer:
    """As the record is in it."""
    found = through(answer)
    return Answer(found.allowed and str(world.ids[item.name]) in found.body, found.status, found.body)


def url(world: World, item: Item, *rest: str) -> str:
    """Of a record."""
    return "/".join([f"/{item.entity}/{world.ids[item.name]}", *rest])


def a_text(entity: AnyEntity) -> str:
    """A field that takes any text."""
    plain = [
        k
        for k, a in entity.attributes.items()
        if a.editable and a.expression is None and a.kind.key in ("text", "longtext") and not a.choices
    ]
    return plain[0] if plain else entity.title


def change(entity: AnyEntity) -> dict[str, str]:
    """A value that was not there before."""
    return {a_text(entity): f"改过{next(_count)}"}


def fresh(entity: AnyEntity) -> dict[str, str]:
    """Values of a new record, within the condition of whoever is bound by one."""
    return {**change(entity), **({"tier": "A"} if "tier" in entity.attributes else {})}


# ---- pages


def page(path: str) -> Run:
    """GET a page below the record."""

    def run(world: World, person: Person, item: Item) -> Answer:
        return through(world.client(person).get(url(world, item, *([path] if path else []))))

    return run


def listed(path: str, **headers: str) -> Run:
    """GET a page of the entity, where the record shows or does not."""

    def run(world: World, person: Person, item: Item) -> Answer:
        return shown(world.client(person).get(f"/{item.entity}/{path}", headers=headers), world, item)

    return run


def pane(world: World, person: Person, item: Item) -> Answer:
    """The record beside its list."""
    headers = {"HX-Request": "true", "HX-Target": "pane"}
    return through(world.client(person).get(url(world, item), headers=headers))


def form(world: World, person: Person, item: Item) -> Answer:
    """Save the edit form."""
    values = {**change(get(item.entity)), "version": world.version(item)}
    return through(world.client(person).post(url(world, item, "edit"), values))


def in_place(world: World, person: Person, item: Item) -> Answer:
    """Save one field in place."""
    values = change(get(item.entity))
    return through(
        world.client(person).post(
            url(world, item, "field", next(iter(values))), {**values, "version": world.version(item)}
        )
    )


def post(*path: str, **values: str) -> Run:
    """POST below the record."""

    def run(world: World, person: Person, item: Item) -> Answer:
        return through(world.client(person).post(url(world, item, *path), {"version": world.version(item), **values}))

    return run


def in_grid(world: World, person: Person, item: Item) -> Answer:
    """Write one cell of a table."""
    row = {"id": str(world.ids[item.name]), "version": world.version(item), "values": change(get(item.entity))}
    found = through(world.client(person).post(f"/{item.entity}/grid", {"cells": json.dumps([row]), "cols": "name"}))
    refused = found.status == 422 and "" in json.loads(found.body).get("wrong", {}).get(row["id"], {})  # the whole row
    return Answer(found.allowed and not refused, found.status, found.body)


def move(world: World, person: Person, item: Item) -> Answer:
    """Drop a card on the stage where it is."""
    rows = get(item.entity).model._base_manager.filter(pk=world.ids[item.name])
    stage = rows.values_list("stage", flat=True).get()
    values = {"stage": str(stage), "version": str(world.version(item))}
    return through(world.client(person).post(url(world, item, "move"), values))


def in_bulk(action: str) -> Run:
    """POST to the list with one row ticked."""

    def run(world: World, person: Person, item: Item) -> Answer:
        data = {"ids": str(world.ids[item.name]), "sure": "1", "owner": str(world.users["seller"].pk)}
        return through(world.client(person).post(f"/{item.entity}/bulk/{action}", data))

    return run


def edit_all(world: World, person: Person, item: Item) -> Answer:
    """POST to the list with all that match, by a view that shows this one alone."""
    entity = get(item.entity)
    key = a_text(entity)
    data = {"all": f"name__eq={_title(world, item)}", "field": key, "how": "set", key: change(entity)[key], "sure": "1"}
    version = world.version(item)
    found = through(world.client(person).post(f"/{item.entity}/bulk/edit", data))
    return Answer(found.allowed and world.version(item) > version, found.status, found.body)


def edit_some(world: World, person: Person, item: Item) -> Answer:
    """POST to the list with one row ticked and a field chosen."""
    key = a_text(get(item.entity))
    data = {"ids": str(world.ids[item.name]), "field": key, "how": "set", key: "改过", "sure": "1"}
    return through(world.client(person).post(f"/{item.entity}/bulk/edit", data))


def done_before(world: World, person: Person, item: Item) -> None:
    """A change of the record that counts as this person's, made while they had the right."""
    entity, god = get(item.entity), world.actor("admin")
    values = change(entity)
    with operations.recording(god, entity, "update", keys=values) as tally:
        records.update(god, entity, world.ids[item.name], values)
    if tally.operation and person.name in world.users:
        user = world.users[person.for_whom or person.name]
        by = world.users[person.name] if person.for_whom else None
        Operation.objects.filter(pk=tally.operation.pk).update(user=user, by=by)


def undo(world: World, person: Person, item: Item) -> Answer:
    """Take back what was done last."""
    operation = Operation.objects.latest("at", "pk")
    return through(world.client(person).post(f"/operations/{operation.pk}/undo"))


def same_again(world: World, person: Person, item: Item) -> None:
    """Another record of the same owner, so that the rights on it are those on this one."""
    god = world.actor("admin")
    links = {key: str(world.ids[name]) for key, name in item.links}
    owner = {"owner": str(world.users[item.owner or "admin"].pk)}
    values = {
        "name": f"再来{next(_count)}",
        "subject": f"再来{next(_count)}",
        "kind": "note",
        **links,
        **owner,
        **dict(item.values),
    }
    entity = get(item.entity)
    if item.entity == "account":
        values.pop("kind")
    asked = [k for k, a in entity.attributes.items() if a.required and not a.is_link and k not in values]
    values |= {k: value(god, entity, k) for k in asked}
    values |= {key: str(world.users[name].pk) for key, name in item.named}
    needed = {k: v for k, v in values.items() if k in entity.attributes and entity.attributes[k].editable}
    made = records.create(god, entity, needed)
    if not item.owner:
        rows = entity.model._base_manager.filter(pk=made.pk)
        rows.update(owner=None, department=None, ancestors=[])
    world.again = made.pk


def merged(world: World, person: Person, item: Item) -> Answer:
    """The form of the page that makes the record part of another."""
    data = {"ids": f"{world.again},{world.ids[item.name]}"}
    return through(world.client(person).post(f"/merge/{item.entity}", data))


def compared(world: World, person: Person, item: Item) -> Answer:
    """The page on which both stand side by side."""
    ids = f"{world.again},{world.ids[item.name]}"
    return through(world.client(person).get(f"/merge/{item.entity}?ids={ids}"))


def api_merged(world: World, person: Person, item: Item) -> Answer:
    """The action of the record that stays."""
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/{item.entity}/{world.again}/merge",
        json.dumps({"others": [{"id": str(world.ids[item.name])}]}),
        content_type="application/json",
        headers=_headers(world, person),
    )
    return through(answer)


def first_masked(entity: AnyEntity) -> str:
    """A field that is shown in part."""
    return next((k for k, a in entity.attributes.items() if a.masks), "")


def reveal(world: World, person: Person, item: Item) -> Answer:
    """The eye beside a masked number."""
    return through(world.client(person).post(url(world, item, "reveal", first_masked(get(item.entity)))))


def search(world: World, person: Person, item: Item) -> Answer:
    """The search page, by a word of the title."""
    return shown(world.client(person).get("/search", {"q": _title(world, item)}), world, item)


def palette(world: World, person: Person, item: Item) -> Answer:
    """The search that opens with a key."""
    return shown(world.client(person).get("/search/palette", {"q": _title(world, item)}), world, item)


def offered(world: World, person: Person, item: Item) -> Answer:
    """What the palette offers to do with the record."""
    return through(world.client(person).get(f"/search/palette/{item.entity}/{world.ids[item.name]}"))


def exported(kind: str) -> Run:
    """The list as a file; ids are not in it, so the title is looked for."""

    def run(world: World, person: Person, item: Item) -> Answer:
        found = through(world.client(person).get(f"/{item.entity}/export?purpose=work&view=&format={kind}"))
        return Answer(found.allowed and _title(world, item) in found.body, found.status, found.body)

    return run


def _title(world: World, item: Item) -> str:
    entity = get(item.entity)
    row = entity.model._base_manager.filter(pk=world.ids[item.name]).values_list(entity.title, flat=True).get()
    return str(row)


# ---- the API


def _headers(world: World, person: Person) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.keys[person.name]}"} if person.name in world.keys else {}


def api(method: str, *path: str, data: Any = None, match: bool = False) -> Run:
    """A request on one record."""

    def run(world: World, person: Person, item: Item) -> Answer:
        headers = _headers(world, person)
        if match:
            headers["If-Match"] = f'"{world.version(item)}"'
        sent = data(world, item) if callable(data) else data
        client = Client(raise_request_exception=False)
        answer = client.generic(
            method,
            "/api/v1" + url(world, item, *path),
            json.dumps(sent) if sent is not None else "",
            content_type="application/json",
            headers=headers,
        )
        found = through(answer)
        return Answer(found.allowed, found.status, found.body)

    return run


def api_list(world: World, person: Person, item: Item) -> Answer:
    """The collection, read to its end."""
    client, path, seen = Client(raise_request_exception=False), f"/api/v1/{item.entity}/?limit=200", []
    answer = client.get(path, headers=_headers(world, person))
    seen.append(body(answer))
    return Answer(str(world.ids[item.name]) in "".join(seen), answer.status_code, "".join(seen))


def api_bulk(world: World, person: Person, item: Item) -> Answer:
    """A change of one record through the bulk door."""
    rows = [
        {
            "id": str(world.ids[item.name]),
            "version": world.version(item),
            "values": change(get(item.entity)),
        }
    ]
    doing = {"action": "update", "items": rows}
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/{item.entity}/bulk",
        json.dumps(doing),
        content_type="application/json",
        headers=_headers(world, person),
    )
    return through(answer)


def api_edit_all(world: World, person: Person, item: Item) -> Answer:
    """A change through the bulk door of all that a filter finds, which is this record alone."""
    doing = {"action": "update", "where": f"name__eq={_title(world, item)}", "values": change(get(item.entity))}
    version = world.version(item)
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/{item.entity}/bulk",
        json.dumps(doing),
        content_type="application/json",
        headers=_headers(world, person),
    )
    found = through(answer)
    return Answer(found.allowed and world.version(item) > version, found.status, found.body)


def api_undo(world: World, person: Person, item: Item) -> Answer:
    """Take back what was done last."""
    operation = Operation.objects.latest("at", "pk")
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/operations/{operation.pk}/undo", headers=_headers(world, person)
    )
    return through(answer)


def create(world: World, person: Person, item: Item) -> Answer:
    """Save the form of a new record."""
    return through(world.client(person).post(f"/{item.entity}/new", fresh(get(item.entity))))


def api_create(world: World, person: Person, item: Item) -> Answer:
    """POST to the collection."""
    answer = Client(raise_request_exception=False).post(
        f"/api/v1/{item.entity}/",
        json.dumps(fresh(get(item.entity))),
        content_type="application/json",
        headers=_headers(world, person),
    )
    return through(answer)


def mcp(tool: str, more: Callable[[World, Item], dict[str, Any]]) -> Run:
    """A tool of the MCP server."""

    def run(world: World, person: Person, item: Item) -> Answer:
        arguments = {"entity": item.entity, **more(world, item)}
        message = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": tool, "arguments": arguments},
        }
        answer = Client(raise_request_exception=False).post(
            "/mcp", json.dumps(message), content_type="application/json", headers=_headers(world, person)
        )
        if answer.status_code != 200:
            return through(answer)
        found = answer.json()["result"]
        status = int(found["structuredContent"].get("status", 200)) if found["isError"] else 200
        allowed = status not in REFUSED
        if tool == "find":
            allowed = allowed and str(world.ids[item.name]) in found["content"][0]["text"]
        return Answer(allowed, status, found["content"][0]["text"])

    return run


def is_first(entity: AnyEntity, item: Item) -> bool:
    """One record stands for its entity."""
    return item.name.endswith(("-own", "-all"))


def is_staged(entity: AnyEntity, item: Item) -> bool:
    """Boards are for what goes through stages."""
    return entity.is_staged and not item.deleted


def is_found(entity: AnyEntity, item: Item) -> bool:
    """The search looks through what has an owner and searched names."""
    return entity.has_owner and "name" in entity.search and not item.deleted


def has_title(entity: AnyEntity, item: Item) -> bool:
    """Files are told apart by titles that nobody else has and that are shown whole."""
    return is_found(entity, item)


def is_matched(entity: AnyEntity, item: Item) -> bool:
    """Found by its title alone, with a text that many records may have alike."""
    return is_found(entity, item) and is_common(entity, item)


def has_masks(entity: AnyEntity, item: Item) -> bool:
    """Whether anything is masked."""
    return bool(first_masked(entity)) and not item.deleted


def is_deleted(entity: AnyEntity, item: Item) -> bool:
    """In the recycle bin."""
    return item.deleted


def is_live(entity: AnyEntity, item: Item) -> bool:
    """Not in the recycle bin."""
    return not item.deleted


def is_common(entity: AnyEntity, item: Item) -> bool:
    """Not in the bin, with a text that many records may have alike."""
    return not item.deleted and (a_text(entity),) not in entity.unique


def is_owned(entity: AnyEntity, item: Item) -> bool:
    """Has an owner."""
    return entity.has_owner and not item.deleted


MERGING = ("merge", "update", "delete")
HX = {"HX-Request": "true", "HX-Target": "list-body"}
WEB: Sequence[Door] = (
    Door("list", listed("?view="), ("list",)),
    Door("fragment", listed("?view=", **HX), ("list",)),
    Door("options", listed("options?q="), ("list",), is_owned),
    Door("board", listed("board"), ("list",), is_staged),
    Door("calendar", listed("calendar?view=&date=created_at&span=week"), ("list",), is_owned),
    Door("split", listed("?view=&as=split"), ("list",)),
    Door("grid", listed("?view=&as=grid"), ("list",)),
    Door("pane", pane, ("read",)),
    Door("search", search, ("list",), is_found),
    Door("palette", palette, ("list",), is_found),
    Door("palette actions", offered, ("read",), lambda _entity, item: not item.deleted),
    Door("bin", listed("bin"), ("restore",), is_deleted),
    Door("page", page(""), ("read",)),
    Door("history", page("history"), ("read",)),
    Door("edit page", page("edit"), ("update",)),
    Door("export", exported("csv"), ("export", "list"), has_title),
    Door("form", form, ("update",)),
    Door("field", in_place, ("update",)),
    Door("table cell", in_grid, ("update",)),
    Door("move", move, ("update",), is_staged),
    Door("delete", post("delete"), ("delete",)),
    Door("restore", post("restore"), ("restore",), is_deleted),
    Door("bulk delete", in_bulk("delete"), ("delete", "bulk")),
    Door("bulk restore", in_bulk("restore"), ("restore", "bulk"), is_deleted),
    Door("bulk edit", edit_some, ("update", "bulk"), is_common),
    Door("bulk edit of all that match", edit_all, ("list", "update", "bulk"), is_matched),
    Door("undo", undo, ("update",), is_live, before=done_before),
    Door("bulk transfer", in_bulk("owner"), ("transfer", "bulk"), is_owned),
    Door("reveal", reveal, ("reveal",), has_masks),
    Door("create", create, ("create",), is_first, whole=True),
    Door("merge", merged, MERGING, is_owned, before=same_again),
    Door("merge page", compared, MERGING, is_owned, before=same_again),
)
API: Sequence[Door] = (
    Door("api list", api_list, ("list",), web=False),
    Door("api item", api("GET"), ("read",), web=False),
    Door("api history", api("GET", "history"), ("read",), web=False),
    Door(
        "api change",
        api("PATCH", data=lambda _world, item: change(get(item.entity)), match=True),
        ("update",),
        web=False,
    ),
    Door("api delete", api("DELETE", match=True), ("delete",), web=False),
    Door("api restore", api("POST", "restore", data={}), ("restore",), is_deleted, web=False),
    Door("api bulk", api_bulk, ("update", "bulk"), web=False),
    Door("api bulk of all that match", api_edit_all, ("list", "update", "bulk"), is_matched, web=False),
    Door("api undo", api_undo, ("list", "update"), is_live, web=False, before=done_before),
    Door(
        "api reveal",
        api("POST", "reveal", data=lambda _world, item: {"fields": [first_masked(get(item.entity))]}),
        ("reveal",),
        has_masks,
        web=False,
    ),
    Door("api create", api_create, ("create",), is_first, web=False, whole=True),
    Door("api merge", api_merged, MERGING, is_owned, web=False, before=same_again),
    Door(
        "mcp merge",
        mcp(
            "act",
            lambda world, item: {
                "id": str(world.again),
                "action": "merge",
                "values": {"others": [{"id": str(world.ids[item.name])}]},
            },
        ),
        MERGING,
        is_owned,
        web=False,
        before=same_again,
    ),
    Door("mcp find", mcp("find", lambda _world, _item: {"limit": 200}), ("list",), web=False),
    Door("mcp get", mcp("get", lambda world, item: {"id": str(world.ids[item.name])}), ("read",), web=False),
    Door(
        "mcp save",
        mcp(
            "save",
            lambda world, item: {
                "id": str(world.ids[item.name]),
                "version": world.version(item),
                "values": change(get(item.entity)),
            },
        ),
        ("update",),
        web=False,
    ),
    Door(
        "mcp delete",
        mcp("act", lambda world, item: {"id": str(world.ids[item.name]), "action": "delete"}),
        ("delete",),
        web=False,
    ),
    Door(
        "mcp create",
        mcp("save", lambda _world, item: {"values": fresh(get(item.entity))}),
        ("create",),
        is_first,
        web=False,
        whole=True,
    ),
    Door(
        "mcp describe",
        mcp("describe_entity", lambda _world, _item: {}),
        ("list", "read", "create", "update", "delete"),
        is_first,
        web=False,
        whole=True,
    ),
)
ANY_OF = {"mcp describe"}  # one of its rights is enough


def own_actions(entity: AnyEntity) -> Sequence[Door]:
    """A door in each channel for every verb that an entity declares."""
    return [
        door
        for name in entity.actions
        for door in (
            Door(f"act {name}", post("act", name), (name,)),
            *([] if name in access.EXPLICIT else [Door(f"bulk {name}", in_bulk(name), (name, "bulk"), is_live)]),
            Door(f"api act {name}", api("POST", name, data={}, match=True), (name,), web=False),
        )
    ]


def doors(entity: AnyEntity) -> Sequence[Door]:
    """All doors to the records of an entity."""
    return [*WEB, *API, *own_actions(entity)]
