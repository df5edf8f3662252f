"""What an administrator sets without code, and what it does."""

from __future__ import annotations

import re
from typing import Any

from django.test import Client

from zhike.base.models import Department, Grant, Role, User
from zhike.engine import records, stages
from zhike.engine.config import lifecycle
from zhike.engine.entity import get
from zhike.engine.models import Pipeline, StageEvent


def deal(firm: Any, **values: Any) -> Any:
    made = records.create(firm.actor("seller"), get("account"), {"name": "甲公司"})
    return records.create(firm.actor("seller"), get("deal"), {"name": "产线改造", "account": made.pk, **values})


def form(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline's form as the page would send it."""
    data: dict[str, Any] = {"label-zh-hans": pipeline.labels.get("zh-hans", ""), "is_default": "1", "row": []}
    for n, s in enumerate(stages.of(pipeline.pk)):
        r = f"r{n}"
        data["row"].append(r)
        data |= {
            f"{r}-id": str(s.pk),
            f"{r}-label-zh-hans": s.labels.get("zh-hans", ""),
            f"{r}-status": s.status,
            f"{r}-win": str(s.win_percent),
            f"{r}-days": s.days_allowed or "",
            f"{r}-tone": s.tone,
            f"{r}-required": list(s.required_fields),
        }
    return data


def publish(firm: Any) -> None:
    """Put the draft in force."""
    row = lifecycle.draft()
    assert row is not None
    lifecycle.publish(firm.actor("admin"), row.version)


def test_a_person_is_added_gets_a_password_and_signs_in(firm: Any) -> None:
    client = firm.client("admin")
    role = Role.objects.get(key="seller")
    answer = client.post(
        "/user/new",
        {
            "name": "曾小贤",
            "username": "zeng",
            "department": str(firm.south.pk),
            "position": "销售",
            "roles": str(role.pk),
            "is_active": "1",
        },
    )
    assert answer.status_code == 303, answer.content.decode()[-800:]
    made = User.objects.get(username="zeng")
    assert made.pinyin.startswith("~zeng")
    assert client.post(f"/settings/people/{made.pk}/password", {"password": "short"}).status_code == 422
    assert client.post(f"/settings/people/{made.pk}/password", {"password": "Correct-Horse-9"}).status_code == 303
    assert Client().post("/login", {"username": "zeng", "password": "Correct-Horse-9"}).status_code == 302


def test_only_administrators_set_passwords(firm: Any) -> None:
    for who in ("seller", "manager", "executive"):
        answer = firm.client(who).post(f"/settings/people/{firm.admin.pk}/password", {"password": "Correct-Horse-9"})
        assert answer.status_code == 403
    assert User.objects.get(pk=firm.admin.pk).check_password("Zhike-test-2026")


def test_a_department_is_added(firm: Any) -> None:
    client = firm.client("admin")
    assert client.post("/department/new", {"name": "华北一部", "parent": str(firm.north.pk)}).status_code == 303
    made = Department.objects.get(name="华北一部")
    assert made.ancestors == [firm.head_office.pk, firm.north.pk, made.pk]
    assert "华北一部" in client.get("/settings/departments").content.decode()


def test_the_matrix_is_saved_as_a_whole_and_counts_at_once(firm: Any) -> None:
    role = Role.objects.get(key="seller")
    seller, admin = firm.client("seller"), firm.client("admin")
    records.create(firm.actor("stranger"), get("account"), {"name": "南方客户"})
    assert "南方客户" not in seller.get("/account/?view=").content.decode()
    url, cells = f"/settings/roles/{role.pk}", {"g:account:list": "all", "g:nothing:read": "all"}
    page = admin.post(f"{url}/preview", cells).content.decode()
    assert Grant.objects.filter(role=role).count() > 1  # looked at, not saved
    token = re.search(r'name="token" value="([^"]+)"', page)
    assert token
    assert admin.post(f"{url}/save", {"token": token[1]}).status_code == 303
    assert list(Grant.objects.filter(role=role).values_list("entity", "action", "scope")) == [
        ("account", "list", "all")
    ]
    assert "南方客户" in seller.get("/account/?view=").content.decode()
    assert seller.get("/deal/").status_code == 403


def test_the_administrators_own_role_stays(firm: Any) -> None:
    role = Role.objects.get(key="administrator")
    assert firm.client("admin").post(f"/settings/roles/{role.pk}/preview", {}).status_code == 403
    assert Grant.objects.filter(role=role).exists()


def test_rules_of_stages_change_in_place(firm: Any) -> None:
    made = deal(firm)
    pipeline = Pipeline.objects.get(pk=made.pipeline_id)
    data = form(pipeline) | {
        "r1-win": "35",
        "r1-days": "9",
        "r1-required": ["next_step"],
        "r1-label-zh-hans": "需求摸底",
    }
    assert firm.client("admin").post(f"/settings/pipelines/{pipeline.pk}", data).status_code == 303
    publish(firm)
    second = stages.of(pipeline.pk)[1]
    assert (int(second.win_percent), second.days_allowed) == (35, 9)
    assert (second.required_fields, str(second)) == (["next_step"], "需求摸底")
    answer = firm.client("seller").post(f"/deal/{made.pk}/move", {"stage": str(second.pk), "version": made.version})
    assert answer.status_code == 422
    assert 'name="next_step"' in answer.content.decode()
    answer = firm.client("seller").post(
        f"/deal/{made.pk}/move", {"stage": str(second.pk), "version": made.version, "next_step": "出方案"}
    )
    assert answer.status_code == 200


def test_a_change_of_shape_of_a_pipeline_in_use_makes_a_version(firm: Any) -> None:
    made = deal(firm)
    pipeline = Pipeline.objects.get(pk=made.pipeline_id)
    order = stages.of(pipeline.pk)
    data = form(pipeline)
    data["row"].insert(1, "new")
    data |= {
        "new-id": "",
        "new-label-zh-hans": "技术交流",
        "new-status": "open",
        "new-win": "15",
        "new-days": "",
        "new-tone": "teal",
    }
    answer = firm.client("admin").post(f"/settings/pipelines/{pipeline.pk}", data)
    assert answer.status_code == 303
    assert Pipeline.objects.get(entity="deal", is_current=True).pk == pipeline.pk
    publish(firm)
    fresh = Pipeline.objects.get(entity="deal", is_current=True)
    assert (fresh.number, fresh.key, fresh.is_default) == (pipeline.number + 1, pipeline.key, True)
    assert [str(s) for s in stages.of(fresh.pk)][1] == "技术交流"
    made.refresh_from_db(from_queryset=type(made)._base_manager.all())
    assert (made.pipeline_id, str(made.stage)) == (fresh.pk, str(order[0]))
    assert StageEvent.objects.filter(record=made.pk).count() == 2
    assert Pipeline.objects.get(pk=pipeline.pk).is_current is False


def test_a_pipeline_needs_an_open_a_won_and_a_lost_stage(firm: Any) -> None:
    pipeline = Pipeline.objects.get(entity="deal", is_current=True)
    data = form(pipeline)
    won = next(n for n, s in enumerate(stages.of(pipeline.pk)) if s.status == "won")
    answer = firm.client("admin").post(f"/settings/pipelines/{pipeline.pk}", data | {f"r{won}-remove": "1"})
    assert answer.status_code == 422
    assert Pipeline.objects.filter(entity="deal").count() == 1


def test_a_role_needs_no_more_than_a_name(firm: Any) -> None:
    client = firm.client("admin")
    assert client.post("/role/new", {"name": "渠道经理", "home": "seller"}).status_code == 303
    made = Role.objects.get(name="渠道经理")
    assert made.key.startswith("qudaojingli-")
    assert (
        client.post(
            f"/role/{made.pk}/edit", {"name": "渠道总监", "home": "manager", "version": made.version}
        ).status_code
        == 303
    )
    assert Role.objects.get(pk=made.pk).key == made.key
