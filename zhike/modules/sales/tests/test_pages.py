"""First pages and reports: every number is the list behind it, for everybody, whatever there is to count."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from decimal import Decimal
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from zhike.base.models import FieldGrant, Grant
from zhike.engine import query, records, report
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid
from zhike.modules.leads.models import Lead
from zhike.modules.sales import figures
from zhike.modules.sales.models import Deal
from zhike.modules.sales.pages import quick
from zhike.modules.tests.helpers import Firm, create, reload, stage

PAGES = (
    "/",
    "/reports/funnel?period=all",
    "/reports/funnel?period=year&by=closed_on",
    "/reports/funnel?period=quarter&by=expected_on",
    "/reports/team?period=all",
    "/reports/team?period=month",
    "/reports/team?period=last_quarter&sort=name",
)
PEOPLE = ("seller", "manager", "executive", "admin")
OPEN = ("contact", "needs", "proposal", "negotiation")


def browser(actor: Actor) -> Client:
    """A signed-in browser."""
    client = Client(headers={"accept-language": "zh-CN"})
    client.force_login(actor.user)
    return client


def days_ago(days: int) -> dt.datetime:
    return timezone.now() - dt.timedelta(days=days)


def deal_stages() -> list[UUID]:
    """The open stages of the pipeline, in order."""
    from zhike.engine import stages

    return [s.pk for s in stages.of(figures.pipelines()[0].pk) if s.status == "open"]


def sold(owner: Actor, name: str, path: list[Any], *, started: int, amount: int | None = 1_000, **values: Any) -> Deal:
    """A deal that went through the stages of `path`, ten days in each, from `started` days ago."""
    account = create(owner, "account", name=f"{name}公司")
    data = {"name": name, "account": account.pk, "amount": amount, "started_on": str(days_ago(started).date())}
    data |= {"expected_on": str(days_ago(started - 60).date()), "stage": path[0], **values}
    made = records.create_many(owner, get("deal"), [data], at=[days_ago(started)])[0]
    for n, step in enumerate(path[1:], 1):
        at = days_ago(started - 10 * n)
        more: dict[str, Any] = {}
        if step == stage("deal", "lost"):
            more = {"lost_reason": "price"}
        if step in (stage("deal", "lost"), stage("deal", "won")):
            more |= {"closed_on": str(at.date())}
        records.update_many(owner, get("deal"), {made.pk: {"stage": step, **more}}, at={made.pk: at})
    found: Deal = reload("deal", made.pk)
    return found


def plan(owner: Actor, deal: Deal, days: int) -> None:
    """A call to be made in so many days."""
    create(
        owner, "activity", kind="call", subject="回访", deal=deal.pk, due_at=timezone.now() + dt.timedelta(days=days)
    )


def fill(firm: Firm) -> None:
    """A bit of everything: open, late, alone, won, lost; of people in two departments."""
    s, won, lost = deal_stages(), stage("deal", "won"), stage("deal", "lost")
    for n, person in enumerate((firm.seller, firm.colleague, firm.stranger)):
        first = sold(person, f"甲{n}", s[:1], started=2, amount=120_000 + n)
        plan(person, first, -3)
        plan(person, first, 0)
        sold(person, f"乙{n}", s[:3], started=200, amount=55_555, forecast="commit")
        sold(person, f"丙{n}", [*s[:2], won], started=25 + 40 * n, amount=9_999_999)
        sold(person, f"丁{n}", [*s[:1], lost], started=12 + 100 * n, amount=77_000)
        sold(person, f"戊{n}", s[:1], started=5, amount=None)
        create(person, "activity", kind="visit", status="done", body="见面", deal=first.pk)
        create(person, "lead", name=f"线索{n}", company=f"线索{n}厂")


class Figures(HTMLParser):
    """The links to lists on a page, with the label and the text of each number that they show."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self.heads: list[str] = []
        self.column = -1
        self.head: list[str] | None = None
        self.href = self.part = ""
        self.texts: dict[str, str] = {}
        self.exact: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        a = {k: v or "" for k, v in attrs}
        if tag in ("table", "tr"):
            self.column = -1
            self.heads = [] if tag == "table" else self.heads
        if tag in ("th", "td"):
            self.column += 1
            self.head = [] if a.get("scope") == "col" else None
        if tag == "a" and re.match(r"/\w+/\?view=&", a.get("href", "")):
            self.href, self.part, self.texts, self.exact = a["href"], "value", {}, {}
        if self.href and a.get("class", "").startswith("stat-"):
            self.part = a["class"].removeprefix("stat-")
        if self.href and a.get("title", "").startswith("¥"):
            self.exact[self.part] = a["title"]

    def handle_data(self, data: str) -> None:
        if self.href:
            self.texts[self.part] = self.texts.get(self.part, "") + data.strip()
        elif self.head is not None:
            self.head.append(data.strip())

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self.column = -1
        if tag == "th" and self.head is not None:
            self.heads.append("".join(self.head))
            self.head = None
        if tag == "a" and self.href:
            label = self.texts.get("label") or (self.heads[self.column] if self.column >= 0 else "")
            self.found.append((self.href, label, self.exact.get("value") or self.texts.get("value", "")))
            self.found.append((self.href, "", self.exact.get("foot") or self.texts.get("foot", "")))
            self.href = ""


def figures_of(html: str) -> list[tuple[str, str, str]]:
    """(address, label, number) of every figure of a page; links that are names or words show no number."""
    parser = Figures()
    parser.feed(html)
    return [f for f in parser.found if re.match(r"[¥\d—]", f[2])]


def behind(actor: Actor, href: str) -> tuple[Any, query.View]:
    parts = urlsplit(href)
    return get(parts.path.strip("/")), query.parse(parts.query)


def expected(actor: Actor, href: str, label: str, shown: str) -> str:
    """The number as the rows of the list behind it say, read one by one."""
    entity, view = behind(actor, href)
    attributes = [
        a for k, a in entity.attributes.items() if k in ("amount", "weighted", "status", "closed_on", "started_on")
    ]
    rows = [r.values for r in query.read(actor, entity, query.select(actor, entity, view), attributes)]
    if shown.startswith("¥"):
        key = "weighted" if "加权" in label else "amount"
        return f"¥{sum((r[key] or Decimal(0) for r in rows), Decimal(0)):,.2f}"
    if label == "赢单率":
        share = report.share(sum(r["status"] == "won" for r in rows), len(rows))
        return "—" if share is None else f"{share:g}%"
    if "用时" in label:
        spans = [(r["closed_on"] - r["started_on"]).days for r in rows]
        return f"{sum(spans) / len(spans):.0f}" if spans else "—"
    return f"{len(rows):,}" if not shown.endswith("个商机") else f"{len(rows):,}个商机"


@pytest.mark.django_db
@pytest.mark.parametrize("person", PEOPLE)
def test_every_number_is_the_list_behind_it(firm: Firm, person: str) -> None:
    fill(firm)
    actor = getattr(firm, person)
    client = browser(actor)
    seen = 0
    for page in PAGES:
        answer = client.get(page)
        assert answer.status_code == 200
        for href, label, shown in figures_of(answer.content.decode()):
            assert (page, href, label, shown.replace(" ", "")) == (
                page,
                href,
                label,
                expected(actor, href, label, shown),
            )
            seen += 1
    assert seen > 60


def test_the_list_page_shows_the_same_total_and_sum(firm: Firm) -> None:
    fill(firm)
    client = browser(firm.manager)
    hrefs = {f[0] for page in PAGES for f in figures_of(client.get(page).content.decode()) if f[0].startswith("/deal/")}
    assert len(hrefs) > 30
    for href in sorted(hrefs):
        html = whole(client, href)
        entity, view = behind(firm.manager, href)
        total = report.total(firm.manager, entity, view, (report.COUNT, figures.AMOUNT))
        found = re.search(r"<span>共 ?([\d,]+)", html)
        assert found
        assert (href, found.group(1)) == (href, f"{total.n:,}")
        foot = re.search(r"<tfoot.*?</tfoot>", html, re.DOTALL)
        sums = re.findall(r'<span class="num">¥([\d,.]+)</span>', foot.group(0)) if foot else []
        assert (href, sums[:1]) == (href, [f"{total['amount']:,.0f}"] if total.n else [])


def whole(client: Client, href: str) -> str:
    """A list with its number and sums, which come afterwards where they take longer than the rows."""
    page = client.get(href).content.decode()
    later = re.search(r'hx-get="([^"]+/count[^"]+)" hx-trigger="load"', page)
    return client.get(unescape(later[1])).content.decode() if later else page


def queries(client: Client, page: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(page).status_code == 200
    return len(captured)


def test_the_number_of_queries_does_not_grow_with_the_data(firm: Firm) -> None:
    for _n in range(4):
        fill(firm)  # until no short list ends before its limit: those need not be counted
    clients = {name: browser(getattr(firm, name)) for name in PEOPLE}
    asked = [(name, page) for name in PEOPLE for page in ("/", PAGES[1], PAGES[4])]
    for client in clients.values():
        client.get("/")  # the first page of a session is noted
    before = {pair: queries(clients[pair[0]], pair[1]) for pair in asked}
    for _n in range(4):
        fill(firm)
    after = {pair: queries(clients[pair[0]], pair[1]) for pair in asked}
    assert {pair: n for pair, n in after.items() if n > before[pair]} == {}
    assert max(before.values()) <= 30


def numbers(actor: Actor, page: str) -> dict[str, str]:
    """label -> number of the tiles on a page."""
    html = browser(actor).get(page).content.decode()
    return {label: shown for _href, label, shown in reversed(figures_of(html)) if label}


def test_a_seller_counts_the_own_deals_a_manager_those_of_the_team(firm: Firm) -> None:
    fill(firm)
    counts = {
        name: numbers(getattr(firm, name), "/reports/funnel?period=all")["商机"]
        for name in ("seller", "stranger", "manager", "executive")
    }
    assert counts == {"seller": "5", "stranger": "5", "manager": "10", "executive": "15"}


def test_a_department_without_deals_sees_zeros_and_no_names(firm: Firm) -> None:
    sold(firm.seller, "北方的商机", deal_stages()[:1], started=3)
    for page in PAGES:
        html = browser(firm.stranger).get(page).content.decode()
        assert "北方的商机" not in html
        assert [shown for _h, _l, shown in figures_of(html) if not re.match(r"0|¥0\.00|—", shown)] == []


def test_reports_are_in_the_menu_of_those_who_see_others(firm: Firm) -> None:
    shown = {name: 'href="/reports/"' in browser(getattr(firm, name)).get("/").content.decode() for name in PEOPLE}
    assert shown == {"seller": False, "manager": True, "executive": True, "admin": True}


def test_who_may_not_read_deals_is_refused_the_reports(firm: Firm) -> None:
    Grant.objects.filter(role__in=firm.seller.user.roles, entity="deal").delete()
    client = browser(firm.seller)
    assert [client.get(p).status_code for p in ("/", "/reports/funnel", "/reports/team")] == [200, 403, 403]


# ---- funnel ----


def test_conversion_counts_those_that_came_further(firm: Firm) -> None:
    s, won, lost = deal_stages(), stage("deal", "won"), stage("deal", "lost")
    sold(firm.seller, "到三", s[:3], started=90)
    sold(firm.seller, "跳过", [s[0], s[2]], started=90)
    sold(firm.seller, "退回", [s[1], s[0]], started=90)
    sold(firm.seller, "直接赢", [s[0], won], started=90)
    sold(firm.seller, "输了", [s[0], s[1], lost], started=90)
    found = figures.funnel(firm.seller, figures.pipelines()[0].pk, query.View())
    flow = [(step.reached.n, step.passed.n, step.rate) for step in found.of("open")[:3]]
    assert flow == [(5, 4, 80.0), (3, 1, 33.3), (2, 0, 0.0)]
    assert [step.now.n for step in found.steps] == [1, 0, 2, 0, 1, 1]
    assert [step.median_days for step in found.of("open")[:3]] == [10, 10, None]
    assert (found.total.n, found.total["amount"]) == (5, Decimal(5_000))
    assert [(g.labels, g.n) for g in found.reasons] == [(("价格过高",), 1)]


def test_a_cohort_is_cut_by_its_date(firm: Firm) -> None:
    s = deal_stages()
    sold(firm.seller, "早", s[:1], started=800)
    sold(firm.seller, "近", s[:1], started=1)
    found = {p: figures.funnel(firm.seller, figures.pipelines()[0].pk, cohort(p)).total.n for p in ("all", "last_year")}
    assert found == {"all": 2, "last_year": 0}


def cohort(period: str) -> query.View:
    return query.View(conditions=tuple(figures.within("created_at", period)))


@pytest.mark.parametrize(
    ("period", "today", "days"),
    [
        ("month", "2026-02-10", ("2026-02-01", "2026-02-28")),
        ("quarter", "2026-11-21", ("2026-10-01", "2026-12-31")),
        ("last_quarter", "2026-02-10", ("2025-10-01", "2025-12-31")),
        ("last_month", "2026-03-31", ("2026-02-01", "2026-02-28")),
        ("year", "2024-02-29", ("2024-01-01", "2024-12-31")),
        ("last_year", "2026-01-01", ("2025-01-01", "2025-12-31")),
    ],
)
def test_periods(period: str, today: str, days: tuple[str, str]) -> None:
    found = figures.span(period, dt.date.fromisoformat(today))
    assert found == tuple(map(dt.date.fromisoformat, days))
    assert figures.span("all") is None


# ---- grouping ----


def test_groups_name_only_what_their_reader_may_see(firm: Firm) -> None:
    account = create(firm.manager, "account", name="别人的客户")
    made = create(firm.manager, "deal", name="交给王芳的商机", account=account.pk, amount=5)
    records.update_many(firm.manager, get("deal"), {made.pk: {"owner": firm.seller.user.pk}}, action="transfer")
    groups = report.grouped(firm.seller, get("deal"), query.View(), ("account",))
    assert [(g.labels, g.n) for g in groups] == [(("无权查看",), 1)]
    assert report.grouped(firm.manager, get("deal"), query.View(), ("account",))[0].labels == ("别人的客户",)


def test_dates_are_cut_into_quarters_that_their_lists_keep(firm: Firm) -> None:
    won, account = stage("deal", "won"), create(firm.seller, "account", name="甲").pk
    for day in ("2025-03-31", "2025-04-01", "2025-06-30", "2025-12-31"):
        create(firm.seller, "deal", name=day, amount=10, stage=won, closed_on=day, account=account)
    groups = report.grouped(firm.seller, get("deal"), query.View(), ("closed_on:quarter",))
    assert sorted((g.labels[0], g.n) for g in groups) == [("2025 Q1", 1), ("2025 Q2", 2), ("2025 Q4", 1)]
    assert [query.select(firm.seller, get("deal"), g.view).count() for g in groups] == [g.n for g in groups]


@pytest.mark.parametrize("key", ["nothing", "created_at", "amount:quarter", "closed_on:week"])
def test_what_cannot_be_grouped_is_refused(firm: Firm, key: str) -> None:
    with pytest.raises(Invalid):
        report.grouped(firm.seller, get("deal"), query.View(), (key,))


def test_a_hidden_amount_is_not_summed(firm: Firm) -> None:
    sold(firm.seller, "秘密", deal_stages()[:1], started=3, amount=4_321_000)
    for key in ("amount", "weighted"):
        FieldGrant.objects.create(role_id=firm.seller.user.roles[0], entity="deal", key=key, level="hidden")
    for page in ("/", "/reports/funnel?period=all", "/reports/team"):
        answer = browser(firm.seller).get(page)
        assert (page, answer.status_code, "432.1" in answer.content.decode()) == (page, 200, False)


# ---- conversion ----


def lead_of(actor: Actor, **values: Any) -> Lead:
    made: Lead = create(actor, "lead", **{"name": "宏达机械", "company": "宏达机械有限公司", "contact_name": "刘工",
                                          "phone": "13800138000", "interest": "数控机床", **values})  # fmt: skip
    return made


def test_a_lead_becomes_customer_contact_and_deal(firm: Firm) -> None:
    lead = lead_of(firm.seller)
    client = browser(firm.seller)
    page = f"/lead/{lead.pk}/act/convert"
    assert "宏达机械有限公司 数控机床" in client.get(page).content.decode()
    sent = {"account": "new", "with_deal": "1", "deal_name": "宏达一期", "amount": "12.5万", "version": lead.version}
    answer = client.post(page, sent)
    deal = Deal._base_manager.get(name="宏达一期")
    assert (answer.status_code, answer["Location"]) == (303, f"/deal/{deal.pk}")
    now = reload("lead", lead.pk)
    assert (now.status, now.account_id, deal.account_id) == ("won", deal.account_id, now.account_id)
    assert (deal.amount, deal.lead_id, deal.owner_id) == (Decimal(125_000), lead.pk, firm.seller.user.pk)
    assert client.post(page, sent).status_code == 409
    assert client.post(page, {**sent, "version": now.version}).status_code == 422
    assert Deal._base_manager.count() == 1


def test_a_lead_is_linked_to_the_customer_that_is_there(firm: Firm) -> None:
    account = create(firm.seller, "account", name="宏达机械有限公司")
    other = create(firm.seller, "account", name="另一家")
    client = browser(firm.seller)
    first, second = lead_of(firm.seller), lead_of(firm.seller, name="二号", phone="13800138001")
    html = client.get(f"/lead/{first.pk}/act/convert").content.decode()
    assert re.search(rf'value="{account.pk}" checked', html)
    answer = client.post(f"/lead/{first.pk}/act/convert", {"account": str(account.pk)})
    assert answer["Location"] == f"/account/{account.pk}"
    client.post(f"/lead/{second.pk}/act/convert", {"account": "other", "other": str(other.pk)})
    assert reload("lead", second.pk).account_id == other.pk


def test_a_conversion_that_fails_changes_nothing(firm: Firm) -> None:
    lead, theirs = lead_of(firm.seller), create(firm.stranger, "account", name="南方客户")
    client = browser(firm.seller)
    page = f"/lead/{lead.pk}/act/convert"
    for sent in (
        {"account": "new", "with_deal": "1", "deal_name": ""},
        {"account": "new", "with_deal": "1", "deal_name": "甲", "amount": "很多"},
        {"account": "new", "with_deal": "1", "deal_name": "甲", "amount": "-5"},
        {"account": "other", "other": ""},
        {"account": str(theirs.pk)},
        {},
    ):
        assert (sent, client.post(page, sent).status_code) == (sent, 422)
    assert (reload("lead", lead.pk).converted_at, Deal._base_manager.count()) == (None, 0)
    assert get("account").model._base_manager.count() == 1
    assert browser(firm.stranger).get(page).status_code == 404


# ---- quick things ----


def lines(firm: Firm) -> Iterator[tuple[str, str, dict[str, str]]]:
    account = create(firm.seller, "account", name="宝山钢铁股份有限公司")
    phone = {"phone": "13800138000"}
    yield (
        "张伟 13800138000 采购经理 @宝山",
        "contact",
        {**phone, "name": "张伟", "position": "采购经理", "account": str(account.pk)},
    )
    yield (
        "张伟 138 0013 8000 采购经理 @鞍钢", "lead",
        {"phone": "138 0013 8000", "name": "鞍钢", "company": "鞍钢", "contact_name": "张伟", "position": "采购经理"},
    )  # fmt: skip
    yield "13800138000 李四", "lead", {**phone, "name": "李四", "contact_name": "李四"}
    yield (
        "青岛海蓝水产有限公司销售经理魏东\n电话：0532-66668888\n邮箱：wei@example.com\n喝绿茶", "lead",
        {"phone": "0532-66668888", "email": "wei@example.com", "name": "青岛海蓝水产有限公司", "remark": "喝绿茶",
         "company": "青岛海蓝水产有限公司", "contact_name": "魏东", "position": "销售经理"},
    )  # fmt: skip
    yield "明天给宝钢送样品 2026", "activity", {"subject": "明天给宝钢送样品 2026"}


def test_one_line_becomes_a_form(firm: Firm) -> None:
    for text, entity, values in lines(firm):
        assert quick.understood(firm.seller, text) == (entity, values)
    answer = browser(firm.seller).get("/capture", {"text": "13800138000 李四"}, follow=True)
    assert (answer.status_code, 'value="李四"' in answer.content.decode()) == (200, True)


def test_one_tap_is_done_and_can_be_taken_back(firm: Firm) -> None:
    deal = sold(firm.seller, "甲", deal_stages()[:1], started=2)
    plan(firm.seller, deal, -1)
    made = get("activity").model._base_manager.get(deal=deal.pk)
    client = browser(firm.seller)
    assert f"/activity/{made.pk}/tick" in client.get("/").content.decode()
    assert browser(firm.stranger).post(f"/activity/{made.pk}/tick").status_code == 404
    assert client.post(f"/activity/{made.pk}/tick").status_code == 200
    assert reload("activity", made.pk).status == "done"
    assert f"/activity/{made.pk}/tick" not in client.get("/").content.decode()
    client.post(f"/activity/{made.pk}/tick?back=1")
    assert reload("activity", made.pk).status == "planned"


def test_the_executive_page_is_light(firm: Firm) -> None:
    for _n in range(5):
        fill(firm)
    assert len(browser(firm.executive).get("/").content) <= 60_000


def test_a_board_adds_up_only_what_its_reader_sees(firm: Firm) -> None:
    create(firm.seller, "deal", name="大单", account=create(firm.seller, "account", name="甲厂").pk, amount="1234567")
    assert sums(firm.seller)
    FieldGrant.objects.create(role_id=firm.seller.user.roles[0], entity="deal", key="amount", level="hidden")
    assert sums(firm.seller) == []
    FieldGrant.objects.create(role_id=firm.seller.user.roles[0], entity="deal", key="stage", level="hidden")
    assert browser(firm.seller).get("/deal/board").status_code == 404
    lane = deal_stages()[0]
    assert browser(firm.seller).get(f"/deal/board/{lane}?start=0").status_code == 404


def sums(actor: Actor) -> list[str]:
    """The amounts in the heads of the lanes."""
    page = browser(actor).get("/deal/board").content.decode()
    assert "大单" in page
    return re.findall(r'data-lane-money><.*?title="([^"]+)"', page)
