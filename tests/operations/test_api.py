"""Many records through the API (POST …/bulk, /api/v1/operations): by a filter, as long work, and the way back."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.desk import digest, program
from zhike.engine import deed_jobs, deeds, guard, records, undo
from zhike.engine.entity import get
from zhike.engine.models import Job, Operation

pytestmark = pytest.mark.django_db
ACCOUNT = get("account")


def accounts(firm: Any, n: int, who: str = "seller", **values: Any) -> list[Any]:
    rows = [{"name": f"{who}{k:04d}有限公司", **values} for k in range(n)]
    return records.create_many(firm.actor(who), ACCOUNT, rows)


def tiers() -> list[str]:
    return sorted(guard.rows(ACCOUNT.model, "test").filter(deleted_at=None).values_list("tier", flat=True))


def test_a_filter_names_the_rows(firm: Any) -> None:
    accounts(firm, 3, tier="A")
    accounts(firm, 2, tier="C")
    accounts(firm, 2, "stranger", tier="A")
    p = program(firm.seller)
    body = {"action": "update", "where": "tier__eq=A", "values": {"tier": "B"}}
    done = p("POST", "account/bulk", body, idempotency_key="k")
    found = done.json()
    assert (done.status_code, found["state"], found["rows"], found["total"]) == (200, "done", 3, 3)
    assert tiers() == ["A", "A", "B", "B", "B", "C", "C"]
    assert p("POST", "account/bulk", body, idempotency_key="k").json() == found
    assert p.get(f"operations/{found['id']}").json() == found
    back = p("POST", f"operations/{found['id']}/undo")
    assert (back.status_code, back.json()["action"], back.json()["rows"]) == (200, "undo", 3)
    assert tiers() == ["A", "A", "A", "A", "A", "C", "C"]
    assert p("POST", f"operations/{found['id']}/undo").status_code == 422
    nothing = p("POST", "account/bulk", {"action": "delete", "where": "tier__eq=S"})
    assert (nothing.status_code, nothing.json()["id"], nothing.json()["rows"]) == (200, None, 0)


def test_what_is_listed_can_be_undone_too(firm: Any) -> None:
    made = accounts(firm, 2, tier="A")
    p = program(firm.seller)
    items = [{"id": str(m.pk), "version": 1} for m in made]
    done = p("POST", "account/bulk", {"action": "delete", "items": items})
    assert (done.status_code, tiers()) == (200, [])
    assert p("POST", f"operations/{done['Operation-Id']}/undo").status_code == 200
    assert tiers() == ["A", "A"]


@pytest.mark.parametrize(
    "body",
    [
        {"action": "update", "where": "tier=A", "values": {"tier": "B"}},
        {"action": "update", "where": "nothing__eq=A", "values": {"tier": "B"}},
        {"action": "update", "where": "", "values": {"uscc": "91350100M000100Y43"}},
        {"action": "update", "where": "", "values": {"created_at": "2026-01-01"}},
        {"action": "update", "where": ""},
        {"action": "update", "where": "", "values": {"tier": "Z"}},
        {"action": "update", "where": "", "values": {}, "items": []},
        {"action": "update", "where": "", "add": {"tier": "A"}},
        {"action": "erase", "where": ""},
        {"action": "create", "where": "", "values": {"name": "x"}},
        {"action": "transfer", "where": "", "values": {}},
        {"action": "delete", "where": "limit=5"},
    ],
)
def test_what_cannot_be_understood_changes_nothing(firm: Any, body: dict[str, Any]) -> None:
    accounts(firm, 2, tier="A")
    p = program(firm.admin)
    p.get("account/")
    before = digest()
    assert p("POST", "account/bulk", body).status_code in (404, 422)
    assert digest() == before


def test_long_work_is_told_of_and_its_key_must_still_hold(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deeds, "AT_ONCE", 2)
    monkeypatch.setattr(undo, "AT_ONCE", 2)
    accounts(firm, 5, tier="A")
    p = program(firm.seller)
    begun = p("POST", "account/bulk", {"action": "update", "where": "", "values": {"tier": "B"}})
    assert (begun.status_code, begun.json()["state"], begun.json()["total"]) == (202, "ready", 5)
    job = Job.objects.get(kind="bulk")
    assert program(firm.colleague).get(f"operations/{job.pk}").status_code == 404
    deed_jobs.perform(job.pk, job.options["queued"])
    done = p.get(f"operations/{job.pk}").json()
    assert (done["state"], done["rows"], tiers()) == ("done", 5, ["B"] * 5)
    assert done["operation"] == str(Operation.objects.get().pk)
    back = p("POST", f"operations/{job.pk}/undo")
    assert back.status_code == 202
    undoing = Job.objects.get(kind="undo")
    from zhike.engine.models import Token

    Token.objects.filter(user=firm.seller).update(revoked_at="2026-01-01T00:00:00Z")
    deed_jobs.perform(undoing.pk, undoing.options["queued"])
    undoing.refresh_from_db()
    assert (undoing.state, tiers()) == ("failed", ["B"] * 5)
