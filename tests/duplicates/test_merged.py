"""A merge settles the groups that it answers, and only those."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from zhike.engine import merging, records
from zhike.engine.duplicates import groups
from zhike.engine.entity import get
from zhike.engine.models import DuplicateGroup


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
