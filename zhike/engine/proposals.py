"""Writes that a program asks for and a person confirms: nothing is written before, and only with the rights of then.

A change of a record that has been merged meanwhile goes to the one that it became part of, once the person has seen it
there; what would delete or merge such a record fails and says why.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base.i18n import listed

from . import access, history, lineage, merging, notices, query, records
from .access import Actor, Limit
from .duplicates import check as doubles
from .entity import AnyEntity, get
from .errors import Conflict, Invalid, Limited, Missing, Refused
from .models import Proposal, Token

CHANNEL = "mcp"
VALID = dt.timedelta(hours=24)
WAITING = 50  # open proposals of one person
STAYS = ("delete", "restore", "merge")  # what is asked for a record does not go over to another one


def propose(
    actor: Actor,
    token: Token | None,
    entity: AnyEntity,
    action: str,
    values: Mapping[str, Any],
    *,
    pk: UUID | None = None,
    version: int | None = None,
) -> Proposal:
    """Keep a write for its owner to confirm, after a trial that is undone: what could not be done is said at once.

    `action` is create, update, delete, transfer, restore or one of the entity's own. Raises what the write path raises,
    and Limited where too many wait already.
    """
    if Proposal.objects.filter(user=actor.user, state="asked", expires_at__gt=timezone.now()).count() >= WAITING:
        raise Limited(_("Too many changes wait for confirmation already. Confirm or refuse those first."), 3600)
    with transaction.atomic():
        run(actor, entity, action, values, pk, version)
        transaction.set_rollback(True)
    with transaction.atomic():
        made = Proposal.objects.create(
            user=actor.user,
            token=token,
            channel=actor.channel,
            entity=entity.key,
            action=action,
            record=pk,
            version=version,
            values=dict(values),
            expires_at=timezone.now() + VALID,
        )
        history.note(
            actor, "propose", entity=entity.key, record=pk, details={"doing": action, "fields": sorted(values)}
        )
        url, cause = f"/proposals/{made.pk}", f"proposal:{made.pk}"
        notices.tell(actor.user.pk, _CONFIRM, {"entity": entity.key}, url, cause, kind="proposal")
    return made


_CONFIRM = gettext_noop("An assistant asks you to confirm a change: %(what)s")


def run(
    actor: Actor, entity: AnyEntity, action: str, values: Mapping[str, Any], pk: UUID | None, version: int | None
) -> UUID:
    """Do it; the id of the record. Raises Missing for a record that is not there, and what the write path raises."""
    with doubles.at("api", confirmed=True):  # a person has looked at it
        return _run(actor, entity, action, values, pk, version)


def _run(
    actor: Actor, entity: AnyEntity, action: str, values: Mapping[str, Any], pk: UUID | None, version: int | None
) -> UUID:
    if action == "create":
        return UUID(str(records.create(actor, entity, values).pk))
    if pk is None:
        raise Missing
    if action == "delete":
        records.delete_many(actor, entity, [pk])
    elif action == "restore":
        if not records.restore_many(actor, entity, [pk]):
            raise Missing
    elif action == "merge":
        others, known = merging.listed(values, pk, version)
        merging.merge(actor, entity, pk, others, values.get("values", {}), known)
    else:
        versions = None if version is None else {pk: version}
        records.update_many(actor, entity, {pk: values}, action=action, versions=versions)
    return pk


def mine(actor: Actor) -> Any:
    """The proposals of a person, newest first; an assistant or a token sees none."""
    if actor.by or actor.limit:
        return Proposal.objects.none()
    return Proposal.objects.filter(user=actor.user).order_by("-at")


def state(proposal: Proposal) -> str:
    """asked, done, refused, failed, or expired."""
    over = proposal.state == Proposal.State.ASKED and proposal.expires_at <= timezone.now()
    return "expired" if over else proposal.state


@dataclass(frozen=True)
class Shown:
    """The record that a person had before them when they confirmed, and its version."""

    record: UUID
    version: int | None = None


def aim(actor: Actor, proposal: Proposal) -> UUID | None:
    """The record that it is about now: the one that it has become part of, for who may read that."""
    if proposal.record is None:
        return None
    return merging.seen(actor, get(proposal.entity), proposal.record) or proposal.record


def moved(actor: Actor, proposal: Proposal) -> str:
    """What to say of records that have been merged since they were asked about; nothing where none was."""
    ids = [proposal.record] if proposal.record else []
    if proposal.action == "merge":
        ids += [UUID(str(one["id"])) for one in proposal.values["others"]]
    if not any(merging.seen(actor, get(proposal.entity), pk) for pk in ids):
        return ""
    if proposal.action in STAYS:
        return _("A record of this has been merged into another one since. Have it asked for anew, if it is to be.")
    return _("The record has been merged into this one since. The change is made here.")


def decide(actor: Actor, pk: UUID, *, yes: bool, shown: Shown | None = None) -> Proposal:
    """Confirm or refuse: only the person in whose name it was asked, once, while the key that asked is in force.

    What goes wrong then is kept in `result`; Missing for what is not there, not this person's, or decided already;
    Conflict where the record has been merged and the person has not been `shown` the one that it became part of.
    """
    with transaction.atomic():
        found: Proposal | None = mine(actor).select_for_update().filter(pk=pk).first()
        if found is None or state(found) != "asked":
            raise Missing
        found.decided_at = timezone.now()
        found.state = Proposal.State.REFUSED
        if yes:
            _do(actor, found, shown or Shown(found.record or found.pk))
        found.save(update_fields=["state", "result", "decided_at"])
        details = {"doing": found.action, "state": found.state}
        history.note(actor, "decide", entity=found.entity, record=found.record, details=details)
    return found


def _do(actor: Actor, found: Proposal, shown: Shown) -> None:
    token = found.token
    gone = token is not None and (token.revoked_at is not None or token.expires_at <= timezone.now())
    found.state, found.result = Proposal.State.FAILED, {"text": _("The key that asked for this is no longer valid.")}
    if gone:
        return
    text, record, version = moved(actor, found), aim(actor, found), found.version
    if text and found.action in STAYS:
        found.result = {"text": text}
        return
    if text:
        if shown.record != record:
            raise Conflict([shown.record])
        version = shown.version
    entity, limit = get(found.entity), Limit.of(token.scopes) if token else None
    doer = Actor(actor.user, found.channel, limit=limit)
    try:
        with transaction.atomic():
            made = run(doer, entity, found.action, followed(entity, found), record, version)
    except Invalid as error:
        found.result = {"text": " ".join(w.text for wrongs in error.first.values() for w in wrongs)}
    except (Refused, Missing, Conflict) as error:
        found.result = {"text": error.text}
    else:
        found.state, found.result = Proposal.State.DONE, {"record": str(made)}


def followed(entity: AnyEntity, proposal: Proposal) -> dict[str, Any]:
    """The values, with links to what merged records have become part of."""
    values = dict(proposal.values)
    for key, said in proposal.values.items():
        a = entity.attributes.get(key)
        if a is None or not a.is_link or not said or proposal.action == "merge":
            continue
        if isinstance(said, list):
            values[key] = list(dict.fromkeys(_into(a.target, pk) for pk in said))
        else:
            values[key] = _into(a.target, said)
    return values


def _into(target: str, said: Any) -> Any:
    try:
        return str(lineage.into(target, UUID(str(said))) or said)
    except ValueError:
        return said  # what is no id is for the write path to refuse


def standing(actor: Actor, proposal: Proposal) -> query.Page | None:
    """The record that it is about, as the person may read it; none where there is none any more."""
    record = aim(actor, proposal)
    try:
        return query.record(actor, get(proposal.entity), record) if record else None
    except Missing:
        return None


def preview(actor: Actor, proposal: Proposal, page: query.Page | None) -> list[dict[str, str]]:
    """(field, before, after) of what would be written to the record of `page`, as its reader may see it."""
    entity = get(proposal.entity)
    known = access.readable(actor, entity)
    values = followed(entity, proposal)
    wanted = [known[k] for k in values if k in known]
    found = []
    if proposal.action == "merge" and page:
        going = query.names(actor, entity.key, [UUID(str(one["id"])) for one in proposal.values["others"]])
        title = query.names(actor, entity.key, [page.rows[0].id]).get(page.rows[0].id, "")
        return [{"label": _("Merge"), "before": listed(going.values()), "after": title}]
    row = query.Row(proposal.record or proposal.pk, 0, {})
    for a in wanted:
        try:
            row.values[a.key] = a.kind.clean(a, values[a.key])
        except ValueError:
            row.values[a.key] = None
    labels = query.labels(actor, wanted, [row])
    for a in wanted:
        before = a.kind.text(a, page.rows[0].values.get(a.key), page.labels) if page else ""
        found.append({"label": str(a.label), "before": before, "after": a.kind.text(a, row.values[a.key], labels)})
    return found
