"""Taking the demo firm away: all of it, and nothing else."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction

from zhike import demo
from zhike.base.models import Department, Role, User
from zhike.engine import guard, records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.models import Counter, History, Stage, StoredFile
from zhike.launch.errors import LaunchError

TODAY = dt.date(2026, 11, 21)
KEPT = {"base.role", "base.grant", "engine.pipeline", "engine.stage"}


def counts() -> dict[str, int]:
    skipped = ("django", "auth", "contenttypes", "sessions", "procrastinate")
    found = {
        m._meta.label_lower: m._base_manager.count() for m in apps.get_models() if m._meta.app_label not in skipped
    }
    return {name: n for name, n in found.items() if n}


@pytest.fixture(scope="module")
def whole(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[dict[str, int], list[tuple[str, int]]]]:
    """The demo firm, once for all tests of this file: rows before it, and where running numbers stand after it."""
    with django_db_blocker.unblock(), transaction.atomic():
        before = counts()
        demo.load("zh-hans", 7, scale=0.03, today=TODAY)
        with connection.cursor() as cursor:
            cursor.execute("SELECT sequencename, last_value FROM pg_sequences WHERE sequencename LIKE 'zhike_number%%'")
            numbers = [(name, last) for name, last in cursor.fetchall() if last]
        yield before, numbers
        transaction.set_rollback(True)


@pytest.fixture
def loaded(whole: tuple[dict[str, int], list[tuple[str, int]]], db: None) -> dict[str, int]:
    with connection.cursor() as cursor:  # numbers begin again when the demo goes, and no transaction takes that back
        cursor.executemany("SELECT setval(%s::regclass, %s)", whole[1])
    return whole[0]


@pytest.fixture
def owner(loaded: Any) -> Actor:
    """A real administrator, whom the demo's one has added to the demo's sales department."""
    role = Role.objects.get(key="administrator")
    place = Department.objects.get(name="苏州组")
    values = {"username": "real", "name": "真老板", "department": str(place.pk), "roles": [str(role.pk)]}
    return Actor(records.create(actor("admin"), get("user"), values))


def actor(username: str) -> Actor:
    return Actor(User.objects.get(username=username))


def one(entity: str, **where: Any) -> Any:
    return guard.rows(get(entity).model, "test").filter(**where).first()


def names(entity: str) -> set[str]:
    return set(guard.rows(get(entity).model, "test").values_list("name", flat=True))


def test_there_must_be_one(db: None) -> None:
    with pytest.raises(LaunchError):
        demo.remove()


def test_a_firm_with_records_of_its_own_gets_no_demo(firm: Any) -> None:
    records.create(firm.actor("admin"), get("account"), {"name": "真客户有限公司"})
    with pytest.raises(LaunchError):
        demo.load("zh-hans", 7, scale=0.01, today=TODAY)


def test_nothing_is_left(loaded: dict[str, int]) -> None:
    assert counts()["activities.activity"] == 600
    gone = demo.remove()
    assert gone["activities.activity"] == 600
    assert gone["base.user"] == 40
    assert counts() == {**loaded, "engine.history": loaded["engine.history"] + 1}
    assert History.objects.latest("id").action == "chain"


def test_traces_are_closed_again_afterwards(loaded: Any) -> None:
    demo.remove()
    role = Role.objects.get(key="seller")
    records.update(Actor(User.objects.create_user("x", name="x", roles=[Role.objects.get(key="administrator").pk])),
                   get("role"), role.pk, {"name": "新名"})  # fmt: skip
    for sql in ("DELETE FROM engine_history", "UPDATE engine_history SET channel = 'x'"):
        with pytest.raises(Exception, match="never changed"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)


def test_what_was_entered_stays(owner: Actor) -> None:
    own = records.create(owner, get("account"), {"name": "真客户有限公司", "owner": str(actor("seller").user.pk)})
    played = records.create(actor("seller"), get("account"), {"name": "试录客户有限公司"})
    product = one("product")
    deal = records.create(
        owner, get("deal"), {"name": "真商机", "account": str(own.pk), "product": str(product.pk), "amount": "100"}
    )
    tag = one("tag")
    records.update(owner, get("account"), own.pk, {"tags": [str(tag.pk)]})
    demo.remove()
    assert names("account") == {"真客户有限公司", "试录客户有限公司"}
    kept = one("account", pk=own.pk)
    place = owner.user.department_id  # stays, because a real person is in it
    assert [kept.owner_id, kept.department_id, kept.tags, kept.created_by_id] == [None, place, [], owner.user.pk]
    assert one("account", pk=played.pk).created_by_id is None
    assert [one("deal", pk=deal.pk).product_id, one("deal", pk=deal.pk).owner_id] == [None, owner.user.pk]
    assert set(User.objects.values_list("username", flat=True)) == {"real"}
    assert [d.name for d in Department.objects.order_by("ancestors__len")] == [
        "苏州启衡智能装备有限公司",
        "华东销售部",
        "苏州组",
    ]
    assert History.objects.filter(record=own.pk).exists()
    assert not Counter.objects.filter(entity="demo").exists()


def test_what_was_played_on_demo_records_goes(owner: Actor) -> None:
    account = one("account", kind="firm")
    seller = Actor(account.owner)
    deal = records.create(seller, get("deal"), {"name": "试玩商机", "account": str(account.pk)})
    call = {"kind": "call", "body": "打过", "status": "done", "deal": str(deal.pk)}
    records.create(seller, get("activity"), call)
    records.create(owner, get("activity"), {**call, "deal": str(one("deal", status="open").pk)})
    demo.remove()
    assert [names("account"), names("deal"), one("activity")] == [set(), set(), None]


def test_what_real_people_hung_on_demo_records_stops_it(owner: Actor) -> None:
    account = one("account", kind="firm")
    records.create(owner, get("deal"), {"name": "重要商机", "account": str(account.pk)})
    before = counts()
    with pytest.raises(LaunchError) as refused:
        demo.remove()
    assert "重要商机" in str(refused.value)
    assert counts() == before


def test_files_of_what_stays_stay(owner: Actor, settings: Any, tmp_path: Any) -> None:
    settings.MEDIA_ROOT = tmp_path
    own = records.create(owner, get("account"), {"name": "真客户有限公司"})
    seller = actor("seller").user

    def file(name: str, record: Any) -> StoredFile:
        made = StoredFile(name=name, content_type="text/plain", size=1, sha256="", uploader=seller, record=record)
        made.blob.save(name, ContentFile(b"x"))
        return made

    kept, gone = file("kept.txt", own.pk), file("gone.txt", one("account", kind="firm").pk)
    demo.remove()
    assert list(StoredFile.objects.values_list("name", "uploader")) == [("kept.txt", owner.user.pk)]
    assert default_storage.exists(str(kept.blob.name))
    assert gone.pk != kept.pk


def test_integrity_is_checked(loaded: Any) -> None:
    """The removal ends with every link checked: nothing points at what is gone."""
    demo.remove()
    connection.check_constraints()
    assert Stage.objects.exists()
    with pytest.raises(IntegrityError):
        _break()


def _break() -> None:
    with transaction.atomic():
        Department(name="x", parent_id=UUID("0190b5a0-0000-7000-8000-000000000000")).save()
        connection.check_constraints()
