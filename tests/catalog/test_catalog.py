"""The published configuration: who works with which, and what the database keeps of custom values."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import InternalError, ProgrammingError, connection, transaction

from zhike.engine import catalog, exactjson
from zhike.engine.entity import declared, entities, get
from zhike.engine.models import Configuration, CustomRecord, History

DOCUMENT: dict[str, Any] = {
    "fields": {
        "account": {
            "x_region": {
                "kind": "choice",
                "labels": {"zh-hans": "片区", "en": "Territory"},
                "choices": [
                    {"key": "east", "labels": {"zh-hans": "东区", "en": "East"}, "tone": "info"},
                    {"key": "west", "labels": {"zh-hans": "西区", "en": "West"}, "retired": True},
                ],
            },
            "x_gone": {"kind": "text", "labels": {"en": "Gone"}, "retired": True},
        },
        "x_visit": {"x_account": {"kind": "link", "target": "account", "labels": {"en": "Customer"}}},
    },
    "objects": {"x_visit": {"labels": {"zh-hans": "拜访", "en": "Visit"}, "number": "V%06d", "via": ["x_account"]}},
    "choices": {"deal.lost_reason": [{"key": "price", "labels": {"en": "Too dear"}}]},
}


def publish(document: dict[str, Any], number: int) -> Configuration:
    """A published configuration; the one before is past."""
    published = Configuration.State.PUBLISHED
    Configuration.objects.filter(state=published).update(state=Configuration.State.PAST)
    return Configuration.objects.create(number=number, state=published, document=document)


def test_a_request_keeps_the_configuration_it_began_with(db: None) -> None:
    with catalog.fresh():
        before = catalog.current()
        publish(DOCUMENT, before.number + 1)
        assert catalog.current() is before
    with catalog.fresh():
        assert catalog.current().number == before.number + 1
        assert get("account").attributes["x_region"].custom
        assert "x_gone" not in get("account").attributes
        assert entities()["x_visit"].via == ("x_account",)
    assert "x_visit" not in declared()


def test_preview_is_for_nobody_else(db: None) -> None:
    with catalog.preview(DOCUMENT):
        assert {str(label) for _key, label in get("deal").attributes["lost_reason"].choices} == {"Too dear"}
        assert [key for key, _label in get("account").attributes["x_region"].offered] == ["east"]
    assert "x_visit" not in entities()


def test_decimals_are_kept_with_all_their_digits(db: None) -> None:
    values = {"x_n": Decimal("99999999999999.9999"), "x_t": '"\\u00001', "x_z": Decimal(0), "x_i": 3}
    row = CustomRecord._base_manager.create(object="x_visit", name="a", custom=values)
    row.refresh_from_db()
    assert row.custom == values
    amount = CustomRecord._base_manager.annotate(n=exactjson.Typed("x_n", "number")).get(pk=row.pk).n
    assert amount == Decimal("99999999999999.9999")


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("number", "1"), ("day", "2026-02-30"), ("day", "0000-01-01"), ("moment", "2026-01-01T25:00"), ("link", "x")],
)
def test_what_lies_under_a_key_never_breaks_a_query(db: None, kind: str, raw: str) -> None:
    for value in (raw, 1, True, None, [1], {"a": 1}):
        CustomRecord._base_manager.create(object="x_visit", name="a", custom={"x_k": value})
    assert len(CustomRecord._base_manager.annotate(v=exactjson.Typed("x_k", kind)).values_list("v")) == 6


def test_moments_and_days_are_read_exactly(db: None) -> None:
    moment = dt.datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=dt.UTC)
    CustomRecord._base_manager.create(
        object="x_visit", custom={"x_d": "2026-02-28", "x_m": "2026-02-28T23:59:59.999999Z"}
    )
    rows = CustomRecord._base_manager.annotate(d=exactjson.Typed("x_d", "day"), m=exactjson.Typed("x_m", "moment"))
    assert rows.values_list("d", "m").get() == (moment.date(), moment)


def test_history_names_the_object_and_only_the_fields_that_changed(db: None) -> None:
    row = CustomRecord._base_manager.create(object="x_visit", name="a", custom={"x_a": 1, "x_b": 2})
    CustomRecord._base_manager.filter(pk=row.pk).update(custom={"x_a": 1, "x_b": 3, "x_c": 4})
    steps = History.objects.filter(record=row.pk).order_by("id").values_list("entity", "action", "changes")
    assert list(steps) == [
        ("x_visit", "insert", {}),
        ("x_visit", "update", {"custom": [{"x_b": 2}, {"x_b": 3, "x_c": 4}]}),
    ]


def test_what_was_published_is_never_changed(db: None) -> None:
    row = publish(DOCUMENT, 901)
    for change in (lambda: Configuration.objects.filter(pk=row.pk).update(document={}), row.delete):
        with pytest.raises((InternalError, ProgrammingError), match="never changed"), transaction.atomic():
            change()
    publish({}, 902)
    row.refresh_from_db()
    assert (row.state, row.document) == ("past", DOCUMENT)


def test_running_numbers_of_an_object_need_no_migration(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM zhike_take_numbers('x_visit', 3)")
        first = [n for (n,) in cursor.fetchall()]
        cursor.execute("SELECT * FROM zhike_take_numbers('x_visit', 1)")
        assert [*first, cursor.fetchone()[0]] == list(range(first[0], first[0] + 4))
        with pytest.raises(Exception, match="no object"), transaction.atomic():
            cursor.execute("SELECT * FROM zhike_take_numbers('account', 1)")
