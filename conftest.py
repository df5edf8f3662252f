"""What every test may ask for: a throw-away PostgreSQL, and a small firm with people who may and may not."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hypothesis
import pytest
from django.test import Client


def pytest_configure(config: pytest.Config) -> None:
    """Hash test passwords cheaply: how they are hashed is not what these tests are about.

    Playwright keeps an event loop in the thread of the tests, and Django would take every query for asynchronous.
    For a change Hypothesis draws the same examples each time; a long run draws new ones.
    """
    hypothesis.settings.register_profile("change", derandomize=config.option.markexpr == "not long")
    hypothesis.settings.load_profile("change")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def pytest_collection() -> None:
    """Tests that are made for every entity are made for the objects and fields of the sample configuration too."""
    from tests.catalog import sample
    from zhike.engine import catalog

    catalog.assume(sample.SNAPSHOT)


HEAVY = (
    "tests/trust", "tests/journeys", "tests/launch", "tests/transfer", "tests/bench", "tests/api", "tests/engine",
    "tests/operations", "tests/identity", "tests/web",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that take long go first: begun last, one of them would keep a whole run waiting."""
    order = {place: n for n, place in enumerate(HEAVY)}
    items.sort(key=lambda item: order.get("/".join(item.nodeid.split("/")[:2]), len(HEAVY)))


def pytest_collection_finish() -> None:
    """Thousands of tests live until the end: looking through them for garbage again and again costs a tenth."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """After a long run: each planted fault, and whether the test that is named for it noticed."""
    reports = [r for outcome in ("passed", "failed") for r in terminalreporter.getreports(outcome)]
    rows = [text for report in reports for name, text in report.user_properties if name == "planted"]
    if rows:
        terminalreporter.section(f"planted faults: {sum(r.startswith('caught') for r in rows)} of {len(rows)} caught")
        for text in sorted(rows):
            terminalreporter.write_line(text)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Any]:
    """A PostgreSQL server of the test run's own."""
    from zhike.launch import postgres as launcher

    with launcher.test_server() as server:
        yield server


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings_parallel_suffix: None, postgres: Any) -> None:
    """Point Django at it, before it makes the test database."""
    from django.db import connections

    from config.settings import database

    found = database(postgres.url)
    connections["default"].settings_dict.update(
        {k: found[k] for k in ("NAME", "USER", "PASSWORD", "HOST", "PORT", "OPTIONS")}
    )
    connections["default"].settings_dict["CONN_MAX_AGE"] = 0


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, postgres: Any, django_db_blocker: Any) -> None:
    """Scratch databases of the tests begin with all tables: migrating each anew would take minutes in all."""
    from django.db import connection

    if postgres.cluster is None:
        return
    with django_db_blocker.unblock():
        connection.close()
        postgres.template = connection.settings_dict["NAME"]
        postgres.scratch("tables")
    postgres.template = "zhike_scratch_tables"


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    """Tests read Simplified Chinese, the first language of the product, and leave no other behind."""
    from django.utils import translation

    with translation.override("zh-hans"):
        yield


@pytest.fixture(autouse=True)
def catalog() -> None:
    """Every test begins with nothing configured, whatever another one published and took back.

    Tests of rights over all entities have the sample configuration instead: a fixture of this name there says so.
    """
    from zhike.engine import catalog as found

    found.assume(found.NOTHING)


@dataclass
class Firm:
    """Two departments under one head office, and people with the four roles."""

    head_office: Any
    north: Any
    south: Any
    seller: Any
    colleague: Any
    manager: Any
    stranger: Any
    executive: Any
    admin: Any

    def actor(self, name: str) -> Any:
        """An actor for one of the people."""
        from zhike.engine.access import Actor

        return Actor(getattr(self, name), "web")

    def client(self, name: str) -> Client:
        """A signed-in browser of one of the people."""
        client = Client()
        client.force_login(getattr(self, name))
        return client


@pytest.fixture
def firm(db: None) -> Firm:
    """seller and colleague are in the north under manager, stranger in the south; executive and admin at the head."""
    from zhike.base.models import Department, Role, User

    def department(name: str, parent: Any = None) -> Any:
        made = Department(name=name, parent=parent)
        made.ancestors = [*(parent.ancestors if parent else []), made.pk]
        made.save()
        return made

    head = department("总部")
    north, south = department("华北销售部", head), department("华南销售部", head)
    roles = {r.key: r for r in Role.objects.all()}

    def person(username: str, name: str, place: Any, role: str) -> Any:
        return User.objects.create_user(
            username, "Zhike-test-2026", name=name, department=place, roles=[roles[role].pk]
        )

    return Firm(
        head,
        north,
        south,
        person("seller", "王芳", north, "seller"),
        person("colleague", "李雷", north, "seller"),
        person("manager", "张伟", north, "manager"),
        person("stranger", "陈静", south, "seller"),
        person("executive", "赵总", head, "executive"),
        person("admin", "管理员", head, "administrator"),
    )
