"""A small firm for the tests of the modules."""

from __future__ import annotations

import pytest

from zhike.modules.tests.helpers import Firm, department, person


@pytest.fixture
def firm(db: None) -> Firm:
    """The firm, with the roles of a fresh installation."""
    head = department("总部")
    east, south = department("华东", head), department("华南", head)
    return Firm(
        seller=person("王芳", "seller", east),
        colleague=person("李雷", "seller", east),
        manager=person("赵敏", "manager", east),
        stranger=person("韩梅梅", "seller", south),
        executive=person("钱总", "executive", head),
        admin=person("管理员", "administrator", head),
        east=east,
        south=south,
    )
