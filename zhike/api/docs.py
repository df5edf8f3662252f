"""The page that explains the API to a person: what that person may do, in the look of the product."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from zhike.engine.entity import entities
from zhike.web.templating import actor_of, render

from . import openapi, problems

METHODS = ("get", "post", "patch", "delete")


@login_required
@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The API for the reader: all entities, or one of them with its operations, fields and filters."""
    actor = actor_of(request)
    doc = openapi.document(actor)
    keys = [tag["name"] for tag in doc["tags"]]
    asked = request.GET.get("entity", "")
    chosen = asked if asked in keys else next(iter(keys), "")
    context = {
        "entities": [
            {"label": entities()[k].plural, "url": f"?entity={k}", "active": k == chosen, "key": k} for k in keys
        ],
        "operations": [o for path, item in doc["paths"].items() for o in _operations(path, item, chosen)],
        "fields": _fields(doc, chosen),
        "filters": _filters(doc, chosen),
        "problems": [{"status": status, "title": _(title)} for status, title in problems.TITLES.items()],
        "address": request.build_absolute_uri("/api/v1/"),
        "chosen": chosen,
        "keys_url": "/me/tokens",
    }
    return render(request, "web/api_docs.html", context)


def _operations(path: str, item: dict[str, Any], chosen: str) -> list[dict[str, Any]]:
    return [
        {"method": m.upper(), "path": openapi.SERVER + path, "summary": item[m]["summary"]}
        for m in METHODS
        if m in item and chosen in item[m].get("tags", [chosen] if path == "/" else [])
    ]


def _fields(doc: dict[str, Any], chosen: str) -> list[dict[str, Any]]:
    """Every field: what it holds, and whether it can be written."""
    known = doc["components"]["schemas"]
    written = known.get(f"{chosen}.create", known.get(f"{chosen}.update", {}))
    found = []
    for key, schema in known.get(chosen, {}).get("properties", {}).items():
        inside = schema.get("enum") or schema.get("items", {}).get("enum") or ()
        found.append(
            {
                "key": key,
                "label": schema.get("title", ""),
                "kind": _kind(schema),
                "choices": ", ".join(str(choice) for choice in inside if choice),
                "note": schema.get("description", ""),
                "writable": key in written.get("properties", {}),
                "required": key in written.get("required", ()),
            }
        )
    return found


def _kind(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "any")
    kind = kind[0] if isinstance(kind, list) else kind
    return str(schema.get("format") or ("decimal" if "pattern" in schema else kind))


def _filters(doc: dict[str, Any], chosen: str) -> list[dict[str, str]]:
    get = doc["paths"].get(f"/{chosen}/", {}).get("get", {})
    found = []
    for p in get.get("parameters", ()):
        inside = p["schema"].get("properties")
        found += (
            [{"name": name, "text": one["title"]} for name, one in inside.items()]
            if inside
            else [{"name": p["name"], "text": p["description"]}]
        )
    return found
