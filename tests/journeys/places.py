"""Every kind of page, by the person who looks at it."""

from __future__ import annotations

import io
import re
import uuid

import openpyxl
from playwright.sync_api import FilePayload

from tests.journeys.desk import Desk

PLACES: dict[str, tuple[str, ...]] = {
    "": ("/login", "/forgot"),
    "seller": (
        "/", "/account/", "/account/?view=all&q=没有这样的客户", "/settings/", f"/deal/{uuid.UUID(int=1)}", "/search",
        "/search?q=科技", "/notices", "/me/notices", "/brief",
        "/me", "/me/password", "/me/confirm", "/me/tokens", "/me/delegations",
        "/proposals", "/api/docs", "/settings/webhooks", "/settings/webhooks/new",
        "/duplicates/account", "/duplicates/look", "/pools/", "pool:card",
        "/handed/", "handover:letter", "/me/calendar", "/me/calendar/account", "/activity/calendar?view=all&span=week",
        "/account/import", "import:map", "import:dry", "import:done", "/imports", "imports:set",
    ),
    "manager": (
        "/", "/deal/board", "/lead/board", "/deal/?view=all", "/reports/funnel?period=all", "/reports/team?period=all",
        "/account/{account}", "/contact/{contact}", "/lead/{lead}", "/deal/{deal}", "/activity/{activity}",
        "/activity/{activity}/comments",
        "/deal/{deal}/edit", "/deal/{deal}/history", "/deal/bin", "/account/new", "/deal/new",
        "/lead/{lead}/act/convert", "/account/{account}/visibility", "/account/{account}/share",
        "/contact/{contact}/consents", "/activity/calendar?view=all", "/deal/?view=all&as=grid",
        "/account/?view=all&as=split", "/tasks", "merge:account", "/account/export?view=all",
        "/promise/{promise}", "/reports/promises", "/targets/", "/targets/{target}/split",
        "/handover/", "/handover/new", "/handover/watch", "/reports/continuity", "handover:plan", "handover:rule",
    ),
    "executive": ("/", "/ui/"),
    "admin": (
        "/", "/settings/", "/settings/departments", "/settings/roles", "/settings/roles/{role}", "/settings/pipelines",
        "/settings/pipelines/{pipeline}", "/settings/policy",
        "/settings/plans", "/settings/plans/new", "/settings/note-templates", "/settings/note-templates/new",
        "/settings/config", "/settings/objects", "/settings/objects/new",
        "/settings/objects/account/about", "/settings/objects/account", "/settings/objects/account/fields/new",
        "/settings/objects/account/choices", "/settings/objects/account/choices/tier",
        "/settings/objects/account/layout", "/settings/pipelines/new/deal", "/settings/duplicates", "/settings/tags",
        "/settings/pools", "/settings/pools/new/account",
        "/settings/assigning", "/settings/assigning/new/lead", "/settings/assigning/people",
        "/settings/health",
        "/settings/roles/{role}/fields", "/settings/roles/compare", "/settings/delegations",
        "/settings/view-as", "/settings/exports", "/settings/audit", "/settings/audit/incident", "/settings/tokens",
        "/settings/privacy", "/settings/retention", "/settings/retention/new/lead", "/settings/webhooks",
        "/contact/{contact}/personfile", "/contact/{contact}/act/erase",
        "/settings/unused", "/user/", "/user/new", "/user/{user}", "/department/{department}",
        "/role/{role}", "/lead/?view=all", "/contact/?view=all", "/activity/?view=all", "/product/",
        "/product/{product}",
        "/competitor/{competitor}", "/tag/{tag}", "/affiliation/{affiliation}", "/contactpoint/{contactpoint}",
        "/address/{address}", "/dealcontact/{dealcontact}", "/dealcompetitor/{dealcompetitor}",
    ),
}  # fmt: skip
# Where the first of the list is not the one to look at: the order that gives one with a story, or an id.
TALKED = "&sort=-last_contact_at"
LISTED = {"account": TALKED, "contact": TALKED, "lead": f"&status__eq=open{TALKED}", "deal": TALKED}
STORED = {
    "role": "SELECT id FROM base_role WHERE key = 'seller'",
    "pipeline": "SELECT id FROM engine_pipeline WHERE entity = 'deal' AND is_current AND is_default",
}


def places(desk: Desk, person: str) -> dict[str, str]:
    """The pages of a person: what they are called here, and where they are."""
    found = {}
    for place in PLACES[person]:
        if place.startswith("import:"):
            found[place] = imported(desk, place.partition(":")[2])
            continue
        if place == "imports:set":
            found[place] = linked(desk)
            continue
        if place == "pool:card":
            text = desk.context.request.get("/pools/").text()
            found[place] = next(iter(re.findall(r'href="(/pools/[0-9a-f-]{36}/[0-9a-f-]{36})"', text)))
            continue
        if place.startswith("handover:"):
            found[place] = handed(desk, place.partition(":")[2])
            continue
        if place.startswith("merge:"):
            found[place] = merging(desk, place.partition(":")[2])
            continue
        path = place
        for key in re.findall(r"{(\w+)}", place):
            path = path.replace(f"{{{key}}}", one(desk, key))
        found[place] = path
    return found


def one(desk: Desk, entity: str) -> str:
    """The id of a record that this person may see."""
    if entity in STORED:
        return str(desk.site.rows(STORED[entity])[0][0])
    text = desk.context.request.get(f"/{entity}/?view={LISTED.get(entity, '')}").text()
    found = re.search(
        rf'<tr data-row data-id="([0-9a-f-]{{36}})"|<td class="lead"><a href="/{entity}/([0-9a-f-]{{36}})"', text
    )
    if found:
        return found[1] or found[2]
    assert entity == "address"  # the demo firm has none
    return desk.make("address", account=one(desk, "account"), detail="星湖街328号").rpartition("/")[2]


def merging(desk: Desk, entity: str) -> str:
    """Two records of an entity side by side."""
    text = desk.context.request.get(f"/{entity}/?view={LISTED.get(entity, '')}").text()
    ids = re.findall(
        rf'<tr data-row data-id="([0-9a-f-]{{36}})"|<td class="lead"><a href="/{entity}/([0-9a-f-]{{36}})"', text
    )
    return f"/merge/{entity}?ids={','.join(a or b for a, b in ids[:2])}"


def imported(desk: Desk, step: str) -> str:
    """An import that stands at a step, begun by sending the forms of the wizard."""
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(("公司名称", "联系电话", "备用"))
    sheet.append((f"步骤{uuid.uuid4().hex[:6]}厂", 13900001111.0, "说明"))
    sheet.append((None, "电话", ""))
    data = io.BytesIO()
    book.save(data)
    request = desk.context.request
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', request.get("/account/import").text())
    assert token is not None
    csrf = {"csrfmiddlewaretoken": token[1]}
    file: FilePayload = {"name": "步骤.xlsx", "mimeType": "application/octet-stream", "buffer": data.getvalue()}
    answer = request.post("/account/import", multipart={**csrf, "file": file}, max_redirects=0)
    path = str(answer.headers["location"])
    for action in {"map": (), "dry": ("check",), "done": ("check", "run")}[step]:
        assert request.post(f"{path}/{action}", form=csrf, max_redirects=0).status == 303
    return path


def linked(desk: Desk) -> str:
    """Linked tables whose parts are told and checked."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    name = f"联表{uuid.uuid4().hex[:6]}厂"
    for title, rows in (("联系人", [("姓名", "公司"), ("张三", name)]), ("客户", [("客户名称",), (name,)])):
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    data = io.BytesIO()
    book.save(data)
    request = desk.context.request
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', request.get("/imports").text())
    assert token is not None
    csrf = {"csrfmiddlewaretoken": token[1]}
    file: FilePayload = {"name": "联表.xlsx", "mimeType": "application/octet-stream", "buffer": data.getvalue()}
    path = str(request.post("/imports", multipart={**csrf, "file": file}, max_redirects=0).headers["location"])
    assert request.post(f"{path}/check", form=csrf, max_redirects=0).status == 303
    return path


def handed(desk: Desk, what: str) -> str:
    """A plan, the form of its rules, or the letter of a customer that somebody was handed."""
    if what == "letter":
        text = desk.context.request.get("/handed/").text()
        return str(re.findall(r'href="(/handover/item/[0-9a-f-]{36})"', text)[0])
    (pk,) = desk.site.rows("SELECT id FROM handover_handover WHERE state = 'planned' ORDER BY created_at LIMIT 1")[0]
    return f"/handover/{pk}/rule" if what == "rule" else f"/handover/{pk}"
