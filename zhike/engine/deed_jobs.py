"""Deeds on many rows and their undoing as jobs: in batches, each of them one transaction with its own progress.

A job stands where its last batch ended, so a worker that is killed is followed by another that goes on there, and no
row is done twice. Who does it, and what they may do, is asked anew for every batch.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import get_language, gettext_noop, override
from django.utils.translation import gettext as _

from zhike.base.ids import uuid7
from zhike.base.models import User

from . import deeds, delegation, notices, operations, tokens, undo
from .access import Actor, Limit
from .attempts import Outcome
from .deeds import Chosen, Deed
from .entity import AnyEntity, get
from .errors import Invalid, Missing, Refused
from .mishaps import MISHAPS, is_lost, words
from .models import Job, Operation, OperationStep, Token
from .operations import Tally

KINDS = ("bulk", "undo")
STALE = dt.timedelta(seconds=60)
LOST = dt.timedelta(hours=1)  # a job that waits so long has lost its place in the queue
TEXTS = 10  # different reasons that are kept of rows that could not be written
ENDED = gettext_noop("Your work on many records has ended: %(n)s done, %(skipped)s left out")
State = Job.State


class Stopped(Exception):
    """The job was stopped, or another worker has it now."""


def begin(actor: Actor, entity: AnyEntity, deed: Deed, chosen: Chosen, *, token: Token | None = None) -> Job:
    """A new job over what was chosen; nothing is done yet. Raises as `deeds.required`."""
    deeds.required(actor, entity, deed)
    now = timezone.now()
    options = {"deed": deed.to_json(), "chosen": chosen.to_json(), "until": now.isoformat(), **_who(actor, token)}
    total = chosen.count(actor, entity, deed)
    return Job.objects.create(kind="bulk", entity=entity.key, user=actor.user, total=total, options=options)


def begin_undo(actor: Actor, pk: UUID, *, token: Token | None = None) -> Job:
    """A job that takes an operation back. Raises as `undo.undo`."""
    found = undo.required(actor, pk)
    options = {"operation": str(pk), **_who(actor, token)}
    return Job.objects.create(kind="undo", entity=found.entity, user=actor.user, total=found.rows, options=options)


def at_once(actor: Actor, entity: AnyEntity, deed: Deed, chosen: Chosen) -> tuple[Operation | None, Outcome]:
    """Do it here and now, for few rows; gives the operation that it became and what was skipped.

    Raises as `deeds.required`, and Missing where none of the rows is within reach.
    """
    deeds.required(actor, entity, deed)
    with operations.recording(actor, entity, deed.action, keys=deed.keys) as tally:
        ids = chosen.next(actor, entity, deed, None, deeds.BATCH, timezone.now())
        outcome = deeds.do(actor, entity, deed, ids, chosen.versions)
        if ids and outcome.counts().get("right") == len(ids):
            raise Missing
        tally.rows, tally.skipped = len(outcome.done), outcome.counts()
    return tally.operation, outcome


def _who(actor: Actor, token: Token | None) -> dict[str, str]:
    return {
        "by": str(actor.by.pk) if actor.by else "", "token": str(token.pk) if token else "", "channel": actor.channel,
        "language": get_language() or "",
    }  # fmt: skip


def actor_of(job: Job) -> Actor:
    """Who does a job, as they are now; Refused where the key or the delegation it was begun with has ended."""
    channel = job.options["channel"]
    if job.options["token"]:
        token = Token.objects.select_related("user__department").filter(pk=job.options["token"]).first()
        if token is None or token.revoked_at or token.expires_at <= timezone.now():
            raise Refused("token")
        return tokens.actor_of_token(token, channel)
    if job.options["by"]:
        lent = list(delegation.in_force().filter(principal=job.user, assistant=job.options["by"]))
        if not lent:
            raise Refused("delegation")
        limit = Limit(frozenset[str]().union(*(delegation.limit_of(d.scopes).scopes for d in lent)))
        return Actor(job.user, channel, by=User.objects.get(pk=job.options["by"]), limit=limit)
    return Actor(job.user, channel)


def queue(job: Job, phase: str) -> str:
    """Mark a job as waiting for the worker, from the beginning of a phase; the ticket lets exactly one worker do it."""
    ticket = str(uuid7())
    started = {"phase": phase, "queued": ticket, "after": "", "started": timezone.now().isoformat()}
    job.options, job.state, job.done = {**job.options, **started}, State.READY, 0
    job.result = {k: v for k, v in job.result.items() if k not in ("error", phase)}
    job.updated_at = timezone.now()
    job.save(update_fields=["options", "state", "done", "result", "updated_at"])
    return ticket


def go_on(job: Job) -> str:
    """A new ticket for a job that stopped on its way: it goes on where it stands."""
    ticket = str(uuid7())
    job.options = {**job.options, "queued": ticket, "started": timezone.now().isoformat(), "from": job.done}
    job.result = {k: v for k, v in job.result.items() if k != "error"}
    job.state, job.updated_at = State.READY, timezone.now()
    job.save(update_fields=["options", "state", "result", "updated_at"])
    return ticket


def cancel(job: Job) -> None:
    """Stop a job after the batch it is in. What is done stays done, and can be undone."""
    rows = Job.objects.filter(pk=job.pk, state__in=(State.READY, State.RUNNING))
    rows.update(state=State.CANCELLED, updated_at=timezone.now())


def abandoned() -> list[tuple[UUID, str]]:
    """Jobs whose worker is gone, each with a new ticket."""
    now = timezone.now()
    with transaction.atomic():
        rows = Job.objects.select_for_update(skip_locked=True).filter(kind__in=KINDS)
        running = rows.filter(state=State.RUNNING, updated_at__lt=now - STALE)
        waiting = rows.filter(state=State.READY, updated_at__lt=now - LOST, options__phase__in=("check", "run"))
        return [(job.pk, go_on(job)) for job in (*running, *waiting)]


def perform(pk: UUID, ticket: str) -> None:
    """Do the phase that a job waits for, batch by batch. A ticket that is no longer the job's own does nothing."""
    taken = Job.objects.filter(pk=pk, state=State.READY, options__queued=ticket)
    if not taken.update(state=State.RUNNING, updated_at=timezone.now()):
        return
    language = Job.objects.values_list("options__language", flat=True).get(pk=pk)
    with override(language or None):
        try:
            while _batch(pk, ticket):
                pass
        except Stopped:
            return
        except (Invalid, Refused, Missing) as error:
            _fail(pk, ticket, _reason(error))
        except MISHAPS as error:
            if is_lost(error):
                connection.close()  # another worker goes on when the database is there again
                return
            _fail(pk, ticket, words(error) or _odd())
            if not words(error):
                raise
        except Exception:
            _fail(pk, ticket, _odd())
            raise


def _odd() -> str:
    return _("Something went wrong. What was done by then stays done; go on, or undo it.")


def _reason(error: Invalid | Refused | Missing) -> str:
    if isinstance(error, Invalid):
        return " ".join(w.text for found in error.first.values() for w in found)
    return error.text


def _fail(pk: UUID, ticket: str, text: str) -> None:
    with transaction.atomic():
        job = Job.objects.select_for_update().filter(pk=pk, options__queued=ticket, state=State.RUNNING).first()
        if job is not None:
            job.state, job.result, job.updated_at = State.FAILED, {**job.result, "error": text}, timezone.now()
            job.save(update_fields=["state", "result", "updated_at"])


@transaction.atomic
def _batch(pk: UUID, ticket: str) -> bool:
    """One batch and the progress it makes, both or neither; whether there may be more."""
    rows = Job.objects.select_for_update(of=("self",)).select_related("user__department")
    job = rows.filter(pk=pk, state=State.RUNNING, options__queued=ticket).first()
    if job is None:
        raise Stopped
    more = _WORK[job.kind, job.options["phase"]](job, actor_of(job))
    job.updated_at = timezone.now()
    job.save(update_fields=["options", "state", "done", "result", "updated_at"])
    return more


def _check(job: Job, actor: Actor) -> bool:
    """A trial of the next rows, rolled back."""
    with transaction.atomic():
        found = _next(job, actor)
        transaction.set_rollback(True)
    if found is None:
        job.state, job.options = State.READY, {**job.options, "phase": "checked", "queued": ""}
        return False
    _count(job, "check", *found)
    return True


def _run(job: Job, actor: Actor) -> bool:
    mark = operations.marked()
    found = _next(job, actor)
    if found is None:
        _end(job, "run")
        return False
    ids, outcome = found
    deed, where = Deed.of(job.options["deed"]), job.options["chosen"]["where"]
    made = job.options.get("operation") or ""
    if made:
        operation = Operation.objects.get(pk=made)
    else:
        operation = operations.begin(actor, get(job.entity), deed.action, keys=deed.keys)
        job.options = {**job.options, "operation": str(operation.pk)}
    operations.add(actor, operation, mark, Tally(len(outcome.done), outcome.counts()), filter_text=where or "")
    _count(job, "run", ids, outcome)
    return True


def _next(job: Job, actor: Actor) -> tuple[list[UUID], Outcome] | None:
    entity, deed, chosen = get(job.entity), Deed.of(job.options["deed"]), Chosen.of(job.options["chosen"])
    deeds.required(actor, entity, deed)
    after = UUID(job.options["after"]) if job.options["after"] else None
    until = dt.datetime.fromisoformat(job.options["until"])
    ids = chosen.next(actor, entity, deed, after, deeds.BATCH, until)
    return (ids, deeds.do(actor, entity, deed, ids, chosen.versions)) if ids else None


def _count(job: Job, phase: str, ids: list[UUID], outcome: Outcome) -> None:
    """Progress, and what became of the rows: how many done, how many skipped by reason, with the words of some."""
    before = job.result.get(phase, {"done": 0, "skipped": {}, "texts": []})
    skipped = dict(before["skipped"])
    for reason, n in outcome.counts().items():
        skipped[reason] = skipped.get(reason, 0) + n
    told = dict.fromkeys([*before["texts"], *(text for _reason, text in outcome.skipped.values() if text)])
    found = {"done": before["done"] + len(outcome.done), "skipped": skipped, "texts": list(told)[:TEXTS]}
    hints = dict.fromkeys([*before.get("hints", ()), *(t for texts in outcome.warned.values() for t in texts)])
    if hints:
        found |= {"warned": before.get("warned", 0) + len(outcome.warned), "hints": list(hints)[:TEXTS]}
    job.result = {**job.result, phase: found}
    job.options = {**job.options, "after": str(ids[-1])}
    job.done += len(ids)
    job.total = max(job.total, job.done)


def _undo(job: Job, actor: Actor) -> bool:
    """The last step of the operation that is not taken back yet."""
    operation = operations.find(actor, UUID(job.options["operation"]), lock=True)
    entity = get(operation.entity)
    made_by = job.options.get("made") or ""
    if made_by:
        made = Operation.objects.get(pk=made_by)
    else:
        operation = undo.required(actor, operation.pk)
        made = operations.begin(actor, entity, operation.right, keys=operation.keys, of=operation)
        job.options = {**job.options, "made": str(made.pk)}
    steps = OperationStep.objects.filter(operation=operation).order_by("-pk")
    if job.options["after"]:
        steps = steps.filter(pk__lt=int(job.options["after"]))
    step = steps.first()
    if step is None:
        undo.close(operation, made)
        _end(job, "run")
        return False
    outcome = undo.take_back(actor, operation, step, made)
    found = {
        "done": made.rows,
        "skipped": made.skipped,
        "texts": sorted({t for _r, t in outcome.skipped.values() if t}),
    }
    job.result = {**job.result, "run": found}
    job.options = {**job.options, "after": str(step.pk)}
    job.done += step.rows
    return True


def _end(job: Job, phase: str) -> None:
    """Done: what was chosen and given is forgotten, what became of it is kept."""
    job.state = State.DONE
    kept = {k: v for k, v in job.options.items() if k not in ("chosen", "deed")}
    if "deed" in job.options:
        kept["deed"] = {**Deed(job.options["deed"]["action"]).to_json(), "keys": Deed.of(job.options["deed"]).keys}
    job.options = {**kept, "phase": "done"}
    found = job.result.get(phase, {"done": 0, "skipped": {}})
    params = {"n": str(found["done"]), "skipped": str(sum(found["skipped"].values()))}
    told = UUID(job.options["by"]) if job.options["by"] else job.user_id
    notices.tell(told, ENDED, params, f"/tasks/{job.pk}", f"bulk:{job.pk}", kind="work")


_WORK: Mapping[tuple[str, str], Callable[[Job, Actor], bool]] = {
    ("bulk", "check"): _check,
    ("bulk", "run"): _run,
    ("undo", "run"): _undo,
}
