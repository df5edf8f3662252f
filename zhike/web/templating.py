"""From values to HTML: the frame around every page, fragments of a page, filters for numbers and times."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template import engines
from django.utils import timezone
from django.utils.translation import gettext as _
from markupsafe import Markup

from zhike.base import amount
from zhike.base.i18n import day, language
from zhike.engine import access, notices
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.kinds import symbol, tone_of

from . import acting, plugs


@cache
def _stamp(path: str) -> str:
    """A short hash of a static file: files are cached for a year, so another content needs another address."""
    file = Path(settings.STATIC_ROOT) / path
    return hashlib.sha256(file.read_bytes()).hexdigest()[:10] if file.is_file() else "0"


def static(path: str) -> str:
    """The address of a static file of this version."""
    stamp = _stamp.__wrapped__(path) if settings.DEBUG else _stamp(path)
    return f"{settings.STATIC_URL}{path}?v={stamp}"


def actor_of(request: HttpRequest) -> Actor:
    """The actor of this request, made once: oneself, or the person for whom one acts (acting.py)."""
    found = getattr(request, "zhike_actor", None)
    if found is None:
        found = acting.actor(request)
        request.zhike_actor = found  # type: ignore[attr-defined]
    return found


def said(request: HttpRequest) -> list[dict[str, str]]:
    """What the last page left to say, once; a fragment leaves it to the next page."""
    session = getattr(request, "session", None)
    if session is None or request.headers.get("HX-Request") or not session.get("toast"):
        return []
    return [{"text": session.pop("toast"), "tone": "good", "undo_url": session.pop("undo", "")}]


def is_admin(actor: Actor) -> bool:
    """Whether the actor may open any of the settings."""
    return bool(actor.office)


def frame(request: HttpRequest, *, whole: bool = True) -> dict[str, Any]:
    """What the frame around every page shows; a part of a page needs no menus, and no `whole` frame."""
    lang = language()
    shared: dict[str, Any] = {
        "request": request,
        "csrf_token": get_token(request),
        "lang": {"zh-hans": "zh-Hans", "zh-hant": "zh-Hant"}.get(lang, lang),
        "langs": [{"code": code, "label": label, "active": code == lang} for code, label in settings.LANGUAGES],
        "theme": request.COOKIES.get("zk_theme", "system"),
        "rail": request.COOKIES.get("zk_rail", "full"),
        "messages_": said(request) if whole else [],
        "nav": [],
        "me": {"name": "", "initials": "", "position": "", "role": ""},
        "create_menu": [],
        "unread": 0,
        "is_admin": False,
    }
    if not getattr(request, "user", None) or not request.user.is_authenticated:
        return shared
    actor = actor_of(request)
    user = actor.user
    admin = is_admin(actor)
    shared |= {
        "keys_on": request.COOKIES.get("zk_keys") != "off",
        "nav": navigation(actor, request.path, admin=admin) if whole else [],
        "me": {
            "name": user.name,
            "initials": user.name[:1],
            "position": user.position,
            "role": str(user.department or ""),
            "url": "/me",
        },
        "create_menu": [
            {"label": e.label, "icon": e.icon, "url": f"/{e.key}/new"}
            for e in (_menu_entities() if whole else ())
            if access.may(actor, e, "create")
        ],
        "is_admin": admin,
        "acting": acting.banner(request, actor) if whole else None,
        "previewing": bool(request.session.get("config_preview")) and not request.path.startswith("/settings/config"),
        "unread": notices.inbox(user.pk).filter(read_at=None).count() if whole else 0,
    }
    return shared


def _menu_entities() -> list[Any]:
    return sorted((e for e in entities().values() if e.menu), key=lambda e: e.menu)


def navigation(actor: Actor, path: str, *, admin: bool) -> list[dict[str, Any]]:
    """The main menu for this actor; `active` marks where `path` lies."""
    found: list[tuple[int, dict[str, Any]]] = [(0, {"key": "home", "label": _("Home"), "url": "/", "icon": "house"})]
    found += [
        (e.menu, {"key": e.key, "label": e.plural, "url": f"/{e.key}/", "icon": e.icon})
        for e in _menu_entities()
        if access.may(actor, e, "list")
    ]
    found += [
        (page.order, {"key": page.url.strip("/"), "label": page.label, "url": page.url, "icon": page.icon})
        for page in plugs.menu
        if page.may(actor)
    ]
    if admin:
        found.append((999, {"key": "settings", "label": _("Settings"), "url": "/settings/", "icon": "settings"}))
    items = [item for _order, item in sorted(found, key=lambda pair: pair[0])]
    for item in items:
        item["active"] = path == item["url"] or (item["url"] != "/" and path.startswith(item["url"]))
    return items


def render_text(template: str, context: Mapping[str, Any], request: HttpRequest, *, block: str = "") -> str:
    """A page, or one named block of it, as text."""
    found = engines["jinja2"].env.get_template(template)  # type: ignore[attr-defined]
    if not block:
        return str(found.render(context))
    return "".join(found.blocks[block](found.new_context(dict(context))))


def render(
    request: HttpRequest,
    template: str,
    context: Mapping[str, Any] | None = None,
    *,
    status: int = 200,
    blocks: Mapping[str, str] | None = None,
) -> HttpResponse:
    """The page; or, for htmx, the block that `blocks` names for the target of the request."""
    target = request.headers.get("HX-Target", "")
    block = (blocks or {}).get(target, "") if request.headers.get("HX-Request") else ""
    filled = {**frame(request, whole=not block), **(context or {})}
    if not block:
        filled = {key: value.made if isinstance(value, Later) else value for key, value in filled.items()}
    return HttpResponse(render_text(template, filled, request, block=block), status=status)


class Later:
    """A value for a template that a part of a page may do without: made for whole pages, else when it is looked at."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    @cached_property
    def made(self) -> Any:
        """The value itself."""
        return self._make()

    def __iter__(self) -> Iterator[Any]:
        return iter(self.made)

    def __len__(self) -> int:
        return len(self.made)

    def __bool__(self) -> bool:
        return bool(self.made)

    def __getitem__(self, key: Any) -> Any:
        return self.made[key]


def compact(value: Any) -> str:
    """12.35万, 1.2亿, or 1.2M in English."""
    return "" if value is None else amount.compact(value, language())


def yuan(value: Any) -> Markup:
    """A compact amount whose full value shows on hover."""
    if value is None:
        return Markup("—")
    sign = symbol(value)
    return Markup('<span class="num" title="%s%s">%s%s</span>') % (sign, f"{value:,.2f}", sign, compact(value))


def number(value: Any) -> str:
    """Thousands separated."""
    return "" if value is None else f"{value:,}"


def ago(value: dt.datetime | dt.date | None) -> str:
    """Relative within a week, the day beyond it."""
    if value is None:
        return ""
    date = timezone.localtime(value).date() if isinstance(value, dt.datetime) else value
    days = (timezone.localdate() - date).days
    if days == 0:
        return timezone.localtime(value).strftime("%H:%M") if isinstance(value, dt.datetime) else _("Today")
    near = {1: _("Yesterday"), -1: _("Tomorrow")}
    if days in near:
        return near[days]
    if abs(days) > 7:
        return date.isoformat()
    return _("%(n)s days ago") % {"n": days} if days > 0 else _("in %(n)s days") % {"n": -days}


def clock(value: dt.datetime | None) -> str:
    """2026-11-21 15:30 in the firm's time zone."""
    return "" if value is None else timezone.localtime(value).strftime("%Y-%m-%d %H:%M")


GLOBALS: dict[str, Any] = {"avatar_tone": tone_of, "compact": compact, "yuan": yuan}
FILTERS: dict[str, Any] = {"compact": compact, "yuan": yuan, "number": number, "day": day, "ago": ago, "clock": clock}
