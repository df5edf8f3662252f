"""The two standards of passwords, and the page that chooses between them."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from tests.identity.conftest import PASSWORD, is_in, sign_in
from zhike.base import passwords
from zhike.base.models import Department, OldPassword, Policy, Role, User
from zhike.engine.models import History


def fits(password: str, user: Any = None) -> bool:
    try:
        validate_password(password, user)
    except ValidationError:
        return False
    return True


def put(**values: Any) -> None:
    Policy.objects.update_or_create(pk=1, defaults=values)


@pytest.mark.parametrize(
    ("password", "modern", "dengbao"),
    [
        ("Ab3-efgh", False, True),
        ("Ab3-efg", False, False),
        ("abcdefghijk", False, False),
        ("zebra lamp river", True, False),
        ("ZEBRA LAMP RIVER 7", True, True),
        ("今天天气真好我们去爬山吧", True, False),
        ("今天天气真好Wo3men", True, True),
        ("correct horse battery", True, False),
        ("x" * 63 + "Y", True, False),
        ("zb" * 64, True, False),
        ("zb" * 64 + "z", False, False),
        ("1234567890123", False, False),
        ("password1234", False, False),
        ("Password1", False, False),
        ("", False, False),
    ],
)
@pytest.mark.django_db
def test_what_each_standard_takes(password: str, modern: bool, dengbao: bool) -> None:
    put(passwords="modern")
    assert fits(password) is modern
    put(passwords="dengbao")
    assert fits(password) is dengbao


def test_nothing_like_the_persons_own_name_or_address(firm: Any) -> None:
    user = User(username="wangfang.north", name="王芳", email="wangfang@north-machines.cn")
    assert not fits("wangfang.north1", user)
    assert not fits("north-machines", user)
    assert fits("zebra lamp river", user)


@pytest.mark.parametrize(
    "password",
    ["zhike-2026-zhike", "Zhike2026!!!!!", "知客知客知客知客2026", "qiming-2026-!", "启明精密仪器2026!!",
     "Qiming@Zhike#2026", "wangxiaofang-1", "王小芳2026王小芳", "Xiaofang.Wang.1999", "wxf88-wxf88-1",
     "fangfang_77@northern", "crm-example-2026"],
)  # fmt: skip
def test_words_of_the_context_make_up_no_password(firm: Any, settings: Any, password: str) -> None:
    settings.URL = "https://crm.example.cn"
    Department.objects.filter(pk=firm.head_office.pk).update(name="苏州启明精密仪器有限公司")
    user = User(username="wxf88", name="王小芳", email="fangfang_77@northern.cn")
    for standard in ("modern", "dengbao"):
        put(passwords=standard)
        assert not fits(password, user)
    put(passwords="modern")
    for others in ("zhike-zebra-lamp", "wangxiaofang lamp river", "知客今天天气真好我们去爬山", "northern zebra 77"):
        assert fits(others, user), others


def test_none_of_the_last_five_under_dengbao(firm: Any) -> None:
    put(passwords="dengbao")
    user = firm.seller
    chosen = [f"Runde-{n}-Salz" for n in range(7)]
    for password in chosen:
        assert fits(password, user)
        passwords.change(user, password)
    assert [fits(p, user) for p in chosen] == [True, True, False, False, False, False, False]
    assert OldPassword.objects.filter(user=user).count() == 5
    put(passwords="modern")
    assert fits("Runde-6-Salz-und-Pfeffer", user)


@pytest.mark.parametrize(("standard", "days", "must"), [
    ("dengbao", 89, False), ("dengbao", 91, True), ("modern", 900, False),
])  # fmt: skip
def test_ninety_days_under_dengbao(firm: Any, standard: str, days: int, must: bool) -> None:
    put(passwords=standard)
    User.objects.filter(pk=firm.seller.pk).update(password_changed_at=timezone.now() - dt.timedelta(days=days))
    client = Client()
    sign_in(client, "seller")
    assert is_in(client) is not must
    if must:
        assert client.get("/account/")["Location"] == "/me/password"
        form = {"current": PASSWORD, "new": "Neu-2026-Salz", "again": "Neu-2026-Salz"}
        assert client.post("/me/password", form).status_code == 303
        assert is_in(client)


def test_a_password_set_by_somebody_else_is_for_once(firm: Any) -> None:
    admin = firm.client("admin")
    admin.post(f"/settings/people/{firm.seller.pk}/password", {"password": "Correct-Horse-9"})
    client = Client()
    sign_in(client, "seller", "Correct-Horse-9")
    assert client.get("/")["Location"] == "/me/password"


# ---- the page


def form(**changes: Any) -> dict[str, Any]:
    policy = Policy.current()
    names = [f.name for f in Policy._meta.fields if f.name not in ("id", "separate_admins")]
    return {name: getattr(policy, name) for name in names} | changes


def test_the_policy_is_changed_and_what_changed_is_kept(firm: Any) -> None:
    client = firm.client("admin")
    page = client.get("/settings/policy").content.decode()
    assert "ASVS" in page
    assert "GB/T 22239" in page
    assert client.post("/settings/policy", form(passwords="dengbao", idle_minutes=15)).status_code == 303
    policy = Policy.objects.get()
    assert (policy.passwords, policy.idle_minutes, policy.session_hours) == ("dengbao", 15, 12)
    kept = History.objects.get(action="policy_changed")
    assert kept.details["changes"] == {"passwords": ["modern", "dengbao"], "idle_minutes": [30, 15]}
    assert kept.actor == firm.admin.pk
    assert client.post("/settings/policy", form()).status_code == 303
    assert History.objects.filter(action="policy_changed").count() == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"history_days": "183"}, {"fiscal_month": "0"}, {"fiscal_month": "13"},
        {"idle_minutes": "0"}, {"idle_minutes": "481"}, {"session_hours": "-1"},
        {"session_hours": "1e3"}, {"session_hours": ""}, {"session_hours": "１２"}, {"passwords": "none"},
        {"second_factor": ""}, {"export_ask_rows": "9" * 30},
    ],
)  # fmt: skip
def test_a_policy_that_is_none_is_not_saved(firm: Any, changes: dict[str, str]) -> None:
    answer = firm.client("admin").post("/settings/policy", form(**changes))
    name, value = next(iter(changes.items()))
    assert answer.status_code == 422
    assert f'id="e-{name}"' in answer.content.decode()
    assert (getattr(Policy.current(), name), value) != (value, value)
    assert not History.objects.filter(action="policy_changed").exists()


@pytest.mark.parametrize(("office", "opens"), [
    ("all", True), ("security", True), ("system", False), ("audit", False), ("", False),
])  # fmt: skip
def test_whose_office_it_is(firm: Any, office: str, opens: bool) -> None:
    role = Role.objects.create(key="of-test", name="某岗", office=office)
    User.objects.filter(pk=firm.stranger.pk).update(roles=[role.pk])
    client = firm.client("stranger")
    assert client.get("/settings/policy").status_code == (200 if opens else 403)
    assert client.post("/settings/policy", form(idle_minutes=7)).status_code == (303 if opens else 403)
    assert Policy.current().idle_minutes == (7 if opens else 30)


def test_accounts_that_nobody_uses_are_listed(firm: Any) -> None:
    today = timezone.localdate()
    User.objects.filter(pk=firm.seller.pk).update(last_seen_on=today - dt.timedelta(days=91))
    User.objects.filter(pk=firm.manager.pk).update(last_seen_on=today - dt.timedelta(days=90))
    User.objects.filter(pk=firm.colleague.pk).update(created_at=timezone.now() - dt.timedelta(days=92))
    page = firm.client("admin").get("/settings/unused").content.decode()
    assert [name in page for name in ("王芳", "李雷", "张伟", "陈静")] == [True, True, False, False]
    assert firm.client("seller").get("/settings/unused").status_code == 403
