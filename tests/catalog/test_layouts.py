"""Where fields stand: as laid out for phones, for a role, for everybody, else as declared."""

from __future__ import annotations

from dataclasses import replace

from conftest import Firm
from zhike.engine import catalog, layouts
from zhike.engine.entity import get

from . import sample


def test_the_fields_of_the_firm_have_a_section_of_their_own(firm: Firm) -> None:
    account = get("account")
    before = layouts.of(firm.actor("seller"), account)
    with catalog.preview(sample.document()):
        after = layouts.of(firm.actor("seller"), account)
        assert list(after.sections[:-1]) == list(before.sections)
        assert list(after.sections[-1].keys) == [k for k, a in account.attributes.items() if a.custom]
        assert (after.columns, after.card) == (before.columns, before.card)


def test_the_layout_of_a_role_goes_before_that_of_everybody(firm: Firm) -> None:
    account = get("account")
    said = {
        "list": {"": ["name"], "role:seller": ["name", "x_text", "nothing"]},
        "card": {"": ["x_text"], "phone": ["x_choice"]},
        "form": {"": [{"labels": {"zh-hans": "要点"}, "keys": ["phone", "x_text"]}]},
    }
    with catalog.preview({**sample.document(), "layouts": {"account": said}}):
        seller, manager = (layouts.of(firm.actor(who), account) for who in ("seller", "manager"))
        assert (seller.columns, manager.columns) == (("name", "x_text"), ("name",))
        assert layouts.of(replace(firm.actor("manager"), phone=True), account).card == ("x_choice",)
        needed = [k for k, a in account.attributes.items() if a.required and a.editable]
        assert manager.keys == ["phone", "x_text", *needed]  # what must be filled can be filled
        assert str(manager.sections[0].title) == "要点"
