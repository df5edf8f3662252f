"""The one box: what it finds, in which order, and what it does not tell."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from zhike.base.models import FieldGrant, Role
from zhike.engine import catalog, frequency, recent, records, reindex, search
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import RecentRecord

pytestmark = pytest.mark.django_db
RANKED = 3
FIRMS = {
    "宝钢集团有限公司": {"phone": "13800138000", "uscc": "91310000132200821H"},
    "上海宝钢国际贸易有限公司": {"phone": "13955512345"},
    "華為技術有限公司": {"short_name": "华为"},
    "曾国藩故居文化有限公司": {},
    "Zeppelin Instruments Ltd": {"phone": "02162770334"},
    "长沙银行股份有限公司": {},
    "重庆小面食品有限公司": {},
}


@pytest.fixture
def desk(firm: Any) -> Any:
    """A seller with customers, and people who work there."""
    actor = firm.actor("seller")
    for name, values in FIRMS.items():
        records.create(actor, get("account"), {"name": name, **values})
    own = {r.name: r.pk for r in get("account").model._base_manager.all()}
    for name, account, number in (
        ("張偉", "宝钢集团有限公司", "13612340001"), ("单小红", "長沙", ""), ("张伟", "重庆小面食品有限公司", ""),
        ("欧阳静茹", "華為技術有限公司", ""),
    ):  # fmt: skip
        said: dict[str, Any] = {"name": name, "phone": number, "account": own.get(account)}
        records.create(actor, get("contact"), {k: v for k, v in said.items() if v})
    return actor


def titles(actor: Any, term: str, **more: Any) -> list[str]:
    return [hit.title for hit in search.find(actor, term, **more)]


FIRST = {  # terms, apart by |, each of which must have this record first
    "宝钢集团有限公司": "宝|宝钢|寶鋼|bgjt|baogang|宝gang|宝gjt|8000|138 0013 8000|91310000132200821h|宝刚集团",
    "上海宝钢国际贸易有限公司": "国际贸易|上海宝钢际国",
    "張偉": "zw 宝钢|宝钢 张伟",
    "華為技術有限公司": "华为技术|ＨＷＪＳ",
    "Zeppelin Instruments Ltd": "0334|zep|instr|zepelin|zeppelim",
    "长沙银行股份有限公司": "csyh|长沙行股份",
    "曾国藩故居文化有限公司": "zgf|曾guo",
    "单小红": "sxh|shanxiaohong|单xh",
    "重庆小面食品有限公司": "重庆小棉|congqingxiaomian|chongqingxiaomian",
    "欧阳静茹": "欧阳静如|ouyangjinru",
}


def test_the_right_record_comes_first(desk: Any) -> None:
    wanted = [(term, first) for first, terms in FIRST.items() for term in terms.split("|")]
    assert [(term, "".join(titles(desk, term)[:1])) for term, _first in wanted] == wanted


def test_the_words_are_marked_by_signs_and_by_sound_and_nothing_else_is_markup(desk: Any) -> None:
    def label(term: str) -> str:
        return str(search.find(desk, term)[0].label)

    assert label("寶鋼") == "<mark>宝钢</mark>集团有限公司"
    assert label("bgjt") == "<mark>宝钢集团</mark>有限公司"
    assert label("宝gang") == "<mark>宝钢</mark>集团有限公司"
    assert label("华为") == "<mark>華為</mark>技術有限公司"
    records.create(desk, get("account"), {"name": '<b onclick="x">甲&乙</b>'})
    assert label("甲&乙") == "&lt;b onclick=&#34;x&#34;&gt;<mark>甲&amp;乙</mark>&lt;/b&gt;"
    assert str(search.find(desk, "8000")[0].facts).count("<mark>") == 1


def test_what_was_opened_often_and_lately_comes_first_among_equals(desk: Any, firm: Any) -> None:
    entity = get("account")
    made = [records.create(desk, entity, {"name": f"琥珀{n}号有限公司"}).pk for n in "甲乙丙"]
    assert titles(desk, "琥珀") == [f"琥珀{n}号有限公司" for n in "丙乙甲"]
    for pk, times in ((made[0], 1), (made[1], 3)):
        for _n in range(times):
            recent.opened(desk, entity, pk)
    assert titles(desk, "琥珀") == [f"琥珀{n}号有限公司" for n in "乙甲丙"]
    assert [hit.found.id for hit in search.latest(desk)] == [made[1], made[0]]
    assert RecentRecord.objects.get(record=made[1]).weight == pytest.approx(3, abs=0.01)
    assert search.latest(firm.actor("colleague")) == []


def test_what_was_opened_and_may_no_longer_be_seen_is_not_told(desk: Any, firm: Any) -> None:
    pk = records.create(desk, get("account"), {"name": "只看过一次"}).pk
    recent.opened(desk, get("account"), pk)
    records.update(firm.actor("admin"), get("account"), pk, {"owner": firm.stranger.pk})
    desk = firm.actor("seller")
    assert search.latest(desk) == []
    assert titles(desk, "只看过") == []


def test_words_of_notes_are_shown_with_what_stands_around_them(desk: Any) -> None:
    body = "客户" * 40 + "下周二在虹桥机场谈价格<script>" + "再说" * 60
    records.create(desk, get("activity"), {"kind": "note", "subject": "记录", "body": body})
    hit = search.find(desk, "虹橋機場")[0]
    assert hit.found.entity.key == "activity"
    assert "下周二在<mark>虹桥机场</mark>谈价格&lt;script&gt;" in hit.snippet
    assert len(hit.snippet) < 150


def test_a_slip_finds_nothing_that_the_reader_may_not_see(desk: Any, firm: Any) -> None:
    stranger = firm.actor("stranger")
    for term in ("宝钢", "宝刚集团", "zw 宝钢", "zepelin", "8000"):
        assert titles(stranger, term) == []


def test_a_hidden_field_is_not_searched_marked_or_ranked_by(desk: Any, firm: Any) -> None:
    role = Role.objects.get(pk=firm.seller.roles[0])
    FieldGrant.objects.create(role=role, entity="activity", key="body", level="hidden")
    records.create(firm.actor("admin"), get("activity"), {
        "kind": "note", "subject": "虹桥以外", "body": "金价虹桥", "owner": firm.seller.pk,
    })  # fmt: skip
    actor = firm.actor("seller")
    assert titles(actor, "金价") == titles(actor, "jinjia") == titles(actor, "今价虹桥") == []
    assert [(h.title, h.snippet) for h in search.find(actor, "虹桥")] == [("虹桥以外", "")]


def test_the_columns_are_made_anew_only_where_they_differ(desk: Any) -> None:
    entity = get("account")
    rows = entity.model._base_manager
    before = list(rows.order_by("pk").values_list("pk", "search_text", "search_grams", "pinyin", "version"))
    assert entity in reindex.stale()
    assert reindex.renew(entity) == 0
    assert entity not in reindex.stale()
    rows.filter(name="宝钢集团有限公司").update(search_text="", search_grams=[], pinyin="")
    assert titles(desk, "bgjt") == []
    assert reindex.renew(entity) == 1
    assert list(rows.order_by("pk").values_list("pk", "search_text", "search_grams", "pinyin", "version")) == before


def test_a_field_of_the_firm_that_says_so_is_searched(desk: Any) -> None:
    field = {"kind": "text", "labels": {"zh-hans": "项目代号"}}
    for said, found in ((field, []), ({**field, "search": True}, ["宝钢集团有限公司"])):
        with catalog.preview({"fields": {"account": {"x_alias": said}}}):
            entity = get("account")
            pk = entity.rows().get(name="宝钢集团有限公司").pk
            records.update(desk, entity, pk, {"x_alias": "鲲鹏计划" + "甲" * len(found)})
            assert titles(Actor(desk.user), "鲲鹏") == found
            assert (entity in reindex.stale()) is True


def test_a_sign_that_is_written_twice_is_no_slip(desk: Any) -> None:
    assert titles(desk, "哈哈") == []


@pytest.mark.parametrize("who", ["executive", "manager"])
def test_a_walk_through_the_newest_finds_what_the_index_finds(
    desk: Any, firm: Any, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(8):
        records.create(desk, get("account"), {"name": f"宝应第{n}水泥厂"})
        records.create(desk, get("account"), {"name": f"高邮第{n}水泥厂"})
    monkeypatch.setattr(search, "RANKED", RANKED)
    monkeypatch.setattr(frequency, "NEWEST", 3 * RANKED)
    monkeypatch.setattr(frequency, "_table", lambda _entity: frequency._Table(1.0, {"宝": 1.0}))
    frequency._since.clear()
    with CaptureQueriesContext(connection) as sent:
        walked = [h.found.id for h in search.find(firm.actor(who), "宝", limit=RANKED)]
    frequency._since.clear()
    walks = [q["sql"] for q in sent if '"updated_at" >=' in q["sql"] and "customers_account" in q["sql"]]
    assert walks
    assert not any("search_grams" in sql for sql in walks)
    newest = set(get("account").model._base_manager.filter(name__contains="宝").order_by("-updated_at", "-pk")[:RANKED])
    assert set(walked) >= {r.pk for r in newest}
