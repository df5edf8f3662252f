"""Cells written together from a table: everything or nothing, the good rows on request, and what others wrote."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import pytest

from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import records
from zhike.engine.entity import get
from zhike.engine.models import Operation

COLS = "name,tier,owner,remark"


def make(firm: Any, n: int, who: str = "seller") -> list[Any]:
    return records.create_many(
        firm.actor(who), get("account"), [{"name": f"表格客户{i}", "tier": "C"} for i in range(n)]
    )


def post(firm: Any, rows: list[tuple[Any, dict[str, str]]], who: str = "seller", **more: str) -> tuple[int, Any]:
    cells = [{"id": str(r.pk), "version": r.version, "values": v} for r, v in rows]
    answer = firm.client(who).post("/account/grid", {"cells": json.dumps(cells), "cols": COLS, **more})
    return answer.status_code, json.loads(answer.content) if answer.content.startswith(b"{") else None


def stored(row: Any, key: str) -> Any:
    return get("account").rows().filter(pk=row.pk).values_list(key, flat=True).get()


def test_a_block_is_written_in_one_operation(firm: Any) -> None:
    rows = make(firm, 3)
    status, said = post(firm, [(r, {"tier": "A 重点", "remark": f"第{i}行"}) for i, r in enumerate(rows)])
    assert status == 200
    assert [stored(r, "tier") for r in rows] == ["A", "A", "A"]
    assert [stored(r, "remark") for r in rows] == ["第0行", "第1行", "第2行"]
    assert Operation.objects.get().rows == 3
    assert said["undo"] == f"/operations/{Operation.objects.get().pk}/undo"
    found = said["rows"][str(rows[0].pk)]
    assert found["version"] == 2
    assert "pill" in found["cells"]["tier"]
    assert found["title"] == "表格客户0"


def test_one_wrong_cell_and_nothing_is_written_unless_asked(firm: Any) -> None:
    rows = make(firm, 3)
    block = [(rows[0], {"tier": "A"}), (rows[1], {"tier": "乱写"}), (rows[2], {"tier": "B"})]
    status, said = post(firm, block)
    assert status == 422
    assert [stored(r, "tier") for r in rows] == ["C", "C", "C"]
    assert list(said["wrong"]) == [str(rows[1].pk)]
    assert "乱写" in said["wrong"][str(rows[1].pk)]["tier"]
    assert (said["rest"], said["rows"], said["undo"]) == (2, {}, "")
    status, said = post(firm, block, part="1")
    assert status == 200
    assert [stored(r, "tier") for r in rows] == ["A", "C", "B"]
    assert set(said["rows"]) == {str(rows[0].pk), str(rows[2].pk)}


def test_what_somebody_else_wrote_comes_back_with_the_name(firm: Any) -> None:
    rows = make(firm, 2)
    records.update(firm.actor("manager"), get("account"), rows[0].pk, {"tier": "S"})
    status, said = post(firm, [(rows[0], {"tier": "A"})])
    assert status == 409
    theirs = said["stale"][str(rows[0].pk)]
    assert (theirs["version"], theirs["who"]) == (2, firm.manager.name)
    assert "S" in theirs["cells"]["tier"]
    assert stored(rows[0], "tier") == "S"
    rows[0].version = 2
    assert post(firm, [(rows[0], {"tier": "A"})])[0] == 200


@pytest.mark.parametrize(("text", "fits"), [("李雷", True), ("没有这个人", False), ("", True)])
def test_names_become_people(firm: Any, text: str, *, fits: bool) -> None:
    row = make(firm, 1, "manager")[0]
    status, said = post(firm, [(row, {"owner": text})], "manager")
    assert status == (200 if fits else 422), said
    assert stored(row, "owner") == {"李雷": firm.colleague.pk, "": None}.get(text, firm.manager.pk)


def test_fields_and_rows_that_are_not_the_actors_are_named_and_nothing_is_written(firm: Any) -> None:
    mine, other = make(firm, 1)[0], make(firm, 1, "stranger")[0]
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="remark", level="read")
    status, said = post(firm, [(mine, {"tier": "A", "remark": "不可写"}), (other, {"tier": "A"})])
    assert status == 422
    assert set(said["wrong"][str(mine.pk)]) == {"remark"}
    assert set(said["wrong"][str(other.pk)]) == {""}
    assert [stored(r, "tier") for r in (mine, other)] == ["C", "C"]
    missing = type(mine)(pk=UUID(int=7), version=1)
    assert post(firm, [(missing, {"tier": "A"})])[1]["wrong"][str(missing.pk)] == said["wrong"][str(other.pk)]


def test_several_rows_take_the_right_to_change_many(firm: Any) -> None:
    rows = make(firm, 2)
    Grant.objects.filter(role__key="seller", entity="account").delete()
    role = Role.objects.get(key="seller")
    for action in ("list", "read", "update"):
        Grant.objects.create(role=role, entity="account", action=action, scope="own")
    assert post(firm, [(r, {"tier": "A"}) for r in rows])[0] == 403
    assert post(firm, [(rows[0], {"tier": "A"})])[0] == 200
    assert [stored(r, "tier") for r in rows] == ["A", "C"]


@pytest.mark.parametrize("cells", ["", "{}", "[]", '[{"id": "x"}]', '[{"id": 5, "version": 1, "values": {}}]'])
def test_nonsense_is_refused(firm: Any, cells: str) -> None:
    assert firm.client("seller").post("/account/grid", {"cells": cells}).status_code in (404, 422)


def test_a_field_in_a_list_saves_without_loading_the_list_again(firm: Any) -> None:
    row, client = make(firm, 1)[0], firm.client("seller")
    sent = {"tier": "A", "version": "1"}
    answer = client.post(f"/account/{row.pk}/field/tier", sent, headers={"HX-Request": "true", "HX-Target": "cell"})
    assert (answer.status_code, answer["X-Version"], "HX-Trigger" in answer) == (200, "2", False)
    late = client.post(f"/account/{row.pk}/field/tier", sent, headers={"HX-Request": "true", "HX-Target": "cell"})
    assert late.status_code == 409
    assert firm.seller.name in late.content.decode()
