"""Saved views: kept, shared, arranged, deleted, and always read with the rights of their reader."""

from __future__ import annotations

import re
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from zhike.base.models import FieldGrant, Role
from zhike.engine import records, views
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import SavedView, ViewChoice
from zhike.engine.query import Condition, View
from zhike.engine.views import Reach, Shape
from zhike.web import tabs

HERE = "view=&tier__eq=A&q=%E7%B2%BE%E5%AF%86&sort=-created_at"


def keep(firm: Any, who: str = "seller", name: str = "重点", view: View | None = None, **more: Any) -> SavedView:
    asked = view or View(conditions=(Condition("tier", "eq", "A"),))
    return views.save(firm.actor(who), get("account"), name=name, view=asked, shape=Shape.of({}), **more)


def labels(firm: Any, who: str) -> list[str]:
    return [str(t.label) for t in views.tabs(firm.actor(who), get("account")) if t.saved]


def test_what_is_on_the_screen_is_kept_and_opens_again(firm: Any) -> None:
    client = firm.client("seller")
    records.create(firm.actor("seller"), get("account"), {"name": "苏州精密一厂", "tier": "A"})
    records.create(firm.actor("seller"), get("account"), {"name": "苏州精密二厂", "tier": "B"})
    dialog = client.get(f"/account/views/new?{HERE}").content.decode()
    assert 'value="A' in dialog  # a name made of the conditions
    answer = client.post("/account/views/new", {"name": "甲级精密", "here": HERE + "&cols=name~300,tier&freeze=2"})
    assert answer.status_code == 204, answer.content
    saved = SavedView.objects.get()
    assert saved.query == {
        "where": [["tier", "eq", "A"]], "q": "精密", "sort": "-created_at",
        "columns": [["name", 300], ["tier", 0]], "freeze": 2,
    }  # fmt: skip
    assert answer["HX-Redirect"] == f"/account/?view={saved.pk}"
    page = client.get(answer["HX-Redirect"]).content.decode()
    assert "苏州精密一厂" in page
    assert "苏州精密二厂" not in page
    assert 'data-freeze="2"' in page
    assert '<col width="300">' in page
    assert page.count("<th scope=") == 2


@pytest.mark.parametrize(("name", "reach"), [("", "mine"), ("x" * 61, "mine"), ("a", "role"), ("a", "nobody")])
def test_a_view_without_a_name_or_readers_is_not_kept(firm: Any, name: str, reach: str) -> None:
    answer = firm.client("admin").post("/account/views/new", {"name": name, "reach": reach, "here": HERE})
    assert answer.status_code == 422
    assert not SavedView.objects.exists()


def test_who_may_share_with_whom(firm: Any) -> None:
    entity, seller, manager, admin = get("account"), firm.actor("seller"), firm.actor("manager"), firm.actor("admin")
    north, south, role = firm.north.pk, firm.south.pk, Role.objects.get(key="seller").pk
    assert views.reaches(seller, entity) == []
    assert views.reaches(manager, entity) == [Reach.DEPARTMENT]
    assert views.reaches(admin, entity) == [Reach.DEPARTMENT, Reach.ROLE, Reach.ALL]
    place = firm.manager.department_id
    assert views.may_share(manager, entity, Reach.DEPARTMENT, place)
    other = south if place == north else north
    assert not views.may_share(manager, entity, Reach.DEPARTMENT, other)
    for reach, target in ((Reach.ALL, None), (Reach.ROLE, role), (Reach.DEPARTMENT, north)):
        with pytest.raises(Refused):
            keep(firm, "seller", reach=reach, target=target)
    with pytest.raises(Refused):
        keep(firm, "manager", reach=Reach.DEPARTMENT, target=other)


def test_each_gets_what_is_shared_with_them(firm: Any) -> None:
    keep(firm, "admin", "所有人", reach=Reach.ALL)
    keep(firm, "admin", "销售的", reach=Reach.ROLE, target=Role.objects.get(key="seller").pk)
    keep(firm, "admin", "北区的", reach=Reach.DEPARTMENT, target=firm.seller.department_id)
    keep(firm, "seller", "我自己的")
    assert labels(firm, "seller") == ["所有人", "销售的", "北区的", "我自己的"]
    assert labels(firm, "stranger") == ["所有人", "销售的"]
    assert labels(firm, "executive") == ["所有人"]


def test_the_default_of_a_role_opens_first_and_ones_own_before_it(firm: Any) -> None:
    role = Role.objects.get(key="seller").pk
    given = keep(firm, "admin", "给销售", reach=Reach.ROLE, target=role, is_default=True)
    entity = get("account")

    def opened(who: str) -> str:
        return views.first(entity, views.tabs(firm.actor(who), entity))

    assert opened("seller") == str(given.pk)
    assert opened("executive") == "mine"
    own = keep(firm, "seller", "先看这个", is_default=True)
    assert opened("seller") == str(own.pk)
    assert str(given.pk) in firm.client("colleague").get("/account/").content.decode()


def test_what_the_reader_may_not_use_is_left_out_with_a_note(firm: Any) -> None:
    seller = Role.objects.get(key="seller")
    view = View(conditions=(Condition("tier", "eq", "A"), Condition("registered_capital", "gte", "5")), sort="-tier")
    saved = keep(firm, "admin", "资本", view, reach=Reach.ALL)
    for n, tier in enumerate("AB"):
        records.create(firm.actor("seller"), get("account"), {"name": f"客户{n}", "tier": tier})
    client = firm.client("seller")
    page = client.get(f"/account/?view={saved.pk}").content.decode()
    assert "客户0" not in page
    FieldGrant.objects.create(role=seller, entity="account", key="registered_capital", level="hidden")
    page = client.get(f"/account/?view={saved.pk}").content.decode()
    assert "客户0" in page
    assert "客户1" not in page
    assert "registered_capital" not in page
    tab = next(t for t in views.tabs(firm.actor("seller"), get("account")) if t.saved)
    assert views.usable(firm.actor("seller"), get("account"), tab).left == 1
    FieldGrant.objects.create(role=seller, entity="account", key="tier", level="hidden")
    assert views.usable(firm.actor("seller"), get("account"), tab).left == 3
    assert client.get("/account/views/counts").status_code == 200


def test_columns_of_a_shared_view_are_changed_for_oneself_alone(firm: Any) -> None:
    saved = keep(firm, "admin", "公共", reach=Reach.ALL)
    for who in ("seller", "colleague"):
        records.create(firm.actor(who), get("account"), {"name": f"客户{who}", "tier": "A"})
    client = firm.client("seller")
    sent = {"view": str(saved.pk), "cols": "name~200,owner~90", "density": "compact", "freeze": "0"}
    assert client.post("/account/views/shape", sent).status_code == 204
    page = client.get(f"/account/?view={saved.pk}").content.decode()
    assert page.count("<th scope=") == 2
    assert 'data-density="compact"' in page
    other = firm.client("colleague").get(f"/account/?view={saved.pk}").content.decode()
    assert page.count("<th scope=") < other.count("<th scope=")
    saved.refresh_from_db()
    assert "columns" not in saved.query
    client.post("/account/views/shape", {"view": str(saved.pk), "reset": "1"})
    assert ViewChoice.objects.get().shape == {}


def test_an_own_view_is_written_over_and_renamed(firm: Any) -> None:
    saved, client = keep(firm), firm.client("seller")
    here = f"view={saved.pk}&status__in=customer"
    client.post("/account/views/new", {"name": "x", "here": here, "do": "over"})
    saved.refresh_from_db()
    assert saved.query["where"] == [["tier", "eq", "A"], ["status", "in", "customer"]]
    assert client.post(f"/account/views/{saved.pk}", {"name": "另一个名字"}).status_code == 204
    assert labels(firm, "seller") == ["另一个名字"]
    for who in ("colleague", "admin"):  # a personal view is nobody else's
        assert firm.client(who).post(f"/account/views/{saved.pk}", {"name": "我的了"}).status_code == 404
        assert firm.client(who).post(f"/account/views/{saved.pk}/delete").status_code == 404


def test_deleted_and_back(firm: Any) -> None:
    saved, client = keep(firm), firm.client("seller")
    assert client.post(f"/account/views/{saved.pk}/delete").status_code == 204
    assert labels(firm, "seller") == []
    assert f"/account/views/{saved.pk}/restore" in client.get("/account/").content.decode()
    assert firm.client("colleague").post(f"/account/views/{saved.pk}/restore").status_code == 404
    assert client.post(f"/account/views/{saved.pk}/restore").status_code == 204
    assert labels(firm, "seller") == ["重点"]


def test_the_order_and_the_tabs_are_ones_own(firm: Any) -> None:
    saved, client = keep(firm, "admin", "公共", reach=Reach.ALL), firm.client("seller")
    order = [str(saved.pk), "all", "mine", "nothing"]
    assert client.post("/account/views/arrange", {"order": order, "pinned": [str(saved.pk), "all"]}).status_code == 204
    offered = views.tabs(firm.actor("seller"), get("account"))
    assert [t.key for t in offered][:3] == [str(saved.pk), "all", "mine"]
    assert [t.key for t in offered if not t.pinned] == ["mine"]
    assert views.tabs(firm.actor("colleague"), get("account"))[0].key == "mine"
    assert views.first(get("account"), offered) == str(saved.pk)


def test_counts_of_all_tabs_come_in_one_answer(firm: Any) -> None:
    for n in range(3):
        records.create(firm.actor("seller"), get("account"), {"name": f"客户{n}", "tier": "A"})
    saved = keep(firm)
    text = firm.client("seller").get("/account/views/counts").content.decode()
    assert f'<span id="count-{saved.pk}" hx-swap-oob="innerHTML">3</span>' in text
    assert '<span id="count-all" hx-swap-oob="innerHTML">3</span>' in text
    assert f"count-{saved.pk}" not in firm.client("colleague").get("/account/views/counts").content.decode()


def test_each_tab_that_is_seen_is_counted_also_the_open_one_behind_many(firm: Any) -> None:
    records.create(firm.actor("seller"), get("account"), {"name": "苏州精密一厂", "tier": "A"})
    for n in range(tabs.FEW):
        keep(firm, name=f"视图{n}")
    last = keep(firm, name="最后")
    page = firm.client("seller").get(f"/account/?view={last.pk}").content.decode()
    seen = re.findall(r'class="tab-count num" id="(count-[^"]+)"', page)
    assert len(seen) == tabs.FEW + 1
    assert seen[-1] == f"count-{last.pk}"
    address = unescape(re.findall(r'hx-get="(/account/views/counts[^"]*)"', page)[0])
    text = firm.client("seller").get(address).content.decode()
    assert re.findall(r'<span id="([^"]+)" hx-swap-oob="innerHTML">\d', text) == seen
    other = firm.client("colleague").get(address).content.decode()
    assert f"count-{last.pk}" not in other


def test_nobody_arranges_the_lists_of_another(firm: Any) -> None:
    from zhike.engine.access import LOOK_ONLY

    looking = firm.actor("seller").within(LOOK_ONLY, by=firm.admin)
    entity = get("account")
    with pytest.raises(Refused):
        views.save(looking, entity, name="x", view=View(), shape=Shape.of({}))
    with pytest.raises(Refused):
        views.arrange(looking, entity, ["mine"], frozenset())
    with pytest.raises(Refused):
        views.reshape(looking, entity, "mine", None)
    with pytest.raises(Missing):
        views.delete(looking, entity, keep(firm).pk)


def test_a_view_over_a_hidden_field_cannot_be_made(firm: Any) -> None:
    FieldGrant.objects.create(role=Role.objects.get(key="seller"), entity="account", key="tier", level="hidden")
    with pytest.raises(Invalid):
        keep(firm)


def test_the_address_says_everything(firm: Any) -> None:
    client = firm.client("seller")
    rows = [{"name": f"客户{n:02}", "tier": "A"} for n in range(60)]
    records.create_many(firm.actor("seller"), get("account"), rows)
    url = "/account/?view=all&tier__eq=A&sort=name&cols=tier~90,name~210&density=airy&freeze=2"
    page = client.get(url).content.decode()
    assert '<table class="table cards-on-phone table-fixed" width="340"' in page
    following = page.split(' rel="next"')[0].rpartition('href="')[2].partition('"')[0].replace("&amp;", "&")
    query = parse_qs(urlsplit(following).query)
    assert query["cols"] == ["tier~90,name~210"]
    assert (query["density"], query["freeze"], query["tier__eq"]) == (["airy"], ["2"], ["A"])
    second = client.get(following).content.decode()
    assert second.count("<tr data-row") == 10
    assert "客户59" in second
    assert "before=" in second


def test_the_exact_number(firm: Any) -> None:
    for n in range(3):
        records.create(firm.actor("seller"), get("account"), {"name": f"客户{n}"})
    assert "<span>共3条</span>" in firm.client("seller").get("/account/count?view=all").content.decode()
    assert "<span>共0条</span>" in firm.client("stranger").get("/account/count?view=all").content.decode()


def test_rows_do_not_wait_for_their_number(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many rows of many people, narrowed: rows first, then how many and what they add up to."""
    rows = [{"name": f"客户{n:02}", "tier": "A", "prior_sales": 10} for n in range(60)]
    records.create_many(firm.actor("seller"), get("account"), rows)
    manager = firm.client("manager")
    page = manager.get("/account/?view=all&tier__eq=A&cols=name,prior_sales").content.decode()
    assert page.count("<tr data-row") == 50
    assert "共50+条" in page
    later = unescape(page.split('" hx-trigger="load"')[-2].rpartition('hx-get="')[2])
    number = manager.get(later).content.decode()
    assert "<span>共60条</span>" in number
    assert '<span id="list-count" hx-swap-oob="innerHTML">60</span>' in number
    assert "选择全部60条" in number
    assert '<template><tfoot id="list-foot" hx-swap-oob="true"><tr>' in number
    assert "600" in number
    seller = firm.client("seller").get("/account/?view=all&tier__eq=A").content.decode()
    assert "共60条" in seller  # one person's are soon counted
    for module in ("engine.query.paging", "web.listing"):
        monkeypatch.setattr(f"zhike.{module}.COUNT_CAP", 20)
    capped = manager.get(later).content.decode()
    assert "共20+条" in capped
    assert "精确计数" in capped
