"""A bare Django view on the same server program: it runs the same statements and fills the same template, no more.

`python -m zhike.bench.bare HOST PORT WORKERS`; ZHIKE_BENCH_BARE names the file with what it shows (`write`).
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from granian import Granian
from granian.constants import Interfaces
from granian.log import LogLevels

FILE = "ZHIKE_BENCH_BARE"
THREADS = 4  # as zhike.cli.web


def write(file: Path, template: str, block: str, context: Mapping[str, Any], statements: Sequence[str]) -> None:
    """Keep what the view shows: the first statement reads the rows, the columns after id and version in order."""
    with file.open("wb") as out:
        pickle.dump((template, block, dict(context), list(statements)), out)


def load() -> Callable[..., Any]:
    """Runs in each worker: a Django with one view and nothing around it."""
    # Here, because loading it before the fork would share database connections between the workers.
    import django
    from django.conf import settings
    from django.core.handlers.wsgi import WSGIHandler
    from django.urls import re_path

    django.setup()
    settings.MIDDLEWARE = []
    urls = type(sys)("zhike_bench_bare_urls")
    urls.urlpatterns = [re_path("", _view())]  # type: ignore[attr-defined]
    settings.ROOT_URLCONF = urls
    return WSGIHandler()


def _view() -> Callable[..., Any]:
    from django.db import connection
    from django.http import HttpResponse
    from django.template import engines
    from django.utils import translation

    with Path(os.environ[FILE]).open("rb") as source:
        template, block, context, statements = pickle.load(source)  # noqa: S301 - the bench has just written it
    shape = context["rows"][0]

    def view(_request: Any) -> HttpResponse:
        translation.activate("zh-hans")
        results = []
        with connection.cursor() as cursor:
            for sql in statements:
                cursor.execute(sql)
                results.append(cursor.fetchall())
        rows = [_row(shape, values) for values in results[0][: len(context["rows"])]]
        page = engines["jinja2"].env.get_template(template)  # type: ignore[attr-defined]
        filled = {**context, "rows": rows}
        text = "".join(page.blocks[block](page.new_context(filled))) if block else page.render(filled)
        answer = HttpResponse(text)
        answer["Content-Length"] = len(answer.content)  # a middleware does that elsewhere
        return answer

    return view


def _row(shape: Mapping[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    cells = [
        {**cell, "html": "" if value is None else str(value)}
        for cell, value in zip(shape["cells"], values[2:], strict=False)
    ]
    return {**shape, "id": str(values[0]), "version": values[1], "url": f"/account/{values[0]}", "cells": cells}


def main() -> None:
    """Serves until told to stop."""
    host, port, workers = sys.argv[1:]
    Granian(
        "zhike.bench.bare:load",
        address=host,
        port=int(port),
        interface=Interfaces.WSGI,
        workers=int(workers),
        blocking_threads=THREADS,
        backpressure=64,
        log_level=LogLevels.warning,
    ).serve(target_loader=load, wrap_loader=False)


if __name__ == "__main__":
    main()
