"""Several records made one, and the way back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.catalog import sample
from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import catalog, guard, history, lineage, operations, records, recycle, rolling, sharing, undo
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.merging import ALL, merge, pointers, preview
from zhike.engine.models import (
    IdempotencyKey,
    Merge,
    MergeMove,
    Operation,
    RecentRecord,
    SavedView,
    Share,
    StoredFile,
)

pytestmark = pytest.mark.django_db
ACCOUNT, CONTACT, DEAL, LEAD, ACTIVITY = (get(k) for k in ("account", "contact", "deal", "lead", "activity"))
POINT = get("contactpoint")


def fresh(firm: Any, who: str = "manager") -> Actor:
    people = type(firm.seller).objects.select_related("department")
    return Actor(people.get(pk=getattr(firm, who).pk), "web")


def new(firm: Any, entity: Any, who: str = "seller", **values: Any) -> Any:
    return records.create(fresh(firm, who), entity, values).pk


def row(entity: Any, pk: Any) -> dict[str, Any]:
    """Every column but those that move with each write."""
    found = guard.rows(entity.model, "test").filter(pk=pk).values().get()
    return {k: v for k, v in found.items() if k not in ("version", "updated_at")}


def pair(firm: Any) -> tuple[Any, Any]:
    """Two customers that are one: each with something that the other has not."""
    one = new(firm, ACCOUNT, name="上海华为精密仪器有限公司", phone="13800138000", tier="A", remark="甲")
    two = new(firm, ACCOUNT, "colleague", name="华为精密", phone="13900139000", email="a@example.com", remark="乙")
    return one, two


def points(account: Any) -> list[tuple[Any, ...]]:
    rows = guard.rows(POINT.model, "test").filter(account=account, deleted_at=None)
    return sorted(rows.values_list("value", "is_primary"))


def test_values_parts_and_pointers_come_together(firm: Any) -> None:
    one, two = pair(firm)
    person = new(firm, CONTACT, "colleague", name="张三", account=two)
    deal = new(firm, DEAL, "colleague", name="产线", account=two, amount="5.00")
    call = new(firm, ACTIVITY, "colleague", kind="call", status="done", account=two, subject="问候")
    records.act(fresh(firm, "colleague"), DEAL, deal, "win", {})
    done = merge(fresh(firm), ACCOUNT, one, [two])
    now = row(ACCOUNT, one)
    shown = (now["phone"], now["email"], now["remark"], now["tier"], now["status"])
    assert shown == ("+8613800138000", "a@example.com", "甲\n\n乙", "A", "customer")
    assert now["first_won_on"] == timezone.localdate()
    assert now["last_contact_at"] is not None
    assert "+8613900139000".removeprefix("+86") in now["numbers"]
    for entity, pk in ((CONTACT, person), (DEAL, deal), (ACTIVITY, call)):
        assert row(entity, pk)["account_id"] == one
    assert points(one) == [("+8613800138000", True), ("+8613900139000", False), ("a@example.com", True)]
    assert row(ACCOUNT, two)["deleted_at"] is not None
    assert lineage.into("account", two) == one
    assert lineage.ids("account", one) == [one, two]
    assert (done.rows, done.action, done.right) == (2, "merge", "merge")


def test_a_choice_is_kept_and_goes_back(firm: Any) -> None:
    one, two = pair(firm)
    before = row(ACCOUNT, one), row(ACCOUNT, two), points(one), points(two)
    done = merge(fresh(firm), ACCOUNT, one, [two], {"name": two, "phone": two, "remark": one, "tags": ALL})
    now = row(ACCOUNT, one)
    assert (now["name"], now["phone"], now["remark"]) == ("华为精密", "+8613900139000", "甲")
    back = undo.undo(fresh(firm), done.pk)
    assert (row(ACCOUNT, one), row(ACCOUNT, two), points(one), points(two)) == before
    assert (back.skipped, back.left, back.rows) == ({}, [], 2)
    assert not Merge.objects.exists()
    for again in (back, done):
        with pytest.raises(Invalid):
            undo.undo(fresh(firm), again.pk)


def test_the_same_number_is_one_and_a_refusal_stays(firm: Any) -> None:
    one = new(firm, ACCOUNT, name="甲", phone="13800138000")
    two = new(firm, ACCOUNT, name="乙", phone="13800138000")
    there = guard.rows(POINT.model, "test").get(account=two)
    records.update(fresh(firm), POINT, there.pk, {"opted_out": True, "label": "前台"})
    kept = guard.rows(POINT.model, "test").get(account=one)
    before = row(POINT, there.pk), row(POINT, kept.pk)
    done = merge(fresh(firm), ACCOUNT, one, [two])
    now = row(POINT, kept.pk)
    assert (now["opted_out"], now["label"], now["is_primary"]) == (True, "前台", True)
    assert (len(points(one)), lineage.into("contactpoint", there.pk)) == (1, kept.pk)
    undo.undo(fresh(firm), done.pk)
    assert (row(POINT, there.pk), row(POINT, kept.pk)) == before


def test_unique_values_may_be_taken_over(firm: Any) -> None:
    one = new(firm, ACCOUNT, name="甲")
    two = new(firm, ACCOUNT, name="乙", external_id="A-7")
    done = merge(fresh(firm), ACCOUNT, one, [two])
    assert row(ACCOUNT, one)["external_id"] == "A-7"
    undo.undo(fresh(firm), done.pk)
    assert [row(ACCOUNT, pk)["external_id"] for pk in (one, two)] == ["", "A-7"]
    done = merge(fresh(firm), ACCOUNT, one, [two], {"external_id": one})
    new(firm, ACCOUNT, name="丙", external_id="A-7")
    with pytest.raises(Invalid):
        undo.undo(fresh(firm), done.pk)
    assert row(ACCOUNT, two)["deleted_at"] is not None


def test_no_customer_stands_above_itself(firm: Any) -> None:
    top = new(firm, ACCOUNT, name="集团")
    two = new(firm, ACCOUNT, name="乙", parent=top)
    middle = new(firm, ACCOUNT, name="中", parent=two)
    one = new(firm, ACCOUNT, name="甲", parent=middle)
    below = new(firm, ACCOUNT, name="下", parent=one)
    ids = (top, two, middle, one, below)
    before = [row(ACCOUNT, pk) for pk in ids]
    done = merge(fresh(firm), ACCOUNT, one, [two], {"parent": two})
    assert {pk: row(ACCOUNT, pk)["parent_id"] for pk in (middle, one, below)} == {middle: one, one: top, below: one}
    undo.undo(fresh(firm), done.pk)
    assert [row(ACCOUNT, pk) for pk in ids] == before
    done = merge(fresh(firm), ACCOUNT, top, [below])
    assert row(ACCOUNT, top)["parent_id"] is None
    undo.undo(fresh(firm), done.pk)
    assert [row(ACCOUNT, pk) for pk in ids] == before


def test_contacts_bring_their_deals_consents_and_relations(firm: Any) -> None:
    firm_ = new(firm, ACCOUNT, name="甲")
    one, two = (new(firm, CONTACT, name=n, account=firm_) for n in ("张三", "张叁"))
    deal = new(firm, DEAL, name="产线", account=firm_, amount="1.00")
    parts = [new(firm, get("dealcontact"), deal=deal, contact=pk) for pk in (one, two)]
    consent = new(firm, get("consent"), contact=two, purpose="marketing", basis="consent", text_version="1")
    done = merge(fresh(firm), CONTACT, one, [two])
    assert row(get("consent"), consent)["contact_id"] == one
    live = guard.rows(get("dealcontact").model, "test").filter(deal=deal, deleted_at=None)
    assert [r.contact_id for r in live] == [one]
    ties = guard.rows(get("affiliation").model, "test").filter(contact=one, deleted_at=None)
    assert ties.count() == 1
    undo.undo(fresh(firm), done.pk)
    assert [row(get("dealcontact"), pk)["contact_id"] for pk in parts] == [one, two]
    assert row(get("dealcontact"), parts[1])["deleted_at"] is None


def test_what_names_a_record_moves_too(firm: Any) -> None:
    one, two = pair(firm)
    seller = fresh(firm, "colleague")
    stored = StoredFile.objects.create(
        name="a.txt", content_type="text/plain", size=1, sha256="", uploader=firm.seller, entity="account", record=two
    )
    shares = [
        sharing.share(fresh(firm, "admin"), ACCOUNT, pk, kind="user", target=firm.stranger.pk, level=level)
        for pk, level in ((one, "read"), (two, "write"))
    ]
    other = sharing.share(seller, ACCOUNT, two, kind="user", target=firm.executive.pk)
    for who, pk in ((firm.seller, one), (firm.seller, two), (firm.colleague, two)):
        RecentRecord.objects.create(user=who, entity="account", record=pk)
    view = SavedView.objects.create(entity="deal", labels={"en": "x"}, query={"where": f"account__eq={two}"})
    key = records.create_many(seller, ACCOUNT, [{"name": "丙"}], keys=["k1"])[0]
    named = (StoredFile, Share, RecentRecord, SavedView, IdempotencyKey)
    before = [sorted(m._base_manager.values_list(), key=str) for m in named]
    done = merge(fresh(firm), ACCOUNT, one, [two, key.pk])
    assert StoredFile.objects.get(pk=stored.pk).record == one
    held = set(Share.objects.filter(record=one).values_list("pk", flat=True))
    assert held == {shares[0].pk, other.pk}
    assert RecentRecord.objects.filter(record=one).count() == 2
    assert SavedView.objects.get(pk=view.pk).query == {"where": f"account__eq={one}"}
    assert records.create_many(seller, ACCOUNT, [{"name": "丙"}], keys=["k1"])[0].pk == one
    undo.undo(fresh(firm), done.pk)
    assert [sorted(m._base_manager.values_list(), key=str) for m in named] == before


def test_shares_open_nothing_that_the_merger_could_not(firm: Any) -> None:
    one, two = pair(firm)
    sharing.share(fresh(firm, "admin"), ACCOUNT, two, kind="user", target=firm.stranger.pk)
    Grant.objects.filter(role__key="manager", entity="account").delete()
    role = Role.objects.get(key="manager")
    for action in ("list", "read", "update", "delete", "merge"):
        Grant.objects.create(role=role, entity="account", action=action, scope="subtree")
    merge(fresh(firm), ACCOUNT, one, [two])
    assert not Share.objects.filter(record=one).exists()


def test_links_of_the_firm_move(firm: Any) -> None:
    sample.publish()
    visit = get("x_visit")
    one, two = pair(firm)
    god = fresh(firm, "admin")
    made = records.create(god, visit, {"name": "拜访", "x_account": str(two)}).pk
    links = [(e.key, a.key) for e, a in pointers.links("account") if a.custom]
    assert ("x_visit", "x_account") in links
    before = row(visit, made)
    done = merge(god, ACCOUNT, one, [two])
    assert row(visit, made)["custom"]["x_account"] == str(one)
    undo.undo(god, done.pk)
    assert row(visit, made) == before
    others = [records.create(god, visit, {"name": f"拜访{n}"}).pk for n in range(2)]
    assert merge(god, visit, made, others).rows == 3
    catalog.assume(catalog.NOTHING)


def test_stored_roll_ups_are_right_before_and_after(firm: Any) -> None:
    kept = {"kind": "integer", "rollup": {"stored": True, "entity": "deal", "by": "account", "measure": "count"}}
    said = {**kept, "labels": {"en": "Deals"}}
    with catalog.preview({"fields": {"account": {"x_deals": said}}}):
        one, two = pair(firm)
        for n, pk in enumerate((one, two, two)):
            new(firm, DEAL, "admin", name=f"商机{n}", account=pk, amount="1.00")
        assert (rolling.rebuild_all(), row(ACCOUNT, one)["custom"], row(ACCOUNT, two)["custom"]["x_deals"]) == (
            0, {"x_deals": 1}, 2,
        )  # fmt: skip
        done = merge(fresh(firm), ACCOUNT, one, [two])
        assert (rolling.rebuild_all(), row(ACCOUNT, one)["custom"]) == (0, {"x_deals": 3})
        undo.undo(fresh(firm), done.pk)
        assert (rolling.rebuild_all(), row(ACCOUNT, one)["custom"]["x_deals"]) == (0, 1)


def test_both_histories_are_shown_and_a_merged_record_is_not_restored(firm: Any) -> None:
    one, two = pair(firm)
    records.update(fresh(firm, "colleague"), ACCOUNT, two, {"tier": "S"})
    merge(fresh(firm), ACCOUNT, one, [two])
    steps = history.of(fresh(firm), ACCOUNT, one)
    assert sum(e.action == "create" for e in steps) == 2
    assert any("S" in str(new) for e in steps for _label, _old, new in e.changes)
    with pytest.raises(Missing):
        history.of(fresh(firm), ACCOUNT, two)
    assert records.restore_many(fresh(firm), ACCOUNT, [two]) == 0


def test_what_was_changed_since_stays_and_is_told(firm: Any) -> None:
    one, two = pair(firm)
    elsewhere = new(firm, ACCOUNT, name="别处")
    people = [new(firm, CONTACT, "colleague", name=f"人{n}", account=two) for n in range(2)]
    done = merge(fresh(firm), ACCOUNT, one, [two])
    records.update(fresh(firm), CONTACT, people[0], {"account": elsewhere})
    records.update(fresh(firm), ACCOUNT, one, {"remark": "新的"})
    late = new(firm, CONTACT, name="新来的", account=one)
    back = undo.undo(fresh(firm), done.pk)
    assert sorted(back.left) == sorted([["contact", str(people[0]), ["account"]], ["account", str(one), ["remark"]]])
    assert back.skipped == {"conflict": 2}
    assert [row(CONTACT, pk)["account_id"] for pk in (*people, late)] == [elsewhere, two, one]
    assert (row(ACCOUNT, one)["remark"], row(ACCOUNT, one)["email"]) == ("新的", "")
    assert not operations.is_open(Operation.objects.get(pk=done.pk))


def test_merges_in_a_chain(firm: Any) -> None:
    a, b, c = (
        new(firm, ACCOUNT, name=n, phone=p) for n, p in (("甲", "13800138001"), ("乙", ""), ("丙", "13800138001"))
    )
    person = new(firm, CONTACT, name="张三", account=a)

    def every() -> list[Any]:
        return [row(ACCOUNT, pk) for pk in (a, b, c)] + [row(CONTACT, person)]

    start = every()
    first = merge(fresh(firm), ACCOUNT, b, [a])
    middle = every()
    second = merge(fresh(firm), ACCOUNT, c, [b])
    assert (lineage.into("account", a), row(CONTACT, person)["account_id"]) == (c, c)
    assert set(lineage.ids("account", c)) == {a, b, c}
    with pytest.raises(Invalid):
        undo.undo(fresh(firm), first.pk)
    undo.undo(fresh(firm), second.pk)
    assert every() == middle
    undo.undo(fresh(firm), first.pk)
    assert every() == start


def test_two_merges_into_one_go_back_in_any_order(firm: Any) -> None:
    a, b, c = (
        new(firm, ACCOUNT, name=n, phone=p) for n, p in (("甲", "13800138001"), ("乙", "13800138002"), ("丙", ""))
    )

    def every() -> list[Any]:
        return [(row(ACCOUNT, pk), points(pk)) for pk in (a, b, c)]

    start = every()
    first = merge(fresh(firm), ACCOUNT, b, [a])
    second = merge(fresh(firm), ACCOUNT, b, [c])
    undo.undo(fresh(firm), first.pk)
    undo.undo(fresh(firm), second.pk)
    assert every() == start


def test_a_part_that_another_merge_leans_on_is_said(firm: Any) -> None:
    a, b, c = (
        new(firm, ACCOUNT, name=n, phone=p) for n, p in (("甲", "13800138001"), ("乙", ""), ("丙", "13800138001"))
    )
    first = merge(fresh(firm), ACCOUNT, b, [a])
    second = merge(fresh(firm), ACCOUNT, b, [c])
    with pytest.raises(Invalid):
        undo.undo(fresh(firm), first.pk)
    undo.undo(fresh(firm), second.pk)
    undo.undo(fresh(firm), first.pk)
    assert [points(pk) for pk in (a, b, c)] == [[("+8613800138001", True)], [], [("+8613800138001", True)]]


def test_rights(firm: Any) -> None:
    one, two = pair(firm)
    for who, error in (("seller", Refused), ("executive", Refused), ("stranger", Refused)):
        with pytest.raises(error):
            merge(fresh(firm, who), ACCOUNT, one, [two])
    far = new(firm, ACCOUNT, "stranger", name="南方")
    with pytest.raises(Missing):
        merge(fresh(firm), ACCOUNT, one, [far])
    for wrong in ([], [one], [two] * 2):
        with pytest.raises(Invalid):
            merge(fresh(firm), ACCOUNT, one, wrong)
    done = merge(fresh(firm), ACCOUNT, one, [two])
    for who in ("seller", "admin"):
        with pytest.raises(Missing):
            undo.undo(fresh(firm, who), done.pk)
    Grant.objects.filter(role__key="manager", action="merge").delete()
    with pytest.raises(Refused):
        undo.undo(fresh(firm), done.pk)


def test_fields_that_one_may_not_write_stay(firm: Any) -> None:
    one, two = pair(firm)
    role = Role.objects.get(key="manager")
    FieldGrant.objects.create(role=role, entity="account", key="remark", level="read")
    FieldGrant.objects.create(role=role, entity="account", key="email", level="hidden")
    with pytest.raises(Refused):
        merge(fresh(firm), ACCOUNT, one, [two], {"remark": two})
    shown = {f.key: f for f in preview(fresh(firm), ACCOUNT, one, [two]).fields}
    assert "email" not in shown
    assert not shown["remark"].open
    assert [o.text for o in shown["phone"].options] == ["138****8000", "139****9000"]
    merge(fresh(firm), ACCOUNT, one, [two])
    assert (row(ACCOUNT, one)["remark"], row(ACCOUNT, one)["email"]) == ("甲", "")


def test_versions_guard(firm: Any) -> None:
    one, two = pair(firm)
    seen = preview(fresh(firm), ACCOUNT, one, [two]).versions
    records.update(fresh(firm), ACCOUNT, two, {"tier": "B"})
    with pytest.raises(Conflict):
        merge(fresh(firm), ACCOUNT, one, [two], versions=seen)
    merge(fresh(firm), ACCOUNT, one, [two])
    with pytest.raises(Conflict):
        merge(fresh(firm), ACCOUNT, one, [two], versions=seen)


def test_after_thirty_days_the_id_still_leads_there(firm: Any) -> None:
    one, two = pair(firm)
    done = merge(fresh(firm), ACCOUNT, one, [two])
    Operation.objects.filter(pk=done.pk).update(at=timezone.now() - dt.timedelta(days=29))
    assert [o.pk for o in operations.recent(fresh(firm))] == [done.pk]
    assert operations.is_open(Operation.objects.get(pk=done.pk))
    late = timezone.now() - dt.timedelta(days=31)
    Operation.objects.filter(pk=done.pk).update(at=late)
    guard.rows(ACCOUNT.model, "test").filter(pk=two).update(deleted_at=late)
    with pytest.raises(Invalid):
        undo.undo(fresh(firm), done.pk)
    assert recycle.empty() >= 1
    operations.tidy()
    assert lineage.into("account", two) == one
    assert MergeMove.objects.count() == 0


def test_many_children_take_few_queries(firm: Any) -> None:
    one, two = pair(firm)
    counts = []
    for size in (5, 500):
        rows = [{"name": f"人{n}", "account": two, "phone": f"137{n:08d}"} for n in range(size)]
        records.create_many(fresh(firm), CONTACT, rows)
        with CaptureQueriesContext(
            connection,
        ) as seen:
            done = merge(fresh(firm), ACCOUNT, one, [two])
        counts.append(len(seen))
        with CaptureQueriesContext(connection) as seen:
            undo.undo(fresh(firm), done.pk)
        counts.append(len(seen))
    assert counts[2] <= counts[0] + 5, counts
    assert counts[3] <= counts[1] + 10, counts
    assert counts[2] < 200, counts


def test_every_table_that_names_records_is_known() -> None:
    from django.apps import apps

    named = {
        m for m in apps.get_models()
        if {"entity", "record"} <= {f.name for f in m._meta.concrete_fields}
    }  # fmt: skip
    of_modules = map(apps.get_model, pointers.STAYS_TOO)
    assert named == {*pointers.STAYS, *of_modules, *(n.model for n in pointers.MOVES)}
    assert [f for e in (ACCOUNT, CONTACT, DEAL, LEAD) for f in pointers.keys(e)] == []
