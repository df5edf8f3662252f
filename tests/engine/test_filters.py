"""The filter language: random filters find in SQL what they find in Python, within the reader's rights."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import random
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.base.models import Department, FieldGrant, Grant, Policy, Role, User
from zhike.engine import access, catalog, query, report
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid
from zhike.engine.models import CustomRecord
from zhike.engine.query import Clause, Condition, Group, Linked, View, paging
from zhike.modules.customers.models import Account, Contact, Tag

DOCUMENT: dict[str, Any] = {
    "fields": {
        "account": {
            "x_area": {"kind": "choice", "labels": {"en": "Area"}, "choices": [{"key": "east"}, {"key": "west"}]},
            "x_score": {"kind": "decimal", "labels": {"en": "Score"}},
            "x_day": {"kind": "date", "labels": {"en": "Day"}},
            "x_flag": {"kind": "boolean", "labels": {"en": "Flag"}},
            "x_dealer": {"kind": "link", "target": "account", "labels": {"en": "Dealer"}},
            "x_lines": {
                "kind": "multichoice", "labels": {"en": "Lines"}, "choices": [{"key": "a"}, {"key": "b"}],
            },
        },
        "x_visit": {
            "x_account": {"kind": "link", "target": "account", "labels": {"en": "Customer"}},
            "x_rating": {"kind": "integer", "labels": {"en": "Rating"}},
        },
    },
    "objects": {"x_visit": {"labels": {"en": "Visit"}, "plural": {"en": "Visits"}}},
}  # fmt: skip
TODAY = dt.date(2026, 11, 21)
SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def world(db: None) -> Iterator[World]:
    with catalog.preview(DOCUMENT):
        yield World(random.Random(11))


class World:
    """Customers with every kind of value, contacts and visits that point to them, and a seller who sees a part."""

    def __init__(self, dice: random.Random) -> None:
        self.root = _department("root", None)
        self.own, self.below, self.other = (_department(n, None if n == "other" else self.root) for n in "obx")
        self.below.parent, self.below.ancestors = self.own, [self.root.pk, self.own.pk, self.below.pk]
        Department.objects.bulk_create([self.root, self.own, self.below, self.other])
        self.seller_role = Role.objects.create(key="seller2", name="seller2")
        self.chief_role = Role.objects.create(key="chief2", name="chief2")
        self.people = [
            User(username=f"u{n}", name=f"n{n}", pinyin=f"p{9 - n}", department=place)
            for n, place in enumerate((self.own, self.own, self.below, self.other))
        ]
        self.people[0].roles, self.people[3].roles = [self.seller_role.pk], [self.chief_role.pk]
        User.objects.bulk_create(self.people)
        Grant.objects.bulk_create(
            Grant(role=role, entity=key, action="list", scope=scope)
            for role, scope in ((self.seller_role, "subtree"), (self.chief_role, "all"))
            for key in ("account", "contact", "x_visit", "tag")
        )
        self.tags = [Tag.objects.create(name=name) for name in "st"]
        self.accounts = [self._account(dice) for _n in range(60)]
        for account in self.accounts:
            if dice.random() < 0.4:
                account.parent = dice.choice(self.accounts)
            if dice.random() < 0.4:
                account.custom["x_dealer"] = str(dice.choice(self.accounts).pk)
        Account._base_manager.bulk_create(self.accounts)
        self.contacts = [self._pointing(Contact, dice, account=dice.choice([*self.accounts, None])) for _n in range(60)]
        Contact._base_manager.bulk_create(self.contacts)
        self.visits = [
            self._pointing(
                CustomRecord, dice, object="x_visit",
                custom={"x_account": str(dice.choice(self.accounts).pk), "x_rating": dice.randrange(4)},
            )
            for _n in range(60)
        ]  # fmt: skip
        CustomRecord._base_manager.bulk_create(self.visits)

    @property
    def seller(self) -> Actor:
        return Actor(self.people[0], "web")

    @property
    def chief(self) -> Actor:
        return Actor(self.people[3], "web")

    def _account(self, dice: random.Random) -> Account:
        custom = {
            "x_area": dice.choice([None, "east", "west"]),
            "x_score": dice.choice([None, Decimal("1.5"), Decimal(2), Decimal("10.25"), -3]),
            "x_day": dice.choice([None, "2026-11-01", "2026-11-21", "2026-12-31"]),
            "x_flag": dice.choice([None, True]),
            "x_lines": dice.choice([None, ["a"], ["a", "b"]]),
        }
        moment = query.moment(dt.date(2026, 11, 1)) + dt.timedelta(hours=dice.randrange(24 * 40))
        made: Account = self._pointing(
            Account, dice, tier=dice.choice(["", "A", "B"]), status=dice.choice(["intent", "customer"]),
            employees=dice.choice([None, 1, 5, 20]), prior_sales=dice.choice([None, Decimal(10), Decimal("99.5")]),
            founded_on=dice.choice([None, TODAY, TODAY - dt.timedelta(days=9), dt.date(2026, 1, 3)]),
            region=dice.choice(["", "440300", "440305", "310000"]), last_contact_at=dice.choice([None, moment]),
            tags=dice.choice([[], [self.tags[0].pk], [tag.pk for tag in self.tags]]),
            custom={key: value for key, value in custom.items() if value is not None},
        )  # fmt: skip
        return made

    def _pointing(self, model: type[Any], dice: random.Random, **values: Any) -> Any:
        owner = dice.choice([*self.people, None])
        place = owner.department if owner else None
        name = dice.choice(("宝钢", "华为", "华润", "Acme"))
        return model(
            name=name, pinyin=f"~{name}", owner=owner, department=place, ancestors=place.ancestors if place else [],
            deleted_at=dice.choice([None] * 7 + [timezone.now()]), **values,
        )  # fmt: skip

    def rows(self, key: str) -> list[Any]:
        """Every record of an entity."""
        return list({"account": self.accounts, "contact": self.contacts, "x_visit": self.visits, "tag": self.tags}[key])

    def seen(self, actor: Actor, key: str) -> list[Any]:
        """The records that somebody lists, by the rights as they were given above."""
        rows = [r for r in self.rows(key) if r.deleted_at is None]
        if actor.user is self.people[3]:
            return rows
        own = actor.user
        through = {a.pk for a in self.seen(actor, "account")} if key == "contact" else set()
        return [
            r
            for r in rows
            if key != "tag"
            and (r.owner_id == own.pk or own.department_id in r.ancestors or getattr(r, "account_id", None) in through)
        ]


def _department(name: str, parent: Department | None) -> Department:
    made = Department(name=name, parent=parent)
    made.ancestors = [*(parent.ancestors if parent else ()), made.pk]
    return made


# ---- the same filter in Python


def holds(world: World, actor: Actor, entity: AnyEntity, record: Any, clause: Clause) -> bool:
    """Whether a record fulfils a filter."""
    if isinstance(clause, Group):
        found = [holds(world, actor, entity, record, part) for part in clause.parts]
        return {"all": all(found), "any": any(found), "none": not any(found)}[clause.kind]
    if isinstance(clause, Linked):
        key, by = clause.path.split(".")
        other = get(key)
        pointing = [r for r in world.seen(actor, key) if other.attributes[by].read(r) == record.pk]
        some = any(all(holds(world, actor, other, r, part) for part in clause.parts) for r in pointing)
        return some is (clause.kind == "some")
    first, _dot, rest = clause.key.partition(".")
    a = entity.attributes[first]
    value = a.read(record)
    if rest:
        wanted = value if isinstance(value, list) else [value]
        there = [r for r in world.seen(actor, a.target) if r.pk in wanted]
        return any(holds(world, actor, get(a.target), r, Condition(rest, clause.op, clause.value)) for r in there)
    return _leaf(world, actor, a, value, clause.op, clause.value)


def _leaf(world: World, actor: Actor, a: Any, value: Any, op: str, asked: Any) -> bool:
    blank = value in (None, "", [])
    tests: Mapping[str, Callable[[], Any]] = {
        "empty": lambda: blank is (str(asked) != "0"),
        "eq": lambda: _same(world, actor, a, value, asked),
        "ne": lambda: not _same(world, actor, a, value, asked),
        "in": lambda: any(_same(world, actor, a, value, one) for one in asked),
        "contains": lambda: str(asked).lower() in value.lower(),
        "has": lambda: asked in [str(v) for v in value],
        "under": lambda: value.startswith(asked.rstrip("0")),
        "gte": lambda: not blank and value >= a.kind.operand(a, asked),
        "lte": lambda: not blank and _day(value) <= _day(a.kind.operand(a, asked)),
        "between": lambda: not blank and _in(value, *(_day(a.kind.operand(a, one)) for one in asked)),
        "within": lambda: not blank and _in(value, *query.period(asked)),
    }
    return bool(tests[op]())


def _same(world: World, actor: Actor, a: Any, value: Any, asked: Any) -> bool:
    if asked == "me":
        return bool(value == actor.user.pk)
    if asked in ("mine", "below"):
        own = actor.user.department_id
        paths: dict[Any, list[Any]] = {u.pk: getattr(u.department, "ancestors", []) for u in world.people}
        return value in {pk for pk, path in paths.items() if (own in path if asked == "below" else path[-1] == own)}
    wanted = a.kind.operand(a, asked)
    if isinstance(wanted, dt.datetime):
        return value is not None and _day(value) == _day(wanted)
    return bool(value == wanted)


def _day(value: Any) -> Any:
    return timezone.localtime(value).date() if isinstance(value, dt.datetime) else value


def _in(value: Any, low: Any, high: Any) -> bool:
    day = _day(value)
    return (low is None or day >= low) and (high is None or day <= high)


# ---- random filters

BLANK = st.sampled_from("01")
LEAVES: Mapping[str, list[tuple[str, st.SearchStrategy[Any]]]] = {
    "tier": [
        ("eq", st.sampled_from("AB")), ("ne", st.just("A")), ("in", st.just(["A", "B"])), ("empty", BLANK),
    ],
    "employees": [
        ("gte", st.integers(0, 9)), ("lte", st.integers(0, 9)), ("empty", BLANK), ("ne", st.just(5)),
    ],
    "prior_sales": [("between", st.just(["5", "50"])), ("eq", st.just("99.5"))],
    "founded_on": [
        ("within", st.sampled_from(["2026", "2026-Q4", "last_9_days", "overdue"])), ("lte", st.just("2026-06-01")),
    ],
    "last_contact_at": [
        ("within", st.sampled_from(["2026-11", "before_3", "last_2_weeks"])), ("eq", st.just("2026-11-20")),
        ("lte", st.just("2026-11-20")), ("empty", BLANK),
    ],
    "region": [("under", st.sampled_from(["440000", "440300"])), ("empty", st.just("1"))],
    "name": [("contains", st.sampled_from(["华", "acm"])), ("ne", st.just("宝钢"))],
    "owner": [
        ("eq", st.sampled_from(["me", "mine", "below"])), ("ne", st.sampled_from(["me", "mine"])),
        ("in", st.just(["me"])),
    ],
    "x_area": [
        ("eq", st.just("east")), ("ne", st.just("east")), ("in", st.just(["east", "west"])), ("empty", BLANK),
    ],
    "x_score": [
        ("gte", st.sampled_from(["2", "1.50"])), ("lte", st.just("2")), ("between", st.just(["-5", "2"])),
        ("eq", st.just("10.25")),
    ],
    "x_day": [("within", st.sampled_from(["2026-11", "2026-12", "overdue"])), ("lte", st.just("2026-11-21"))],
    "x_flag": [("eq", st.sampled_from("01"))],
    "x_lines": [("has", st.sampled_from("ab")), ("empty", BLANK)],
}  # fmt: skip


@st.composite
def leaves(draw: st.DrawFn) -> Condition:
    """A condition over a customer, or over the one that it is linked to."""
    key = draw(st.sampled_from(sorted(LEAVES)))
    op, values = draw(st.sampled_from(LEAVES[key]))
    before = draw(st.sampled_from(["", "", "", "parent.", "x_dealer.", "parent.x_dealer."]))
    return Condition(before + key, op, draw(values))


VISIT = st.builds(Condition, st.just("x_rating"), st.sampled_from(["gte", "eq"]), st.integers(0, 3))
CONTACT = st.one_of(
    st.builds(Condition, st.just("name"), st.just("contains"), st.sampled_from(["华", "a"])),
    st.builds(Condition, st.just("account.tier"), st.just("eq"), st.just("A")),
    st.just(Condition("owner", "eq", "me")),
)
KINDS = st.sampled_from(("some", "none"))


def _linked(inner: st.SearchStrategy[Clause]) -> st.SearchStrategy[Clause]:
    def some(path: str, parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Clause]:
        return st.builds(Linked, st.just(path), KINDS, st.lists(parts, max_size=2).map(tuple))

    return st.one_of(
        some("contact.account", CONTACT), some("x_visit.x_account", VISIT), some("account.parent", inner),
        some("account.x_dealer", inner),
    )  # fmt: skip


def _grouped(inner: st.SearchStrategy[Clause]) -> st.SearchStrategy[Clause]:
    group = st.builds(
        Group, st.sampled_from(("all", "any", "none")), st.lists(inner, min_size=1, max_size=3).map(tuple)
    )
    return st.one_of(group, _linked(inner))


FILTERS: st.SearchStrategy[Clause] = st.recursive(leaves(), _grouped, max_leaves=6)


@SETTINGS
@given(filters=st.lists(FILTERS, min_size=1, max_size=2), chief=st.booleans())
def test_a_filter_finds_what_it_says(world: World, filters: list[Clause], chief: bool) -> None:
    actor = world.chief if chief else world.seller
    view = query.parse(View().also(*filters).query())
    expected = {
        r.pk for r in world.seen(actor, "account") if all(holds(world, actor, get("account"), r, f) for f in filters)
    }
    found = list(query.select(actor, get("account"), view).values_list("pk", flat=True))
    assert set(found) == expected
    assert len(found) == len(expected)
    assert query.how_many(actor, get("account"), view) == len(expected)


@SETTINGS
@given(clause=FILTERS)
def test_a_filter_comes_back_from_its_json(clause: Clause) -> None:
    assert query.clauses(query.text(clause)) == query.clauses([json.loads(query.text(clause))]) == (clause,)


# ---- rights


def test_only_linked_records_in_sight_count(world: World) -> None:
    hidden = next(a for a in world.accounts if a.deleted_at is None and a not in world.seen(world.seller, "account"))
    own = world.seen(world.seller, "account")[0]
    Account._base_manager.filter(pk=own.pk).update(parent=hidden)
    for clause in (["parent.name", "contains", ""], ["parent.tier", "ne", "S"], ["parent.name", "empty", "0"]):
        found = query.select(world.seller, get("account"), View(where=query.clauses(clause)))
        assert own.pk not in set(found.values_list("pk", flat=True))


def test_hidden_fields_of_linked_records_are_no_filters(world: World) -> None:
    FieldGrant.objects.create(role=world.seller_role, entity="contact", key="account", level="hidden")
    FieldGrant.objects.create(role=world.seller_role, entity="account", key="employees", level="hidden")
    for clause in (
        ["parent.employees", "gte", 1], ["some", "contact.account"], ["some", "account.parent", ["employees", "eq", 1]],
        ["parent.parent.employees", "empty", "1"], ["some", "deal.account"], ["stage.win_percent", "gte", 1],
        ["owner.phone", "eq", "1"], ["some", "contact.owner"], ["none", "contact.name"], ["tags.nothing", "eq", "1"],
    ):  # fmt: skip
        with pytest.raises(Invalid):
            query.select(world.seller, get("account"), View(where=query.clauses(clause)))


def test_a_masked_field_beyond_a_link_answers_to_its_whole_value_alone(world: World) -> None:
    visible = world.seen(world.seller, "account")
    Account._base_manager.filter(pk=visible[0].pk).update(phone="+8613800138000", parent=visible[1])
    Account._base_manager.filter(pk=visible[1].pk).update(phone="+8613900139000")

    def found(value: Any) -> set[UUID]:
        view = View(where=query.clauses(value))
        return set(query.select(world.seller, get("account"), view).values_list("pk", flat=True))

    assert found(["parent.phone", "eq", "13900139000"]) == {
        r.pk for r in visible if r.parent_id == visible[1].pk or r is visible[0]
    }
    with pytest.raises(Invalid):
        found(["parent.phone", "contains", "139"])
    with pytest.raises(Invalid):
        found(["some", "account.parent", ["phone", "contains", "138"]])


def test_stored_conditions_look_at_linked_records_whatever_their_reader_sees(world: World) -> None:
    Grant.objects.filter(role=world.seller_role, entity="account").update(
        scope="all", conditions=[["any", ["some", "x_visit.x_account", ["x_rating", "gte", 2]], ["tier", "eq", "A"]]]
    )
    rated = {v.custom["x_account"] for v in world.visits if v.custom["x_rating"] >= 2 and v.deleted_at is None}
    expected = {a.pk for a in world.accounts if a.deleted_at is None and (str(a.pk) in rated or a.tier == "A")}
    actor = world.seller
    assert set(query.visible(actor, get("account")).values_list("pk", flat=True)) == expected
    assert {r.id for r in query.page(actor, get("account"), View(size=200)).rows} == expected
    assert [p.reason for p in access.pieces(actor, get("account"), "list")] == ["all"]


# ---- what is refused, and how it is said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[", "JSON"), ("{}", "where:"), ('["any"]', "where:"), ('["tier"]', "where:"), ('["tier",1]', "where:"),
        ('["all",["tier","eq","A"],[]]', "where[2]:"), ('[["tier","eq","A"],["not",["x"]]]', "where[1][1]:"),
        ('["some","deal"]', "where:"), ('["tier","in",[["A"]]]', "where:"), ("[" * 4000, "JSON"),
        ('["a.b.c.d.e","eq","1"]', "where:"), (json.dumps(["any", *[["tier", "eq", "A"]] * 61]), "where[60]:"),
        ('["not",' * 6 + '["tier","eq","A"]' + "]" * 6, "where[1][1][1][1][1][1]:"),
        (json.dumps(["tier", "in", ["A"] * 201]), "where:"), (json.dumps(["name", "eq", "x" * 9000]), "8000"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refused:
        query.clauses(text)
    assert said in refused.value.first["where"][0].text


# ---- periods

PERIODS: Mapping[str, tuple[str | None, str | None]] = {
    "today": ("2026-11-21", "2026-11-21"), "yesterday": ("2026-11-20", "2026-11-20"),
    "tomorrow": ("2026-11-22", "2026-11-22"), "overdue": (None, "2026-11-20"), "future": ("2026-11-22", None),
    "last_week": ("2026-11-09", "2026-11-15"), "this_week": ("2026-11-16", "2026-11-22"),
    "next_week": ("2026-11-23", "2026-11-29"), "last_month": ("2026-10-01", "2026-10-31"),
    "this_month": ("2026-11-01", "2026-11-30"), "next_month": ("2026-12-01", "2026-12-31"),
    "last_quarter": ("2026-07-01", "2026-09-30"), "this_quarter": ("2026-10-01", "2026-12-31"),
    "next_quarter": ("2027-01-01", "2027-03-31"), "last_year": ("2025-01-01", "2025-12-31"),
    "this_year": ("2026-01-01", "2026-12-31"), "next_year": ("2027-01-01", "2027-12-31"),
    "last_fiscal_year": ("2025-04-01", "2026-03-31"), "this_fiscal_year": ("2026-04-01", "2027-03-31"),
    "next_fiscal_year": ("2027-04-01", "2028-03-31"), "this_fiscal_quarter": ("2026-10-01", "2026-12-31"),
    "last_fiscal_quarter": ("2026-07-01", "2026-09-30"), "next_fiscal_quarter": ("2027-01-01", "2027-03-31"),
    "last_30": ("2026-10-22", "2026-11-21"), "next_7": ("2026-11-21", "2026-11-28"),
    "before_30": (None, "2026-10-22"), "after_10": ("2026-12-01", None), "last_2_weeks": ("2026-11-07", "2026-11-21"),
    "last_3_months": ("2026-08-21", "2026-11-21"), "next_1_months": ("2026-11-21", "2026-12-21"),
    "before_6_months": (None, "2026-05-21"), "2026": ("2026-01-01", "2026-12-31"),
    "2026-Q1": ("2026-01-01", "2026-03-31"), "2024-02": ("2024-02-01", "2024-02-29"),
}  # fmt: skip


@pytest.mark.parametrize("word", PERIODS)
def test_a_period_has_its_days(word: str) -> None:
    low, high = query.period(word, TODAY, fiscal=4)
    assert (low and low.isoformat(), high and high.isoformat()) == PERIODS[word]


@pytest.mark.parametrize("first", range(1, 13))
def test_a_fiscal_year_is_twelve_months_around_today(db: None, first: int) -> None:
    Policy.objects.update_or_create(pk=1, defaults={"fiscal_month": first})
    low, high = query.period("this_fiscal_year", TODAY)
    assert low is not None
    assert high is not None
    assert low.month == first
    assert low.day == 1
    assert low <= TODAY <= high
    assert query.period("next_fiscal_year", TODAY)[0] == high + dt.timedelta(days=1)
    quarter = query.period("this_fiscal_quarter", TODAY)
    assert quarter[0] is not None
    assert (quarter[0].month - first) % 3 == 0


@pytest.mark.parametrize("word", ["", "2026-13", "last_", "last_99999", "this_fiscal_month", "0"])
def test_what_is_no_period_is_refused(word: str) -> None:
    with pytest.raises(ValueError, match="“"):
        query.period(word, TODAY)


# ---- pages by key

SORTS = (
    "", "id", "-id", "name", "-name", "tier", "-employees", "employees", "founded_on", "-last_contact_at", "owner",
    "-owner",
    "parent", "-parent", "x_score", "-x_score", "x_day", "x_flag", "-x_area", "x_dealer", "idle_days", "department",
)  # fmt: skip


@settings(SETTINGS, max_examples=10)
@given(
    sort=st.sampled_from(SORTS), size=st.sampled_from((4, 9, 25)), chief=st.booleans(),
    filters=st.lists(FILTERS, max_size=1), gone=st.booleans(),
)  # fmt: skip
def test_a_walk_both_ways_sees_the_same_rows(
    world: World, sort: str, size: int, chief: bool, filters: list[Clause], gone: bool
) -> None:
    actor, entity = world.chief if chief else world.seller, get("account")
    view = View(sort=sort, size=size).also(*filters)
    every = list(query.select(actor, entity, view).values_list("pk", flat=True))
    pages = [query.page(actor, entity, view)]
    while pages[-1].next:
        pages.append(query.page(actor, entity, query.parse(view.but(after=pages[-1].next).query()).but(size=size)))
        assert len(pages) <= len(every) + 1
    there = [[row.id for row in page.rows] for page in pages]
    assert [pk for page in there for pk in page] == every
    assert pages[0].previous == ""
    back = [pages[-1]]
    while back[-1].previous:
        back.append(query.page(actor, entity, view.but(before=back[-1].previous)))
        assert len(back) <= len(every) + 1
    if gone and len(pages) > 1:  # the row that the cursor was made of need not be there any more
        last = Account._base_manager.filter(pk=there[0][-1])
        last.update(deleted_at=timezone.now())
        again = query.page(actor, entity, view.but(after=pages[0].next))
        last.update(deleted_at=None)
        if not filters and sort.lstrip("-") not in ("parent", "x_dealer"):  # whose titles it would take away
            assert [row.id for row in again.rows] == there[1]
    seen = [row.id for page in back[::-1] for row in page.rows]
    assert list(dict.fromkeys(seen)) == every
    assert back[-1].previous == ""


def test_many_rows_of_one_value_are_walked_once(world: World) -> None:
    Account._base_manager.update(name="一", pinyin="~yi1一", parent=world.seen(world.chief, "account")[0])
    for sort in ("name", "-name", "parent", "-parent"):
        view, found = View(sort=sort, size=7), []
        page = query.page(world.chief, get("account"), view)
        found += [row.id for row in page.rows]
        while page.next:
            page = query.page(world.chief, get("account"), view.but(after=page.next))
            found += [row.id for row in page.rows]
        assert len(found) == len(set(found)) == len(world.seen(world.chief, "account"))


@pytest.mark.parametrize("after", ["x", "e30", "W10", "WyJuYW1lIiwieCIsIiIsMV0", "A" * 3000, "é"])
def test_a_cursor_that_is_none_is_refused(world: World, after: str) -> None:
    with pytest.raises(Invalid):
        query.page(world.chief, get("account"), View(sort="name", after=after))


@pytest.mark.parametrize("value", [0, True, 1.5, [], {}, "\x00", None])
def test_a_made_up_cursor_is_compared_with_nothing_of_another_kind(world: World, value: Any) -> None:
    for sort in ("name", "-employees", "last_contact_at", "owner", "id", ""):
        said = [sort, str(world.accounts[0].pk), "", value]
        text = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
        with contextlib.suppress(Invalid):
            query.page(world.chief, get("account"), View(sort=sort, after=text))


def test_a_cursor_of_another_order_begins_at_the_first_page(world: World) -> None:
    first = query.page(world.chief, get("account"), View(sort="name", size=5))
    other = query.page(world.chief, get("account"), View(sort="-tier", size=5, after=first.next))
    assert [r.id for r in other.rows] == [
        r.id for r in query.page(world.chief, get("account"), View(sort="-tier", size=5)).rows
    ]


def test_linked_titles_order_only_what_is_in_sight(world: World) -> None:
    rows = query.page(world.seller, get("account"), View(sort="parent", size=100)).rows
    names = {a.pk: a.name for a in world.seen(world.seller, "account")}
    keys = [names.get(row.values.get("parent")) for row in query.read(
        world.seller, get("account"),
        query.select(world.seller, get("account"), View(sort="parent")), [get("account").attributes["parent"]],
    )]  # fmt: skip
    shown = [name for name in keys if name]
    assert keys == [*shown, *[None] * (len(keys) - len(shown))]
    assert [row.key is None for row in rows] == [name is None for name in keys]


def test_deep_pages_send_what_the_first_sends(world: World) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for sort in ("", "name", "tier"):
        view, sent = View(sort=sort, size=4), []
        page = query.page(world.seller, get("account"), view)
        while page.next:
            with CaptureQueriesContext(connection) as said:
                page = query.page(world.seller, get("account"), view.but(after=page.next))
            sent.append(len(said))
            assert not any("OFFSET" in one["sql"] for one in said)
        assert len(set(sent)) <= 2


def test_rows_are_counted_to_the_cap_or_to_the_last(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "COUNT_CAP", 5)
    for actor in (world.chief, world.seller):
        n = len(world.seen(actor, "account"))
        view = View(size=3)
        assert query.page(actor, get("account"), view).total == 6
        assert query.page(actor, get("account"), view.but(exact=True)).total == n
        assert query.page(actor, get("contact"), view.but(exact=True)).total == len(world.seen(actor, "contact"))


# ---- groups with subtotals

GROUPS = ("tier", "status", "owner", "parent", "x_area", "x_flag", "x_dealer", "employees", "founded_on", "created_at")


@pytest.mark.parametrize("by", GROUPS)
def test_the_groups_together_are_the_list(world: World, by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (200, 2):
        monkeypatch.setattr(report, "MOST", most)
        for actor in (world.chief, world.seller):
            view = View(group=by, where=query.clauses(["not", ["name", "eq", "Acme"]]))
            groups = report.subtotals(actor, get("account"), view)
            assert sum(g.n for g in groups) == query.how_many(actor, get("account"), view)
            whole = query.sums(actor, get("account"), view)["prior_sales"] or 0
            assert sum(g["prior_sales"] for g in groups) == whole
            for g in groups[:most]:
                assert query.how_many(actor, get("account"), g.view) == g.n
                assert (query.sums(actor, get("account"), g.view)["prior_sales"] or 0) == g["prior_sales"]
            assert len(groups) <= most + 1


def test_hidden_and_masked_fields_make_no_groups(world: World) -> None:
    FieldGrant.objects.create(role=world.seller_role, entity="account", key="tier", level="hidden")
    FieldGrant.objects.create(role=world.seller_role, entity="account", key="prior_sales", level="hidden")
    for by in ("tier", "phone", "nothing", "last_contact_at:day"):
        with pytest.raises(Invalid):
            report.subtotals(world.seller, get("account"), View(group=by))
    assert all(
        "prior_sales" not in g.figures for g in report.subtotals(world.seller, get("account"), View(group="status"))
    )
