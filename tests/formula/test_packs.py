"""Each pack fits an empty installation and the demo firm, a second time changes nothing, samples go without trace."""

from __future__ import annotations

from typing import Any

import pytest

from tests.registry.test_matrix import digest
from zhike.base.models import Role, User
from zhike.engine import access, catalog, layouts, query, records
from zhike.engine.access import Actor
from zhike.engine.config import document, lifecycle, packs
from zhike.engine.entity import entities, get
from zhike.engine.errors import Invalid, Missing, Refused
from zhike.engine.models import Configuration, IdempotencyKey
from zhike.engine.query import View

pytestmark = pytest.mark.django_db
NAMES = ("light", "manufacturing", "retail", "software")


@pytest.fixture
def admin(db: None) -> Any:
    """The administrator of an empty installation."""
    role = Role.objects.get(key="administrator")
    return Actor(User.objects.create_user("admin", name="管理员", roles=[role.pk]))


def counts() -> dict[str, int]:
    """How many rows there are of each entity, those in the recycle bin too."""
    return {key: e.rows("all of them").count() for key, e in entities().items()}


def test_the_packs_there_are() -> None:
    assert tuple(packs.names()) == NAMES
    for name in NAMES:
        pack = packs.read(name)
        assert all(pack.labels[lang] and pack.help[lang] for lang in packs.LANGUAGES)
    with pytest.raises(Missing):
        packs.read("../light")


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_fits_an_empty_installation(admin: Actor, name: str) -> None:
    wanted = packs.merged(packs.read(name))
    assert [p for p in document.problems(wanted) if not p.warns] == []
    assert packs.apply(admin, name, samples=False).number > 0
    before = counts()
    done = packs.apply(admin, name)
    assert done.number == 0
    assert done.samples == len(packs.read(name).samples) == packs.count_samples(name)
    for key in ("account", "deal", "contact", *packs.read(name).document.get("objects", {})):
        page = query.page(admin, get(key), View())  # formulas and roll-ups among the columns are worked out
        assert len(page.rows) == counts()[key]
        for a in access.readable(admin, get(key)).values():
            assert not a.formula or query.read(admin, get(key), query.visible(admin, get(key)), [a]) is not None
    again = packs.apply(admin, name)
    assert (again.number, again.steps, again.roles, again.samples) == (0, [], [], 0)
    packs.remove_samples(admin, name)
    assert counts() == before
    assert IdempotencyKey.objects.count() == 0


def test_all_packs_fit_together_and_go_away_again(admin: Actor) -> None:
    for name in NAMES:
        packs.apply(admin, name, samples=False)
    assert {"x_machine", "x_subscription", "x_store"} <= entities().keys()
    first = Configuration.objects.exclude(number=None).order_by("number").values_list("number", flat=True)[0]
    lifecycle.roll_back(admin, first or 0)
    assert len([key for key in entities() if key.startswith("x_")]) < 5


def test_what_the_firm_has_stays(admin: Actor) -> None:
    own = {"kind": "text", "labels": {"zh-hans": "我们的微信"}}
    lifecycle.put_in_force(admin, {"fields": {"account": {"x_wechat": own}}})
    packs.apply(admin, "light")
    fields = catalog.current().part("fields")["account"]
    assert fields["x_wechat"] == own
    assert "x_person" in fields


def test_a_sample_on_which_work_hangs_stays(admin: Actor) -> None:
    packs.apply(admin, "software")
    account = get("account").rows("the samples").values_list("pk", flat=True)[0]
    records.create(admin, get("deal"), {"name": "我们的商机", "account": account})
    before = counts()
    with pytest.raises(Invalid):
        packs.remove_samples(admin, "software")
    assert counts() == before


def test_only_who_may_configure_applies_packs(firm: Any) -> None:
    before = digest()
    for step in (packs.apply, packs.remove_samples):
        with pytest.raises(Refused):
            step(firm.actor("manager"), "light")
    assert digest() == before


def test_the_light_preset_shows_three_screens(firm: Any) -> None:
    packs.apply(firm.actor("admin"), "light", samples=False)
    light = User.objects.create_user("five", name="五", roles=[Role.objects.get(key="light").pk])
    actor = Actor(light)
    menu = [e.key for e in entities().values() if e.menu and access.may(actor, e, "list")]
    assert sorted(menu) == ["account", "activity", "deal"]
    assert layouts.of(actor, get("account")).quick == ("name", "x_person", "phone", "x_wechat", "tier", "remark")
    assert len(layouts.of(actor, get("account")).keys) == 11
