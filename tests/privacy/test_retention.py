"""Rules for keeping: what they reach, a trial without effect, broken off and gone on with."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from tests.privacy.planted import dump
from zhike.engine import guard, privacy, records
from zhike.engine.entity import get
from zhike.engine.models import Erasure, History, Retention
from zhike.engine.privacy import retain
from zhike.modules.leads.models import Lead

YEARS = 365 * 3
SIGNED_IN = ("base_user", "django_session", "usersessions_usersession")  # that somebody is there, on the first page


def leads(firm: Any, count: int, *, days: int, status: str = "lost") -> list[Any]:
    rows = [
        {"name": f"线索{days}-{n}", "contact_name": f"钱多多{n}", "phone": f"138{days:04d}{n:04d}"}
        for n in range(count)
    ]
    made = [r.pk for r in records.create_many(firm.actor("seller"), get("lead"), rows)]
    then = timezone.now() - dt.timedelta(days=days)
    guard.rows(Lead, "test").filter(pk__in=made).update(updated_at=then, status=status)
    return made


def rule(**values: Any) -> Retention:
    base = {
        "entity": "lead",
        "name": "死线索",
        "months": 24,
        "conditions": [["status", "eq", "lost"]],
        "is_active": True,
    }
    return Retention.objects.create(**{**base, **values})


def names(ids: list[Any]) -> set[str]:
    return set(guard.rows(Lead, "test").filter(pk__in=ids).values_list("contact_name", flat=True))


def test_only_old_ones_as_the_conditions_say(firm: Any) -> None:
    old, fresh, alive = leads(firm, 3, days=YEARS), leads(firm, 2, days=100), leads(firm, 2, days=YEARS, status="open")
    found = rule()
    assert set(privacy.due(found).values_list("pk", flat=True)) == set(old)
    assert privacy.run_rule(found) == 3
    assert names(old) == {""}
    assert "" not in names(fresh) | names(alive)
    assert set(Erasure.objects.values_list("record", flat=True)) == set(old)
    assert privacy.run_rule(found) == 0
    said = History.objects.filter(action="retention").order_by("id").values_list("details", flat=True)
    assert [(d["rows"], d["finished"]) for d in said] == [(3, False), (3, True), (0, True)]


def test_broken_off_and_gone_on_with(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    old = leads(firm, 23, days=YEARS)
    monkeypatch.setattr(retain, "BATCH", 5)
    wipe: Any = retain.__dict__["wipe"]
    done: list[Any] = []

    def killed(*args: Any, **values: Any) -> Any:
        if len(done) == 12:
            raise SystemExit(137)
        done.append(args[1])
        return wipe(*args, **values)

    monkeypatch.setattr(retain, "wipe", killed)
    with pytest.raises(SystemExit):
        privacy.run_rule(rule())
    assert Erasure.objects.count() == 10  # two whole batches; the third left nothing
    assert len([n for n in guard.rows(Lead, "test").filter(pk__in=old).values_list("phone", flat=True) if n]) == 13
    monkeypatch.setattr(retain, "wipe", wipe)
    assert privacy.run_rule(Retention.objects.get()) == 13
    assert names(old) == {""}
    assert Erasure.objects.count() == 23


def test_the_history_of_what_was_erased_holds_no_value(firm: Any) -> None:
    old = leads(firm, 2, days=YEARS)
    records.update(firm.actor("seller"), get("lead"), old[0], {"phone": "13611110000", "remark": "旧备注"})
    guard.rows(Lead, "test").update(updated_at=timezone.now() - dt.timedelta(days=YEARS), status="lost")
    privacy.run_rule(rule())
    held = dump()["engine_history"].decode()
    assert not [text for text in ("13611110000", "旧备注", "138109500", "钱多多") if text in held]


def test_to_the_bin_unless_something_needs_it(firm: Any) -> None:
    seller = firm.actor("seller")
    lone = records.create(seller, get("account"), {"name": "独木有限公司"})
    held = records.create(seller, get("account"), {"name": "双木有限公司"})
    records.create(seller, get("contact"), {"name": "林夕", "account": held.pk})
    model = get("account").model
    guard.rows(model, "test").update(updated_at=timezone.now() - dt.timedelta(days=YEARS))
    found = rule(entity="account", doing="delete", conditions=[], months=12)
    assert privacy.run_rule(found) == 1
    gone = set(guard.rows(model, "test").exclude(deleted_at=None).values_list("pk", flat=True))
    assert gone == {lone.pk}


def test_one_bad_rule_keeps_no_other(firm: Any) -> None:
    old = leads(firm, 1, days=YEARS)
    rule(conditions=[["no_such_field", "eq", "x"]], name="坏")
    rule()
    rule(is_active=False, entity="contact", name="停", conditions=[])
    with pytest.raises(Exception, match="no_such_field"):
        privacy.run_all()
    assert names(old) == {""}


@pytest.mark.parametrize(
    ("now", "months", "expected"),
    [
        ((2026, 3, 31), 1, (2026, 2, 28)),
        ((2024, 3, 31), 1, (2024, 2, 29)),
        ((2026, 11, 22), 24, (2024, 11, 22)),
        ((2026, 1, 15), 13, (2024, 12, 15)),
    ],
)
def test_months(now: tuple[int, ...], months: int, expected: tuple[int, ...]) -> None:
    found = retain.before(months, dt.datetime(*now, 12, tzinfo=dt.UTC))  # type: ignore[misc,arg-type]
    assert (found.year, found.month, found.day) == expected


def test_a_trial_has_no_effect(firm: Any) -> None:
    leads(firm, 4, days=YEARS)
    found = rule(is_active=False)
    client = firm.client("admin")
    client.get("/settings/retention")
    before = dump()
    answer = client.get(f"/settings/retention/{found.pk}")
    assert answer.status_code == 200
    assert answer.content.decode().count('href="/lead/0') == 4
    assert {t: raw for t, raw in dump().items() if raw != before[t]} == {}


def test_a_rule_by_its_form(firm: Any) -> None:
    client = firm.client("admin")
    data = {"name": "无效线索", "months": "24", "doing": "erase", "key0": "status", "op0": "eq", "value0": "lost"}
    assert client.get("/settings/retention/new/lead").status_code == 200
    assert client.post("/settings/retention/new/lead", data).status_code == 303
    made = Retention.objects.get()
    assert (made.conditions, made.is_active, made.doing) == ([["status", "eq", "lost"]], False, "erase")
    for wrong in ({"months": "0"}, {"name": ""}, {"doing": "burn"}, {"op0": "has"}, {"key0": "nothing"}):
        assert client.post("/settings/retention/new/lead", {**data, **wrong}).status_code == 422
    assert client.post("/settings/retention/new/deal", data).status_code == 422  # a deal is no person
    assert Retention.objects.count() == 1
    assert client.get(f"/settings/retention/{made.pk}/edit").status_code == 200
    assert client.post(f"/settings/retention/{made.pk}/do/delete").status_code == 303
    assert client.get(f"/settings/retention/{made.pk}").status_code == 404


@pytest.mark.parametrize("who", ["seller", "manager", "executive"])
def test_rules_are_for_administrators_of_security(firm: Any, who: str) -> None:
    found = rule()
    client = firm.client(who)
    before = {t: raw for t, raw in dump().items() if t not in SIGNED_IN}
    urls = ("", "/new/lead", f"/{found.pk}", f"/{found.pk}/edit")
    assert [client.get(f"/settings/retention{u}").status_code for u in urls] == [403] * 4
    assert client.post(f"/settings/retention/{found.pk}/do/delete").status_code == 403
    assert client.post("/settings/retention/new/lead", {"name": "x"}).status_code == 403
    assert {t: raw for t, raw in dump().items() if t not in SIGNED_IN} == before
