"""Who gives roles, that somebody stays who can, and that nobody holds two offices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.access.world import digest, give
from zhike.base.models import Policy, Role, User
from zhike.engine import records
from zhike.engine.access import Actor, Limit
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Refused
from zhike.engine.models import Notice

USER, ROLE = get("user"), get("role")


def named(key: str) -> Role:
    """A role of a fresh installation."""
    return Role.objects.get(key=key)


def holder(firm: Any, who: str, key: str) -> Actor:
    """Somebody with another role."""
    person = getattr(firm, who)
    give(person, named(key))
    return Actor(person)


def test_a_system_administrator_makes_people_but_gives_no_roles(firm: Any) -> None:
    actor = holder(firm, "colleague", "system")
    made = records.create(actor, USER, {"name": "新人", "username": "new", "department": firm.north.pk})
    before = digest()
    for pk in (made.pk, firm.colleague.pk, firm.seller.pk):
        with pytest.raises(Invalid) as error:
            records.update(actor, USER, pk, {"roles": [named("manager").pk]})
        assert list(error.value.first) == ["roles"]
    with pytest.raises(Invalid):
        records.create(actor, USER, {"name": "甲", "username": "jia", "roles": [named("administrator").pk]})
    with pytest.raises(Refused):
        records.act(actor, USER, made.pk, "assign", {"roles": [named("seller").pk]})
    assert digest() == before


def test_an_administrator_of_rights_gives_roles_and_changes_nothing_else(firm: Any) -> None:
    actor = holder(firm, "colleague", "security")
    records.act(actor, USER, firm.stranger.pk, "assign", {"roles": [named("manager").pk]})
    assert User.objects.get(pk=firm.stranger.pk).roles == [named("manager").pk]
    before = digest()
    with pytest.raises(Refused):
        records.update(actor, USER, firm.stranger.pk, {"name": "别名"})
    with pytest.raises(Invalid):
        records.act(actor, USER, firm.stranger.pk, "assign", {"name": "别名"})
    assert digest() == before


def test_a_token_gives_no_roles_whoever_owns_it(firm: Any) -> None:
    actor = Actor(firm.admin).within(Limit.of(("user:*",)), channel="api")
    before = digest()
    with pytest.raises(Invalid):
        records.update(actor, USER, firm.stranger.pk, {"roles": [named("manager").pk]})
    assert digest() == before


def test_nobody_holds_two_offices_and_it_is_said_at_the_field(firm: Any) -> None:
    before = digest()
    with pytest.raises(Invalid) as error:
        records.update(firm.actor("admin"), USER, firm.stranger.pk, {"roles": [named("system").pk, named("audit").pk]})
    assert list(error.value.first) == ["roles"]
    assert error.value.first["roles"][0].code == "office"
    assert digest() == before
    give(firm.stranger, named("system"), named("seller"))
    before = digest()
    with pytest.raises(Invalid) as error:
        records.update(firm.actor("admin"), ROLE, named("seller").pk, {"office": "audit"})
    assert list(error.value.first) == ["office"]
    assert digest() == before


def test_somebody_stays_who_can_give_rights(firm: Any) -> None:
    actor = firm.actor("admin")
    before = digest()
    for values in ({"roles": [named("seller").pk]}, {"is_active": False}):
        with pytest.raises(Invalid) as error:
            records.update(Actor(firm.admin), USER, firm.admin.pk, values)
        assert error.value.first[""][0].code == "last"
    with pytest.raises(Invalid):
        records.delete_many(Actor(firm.admin), USER, [firm.admin.pk])
    with pytest.raises(Invalid):
        records.delete_many(Actor(firm.admin), ROLE, [named("administrator").pk])
    with pytest.raises(Invalid):
        records.update(Actor(firm.admin), ROLE, named("administrator").pk, {"office": "system"})
    assert digest() == before
    records.update(actor, USER, firm.stranger.pk, {"roles": [named("security").pk]})
    records.update(Actor(firm.admin), USER, firm.admin.pk, {"is_active": False})  # now somebody else can


def test_with_separate_administrators_the_one_for_everything_does_not_count(firm: Any) -> None:
    give(firm.stranger, named("security"))
    Policy.objects.create(pk=1, separate_admins=True)
    before = digest()
    with pytest.raises(Invalid):
        records.act(Actor(firm.stranger), USER, firm.stranger.pk, "assign", {"roles": []})
    assert digest() == before


def test_others_are_told_when_somebody_changes_their_own_rights(firm: Any) -> None:
    give(firm.stranger, named("security"))
    give(firm.colleague, named("audit"))
    records.update(firm.actor("admin"), USER, firm.admin.pk, {"roles": [named("administrator").pk, named("seller").pk]})
    assert {n.user_id for n in Notice.objects.all()} == {firm.stranger.pk, firm.colleague.pk}
    records.update(firm.actor("admin"), USER, firm.seller.pk, {"roles": [named("manager").pk]})
    assert Notice.objects.count() == 2
