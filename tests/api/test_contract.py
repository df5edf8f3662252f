"""The API against its own document: valid OpenAPI, and thousands of requests made from it with every check on."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.conftest import ROOT, Served
from tests.api.desk import program
from zhike.base.models import FieldGrant, Role
from zhike.engine.entity import entities
from zhike.engine.kinds import KINDS, Attribute

SEED = "7"


@pytest.mark.parametrize("who", ["seller", "manager", "executive", "admin"])
def test_the_document_is_valid(firm: Any, who: str) -> None:
    document = program(getattr(firm, who)).get("openapi.json").json()
    assert [str(e.message) for e in OpenAPIV31SpecValidator(document).iter_errors()] == []
    names = [op["operationId"] for item in document["paths"].values() for k, op in item.items() if k != "parameters"]
    assert len(names) == len(set(names))


def test_the_document_follows_the_rights(firm: Any) -> None:
    whole = set(program(firm.admin).get("openapi.json").json()["paths"])
    seller = set(program(firm.seller).get("openapi.json").json()["paths"])
    narrow = set(program(firm.seller, ["deal:read", "deal:win"]).get("openapi.json").json()["paths"])
    own = {"/", "/me", "/openapi.json"}
    assert narrow == own | {"/deal/{id}", "/deal/{id}/history", "/deal/{id}/win"}
    assert narrow < seller < whole
    assert {path.split("/")[1] for path in whole - own} == {*entities(), "operations", "exports"}
    assert not {p for p in seller if p.startswith(("/role", "/user", "/department"))}


def test_the_document_follows_the_fields(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    added = Attribute(key="wishes", label="Wishes", kind=KINDS["longtext"], column="remark")
    entity = entities()["account"]
    monkeypatch.setitem(entity.attributes, "wishes", added)
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="tier", level="read")
    schemas = program(firm.seller).get("openapi.json").json()["components"]["schemas"]
    assert "wishes" in schemas["account"]["properties"]
    assert "wishes" in schemas["account.create"]["properties"]
    assert "tier" in schemas["account"]["properties"]
    assert "tier" not in schemas["account.update"]["properties"]


def send(served: Served, who: str, method: str, path: str, body: Any = None, **headers: str) -> Any:
    own = {"Authorization": f"Bearer {served.keys[who]}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    sent = Request(served.url + path, data, {**own, **headers}, method=method)  # noqa: S310  the server of the test
    with urlopen(sent, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read())


def test_two_requests_with_one_key_at_once(served: Served) -> None:
    found: list[str] = []
    gate = threading.Barrier(8)

    def run() -> None:
        gate.wait(30)
        made = send(served, "seller", "POST", "/account/", {"name": "并发"}, **{"Idempotency-Key": "race"})
        found.append(made["id"])

    threads = [threading.Thread(target=run) for _n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(found) == 8
    assert len(set(found)) == 1
    listed = send(served, "seller", "GET", "/account/?name__eq=%E5%B9%B6%E5%8F%91")
    assert [item["id"] for item in listed["items"]] == found[:1]


def fuzz(served: Served, tmp_path: Path, who: str, *options: str) -> None:
    """One run of Schemathesis with all checks and no accepted failures."""
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(ROOT / "tests/api/schemathesis.toml")]
    command += ["run", f"{served.url}/openapi.json", "--checks", "all", "--seed", SEED, "--no-color"]
    command += ["--header", f"Authorization: Bearer {served.keys[who]}", "--header", "Accept-Language: en"]
    command += ["--generation-database", "none", *options]
    environ = {**os.environ, "NO_PROXY": "127.0.0.1"}
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout[-8000:]}\n{served.log.read_text()[-3000:]}"


SHORT = ("--max-examples", "2", "--phases", "coverage,fuzzing")


def test_fuzz_reading(served: Served, tmp_path: Path) -> None:
    """All that one key with little may do, but most lists, which have too many parameters for a short run."""
    fuzz(served, tmp_path, "seller", *SHORT, "--exclude-operation-id-regex", "^list_(?!tag$|address$)")


def test_fuzz_writing(served: Served, tmp_path: Path) -> None:
    """An entity with a pipeline and actions, for a key with much."""
    fuzz(served, tmp_path, "manager", *SHORT, "--include-operation-id-regex", "^[a-z]+_(tag|address)$")


@pytest.mark.long
@pytest.mark.parametrize("who", ["seller", "manager"])
def test_fuzz_everything(served: Served, tmp_path: Path, who: str) -> None:
    fuzz(served, tmp_path, who, "--max-examples", "60")
