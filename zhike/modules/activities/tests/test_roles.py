"""What a fresh installation starts with: four roles, two pipelines, nobody."""

from __future__ import annotations

import pytest
from django.apps import apps

from zhike.base.models import Grant, Role, User
from zhike.engine import access, records
from zhike.engine.access import Actor
from zhike.engine.entity import entities, get
from zhike.engine.errors import Refused
from zhike.engine.models import Pipeline
from zhike.engine.roles import ensure_roles
from zhike.modules.activities import business
from zhike.modules.leads import pipelines as leads
from zhike.modules.sales import pipelines as sales
from zhike.modules.tests.helpers import Firm

BUSINESS = ("lead", "account", "contact", "deal", "activity")


@pytest.mark.django_db
def test_a_fresh_installation_has_roles_and_pipelines_but_nobody() -> None:
    assert sorted(Role.objects.values_list("key", "home", "office")) == [
        ("administrator", "admin", "all"),
        ("audit", "admin", "audit"),
        ("executive", "executive", ""),
        ("manager", "manager", ""),
        ("security", "admin", "security"),
        ("seller", "seller", ""),
        ("system", "admin", "system"),
    ]
    pipelines = Pipeline.objects.order_by("entity").values_list("entity", "is_default", "stages__status")
    assert sorted(pipelines) == sorted(
        [("lead", True, s) for s in ("open", "open", "open", "won", "lost")]
        + [("deal", True, s) for s in ("open", "open", "open", "open", "won", "lost")]
    )
    assert User.objects.count() == 0


@pytest.mark.django_db
def test_doing_it_again_changes_nothing_that_people_changed() -> None:
    role = Role.objects.get(key="seller")
    Grant.objects.filter(role=role, action="delete").delete()
    Pipeline.objects.filter(entity="deal").update(labels={"en": "Ours"})
    before = sorted(Grant.objects.values_list("role__key", "entity", "action", "scope"))
    ensure_roles(apps, business.BUSINESS)
    leads.ensure(apps)
    sales.ensure(apps)
    assert sorted(Grant.objects.values_list("role__key", "entity", "action", "scope")) == before
    assert [p.labels for p in Pipeline.objects.filter(entity="deal")] == [{"en": "Ours"}]


def test_scopes_of_the_roles(firm: Firm) -> None:
    def scopes(actor: Actor, action: str) -> set[str]:
        return {access.scope(actor, get(key), action) for key in BUSINESS}

    for action in ("read", "create", "update", "delete", "transfer", "import", "export"):
        assert scopes(firm.seller, action) == {"own"}
        assert scopes(firm.manager, action) == {"subtree"}
        assert scopes(firm.admin, action) == {"all"}
        assert scopes(firm.executive, action) == ({"all"} if action in ("read", "export") else {""})


def test_nobody_but_the_administrator_changes_people_roles_or_pipelines(firm: Firm) -> None:
    for key in ("user", "department", "role", "pipeline", "stage"):
        for actor in (firm.seller, firm.manager, firm.executive):
            for action in ("create", "update", "delete"):
                assert not access.may(actor, get(key), action)
        with pytest.raises(Refused):
            records.create(firm.seller, get(key), {})


def test_every_entity_is_in_some_role(firm: Firm) -> None:
    unread = {key for key, e in entities().items() if not access.may(firm.seller, e, "read")}
    assert unread <= {"user", "department", "role", "pipeline", "stage", "calendarday"}
