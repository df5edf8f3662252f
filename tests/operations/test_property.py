"""Whatever is done to whichever records: taken back, everything is as it was; done again, as it was then."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from zhike.base.models import Department, Role, User
from zhike.engine import guard, operations, records, stages, undo
from zhike.engine.access import Actor
from zhike.engine.attempts import Outcome
from zhike.engine.deeds import Deed, do, required
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Operation, OwnerPeriod

pytestmark = pytest.mark.django_db
ENTITIES = ("account", "contact", "lead", "deal", "activity")
COMPARED = (*ENTITIES, "contactpoint", "affiliation", "address", "tag", "dealcontact")
IGNORED = {"version", "updated_at"}
EACH = 4
PER_CHANGE, LONG = 60, 1_000


class Land:
    """A small firm with a few records of each kind, and what stands in every one of them."""

    def __init__(self) -> None:
        head = self._place("总部", None)
        self.places = [head, self._place("华北", head), self._place("华南", head)]
        role = {r.key: r.pk for r in Role.objects.all()}
        self.people = [
            User.objects.create_user(f"p{n}", "Zhike-test-2026", name=f"人{n}", department=place, roles=[role[key]])
            for n, (place, key) in enumerate(
                zip((head, self.places[1], self.places[1], self.places[2]),
                    ("administrator", "manager", "seller", "seller"), strict=True)
            )
        ]  # fmt: skip
        god = Actor(self.people[0])
        self.tags = [records.create(god, get("tag"), {"name": f"标签{n}"}).pk for n in range(3)]
        self.ids: dict[str, list[UUID]] = {key: [] for key in ENTITIES}
        for n in range(EACH):
            self._fill(god, n)
        self.stages = [s.pk for k in ("lead", "deal") for p in stages.current(get(k)) for s in stages.of(p.pk)]

    def _place(self, name: str, parent: Any) -> Any:
        made = Department(name=name, parent=parent)
        made.ancestors = [*(parent.ancestors if parent else []), made.pk]
        made.save()
        return made

    def _fill(self, god: Actor, n: int) -> None:
        owner = {"owner": self.people[1 + n % 3].pk}
        firm = {"name": f"客户{n}", "phone": f"1380013800{n}", "tier": "A", "tags": self.tags[:n], **owner}
        one = records.create(god, get("account"), firm).pk
        person = records.create(god, get("contact"), {"name": f"联系人{n}", "account": one, **owner}).pk
        lead = records.create(
            god, get("lead"), {"name": f"线索{n}", "company": f"线索公司{n}", "phone": f"1390013900{n}", **owner}
        ).pk
        deal = records.create(god, get("deal"), {"name": f"商机{n}", "account": one, "amount": f"{n}00.10", **owner}).pk
        talk = records.create(god, get("activity"), {"kind": "task", "subject": f"事{n}", "deal": deal, **owner}).pk
        for key, pk in zip(ENTITIES, (one, person, lead, deal, talk), strict=True):
            self.ids[key].append(pk)

    def digest(self) -> dict[tuple[str, UUID], dict[str, Any]]:
        """Every live record; the bin is not compared, for what was made there goes into it."""
        return {
            (key, row["id"]): {k: v for k, v in row.items() if k not in IGNORED}
            for key in COMPARED
            for row in guard.rows(get(key).model, "test").filter(deleted_at=None).values()
        }

    def actor(self, n: int) -> Actor:
        """Somebody as they are now."""
        return Actor(User.objects.select_related("department").get(pk=self.people[n].pk))


@pytest.fixture(scope="module")
def land(django_db_setup: None, django_db_blocker: Any) -> Iterator[Land]:
    with django_db_blocker.unblock(), transaction.atomic():
        yield Land()
        transaction.set_rollback(True)


def _values(land: Land) -> dict[str, st.SearchStrategy[Any]]:
    """Field -> what may be given, for fields of several entities."""
    text = st.text("甲乙ab 1%'\\\n🙂", max_size=12)
    day = st.dates(dt.date(2020, 1, 1), dt.date(2027, 12, 31)).map(str)
    return {
        "name": text.filter(str.strip), "remark": text, "tier": st.sampled_from(["S", "A", "B", ""]),
        "phone": st.sampled_from(["13800138000", "13911112222", "021-65432100", ""]),
        "email": st.sampled_from(["a@example.com", "b@example.com", ""]), "founded_on": day | st.just(""),
        "prior_sales": st.decimals(0, 10**10, places=4).map(str) | st.just(""),
        "amount": st.decimals(0, 10**12, places=2).map(str), "expected_on": day,
        "employees": st.integers(0, 10**6).map(str), "due_at": day,
        "region": st.sampled_from(["310000", "110000", ""]), "subject": text.filter(str.strip), "body": text,
        "account": st.sampled_from(land.ids["account"]).map(str), "position": text,
        "company": text.filter(str.strip),
        "stage": st.sampled_from(land.stages).map(str),
        "lost_reason": st.sampled_from(["price", "timing"]), "tags": st.lists(st.sampled_from(land.tags)),
        "employment": st.sampled_from(["active", "left"]), "probability": st.sampled_from(["10", "55"]),
        "score": st.integers(0, 100).map(str), "owner": st.integers(1, 3).map(lambda n: str(land.people[n].pk)),
    }  # fmt: skip


@st.composite
def deeds(draw: st.DrawFn, land: Land) -> tuple[str, Deed, list[UUID]]:
    """An entity, what is done, and to which of its records."""
    key = draw(st.sampled_from(ENTITIES))
    entity = get(key)
    ids = draw(st.lists(st.sampled_from(land.ids[key]), min_size=1, unique=True))
    actions = [n for n in entity.actions if n not in ("erase", "lock", "unlock")]
    action = draw(st.sampled_from(["update", "update", "update", "transfer", "delete", "restore", *actions]))
    if action in ("delete", "restore"):
        return key, Deed(action), ids
    known = {k: v for k, v in _values(land).items() if k in entity.attributes}
    if action == "transfer":
        return key, Deed(action, {"owner": draw(known["owner"])}), ids
    allowed = entity.actions[action].fields if action in entity.actions else tuple(known)
    keys = draw(st.lists(st.sampled_from([k for k in known if k in allowed] or ["name"]), max_size=3, unique=True))
    values = {k: draw(known[k]) for k in keys if k in allowed}
    if "tags" in values and draw(st.booleans()):
        return key, Deed(action, add={"tags": [str(t) for t in values["tags"]]}), ids
    return key, Deed(action, {k: [str(x) for x in v] if isinstance(v, list) else v for k, v in values.items()}), ids


def play(land: Land, data: st.DataObject, size: int) -> None:
    """Several deeds one after the other by anybody; then all of them back, the last first."""
    start = land.digest()
    done: list[tuple[Actor, UUID, Any, Any]] = []
    for _n in range(data.draw(st.integers(1, size))):
        key, deed, ids = data.draw(deeds(land))
        actor = land.actor(data.draw(st.integers(0, 3)))
        before = land.digest()
        try:
            required(actor, get(key), deed)
            with operations.recording(actor, get(key), deed.action, keys=deed.keys) as tally:
                outcome: Outcome = do(actor, get(key), deed, ids, {})
                tally.rows, tally.skipped = len(outcome.done), outcome.counts()
        except (Invalid, Refused, Missing):
            assert land.digest() == before
            continue
        assert set(outcome.done) | set(outcome.skipped) == set(ids)
        if tally.operation:
            done.append((actor, tally.operation.pk, before, land.digest()))
    assume(done)
    god = land.actor(0)
    for _actor, pk, before, after in reversed(done):
        Operation.objects.filter(pk=pk).update(user=god.user)
        back = undo.undo(god, pk)
        assert back.skipped == {}
        assert land.digest() == before
        again = undo.undo(god, back.pk)
        assert (again.skipped, land.digest()) == ({}, after)
        undo.undo(god, again.pk)
        assert land.digest() == before
    assert land.digest() == start
    check_periods(land)


def check_periods(land: Land) -> None:
    """Every record with an owner has one open period, of that owner, and its periods follow one another."""
    for key in ENTITIES:
        owners = dict(guard.rows(get(key).model, "test").values_list("pk", "owner"))
        for pk in land.ids[key]:
            periods = list(OwnerPeriod.objects.filter(record=pk).order_by("from_at", "id"))
            assert [p.to_at is None for p in periods] == [False] * (len(periods) - 1) + [True]
            assert periods[-1].owner_id == owners[pk]
            assert all(a.to_at == b.from_at for a, b in pairwise(periods))


def run(land: Land, examples: int, size: int) -> None:
    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.data())
    def property_(data: st.DataObject) -> None:
        with transaction.atomic():
            play(land, data, size)
            transaction.set_rollback(True)

    property_()


def test_doing_and_undoing_changes_nothing(land: Land) -> None:
    run(land, PER_CHANGE, 2)


@pytest.mark.long
def test_doing_and_undoing_changes_nothing_at_length(land: Land) -> None:
    run(land, LONG, 5)
