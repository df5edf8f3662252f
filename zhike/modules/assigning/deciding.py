"""Records that nobody has are given to people: the first rule whose conditions one meets decides about it.

Rules of an entity give one after the other: whoever runs them locks them first, so that turns stay fair however many
workers there are. A batch is one transaction; what is written goes through `records`, as every change of an owner.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Case, IntegerField, Q, Value, When
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from zhike.base.calendar_cn import Overrides
from zhike.base.models import Grant, User
from zhike.engine import access, records
from zhike.engine.access import Actor, Place
from zhike.engine.attempts import Outcome, attempt
from zhike.engine.entity import AnyEntity
from zhike.engine.errors import Invalid
from zhike.engine.notices.quiet import own_days
from zhike.engine.pools import known, owning

from . import document, offering, people
from .choosing import Candidate, Choice, Facts, choose, given
from .document import Document
from .models import AssignmentRule, Decision, Turn

BATCH, CHUNK = 2_000, 500
RECENT = dt.timedelta(days=7)  # what lies longer without an owner is given only when somebody asks
ENTITIES = ("lead", "account")
WHY = "records that nobody has, for the rules that give them to somebody"
Given, Nobody, Hand = Decision.Outcome.GIVEN, Decision.Outcome.NOBODY, Decision.Outcome.HAND


@dataclass
class Ruling:
    """A rule with what holds, those whom it names, and when it gave each of them something last."""

    rule: AssignmentRule
    said: Document
    people: list[Candidate] = field(default_factory=list)
    turns: dict[UUID, int] = field(default_factory=dict)

    def decide(self, facts: Facts, now: dt.datetime, off: Overrides, tried: Collection[UUID] = ()) -> Choice:
        """Who gets a record, and from here on they have it."""
        choice = choose(self.said, facts, self.people, self.turns, now, off, tried)
        if choice.person is not None:
            self.rule.turn += 1
            self.turns[choice.person] = self.rule.turn
            given(next(p for p in self.people if p.id == choice.person), facts.pool)
        return choice

    def keep(self) -> None:
        """Store whose turn it was."""
        AssignmentRule.objects.filter(pk=self.rule.pk).update(turn=self.rule.turn)
        turns = [Turn(rule=self.rule, person_id=pk, turn=turn) for pk, turn in self.turns.items()]
        Turn.objects.bulk_create(turns, update_conflicts=True, unique_fields=["rule", "person"], update_fields=["turn"])


@dataclass
class Done:
    """What became of records: `left` met no rule, `nobody` met one by which nobody could have it."""

    given: int = 0
    nobody: int = 0
    hand: int = 0
    left: int = 0
    failed: int = 0


def rules(entity: AnyEntity, *, lock: bool = False) -> list[Ruling]:
    """The rules of an entity that are in use, in their order."""
    rows = AssignmentRule.objects.filter(entity=entity.key, is_active=True, deleted_at=None)
    rows = rows.order_by("order", "created_at", "pk")
    return [Ruling(r, document.read(r.document)) for r in (rows.select_for_update() if lock else rows)]


def has_rules(entity_key: str) -> bool:
    """Whether a rule of an entity is in use; asked for each record that comes in."""
    return AssignmentRule.objects.filter(entity=entity_key, is_active=True, deleted_at=None).exists()


def man(entity: AnyEntity, rulings: Sequence[Ruling], now: dt.datetime) -> list[User]:
    """Fill in whom the rules name, with their loads; gives all of them."""
    users = {u.pk: u for r in rulings for u in people.named(r.said.who)}
    everybody = [users[pk] for pk in sorted(users)]
    found = people.loaded(entity, everybody, now)
    for r in rulings:
        r.people = [found[u.pk] for u in people.named(r.said.who)]
        r.turns = dict(Turn.objects.filter(rule=r.rule).values_list("person", "turn"))
    return everybody


def free(entity: AnyEntity, rulings: Sequence[Ruling]) -> Any:
    """Records that nobody has and that are still open, with the place of the rule they meet as `_rule`."""
    return people.open_rows(entity).filter(owner=None).annotate(_rule=which(entity, rulings))


def which(entity: AnyEntity, rulings: Sequence[Ruling]) -> Any:
    """SQL: the place of the first rule that a record meets, NULL for none."""
    cases = []
    for n, r in enumerate(rulings):
        cases.append(When(meets(entity, r.said) or Q(pk__in=()), then=Value(n)))
    return Case(*cases, default=None, output_field=IntegerField())


def meets(entity: AnyEntity, said: Document) -> Q | None:
    """The rows that meet the conditions of a rule; None where they can be asked no more: a field was taken away."""
    try:
        return known.meeting(entity, said.conditions) if said.conditions else Q(pk__isnull=False)
    except Invalid:
        return None


def columns(entity: AnyEntity) -> tuple[str, ...]:
    """What is read of a record to decide about it."""
    return ("pk", "region", *(("interest",) if entity.key == "lead" else ()), "pool")


def facts(entity: AnyEntity, row: Mapping[str, Any]) -> Facts:
    """What decides about a record, of its `columns`."""
    return Facts(row["pk"], row["region"], row.get("interest", ""), row["pool"])


def fresh(entity: AnyEntity, rulings: Sequence[Ruling], now: dt.datetime) -> Any:
    """What rules give by themselves: records that came in lately and never had an owner."""
    since = now - RECENT
    rows = free(entity, rulings).filter(former_owner=None, created_at__gte=since)
    return rows.filter(updated_at__gte=since)  # never earlier than it came in, and there is an index


def lately(entity: AnyEntity, ids: Collection[UUID]) -> list[UUID]:
    """Of some records those that rules give by themselves: loaded history is not what came in."""
    rows = people.open_rows(entity).filter(pk__in=ids, owner=None, former_owner=None)
    return list(rows.filter(created_at__gte=timezone.now() - RECENT).values_list("pk", flat=True))


def run(
    entity: AnyEntity, ids: Collection[UUID] | None = None, *, by: User | None = None, now: dt.datetime | None = None
) -> Done:
    """Give what nobody has by the rules: some records, or all that came in lately. `by` is who asked for it.

    Records that are being changed at the moment are left to the next run.
    """
    now, total, last = now or timezone.now(), Done(), UUID(int=0)
    wanted = None if ids is None else sorted(set(ids))
    while True:
        part = None if wanted is None else wanted[:BATCH]
        with transaction.atomic():
            done, count, last = _batch(entity, part, last, by, now)
        for name, n in vars(done).items():
            setattr(total, name, getattr(total, name) + n)
        wanted = None if wanted is None else wanted[BATCH:]
        if not wanted if wanted is not None else count < BATCH:
            return total


def _batch(
    entity: AnyEntity, ids: Collection[UUID] | None, last: UUID, by: User | None, now: dt.datetime
) -> tuple[Done, int, UUID]:
    rulings = rules(entity, lock=True)
    if not rulings:
        return Done(left=len(ids or ())), 0, last
    everybody = man(entity, rulings, now)
    if people.limited(entity):
        owning.lock(people.limited(entity), everybody)  # before rows, as who takes from a pool does
    rows = free(entity, rulings).filter(pk__in=ids) if ids is not None else fresh(entity, rulings, now)
    if ids is None:
        rows = rows.filter(_rule__isnull=False, pk__gt=last)
    found = list(
        rows.order_by("pk").select_for_update(of=("self",), skip_locked=True).values(*columns(entity), "_rule")[:BATCH]
    )
    done, off = Done(), own_days()
    told = _told_before(entity, found) if by is None else {}
    choices: dict[UUID, tuple[Ruling, Choice]] = {}
    others: list[Decision] = []
    for row in found:
        if row["_rule"] is None:
            done.left += 1
            continue
        r = rulings[row["_rule"]]
        if r.said.mode == "hand":
            done.hand += 1
            others.append(_decided(entity, row["pk"], r, Hand, {"mode": "hand"}, by, now))
            continue
        choice = r.decide(facts(entity, row), now, off)
        if choice.person is None:
            done.nobody += 1
            others.append(_decided(entity, row["pk"], r, Nobody, choice.why(r.said), by, now))
        else:
            choices[row["pk"]] = (r, choice)
    Decision.objects.bulk_create([d for d in others if told.get(d.record) != (d.rule_id, d.outcome)])
    outcome = give(entity, choices, by, now, off)
    done.given, done.failed = len(outcome.done), len(outcome.skipped)
    for r in rulings:
        r.keep()
    return done, len(found), found[-1]["pk"] if found else last


def _told_before(entity: AnyEntity, found: Sequence[Mapping[str, Any]]) -> dict[UUID, tuple[UUID, str]]:
    """The last decision about each record: that nobody can have it is noted once, not each minute."""
    rows = Decision.objects.filter(record__in=[row["pk"] for row in found]).order_by("record", "-at")
    return {d.record: (d.rule_id, d.outcome) for d in rows.distinct("record").only("record", "rule", "outcome")}


def _decided(
    entity: AnyEntity, pk: UUID, r: Ruling, outcome: str, why: dict[str, Any], by: User | None, now: dt.datetime,
    person: UUID | None = None,
) -> Decision:  # fmt: skip
    return Decision(
        entity=entity.key, record=pk, rule=r.rule, person_id=person, outcome=outcome, why=why, by=by, at=now
    )


def give(
    entity: AnyEntity,
    choices: Mapping[UUID, tuple[Ruling, Choice]],
    by: User | None,
    now: dt.datetime,
    off: Overrides,
    *,
    still: Q | None = None,
    rounds: Mapping[UUID, offering.Round] | None = None,
) -> Outcome:
    """Write what was decided: owners by the one write path, decisions with their reasons, who has to accept until when.

    `still` must hold of a record when it is written, by default that nobody has it.
    """
    outcome = Outcome()
    groups: dict[tuple[UUID, UUID], list[UUID]] = {}
    for pk, (r, choice) in choices.items():
        if choice.person is not None:
            groups.setdefault((r.rule.pk, choice.person), []).append(pk)
    for (_rule, person), ids in groups.items():
        r = choices[ids[0]][0]
        for n in range(0, len(ids), CHUNK):
            move(entity, ids[n : n + CHUNK], "assign", said_of(r), outcome, still or Q(owner=None), owner=person)
    written = [(pk, *choices[pk]) for pk in outcome.done]
    Decision.objects.bulk_create(
        [_decided(entity, pk, r, Given, c.why(r.said), by, now, c.person) for pk, r, c in written],
        batch_size=1_000,
    )
    offering.offer(entity, written, now, off, rounds or {})
    offering.tell(entity, written)
    offering.start_clock(entity, written, now, off)
    return outcome


def said_of(r: Ruling) -> str:
    """Why, as periods of owners and ledgers keep it, in the language of the firm."""
    with translation.override(settings.LANGUAGE_CODE):
        return _("Rule “%(name)s”") % {"name": r.rule.name}


def move(
    entity: AnyEntity, ids: Sequence[UUID], action: str, note: str, outcome: Outcome, still: Q, **extra: UUID
) -> None:
    """Change the owner of records by a rule, as long as it `still` holds of them."""
    rows = {entity.key: Q(pk__in=list(ids)) & still}
    actor = replace(Actor.of_rule(), place=Place(entity.key, rows, frozenset({action})))
    attempt(ids, partial(_write, actor, entity, action, note, extra), outcome)


def _write(
    actor: Actor, entity: AnyEntity, action: str, note: str, extra: Mapping[str, UUID], ids: Sequence[UUID]
) -> None:
    records.update_many(actor, entity, {pk: {} for pk in ids}, action=action, extra=extra, note=note)


def may_ask(actor: Actor, entity: AnyEntity) -> bool:
    """Whether somebody may have rules give records: who may hand over what nobody has, so everybody's."""
    rights = access.rights(actor, entity, "transfer") if entity.key in ENTITIES else ()
    return any(right.scope == Grant.Scope.ALL for right in rights)
