"""What is written into a custom field through the write path comes back through the read gate, whatever its kind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conftest import Firm
from zhike.engine import catalog, query, records
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.engine.query import Condition, View

from . import sample

WORDS = (
    st.text("宝钢上海abcXYZ019 \"\\%_'é😀-", min_size=1, max_size=12).map(lambda t: " ".join(t.split())).filter(bool)
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": WORDS,
    "longtext": WORDS,
    "richtext": st.sampled_from(["<p>a</p>", "<p><strong>宝</strong></p>"]),
    "integer": st.integers(1 - 2**31, 2**31 - 1),
    "decimal": st.decimals(-(10**13), 10**13, places=4),
    "money": st.decimals(-(10**15), 10**15, places=2),
    "percent": st.decimals(0, 100, places=2),
    "boolean": st.booleans(),
    "date": st.dates(dt.date(1900, 1, 1), dt.date(2999, 12, 31)),
    "datetime": st.datetimes(
        dt.datetime.fromisoformat("1950-01-01"),
        dt.datetime.fromisoformat("2999-01-01"),
        timezones=st.sampled_from([dt.UTC, dt.timezone(dt.timedelta(hours=8))]),
    ),
    "choice": st.sampled_from(["gold", "silver"]),
    "multichoice": st.lists(st.sampled_from(["gold", "silver"]), unique=True),
    "phone": st.integers(13000000000, 13999999999).map(lambda n: f"+86{n}"),
    "email": st.from_regex(r"[a-z]{1,8}@[a-z]{1,8}\.com", fullmatch=True),
    "url": st.from_regex(r"https://[a-z]{1,8}\.com/[a-z]{0,5}", fullmatch=True),
    "region": st.sampled_from(["310115", "440305", "110000"]),
    "industry": st.sampled_from(["C", "C34", "I65"]),
    "address": WORDS,
    "identity": st.sampled_from(["11010519491231002X", "440524188001010014"]),
}
ORDERED = ("text", "integer", "decimal", "money", "percent", "date", "datetime", "boolean", "url", "address")
ENTITIES = ("account", "x_visit")


@pytest.fixture(autouse=True)
def configured() -> Iterator[None]:
    """The sample configuration is in force."""
    with catalog.preview(sample.document()):
        yield


def make(firm: Firm, entity: str, several: list[dict[str, Any]]) -> list[Any]:
    """Records of the administrator, who sees everything whole."""
    base: dict[str, Any] = {}
    actor = firm.actor("admin")
    if entity == "x_visit":
        base = {"x_account": records.create(actor, get("account"), {"name": "宝钢"}).pk}
    rows = [{"name": f"记录{n}", **base, **values} for n, values in enumerate(several)]
    return records.create_many(actor, get(entity), rows)


def written(kind: str, value: Any) -> Any:
    """The value as the kind keeps it."""
    a = get("account").attributes[f"x_{kind}"]
    return a.kind.clean(a, value)


@pytest.mark.parametrize("entity", ENTITIES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.fixed_dictionaries({}, optional={f"x_{kind}": s for kind, s in VALUES.items()}))
def test_what_is_written_comes_back(firm: Firm, entity: str, values: dict[str, Any]) -> None:
    wanted = {k: written(k.removeprefix("x_"), v) for k, v in values.items()}
    made = make(firm, entity, [values])[0]
    actor, e = firm.actor("admin"), get(entity)
    attributes = e.attributes
    row = query.read(actor, e, query.visible(actor, e).filter(pk=made.pk), attributes.values(), clear=True)[0]
    assert {k: row.values[k] for k in wanted} == wanted
    empty = {k for k, a in attributes.items() if a.custom and row.values[k] == a.empty} - {"x_account"}
    assert empty == {k for k in empty if k not in wanted or wanted[k] == attributes[k].empty}
    assert not any(made.custom.get(k) in (None, "", [], False) for k in made.custom)


@pytest.mark.parametrize("entity", ENTITIES)
@pytest.mark.parametrize("kind", ORDERED)
@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_is_that_of_the_values(firm: Firm, entity: str, kind: str, data: st.DataObject) -> None:
    letters = st.text("abcdefgh019", min_size=1, max_size=6)
    values = data.draw(st.lists(letters if kind in ("text", "address") else VALUES[kind], min_size=2, max_size=6))
    made = make(firm, entity, [{f"x_{kind}": v} for v in values] + [{}])
    cleaned = sorted(written(kind, v) for v in values)
    view = View(sort=f"x_{kind}", size=200, columns=(f"x_{kind}",))
    ids = {m.pk for m in made}
    rows = [r for r in query.page(firm.actor("admin"), get(entity), view).rows if r.id in ids]
    found = [r.values[f"x_{kind}"] for r in rows]
    blank = [False] if kind == "boolean" else []
    assert [v for v in found if v not in (None, "")] == sorted([*cleaned, *blank])


@pytest.mark.parametrize("entity", ENTITIES)
def test_every_filter_finds_what_it_means(firm: Firm, entity: str) -> None:
    moment = dt.datetime(2026, 3, 4, 5, 6, 7, tzinfo=dt.UTC)
    full = {
        "x_text": "宝山 A", "x_integer": 7, "x_decimal": Decimal("1.5"), "x_money": Decimal("100.10"),
        "x_percent": Decimal(12), "x_boolean": True, "x_date": dt.date(2026, 3, 4), "x_datetime": moment,
        "x_choice": "gold", "x_multichoice": ["gold", "silver"], "x_user": firm.seller.pk,
        "x_department": firm.north.pk, "x_phone": "13800138000", "x_email": "a@b.com", "x_url": "https://b.com",
        "x_region": "310115", "x_industry": "C34", "x_address": "路1号",
    }  # fmt: skip
    with_values, without = make(firm, entity, [full, {}])
    actor, e = firm.actor("admin"), get(entity)

    def hits(key: str, op: str, value: Any) -> set[Any]:
        ids = {with_values.pk, without.pk}
        return set(
            query.select(actor, e, View(conditions=(Condition(key, op, value),)))
            .filter(pk__in=ids)
            .values_list("pk", flat=True)
        )

    one, none = {with_values.pk}, {without.pk}
    asked: list[tuple[str, str, Any, set[Any]]] = [
        ("x_text", "contains", "宝", one), ("x_text", "eq", "宝山 A", one), ("x_text", "ne", "宝山 A", none),
        ("x_text", "in", ["宝山 A", "b"], one), ("x_integer", "gte", 7, one), ("x_integer", "gte", 8, set()),
        ("x_decimal", "eq", "1.50", one), ("x_money", "between", "100,101", one), ("x_percent", "lte", 12, one),
        ("x_boolean", "eq", True, one), ("x_boolean", "eq", False, none), ("x_date", "eq", "2026-03-04", one),
        ("x_date", "between", "2026-03-01,2026-03-31", one), ("x_date", "lte", "2026-03-03", set()),
        ("x_datetime", "eq", "2026-03-04", one), ("x_datetime", "lte", "2026-03-04", one),
        ("x_datetime", "gte", "2026-03-05", set()), ("x_choice", "eq", "gold", one), ("x_choice", "ne", "gold", none),
        ("x_multichoice", "has", "silver", one), ("x_multichoice", "has", "tin", set()),
        ("x_user", "eq", firm.seller.pk, one), ("x_user", "in", [firm.seller.pk], one), ("x_user", "eq", "me", set()),
        ("x_department", "under", firm.head_office.pk, one), ("x_department", "under", firm.south.pk, set()),
        ("x_phone", "contains", "0138", one), ("x_email", "eq", "a@b.com", one), ("x_region", "under", "310000", one),
        ("x_region", "under", "440000", set()), ("x_industry", "under", "C", one), ("x_industry", "eq", "C34", one),
        ("x_address", "contains", "1", one),
    ]  # fmt: skip
    assert [(k, op, v) for k, op, v, wanted in asked if hits(k, op, v) != wanted] == []
    empty = [k for k, a in e.attributes.items() if k in full and "empty" in a.kind.ops]
    assert [k for k in empty if hits(k, "empty", "1") != none or hits(k, "empty", "0") != one] == []


def test_sums_add_what_the_rows_hold(firm: Firm) -> None:
    from zhike.engine import report
    from zhike.engine.report import Measure

    make(firm, "x_visit", [{"x_money": "0.10", "x_choice": "gold"}, {"x_money": "0.20", "x_choice": "gold"}, {}])
    found = report.grouped(
        firm.actor("admin"), get("x_visit"), View(), ("x_choice",), (Measure("n"), Measure("s", "sum", "x_money"))
    )
    assert {(g.values[0], g.n, g["s"]) for g in found} == {("gold", 2, Decimal("0.30")), (None, 1, Decimal(0))}


def test_a_required_field_made_later_does_not_stop_older_records(firm: Firm) -> None:
    made = make(firm, "account", [{}])[0]
    document = sample.document()
    document["fields"]["account"]["x_text"] |= {"required": True}
    with catalog.preview(document):
        records.update(firm.actor("admin"), get("account"), made.pk, {"website": "https://a.cn"})
        with pytest.raises(Invalid) as told:
            records.update(firm.actor("admin"), get("account"), made.pk, {"x_text": ""})
        assert list(told.value.first) == ["x_text"]
        with pytest.raises(Invalid):
            make(firm, "account", [{}])


def test_a_field_that_is_not_shown_is_not_required(firm: Firm) -> None:
    document = sample.document()
    document["fields"]["account"]["x_text"] |= {"required": True, "visible_if": [["x_choice", "eq", "gold"]]}
    with catalog.preview(document):
        make(firm, "account", [{"x_choice": "silver"}])
        with pytest.raises(Invalid):
            make(firm, "account", [{"x_choice": "gold"}])


def test_defaults_are_given_when_a_record_is_made(firm: Firm) -> None:
    document = sample.document()
    document["fields"]["account"]["x_integer"]["default"] = 3
    document["fields"]["account"]["x_user"]["default"] = "me"
    with catalog.preview(document):
        first, second = make(firm, "account", [{}, {"x_integer": ""}])
    assert (first.custom, second.custom) == (
        {"x_integer": 3, "x_user": str(firm.admin.pk)},
        {"x_user": str(firm.admin.pk)},
    )


def test_a_retired_choice_stays_and_is_not_chosen_anew(firm: Firm) -> None:
    document = sample.document()
    document["fields"]["account"]["x_choice"]["choices"] = [{**c, "retired": False} for c in sample.CHOICES]
    with catalog.preview(document):
        made = make(firm, "account", [{"x_choice": "tin"}])[0]
    account = get("account")
    records.update(firm.actor("admin"), account, made.pk, {"x_choice": "tin", "x_text": "a"})
    a = account.attributes["x_choice"]
    assert a.kind.text(a, "tin", {}) == "锡"
    records.update(firm.actor("admin"), account, made.pk, {"x_choice": "gold"})
    with pytest.raises(Invalid):
        records.update(firm.actor("admin"), account, made.pk, {"x_choice": "tin"})


def test_unique_holds_within_a_batch_and_against_the_table(firm: Firm) -> None:
    document = sample.document()
    document["fields"]["x_visit"]["x_text"]["unique"] = True
    with catalog.preview(document):
        make(firm, "x_visit", [{"x_text": "A1"}, {}, {}])
        for batch in ([{"x_text": "A1"}], [{"x_text": "B"}, {"x_text": "B"}]):
            with pytest.raises(Invalid) as told:
                make(firm, "x_visit", batch)
            assert list(told.value.first or told.value.rows[-1]) == ["x_text"]


def test_running_numbers_of_an_object(firm: Firm) -> None:
    first, second = make(firm, "x_visit", [{}, {}])
    assert int(second.number.removeprefix("V")) == int(first.number.removeprefix("V")) + 1
    assert len(first.number) == 7
