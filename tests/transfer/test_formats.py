"""Every format says the same of the same rows, is marked, and leaves nothing behind where it fails."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from django.test import Client
from pyarrow import parquet as pq  # type: ignore[import-untyped]

from tests.catalog import sample
from tests.registry.factory import make, value
from zhike.base.models import Policy
from zhike.engine import access, records, tokens, transfer
from zhike.engine.access import Limit
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.models import History, Job, StoredFile
from zhike.engine.query import View
from zhike.engine.tabular import read
from zhike.engine.transfer import formats, jobs, writing
from zhike.engine.transfer.source import Source

from .conftest import load

ROUND = ("account", "contact", "lead", "deal", "product", "x_visit")
ACCOUNTS = [
    {
        "name": "上海甲有限公司",
        "phone": "+8613800138001",
        "region": "310115",
        "address": "世纪大道1号",
        "remark": "=1+1\n二",
    },
    {"name": "乙,“引号”;公司", "phone": "010-62770334转8001", "email": "a@example.com", "prior_sales": "12345.67"},
    {"name": "欧阳&<Sons>", "website": "https://c.example.com", "founded_on": "2020-02-29"},
]


def out(actor: Any, key: str, place: Path, kind: str, **more: Any) -> Path:
    """A whole list as a file."""
    path = place / f"{key}.{formats.FORMATS[kind].suffix}"
    transfer.export(actor, get(key), View(), path, kind=kind, **more)
    return path


@pytest.mark.parametrize("key", ROUND)
def test_what_comes_out_goes_in_again(firm: Any, tmp_path: Path, key: str) -> None:
    sample.publish()
    actor, entity = firm.actor("admin"), get(key)
    for _n in range(3):
        one = make(actor, entity)
        skip = (
            "pipeline",
            "stage",
            "owner",
            "department",
            "parent",
            "reports_to",
            "external_id",
            "uscc",
            "closed_on",
            entity.title,
        )
        given = {
            k: value(actor, entity, k)
            for k, a in access.writable(actor, entity).items()
            if k not in skip and not a.is_link and a.kind.key not in ("json", "file")
        }
        records.update(actor, entity, one.pk, given)
    for kind in ("xlsx", "csv"):
        result = load(actor, key, out(actor, key, tmp_path, kind))
        problems = [(p.header, p.value, p.text) for p in result.problems if p.level == "error"]
        assert (problems, result.new, result.updated, result.errors) == ([], 0, 0, 0), kind


def test_json_lines_hold_ids_names_and_exact_values(firm: Any, tmp_path: Path) -> None:
    sample.publish()
    actor, entity = firm.actor("admin"), get("deal")
    one = make(actor, entity)
    records.update(actor, entity, one.pk, {"amount": "1234567.89", "x_decimal": "0.1", "x_choice": "gold"})
    lines = [json.loads(line) for line in out(actor, "deal", tmp_path, "jsonl").read_text("utf-8").splitlines()]
    row, mark = lines
    assert (row["id"], row["amount"], row["x_decimal"], row["x_choice"]) == (
        str(one.pk),
        "1234567.89",
        "0.1000",
        "gold",
    )
    assert row["owner"] == {"id": str(actor.user.pk), "name": actor.user.name}
    assert actor.user.username in json.dumps(mark[formats.JSON_MARK], ensure_ascii=False)
    shown = transfer.columns(actor, entity)
    assert set(row) == {"id", *(a.key for a in shown)}
    source = Source(actor, entity, View(), shown)
    (chunk,) = source.chunks()
    for a, kept in zip(shown, chunk.rows[0], strict=True):
        if not a.is_link:
            assert row[a.key] == a.kind.to_json(kept), a.key


def test_parquet_is_typed(firm: Any, tmp_path: Path) -> None:
    actor = firm.actor("seller")
    records.create_many(actor, get("account"), ACCOUNTS)
    table = pq.read_table(out(actor, "account", tmp_path, "parquet"))
    rows = {row["name"]: row for row in table.to_pylist()}
    assert rows[ACCOUNTS[1]["name"]]["prior_sales"] == Decimal("12345.67")
    assert rows[ACCOUNTS[2]["name"]]["founded_on"].isoformat() == "2020-02-29"
    assert rows[ACCOUNTS[0]["name"]]["owner.name"] == actor.user.name
    assert str(table.schema.field("created_at").type) == "timestamp[us, tz=UTC]"
    assert any(
        actor.user.username in text.decode()
        for text in pq.read_metadata(tmp_path / "account.parquet").metadata.values()
    )


@pytest.mark.parametrize("kind", ["vcf", "vcf3"])
def test_cards_are_read_back(firm: Any, tmp_path: Path, kind: str) -> None:
    actor = firm.actor("seller")
    made = records.create_many(actor, get("account"), ACCOUNTS)
    person = {
        "name": "欧阳娜娜",
        "phone": "13900139000",
        "email": "n@example.com",
        "position": "总监",
        "account": made[0].pk,
    }
    records.create(actor, get("contact"), {**person, "remark": "长" * 60})
    path = out(actor, "contact", tmp_path, kind)
    text = path.read_bytes()
    assert max(map(len, text.split(b"\r\n"))) <= 75
    assert (b"VERSION:4.0" if kind == "vcf" else b"VERSION:3.0") in text
    with read(path) as table:
        row = dict(zip(table.headers, next(table.rows())[1], strict=True))
    assert (row["Full Name"], row["Family Name"], row["Given Name"]) == ("欧阳娜娜", "欧阳", "娜娜")
    assert (row["Company"], row["Job Title"], row["Note"]) == ("上海甲有限公司", "总监", "长" * 60)
    assert (row["Mobile"], row["Email"]) == ("+8613900139000", "n@example.com")
    firms = out(actor, "account", tmp_path, kind)
    assert load(actor, "account", firms).errors == 0
    with read(firms) as table:
        found = {row[0]: dict(zip(table.headers, row, strict=True)) for _n, row in table.rows()}
    assert set(found) == {a["name"] for a in ACCOUNTS}
    assert "8001" in str(found[ACCOUNTS[1]["name"]]["Phone"])
    assert found[ACCOUNTS[0]["name"]]["Note"] == "=1+1\n二"


def test_a_sheet_is_dressed_and_typed(firm: Any, tmp_path: Path) -> None:
    actor = firm.actor("seller")
    records.create_many(actor, get("account"), ACCOUNTS)
    keys = ["name", "prior_sales", "founded_on", "created_at", "remark"]
    page = openpyxl.load_workbook(out(actor, "account", tmp_path, "xlsx", keys=keys)).worksheets[0]
    assert (page.freeze_panes, page.auto_filter.ref, page["A1"].font.bold) == ("A2", "A1:E4", True)
    assert page.column_dimensions["E"].width > page.column_dimensions["C"].width
    rows = {row[0].value: row for row in page.iter_rows(min_row=2)}
    assert [c.data_type for c in rows[ACCOUNTS[1]["name"]]][:2] == ["s", "n"]
    assert [c.is_date for c in rows[ACCOUNTS[2]["name"]]][2:4] == [True, True]
    assert rows[ACCOUNTS[0]["name"]][4].value == "=1+1\n二"


@pytest.mark.parametrize("kind", list(formats.FORMATS))
def test_what_is_seen_in_part_leaves_in_part(firm: Any, tmp_path: Path, kind: str) -> None:
    seller = firm.actor("seller")
    limit = Limit.of(f"*:{action}" for action in ("list", "read", "export"))  # all that they may, but not reveal
    executive = firm.actor("executive").within(limit)
    made = records.create(seller, get("account"), {"name": "甲有限公司", "phone": "13800138001"})
    records.create(seller, get("contact"), {"name": "张三", "phone": "13800138001", "account": made.pk})
    assert "phone" in access.masked(executive, get("contact"))
    data = out(executive, "contact", tmp_path, kind).read_bytes()
    if kind not in ("xlsx", "parquet"):
        assert b"13800138001" not in data
    elif kind == "xlsx":
        cells = [c.value for row in openpyxl.load_workbook(tmp_path / "contact.xlsx").worksheets[0] for c in row]
        assert "138****8001" in cells
    else:
        assert pq.read_table(tmp_path / "contact.parquet").column("phone").to_pylist() == ["138****8001"]


def test_the_purpose_is_asked_and_kept(firm: Any) -> None:
    records.create_many(firm.actor("seller"), get("account"), ACCOUNTS)
    client = firm.client("seller")
    dialog = client.get("/account/export?view=all&tier__eq=A")
    assert (dialog.status_code, b'name="tier__eq" value="A"' in dialog.content) == (200, True)
    assert client.get("/account/export?format=csv&view=all").status_code == 422
    assert History.objects.filter(action="export").count() == 0
    answer = client.get("/account/export?format=csv&view=all&purpose=report&fields=list")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    assert len(text.splitlines()[0].split(",")) < 15
    step = History.objects.get(action="export")
    assert (step.details["purpose"], Job.objects.get(kind="export").options["purpose"]) == ("report", "report")
    with pytest.raises(Invalid):
        writing.begin_export(firm.actor("seller"), get("account"), "", "csv", 1, purpose=" ")
    with pytest.raises(Invalid):
        writing.begin_export(firm.actor("seller"), get("deal"), "", "vcf", 1, purpose="work")


def job(firm: Any, kind: str = "csv") -> tuple[Job, str]:
    """An export that waits for a worker."""
    made = writing.begin_export(firm.actor("seller"), get("account"), "", kind, 3, purpose="work")
    return made, jobs.queue(made, "run")


def left() -> list[str]:
    """What lies where files are written."""
    from django.conf import settings

    return [p.name for p in (Path(settings.HOME) / writing.WRITING).glob("*/*")]


def test_a_full_disk_is_said_and_leaves_nothing(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    records.create_many(firm.actor("seller"), get("account"), ACCOUNTS)
    made, ticket = job(firm)

    def full(*_args: Any, **_more: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("zhike.engine.transfer.formats.write_lines", full)
    jobs.perform(made.pk, ticket, watched=False)
    made.refresh_from_db()
    assert (made.state, "磁盘" in made.result["error"], made.report_id) == ("failed", True, None)
    assert (left(), StoredFile.objects.count(), History.objects.filter(action="export").count()) == ([], 0, 0)


def test_a_stopped_export_offers_no_file(firm: Any) -> None:
    records.create_many(firm.actor("seller"), get("account"), ACCOUNTS)
    made, ticket = job(firm, "jsonl")
    assert firm.client("colleague").post(f"/job/{made.pk}/cancel").status_code == 404
    assert firm.client("seller").post(f"/job/{made.pk}/cancel").status_code == 303
    jobs.perform(made.pk, ticket, watched=False)
    made.refresh_from_db()
    assert (made.state, made.report_id, left()) == ("cancelled", None, [])


def test_a_statement_that_thinks_is_stopped_too(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    records.create_many(firm.actor("seller"), get("account"), ACCOUNTS)
    made, ticket = job(firm)

    def slow(_source: Any) -> Any:
        from django.db import connection

        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(60)")
        yield b""

    monkeypatch.setattr("zhike.engine.transfer.fastcsv.lines", slow)
    begun = time.perf_counter()
    jobs.perform(made.pk, ticket)  # who tells how far it is sees no such job: it looks like one that was cancelled
    made.refresh_from_db()
    assert (made.state, made.report_id, left()) == ("running", None, [])
    assert time.perf_counter() - begun < 5


def test_the_api_asks_for_a_purpose_and_gives_the_file(firm: Any) -> None:
    records.create_many(firm.actor("seller"), get("account"), ACCOUNTS)
    url, headers = "/api/v1/account/export", key_of(firm, "seller")
    client = Client()

    def ask(**body: Any) -> Any:
        return client.post(url, json.dumps(body), content_type="application/json", headers=headers)

    assert ask(format="csv").status_code == 422
    assert ask(format="csv", purpose=" ").status_code == 422
    assert ask(format="pdf", purpose="work").status_code == 422
    assert ask(format="csv", purpose="work", fields=["nothing"]).status_code == 422
    assert ask(format="csv", purpose="work", where="nothing__eq=1").status_code == 422
    answer = ask(format="csv", purpose="work", fields=["name", "phone"], where="name__contains=甲")
    said = answer.json()
    assert (answer.status_code, said["state"], said["rows"], said["error"]) == (200, "done", 1, "")
    file: Any = client.get(said["file"], headers=headers)
    lines = b"".join(file.streaming_content).decode("utf-8-sig").splitlines()
    assert lines[1] == '"上海甲有限公司","13800138001"'
    assert client.get(f"/api/v1/exports/{said['id']}", headers=headers).json() == said
    for who in ("colleague", "admin"):
        other = key_of(firm, who)
        assert client.get(f"/api/v1/exports/{said['id']}", headers=other).status_code == 404
        assert client.get(said["file"], headers=other).status_code == 404
    policy = Policy.current()
    Policy.objects.update_or_create(pk=1, defaults={"export_ask_rows": 2})
    assert policy.export_ask_rows > 2
    waiting = ask(format="csv", purpose="work")
    assert (waiting.status_code, waiting.json()["state"], waiting.json()["file"]) == (202, "asked", None)


def key_of(firm: Any, who: str) -> dict[str, str]:
    """A key that may all that its owner may."""
    made = tokens.issue(firm.actor(who), name="k", scopes=["*:*"], days=1)
    return {"Authorization": f"Bearer {made.secret}"}
