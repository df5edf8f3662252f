"""Every way in which an owner changes works out anew when the record returns, and leaves its trace."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from zhike.engine import deed_jobs, records, undo
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import get
from zhike.engine.models import Operation, OwnerPeriod
from zhike.engine.pools import moving
from zhike.modules.assigning import answering, deciding
from zhike.modules.assigning.models import AssignmentRule, Decision, Offer
from zhike.modules.leads import services as leads

from .house import RULE, fresh, long_ago, make, pool

Path = Callable[[Any, Any], Any]  # (firm, the pool) -> the record


def old(firm: Any) -> Any:
    """A customer that the seller has had for four days."""
    return long_ago(make(firm, name="宝钢"), 4)


def created(firm: Any, _made: Any) -> Any:
    return make(firm, name="新客户")


def typed(firm: Any, _made: Any) -> Any:
    row = old(firm)
    records.update(firm.actor("manager"), get("account"), row.pk, {"owner": firm.colleague.pk})
    return row


def cell(firm: Any, _made: Any) -> Any:
    row = old(firm)
    answer = firm.client("manager").post(
        f"/account/{row.pk}/field/owner", {"owner": str(firm.colleague.pk), "version": row.version}
    )
    assert answer.status_code == 200
    return row


def many(firm: Any, _made: Any) -> Any:
    row = old(firm)
    deed = Deed("transfer", {"owner": firm.colleague.pk})
    _operation, outcome = deed_jobs.at_once(firm.actor("manager"), get("account"), deed, Chosen([row.pk]))
    assert outcome.done == [row.pk]
    return row


def claimed(firm: Any, made: Any) -> Any:
    row = records.create(firm.actor("manager"), get("account"), {"name": "公海客户", "owner": None})
    assert moving.claim(firm.actor("seller"), made.pk, [row.pk]).done
    return row


def assigned(firm: Any, made: Any) -> Any:
    row = records.create(firm.actor("manager"), get("account"), {"name": "公海客户", "owner": None})
    assert moving.assign(firm.actor("manager"), made.pk, [row.pk], firm.colleague.pk).done
    return row


def released(firm: Any, _made: Any) -> Any:
    row = old(firm)
    records.act(firm.actor("seller"), get("account"), row.pk, "release", note="跟不动")
    return row


def swept(firm: Any, _made: Any) -> Any:
    row = long_ago(make(firm, name="宝钢"), 11)
    assert moving.sweep(get("account")) == 1
    return row


def recalled(firm: Any, made: Any) -> Any:
    row = old(firm)
    assert moving.recall(firm.actor("manager"), made.pk, [row.pk], "收回").done
    return row


def converted(firm: Any, _made: Any) -> Any:
    lead = make(firm, entity="lead", name="宝钢", company="宝钢", phone="13800138000")
    lead = leads.convert(firm.actor("seller"), lead.pk)
    return get("account").model._base_manager.get(pk=lead.account_id)


def loaded(firm: Any, _made: Any) -> Any:
    at = timezone.now() - dt.timedelta(days=2)
    (row,) = records.create_many(
        firm.actor("manager"), get("account"), [{"name": "旧系统", "owner": firm.colleague.pk}], at=[at]
    )
    return row


def by_api(firm: Any, _made: Any) -> Any:
    row = old(firm)
    answer = firm.client("manager").post(
        "/account/grid",
        {
            "cells": json.dumps(
                [{"id": str(row.pk), "version": row.version, "values": {"owner": str(firm.colleague.pk)}}]
            ),
            "cols": "owner",
        },
    )
    assert answer.status_code == 200
    return row


def brought_back(firm: Any, _made: Any) -> Any:
    row = old(firm)
    records.delete_many(firm.actor("seller"), get("account"), [row.pk])
    records.restore_many(firm.actor("seller"), get("account"), [row.pk])
    return row


def ruled(firm: Any, _made: Any) -> Any:
    row = records.create(firm.actor("manager"), get("account"), {"name": "分出去的", "owner": None})
    said = {"who": [str(firm.seller.pk), str(firm.colleague.pk)], "accept": {"minutes": 30}}
    AssignmentRule.objects.create(entity="account", name="轮流", document=said)
    assert deciding.run(get("account"), [row.pk]).given == 1
    return row


def passed_on(firm: Any, made: Any) -> Any:
    row = ruled(firm, made)
    offer = Offer.objects.get(record=row.pk)
    answering.decline(firm.actor("seller" if offer.person == firm.seller else "colleague"), offer.pk, "太远")
    assert fresh(row).owner_id != offer.person_id
    return row


def escalated(firm: Any, made: Any) -> Any:
    row = ruled(firm, made)
    for n in (1, 2):
        answering.lapse(timezone.now() + n * dt.timedelta(days=30))
    assert Decision.objects.filter(record=row.pk).latest("at", "pk").outcome in ("manager", "stays")
    return row


PATHS: tuple[Path, ...] = (
    ruled, passed_on, escalated,
    created, typed, cell, many, claimed, assigned, released, swept, recalled, converted, loaded, by_api, brought_back,
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_the_date_follows_the_owner(firm: Any, path: Path) -> None:
    made = pool(firm)
    now = fresh(path(firm, made))
    period = OwnerPeriod.objects.get(record=now.pk, to_at=None)
    assert period.owner_id == now.owner_id
    assert now.pool_id == made.pk
    if now.owner_id is None:
        assert (now.held_since, now.recycle_at) == (None, None)
        assert abs(now.pooled_at - period.from_at) < dt.timedelta(seconds=1)
        return
    if path is not brought_back:
        assert abs(now.held_since - period.from_at) < dt.timedelta(seconds=1)
    assert (now.pooled_at, now.recycle_rule) == (None, RULE["key"])
    assert now.recycle_at == now.held_since + dt.timedelta(days=10)


def test_what_is_taken_back_is_as_it_was(firm: Any) -> None:
    made = pool(firm)
    before = old(firm)
    deed = Deed("transfer", {"owner": firm.colleague.pk})
    operation, _outcome = deed_jobs.at_once(firm.actor("manager"), get("account"), deed, Chosen([before.pk]))
    assert operation is not None
    moved = fresh(before)
    assert (moved.owner_id, moved.former_owner_id) == (firm.colleague.pk, firm.seller.pk)
    undo.undo(firm.actor("manager"), operation.pk)
    now = fresh(before)
    for name in ("owner_id", "held_since", "recycle_at", "former_owner_id", "pool_id"):
        assert getattr(now, name) == getattr(before, name), name
    assert Operation.objects.filter(entity="account").count() == 2
    assert made.pk == now.pool_id
