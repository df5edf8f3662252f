"""Everything leaves in open formats: what is read back is what the database holds."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection

from tests.catalog import sample
from tests.registry.factory import make
from zhike.engine import records, uploads
from zhike.engine.entity import entities, get
from zhike.engine.errors import Invalid
from zhike.engine.models import CustomRecord, History
from zhike.engine.transfer import whole


@pytest.fixture
def filled(firm: Any) -> Any:
    """A record of everything, one of them in the recycle bin, and an upload."""
    sample.publish()
    admin = firm.actor("admin")
    for key in ("account", "contact", "lead", "deal", "activity", "product", "tag", "x_visit", "consent"):
        one = make(admin, get(key))
        if key == "account":
            records.update(admin, get(key), one.pk, {"registered_capital": "1234567890.10", "remark": '第一行\n"二"'})
            uploads.keep(admin, SimpleUploadedFile("合同.txt", b"contract"), entity=get(key), record=one.pk)
    gone = make(admin, get("account"))
    records.delete_many(admin, get("account"), [gone.pk])
    return firm


def read(folder: Path) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    """The description, and the rows of each file by its name: as a stranger would, with what Python brings along."""
    about = json.loads((folder / "datapackage.json").read_text("utf-8"))
    rows: dict[str, list[dict[str, Any]]] = {}
    for found in about["resources"]:
        if found["path"].endswith(".jsonl"):
            lines = (folder / found["path"]).read_text("utf-8").split("\n")
            assert lines.pop() == ""
            rows[found["name"]] = [json.loads(line, parse_float=Decimal) for line in lines]
    return about, rows


def test_what_leaves_is_what_there_is(filled: Any, tmp_path: Path) -> None:
    done = whole.write(tmp_path / "out")
    about, rows = read(tmp_path / "out")
    for found in about["resources"]:
        data = (tmp_path / "out" / found["path"]).read_bytes()
        assert (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}") == (found["bytes"], found["hash"])
        if "zhike:rows" in found:
            assert len(rows[found["name"]]) == found["zhike:rows"]
    assert done["rows"] == sum(map(len, rows.values()))
    with connection.cursor() as cursor:
        for model in whole.kept():
            if model is not CustomRecord:
                entity = next((e for e in entities().values() if e.model is model), None)
                name = entity.key if entity else str(model._meta.model_name)
                if name != "history":  # the export itself is noted there
                    cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")  # noqa: S608
                    assert cursor.fetchone()[0] == len(rows[name]), name
    assert len(rows["x_visit"]) == CustomRecord._base_manager.count()
    account = next(row for row in rows["account"] if row["remark"])
    assert (account["registered_capital"], account["remark"]) == (Decimal("1234567890.10"), '第一行\n"二"')
    assert [row["deleted_at"] is None for row in rows["account"]].count(False) == 1
    assert History.objects.get(action="export").details["digest"] == done["sha256"]


def test_every_link_leads_somewhere_and_no_secret_is_there(filled: Any, tmp_path: Path) -> None:
    whole.write(tmp_path / "out")
    about, rows = read(tmp_path / "out")
    ids = {name: {str(row["id"]) for row in found if "id" in row} for name, found in rows.items()}
    checked = 0
    for found in about["resources"]:
        for key in found.get("schema", {}).get("foreignKeys", ()):
            target = key["reference"]["resource"]
            for row in rows[found["name"]]:
                value = row[key["fields"]]
                for one in value if isinstance(value, list) else [value] if value else []:
                    assert str(one) in ids[target], (found["name"], key)
                    checked += 1
    assert checked > 50
    assert {"password", "last_login"}.isdisjoint(rows["user"][0])
    everything = "".join(p.read_text("utf-8") for p in (tmp_path / "out").rglob("*.jsonl"))
    assert "pbkdf2" not in everything
    assert "argon2" not in everything
    upload = next(found for found in about["resources"] if "zhike:file" in found)
    assert upload["path"].endswith("/合同.txt")
    custom = next(f for f in about["resources"] if f["name"] == "account")["schema"]["zhike:custom"]
    assert {"x_money", "x_link", "x_choice"} <= {field["name"] for field in custom}


def test_nothing_is_left_of_what_fails(filled: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_args: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(whole, "_files", full)
        with pytest.raises(OSError, match="No space"):
            whole.write(tmp_path / "out")
    assert list(tmp_path.iterdir()) == []
    stale = tmp_path / "out.partial"
    stale.mkdir()
    (stale / whole.MARKER).touch()
    (stale / "half.jsonl").touch()
    whole.write(tmp_path / "out")
    assert [p.name for p in tmp_path.iterdir()] == ["out"]
    assert not (tmp_path / "out" / "half.jsonl").exists()
    with pytest.raises(Invalid):
        whole.write(tmp_path / "out")
