"""The write path: permission, cleaning, links, uniqueness, locking, idempotency, history."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import connection

from zhike.base.models import Department
from zhike.engine import access, guard, history, query, records, stages
from zhike.engine.entity import get
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.models import History, OwnerPeriod, StageEvent
from zhike.engine.query import Condition, View


def account(firm: Any, who: str = "seller", **values: Any) -> Any:
    return records.create(firm.actor(who), get("account"), {"name": "上海华为精密仪器有限公司", **values})


def deal(firm: Any, who: str = "seller", **values: Any) -> Any:
    one = values.pop("account", None) or account(firm, who).pk
    return records.create(firm.actor(who), get("deal"), {"name": "产线改造", "account": one, **values})


def errors(invalid: Any) -> dict[str, list[str]]:
    return {key: [w.code for w in found] for key, found in invalid.value.first.items()}


def test_a_new_record_belongs_to_its_author_and_their_department(firm: Any) -> None:
    made = account(firm)
    assert (made.owner, made.department, made.created_by, made.version) == (firm.seller, firm.north, firm.seller, 1)
    assert made.ancestors == [firm.head_office.pk, firm.north.pk]
    assert re.fullmatch(r"C\d{6}", made.number)


def test_rows_are_seen_by_scope(firm: Any) -> None:
    made = account(firm)
    entity = get("account")
    seen = {
        who: list(query.visible(firm.actor(who), entity).values_list("pk", flat=True))
        for who in ("seller", "colleague", "manager", "stranger", "executive", "admin")
    }
    assert seen == {
        "seller": [made.pk],
        "colleague": [],
        "manager": [made.pk],
        "stranger": [],
        "executive": [made.pk],
        "admin": [made.pk],
    }


def test_what_is_out_of_reach_does_not_exist(firm: Any) -> None:
    made = account(firm)
    for who in ("colleague", "stranger"):
        with pytest.raises(Missing):
            records.update(firm.actor(who), get("account"), made.pk, {"name": "x"})
        with pytest.raises(Missing):
            query.record(firm.actor(who), get("account"), made.pk)
    with pytest.raises(Refused):
        records.update(firm.actor("executive"), get("account"), made.pk, {"name": "x"})
    assert guard.rows(get("account").model, "test").get().name == made.name


def test_models_are_guarded() -> None:
    with pytest.raises(guard.Unguarded):
        get("account").model.objects.count()


def test_values_are_cleaned_and_every_error_is_told(firm: Any) -> None:
    with pytest.raises(Invalid) as invalid:
        records.create(firm.actor("seller"), get("account"), {"name": "", "phone": "abc", "founded_on": "2026-02-30"})
    assert errors(invalid) == {"name": ["required"], "phone": ["invalid"], "founded_on": ["invalid"]}


def test_a_link_may_only_point_to_what_is_visible(firm: Any) -> None:
    hidden = account(firm, "stranger")
    with pytest.raises(Invalid) as invalid:
        deal(firm, "seller", account=hidden.pk)
    assert list(invalid.value.first) == ["account"]


def test_unique_values_are_refused_without_telling_whose(firm: Any) -> None:
    account(firm, "stranger", uscc="91350100M000100Y43")
    with pytest.raises(Invalid) as invalid:
        account(firm, "seller", name="另一家公司", uscc="91350100M000100Y43")
    assert errors(invalid) == {"uscc": ["unique"]}
    assert "陈静" not in invalid.value.first["uscc"][0].text


def test_an_old_version_is_a_conflict(firm: Any) -> None:
    made, entity = account(firm), get("account")
    records.update(firm.actor("seller"), entity, made.pk, {"short_name": "华为"}, version=1)
    with pytest.raises(Conflict):
        records.update(firm.actor("manager"), entity, made.pk, {"short_name": "精密"}, version=1)
    assert guard.rows(entity.model, "test").get().short_name == "华为"


def test_one_idempotency_key_makes_one_record(firm: Any) -> None:
    entity = get("account")
    first = records.create(firm.actor("seller"), entity, {"name": "甲公司"}, key="k1")
    again = records.create(firm.actor("seller"), entity, {"name": "甲公司"}, key="k1")
    other = records.create(firm.actor("colleague"), entity, {"name": "甲公司"}, key="k1")
    assert (first.pk == again.pk, first.pk == other.pk) == (True, False)


def test_handing_over_needs_its_own_right(firm: Any) -> None:
    made, entity = account(firm), get("account")
    from zhike.base.models import Grant

    Grant.objects.filter(role__key="seller", entity="account").delete()
    Grant.objects.bulk_create(
        Grant(role_id=firm.seller.roles[0], entity="account", action=a, scope="own") for a in ("read", "update")
    )
    with pytest.raises(Invalid) as invalid:
        records.update(firm.actor("seller"), entity, made.pk, {"owner": firm.colleague.pk})
    assert errors(invalid) == {"owner": ["refused"]}
    records.update(firm.actor("manager"), entity, made.pk, {"owner": firm.colleague.pk})
    periods = list(OwnerPeriod.objects.filter(record=made.pk).order_by("from_at").values_list("owner__name", "to_at"))
    assert [(name, end is None) for name, end in periods] == [("王芳", False), ("李雷", True)]


def test_history_is_written_by_the_database_and_never_changed(firm: Any) -> None:
    made, entity = account(firm), get("account")
    records.update(firm.actor("seller"), entity, made.pk, {"short_name": "华为"})
    guard.rows(entity.model, "beside the write path").filter(pk=made.pk).update(english_name="Huawei")
    entries = history.of(firm.actor("seller"), entity, made.pk)
    assert [(e.action, e.actor) for e in entries] == [("update", "王芳"), ("update", "王芳"), ("create", "王芳")]
    assert [str(new) for _label, _old, new in entries[1].changes] == ["华为"]
    with pytest.raises(Exception, match="never changed"), connection.cursor() as cursor:
        cursor.execute("UPDATE engine_history SET action = 'x'")


def test_nothing_is_left_when_one_of_many_is_wrong(firm: Any) -> None:
    before = History.objects.count()
    with pytest.raises(Invalid) as invalid:
        records.create_many(firm.actor("seller"), get("account"), [{"name": "甲"}, {"name": ""}, {"name": "丙"}])
    assert [bool(row) for row in invalid.value.rows] == [False, True, False]
    assert (guard.rows(get("account").model, "test").count(), History.objects.count()) == (0, before)


def test_deleting_is_refused_while_others_need_the_record(firm: Any) -> None:
    made = deal(firm)
    entity = get("account")
    with pytest.raises(Invalid):
        records.delete_many(firm.actor("seller"), entity, [made.account_id])
    records.delete_many(firm.actor("seller"), get("deal"), [made.pk])
    records.delete_many(firm.actor("seller"), entity, [made.account_id])
    assert query.visible(firm.actor("seller"), entity).count() == 0
    records.restore_many(firm.actor("seller"), entity, [made.account_id])
    assert query.visible(firm.actor("seller"), entity).count() == 1


def test_a_stage_asks_for_what_it_needs_and_leaves_a_trace(firm: Any) -> None:
    made, entity, actor = deal(firm), get("deal"), firm.actor("seller")
    order = stages.of(made.pipeline_id)
    won = next(s for s in order if s.status == "won")
    with pytest.raises(Invalid) as invalid:
        records.update(actor, entity, made.pk, {"stage": won.pk})
    assert "amount" in errors(invalid)
    assert {code for codes in errors(invalid).values() for code in codes} == {"needed"}
    needed = {k: "1000" if k == "amount" else "2026-12-01" if k.endswith("_on") else "x" for k in errors(invalid)}
    saved = records.update(actor, entity, made.pk, {"stage": won.pk, **needed})
    assert (saved.status, saved.probability, saved.closed_on is not None) == ("won", 100, True)
    events = StageEvent.objects.filter(record=made.pk).order_by("at").values_list("to_stage", flat=True)
    assert list(events) == [order[0].pk, won.pk]


@pytest.mark.parametrize(
    ("term", "hit"),
    [
        ("华为", True),
        ("精密", True),
        ("shhw", True),
        ("shanghai", True),
        ("8000", True),
        ("138001", True),
        ("為", True),
        ("腾讯", False),
        ("zzzz", False),
        ("9999", False),
    ],
)
def test_search_by_characters_pinyin_and_the_end_of_a_phone(firm: Any, term: str, hit: bool) -> None:
    account(firm, phone="138 0013 8000")
    found = query.select(firm.actor("seller"), get("account"), View(search=term))
    assert found.exists() is hit


def test_a_condition_on_an_unknown_or_hidden_field_is_refused(firm: Any) -> None:
    from zhike.base.models import FieldGrant

    actor = firm.actor("seller")
    with pytest.raises(Invalid):
        query.page(actor, get("account"), View(conditions=(Condition("secret", "eq", 1),)))
    FieldGrant.objects.create(role_id=firm.seller.roles[0], entity="account", key="phone", level="hidden")
    actor = firm.actor("seller")
    for view in (View(conditions=(Condition("phone", "eq", "1"),)), View(sort="phone")):
        with pytest.raises(Invalid):
            query.page(actor, get("account"), view)
    assert "phone" not in access.readable(actor, get("account"))
    with pytest.raises(Refused):
        records.create(actor, get("account"), {"name": "x", "phone": "13800138000"})


def test_records_follow_a_department_that_moves(firm: Any) -> None:
    made = account(firm)
    records.update(firm.actor("admin"), get("department"), firm.north.pk, {"parent": str(firm.south.pk)})
    row = guard.rows(get("account").model, "test").get(pk=made.pk)
    assert row.ancestors == [firm.head_office.pk, firm.south.pk, firm.north.pk]
    assert Department.objects.get(pk=firm.north.pk).ancestors == row.ancestors
    with pytest.raises(Invalid):
        records.update(firm.actor("admin"), get("department"), firm.south.pk, {"parent": str(firm.north.pk)})


def test_the_bin_is_emptied_after_thirty_days(firm: Any) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from zhike.engine import recycle

    old, new, needed = account(firm), account(firm, name="乙公司"), deal(firm)
    rows = guard.rows(get("account").model, "test")
    past = timezone.now() - timedelta(days=31)
    rows.filter(pk__in=[old.pk, needed.account_id]).update(deleted_at=past)
    rows.filter(pk=new.pk).update(deleted_at=timezone.now())
    assert recycle.empty() == 1
    assert set(rows.values_list("pk", flat=True)) == {new.pk, needed.account_id}
    assert History.objects.filter(record=old.pk).order_by("-id").first().action == "erase"  # type: ignore[union-attr]


def test_a_trial_uses_up_no_numbers(firm: Any) -> None:
    from zhike.engine import numbering

    first = account(firm)
    with numbering.trial():
        assert account(firm, name="试导入").number == ""
    assert int(account(firm, name="乙").number[1:]) == int(first.number[1:]) + 1


def test_a_hidden_field_is_no_oracle_of_the_search(firm: Any) -> None:
    from zhike.base.models import FieldGrant

    account(firm, phone="138 0013 8000")
    role = firm.seller.roles[0]
    for term, hit in (("8000", True), ("华为", True)):
        assert query.select(firm.actor("seller"), get("account"), View(search=term)).exists() is hit
    for key in ("phone", "numbers"):
        FieldGrant.objects.create(role_id=role, entity="account", key=key, level="hidden")
    for term, hit in (("8000", False), ("13800138000", False), ("华为", True)):
        assert query.select(firm.actor("seller"), get("account"), View(search=term)).exists() is hit


def test_an_amount_shows_its_currency_and_a_mixed_sum_shows_none(firm: Any) -> None:
    entity, actor = get("deal"), firm.actor("seller")
    deal(firm, amount="100")
    deal(firm, amount="20", currency="USD")
    page = query.page(actor, entity, View(sort="amount"))
    money = entity.attributes["amount"].kind.html
    shown = [str(money(entity.attributes["amount"], row.values["amount"], {})) for row in page.rows]
    assert shown == ['<span class="num">$20</span>', '<span class="num">¥100</span>']
    total = query.sums(actor, entity, View())["amount"]
    assert str(money(entity.attributes["amount"], total, {})) == '<span class="num">120</span>'
    dollars = query.sums(actor, entity, View(conditions=(Condition("currency", "eq", "USD"),)))["amount"]
    assert str(money(entity.attributes["amount"], dollars, {})) == '<span class="num">$20</span>'
