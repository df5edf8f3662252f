"""What is shown of the log: on a record as far as its reader may see, to auditors without values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.utils import translation

from zhike.base.models import FieldGrant, Role, User
from zhike.engine import history, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing
from zhike.engine.models import History

PHONE = "13812345678"


def field(entity: str) -> str:
    """The key of a field with a telephone number."""
    return next(k for k, a in get(entity).attributes.items() if a.kind.key == "phone" and a.column)


def texts(actor: Actor, entity: str, pk: Any) -> str:
    return json.dumps(
        [[str(part) for change in e.changes for part in change] for e in history.of(actor, get(entity), pk)],
        ensure_ascii=False,
    )


def test_masked_and_hidden_fields(firm: Any) -> None:
    key = field("lead")
    seller = firm.actor("seller")
    lead = records.create(seller, get("lead"), {"name": "赵六", "company": "秘密有限公司"})
    records.update(seller, get("lead"), lead.pk, {key: PHONE})
    records.update(seller, get("lead"), lead.pk, {key: "13900001111"})
    shown = texts(seller, "lead", lead.pk)
    assert ("138****5678" in shown, PHONE in shown, "13900001111" in shown) == (True, False, False)
    role = Role.objects.get(key="seller")
    FieldGrant.objects.update_or_create(role=role, entity="lead", key=key, when="", defaults={"level": "hidden"})
    assert texts(firm.actor("seller"), "lead", lead.pk) == "[[]]"
    FieldGrant.objects.filter(role=role, entity="lead", key=key).update(level="read")
    assert PHONE in texts(firm.actor("seller"), "lead", lead.pk)
    with pytest.raises(Missing):
        history.of(firm.actor("stranger"), get("lead"), lead.pk)


def test_links_by_visible_names_only(firm: Any) -> None:
    boss, stranger = firm.actor("admin"), firm.actor("stranger")
    secret = records.create(firm.actor("seller"), get("account"), {"name": "秘密有限公司"})
    mine = records.create(stranger, get("account"), {"name": "公开有限公司"})
    records.update(boss, get("account"), mine.pk, {"parent": str(secret.pk)})
    assert ("秘密" in texts(boss, "account", mine.pk), "秘密" in texts(stranger, "account", mine.pk)) == (True, False)


def test_who_revealed_exported_and_for_whom(firm: Any) -> None:
    seller = firm.actor("seller")
    made = records.create(seller, get("account"), {"name": "甲有限公司"})
    other = records.create(seller, get("account"), {"name": "乙有限公司"})
    hand = Actor(seller.user, "web", by=firm.colleague)
    history.note(hand, "reveal", entity="account", record=made.pk, details={"fields": ["name", "nothing"]})
    history.note(seller, "export", entity="account", details={"rows": 2, "records": [str(made.pk), str(other.pk)]})
    history.note(seller, "export", entity="account", details={"rows": 1, "records": [str(other.pk)]})
    found = history.of(seller, get("account"), made.pk)
    assert [(e.action, e.actor, e.behalf, len(e.fields), e.rows) for e in found] == [
        ("export", "王芳", "", 0, 2),
        ("reveal", "李雷", "王芳", 1, 0),
        ("create", "王芳", "", 0, 0),
    ]
    page = firm.client("seller").get(f"/account/{made.pk}/history").content.decode()
    assert ("李雷" in page, "王芳" in page) == (True, True)


def test_erased_values_are_said_to_be(firm: Any) -> None:
    seller = firm.actor("seller")
    made = records.create(seller, get("account"), {"name": "甲有限公司"})
    records.update(seller, get("account"), made.pk, {"name": "乙有限公司"})
    assert history.redact("account", made.pk, ["name"], firm.actor("admin"), "asked") == 1
    with translation.override("en"):
        shown = [str(p) for p in history.of(seller, get("account"), made.pk)[1].changes[0][1:]]
    assert shown == ["erased", "erased"]


@pytest.mark.parametrize(
    ("office", "status"), [("", 403), ("system", 403), ("security", 403), ("audit", 200), ("all", 200)]
)
def test_pages_open_for_auditors_alone(firm: Any, office: str, status: int) -> None:
    role = Role.objects.create(key="o", name="o", office=office)
    User.objects.filter(pk=firm.admin.pk).update(roles=[role.pk])
    client = firm.client("admin")
    for url in ("/settings/audit", "/settings/audit/file", "/settings/audit/incident"):
        assert (url, client.get(url).status_code) == (url, status)


def auditor(firm: Any) -> Any:
    role = Role.objects.create(key="aud", name="aud", office="audit")
    User.objects.filter(pk=firm.admin.pk).update(roles=[role.pk])
    return firm.client("admin")


def test_an_auditor_sees_what_but_no_values(firm: Any) -> None:
    seller = firm.actor("seller")
    made = records.create(seller, get("account"), {"name": "秘密有限公司"})
    records.update(seller, get("account"), made.pk, {"name": "更名有限公司"})
    client = auditor(firm)
    page = client.get("/settings/audit").content.decode()
    label = str(get("account").attributes["name"].label)
    assert ("王芳" in page, label in page, "秘密" in page, "更名" in page) == (True, True, False, False)
    rows = b"".join(client.get("/settings/audit/file").streaming_content).decode()
    facts = [json.loads(line) for line in rows.splitlines()]
    assert [f["fields"] for f in facts if f["record"] == str(made.pk)] == [["name"], []]
    assert "更名" not in rows
    assert History.objects.filter(action="audit_export").count() == 1


def test_filters_and_pages(firm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from zhike.engine import audit

    monkeypatch.setattr(audit, "PAGE", 2)
    seller, stranger = firm.actor("seller"), firm.actor("stranger")
    for actor, count in ((seller, 5), (stranger, 1)):
        for n in range(count):
            history.note(actor, "print", entity="account", details={"rows": n})
    client = auditor(firm)
    url, seen = "/settings/audit?person=王芳&action=print", []
    while url:
        context = client.get(url).content.decode()
        seen.append(context.count("rows "))
        found = [u for u in context.split('href="') if u.startswith("?") and "after=" in u]
        url = "/settings/audit" + found[0].split('"')[0].replace("&amp;", "&") if found else ""
    assert seen == [2, 2, 1]
    assert client.get("/settings/audit?after=nonsense&from=x&to=9999-99-99").status_code == 200


def test_the_incident_kit_counts(firm: Any) -> None:
    seller = firm.actor("seller")
    a, b = (records.create(seller, get("account"), {"name": f"{n}号有限公司"}) for n in (1, 2))
    for _n in range(3):
        history.note(seller, "reveal", entity="account", record=a.pk, details={"fields": ["phone"]})
    history.note(
        seller, "api", entity="account", details={"token": "zk12345", "rows": 2, "records": [str(a.pk), str(b.pk)]}
    )
    from zhike.engine.audit import Asked, sums, touched

    found = {s.action: (s.times, s.rows, s.records) for s in sums(Asked(person="王芳"))}
    assert (found["reveal"], found["api"], found["create"]) == ((3, 3, 1), (1, 2, 2), (2, 2, 2))
    assert [(s.action, s.rows) for s in sums(Asked(token="zk12345"))] == [("api", 2)]
    assert touched(Asked(person="王芳"))[:2] == [("account", a.pk, 5), ("account", b.pk, 2)]
    page = auditor(firm).get("/settings/audit/incident?person=王芳").content.decode()
    assert (str(a.pk) in page, "1号" in page) == (True, False)
