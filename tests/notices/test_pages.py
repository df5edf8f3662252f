"""The inbox, the settings of how one is told, browsers that are pushed to, the brief."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.utils import timezone

from tests.notices.pushing import Service
from tests.notices.test_reminders import plan
from zhike.engine import notices, records
from zhike.engine.entity import get
from zhike.engine.models import Notice, NoticeSettings, PushSubscription
from zhike.modules.activities import reminders
from zhike.modules.sales import briefs
from zhike.modules.sales.pages import brief

HOUR = dt.timedelta(hours=1)


def tell(firm: Any, n: int, kind: str = "other", name: str = "seller") -> Notice:
    user = getattr(firm, name)
    notices.tell(user.pk, "%(by)s won the deal “%(title)s”", {"by": f"第{n}人"}, "/notices", f"p:{n}", kind=kind)
    return Notice.objects.get(cause=f"p:{n}")


def test_the_inbox_has_groups_with_counts_and_is_read_by_group(firm: Any) -> None:
    client = firm.client("seller")
    for n, kind in enumerate(("handed", "won", "work")):
        tell(firm, n, kind)
    page = client.get("/notices").content.decode()
    assert all(word in page for word in ("要我处理", "@我", "我关注的", "系统", "第0人", "第1人", "第2人"))
    page = client.get("/notices?group=watching").content.decode()
    assert "第1人" in page
    assert "第0人" not in page
    assert client.post("/notices?group=watching").status_code == 303
    assert set(Notice.objects.filter(read_at=None).values_list("kind", flat=True)) == {"handed", "work"}
    assert "第1人" not in client.get("/notices?unread=1").content.decode()


def test_one_is_marked_or_put_off_by_its_reader_alone(firm: Any) -> None:
    one = tell(firm, 1, "handed")
    for name, status in (("colleague", 404), ("seller", 303)):
        assert firm.client(name).post(f"/notices/{one.pk}/later?until=1h").status_code == status
    one.refresh_from_db()
    assert one.at > timezone.now() + HOUR / 2
    client = firm.client("seller")
    assert client.post(f"/notices/{one.pk}/read").status_code == 404  # it is not there now
    other = tell(firm, 2)
    assert client.post(f"/notices/{other.pk}/later", {"until": "yesterday"}).status_code == 422
    assert client.post(f"/notices/{other.pk}/read", headers={"HX-Request": "true"}).status_code == 204
    assert client.get(f"/notices/{other.pk}/read").status_code == 405


def test_open_pages_hear_of_what_is_new(firm: Any) -> None:
    client = firm.client("seller")
    tell(firm, 1)
    first = client.get("/notices/new").json()
    assert (first["unread"], first["items"]) == (1, [])
    tell(firm, 2)
    second = client.get("/notices/new", {"after": first["after"]}).json()
    assert second["unread"] == 2
    assert [item["text"][:3] for item in second["items"]] == ["第2人"]
    assert client.get("/notices/new", {"after": second["after"]}).json()["items"] == []
    assert client.get("/notices/new", {"after": "nonsense"}).status_code == 200


def test_asking_for_news_keeps_nobody_signed_in(firm: Any) -> None:
    client = firm.client("seller")
    client.get("/notices")
    session = client.session
    session["seen"] -= 600
    session.save()
    seen = session["seen"]
    client.get("/notices/new")
    assert client.session["seen"] == seen
    client.get("/notices")
    assert client.session["seen"] > seen


def form(**more: str) -> dict[str, str]:
    return {
        "before_minutes": "20", "pushes_a_day": "3", "quiet_from": "20:30", "quiet_to": "07:00", "mail_at": "09:15",
        "zone": "Europe/Berlin", "reminder.page": "on", "reminder.mail": "on", **more,
    }  # fmt: skip


def test_how_one_is_told_is_ones_own_to_say(firm: Any) -> None:
    client = firm.client("seller")
    assert "有事移交给我" in client.get("/me/notices").content.decode()
    assert client.post("/me/notices", form()).status_code == 303
    own = NoticeSettings.objects.get(user=firm.seller)
    assert (own.before_minutes, own.quiet_from, own.zone, own.digest) == (20, dt.time(20, 30), "Europe/Berlin", False)
    assert own.switches["reminder"] == {"mail": True, "push": False}
    assert own.switches["handed"] == {"page": False, "mail": False, "push": False}
    assert tell(firm, 1, "handed").page is False
    assert "第1人" not in client.get("/notices").content.decode()
    for wrong in ({"zone": "Mars"}, {"quiet_to": "25:00"}, {"before_minutes": "1441"}, {"pushes_a_day": "-1"}):
        assert client.post("/me/notices", form(**wrong)).status_code == 422


def subscription(service: Service, name: str = "one") -> dict[str, Any]:
    return {"endpoint": service.endpoint(name), "keys": service.browser(name).keys()}


def test_a_browser_is_added_moved_and_ended(firm: Any, service: Service) -> None:
    client, sent = firm.client("seller"), subscription(service)
    assert len(client.get("/push/key").json()["key"]) == 87
    assert client.post("/push/subscribe", sent, content_type="application/json").status_code == 204
    assert client.post("/push/seen", sent, content_type="application/json").json() == {"known": True}
    [one] = PushSubscription.objects.filter(user=firm.seller)
    assert firm.client("colleague").post(f"/push/{one.pk}/end").status_code == 303
    assert PushSubscription.objects.count() == 1
    other = firm.client("colleague")  # the same browser, somebody else
    assert other.post("/push/seen", sent, content_type="application/json").json() == {"known": False}
    assert PushSubscription.objects.count() == 0


def test_signing_out_of_a_browser_ends_its_pushes(firm: Any, service: Service) -> None:
    client = firm.client("seller")
    client.post("/push/subscribe", subscription(service), content_type="application/json")
    client.post("/logout")
    assert PushSubscription.objects.count() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "http://10.0.0.1/x"}, {"endpoint": "ftp://127.0.0.1/x"}, {"keys": {}}, {"keys": {"p256dh": "x"}},
        {"endpoint": None, "keys": []},
    ],
)  # fmt: skip
def test_no_address_and_no_key_is_taken_that_cannot_be_used(firm: Any, service: Service, wrong: dict[str, Any]) -> None:
    sent = {**subscription(service), **wrong}
    answer = firm.client("seller").post("/push/subscribe", json.dumps(sent), content_type="application/json")
    assert answer.status_code == 422
    assert PushSubscription.objects.count() == 0


def test_the_script_that_shows_pushes_is_ours_under_the_strict_policy(client: Any) -> None:
    answer = client.get("/push/worker.js")
    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert b"showNotification" in answer.content
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]


def test_whoever_looks_on_reads_nothing_away(firm: Any) -> None:
    one = tell(firm, 1)
    client = firm.client("admin")
    client.post("/settings/view-as", {"person": str(firm.seller.pk), "reason": "test"})
    client.post(f"/notices/{one.pk}/read")
    one.refresh_from_db()
    assert one.read_at is None


# ---- brief


def test_each_role_has_its_brief(firm: Any) -> None:
    actor, now = firm.actor("seller"), timezone.now()
    account = records.create(actor, get("account"), {"name": "宝钢集团"})
    records.create(actor, get("deal"), {"name": "产线改造", "account": account.pk, "amount": "100"})
    plan(actor, now - 48 * HOUR, subject="逾期的电话", account=account.pk)
    texts = {name: " ".join(text for text, _url in brief.content(firm.actor(name))) for name in
             ("seller", "manager", "executive", "stranger", "admin")}  # fmt: skip
    assert "逾期的电话" in texts["seller"]
    assert "逾期的电话" in texts["manager"]
    assert "宝钢集团" not in texts["stranger"]
    assert "本月赢单" in texts["executive"]
    for name in texts:
        assert firm.client(name).get("/brief").status_code == 200


def test_the_brief_comes_once_on_working_days_at_the_hour_one_has_chosen(firm: Any) -> None:
    for name in ("seller", "manager"):
        user = getattr(firm, name)
        user.last_seen_on = dt.date(2026, 11, 1)
        user.save()
    NoticeSettings.objects.create(user=firm.manager, mail_at=dt.time(10))
    monday = dt.datetime(2026, 11, 23, 8, 0, tzinfo=timezone.get_default_timezone())
    counts = [briefs.send(monday + n * HOUR / 2) for n in range(10)]
    assert counts == [0, 1, 0, 0, 1, 0, 0, 0, 0, 0]
    assert briefs.send(monday - 24 * HOUR) == 0  # Sunday
    assert reminders.remind(monday) == 0
