"""A merge settles the groups that it answers, and only those."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from zhike.engine import lineage, merging, records, undo
from zhike.engine.duplicates import finder, groups, learning
from zhike.engine.entity import get
from zhike.engine.models import DuplicateGroup, DuplicateVerdict

NAME = "上海华安精密机械有限公司"


def _group(ids: list[Any]) -> DuplicateGroup:
    pairs = [[str(a), str(b), 0.9, ["phone"]] for a, b in pairwise(ids)]
    return DuplicateGroup.objects.create(entity="account", records=ids, score=0.9, pairs=pairs)


def test_a_merge_closes_the_group_of_two_and_leaves_the_rest_of_a_larger_one(firm: Any) -> None:
    actor, account = firm.actor("admin"), get("account")
    made = records.create_many(actor, account, [{"name": f"第{n}机械有限公司"} for n in range(4)])
    one, two, three, four = (record.pk for record in made)
    small, large, other = _group([one, two]), _group([one, two, three]), _group([three, four])
    merging.merge(actor, account, one, [two])
    for group in (small, large, other):
        group.refresh_from_db()
    assert (small.state, small.by_id) == ("merged", actor.user.pk)
    assert (large.state, set(large.records)) == ("open", {one, three})
    assert (other.state, set(other.records)) == ("open", {three, four})
    assert {frozenset(g.records) for g in groups.waiting(actor, account)} == {
        frozenset((one, three)),
        frozenset((three, four)),
    }


# ---- a merge that is taken back


def _two(firm: Any) -> tuple[Any, Any]:
    actor, account = firm.actor("manager"), get("account")
    for name, remark in ((NAME, "甲"), ("上海华安精密机械", "乙")):
        records.create(actor, account, {"name": name, "remark": remark, "phone": "021-62770334"})
    finder.run(account)
    (group,) = groups.waiting(actor, account)
    one, two = group.records
    return one, two


def test_undoing_opens_the_group_again_at_once_with_its_reasons(firm: Any) -> None:
    one, two = _two(firm)
    actor, account = firm.actor("manager"), get("account")
    (before,) = groups.waiting(actor, account)
    done = merging.merge(actor, account, one, [two])
    assert (groups.waiting(actor, account), DuplicateVerdict.objects.count()) == ([], 1)
    undo.undo(actor, done.pk)
    (after,) = groups.waiting(actor, account)
    assert (after.id, set(after.records), after.reasons, after.score) == (
        before.id, set(before.records), before.reasons, before.score
    )  # fmt: skip
    assert DuplicateVerdict.objects.count() == 0
    row = DuplicateGroup.objects.get()
    assert (row.state, row.by, row.decided_at) == ("open", None, None)


def test_the_same_merge_is_made_again_by_one_press(firm: Any) -> None:
    one, two = _two(firm)
    actor, account, client = firm.actor("manager"), get("account"), firm.client("manager")
    assert "/again" not in client.get("/duplicates/account").content.decode()
    done = merging.merge(actor, account, two, [one], {"name": one, "remark": "all"})
    kept = account.model._base_manager.get(pk=two)
    first = (kept.name, kept.remark)
    undo.undo(actor, done.pk)
    group = DuplicateGroup.objects.get()
    url = f"/duplicates/account/{group.pk}/again"
    assert url in client.get("/duplicates/account").content.decode()
    finder.run(account)  # the nightly search keeps what can be done again
    url = f"/duplicates/account/{DuplicateGroup.objects.get().pk}/again"
    assert url in client.get("/duplicates/account").content.decode()
    versions = [f"{pk}:{account.model._base_manager.get(pk=pk).version}" for pk in (one, two)]
    assert firm.client("stranger").post(url).status_code == 404
    stale = client.post(url, {"version": [f"{one}:99", versions[1]]})
    assert (stale.status_code, lineage.into("account", one)) == (303, None)
    assert client.post(url, {"version": versions}).status_code == 303
    kept = account.model._base_manager.get(pk=two)
    assert ((kept.name, kept.remark), lineage.into("account", one)) == (first, two)
    assert client.post(url).status_code == 404


def test_undoing_where_the_finder_has_been_there_since(firm: Any) -> None:
    actor, account = firm.actor("admin"), get("account")
    names = (NAME, "上海华安精密机械", "上海市华安精密机械有限公司")
    one, two, three = (records.create(actor, account, {"name": n}).pk for n in names)
    finder.run(account)
    done = merging.merge(actor, account, one, [two])
    finder.run(account)
    assert [set(g.records) for g in groups.waiting(actor, account)] == [{one, three}]
    undo.undo(actor, done.pk)
    assert [set(g.records) for g in groups.waiting(actor, account)] == [{one, two, three}]


def test_what_stood_in_a_group_by_way_of_another_comes_back_too(firm: Any) -> None:
    actor, account = firm.actor("admin"), get("account")
    one, two, three = (r.pk for r in records.create_many(actor, account, [{"name": f"第{n}家"} for n in range(3)]))
    group = _group([one, two, three])
    done = merging.merge(actor, account, one, [three])
    undo.undo(actor, done.pk)
    group.refresh_from_db()
    assert (group.state, set(group.records)) == ("open", {one, two, three})
    assert learning.figures(account) == []
