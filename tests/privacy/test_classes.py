"""Every field has a class that somebody said; the inventory counts who sees it; the file of a person holds all."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import pytest

from zhike.base.models import FieldGrant, Grant, Role
from zhike.engine import history, records
from zhike.engine.checks import check_entities
from zhike.engine.entity import Entity, entities, get
from zhike.engine.kinds import CLASSES
from zhike.engine.models import History
from zhike.modules.activities import commenting

# what must not be taken for less than personal, whatever a declaration says
PERSONAL = {
    "contact": "name salutation gender position wechat qq phone landline email birthday remark attitude numbers",
    "contactpoint": "value digits label",
    "affiliation": "position remark",
    "address": "receiver phone",
    "account": "legal_representative phone email numbers",
    "lead": "name contact_name phone email wechat position address remark",
    "dealcontact": "role attitude remark",
    "consent": "evidence",
    "personrequest": "details",
    "user": "name username phone email position hired_on",
}


def test_every_field_of_every_entity_has_a_class() -> None:
    assert {key: e.unclassed() for key, e in entities().items() if e.unclassed()} == {}
    assert {a.data_class for e in entities().values() for a in e.attributes.values()} <= set(CLASSES)
    assert [e for e in check_entities(None) if e.id in ("engine.E004", "engine.E005")] == []


def test_a_new_field_cannot_slip_through() -> None:
    contact = get("contact")
    less: Entity[Any] = replace(contact, privacy={k: v for k, v in contact.privacy.items() if k != "wechat"})
    assert less.unclassed() == ["wechat"]
    assert replace(contact, privacy={}).attributes["phone"].data_class == "personal"  # the kind says it


@pytest.mark.parametrize("key", PERSONAL)
def test_what_is_personal_by_law(key: str) -> None:
    found = {k: get(key).attributes[k].data_class for k in PERSONAL[key].split()}
    assert {k for k, v in found.items() if v not in ("personal", "sensitive")} == set()


def test_the_inventory_counts_roles(firm: Any) -> None:
    from zhike.engine import privacy

    role = Role.objects.get(key="seller")
    FieldGrant.objects.create(role=role, entity="contact", key="birthday", level="hidden")
    lines = {(x.entity.key, x.attribute.key): x for x in privacy.inventory(("personal",))}
    birthday, phone = lines["contact", "birthday"], lines["contact", "phone"]
    able = {
        r.pk for r in Role.objects.all()
        if Grant.objects.filter(role=r, entity__in=("contact", "*"), action__in=("list", "read", "*")).exists()
    }  # fmt: skip
    rest = Role.objects.count() - len(able)
    assert (birthday.hidden, birthday.write, birthday.none) == (1, len(able) - 1, rest)
    assert (phone.masked, phone.write, phone.none) == (len(able), 0, rest)
    assert ("contact", "account") not in lines


def test_the_inventory_as_page_and_file(firm: Any) -> None:
    client = firm.client("admin")
    assert client.get("/settings/privacy").status_code == 200
    answer: Any = client.get("/settings/privacy?class=every&format=csv")
    text = b"".join(answer.streaming_content).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(text)))
    wanted = {f"{e.key}.{k}" for e in entities().values() for k, a in e.attributes.items() if not a.unseen}
    assert {row[2] for row in rows[1:]} == wanted
    assert [firm.client(who).get("/settings/privacy").status_code for who in ("seller", "manager")] == [403, 403]


@pytest.fixture
def person(firm: Any) -> Any:
    seller = firm.actor("seller")
    account = records.create(seller, get("account"), {"name": "远航机电有限公司"})
    values = {"name": "孙悦", "phone": "13812345678", "wechat": "sunyue", "account": account.pk}
    made = records.create(seller, get("contact"), values)
    records.create(seller, get("consent"), {"contact": made.pk, "purpose": "service", "basis": "contract"})
    note = records.create(seller, get("activity"), {"kind": "note", "contact": made.pk, "body": "谈了价格"})
    commenting.write(firm.actor("manager"), note.pk, "孙总话不多，但说话算数")
    return made


def test_the_file_of_a_person(firm: Any, person: Any) -> None:
    history.note(firm.actor("manager"), "reveal", entity="contact", record=person.pk, details={"fields": ["phone"]})
    answer = firm.client("seller").get(f"/contact/{person.pk}/personfile?format=json")
    found = answer.json()
    values = {f["key"]: f["value"] for f in found["record"]}
    assert (values["name"], values["phone"], values["wechat"]) == ("孙悦", "+8613812345678", "sunyue")
    lists = {x["entity"]: x["rows"] for x in found["lists"]}
    assert lists.keys() == {"affiliation", "contactpoint", "consent", "activity"}
    assert [(s["who"], s["text"]) for s in lists["activity"][0]["said"]] == [("张伟", "孙总话不多，但说话算数")]
    assert [(s["who"], s["action"]) for s in found["seen_by"] if s["action"] == "reveal"] == [("张伟", "reveal")]
    page = firm.client("seller").get(f"/contact/{person.pk}/personfile").content.decode()
    assert "孙总话不多，但说话算数" in page
    noted = History.objects.filter(action="personfile", entity="contact", record=person.pk)
    assert [n.actor for n in noted] == [firm.seller.pk] * 2


def test_the_file_follows_the_rights_of_its_reader(firm: Any, person: Any) -> None:
    url = f"/contact/{person.pk}/personfile?format=json"
    assert [firm.client(who).get(url).status_code for who in ("stranger", "colleague")] == [404, 404]
    role = Role.objects.get(key="executive")
    Grant.objects.filter(role=role, entity__in=("contact", "contactpoint"), action="reveal").delete()
    FieldGrant.objects.create(role=role, entity="contact", key="wechat", level="hidden")
    text = firm.client("executive").get(url).content.decode()
    assert [word for word in ("13812345678", "sunyue") if word in text] == []
    Grant.objects.filter(role=role, entity="contact", action="export").delete()
    before = History.objects.count()
    assert firm.client("executive").get(url).status_code == 403
    assert History.objects.count() == before
