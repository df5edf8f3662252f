"""Every way in which an owner changes works out anew when the record returns, and leaves its trace."""

from __future__ import annotations

import ast
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path as File
from typing import Any

import pytest
from django.utils import timezone

import zhike
from tests.api.desk import program
from tests.transfer.conftest import load
from zhike.engine import deed_jobs, records, undo
from zhike.engine.access import Actor
from zhike.engine.deeds import Chosen, Deed
from zhike.engine.entity import declared, get
from zhike.engine.merging import merge
from zhike.engine.models import Operation, OwnerPeriod, PoolMove
from zhike.engine.pools import known, moving, owning, settling
from zhike.engine.tabular.write import write_csv
from zhike.modules.assigning import answering, deciding
from zhike.modules.assigning.models import AssignmentRule, Decision, Offer
from zhike.modules.handover import running, services
from zhike.modules.handover.models import Handover
from zhike.modules.leads import services as leads

from .house import RULE, fresh, long_ago, make, pool

Path = Callable[..., Any]  # (firm, the pool) -> the record; what loads a file gets a folder too


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


def grid(firm: Any, _made: Any) -> Any:
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


def by_api(firm: Any, _made: Any) -> Any:
    row = old(firm)
    answer = program(firm.manager)("PATCH", f"account/{row.pk}", {"owner": str(firm.colleague.pk)}, if_match="*")
    assert answer.status_code == 200, answer.content
    return row


def by_file(firm: Any, _made: Any, tmp_path: File) -> Any:
    write_csv(tmp_path / "rows.csv", ["客户名称", "负责人"], [("文件客户", firm.seller.name)])
    assert load(firm.actor("manager"), "account", tmp_path / "rows.csv").new == 1
    return get("account").model._base_manager.get(name="文件客户")


def brought_back(firm: Any, made: Any) -> Any:
    """The rule became a shorter one while it lay in the bin."""
    _rule(made, {**RULE, "days": 15, "most": 30})
    row = old(firm)
    records.delete_many(firm.actor("seller"), get("account"), [row.pk])
    _rule(made, RULE)
    records.restore_many(firm.actor("seller"), get("account"), [row.pk])
    return row


def _rule(made: Any, rule: dict[str, Any]) -> None:
    made.document = {**made.document, "rules": [rule]}
    made.save()
    settling.settle(get("account"))


def handed(firm: Any, _made: Any) -> Any:
    row = old(firm)
    _hand(firm)
    return row


def _hand(firm: Any) -> Handover:
    found = services.create(firm.actor("manager"), firm.seller)
    services.add_share(firm.actor("manager"), found.pk, way="one", people=[firm.colleague.pk])
    running.begin(firm.actor("manager"), found.pk)
    running.perform(found.pk)
    return found


def handed_back(firm: Any, _made: Any) -> Any:
    row = old(firm)
    found = _hand(firm)
    assert running.take_back(firm.actor("manager"), found.pk) == 0
    assert fresh(row).owner_id == firm.seller.pk
    return row


def _pair(firm: Any) -> tuple[Any, Any, Operation]:
    """Two customers made one, which the other's owner gets."""
    one, two = old(firm), long_ago(make(firm, "colleague", name="宝钢股份"), 3)
    done = merge(_now(firm), get("account"), one.pk, [two.pk], {"owner": two.pk})
    assert fresh(one).owner_id == firm.colleague.pk
    return one, two, done


def _now(firm: Any) -> Actor:
    """The manager, read anew."""
    return Actor(type(firm.manager).objects.select_related("department").get(pk=firm.manager.pk), "web")


def merged(firm: Any, _made: Any) -> Any:
    return _pair(firm)[0]


def unmerged(firm: Any, _made: Any) -> Any:
    one, _two, done = _pair(firm)
    undo.undo(_now(firm), done.pk)
    assert fresh(one).owner_id == firm.seller.pk
    return one


def unmerged_other(firm: Any, made: Any) -> Any:
    """What went into the other comes back from the bin, by the rule of now."""
    _rule(made, {**RULE, "days": 15, "most": 30})
    _one, two, done = _pair(firm)
    _rule(made, RULE)
    undo.undo(_now(firm), done.pk)
    return two


def undone(firm: Any, _made: Any) -> Any:
    row = old(firm)
    deed = Deed("transfer", {"owner": firm.colleague.pk})
    operation, _outcome = deed_jobs.at_once(firm.actor("manager"), get("account"), deed, Chosen([row.pk]))
    assert operation is not None
    undo.undo(firm.actor("manager"), operation.pk)
    assert fresh(row).owner_id == firm.seller.pk
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


# What is walked: under which action the owner is written, and what the ledger of the pool then says of the record.
PATHS: dict[Path, tuple[set[str], set[str]]] = {
    ruled: ({"create", "assign"}, {"enter", "assign"}),
    passed_on: ({"create", "assign"}, {"enter", "assign"}),
    escalated: ({"create", "assign"}, {"enter", "assign"}),
    created: ({"create"}, set()),
    typed: ({"create", "update"}, set()),
    cell: ({"create", "update"}, set()),
    grid: ({"create", "update"}, set()),
    by_api: ({"create", "update"}, set()),
    by_file: ({"create"}, set()),
    loaded: ({"create"}, set()),
    many: ({"create", "transfer"}, set()),
    undone: ({"create", "transfer", "back"}, set()),
    claimed: ({"create", "claim"}, {"enter", "claim"}),
    assigned: ({"create", "assign"}, {"enter", "assign"}),
    released: ({"create", "release"}, {"release"}),
    swept: ({"create", "recycle"}, {"recycle"}),
    recalled: ({"create", "recall"}, {"recall"}),
    converted: ({"create"}, set()),
    handed: ({"create", "handover"}, set()),
    handed_back: ({"create", "handover", "back"}, set()),
    merged: ({"create", "merge"}, set()),
    unmerged: ({"create", "merge", "back"}, set()),
    unmerged_other: ({"create"}, set()),
    brought_back: ({"create"}, set()),
}
KEPT = {brought_back, unmerged_other, unmerged, undone, handed_back}  # the owner has it as long as before
# Actions that leave the owner as it is, and what writes owners of records that lie in no pool.
PLAIN = {"hold", "unhold", "convert", "invalidate", "reopen", "erase"}
# Every place in the code that puts an owner into values, and the ways that go through it; none: no pool, or no write.
PLACES: dict[str, tuple[Path, ...]] = {
    "engine/deeds.py required": (),  # words of an error
    "engine/people.py follow_people": (),  # a condition
    "engine/pools/moving.py _give": (claimed, assigned),
    "engine/pools/owning.py run": (claimed, assigned, released, swept, recalled, handed),
    "engine/records.py _place": (created,),
    "engine/rollup.py reveals": (),
    "engine/transfer/importer.py _make": (by_file,),
    "modules/activities/plans.py _values": (),  # activities
    "modules/handover/running.py _hand": (handed,),
    "modules/leads/services.py _given": (converted,),
    "modules/promises/pages/banner.py owed": (),
    "modules/sales/services.py _open_deal": (),  # deals
    "modules/targets/pages/split.py parts_of": (),  # targets
    "modules/targets/services.py copy": (),
    "modules/targets/services.py name_targets": (),
    "web/board.py _card": (),
    "web/bulk.py _fields": (many,),
    "web/bulk.py deed_of": (many,),
    "web/forms.py defaults": (typed,),
    "web/tokens.py of_all": (),
    "web/tokens.py uses": (),
    "web/webhooks.py about": (),
}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.__name__)
def test_the_date_follows_the_owner(firm: Any, path: Path, tmp_path: File, monkeypatch: pytest.MonkeyPatch) -> None:
    made, walked = pool(firm), set[tuple[Any, str]]()
    monkeypatch.setattr(owning, "note", _noting(owning.note, walked))
    now = fresh(path(firm, made, tmp_path) if path is by_file else path(firm, made))
    actions, kinds = PATHS[path]
    assert {action for pk, action in walked if pk == now.pk} == actions
    assert set(PoolMove.objects.filter(record=now.pk).values_list("kind", flat=True)) == kinds
    period = OwnerPeriod.objects.get(record=now.pk, to_at=None)
    assert period.owner_id == now.owner_id
    assert now.pool_id == made.pk
    if now.owner_id is None:
        assert (now.held_since, now.recycle_at) == (None, None)
        assert abs(now.pooled_at - period.from_at) < dt.timedelta(seconds=1)
        return
    if path not in KEPT:
        assert abs(now.held_since - period.from_at) < dt.timedelta(seconds=1)
    assert (now.pooled_at, now.recycle_rule) == (None, RULE["key"])
    assert now.recycle_at == now.held_since + dt.timedelta(days=10)


def _noting(note: Callable[[Any], None], walked: set[tuple[Any, str]]) -> Callable[[Any], None]:
    """The same, which also notes by which action an owner was written; "back" for what is taken back."""

    def noted(changes: Any) -> None:
        for c in changes:
            if c.is_new or c.changed("owner"):
                walked.add((c.record.pk, "back" if c.back is not None else c.action))
        note(changes)

    return noted


def test_every_way_is_walked() -> None:
    """A new action, kind of the ledger or place that writes an owner has to be walked above, or named as plain."""
    actions = {name for made, _kinds in PATHS.values() for name in made}
    named = {name for e in declared().values() if known.is_pooled(e) for name in e.actions}
    assert owning.GIVING | (named - PLAIN) <= actions, "an action"
    assert named >= PLAIN, "an action that is gone"
    assert {k for _actions, kinds in PATHS.values() for k in kinds} == set(PoolMove.Kind), "a kind of the ledger"
    assert set(_places()) == set(PLACES), "a place"
    assert {path for ways in PLACES.values() for path in ways} <= set(PATHS)


def _places() -> Iterator[str]:
    """Functions of the product that set the owner of something, or write it into values."""
    root = File(zhike.__file__).parent
    for top in ("engine", "modules", "web", "api", "mcp", "jobs"):
        for file in sorted((root / top).rglob("*.py")):
            if not {"tests", "migrations"} & set(file.parts):
                for function in ast.walk(ast.parse(file.read_text())):
                    if isinstance(function, ast.FunctionDef) and any(map(_writes, ast.walk(function))):
                        yield f"{file.relative_to(root)} {function.name}"


def _writes(node: ast.AST) -> bool:
    names = ("owner", "owner_id")
    match node:
        case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Subscript(slice=ast.Constant(value=name), ctx=ast.Store()):
            return name in names
        case ast.Dict(keys=keys):
            return any(isinstance(key, ast.Constant) and key.value in names for key in keys)
        case ast.Call(func=ast.Attribute(attr="update" | "set"), args=args, keywords=given):
            return any(k.arg in names for k in given) or any(
                isinstance(a, ast.Constant) and a.value in names for a in args[:1]
            )
    return False


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
