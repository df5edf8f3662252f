"""A person planted in sixty places and erased: nothing is left in the database, the index, the history or the files."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from tests.privacy.planted import EVERYWHERE, MARKS, Planted, dump, found_in, plant
from zhike.base.models import Grant, Role, User
from zhike.engine import guard, privacy, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused
from zhike.engine.models import Erasure, History, StoredFile


@pytest.fixture
def home(settings: Any, tmp_path: Path) -> Path:
    settings.HOME = tmp_path
    settings.MEDIA_ROOT = tmp_path / "files"
    return tmp_path


@pytest.fixture
def planted(firm: Any, home: Path) -> Planted:
    return plant(firm)


def fresh(firm: Any, name: str = "admin") -> Actor:
    return Actor(User.objects.get(pk=getattr(firm, name).pk))


def media(home: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(home.rglob("*")):
        if path.is_file():
            yield str(path.relative_to(home)), path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    for name in archive.namelist():
                        yield f"{path.name}:{name}", archive.read(name)


def leaks(home: Path) -> dict[str, set[str]]:
    places = {**{f"db {k}": v for k, v in dump().items()}, **{f"file {k}": v for k, v in media(home)}}
    return {place: hits for place, raw in places.items() if (hits := found_in(raw))}


def test_sixty_values_are_planted_where_they_can_be(planted: Planted, home: Path) -> None:
    hits = {mark for marks in leaks(home).values() for mark in marks}
    assert len(MARKS) >= 60
    assert hits == set(MARKS)
    places = set(leaks(home))
    assert places >= {f"db {t}" for t in EVERYWHERE}
    assert sum(place.startswith("file ") for place in places) >= 4


def test_nothing_is_left(planted: Planted, firm: Any, home: Path, django_capture_on_commit_callbacks: Any) -> None:
    sums = planted.deals()
    with django_capture_on_commit_callbacks(execute=True):
        said = privacy.erase(fresh(firm), get("contact"), planted.contact, f"请求 2026-11-20 {MARKS[0]}")
    assert leaks(home) == {}
    assert planted.deals() == sums
    contact = guard.rows(get("contact").model, "test").get(pk=planted.contact)
    assert (contact.name, contact.phone, contact.birthday, contact.custom) == (said.token, "", None, {})
    assert privacy.is_erased(get("contact"), planted.contact)
    assert History.objects.filter(action="erase", entity="contact", record=planted.contact).exists()
    assert [json.loads(line)["record"] for line in (home / "erased.jsonl").read_text().splitlines()] == [
        str(planted.contact)
    ]


def test_others_keep_what_is_theirs(planted: Planted, firm: Any) -> None:
    before = planted.others()
    privacy.erase(fresh(firm), get("contact"), planted.contact)
    assert planted.others() == before


def test_a_namesake_keeps_the_name(planted: Planted, firm: Any) -> None:
    other = records.create(firm.actor("seller"), get("contact"), {"name": MARKS[0], "account": planted.account})
    note = {"kind": "note", "body": f"{MARKS[0]}来电", "contact": other.pk, "account": planted.account}
    theirs = records.create(firm.actor("seller"), get("activity"), note)
    privacy.erase(fresh(firm), get("contact"), planted.contact)
    assert guard.rows(get("contact").model, "test").get(pk=other.pk).name == MARKS[0]
    assert guard.rows(get("activity").model, "test").get(pk=theirs.pk).body == f"{MARKS[0]}来电"


def test_a_restored_backup_is_erased_again(planted: Planted, firm: Any, home: Path, tmp_path_factory: Any) -> None:
    """The backup is older than the erasure: neither the values nor the table know of it, the file beside them does."""
    safe = tmp_path_factory.mktemp("backup")
    shutil.copytree(home / "files", safe / "files")
    point = connection.savepoint()
    said = privacy.erase(fresh(firm), get("contact"), planted.contact)
    from zhike.engine.privacy import kept

    kept._append([said])
    connection.savepoint_rollback(str(point))
    shutil.rmtree(home / "files")
    shutil.copytree(safe / "files", home / "files")
    assert not Erasure.objects.exists()
    assert leaks(home)
    assert privacy.reapply() == {"known": 1, "again": 1}
    contact = guard.rows(get("contact").model, "test").get(pk=planted.contact)
    assert contact.name == said.token
    assert {p: h for p, h in leaks(home).items() if p.startswith("db ")} == {}
    assert privacy.reapply() == {"known": 1, "again": 0}


def test_the_list_holds_no_value_and_knows_the_person(planted: Planted, firm: Any) -> None:
    from zhike.engine.privacy.needles import digest

    said = privacy.erase(fresh(firm), get("contact"), planted.contact)
    assert {digest(MARKS[0]), digest("13911112222"), digest("zm@plant60.example")} <= set(said.digests)
    assert found_in(json.dumps([said.token, said.digests, said.reason]).encode()) == set()


def refused_like_nothing_happened(firm: Any, who: Actor, planted: Planted, error: type[Exception]) -> None:
    before = dump()
    with pytest.raises(error):
        privacy.erase(who, get("contact"), planted.contact)
    assert dump() == before


@pytest.mark.parametrize("name", ["seller", "manager", "executive"])
def test_who_may_not_changes_nothing(planted: Planted, firm: Any, name: str) -> None:
    refused_like_nothing_happened(firm, fresh(firm, name), planted, Refused)


def test_out_of_sight_is_not_there(planted: Planted, firm: Any) -> None:
    refused_like_nothing_happened(firm, fresh(firm, "stranger"), planted, Missing)


def test_not_by_another_hand(planted: Planted, firm: Any) -> None:
    admin = fresh(firm)
    refused_like_nothing_happened(firm, Actor(admin.user, by=User.objects.get(pk=firm.seller.pk)), planted, Refused)


def test_the_action_alone_is_not_enough_and_with_the_rights_it_is(planted: Planted, firm: Any) -> None:
    role = Role.objects.get(key="seller")
    Grant.objects.create(role=role, entity="contact", action="erase", scope="own")
    Grant.objects.filter(role=role, entity="contact", action="*").delete()
    Grant.objects.bulk_create(
        Grant(role=role, entity="contact", action=a, scope="own") for a in ("list", "read", "update", "delete")
    )
    refused_like_nothing_happened(firm, fresh(firm, "seller"), planted, Refused)
    Grant.objects.create(role=role, entity="contact", action="reveal", scope="own")
    assert privacy.erase(fresh(firm, "seller"), get("contact"), planted.contact).token


def test_the_security_office_needs_the_rights_too(planted: Planted, firm: Any) -> None:
    role = Role.objects.get(key="security")
    officer = User.objects.create_user("officer", "Zhike-test-2026", name="安全员", roles=[role.pk])
    refused_like_nothing_happened(firm, Actor(officer), planted, Missing)
    Grant.objects.bulk_create(
        Grant(role=role, entity="contact", action=a, scope="all") for a in ("list", "read", "delete", "reveal")
    )
    assert privacy.erase(Actor(officer), get("contact"), planted.contact).by == officer


def test_by_the_named_action_of_every_channel(planted: Planted, firm: Any, home: Path) -> None:
    records.act(fresh(firm), get("contact"), planted.contact, "erase")
    assert {p: h for p, h in leaks(home).items() if p.startswith("db ")} == {}


def test_the_page_asks_first(planted: Planted, firm: Any) -> None:
    client: Client = firm.client("admin")
    url = f"/contact/{planted.contact}/act/erase"
    assert client.get(url).status_code == 200
    assert client.post(url, {"reason": "本人请求"}).status_code == 422
    assert not Erasure.objects.exists()
    assert client.post(url, {"reason": "本人请求", "sure": "1"}).status_code == 303
    assert Erasure.objects.get().record == planted.contact
    assert [firm.client(who).get(url).status_code for who in ("seller", "stranger")] == [403, 404]


def test_files_of_other_records_stay(planted: Planted, firm: Any) -> None:
    kept = StoredFile(name="合同.txt", content_type="text/plain", size=4, sha256="", uploader=firm.seller)
    kept.entity, kept.record = "deal", planted.deal
    kept.blob.save("contract", ContentFile(b"sum"), save=False)
    kept.save()
    privacy.erase(fresh(firm), get("contact"), planted.contact)
    assert StoredFile.objects.filter(pk=kept.pk).exists()
