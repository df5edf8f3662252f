"""What the worker runs: imports and exports that take longer than a page may, and tidying up after them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from uuid import UUID

from django.conf import settings
from django.db import transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from zhike.backup import nightly
from zhike.backup.keeping import Keeping
from zhike.base.models import User
from zhike.engine import (
    archive,
    catalog,
    chain,
    deed_jobs,
    deliveries,
    indexing,
    operations,
    outbox,
    privacy,
    recycle,
    reindex,
    rolling,
    uploads,
)
from zhike.engine.duplicates import finder
from zhike.engine.entity import declared, get
from zhike.engine.models import Job, Retention
from zhike.engine.pools import moving, settling, warning
from zhike.engine.pools.known import is_pooled
from zhike.engine.privacy import kept
from zhike.engine.transfer import jobs
from zhike.launch.postgres import Server

from . import sending


def start(job: Job, phase: str, *, at_once: bool = False) -> None:
    """Do a phase of a job: here and now when it is small, else in the worker."""
    if at_once:
        jobs.perform(job.pk, jobs.queue(job, phase), watched=False)
        return
    with transaction.atomic():
        transfer.defer(job=str(job.pk), ticket=jobs.queue(job, phase))


@app.task(name="zhike.transfer", queue="transfer")
@catalog.fresh()
def transfer(job: str, ticket: str) -> None:
    """One phase of an import or export; a ticket counts once, however often the worker is given it."""
    jobs.perform(UUID(job), ticket)


def go_on(job: Job) -> None:
    """Go on with an import that rests or stopped."""
    with transaction.atomic():
        transfer.defer(job=str(job.pk), ticket=deed_jobs.go_on(job))


def start_deed(job: Job, phase: str) -> None:
    """Do a phase of a deed on many records in the worker."""
    with transaction.atomic():
        deed.defer(job=str(job.pk), ticket=deed_jobs.queue(job, phase))


def go_on_with_deed(job: Job) -> None:
    """Go on with one that stopped."""
    with transaction.atomic():
        deed.defer(job=str(job.pk), ticket=deed_jobs.go_on(job))


@app.task(name="zhike.deed", queue="transfer")
def deed(job: str, ticket: str) -> None:
    """One phase of a deed on many records, or of its undoing."""
    deed_jobs.perform(UUID(job), ticket)


@app.periodic(cron="* * * * *")
@app.task(name="zhike.deed.resume", queueing_lock="deed.resume", pass_context=False)
def resume_deeds(timestamp: int) -> None:
    """Every minute: go on where a worker was killed. A new ticket and its place in the queue are one commit."""
    with transaction.atomic():
        for pk, ticket in jobs.abandoned():
            transfer.defer(job=str(pk), ticket=ticket)
        for pk, ticket in deed_jobs.abandoned():
            deed.defer(job=str(pk), ticket=ticket)


@app.periodic(cron="17 3 * * *")
@app.task(name="zhike.transfer.tidy", queue="transfer", pass_context=False)
@catalog.fresh()
def tidy(timestamp: int) -> None:
    """Every night: forget the files of old imports and exports, and bytes that belong to nothing."""
    jobs.tidy()
    operations.tidy()
    uploads.sweep()


@app.periodic(cron="41 3 * * *")
@app.task(name="zhike.recycle", pass_context=False)
@catalog.fresh()
def empty_bin(timestamp: int) -> None:
    """Every night: empty what has been in the recycle bin for 30 days."""
    recycle.empty()


@app.periodic(cron="23 2 * * *")
@app.task(name="zhike.rollups", pass_context=False)
@catalog.fresh()
def recount(timestamp: int) -> None:
    """Every night: count stored roll-ups anew; what came from beside the write path is right then, too."""
    rolling.rebuild_all()


@app.periodic(cron="5 4 * * *")
@app.task(name="zhike.retention", pass_context=False)
@catalog.fresh()
def keep_no_longer(timestamp: int) -> None:
    """Every night: what the rules of the firm no longer keep, and the list of the erased beside the database."""
    kept.level()
    privacy.run_all()


@app.task(name="zhike.retention.now")
@catalog.fresh()
def keep_now(rule: str) -> None:
    """One rule at once, because somebody asked for it."""
    found = Retention.objects.filter(pk=rule, deleted_at=None).first()
    if found is not None:
        privacy.run_rule(found)


@app.task(name="zhike.webhook", queue="webhook", priority=-10)
@catalog.fresh()
def message(delivery: str) -> None:
    """Send one message to another system."""
    deliveries.send(UUID(delivery))


def send_soon(messages: Sequence[UUID]) -> None:
    """Send messages once they are saved. What is lost on the way is found by `resend` within a minute."""
    transaction.on_commit(lambda: _queue(messages))


def _queue(messages: Sequence[UUID]) -> None:
    for pk in messages:
        with suppress(AlreadyEnqueued):
            message.configure(queueing_lock=f"webhook:{pk}").defer(delivery=str(pk))


@app.periodic(cron="* * * * *")
@app.task(name="zhike.webhook.resend", queue="webhook", pass_context=False)
@catalog.fresh()
def resend(timestamp: int) -> None:
    """Every minute: send what is to be tried again."""
    send_soon(deliveries.due())


@app.periodic(cron="* * * * *")
@app.task(name="zhike.notices.send", queue="mail", lock="notices", queueing_lock="notices", pass_context=False)
@catalog.fresh()
def send_notices(timestamp: int) -> None:
    """Every minute: mails and pushes whose time has come."""
    sending.send()


@app.task(name="zhike.notices.soon", queue="mail", lock="notices", queueing_lock="notices.soon")
@catalog.fresh()
def send_told() -> None:
    """What was told just now, without waiting for the minute."""
    sending.send()


def send_notices_soon() -> None:
    """Send what was told just now; one run that waits already is enough."""
    with suppress(AlreadyEnqueued):
        send_told.defer()


@app.periodic(cron="11 4 * * *")
@app.task(name="zhike.notices.tidy", pass_context=False)
def forget_notices(timestamp: int) -> None:
    """Every night: forget old notices, and how they went."""
    sending.tidy()


@app.periodic(cron="53 3 * * *")
@app.task(name="zhike.webhook.tidy", queue="webhook", pass_context=False)
@catalog.fresh()
def forget_messages(timestamp: int) -> None:
    """Every night: forget what became of old messages."""
    deliveries.tidy()


@app.periodic(cron="* * * * *")
@app.task(name="zhike.history.seal", queueing_lock="seal", pass_context=False)
@catalog.fresh()
def seal(timestamp: int) -> None:
    """Every minute: seal what was logged. Where the copy outside cannot be written, this fails and is tried again."""
    chain.seal()


@app.task(name="zhike.history.verify", queueing_lock="verify")
@catalog.fresh()
def verify(user: str) -> None:
    """What somebody asked for on the page of the log."""
    chain.seal()
    chain.verified(chain.verify(), user=User.objects.get(pk=UUID(user)), channel="web")


@app.periodic(cron="23 4 * * *")
@app.task(name="zhike.history.keep", pass_context=False)
@catalog.fresh()
def keep_history(timestamp: int) -> None:
    """Every night: verify the log, then move what is too old for it into an archive."""
    chain.verified(chain.verify())
    archive.expire()


@app.periodic(cron="*/2 * * * *")
@app.task(name="zhike.search.renew", queueing_lock="search", pass_context=False)
@catalog.fresh()
def renew_search(timestamp: int) -> None:
    """Every other minute: make the search columns anew of what is to be found by other fields than before."""
    for entity in reindex.stale():
        reindex.renew(entity)


@app.periodic(cron="* * * * *")
@app.task(name="zhike.index", queueing_lock="index", pass_context=False)
@catalog.fresh()
def index_fields(timestamp: int) -> None:
    """Every minute: build and drop the indexes of custom fields, as far as another configuration was published."""
    if indexing.is_due():
        indexing.build()


def find_duplicates(entity: str) -> None:
    """Have the finder look through an entity soon; one that waits already is enough."""
    with suppress(AlreadyEnqueued):
        duplicates.configure(queueing_lock=f"duplicates:{entity}", lock="duplicates").defer(entity=entity)


@app.task(name="zhike.duplicates", queue="transfer")
@catalog.fresh()
def duplicates(entity: str) -> None:
    """The finder over one entity."""
    finder.run(get(entity))


@app.periodic(cron="31 1 * * *")
@app.task(name="zhike.duplicates.nightly", pass_context=False)
@catalog.fresh()
def find_all_duplicates(timestamp: int) -> None:
    """Every night: the finder over each entity that says how its duplicates are told."""
    for entity in declared().values():
        if entity.signs:
            find_duplicates(entity.key)


@app.task(name="zhike.pools.settle", queue="transfer")
@catalog.fresh()
def settle_pools(entity: str) -> None:
    """Work out anew when records of an entity return to their pools, because rules have changed."""
    settling.settle(get(entity))


@app.periodic(cron="*/10 * * * *")
@app.task(name="zhike.pools.sweep", queueing_lock="pools.sweep", pass_context=False)
@catalog.fresh()
def sweep_pools(timestamp: int) -> None:
    """Every ten minutes: return to their pools the records whose time has come."""
    for entity in declared().values():
        if is_pooled(entity):
            moving.sweep(entity)


@app.periodic(cron="5 8 * * *")
@app.task(name="zhike.pools.warn", pass_context=False)
@catalog.fresh()
def warn_of_pools(timestamp: int) -> None:
    """Every morning: put right what was written beside the write path, then warn the owners."""
    for entity in declared().values():
        if is_pooled(entity):
            settling.settle(entity)
            warning.warn(entity)


@app.periodic(cron="7 * * * *")
@app.task(name="zhike.backup", queueing_lock="backup", pass_context=False)
def back_up(timestamp: int) -> None:
    """Every hour: the backup of the night where it is due. A failure stands in the folder and in the log."""
    if settings.BACKUP_HOUR is None:
        return
    url = str(os.environ.get("DATABASE_URL", ""))
    nightly.run(
        settings.HOME, Server(settings.OWNER_URL or url, app=url), settings.BACKUPS, hour=settings.BACKUP_HOUR,
        keeping=Keeping.read(settings.BACKUP_KEEP), recipient=settings.BACKUP_RECIPIENT,
    )  # fmt: skip


outbox.on_any(lambda event: send_soon(deliveries.note(event)), deliveries.wanted)
