"""Pages for what went wrong: what, why, and what to do now."""

from __future__ import annotations

import logging
import secrets
import sys

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

log = logging.getLogger("zhike.web")
CANCELLED = "57014"  # what PostgreSQL says of a statement that ran out of its time


def page(
    request: HttpRequest, status: int, *, detail: str = "", number: str = "", too_much: bool = False
) -> HttpResponse:
    """The error page of `status`; a short text for fragments and scripts."""
    from .templating import frame, render_text  # the frame needs the database, errors must load without

    title, hint = _texts(status)
    if too_much:
        title, hint = _("That was too much at once"), _("Narrow it by a filter or a search, then try again.")
    if request.headers.get("HX-Request") or "application/json" in request.headers.get("Accept", ""):
        return HttpResponse(detail or title, status=status, content_type="text/plain; charset=utf-8")
    context = {"status": status, "title": title, "hint": hint, "detail": detail, "number": number}
    try:
        context |= frame(request)
    except Exception:  # the page of an error must not fail itself
        log.exception("frame of the error page")
        return HttpResponse(
            f"{status} {title}\n{detail}\n{hint}", status=status, content_type="text/plain; charset=utf-8"
        )
    return HttpResponse(render_text("errors/error.html", context, request), status=status)


def _texts(status: int) -> tuple[str, str]:
    texts = {
        400: (_("This request could not be read"), _("Go back, reload the page and try again.")),
        403: (_("No permission"), _("Ask your administrator for the permission, or go back.")),
        404: (_("Not found"), _("It may have been deleted, or it belongs to somebody else. Try the search.")),
        409: (_("Changed by somebody else"), _("Go back, reload the page and enter your change again.")),
        413: (_("The file is too large"), _("Split it into smaller files and try again.")),
        422: (_("This cannot be saved"), _("Go back, correct the entry and try again.")),
        429: (_("Too many attempts"), _("Wait a few minutes and try again.")),
        503: (_("Zhike cannot reach its database"), _("Nothing was lost or half saved. Try again in a moment.")),
        507: (
            _("The disk is full"),
            _("Nothing was half saved. Ask your administrator to free space, then try again."),
        ),
    }
    return texts.get(
        status,
        (
            _("Something went wrong"),
            _("Nothing was half saved. Try again, or tell your administrator the number below."),
        ),
    )


def database(request: HttpRequest, error: Exception) -> HttpResponse | None:
    """A database that is gone or full is said so; every other database error is a fault of ours."""
    from django.db import OperationalError, connection

    state = getattr(getattr(error, "__cause__", None), "sqlstate", "") or ""
    if state.startswith("53"):  # insufficient resources: disk full, out of memory, too many connections
        return page(request, 507 if state == "53100" else 503)
    if state == CANCELLED:
        return page(request, 503, too_much=True)
    if isinstance(error, OperationalError):
        connection.close()
        return page(request, 503)
    return None


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400."""
    return page(request, 400)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403."""
    return page(request, 403)


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404."""
    return page(request, 404)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 with a number that the log carries too."""
    number = secrets.token_hex(4)
    log.error("error %s at %r", number, request.path, exc_info=sys.exc_info())
    return page(request, 500, number=number)


def csrf(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form that is too old or comes from elsewhere."""
    return page(request, 403, detail=_("This form is too old. Reload the page and send it again."))
