"""The filter line: what is typed in three languages, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from zhike.base.models import FieldGrant, Role, User
from zhike.engine import catalog, query, typed
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Pipeline, Stage
from zhike.engine.query import View
from zhike.modules.customers.models import Tag

DOCUMENT: dict[str, Any] = {
    "fields": {
        "deal": {
            "x_line": {
                "kind": "choice", "labels": {"zh-hans": "产品线", "zh-hant": "產品線", "en": "Line"},
                "choices": [
                    {"key": "pump", "labels": {"zh-hans": "水泵", "zh-hant": "水泵", "en": "Pumps"}},
                    {"key": "fan", "labels": {"zh-hans": "风机", "zh-hant": "風機", "en": "Fans"}, "retired": True},
                ],
            },
            "x_visits": {"kind": "integer", "labels": {"zh-hans": "拜访次数", "en": "Visits made"}},
        }
    }
}  # fmt: skip
YEAR = timezone.localdate().year
MINE, AFTER = '["owner","eq","me"]', '["expected_on","within","%s"]'
OVER = '["all",["amount","gte","%s"],["amount","ne","%s"]]'
UNDER = '["all",["amount","lte","%s"],["amount","ne","%s"]]'
FROM, TO = '["amount","gte","%s"]', '["amount","lte","%s"]'
PUMP, FAN = '["x_line","eq","pump"]', '["x_line","eq","fan"]'
IDLE = '["any",["last_contact_at","within","before_%s"],["last_contact_at","empty","1"]]'


def spans(*words: str, name: str) -> list[tuple[str, str, list[str]]]:
    """Words for one period."""
    return [(word, "", [AFTER % name]) for word in words]


def money(*words: str, parts: str) -> list[tuple[str, str, list[str]]]:
    """Words for one amount."""
    return [(word, "", [parts]) for word in words]


# what is typed, what is searched for, the conditions
EXAMPLES: list[tuple[str, str, list[str]]] = [
    # whose
    ("我的", "", [MINE]), ("mine", "", [MINE]), ("My", "", [MINE]), ("我負責的", "", [MINE]), ("@我", "", [MINE]),
    ("@me", "", [MINE]), ("@王芳", "", ['["owner","eq","WANG"]']), ("@王芳 宝钢", "宝钢", ['["owner","eq","WANG"]']),
    ("＠wang", "", ['["owner","eq","WANG"]']), ("我部门", "", ['["department","eq","mine"]']),
    ("我部門", "", ['["department","eq","mine"]']), ("my department", "", ['["department","eq","mine"]']),
    ("本部门及以下", "", ['["department","under","mine"]']), ("我的团队", "", ['["department","under","mine"]']),
    ("my department and below", "", ['["department","under","mine"]']),
    ("my team", "", ['["department","under","mine"]']),
    ("无主", "", ['["owner","empty","1"]']), ("未分配", "", ['["owner","empty","1"]']),
    ("unassigned", "", ['["owner","empty","1"]']), ("負責人:王芳", "", ['["owner","in",["WANG"]]']),
    ("owner:me", "", ['["owner","in",["me"]]']),
    # when
    *spans("今天", "今日", "today", name="today"), *spans("昨天", "yesterday", name="yesterday"),
    *spans("明天", "tomorrow", name="tomorrow"), *spans("本周", "本週", "这星期", "this week", name="this_week"),
    *spans("上周", "last week", name="last_week"), *spans("下週", "next week", name="next_week"),
    *spans("本月", "這個月", "This month", name="this_month"),
    *spans("上月", "上個月", "last month", name="last_month"),
    *spans("下个月", "next month", name="next_month"), *spans("本季度", "本季", "this quarter", name="this_quarter"),
    *spans("上季度", "last quarter", name="last_quarter"), *spans("下季度", "next quarter", name="next_quarter"),
    *spans("今年", "this year", name="this_year"), *spans("去年", "last year", name="last_year"),
    *spans("明年", "next year", name="next_year"),
    *spans("本财年", "本財年", "this fiscal year", name="this_fiscal_year"),
    *spans("上财年", "last FY", name="last_fiscal_year"),
    *spans("本财季", "this fiscal quarter", name="this_fiscal_quarter"),
    *spans("近30天", "最近30天", "last 30 days", "近30天内", name="last_30_days"),
    *spans("近两周", "過去2週", "past 2 weeks", name="last_2_weeks"),
    *spans("近三个月", "最近3個月", "last 3 months", name="last_3_months"), *spans("近半年", name="last_6_months"),
    *spans("近一年", "last 1 year", name="last_12_months"),
    *spans("未来7天", "未來7天", "next 7 days", name="next_7_days"),
    *spans("2026年3月", "2026-03", "2026/03", "march 2026", "Mar 2026", name="2026-03"),
    *spans("3月", "03月份", name=f"{YEAR}-03"), *spans("september", name=f"{YEAR}-09"),
    *spans("2026年", "2026年度", name="2026"), *spans("2026年一季度", "2026Q1", "Q1 2026", name="2026-Q1"),
    *spans("第3季度", "q3", "三季度", name=f"{YEAR}-Q3"), *spans("逾期", "overdue", name="overdue"),
    ("2026-03-05", "", ['["expected_on","eq","2026-03-05"]']),
    ("2026年3月5日", "", ['["expected_on","eq","2026年3月5日"]']),
    ("创建时间:本月", "", ['["created_at","within","this_month"]']),
    ("建立時間：上月", "", ['["created_at","within","last_month"]']),
    # how much
    *money(">10万", "＞10萬", "大于10万", "超过100,000", "over 100k", "> 10万", parts=OVER % ("100000", "100000")),
    *money("≥50,000", ">=5万", "不少于5万元", "5万以上", "at least 50k", "5萬起", parts=FROM % "50000"),
    *money("<1亿", "小於1億", "less than 100m", parts=UNDER % ("100000000", "100000000")),
    *money("≤3千", "3000以下", "3千以内", parts=TO % "3000"),
    *money("10万-50万", "10万~50万", "10萬到50萬", "100,000-500,000",
           parts='["all",["amount","gte","100000"],["amount","lte","500000"]]'),
    *money("=8000", parts='["amount","eq","8000"]'),
    ("金额>10万", "", [OVER % ("100000", "100000")]), ("amount:≥5k", "", [FROM % "5000"]),
    ("拜访次数≥3", "", ['["x_visits","gte","3"]']), ("赢率≥50", "", ['["probability","gte","50"]']),
    # which
    ("水泵", "", [PUMP]), ("Pumps", "", [PUMP]), ("风机", "", [FAN]), ("風機", "", [FAN]),
    ("产品线:水泵", "", [PUMP]),
    ("line:fans", "", [FAN]), ("產品線：風機", "", [FAN]), ("进行中", "", ['["status","eq","open"]']),
    ("Won", "", ["WON"]), ("#重点", "", ['["tags","has","TAG"]']), ("＃重點", "", ['["tags","has","TAG"]']),
    ("标签:重点", "", ['["tags","has","TAG"]']), ("客户:宝钢", "", ['["account.name","contains","宝钢"]']),
    ("account:Acme", "", ['["account.name","contains","Acme"]']),
    ("客戶：寶鋼", "", ['["account.name","contains","寶鋼"]']), ("金额:空", "", ['["amount","empty","1"]']),
    ("客户:有", "", ['["account","empty","0"]']), ("amount:empty", "", ['["amount","empty","1"]']),
    # not
    ("-水泵", "", [f'["not",{PUMP}]']), ("不含水泵", "", [f'["not",{PUMP}]']), ("-我的", "", [f'["not",{MINE}]']),
    ("不是我的", "", [f'["not",{MINE}]']), ("not mine", "", [f'["not",{MINE}]']),
    ("-宝钢", "", ['["not",["name","contains","宝钢"]]']),
    ('-"宝钢 二期"', "", ['["not",["name","contains","宝钢 二期"]]']),
    ("不包含寶鋼", "", ['["not",["name","contains","寶鋼"]]']), ("-#重点", "", ['["not",["tags","has","TAG"]]']),
    ("-客户:宝钢", "", ['["not",["account.name","contains","宝钢"]]']),
    ("without #重点", "", ['["not",["tags","has","TAG"]]']),
    # left alone
    ("无联系", "", ['["last_contact_at","empty","1"]']), ("从未联系", "", ['["last_contact_at","empty","1"]']),
    ("no contact", "", ['["last_contact_at","empty","1"]']), ("30天未联系", "", [IDLE % 30]),
    ("超過30天未聯繫", "", [IDLE % 30]), ("no contact for 30 days", "", [IDLE % 30]), ("两周没跟进", "", [IDLE % 14]),
    ("not contacted in 3 months", "", [IDLE % 90]), ("无下一步", "", ['["next_follow_up_on","empty","1"]']),
    ("沒有下一步", "", ['["next_follow_up_on","empty","1"]']),
    ("no next step", "", ['["next_follow_up_on","empty","1"]']),
    # together
    ("我的 本月 >10万 宝钢", "宝钢", [MINE, AFTER % "this_month", OVER % ("100000", "100000")]),
    ("我的本月", "", [MINE, AFTER % "this_month"]),
    ("我的本週逾期", "", [MINE, AFTER % "this_week", AFTER % "overdue"]),
    ("my this quarter over 50k steel", "steel", [MINE, AFTER % "this_quarter", OVER % ("50000", "50000")]),
    ("宝钢　我的", "宝钢", [MINE]), ("宝钢 二期 本月", "宝钢 二期", [AFTER % "this_month"]),
    # only searched for
    ("宝钢", "宝钢", []), ("寶鋼 二期", "寶鋼 二期", []), ('"我的 本月"', "我的 本月", []), ("「本月」", "本月", []),
    ("13800138000", "13800138000", []), ("021-55501234", "021-55501234", []), ("D2026-0012", "D2026-0012", []),
    ("10万", "10万", []), ("2026", "2026", []), ("bao gang", "bao gang", []), ("may", "may", []),
    ("上海我的朋友", "上海我的朋友", []), ("a:b", "a:b", []), ("-", "-", []), (":", ":", []), ("", "", []),
]  # fmt: skip


@pytest.fixture
def seller(firm: Any) -> Iterator[Actor]:
    User.objects.filter(pk=firm.seller.pk).update(name="王芳", username="wang")
    Tag._base_manager.create(name="重点")
    with catalog.preview(DOCUMENT):
        yield Actor(User.objects.get(pk=firm.seller.pk), "web")


def _said(found: typed.Typed, actor: Actor) -> list[str]:
    tag = Tag._base_manager.get(name="重点")
    names = {str(actor.user.pk): "WANG", str(tag.pk): "TAG"}
    texts = [query.text(clause) for clause in found.clauses]
    for pk, name in names.items():
        texts = [text.replace(pk, name) for text in texts]
    return texts


def test_there_are_examples_enough() -> None:
    assert len({text for text, _search, _said in EXAMPLES}) >= 120


def test_what_is_typed_is_understood(seller: Actor) -> None:
    wrong = []
    stages = Stage.objects.filter(pipeline__entity="deal", labels__contains={"en": "Won"}).values_list("pk", flat=True)
    won = [["status", "eq", "won"], *(["stage", "eq", str(pk)] for pk in stages)]
    for text, search, clauses in EXAMPLES:
        found = typed.parse(seller, get("deal"), text)
        said = _said(found, seller)
        if clauses == ["WON"]:
            value = json.loads(said[0]) if said else []
            same = value in won or (value[:1] == ["any"] and all(part in won for part in value[1:]))
        else:
            same = said == clauses
        if not same or found.search != search or (clauses and found.unknown):
            wrong.append((text, search, clauses, found.search, said))
    assert not wrong, "\n".join(map(str, wrong))


@pytest.mark.parametrize("text", ["@没有此人", "#没有此标签", "@", "#"])
def test_what_is_asked_for_and_not_there_is_told(seller: Actor, text: str) -> None:
    found = typed.parse(seller, get("deal"), f"{text} 宝钢")
    assert found.unknown == (text,)
    assert found.search == "宝钢"


def test_a_stage_is_found_by_its_label_in_any_language(seller: Actor) -> None:
    pipeline = Pipeline.objects.create(entity="deal", key="other", labels={"en": "Other"})
    labels = {"zh-hans": "现场考察", "zh-hant": "現場考察", "en": "Site visit"}
    stage = Stage.objects.create(pipeline=pipeline, key="site", labels=labels, order=1)
    for text in ("现场考察", "現場考察", "site visit", "阶段:现场考察", "Stage:site visit"):
        found = typed.parse(seller, get("deal"), text)
        assert str(stage.pk) in query.text(found.clauses[0]), text
        assert found.search == ""


def test_customers_have_days_without_contact(seller: Actor) -> None:
    found = typed.parse(seller, get("account"), "30天未联系")
    assert [query.text(c) for c in found.clauses] == ['["idle_days","gte","30"]']


def test_hidden_fields_are_no_words(seller: Actor) -> None:
    role = Role.objects.get(pk=seller.user.roles[0])
    for key in ("amount", "x_line", "owner", "expected_on", "last_contact_at", "next_follow_up_on", "tags"):
        FieldGrant.objects.update_or_create(role=role, entity="deal", key=key, when="", defaults={"level": "hidden"})
    actor = Actor(seller.user, "web")
    for text in (
        ">10万",
        "水泵",
        "我的",
        "本月",
        "无联系",
        "无下一步",
        "产品线:水泵",
        "金额>10万",
        "-水泵",
        "金额:空",
        "30天未联系",
    ):
        found = typed.parse(actor, get("deal"), text)
        hidden = ("amount", "x_line", "owner", "expected_on", "last_contact", "next_follow", "tags")
        assert not [c for c in found.clauses if any(key in query.text(c) for key in hidden)], text
    assert typed.parse(actor, get("deal"), "#重点").unknown == ("#重点",)
    assert typed.parse(actor, get("deal"), "@王芳").unknown == ("@王芳",)


WORDS = st.sampled_from(
    [text for text, _search, _said in EXAMPLES] + ['"', "“", "-", "@", "#", "：", ">", "(", "\x00", "\u3000"]
)
LINES = st.one_of(
    st.lists(WORDS, max_size=5).map(" ".join), st.text(max_size=60), st.lists(WORDS, max_size=4).map("".join)
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=LINES, key=st.sampled_from(["deal", "account", "contact", "activity", "tag"]))
def test_whatever_is_typed_makes_a_list(seller: Actor, text: str, key: str) -> None:
    entity = get(key)
    found = typed.parse(seller, entity, text)
    view = found.view(View())
    again = query.parse(view.query())
    assert again.clauses == view.clauses
    query.select(seller, entity, view.but(search="")).first()
