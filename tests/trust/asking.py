"""Requests that somebody curious would make: every way of asking about fields and rows, aimed at a secret."""

from __future__ import annotations

import base64
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.test import Client

from zhike.base import pinyin
from zhike.engine.entity import AnyEntity, entities, get
from zhike.engine.kinds import Attribute

from .facts import Person
from .hidden import Secret
from .world import World

FIXED = (  # pages without parameters of their own
    "/",
    "/reports/funnel",
    "/reports/team",
    "/notices",
    "/brief",
    "/tasks",
    "/settings/",
    "/settings/roles",
    "/settings/departments",
    "/me",
)
CHANGING = re.compile(  # what differs between any two requests: tokens, numbers of errors, moments
    r'name="csrfmiddlewaretoken" value="[^"]*"|"X-CSRFToken": "[^"]*"|data-csrf="[^"]*"|csrf[^ ]{0,20}="[^"]*"'
    r"|\br-\d{1,8}\b|[0-9a-f]{8}</p>|\b[0-9a-f]{8}(?=</code>)|\d\d:\d\d(:\d\d(\.\d+)?)?"
    r'|name="(idempotency_)?key" value="[^"]*"|"instance": ?"[^"]*"|"cursor": ?"[^"]*"|cursor=[^"&]*'
)

NUMBER = re.compile(r"\b[A-Z]{1,3}-?[0-9]{4,}\b")
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    data: Any = None
    headers: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.data or ''}"


def send(world: World, person: Person, asked: Asked) -> tuple[Any, ...]:
    """What comes back, as far as it can be compared: status, headers, body."""
    headers = dict(asked.headers)
    if person.name in world.keys:
        client = Client(raise_request_exception=False)
        headers["Authorization"] = f"Bearer {world.keys[person.name]}"
    else:
        client = world.client(person)
    answer: Any
    if asked.method == "GET":
        answer = client.get(asked.path, headers=headers)
    elif asked.path.startswith("/api/"):
        answer = client.generic(
            asked.method, asked.path, json.dumps(asked.data), content_type="application/json", headers=headers
        )
    else:
        answer = client.post(asked.path, asked.data or {}, headers=headers)
    content = b"".join(answer.streaming_content) if answer.streaming else answer.content
    text = CHANGING.sub("~", content.decode("utf-8", "replace"))
    kept = {k: CHANGING.sub("~", v) for k, v in answer.headers.items() if k not in ("Date", "Set-Cookie")}
    if asked.method != "GET":  # what is made in each world has an id of its own, known to nobody before
        kept.pop("ETag", None)
        text = NUMBER.sub("~", text)  # running numbers are taken once, whatever is rolled back
        known = {str(pk) for pk in world.ids.values()}
        text, *values = (
            UUID.sub(lambda m: m.group() if m.group() in known else "~", v) for v in (text, *kept.values())
        )
        kept = dict(zip(kept, values, strict=True))
    kept.pop("Content-Length", None)  # of the text, which is compared
    return answer.status_code, kept, text


def requests(world: World, person: Person, secret: Secret, seed: int) -> Iterator[Asked]:
    """Without end: the page of the record, then drawn from all ways of asking, most of them about the secret."""
    dice = random.Random(f"{seed}{secret.name}{person.name}")
    yield Asked("GET", f"{'/api/v1' * (person.token is not None)}/{secret.entity}/{world.ids[secret.item]}")
    ways = API_WAYS if person.token is not None else WEB_WAYS
    while True:
        entity = get(secret.entity) if dice.random() < 0.7 else dice.choice(list(entities().values()))
        yield dice.choice(ways)(world, entity, secret, dice)


def _operand(a: Attribute, secret: Secret, dice: random.Random) -> str:
    if a.kind.key in ("money", "decimal", "integer", "percent"):
        return dice.choice(["500", "1000.00", "5000", "999000.00", "1e6", "-1", "500,5000"])
    if a.kind.key in ("date", "datetime"):
        return dice.choice(["2026-11-20", "today", "this_month", "last_7", "2020-01-01,2026-12-31"])
    if a.choices:
        return str(dice.choice(a.choices)[0])
    if a.is_link:
        return dice.choice(["me", "mine", "", "01a20000-0000-7000-8000-000000000000"])
    return dice.choice([*secret.words, "13", "a", "1", "记录", "甲", ""])


def aim(entity: AnyEntity, secret: Secret, dice: random.Random) -> str:
    """The field of the secret, or one that is computed of it."""
    a = entity.attributes.get(secret.where)
    made = [b.key for b in entity.attributes.values() if a and b.expression and {a.key, a.column} & b.made_of]
    return dice.choice(made) if made and dice.random() < 0.4 else secret.where


def query(entity: AnyEntity, secret: Secret, dice: random.Random) -> dict[str, str]:
    """Filters, order and words over any field, hidden ones first."""
    keys = list(entity.attributes)
    found: dict[str, str] = {}
    for _n in range(dice.choice([0, 1, 1, 2])):
        key = (
            aim(entity, secret, dice)
            if secret.where in entity.attributes and dice.random() < 0.7
            else dice.choice(keys)
        )
        a = entity.attributes[key]
        ops = (
            "eq",
            "ne",
            "in",
            "contains",
            "gte",
            "lte",
            "between",
            "empty",
            "within",
            "has",
            "under",
            "gt",
            "startswith",
        )
        op = dice.choice(a.kind.ops) if a.kind.ops and dice.random() < 0.8 else dice.choice(ops)
        found[f"{key}__{op}"] = "1" if op == "empty" else _operand(a, secret, dice)
    if dice.random() < 0.5:
        found["q"] = dice.choice([*secret.words, "13", "1391", "8888", "@example", "记录", "ji"])
    if dice.random() < 0.5:
        key = aim(entity, secret, dice) if secret.where and dice.random() < 0.6 else dice.choice(keys)
        found["sort"] = dice.choice(["", "-"]) + key
    if dice.random() < 0.4:
        found["where"] = json.dumps(where(entity, secret, dice), ensure_ascii=False)
    if dice.random() < 0.1:
        found["page"] = dice.choice(["2", "0", "99999"])
    return found


def _condition(entity: AnyEntity, secret: Secret, dice: random.Random) -> list[str]:
    """A condition over a field of an entity, the secret one first."""
    aimed = entity.key == secret.entity and secret.where in entity.attributes and dice.random() < 0.8
    key = aim(entity, secret, dice) if aimed else dice.choice(list(entity.attributes))
    a = entity.attributes[key]
    op = dice.choice(a.kind.ops or ("eq",))
    return [key, op, "1" if op == "empty" else _operand(a, secret, dice)]


def where(entity: AnyEntity, secret: Secret, dice: random.Random, depth: int = 0) -> list[Any]:
    """A filter over linked records and groups of them."""
    kind = dice.choice(["field", "link", "pointing", "pointing", "any", "not"])
    if kind in ("any", "not") and depth < 2:
        return [kind, *(where(entity, secret, dice, depth + 1) for _n in range(dice.choice([1, 2])))]
    links = [a for a in entity.attributes.values() if a.is_link and a.target in entities()]
    if kind == "link" and links:
        aimed = [a for a in links if a.target == secret.entity]
        a = dice.choice(aimed or links)
        key, *rest = _condition(entities()[a.target], secret, dice)
        return [f"{a.key}.{key}", *rest]
    pointing = [(e, a.key) for e in entities().values() for a in e.attributes.values() if a.target == entity.key]
    if kind == "pointing" and pointing:
        aimed_at = [(e, by) for e, by in pointing if e.key == secret.entity]
        other, by = dice.choice(aimed_at if aimed_at and dice.random() < 0.7 else pointing)
        parts = [_condition(other, secret, dice)] if dice.random() < 0.8 else []
        return [dice.choice(["some", "none"]), f"{other.key}.{by}", *parts]
    return list(_condition(entity, secret, dice))


def _place(found: dict[str, str], entity: AnyEntity, secret: Secret, dice: random.Random) -> dict[str, str]:
    """What else a list takes: a place in it that somebody made up, groups, the exact number."""
    if dice.random() < 0.3:
        value = dice.choice([*secret.words, "", 0, 1000, True, None, "2026-11-20T00:00:00+08:00"])
        tag = dice.choice(["", "n", "d", "t"])
        said = [found.get("sort", ""), "01a20000-0000-7000-8000-000000000000", tag, value]
        cursor = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
        found[dice.choice(["after", "before"])] = cursor
    if dice.random() < 0.3:
        key = secret.where if secret.where and dice.random() < 0.5 else dice.choice(list(entity.attributes))
        found["group"] = key + dice.choice(["", "", ":month"])
    if dice.random() < 0.2:
        found["exact"] = "1"
    return found


def _list(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    headers = dice.choice([(), (("HX-Request", "true"), ("HX-Target", "list-body"))])
    asked = _place(query(entity, secret, dice), entity, secret, dice)
    return Asked("GET", f"/{entity.key}/?{urlencode({'view': '', **asked})}", headers=headers)


def _merge(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    """The comparison of two records, the secret one first, or the merge itself."""
    if not entity.has_owner:
        entity = get("account")
    own = [name for name, item in world.facts.items.items() if item.entity == entity.key and not item.deleted]
    first = secret.item if secret.entity == entity.key else dice.choice(own)
    ids = [str(world.ids[name]) for name in dict.fromkeys((first, dice.choice(own)))]
    dice.shuffle(ids)
    if dice.random() < 0.7:
        return Asked("GET", f"/merge/{entity.key}?ids={','.join(ids)}")
    return Asked("POST", f"/merge/{entity.key}", {"ids": ",".join(ids)})


def _calendar(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    asked = {**query(entity, secret, dice), "span": dice.choice(["week", "month"])}
    dates = [k for k, a in entity.attributes.items() if a.kind.key in ("date", "datetime")]
    asked["date"] = secret.where if secret.where and dice.random() < 0.3 else dice.choice([*dates, "name"])
    return Asked("GET", f"/{entity.key}/calendar?{urlencode({'view': '', **asked})}")


def _views(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    """What stands around a list: counts of tabs, the exact number, a view to be kept, columns, another look."""
    asked = {"view": "", **query(entity, secret, dice)}
    place = dice.choice(["count", "filter", "views/counts", "views/new", "views/shape", ""])
    if place == "filter" and dice.random() < 0.5:
        asked = {"field": dice.choice([secret.where or "name", "account.name", *entity.attributes]), "op": "in"}
    if place == "count" and dice.random() < 0.5:
        asked["capped"] = "1"
    if not place:
        keys = [secret.where or "name", dice.choice(list(entity.attributes))]
        asked |= {"as": dice.choice(["grid", "split"]), "cols": ",".join(keys), "group": dice.choice(keys)}
    return Asked("GET", f"/{entity.key}/{place}?{urlencode(asked)}")


def _board(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked("GET", f"/{dice.choice(['lead', 'deal'])}/board?{urlencode(query(entity, secret, dice))}")


def _options(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked("GET", f"/{entity.key}/options?{urlencode({'q': dice.choice([*secret.words, '', '13', '记'])})}")


def _search(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    page = dice.choice(["/search", "/search/palette", "/search/palette"])
    word = dice.choice([*secret.words, "13", "记录", "记录甲乙", "ren", "jljy", "a"])
    return Asked("GET", f"{page}?{urlencode({'q': dice.choice(TWISTS)(word)})}")


TWISTS = (  # how somebody looks for a word: as it is, for people or tags, with a slip, by its sound, with another word
    *(str,) * 4, lambda word: f"@{word}", lambda word: f"#{word}", lambda word: f">{word}",
    lambda word: word[:1] + word[2:], lambda word: word[:-1] + "的", lambda word: word[::-1], pinyin.plain,
    lambda word: pinyin.company(word).initials, lambda word: f"{word} 记录", lambda word: f"{word[:2]} {word[2:]}",
    lambda word: word[:1], lambda _word: "", lambda word: word + word[-1:],
)  # fmt: skip


def _offered(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    near = [i for i in world.facts.items.values() if i.entity in (secret.entity, entity.key)]
    item = world.facts.items[secret.item] if dice.random() < 0.6 else dice.choice(near)
    return Asked("GET", f"/search/palette/{item.entity}/{world.ids[item.name]}")


def _record(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    near = [i for i in world.facts.items.values() if i.entity in (secret.entity, entity.key)]
    item = (
        world.facts.items[secret.item] if dice.random() < 0.4 else dice.choice(near or list(world.facts.items.values()))
    )
    rest = dice.choice(["", "", "/history", "/edit", "/who", "?show=all", "/field/" + (secret.where or "name")])
    part = dice.choice(["", "related", "related", "timeline"]) if not rest else ""
    headers = (("HX-Request", "true"), ("HX-Target", part)) if part else ()
    return Asked("GET", f"/{item.entity}/{world.ids[item.name]}{rest}", headers=headers)


def _export(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked(
        "GET", f"/{entity.key}/export?{urlencode({'format': 'csv', 'purpose': 'work', **query(entity, secret, dice)})}"
    )


def _report(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    page = dice.choice(["/reports/funnel", "/reports/team"])
    names = ["by", "period", "owner__eq", "department__under", "sort", "group", "amount__gte", "measure"]
    values = ["owner", "department", "this_year", "me", "-amount", "amount", "1000", secret.where or "name"]
    return Asked("GET", f"{page}?{urlencode({dice.choice(names): dice.choice(values) for _n in range(2)})}")


def _fixed(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked("GET", dice.choice([*FIXED, f"/{entity.key}/bin", f"/{entity.key}/new", f"/{entity.key}/import"]))


def _create(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    """A duplicate of what may be there: a message about it would be an answer. Undone by the caller."""
    words = [w for w in secret.words if len(w) > 3] or ["记录"]
    data = {"name": dice.choice(words), "phone": dice.choice(words), "email": dice.choice(["", *words]), "uscc": ""}
    return Asked("POST", f"/{dice.choice(['account', 'contact', 'lead', entity.key])}/new", data)


def _write(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    near = [i for i in world.facts.items.values() if i.entity == entity.key] or list(world.facts.items.values())
    item = dice.choice(near)
    doing = dice.choice(["edit", "delete", "restore", "act/" + next(iter(get(item.entity).actions), "none")])
    return Asked("POST", f"/{item.entity}/{world.ids[item.name]}/{doing}", {"version": "1", "name": "改名"})


def _bulk(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    """Something for many, chosen by ticks or by filters: what is left out and why must not tell anything."""
    key = dice.choice([secret.where or "name", *entity.attributes])
    a = entity.attributes.get(key)
    data: dict[str, Any] = {
        "sure": dice.choice(["1", "1", ""]),
        "field": key,
        "how": dice.choice(["set", "clear", "add"]),
    }
    data[key] = _operand(a, secret, dice) if a else ""
    near = [str(world.ids[i.name]) for i in world.facts.items.values() if i.entity == entity.key]
    if dice.random() < 0.5 and near:
        data["ids"] = ",".join(dice.sample(near, min(len(near), 5)))
    else:
        data["all"] = urlencode(query(entity, secret, dice))
    doing = dice.choice(["edit", "edit", "edit", "delete", "restore", "owner", *list(entity.actions)[:2]])
    data["owner"] = str(world.users["seller"].pk)
    return Asked("POST", f"/{entity.key}/bulk/{doing}", data)


def _capture(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked("GET", f"/capture?{urlencode({'text': f'张伟 13800138000 @{dice.choice(secret.words)}'})}")


def _api_list(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    asked = {k: v for k, v in query(entity, secret, dice).items() if k != "page"}
    if dice.random() < 0.3:
        asked["fields"] = ",".join(dice.sample(list(entity.attributes), 2))
    if dice.random() < 0.3:
        asked["total"] = "1"
    return Asked("GET", f"/api/v1/{entity.key}/?{urlencode(asked)}")


def _api_item(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    near = [i for i in world.facts.items.values() if i.entity in (secret.entity, entity.key)]
    item = (
        world.facts.items[secret.item] if dice.random() < 0.4 else dice.choice(near or list(world.facts.items.values()))
    )
    rest = dice.choice(["", "", "/history", f"?fields={secret.where or 'name'}"])
    return Asked("GET", f"/api/v1/{item.entity}/{world.ids[item.name]}{rest}")


def _api_write(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    words = [w for w in secret.words if len(w) > 3] or ["记录"]
    key = secret.where or "name"
    if dice.random() < 0.5:
        return Asked("POST", f"/api/v1/{entity.key}/", {"name": dice.choice(words), key: dice.choice(words)})
    item = world.facts.items[secret.item]
    headers = (("If-Match", '"1"'),)
    return Asked(
        dice.choice(["PATCH", "DELETE"]),
        f"/api/v1/{item.entity}/{world.ids[item.name]}",
        {key: dice.choice(words)},
        headers,
    )


def _api_fixed(world: World, entity: AnyEntity, secret: Secret, dice: random.Random) -> Asked:
    return Asked("GET", dice.choice(["/api/v1/", "/api/v1/me", "/api/v1/openapi.json", "/api/v1/nothing/"]))


WEB_WAYS = [
    *(_list,) * 5,
    *(_search, _options, _record, _views, _bulk) * 2,
    *(_board, _calendar, _export, _report, _fixed, _create, _write, _capture, _merge),
]
API_WAYS = [*(_api_list,) * 6, _api_item, _api_item, _api_write, _api_fixed]
