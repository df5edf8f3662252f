"""What the pages of the configuration share: the draft, the objects, the languages, what was wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext as _

from zhike.base.i18n import LANGUAGES, language, listed
from zhike.base.models import Role
from zhike.engine import catalog
from zhike.engine.access import Actor
from zhike.engine.config import lifecycle
from zhike.engine.config.checking import Problem
from zhike.engine.config.lifecycle import Path, Unfit
from zhike.engine.entity import AnyEntity, entities
from zhike.engine.errors import Conflict, Missing

Form = Mapping[str, Any]


@contextmanager
def drafted() -> Iterator[dict[str, Any]]:
    """Work with the draft as if it were in force; gives its document."""
    document = lifecycle.working()
    with catalog.preview(document):
        yield document


def shaped(key: str) -> AnyEntity:
    """An object that can be shaped: one with fields of the firm, or with a form. Missing where there is none."""
    entity = entities().get(key)
    if entity is None or not (entity.takes_fields or entity.sections):
        raise Missing
    return entity


def languages() -> list[dict[str, str]]:
    """The three languages, the reader's first."""
    names = dict(settings.LANGUAGES)
    first = language()
    return [{"code": c, "label": str(names.get(c, c))} for c in (first, *(x for x in LANGUAGES if x != first))]


def labels_of(request: HttpRequest, name: str) -> dict[str, str]:
    """Texts of a form in three languages, without the empty ones."""
    found = {lang: request.POST.get(f"{name}-{lang}", "").strip() for lang in LANGUAGES}
    return {lang: text for lang, text in found.items() if text}


def label_fields(
    name: str, label: str, value: Mapping[str, str], *, required: bool, error: str = ""
) -> list[dict[str, Any]]:
    """The boxes of a text in three languages; only the reader's own must be filled."""
    found = []
    for n, lang in enumerate(languages()):
        found.append(
            {
                "name": f"{name}-{lang['code']}",
                "label": label if n == 0 else f"{label} · {lang['label']}",
                "kind": "text",
                "value": value.get(lang["code"], ""),
                "maxlength": 60,
                "required": required and n == 0 and not any(value.values()),
                "error": error if n == 0 else "",
                "autocomplete": "off",
            }
        )
    return found


def bar(actor: Actor) -> dict[str, Any]:
    """What stands above every page of the configuration: what waits in the draft, and of whom."""
    row = lifecycle.draft()
    steps = lifecycle.pending() if row else []
    return {
        "count": len(steps),
        "who": listed(sorted(set(lifecycle.authors().values()) - {""})),
        "stale": bool(row and lifecycle.is_stale(row)),
        "version": row.version if row else 0,
        "url": "/settings/config",
    }


def save(
    request: HttpRequest, actor: Actor, entries: Mapping[Path, Any], guarded: Path | None = None
) -> Sequence[Problem]:
    """Write entries into the draft; gives what is wrong. `guarded` is the entry the form was made from."""
    marks = {guarded: request.POST["mark"]} if guarded and request.POST.get("mark") else {}
    try:
        lifecycle.change(actor, entries, marks)
    except Unfit as unfit:
        return unfit.problems
    except Conflict:
        return [Problem("", _("Somebody else has changed this in the draft meanwhile. Open it again, then change it."))]
    return []


def summary(problems: Sequence[Problem], names: Mapping[str, str], below: str) -> list[dict[str, str]]:
    """Problems for the summary above a form: `names` says which box belongs to an entry below a path."""
    found = []
    for p in problems:
        entry = p.path.removeprefix(below).lstrip(".").split(".")[0]
        name = names.get(entry, "")
        found.append({"name": name, "label": "" if name else p.path, "text": p.text, "entry": entry})
        if not name and p.path:
            found[-1]["text"] = _("%(label)s: %(text)s") % {"label": p.path, "text": p.text}
    return found


def done(request: HttpRequest, url: str, text: str) -> HttpResponse:
    """On to the next page, which says it."""
    request.session["toast"] = text
    return HttpResponseRedirect(url, status=303)


def roles() -> list[Role]:
    """The roles that a layout can be for."""
    return list(Role.objects.filter(deleted_at=None).order_by("name"))


def crumbs(*pairs: tuple[Any, str]) -> list[dict[str, Any]]:
    """Where a page stands: settings, then these."""
    return [{"label": _("Settings"), "url": "/settings/"}, *({"label": label, "url": url} for label, url in pairs)]


def tabs(entity: AnyEntity, active: str) -> list[dict[str, Any]]:
    """The pages of one object."""
    base = f"/settings/objects/{entity.key}"
    found = [("", _("Fields")), ("/layout", _("Layouts")), ("/choices", _("Lists to choose from"))]
    if entity.object or entity.number:
        found.append(("/about", _("Name and number") if entity.object else _("Numbering")))
    if entity.is_staged:
        found.append(("/pipelines", _("Pipelines")))
    return [
        {"label": label, "url": "/settings/pipelines" if end == "/pipelines" else base + end, "active": end == active}
        for end, label in found
    ]
