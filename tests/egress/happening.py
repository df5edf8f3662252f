"""What the tests of messages do: make webhooks and records, run what events have queued, send what is due."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

from procrastinate.contrib.django.models import ProcrastinateJob

from conftest import Firm
from tests.egress.receiver import Receiver
from zhike.engine import deliveries, outbox, records, webhooks
from zhike.engine.entity import get
from zhike.engine.models import Delivery, Webhook


def hook(firm: Firm, erp: Receiver, who: str = "seller", events: tuple[str, ...] = ("account.*",)) -> Webhook:
    """A webhook of somebody."""
    return webhooks.save(firm.actor(who), None, name="ERP", url=erp.url, events=events)


def account(firm: Firm, who: str = "seller", **values: Any) -> Any:
    """A customer of somebody."""
    return records.create(firm.actor(who), get("account"), {"name": "上海宝钢", **values})


def work(times: int = 1) -> list[UUID]:
    """Run the jobs that events have queued, each so many times; gives the messages that wait."""
    jobs = ProcrastinateJob.objects.filter(task_name="zhike.deliver", args__key="*").order_by("id")
    for job in list(jobs):
        for _n in range(times):
            outbox.deliver(**job.args)
    return list(Delivery.objects.filter(state="waiting").order_by("at").values_list("pk", flat=True))


def send(now: dt.datetime | None = None) -> None:
    """Send what is due, as the worker does every minute."""
    for pk in deliveries.due(now):
        deliveries.send(pk, now)


def only() -> Delivery:
    """The one message that there is."""
    return Delivery.objects.get()
