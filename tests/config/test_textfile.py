"""The configuration as a file: readable, in a stable order, back without a loss, or not at all."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from django.db import transaction
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.base.models import Grant, Role
from zhike.engine import catalog
from zhike.engine.config import lifecycle, textfile
from zhike.engine.config.lifecycle import Unfit
from zhike.engine.errors import Invalid, Refused
from zhike.engine.models import Configuration, Pipeline, Stage

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), min_size=1, max_size=20).filter(
    str.strip
)
LABELS = st.dictionaries(st.sampled_from(["zh-hans", "zh-hant", "en"]), WORDS, min_size=1)
KEYS = st.from_regex(r"x_[a-z][a-z0-9_]{0,12}", fullmatch=True)
CHOICES = st.lists(
    st.fixed_dictionaries(
        {"key": st.from_regex(r"[a-z][a-z0-9_\-]{0,9}", fullmatch=True), "labels": LABELS},
        optional={"tone": st.sampled_from(["teal", "red"]), "retired": st.booleans()},
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda c: c["key"],
)
SIMPLE = st.fixed_dictionaries(
    {"kind": st.sampled_from(["text", "integer", "money", "date", "phone"]), "labels": LABELS},
    optional={
        "help": LABELS,
        "required": st.booleans(),
        "indexed": st.booleans(),
        "visible_if": st.just([["tier", "in", ["A", "B"]]]),
    },
)
CHOSEN = st.fixed_dictionaries(
    {"kind": st.sampled_from(["choice", "multichoice"]), "labels": LABELS, "choices": CHOICES}
)
FIELDS = st.dictionaries(KEYS, st.one_of(SIMPLE, CHOSEN), max_size=5)


@st.composite
def documents(draw: Any) -> dict[str, Any]:
    fields = {k: v for k in ("account", "deal") if (v := draw(FIELDS))}
    found: dict[str, Any] = {"fields": fields} if fields else {}
    for rows in fields.values():
        for said in rows.values():
            if "visible_if" in said and rows is not fields.get("account"):
                del said["visible_if"]
    if draw(st.booleans()):
        found["objects"] = {"x_visit": {"labels": draw(LABELS), "number": "V%05d", "like": "account"}}
    if draw(st.booleans()):
        keys = ["name", *fields.get("account", {})]
        found["layouts"] = {
            "account": {
                "list": {"": keys, "phone": keys[:1]},
                "form": {"role:seller": [{"labels": draw(LABELS), "keys": keys}]},
            }
        }
    if draw(st.booleans()):
        found["numbers"] = {"account": draw(st.sampled_from(["K%05d", "“客”%04d"]))}
    return found


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(document=documents())
def test_what_is_exported_is_applied_without_a_loss(firm: Any, document: dict[str, Any]) -> None:
    admin = firm.actor("admin")
    with transaction.atomic():
        lifecycle.put_in_force(admin, document)
        text = textfile.export()
        assert lifecycle.in_force() == document
        lifecycle.put_in_force(admin, {})  # an installation that knows nothing of it
        Grant.objects.filter(entity="x_visit").delete()
        assert textfile.apply(admin, textfile.read(text)) == 3
        assert textfile.export() == text
        assert textfile.diff(textfile.read(text)) == []
        transaction.set_rollback(True)
    catalog.assume(None)


def test_pipelines_and_roles_come_along(firm: Any) -> None:
    admin = firm.actor("admin")
    text = textfile.export()
    found = tomllib.loads(text)
    assert [s["key"] for s in found["pipelines"]["deal"]["b2b"]["stages"]] == [
        "contact",
        "need",
        "proposal",
        "negotiation",
        "won",
        "lost",
    ]
    assert found["roles"]["seller"]["home"] == "seller"
    pipeline = Pipeline.objects.get(entity="deal", key="b2b")
    Stage.objects.filter(pipeline=pipeline, key="need").update(labels={"en": "Other"}, days_allowed=None)
    Pipeline.objects.filter(pk=pipeline.pk).update(labels={"en": "Other"})
    seller = Role.objects.get(key="seller")
    Grant.objects.filter(role=seller, entity="account").delete()
    file = textfile.read(text)
    assert [c.where for c in textfile.diff(file)] == ["pipelines.deal.b2b", "roles.seller"]
    textfile.apply(admin, file)
    assert textfile.export() == text


FIELD = 'format = 1\n[fields.account.x_a]\nkind = "text"\n[fields.account.x_a.labels]\nen = "A"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("format = 1\n[fields\n", "The file is no TOML: Expected ']'"),
        ("format = 2\n", "format"),
        ("[fields]\n", "format"),
        (FIELD.replace("text", "secret"), "line 3, fields.account.x_a.kind"),
        (FIELD.replace('en = "A"', 'fr = "A"'), "line 5, fields.account.x_a.labels.fr"),
        ('format = 1\n[roles.boss]\nname = "Boss"\nhome = "moon"\n', "line 4, roles.boss.home"),
        ("format = 1\nx = " + "[" * 3000 + "]" * 3000, "The configuration nests too deep."),
    ],
)
def test_a_wrong_file_says_where(text: str, said: str) -> None:
    with translation.override("en"), pytest.raises(Unfit) as caught:
        textfile.read(text)
    (problem,) = caught.value.problems
    assert f"{problem.path} {problem.text}".strip().startswith(said)


def test_nothing_is_half_applied(firm: Any) -> None:
    text = textfile.export()
    broken = text.replace('status = "won"', 'status = "open"')
    before = textfile.export()
    with pytest.raises(Invalid):
        textfile.apply(
            firm.actor("admin"), textfile.read(broken + '\n[fields.account.x_a]\nkind = "text"\nlabels = {en = "A"}\n')
        )
    assert textfile.export() == before
    assert Configuration.objects.count() == 0
    with pytest.raises(Refused):
        textfile.apply(firm.actor("seller"), textfile.read(text))
