"""Messages to webhooks, received by a real server: signed, once, tried again, given up, sent again by hand."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from conftest import Firm
from tests.egress.conftest import Farm, Names, Start
from tests.egress.happening import account, hook, only, send, work
from tests.egress.receiver import Receiver
from zhike.engine import deliveries, records, webhooks
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing
from zhike.engine.models import Delivery, History, Notice, Webhook
from zhike.jobs import tasks

pytestmark = pytest.mark.usefixtures("opened")
MINUTE = dt.timedelta(minutes=1)


# ---- arriving


def test_what_arrives(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    one = account(firm, phone="13800138000", registered_capital="50000")
    work()
    now = timezone.now()
    send(now)
    [message] = erp.messages
    stored = only()
    assert (stored.state, stored.attempts, stored.status, stored.error) == ("done", 1, 200, "")
    assert message.signed_by(made.secret) is True
    assert message.signed_by(made.secret + "x") is False
    assert message.head["zhike-signature"].startswith(f"t={int(now.timestamp())},v1=")
    assert (message.head["zhike-delivery"], message.head["zhike-event"]) == (str(stored.pk), "account.create")
    assert message.head["content-type"] == "application/json; charset=utf-8"
    data = message.data
    assert {key: data[key] for key in ("id", "event", "entity", "at")} == {
        "id": str(stored.pk),
        "event": "account.create",
        "entity": "account",
        "at": stored.at.isoformat(),
    }
    [record] = data["records"]
    assert (record["id"], record["version"]) == (str(one.pk), 1)
    values = record["values"]
    assert (values["name"], values["registered_capital"]) == ("上海宝钢", "50000.00")
    assert values["owner"] == str(firm.seller.pk)


def test_a_changed_message_is_known(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    account(firm)
    work()
    send()
    [message] = erp.messages
    changed = type(message)(message.head, message.body.replace("宝钢".encode(), "鞍钢".encode()))
    later = type(message)(
        {**message.head, "zhike-signature": "t=1," + message.head["zhike-signature"][13:]}, message.body
    )
    assert [m.signed_by(made.secret) for m in (message, changed, later)] == [True, False, False]


def test_jobs_that_run_twice_tell_once(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    [pk] = work(times=3)
    tasks.message(delivery=str(pk))
    tasks.message(delivery=str(pk))
    send()
    assert (Delivery.objects.count(), len(erp.messages)) == (1, 1)


def test_each_event_is_told(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    one = account(firm)
    for name in ("甲公司", "乙公司", "丙公司"):
        records.update(firm.actor("seller"), get("account"), one.pk, {"name": name})
    work(times=2)
    send()
    assert [m.head["zhike-event"] for m in erp.messages] == ["account.create", *["account.update"] * 3]
    assert len({m.data["id"] for m in erp.messages}) == 4


def test_a_job_is_queued_with_the_change(firm: Firm, erp: Receiver, django_capture_on_commit_callbacks: Any) -> None:
    hook(firm, erp)
    account(firm)
    with django_capture_on_commit_callbacks(execute=True):
        [pk] = work(times=2)
    queued = ProcrastinateJob.objects.filter(task_name="zhike.webhook")
    assert [job.args for job in queued] == [{"delivery": str(pk)}]
    with django_capture_on_commit_callbacks(execute=True):
        tasks.resend(timestamp=0)
    assert queued.count() == 1


def test_only_chosen_events(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp, events=("account.update",))
    one = account(firm)
    assert work() == []
    records.update(firm.actor("seller"), get("account"), one.pk, {"name": "甲"})
    assert len(work()) == 1
    assert only().event == "account.update"


def test_nothing_is_queued_where_nobody_listens(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    webhooks.switch(firm.actor("seller"), made, on=False)
    account(firm)
    assert ProcrastinateJob.objects.filter(task_name="zhike.deliver").count() == 0


def test_many_records_go_in_batches(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    made = records.create_many(firm.actor("seller"), get("account"), [{"name": f"客户{n:03}"} for n in range(230)])
    work(times=2)
    send()
    told = [[record["id"] for record in message.data["records"]] for message in erp.messages]
    assert sorted(map(len, told)) == [30, 100, 100]
    assert sorted(pk for some in told for pk in some) == sorted(str(one.pk) for one in made)


# ---- failing


def test_it_is_tried_again_and_later(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    [pk] = work()
    erp.statuses = [500, 503, 404, 429, 301, 500]
    now = timezone.now()
    waits = []
    for n in range(6):
        send(now)
        stored = only()
        assert (stored.state, stored.attempts, len(erp.messages)) == ("waiting", n + 1, n + 1)
        assert stored.next_at is not None
        waits.append(stored.next_at - now)
        send(stored.next_at - dt.timedelta(seconds=1))
        assert len(erp.messages) == n + 1
        now = stored.next_at
    assert [round(wait / MINUTE / (1 + pk.int % 1000 / 10_000), 6) for wait in waits] == [1, 5, 30, 120, 360, 1440]
    send(now)
    stored = only()
    assert (stored.state, stored.attempts, stored.status, stored.error) == ("done", 7, 200, "")
    assert len({message.body for message in erp.messages}) == 1
    assert Webhook.objects.get().failed_since is None


def test_pauses_differ_by_message() -> None:
    found = {deliveries.pause(UUID(int=n), 1) for n in range(1000)}
    assert len(found) == 1000
    assert (min(found, key=str), max(found, key=str)) == (MINUTE, MINUTE * 1.0999)


def fail(erp: Receiver, times: int, now: dt.datetime) -> dt.datetime:
    """Let the next attempts fail, each when it is due."""
    erp.statuses = [500] * times
    for _n in range(times):
        send(now)
        now = only().next_at or now
    return now


def test_it_is_given_up_and_sent_again_by_hand(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    account(firm)
    work()
    now = fail(erp, 7, timezone.now())
    stored = only()
    assert (stored.state, stored.attempts, stored.status, stored.error) == ("dead", 7, 500, "status")
    send(now + dt.timedelta(days=9))
    assert len(erp.messages) == 7
    deliveries.again(firm.actor("seller"), made, stored.pk)
    send()
    stored = only()
    assert (stored.state, stored.attempts, len(erp.messages)) == ("done", 1, 8)
    assert {message.data["id"] for message in erp.messages} == {str(stored.pk)}


def test_what_waits_is_not_sent_twice_by_hand(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    account(firm)
    [pk] = work()
    with pytest.raises(Missing):
        deliveries.again(firm.actor("seller"), made, pk)


def test_redirects_are_not_followed(firm: Firm, serve: Start, farm: Farm, names: Names) -> None:
    erp = Receiver(serve, location=f"http://127.0.0.1:{farm.ports[0]}/")
    erp.statuses = [302]
    hook(firm, erp)
    account(firm)
    work()
    send()
    stored = only()
    assert (stored.state, stored.status, stored.error) == ("waiting", 302, "redirect")
    assert farm.seen == 0


def test_nobody_there(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    work()
    erp.server.socket.close()
    Webhook.objects.update(url="http://127.0.0.1:25565/")
    send()
    stored = only()
    assert (stored.state, stored.status, stored.error) == ("waiting", None, "connect 127.0.0.1")
    assert webhooks.explain(stored.error) != stored.error


def test_a_second_worker_keeps_off(firm: Firm, erp: Receiver) -> None:
    """One that died at it is followed by another after two minutes."""
    hook(firm, erp)
    account(firm)
    [pk] = work()
    now = timezone.now()
    Delivery.objects.filter(pk=pk).update(next_at=now + deliveries.LEASE, attempts=1)
    deliveries.send(pk, now)
    assert len(erp.messages) == 0
    deliveries.send(pk, now + deliveries.LEASE)
    assert (len(erp.messages), only().state, only().attempts) == (1, "done", 2)


def test_three_days_of_failure_switch_it_off(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    one = account(firm)
    work()
    start = timezone.now()
    fail(erp, 7, start)
    assert Webhook.objects.get().failed_since == start
    for name in ("甲", "乙"):
        records.update(firm.actor("seller"), get("account"), one.pk, {"name": name})
    first, _second = work()
    erp.statuses = [500]
    deliveries.send(first, start + dt.timedelta(days=3) - dt.timedelta(seconds=1))
    assert Webhook.objects.get().is_active is True
    erp.statuses = [500]
    deliveries.send(first, start + dt.timedelta(days=4))
    assert Webhook.objects.get().is_active is False
    states = Delivery.objects.values_list("state", "error").order_by("at")
    assert list(states) == [("dead", "status"), ("dead", "off"), ("dead", "off")]
    [notice] = Notice.objects.filter(user=firm.seller)
    assert (notice.text, notice.params) == (deliveries.OFF, {"name": "ERP"})
    sent = len(erp.messages)
    send(start + dt.timedelta(days=9))
    assert len(erp.messages) == sent


def test_an_answer_in_between_forgives(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    work()
    now = timezone.now()
    fail(erp, 1, now)
    assert Webhook.objects.get().failed_since == now
    send(now + dt.timedelta(days=5))
    found = Webhook.objects.get()
    assert (found.is_active, found.failed_since) == (True, None)


def test_a_dead_receiver_gets_few_attempts_a_minute(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    one = account(firm)
    for n in range(30):
        records.update(firm.actor("seller"), get("account"), one.pk, {"name": f"客户{n}"})
    assert len(work()) == 31
    assert len(deliveries.due()) == deliveries.PER_MINUTE


# ---- settings


def test_events_beyond_the_own_rights_are_not_taken(firm: Firm, erp: Receiver) -> None:
    with pytest.raises(Invalid) as found:
        hook(firm, erp, events=("role.update", "nothing.at.all", "*.*", "*"))
    assert list(found.value.first) == ["events"]
    assert hook(firm, erp, events=("role.update", "account.*", "account.*")).events == ["account.*"]


def test_what_is_done_to_webhooks_stays_in_the_history(firm: Firm, erp: Receiver) -> None:
    actor = firm.actor("seller")
    made = hook(firm, erp)
    first = made.secret
    webhooks.save(actor, made, name="ERP 2", url=erp.url, events=["deal.win"])
    second = webhooks.renew(actor, made)
    deliveries.ping(actor, made)
    webhooks.switch(actor, made, on=False)
    webhooks.switch(actor, made, on=True)
    webhooks.remove(actor, made)
    rows = History.objects.filter(entity="webhook", record=made.pk).order_by("id")
    said = ["create", "update", "secret", "test", "off", "on", "delete"]
    assert [row.action for row in rows if row.action.startswith("webhook.")] == [f"webhook.{word}" for word in said]
    written = "".join(f"{row.details}{row.changes}" for row in rows)
    assert [secret for secret in (first, second) if secret in written] == []
    assert [row.details["address"] for row in rows if "address" in row.details] == ["127.0.0.1", "127.0.0.1"]


def test_a_test_says_nothing_of_records(firm: Firm, erp: Receiver) -> None:
    made = hook(firm, erp)
    deliveries.send(deliveries.ping(firm.actor("seller"), made))
    [message] = erp.messages
    assert (message.data["event"], message.data["records"], message.signed_by(made.secret)) == (
        "webhook.test",
        [],
        True,
    )


def test_old_messages_are_forgotten(firm: Firm, erp: Receiver) -> None:
    hook(firm, erp)
    account(firm)
    work()
    assert deliveries.tidy(timezone.now() + dt.timedelta(days=31)) == 0
    send()
    assert deliveries.tidy(timezone.now() + dt.timedelta(days=29)) == 0
    assert deliveries.tidy(timezone.now() + dt.timedelta(days=31)) == 1
