"""Step 6: people, departments, rights and pipelines are set without code, and are in force at once."""

from __future__ import annotations

import re
import uuid

from playwright.sync_api import Locator, Page, expect

from tests.journeys.conftest import Visit
from tests.journeys.desk import Desk, Device

OWN = "my very own words 2026"
PASSWORD = "New-here-since-2026"


def save(desk: Desk, within: Locator) -> None:
    """Sends a form."""
    desk.tap(within.locator("[type=submit]").first)


def begin(desk: Desk) -> Locator:
    """Presses the button of the page that makes something new; gives the drawer."""
    desk.tap(desk.page.locator(".page-actions [data-drawer][data-key=c]"))
    form = desk.page.locator("#drawer form")
    expect(form).to_be_visible()
    return form


def test_a_department_and_a_person_who_can_come_in(visit: Visit, device: Device) -> None:
    desk, tag = visit("admin", device), uuid.uuid4().hex[:6]
    page = desk.go("/settings/")
    desk.tap(page.locator("main").get_by_role("link", name="部门"))
    page.wait_for_url("**/settings/departments")
    form = begin(desk)
    form.locator("[name=name]").fill(f"青海办事处{tag}")
    desk.pick("上级部门", "", desk.site.rows("SELECT name FROM base_department WHERE parent_id IS NULL")[0][0], form)
    save(desk, form)
    page.wait_for_url(re.compile(r"/department/[0-9a-f-]{36}$"))
    desk.go("/settings/departments")
    expect(page.get_by_role("link", name=f"青海办事处{tag}", exact=True)).to_be_visible()

    desk.go("/user/")
    form = begin(desk)
    form.locator("[name=name]").fill(f"单新人{tag}")
    form.locator("[name=username]").fill(f"new-{tag}")
    desk.pick("部门", tag, f"青海办事处{tag}", form)
    form.locator("[name=position]").fill("驻地销售")
    roles = form.get_by_role("combobox", name="角色")
    roles.fill("销售")
    desk.tap(form.get_by_role("option", name="销售", exact=True))
    expect(form.locator("[data-combobox-chips] .chip")).to_have_text("销售")
    save(desk, form)
    page.wait_for_url(re.compile(r"/user/[0-9a-f-]{36}$"))
    give_password(desk)

    theirs = visit("", device)
    theirs.site.passwords[f"new-{tag}"] = PASSWORD
    theirs.go("/login")
    theirs.page.locator("form.stack [name=username]").fill(f"new-{tag}")
    theirs.page.locator("form.stack [name=password]").fill("not-the-password")
    theirs.page.locator("form.stack [type=submit]").click()
    expect(theirs.page.get_by_role("alert")).to_contain_text("登录名或密码")
    theirs.page.locator("form.stack [name=password]").fill(PASSWORD)
    theirs.page.keyboard.press("Enter")
    theirs.page.wait_for_url("**/me/password")  # a password that somebody else knows is changed first
    for name, value in (("current", PASSWORD), ("new", OWN), ("again", OWN)):
        theirs.page.locator(f"[name={name}]").fill(value)
    theirs.page.keyboard.press("Enter")
    theirs.page.wait_for_url(re.compile(r"/(me)?$"))
    expect(theirs.go("/").get_by_role("heading", level=1)).to_contain_text(f"单新人{tag}")
    # their surname is read shan, not dan, where names are sorted
    assert desk.site.rows("SELECT pinyin FROM base_user WHERE username = %s", f"new-{tag}")[0][0].startswith("~shan4")


def give_password(desk: Desk) -> None:
    """On the page of a person: too short is refused, a good one is taken."""
    page = desk.page
    desk.tap(page.locator(".rec-acts details > summary"))
    entry = page.locator(".rec-acts .menu-list").get_by_text("设置密码")
    if entry.filter(visible=True).count():
        desk.tap(entry.filter(visible=True))
    else:
        page.keyboard.press("Escape")
        desk.tap(page.locator(".rec-acts > a", has_text="设置密码"))
    drawer = page.locator("#drawer")
    password = drawer.locator("[name=password]")
    expect(password).to_be_focused()
    password.fill("123")
    page.keyboard.press("Enter")
    expect(drawer.get_by_role("alert")).to_be_focused()
    password.fill(PASSWORD)
    save(desk, drawer)
    desk.said(re.compile("密码"))


def test_a_changed_right_is_in_force_at_the_next_request(visit: Visit, device: Device) -> None:
    admin, tag = visit("admin", device), uuid.uuid4().hex[:6]
    person = visit("narrowed", device)
    person.expected.add("403")
    set_roles(admin, "销售")
    page = person.go("/account/")
    expect(page.get_by_role("heading", level=1)).to_contain_text("客户")

    admin.go("/settings/roles")
    form = begin(admin)
    form.locator("[name=name]").fill(f"只看线索{tag}")
    form.locator("[name=home]").select_option("seller")
    save(admin, form)
    admin.page.wait_for_url(re.compile(r"/role/[0-9a-f-]{36}$"))
    role = admin.path.rpartition("/")[2]
    grant(admin, role, "lead", "read", "all")
    set_roles(admin, f"只看线索{tag}")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_have_text("没有权限")
    assert page.goto("/lead/").status == 200  # type: ignore[union-attr]
    expect(page.locator('[data-nav="account"]')).to_have_count(0)

    grant(admin, role, "account", "read", "all")
    page.goto("/account/?view=all")
    expect(page.locator("[data-row]").first).to_be_visible()
    expect(page.locator(".page-actions").get_by_role("link", name="新建客户")).to_have_count(0)
    grant(admin, role, "account", "create", "own")
    page.reload()
    expect(page.locator(".page-actions").get_by_role("link", name="新建客户")).to_be_visible()
    grant(admin, role, "account", "read", "own")
    page.reload()
    own = "SELECT count(*) FROM customers_account a JOIN base_user u ON u.id = a.owner_id WHERE u.username = 'narrowed'"
    expect(page.locator("[data-row]")).to_have_count(admin.site.rows(f"{own} AND a.deleted_at IS NULL")[0][0])


def grant(admin: Desk, role: str, entity: str, action: str, scope: str) -> None:
    """Sets one cell of the matrix, what is seen in lists too, and saves it from the page that tells the effect."""
    page = admin.go(f"/settings/roles/{role}")
    for one in ("list", "read") if action == "read" else (action,):
        page.locator(f'[name="g:{entity}:{one}"]').select_option(scope)
    admin.tap(page.locator("main form [type=submit]"))
    page.wait_for_url(re.compile("/preview$"))
    admin.tap(page.locator("main form [type=submit]"))
    admin.said(re.compile("已保存"))
    expect(page.locator(f'[name="g:{entity}:{action}"]')).to_have_value(scope)


def set_roles(admin: Desk, name: str) -> None:
    """Gives a person exactly one role."""
    pk = admin.site.rows("SELECT id FROM base_user WHERE username = 'narrowed'")[0][0]
    page = admin.go(f"/user/{pk}/edit")
    form = page.locator("#form-body")
    for chip in form.locator("[data-name=roles] [data-combobox-drop]").all():
        admin.tap(chip)
    box = form.get_by_role("combobox", name="角色")
    box.fill(name)
    admin.tap(form.get_by_role("option", name=name, exact=True))
    save(admin, form)
    page.wait_for_url(f"**/user/{pk}")


def test_a_pipeline_is_made_used_and_reshaped(visit: Visit, device: Device) -> None:
    desk, tag = visit("admin", device), uuid.uuid4().hex[:6]
    pipeline = make_pipeline(desk, f"渠道{tag}")
    named = "SELECT labels->>'zh-hans', id::text FROM engine_stage WHERE pipeline_id = %s"
    stages = dict(desk.site.rows(named, pipeline))
    deal = desk.make("deal", name=f"报备{tag}", pipeline=pipeline, stage=stages["报备"]).rpartition("/")[2]

    page = desk.go(f"/settings/pipelines/{pipeline}")
    first = stage_row(page, "报备")
    first.locator("[name$='-label-zh-hans']").fill("已报备")
    first.locator("[name$='-win']").fill("35")
    first.locator("[name$='-days']").fill("12")
    desk.tap(first.locator("summary"))
    desk.tap(first.locator("label.chip", has_text="产品"))
    save(desk, page.locator("form[data-guard]"))
    publish(desk)
    kept = desk.site.rows(
        "SELECT labels->>'zh-hans', win_percent, days_allowed, required_fields FROM engine_stage WHERE id = %s",
        stages["报备"],
    )
    assert [(label, int(win), days, fields) for label, win, days, fields in kept] == [("已报备", 35, 12, ["product"])]

    desk.go(f"/settings/pipelines/{pipeline}")
    add_stage(desk, "样机试用", 60)
    save(desk, page.locator("form[data-guard]"))
    publish(desk)
    fresh = in_force(desk, f"渠道{tag}")
    assert fresh != pipeline
    ((of, stage),) = desk.site.rows(
        "SELECT d.pipeline_id::text, s.labels->>'zh-hans' FROM sales_deal d JOIN engine_stage s ON s.id = d.stage_id"
        " WHERE d.id = %s", deal,
    )  # fmt: skip
    assert (of, stage) == (fresh, "已报备")
    page = desk.go(f"/deal/board?pipeline={fresh}")
    expect(page.locator("[data-lane] h2").nth(1)).to_contain_text("样机试用")
    expect(page.locator("[data-lane]").first.get_by_role("link", name=f"报备{tag}")).to_be_visible()


def make_pipeline(desk: Desk, name: str) -> str:
    """A pipeline with its first stage named; gives its id."""
    page = desk.go("/settings/pipelines")
    desk.tap(page.locator("section", has=page.get_by_role("heading", name="商机")).get_by_role("link", name="新建"))
    page.locator("[name='label-zh-hans']").fill(name)
    page.locator("[data-row-item]").first.locator("[name$='-label-zh-hans']").fill("报备")
    save(desk, page.locator("form[data-guard]"))
    publish(desk)
    return in_force(desk, name)


def publish(desk: Desk) -> None:
    """Puts the draft in force, from the bar above the page."""
    desk.page.wait_for_url("**/settings/pipelines")
    desk.tap(desk.page.locator("[data-draft] form[action$='/publish'] [type=submit]"))
    expect(desk.page.locator("[data-draft]")).to_have_count(0)


def in_force(desk: Desk, name: str) -> str:
    """The id of a pipeline by its name."""
    named = "SELECT id::text FROM engine_pipeline WHERE labels->>'zh-hans' = %s AND is_current"
    return str(desk.site.rows(named, name)[0][0])


def stage_row(page: Page, name: str) -> Locator:
    """The card of a stage in the form of its pipeline."""
    return page.locator("[data-row-item]").filter(has=page.locator("legend", has_text=re.compile(f"^{name}$")))


def add_stage(desk: Desk, name: str, win: int) -> None:
    """Adds a stage and moves it behind the first."""
    page = desk.page
    desk.tap(page.locator("[data-row-add]"))
    row = page.locator("[data-row-item]").last
    expect(row.locator("[name$='-label-zh-hans']")).to_be_focused()
    row.locator("[name$='-label-zh-hans']").fill(name)
    row.locator("[name$='-win']").fill(str(win))
    name_of = row.locator("[name=row]").input_value()
    added = page.locator("[data-row-item]", has=page.locator(f"[name=row][value={name_of}]"))
    for _step in range(2):
        desk.tap(added.locator("[data-row-up]"))
    expect(page.locator("[data-row-item]").nth(1).locator("[name=row]")).to_have_value(name_of)
