"""What an assistant asked for a record that has been merged before anybody confirmed it."""

from __future__ import annotations

from typing import Any

import pytest

from zhike.engine import proposals, records
from zhike.engine.errors import Conflict
from zhike.engine.merging import merge

from .test_merge import ACCOUNT, CONTACT, fresh, new, pair, row

pytestmark = pytest.mark.django_db


def asked(firm: Any, action: str, values: dict[str, Any], pk: Any, entity: Any = ACCOUNT) -> Any:
    return proposals.propose(fresh(firm), None, entity, action, values, pk=pk, version=1 if pk else None)


def version_of(pk: Any) -> int:
    return int(ACCOUNT.model._base_manager.get(pk=pk).version)


def test_a_change_goes_to_what_the_record_became_part_of_once_it_was_shown_there(firm: Any) -> None:
    one, two = pair(firm)
    waiting = asked(firm, "update", {"tier": "B"}, two)
    merge(fresh(firm), ACCOUNT, one, [two])
    client, url = firm.client("manager"), f"/proposals/{waiting.pk}"
    with pytest.raises(Conflict):
        proposals.decide(fresh(firm), waiting.pk, yes=True)
    assert client.post(url, {"answer": "yes"}).status_code == 303  # from a page that is older than the merge
    waiting.refresh_from_db()
    assert (waiting.state, row(ACCOUNT, one)["tier"]) == ("asked", "A")
    page = client.get(url).content.decode()
    assert f'name="record" value="{one}"' in page
    assert "合并到这条记录" in page
    version = version_of(one)
    answer = client.post(url, {"answer": "yes", "record": str(one), "version": version})
    assert (answer.status_code, answer["Location"]) == (303, f"/account/{one}")
    assert row(ACCOUNT, one)["tier"] == "B"


def test_what_was_changed_meanwhile_is_not_overwritten(firm: Any) -> None:
    one, two = pair(firm)
    waiting = asked(firm, "update", {"tier": "B"}, two)
    merge(fresh(firm), ACCOUNT, one, [two])
    version = version_of(one)
    records.update(fresh(firm), ACCOUNT, one, {"remark": "丙"})
    done = proposals.decide(fresh(firm), waiting.pk, yes=True, shown=proposals.Shown(one, version))
    assert (done.state, row(ACCOUNT, one)["tier"]) == ("failed", "A")


@pytest.mark.parametrize("action", ["delete", "merge"])
def test_what_would_delete_or_merge_it_fails_and_says_why(firm: Any, action: str) -> None:
    one, two = pair(firm)
    three = new(firm, ACCOUNT, name="第三家")
    values = {"others": [{"id": str(three)}]} if action == "merge" else {}
    waiting = asked(firm, action, values, two)
    merge(fresh(firm), ACCOUNT, one, [two])
    assert "合并" in firm.client("manager").get(f"/proposals/{waiting.pk}").content.decode()
    done = proposals.decide(fresh(firm), waiting.pk, yes=True)
    assert done.state == "failed"
    assert "合并到另一条记录" in done.result["text"]
    assert (row(ACCOUNT, one)["deleted_at"], row(ACCOUNT, three)["deleted_at"]) == (None, None)


def test_links_in_what_was_asked_follow(firm: Any) -> None:
    one, two = pair(firm)
    waiting = asked(firm, "create", {"name": "张三", "account": str(two)}, None, CONTACT)
    merge(fresh(firm), ACCOUNT, one, [two])
    done = proposals.decide(fresh(firm), waiting.pk, yes=True)
    assert done.state == "done"
    assert row(CONTACT, done.result["record"])["account_id"] == one


def test_it_can_be_refused_where_the_record_is_gone(firm: Any) -> None:
    one, _two = pair(firm)
    waiting = asked(firm, "update", {"tier": "B"}, one)
    records.delete_many(fresh(firm), ACCOUNT, [one])
    client, url = firm.client("manager"), f"/proposals/{waiting.pk}"
    assert client.get(url).status_code == 200
    assert client.post(url, {"answer": "no"}).status_code == 303
    waiting.refresh_from_db()
    assert waiting.state == "refused"
