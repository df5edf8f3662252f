"""A server that may lose confirmed data is refused, whoever runs it."""

import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from zhike.launch import postgres
from zhike.launch.errors import LaunchError
from zhike.launch.postgres import Server, ensure, test_server, verify


@pytest.fixture(scope="module")
def careless() -> Iterator[Server]:
    """A server with everything switched off that keeps data safe."""
    with test_server() as server:
        yield server


@pytest.fixture
def strict(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZHIKE_ACCEPT_DATA_LOSS", raising=False)


def switch(server: Server, name: str, value: str) -> None:
    assert server.cluster is not None
    with psycopg.connect(server.cluster.url(role="postgres", database="postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER ROLE zhike SET {} = {}").format(sql.Identifier(name), sql.Literal(value)))


@pytest.mark.usefixtures("strict")
def test_a_careless_server_of_ones_own_is_refused(
    careless: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", careless.url)
    with pytest.raises(LaunchError) as refusal:
        ensure(tmp_path)
    assert "fsync, full_page_writes, synchronous_commit off" in str(refusal.value)
    assert "ZHIKE_ACCEPT_DATA_LOSS=1" in str(refusal.value)


@pytest.mark.usefixtures("strict")
def test_what_is_on_is_not_complained_of_and_the_rest_is_enough_to_refuse(careless: Server) -> None:
    switch(careless, "synchronous_commit", "on")
    try:
        with pytest.raises(LaunchError, match="with fsync, full_page_writes off"):
            verify(careless.url)
    finally:
        switch(careless, "synchronous_commit", "off")


def test_the_flag_accepts_it(careless: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_ACCEPT_DATA_LOSS", "1")
    assert int(verify(careless.url).split(".")[0]) in range(15, 19)


def test_the_flag_is_set_only_while_the_test_server_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ZHIKE_ACCEPT_DATA_LOSS", raising=False)
    monkeypatch.setenv("ZHIKE_TEST_DATABASE_URL", "postgres://nobody@127.0.0.1:1/none")
    with test_server() as server:
        assert (server.url, os.environ["ZHIKE_ACCEPT_DATA_LOSS"]) == ("postgres://nobody@127.0.0.1:1/none", "1")
    assert "ZHIKE_ACCEPT_DATA_LOSS" not in os.environ


def test_an_unreachable_server_is_named_without_its_password() -> None:
    with pytest.raises(LaunchError) as refusal:
        verify("postgres://someone:hidden@127.0.0.1:1/none")
    assert "host=127.0.0.1" in str(refusal.value)
    assert "hidden" not in str(refusal.value)


@pytest.mark.usefixtures("strict")
def test_a_database_that_is_not_utf8_is_refused(careless: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHIKE_ACCEPT_DATA_LOSS", "1")
    with psycopg.connect(careless.url, autocommit=True) as connection:
        connection.execute(
            "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'"
            " LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc"
        )
    url = careless.url.replace("/zhike?", "/latin?")
    with pytest.raises(LaunchError, match="stores text as LATIN1"):
        postgres.verify(url)
