"""Lists are read part by part of what somebody reaches: the same rows in the same order as by one condition."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Func, TextField
from django.db.models.functions import Cast
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st

from zhike.base.models import Department, Grant, Role, User
from zhike.engine import access, query
from zhike.engine.access import FEW, Actor
from zhike.engine.entity import get
from zhike.engine.models import Share
from zhike.engine.query import Condition, View, paging, selecting
from zhike.modules.customers.models import Account, Affiliation, Contact

STATUSES = ("potential", "intent", "customer")
SCOPES = ("", "own", "department", "subtree", "all")
CONDITIONS: tuple[list[list[Any]], ...] = (
    [], [["status", "eq", "customer"]], [["status", "in", ["customer", "intent"]], ["owner", "ne", "me"]],
    [["idle_days", "gte", 0]],
)  # fmt: skip
SORTS = ("", "name", "-name", "status", "-created_at", "owner", "-owner", "idle_days", "last_contact_at")
FILTERS = (
    (), (Condition("status", "eq", "customer"),), (Condition("owner", "eq", "me"),),
    (Condition("idle_days", "gte", 1),), (Condition("department", "under", "mine"),),
)  # fmt: skip
EVERYWHERE = ("owner", "department")  # what everything that has an owner may be asked for
WHERE = (
    (), (), query.clauses(["any", ["status", "eq", "intent"], ["idle_days", "lte", 2]]),
    query.clauses(["not", ["some", "contact.account", ["name", "contains", "华"]]]),
    query.clauses(["none", "affiliation.account", ["position", "eq", "p1"]]), query.clauses(["owner.name", "ne", "n1"]),
)  # fmt: skip
ELSEWHERE = {"contact": ("-name", "account", "-account", "", "owner"), "affiliation": ("position",)}


@pytest.fixture
def world(db: None) -> World:
    return World(random.Random(7))


class World:
    """A tree of six levels, people all over it, customers with ties in every order, contacts across."""

    def __init__(self, dice: random.Random) -> None:
        now = timezone.now()
        self.departments = [_department("root", None)]
        for n in range(24):
            parent = self.departments[-1] if n < 5 else dice.choice(self.departments)
            self.departments.append(_department(f"d{n}", parent))
        Department.objects.bulk_create(self.departments)
        self.role, self.other = (Role.objects.create(key=key, name=key) for key in ("tested", "tested2"))
        self.people = [
            User(username=f"u{n}", name=f"n{n % 5}", pinyin=f"n{n % 5}", department=department, roles=[self.role.pk])
            for n, department in enumerate([*self.departments, None])
        ]
        User.objects.bulk_create(self.people)
        self.accounts = [self._record(Account, dice, now, status=dice.choice(STATUSES)) for _n in range(260)]
        Account._base_manager.bulk_create(self.accounts)
        contacts = [self._record(Contact, dice, now, account=dice.choice([*self.accounts, None])) for _n in range(200)]
        Contact._base_manager.bulk_create(contacts)
        Affiliation._base_manager.bulk_create(
            Affiliation(contact=dice.choice(contacts), account=dice.choice(self.accounts), position=f"p{n % 4}")
            for n in range(120)
        )
        with connection.cursor() as cursor:  # other tests leave tables that look large and empty
            cursor.execute("ANALYZE customers_account, customers_contact, customers_affiliation, base_user")

    def _record(self, model: type[Any], dice: random.Random, now: dt.datetime, **values: Any) -> Any:
        owner = dice.choice([*self.people, None])
        place = owner.department if owner else dice.choice([*self.departments, None])
        name = dice.choice(("华为", "海尔", "华润", "中兴"))
        return model(
            name=name, pinyin=name[:1], search_text=name, search_grams=[name, *name], owner=owner, department=place,
            ancestors=place.ancestors if place else [], updated_at=now - dt.timedelta(days=dice.randrange(6)),
            last_contact_at=dice.choice([None, now - dt.timedelta(days=dice.randrange(4))]),
            deleted_at=dice.choice([None] * 9 + [now]), **values,
        )  # fmt: skip


def _department(name: str, parent: Department | None) -> Department:
    made = Department(name=name, parent=parent)
    made.ancestors = [*(parent.ancestors if parent else ()), made.pk]
    return made


@st.composite
def rights(draw: st.DrawFn) -> list[tuple[int, str, str, Sequence[Any]]]:
    """(role, entity, scope, conditions) of one role or two."""
    found: list[tuple[int, str, str, Sequence[Any]]] = []
    for role in range(draw(st.integers(1, 2))):
        found.append((role, "account", draw(st.sampled_from(SCOPES)), draw(st.sampled_from(CONDITIONS))))
        found.append((role, "contact", draw(st.sampled_from(SCOPES)), []))
        found.append((role, "affiliation", draw(st.sampled_from(("", "own"))), []))
    return [each for each in found if each[2]]


SHARES = st.lists(
    st.tuples(
        st.sampled_from(("user", "department", "role")),
        st.sampled_from(("read", "write")),
        st.sampled_from((None, -1, 0, 3)),
        st.sampled_from((1, 6, FEW, FEW + 1)),
        st.integers(0, 90),
    ),
    max_size=3,
)
VIEWS = st.builds(
    View,
    sort=st.sampled_from(SORTS),
    conditions=st.sampled_from(FILTERS),
    where=st.sampled_from(WHERE),
    search=st.sampled_from(("", "", "华", "中兴")),
    page=st.integers(1, 3),
    size=st.sampled_from((1, 7, 50)),
)


@limits(max_examples=16, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    who=st.integers(0, 25), held=rights(), shares=SHARES, views=st.lists(VIEWS, min_size=4, max_size=4),
    cap=st.sampled_from((3, 40, 10_000)),
)  # fmt: skip
def test_a_list_is_the_same_by_parts(
    world: World, monkeypatch: pytest.MonkeyPatch, who: int, held: Any, shares: Any, views: list[View], cap: int
) -> None:
    monkeypatch.setattr(paging, "COUNT_CAP", cap)
    actor = _arranged(world, who, held, shares)
    for key in ("account", "contact", "affiliation"):
        entity = get(key)
        if not access.may(actor, entity, "list"):
            continue
        assert set(_ids(query.visible(actor, entity))) == _reached(world, actor, key, held)
        for n, asked in enumerate(views):
            fits = tuple(c for c in asked.conditions if c.key != "department" or actor.user.department_id)
            here = tuple(c for c in fits if c.key in EVERYWHERE and key == "contact")
            orders = ELSEWHERE.get(key, ())
            view = asked.but(conditions=fits)
            if orders:
                view = view.but(conditions=here, where=(), sort=orders[n % len(orders)])
            if any("some" in str(c) or "none" in str(c) for c in view.where) and not _looks_round(actor):
                view = view.but(where=())
            every = _ids(query.select(actor, entity, view))
            start, end = (view.page - 1) * view.size, view.page * view.size
            page = query.page(actor, entity, view)
            assert [row.id for row in page.rows] == every[start:end]
            assert page.total == (len(every) if start < len(every) <= end else min(len(every), cap + 1))
            late = query.page(actor, entity, view, late=True)
            assert [row.id for row in late.rows] == every[start:end]
            assert late.total == (page.total if late.counted else min(view.page * view.size, len(every)))
            assert query.counted(actor, entity, view).total == min(len(every), cap + 1)
            if page.next:
                following = query.page(actor, entity, view.but(after=page.next))
                assert [row.id for row in following.rows] == every[end : end + view.size]
            if page.previous:
                before = query.page(actor, entity, view.but(after="", page=1, before=page.previous))
                assert [row.id for row in before.rows] == every[max(0, start - view.size) :][: view.size]


def _looks_round(actor: Actor) -> bool:
    return all(access.may(actor, get(key), "list") for key in ("contact", "affiliation"))


def _ids(rows: Any) -> list[UUID]:
    return list(rows.values_list("pk", flat=True))


def _arranged(world: World, who: int, held: Any, shares: Any) -> Actor:
    """The person with these rights and shares, and nothing of the example before."""
    roles = (world.role, world.other)
    Grant.objects.filter(role__in=roles).delete()
    Share.objects.all().delete()
    Grant.objects.bulk_create(
        Grant(role=roles[n], entity=entity, action="list", scope=scope, conditions=conditions)
        for n, entity, scope, conditions in held
    )
    user = world.people[who]
    user.roles = [roles[n].pk for n in sorted({each[0] for each in held})] or [world.role.pk]
    today = timezone.localdate()
    Share.objects.bulk_create(
        (
            Share(
                entity="account", record=record.pk, kind=kind, target=target, level=level, by=user,
                until=None if days is None else today + dt.timedelta(days=days),
            )
            for kind, level, days, count, start in shares
            if (target := _target(user, kind)) is not None
            for record in world.accounts[start : start + count]
        ),
        ignore_conflicts=True,
    )  # fmt: skip
    return Actor(user, "web")


def _target(user: User, kind: str) -> UUID | None:
    """The person, the top of the tree above, or the first role."""
    above = user.department.ancestors[0] if user.department else None
    found: dict[str, UUID | None] = {"user": user.pk, "department": above, "role": user.roles[0]}
    return found[kind]


def _reached(world: World, actor: Actor, key: str, held: Any) -> set[UUID]:
    """What somebody reaches, by going through all rows in Python."""
    user = actor.user
    today = timezone.localdate()
    live = {s.record for s in Share.objects.all() if s.until is None or s.until >= today}

    def within(row: Any, scope: str, conditions: Sequence[Any]) -> bool:
        place = user.department_id
        own = row.owner_id == user.pk
        found = {
            "own": own,
            "department": own or (place is not None and row.department_id == place),
            "subtree": own or (place is not None and place in row.ancestors),
            "all": True,
        }[scope]
        return found and all(_holds(user, row, c) for c in conditions)

    def direct(row: Any, entity: str) -> bool:
        return any(within(row, scope, conditions) for _n, e, scope, conditions in held if e == entity)

    accounts = {a.pk for a in world.accounts if a.deleted_at is None and (direct(a, "account") or a.pk in live)}
    if key == "account":
        return accounts
    rows = Contact._base_manager.filter(deleted_at=None)
    through = accounts if any(e == "contact" for _n, e, _s, _c in held) else set()
    contacts = {c.pk for c in rows if direct(c, "contact") or c.account_id in through}
    if key == "contact":
        return contacts
    return {a.pk for a in Affiliation._base_manager.all() if a.account_id in accounts or a.contact_id in contacts}


def _holds(user: User, row: Any, condition: Sequence[Any]) -> bool:
    key, op, value = condition
    if key == "owner":
        return row.owner_id is None or row.owner_id != user.pk
    if key == "idle_days":
        return True
    return row.status in value if op == "in" else row.status == value


@pytest.mark.parametrize("shared", [20, 150])
def test_a_page_needs_a_few_statements_however_much_is_reached(world: World, shared: int) -> None:
    held: list[Any] = [(0, key, "subtree", []) for key in ("account", "contact")]
    user = _arranged(world, 3, held, [("user", "read", None, shared, 0)]).user
    for key in ("account", "contact"):
        with CaptureQueriesContext(connection) as sent:
            query.page(Actor(user, "web"), get(key), View(size=5))
        # what is seen through others is looked for last, in a statement of its own
        assert len(sent) == {"account": 8, "contact": 10}[key], [one["sql"] for one in sent]


def test_no_list_is_read_by_one_condition_over_all_parts(world: World) -> None:
    held: list[Any] = [(0, key, "subtree", []) for key in ("account", "contact")]
    actor = _arranged(world, 3, held, [("user", "read", None, 20, 0)])
    reasons = {key: [p.reason for p in access.pieces(actor, get(key), "list")] for key in ("account", "contact")}
    assert reasons == {
        "account": ["subtree", "subtree", "share"], "contact": ["subtree", "subtree", "via", "via", "via"],
    }  # fmt: skip
    everything = _arranged(world, 3, [(0, "account", "all", [])], [("user", "read", None, 20, 0)])
    assert [p.reason for p in access.pieces(everything, get("account"), "list")] == ["all"]
    assert [p.q for p in access.pieces(everything, get("deal"), "list")] == [access.NOBODY]


@pytest.mark.parametrize(("days", "reasons"), [(-1, ["own"]), (0, ["own", "share"]), (None, ["own", "share"])])
def test_a_share_holds_to_the_end_of_its_last_day(world: World, days: int | None, reasons: list[str]) -> None:
    actor = _arranged(world, 3, [(0, "account", "own", [])], [("user", "read", days, 6, 0)])
    assert [p.reason for p in access.pieces(actor, get("account"), "list")] == reasons


def test_related_records_are_read_without_their_reasons(world: World) -> None:
    """What hangs on a record that was just shown is seen through it: nothing else need be asked."""
    held: list[Any] = [(0, "account", "own", []), (0, "contact", "own", [])]
    user = next(u for u in world.people if any(a.owner_id == u.pk and not a.deleted_at for a in world.accounts))
    actor = _arranged(world, world.people.index(user), held, [])
    Grant.objects.create(role=world.role, entity="account", action="read", scope="own")
    actor = Actor(actor.user, "web")
    mine = next(a for a in world.accounts if a.owner_id == user.pk and not a.deleted_at)
    view = View(conditions=(Condition("account", "eq", str(mine.pk)),), size=200)
    before = _ids(query.select(actor, get("contact"), view))
    assert len(selecting.pieces(actor, get("contact"), view)) > 1
    query.record(actor, get("account"), mine.pk)
    assert [why for why, _rows in selecting.pieces(actor, get("contact"), view)] == [""]
    assert [row.id for row in query.page(actor, get("contact"), view).rows] == before
    hidden = next(a for a in world.accounts if a.owner_id != user.pk)
    other = view.but(conditions=(Condition("account", "eq", str(hidden.pk)),))
    assert len(selecting.pieces(actor, get("contact"), other)) > 1


def test_a_list_does_not_wait_for_its_number(world: World, settings: Any) -> None:
    actor = _arranged(world, 3, [(0, "account", "all", [])], [])
    settings.COUNT_SECONDS = 0.001
    slow = Cast(Func(0.002, function="pg_sleep", output_field=TextField()), TextField())
    rows = Account._base_manager.filter(deleted_at=None).annotate(zk_slow=slow)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paging, "pieces", lambda *_args: [("", rows.exclude(zk_slow="never"))])
        asked = View(conditions=(Condition("name", "ne", "nobody"),), size=5)
        page = query.page(actor, get("account"), asked, adds=True)
        assert isinstance(page.total, query.AtLeast)
        assert (page.total, page.sums, len(page.rows)) == (6, {}, 5)
    whole = query.page(actor, get("account"), View(size=5, exact=True), adds=True)  # whoever asks for it waits
    assert (type(whole.total), bool(whole.sums)) == (int, True)


@pytest.mark.parametrize("sort", ["account", "-account"])
def test_titles_out_of_sight_order_nothing_and_hide_nothing(world: World, sort: str) -> None:
    actor, contact = _arranged(world, 3, [(0, "contact", "all", [])], []), get("contact")
    every = _ids(query.visible(actor, contact))
    view = View(sort=sort, size=50)
    assert set(_ids(query.select(actor, contact, view))) == set(every)
    assert [row.id for row in query.page(actor, contact, view).rows] == _ids(query.select(actor, contact, view))[:50]
