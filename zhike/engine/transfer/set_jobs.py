"""Linked tables as jobs: one job for the whole, which reads, checks, imports and takes back, and one for each table.

A part is an import like any other, with its own pages; its options name the set. The whole can be killed at any
moment: each of its phases begins again, and importing goes on with the part, and in it the row, where it stood.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import transaction
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from zhike.engine import deed_jobs, operations, uploads
from zhike.engine.access import Actor
from zhike.engine.entity import entities
from zhike.engine.errors import Invalid, Refused, Wrong
from zhike.engine.models import Job, Operation, StoredFile
from zhike.engine.tabular import TabularError
from zhike.engine.tabular.messages import message

from . import batches, jobs, leaving, mappings, sets
from .model import Result, Stopped, plan_of, to_json
from .planning import Promised
from .pulse import Pulse, Still
from .report import Tally

State = Job.State


def begin(actor: Actor, sources: Sequence[StoredFile]) -> Job:
    """A new set of uploaded files; nothing is read yet. Raises Refused for who may import nothing."""
    if not sets.offered(actor):
        raise Refused("import")
    names = ", ".join(source.name for source in sources)[:200]
    options = {"phase": "read", "name": names, "language": get_language() or "", **leaving.acting(actor)}
    options |= {"sources": [str(source.pk) for source in sources], "parts": [], "unread": []}
    return Job.objects.create(kind=jobs.SET, user=actor.user, source=sources[0], options=options)


def parts_of(job: Job) -> list[Job]:
    """The parts of a set in their order."""
    found = Job.objects.select_related("source", "user", "user__department").in_bulk(job.options["parts"])
    return [found[UUID(pk)] for pk in job.options["parts"] if UUID(pk) in found]


def is_taken(part: Job) -> bool:
    """Whether a part is to be imported, and is not yet."""
    return bool(part.entity in entities() and "plan" in part.options and part.state != State.DONE)


def whole(part: Job) -> Job | None:
    """The set of a part."""
    pk = part.options.get("set")
    return Job.objects.filter(pk=pk, kind=jobs.SET, user=part.user_id).first() if pk else None


def before(part: Job) -> list[Job]:
    """The parts that are imported before this one, and are not yet."""
    found = whole(part)
    rows = parts_of(found) if found else []
    place = next((n for n, row in enumerate(rows) if row.pk == part.pk), 0)
    return [row for row in rows[:place] if is_taken(row)]


def coming(part: Job, actor: Actor) -> Promised | None:
    """What the parts before this one will make; none where it is no part of a set."""
    return sets.promised(actor, opened(before(part))) if part.options.get("set") else None


def opened(parts: Sequence[Job]) -> list[sets.Part]:
    """Parts with their tables and plans."""
    found = []
    for part in parts:
        with jobs.table(part) as rows:
            plan = plan_of(part.options["plan"]) if "plan" in part.options else None
            found.append(sets.Part(part.options["name"], rows, part.entity, plan))
    return found


def checked(part: Job, result: Result) -> dict[str, Any]:
    """What a part is after its trial run: values of its columns."""
    return {
        "state": State.READY,
        "options": {**part.options, "phase": "checked", "queued": ""},
        "result": {**part.result, "check": batches.counts(result)},
        "done": result.rows,
    }


# ---- reading


def read(job: Job, ticket: str, pulse: Still) -> None:
    """Make a part of each table of the files, guess what it is, and put them in order."""
    actor = leaving.actor_of(job, "import")
    _clear(job)
    made: list[tuple[Job, sets.Part]] = []
    unread: list[tuple[str, TabularError]] = []
    home = Path(settings.HOME) / "imports"
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="set-", dir=home) as folder:
        for n, pk in enumerate(job.options["sources"]):
            stored = StoredFile.objects.get(pk=pk)
            here = Path(stored.blob.path)
            for name, place in sets.files(here, stored.name, Path(folder) / str(n)):
                try:
                    made += _tables(job, actor, stored if place == here else None, name, place)
                except TabularError as error:
                    unread.append((name, error))
                if pulse.stopped:
                    raise Stopped
    if not made:
        raise unread[0][1] if unread else TabularError("no_rows")
    parts = [part for _row, part in made]
    for part in parts:
        part.entity = sets.guess_entity(actor, part.name, part.table)
    ids = _arranged(actor, made)
    pulse.rest()
    told = [{"name": name, "text": str(message(error))} for name, error in unread]
    options = {**job.options, "phase": "ready", "queued": "", "parts": ids, "unread": told}
    total = sum(part.table.row_count for part in parts if part.entity)
    first = next((part.entity for part in parts if part.entity), "")
    jobs.finish(job, ticket, state=State.READY, options=options, total=total, entity=first)


def _clear(job: Job) -> None:
    for part in Job.objects.filter(kind="import", user=job.user, options__set=str(job.pk)).select_related("source"):
        jobs.forget(part)
        source = part.source
        part.delete()
        if source is not None and str(source.pk) not in job.options["sources"]:
            jobs.drop_file(source)


def _tables(
    job: Job, actor: Actor, stored: StoredFile | None, name: str, place: Path
) -> Iterator[tuple[Job, sets.Part]]:
    """The tables of one file, each with the job that it will be; a file of a bundle is kept by itself."""
    rows: list[Job] = []

    def spool() -> Path:
        options = {**leaving.acting(actor), "language": job.options["language"], "set": str(job.pk)}
        rows.append(Job(kind="import", user=job.user, options=options))
        return jobs.spool(rows[-1])

    for called, sheet, table in sets.tables(place, name, spool):
        if stored is None:
            with place.open("rb") as file:
                stored = uploads.keep(
                    actor, File(file, name.rpartition("/")[2]), typed=False, limit=settings.IMPORT_BYTES
                )
        row = rows[-1]
        row.source, row.total = stored, table.row_count
        row.options |= {"name": called, "sheet": sheet if table.sheets else "", "phase": "map"}
        yield row, sets.Part(called, table)


def _arranged(actor: Actor, made: Sequence[tuple[Job, sets.Part]]) -> list[str]:
    """Plan the parts and keep them; their ids in the order in which they link."""
    row_of = {id(part): row for row, part in made}
    ids = []
    for part in sets.arrange(
        actor, [p for _r, p in made], lambda p: mappings.recall(actor, p.to, p.table.headers)
    ):  # fmt: skip
        row = row_of[id(part)]
        row.entity, row.state = part.entity, State.READY
        row.options = {k: v for k, v in row.options.items() if k != "plan"} | {"phase": "map", "queued": ""}
        row.result = {}
        if part.plan is not None:
            row.options["plan"] = to_json(part.plan)
        row.save()
        ids.append(str(row.pk))
    return ids


def choose(job: Job, actor: Actor, chosen: Mapping[str, str]) -> None:
    """Say what parts are, by their ids: the key of an entity, or "" to leave one out; then all are planned anew.

    Raises Invalid for what nobody may import, or while one is at work.
    """
    known = {e.key for e in sets.offered(actor)} | {""}
    parts = parts_of(job)
    require_rest(job, parts)
    open_parts = [part for part in parts if part.state != State.DONE and not jobs.has_begun(part)]
    if any(key not in known for key in chosen.values()):
        raise Invalid([{"": [Wrong(_("Choose what the table holds from the list."))]}])
    if all(chosen.get(str(part.pk), part.entity) == part.entity for part in open_parts):
        return
    made = []
    for row in open_parts:
        (part,) = opened([row])
        part.entity = chosen.get(str(row.pk), row.entity)
        made.append((row, part))
    with transaction.atomic():
        ids = _arranged(actor, made)
        kept = [str(part.pk) for part in parts if str(part.pk) not in ids]
        job.options = {**job.options, "parts": [*kept, *ids]}
        job.entity = next((part.entity for _row, part in made if part.entity), job.entity)
        job.total = sum(part.total for part in parts_of(job) if part.entity)
        job.save(update_fields=["options", "entity", "total"])


def require_rest(job: Job, parts: Sequence[Job]) -> None:
    """Raises Invalid while the machine is at work on a set or one of its parts."""
    if any(map(jobs.is_busy, (job, *parts))):
        raise Invalid([{"": [Wrong(_("The machine is at work on these files. Wait until it is done, or stop it."))]}])


# ---- trial, import, undo


def check(job: Job, ticket: str, pulse: Still) -> None:
    """A trial run of all parts that are not imported yet, each behind those before it."""
    rows = [part for part in parts_of(job) if is_taken(part) and not jobs.has_begun(part)]
    tallies = [Tally() for _row in rows]
    actor = leaving.actor_of(job, "import")
    sets.rehearse(actor, opened(rows), tallies, progress=pulse, stop=lambda: pulse.stopped)
    pulse.rest()
    with transaction.atomic():
        for row, tally in zip(rows, tallies, strict=True):
            batches.keep(row, "check", tally.problems(), anew=True)
            Job.objects.filter(pk=row.pk).update(**checked(row, tally.result))
        _rest(job, ticket)


def _rest(job: Job, ticket: str, *, note: str = "", state: str = State.READY) -> None:
    """The end of a phase; `note` says why it ended before all was done."""
    options = {**job.options, "phase": "ready", "queued": ""}
    jobs.finish(job, ticket, state=state, options=options, result={**job.result, "note": note})


def run(job: Job, ticket: str, pulse: Still) -> None:
    """Import one part after another. Before one with rows in error it stops, unless told to leave them out."""
    anyway, done = job.options["phase"] == "anyway", 0
    for part in parts_of(job):
        if is_taken(part):
            note = _one(part, anyway=anyway, watched=isinstance(pulse, Pulse))
            if pulse.stopped:
                raise Stopped
            if note:
                pulse.rest()
                _rest(job, ticket, note=note)
                return
        done += part.total
        pulse(done, job.total, "")
    pulse.rest()
    _rest(job, ticket, state=State.DONE)


def _one(part: Job, *, anyway: bool, watched: bool) -> str:
    """Try a part, and import it; why it is not imported."""
    if not jobs.has_begun(part):
        if part.options["phase"] != "checked" or jobs.is_busy(part):
            _perform(part, jobs.queue(part, "check"), watched=watched)
        if part.state == State.READY and part.options["phase"] == "checked" and not anyway:
            errors = part.result["check"]["errors"]
            if errors:
                text = _(
                    "Stopped before “%(name)s”: %(n)s rows would be left out. Correct them, or import without them."
                )
                return text % {"name": part.options["name"], "n": errors}
        if part.options["phase"] == "checked":
            _perform(part, jobs.queue(part, "run"), watched=watched)
    else:
        _perform(part, deed_jobs.go_on(part), watched=watched)
    if part.state == State.DONE:
        return ""
    why = part.result.get("error") or _("The import was stopped or paused.")
    return _("“%(name)s” is not imported: %(why)s") % {"name": part.options["name"], "why": why}


def _perform(part: Job, ticket: str, *, watched: bool) -> None:
    jobs.perform(part.pk, ticket, watched=watched)
    part.refresh_from_db()


def undoable(job: Job) -> list[tuple[Job, Operation]]:
    """The parts whose import can be taken back, the last first."""
    parts = [part for part in reversed(parts_of(job)) if part.options.get("operation")]
    found = Operation.objects.in_bulk([part.options["operation"] for part in parts])
    made = [(part, found.get(UUID(part.options["operation"]))) for part in parts]
    return [(part, operation) for part, operation in made if operation is not None and operations.is_open(operation)]


def take_back(job: Job, ticket: str, pulse: Still) -> None:
    """Undo the imports of all parts, the last first: what is linked goes before what it is linked to."""
    actor = leaving.actor_of(job, "import")
    for part, operation in undoable(job):
        begun = Job.objects.filter(
            kind="undo", user=job.user, options__operation=str(operation.pk), state__in=(State.READY, State.RUNNING)
        ).first()
        undoing = begun or deed_jobs.begin_undo(actor, operation.pk)
        deed_jobs.perform(undoing.pk, deed_jobs.go_on(begun) if begun else deed_jobs.queue(undoing, "run"))
        undoing.refresh_from_db()
        if undoing.state != State.DONE:
            pulse.rest()
            why = undoing.result.get("error") or _("The work was stopped.")
            _rest(job, ticket, note=_("“%(name)s” is not undone: %(why)s") % {"name": part.options["name"], "why": why})
            return
        if pulse.stopped:
            raise Stopped
    pulse.rest()
    _rest(job, ticket, state=State.DONE)


def cancel(job: Job) -> None:
    """Stop a set after the batch it is in; the part at work rests there and can go on."""
    deed_jobs.cancel(job)
    for part in parts_of(job):
        if part.state == State.RUNNING:
            jobs.pause(part)
