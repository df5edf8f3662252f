"""What a configuration may say, and how what is wrong with one is told."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from zhike.engine.config import changes, document
from zhike.engine.config.document import one_apart


def field(**said: Any) -> dict[str, Any]:
    return {"kind": "text", "labels": {"zh-hans": "渠道层级"}, **said}


def account(**fields: Any) -> dict[str, Any]:
    return {"fields": {"account": fields}}


def paths(found: Any, *, warns: bool = False) -> list[str]:
    return [p.path for p in document.problems(found) if p.warns == warns]


def test_a_plain_document_is_right() -> None:
    said = account(
        x_region=field(
            kind="choice",
            choices=[{"key": "east", "labels": {"zh-hans": "华东", "en": "East"}, "tone": "teal"}],
            default="east",
            visible_if=[["tier", "eq", "A"]],
        ),
        x_visits={
            "kind": "integer",
            "labels": {"en": "Visits"},
            "rollup": {"entity": "x_visit", "by": "x_customer", "measure": "count"},
        },
    )
    said["objects"] = {"x_visit": {"labels": {"zh-hans": "拜访"}, "number": "V%06d", "via": ["x_customer"]}}
    said["fields"]["x_visit"] = {"x_customer": field(kind="link", labels={"zh-hans": "客户"}, target="account")}
    said["layouts"] = {"account": {"list": {"": ["name", "x_region"], "role:seller": ["name"]}}}
    said["numbers"] = {"account": "K%05d"}
    assert document.problems(said) == []


@pytest.mark.parametrize(
    ("said", "path"),
    [
        ({"nothing": {}}, "nothing"),
        (account(region=field()), "fields.account.region"),
        (account(x_a=field(kind="secret")), "fields.account.x_a.kind"),
        (account(x_a=field(labels={})), "fields.account.x_a.labels"),
        (account(x_a=field(labels={"zh-hans": "长" * 61})), "fields.account.x_a.labels.zh-hans"),
        (account(x_a=field(labels={"fr": "Région"})), "fields.account.x_a.labels.fr"),
        (account(x_a=field(kind="choice")), "fields.account.x_a.choices"),
        (account(x_a=field(choices=[{"key": "a", "labels": {"en": "A"}}])), "fields.account.x_a.choices"),
        (account(x_a=field(kind="link", target="nowhere")), "fields.account.x_a.target"),
        (account(x_a=field(kind="integer", default="many")), "fields.account.x_a.default"),
        (account(x_a=field(unique=True, kind="boolean")), "fields.account.x_a.unique"),
        (account(x_a=field(indexed=True, kind="richtext")), "fields.account.x_a.indexed"),
        (account(x_a=field(required="yes")), "fields.account.x_a.required"),
        (account(x_a=field(required_at=["won"])), "fields.account.x_a.required_at"),
        (account(x_a=field(visible_if=[["gone", "eq", 1]])), "fields.account.x_a.visible_if.0"),
        (account(x_a=field(visible_if=["tier"])), "fields.account.x_a.visible_if.0"),
        ({"fields": {"tag": {"x_a": field()}}}, "fields.tag"),
        ({"fields": {"x_gone": {"x_a": field()}}}, "fields.x_gone"),
        ({"layouts": {"account": {"list": {"": ["name", "gone"]}}}}, "layouts.account.list"),
        ({"layouts": {"account": {"list": {"": ["name", "name"]}}}}, "layouts.account.list.1"),
        ({"layouts": {"account": {"list": {"boss": ["name"]}}}}, "layouts.account.list.boss"),
        ({"numbers": {"account": "C%s"}}, "numbers.account"),
        ({"numbers": {"contact": "C%06d"}}, "numbers.contact"),
        ({"choices": {"deal.name": []}}, "choices.deal.name"),
        ({"choices": {"deal.lost_reason": []}}, "choices.deal.lost_reason"),
        ({"objects": {"account": {"labels": {"en": "Mine"}}}}, "objects.account"),
        ({"objects": {"x_v": {"labels": {"en": "V"}, "via": ["name"]}}}, "objects.x_v.via.0"),
    ],
)
def test_what_is_wrong_has_a_path(said: Any, path: str) -> None:
    assert paths(said) == [path]


def test_hostile_documents_are_refused_and_not_read_further() -> None:
    deep: Any = {}
    for _level in range(5000):
        deep = {"a": deep}
    assert paths(deep) == [""]
    assert paths(account(x_a=field(labels={"en": "x" * 10_000_000}))) == [""]
    assert paths(account(x_a=field(labels={"en": "a\x00b"}))) == ["fields.account.x_a.labels.en"]
    assert paths(account(x_a=field(default=float("nan")))) == [""]
    assert len(document.problems({str(n): 1 for n in range(400)})) == 100
    assert paths(account(**{f"x_{n}": field() for n in range(201)})) == ["fields.account"]


def test_circles_are_found() -> None:
    def rolled(entity: str, of: str) -> dict[str, Any]:
        return field(kind="integer", rollup={"entity": entity, "by": "x_up", "measure": "sum", "field": of})

    objects = {k: {"labels": {"en": k}, "via": ["x_up"]} for k in ("x_one", "x_two")}
    fields = {
        "x_one": {"x_up": field(kind="link", target="x_two"), "x_sum": rolled("x_two", "x_sum")},
        "x_two": {"x_up": field(kind="link", target="x_one"), "x_sum": rolled("x_one", "x_sum")},
    }
    found = paths({"objects": objects, "fields": fields})
    assert found == ["fields.x_one.x_sum", "fields.x_two.x_sum", "objects.x_one.via", "objects.x_two.via"]


def test_names_that_people_would_mix_up_warn() -> None:
    def warned(*names: str) -> list[str]:
        return paths(account(**{f"x_{n}": field(labels={"zh-hans": name}) for n, name in enumerate(names)}), warns=True)

    second = ["fields.account.x_1.labels"]
    assert warned("渠道层级", "渠道層級") == second  # the same in the other script
    assert warned("渠道层级", "渠道层机") == second  # one apart
    assert warned("Sales area", "ｓａｌｅｓ  ＡＲＥＡ") == second
    assert warned("油箱", "邮箱") == [
        "fields.account.x_0.labels",
        "fields.account.x_1.labels",
    ]  # as the mail address sounds
    assert warned("省份", "身高") == []
    assert warned("客户名称") == ["fields.account.x_0.labels"]  # as a built-in field


@given(st.text("abc", max_size=6), st.text("abc", max_size=6))
def test_one_apart_is_what_it_says(a: str, b: str) -> None:
    def near(text: str) -> set[str]:
        cuts = [text[:n] + text[n + 1 :] for n in range(len(text))]
        swaps = [text[:n] + c + text[n + 1 :] for n in range(len(text)) for c in "abc"]
        more = [text[:n] + c + text[n:] for n in range(len(text) + 1) for c in "abc"]
        return {text, *cuts, *swaps, *more}

    assert one_apart(a, b) == (b in near(a))


def test_errors_speak_the_readers_language() -> None:
    with translation.override("en"):
        (problem,) = document.problems(account(x_a=field(labels={})))
    assert problem.text == "Give a name in at least one language."


def test_a_difference_is_told_in_words() -> None:
    before = account(x_a=field(), x_gone=field())
    after = account(x_a=field(required=True), x_new=field(labels={"en": "New"}))
    with translation.override("en"):
        found = [(c.kind, c.where, c.what, c.text) for c in changes.diff(before, after)]
    assert found == [
        ("changed", "fields.account.x_a", "Customers: field “渠道层级”", "required: — → yes"),
        ("removed", "fields.account.x_gone", "Customers: field “渠道层级”", ""),
        ("added", "fields.account.x_new", "Customers: field “New”", ""),
    ]
    assert changes.diff(after, after) == []
