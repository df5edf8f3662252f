"""Lists and pages of the loaded firm, served as they really are, to eight people at a time.

The throughput of a list stands beside a bare Django view on the same server program in the same run: it runs the same
statements and fills the same template with the same frame, but knows no session, rights, fields or kinds.
"""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.models import Count
from django.test import Client

from zhike.base.models import User
from zhike.engine import query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.modules.customers.models import Account
from zhike.web import templating

from . import Figure, Options, at_least, bare, exact, figure, lists_fields, load, site, within
from .load_words import FILTERED, INDEXED
from .site import FRAGMENT, USERS, Browser, Site

SECONDS = 3.0  # for each figure
SHARE = 0.5  # of what the bare view serves
P95 = {"fragment": 200.0, "page": 400.0}  # milliseconds
WEIGHT = {"fragment": 30, "page": 120}  # KB, ux.md section 7
MEMORY = 300  # MB
DEPTHS = (5, 500)
FILTER = f"view=all&{FILTERED}__eq=a"
COLUMNS = 9
ORDERS: Mapping[str, str] = {
    "plain": "/account/?view=all",
    "filtered by a custom field": f"/account/?{FILTER}",
    "sorted by an indexed custom field": f"/account/?view=all&sort=-{INDEXED}",
    "sorted by a linked title": "/contact/?view=all&sort=account",
}
PAGES: Mapping[str, str] = {
    "list": "/account/?view=all", "filtered list": f"/account/?{FILTER}", "board": "/deal/board", "home": "/",
    "search": "/search?q=精密机械", "search, pinyin": "/search?q=shjx", "palette": "/search/palette?q=精密",
}  # fmt: skip
NEXT = re.compile(rb'href="([^"]+)" rel="next"')


def run(options: Options) -> list[Figure]:
    """Requests a second, queries, memory, p95 and weight of lists and pages, and what adding a field costs."""
    seconds = options.get("seconds", SECONDS)
    with load.database(options) as made:
        lists_fields.index(INDEXED)
        people = _people()
        found = [*_queries(people["own"][0])]
        with site.served(made["url"]) as served:
            found += _throughput(served, made["url"], people["own"], seconds)
            for scope, users in people.items():
                with site.crowd(served, users) as browsers:
                    found += _latency(scope, users, browsers, seconds, options)
            found += _memory(served)
            with site.crowd(served, people["branch"]) as browsers:
                found += lists_fields.added(browsers, seconds)
    return found


def _people() -> dict[str, list[User]]:
    """Eight sellers who see their own, those with the most; eight heads of a branch; one who sees everything."""
    users = User.objects.select_related("department")
    busiest = Account._base_manager.filter(owner__username__startswith="seller").values("owner")
    most = list(busiest.annotate(n=Count("pk")).order_by("-n", "owner").values_list("owner", flat=True)[:USERS])
    heads = [f"head3_{n}" for n in range(USERS)]
    return {
        "own": sorted(users.filter(pk__in=most), key=lambda user: most.index(user.pk)),
        "branch": list(users.filter(username__in=heads)),
        "root": [users.get(username="executive")] * USERS,
    }


# ---- queries


def _queries(user: User) -> Iterator[Figure]:
    """Statements of a list of 1, 3 and 50 rows: as many for each."""
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    mine = query.visible(Actor(user), get("account")).order_by("number").values_list("number", flat=True)
    numbers = list(mine[:50])
    counts = []
    for n in (1, 3, 50):
        url = f"/account/?view=all&number__in={','.join(numbers[:n])}"
        client.get(url)
        with _counted() as sent:
            rows = client.get(url).content.count(b"<tr data-row")
        counts.append(len(sent))
        yield figure(f"queries of a list of {n} rows", len(sent), "statements", counts[0]) | {"rows": rows}
    client.logout()
    yield exact("queries do not grow with rows", max(counts) - min(counts), 0, "statements")


@contextmanager
def _counted() -> Iterator[list[str]]:
    """The statements that go to the database meanwhile, with their values in them."""
    found: list[str] = []

    def note(execute: Callable[..., Any], sql: str, values: Any, many: bool, context: Any) -> Any:
        found.append(connection.ops.compose_sql(sql, values))  # type: ignore[attr-defined]  # of PostgreSQL
        return execute(sql, values, many, context)

    with connection.execute_wrapper(note):
        yield found


# ---- throughput beside the bare view


def _throughput(served: Site, url: str, users: Sequence[User], seconds: float) -> Iterator[Figure]:
    """In turns, so that a busy machine burdens both."""
    for kind, headers in (("page", {}), ("fragment", FRAGMENT)):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "bare"
            _write_bare(file, users[0], headers)
            with (
                site.served(url, bare=file) as plain,
                site.crowd(served, [users[0]] * USERS) as ours,
                site.crowd(plain, [None] * USERS) as theirs,
            ):
                work = site.asking(f"/account/?{FILTER}", headers)
                rates: tuple[list[float], list[float]] = ([], [])
                for n in range(4):
                    for rate, browsers in zip(rates, (ours, theirs), strict=True):
                        done = site.together(browsers, work, seconds=seconds if n else seconds / 2)
                        rate.append(done.per_second)
        got, bound = (max(rate[1:]) for rate in rates)
        name = f"list of 50 rows as a {kind}, own scope, custom filter"
        yield at_least(name, got, "requests/s", bound, round(bound * SHARE, 1))


def _write_bare(file: Path, user: User, headers: Mapping[str, str]) -> None:
    """What the bare view needs: the statements that read the rows, and all else that the template was given."""
    client = Client(SERVER_NAME="localhost", headers=dict(headers))
    client.force_login(user)
    with _filled() as seen:
        client.get(f"/account/?{FILTER}")
    client.logout()
    template, context, block = seen[-1]
    bare.write(file, template, block, _plain(context), _statements(user))


def _statements(user: User) -> list[str]:
    """What reads the rows of the list, their links and their number, for somebody whose rights are known already."""
    actor, account = Actor(user, "web"), get("account")
    view = query.parse(FILTER)
    query.page(actor, account, view, adds=True, late=True)
    with _counted() as sent:
        query.page(actor, account, view, adds=True, late=True)
    return sorted(sent, key=lambda sql: 0 if "LIMIT 51" in sql else 1)


@contextmanager
def _filled() -> Iterator[list[tuple[str, dict[str, Any], str]]]:
    """The templates that are filled meanwhile, with what they are given."""
    seen: list[tuple[str, dict[str, Any], str]] = []
    fill = templating.render_text

    def note(template: str, context: Mapping[str, Any], request: Any, *, block: str = "") -> str:
        seen.append((template, dict(context), block))
        return fill(template, context, request, block=block)

    templating.render_text = note
    try:
        yield seen
    finally:
        templating.render_text = fill


def _plain(value: Any) -> Any:
    """The same as values that can be kept in a file."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items() if key != "request"}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, templating.Later):
        return None  # the part of the page did without
    return value if value is None or isinstance(value, (int, float, str)) else str(value)


# ---- p95 and weight


def _latency(
    scope: str, users: Sequence[User], browsers: Sequence[Browser], seconds: float, options: Options
) -> Iterator[Figure]:
    tell, depths = options.get("progress"), options.get("depths", DEPTHS)
    urls = [*ORDERS.items(), *PAGES.items()]
    for n, (name, url) in enumerate(urls, 1):
        if tell:
            tell(n, len(urls), f"lists: {scope}")
        if name in ORDERS:
            yield from _deep(f"{scope}: {name}", url, browsers, seconds, depths)
        else:
            yield _timed(f"{scope}: {name}", url, browsers, seconds, "page")
    mine = [_one_record(user) for user in users]
    for one, browser in zip(mine, browsers, strict=True):
        browser.get(one)
    done = site.together(browsers, lambda n, browser: browser.get(mine[n]), seconds=seconds)
    yield within(f"{scope}: record, page, p95", done.p95, "ms", 0, P95["page"])


def _timed(name: str, url: str, browsers: Sequence[Browser], seconds: float, kind: str, first: float = 0) -> Figure:
    headers = FRAGMENT if kind == "fragment" else {}
    for browser in browsers:  # once without the clock
        browser.get(url, headers)
    done = site.together(browsers, site.asking(url, headers), seconds=seconds)
    found = within(f"{name}, {kind}, p95", done.p95, "ms", first, P95[kind])
    found["met"] = found["met"] and not done.wrong and done.largest <= WEIGHT[kind] * 1024
    return found | {"KB": round(done.largest / 1024, 1), "wrong": done.wrong[:1]}


def _deep(name: str, url: str, browsers: Sequence[Browser], seconds: float, depths: Sequence[int]) -> Iterator[Figure]:
    """The first page, and those so deep: found by following the link to the next page, as a person does."""
    top = _timed(f"{name}, first page", url, browsers, seconds, "fragment")
    yield top
    if later := site.later(browsers[0].get(url, FRAGMENT).body.decode()):
        yield _timed(f"{name}, its number", later, browsers, seconds, "fragment")
    at, depth = url, 1
    for wanted in depths:
        while depth < wanted and (link := NEXT.search(browsers[0].get(at, FRAGMENT).body)):
            at, depth = html.unescape(link[1].decode()), depth + 1
        deep = _timed(f"{name}, {wanted} pages deep", at, browsers, seconds, "fragment", first=top["value"])
        yield deep | {"depth": depth}


def _one_record(user: User) -> str:
    pk = query.visible(Actor(user), get("account")).order_by("-updated_at").values_list("pk", flat=True)[0]
    return f"/account/{pk}"


def _memory(served: Site) -> Iterator[Figure]:
    for n, size in enumerate(served.memory(), 1):
        yield within(f"memory of worker {n}", size / 2**20, "MB", 0, MEMORY)
