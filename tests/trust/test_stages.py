"""Moves through stages, closing, reopening, deleting and undoing it: the system against a plain model, step by step."""

from __future__ import annotations

from typing import Any, ClassVar
from uuid import UUID

import pytest
from django.db import transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from zhike.engine import guard, query, records, stages
from zhike.engine.entity import get
from zhike.engine.errors import Conflict, Invalid, Missing, Refused
from zhike.engine.models import History, StageEvent

DEAL = get("deal")
MOST = 3
number, who = st.integers(0, MOST - 1), st.sampled_from(("seller", "manager", "stranger"))
WRONG = (Invalid, Missing, Refused, Conflict)


class Moves(RuleBasedStateMachine):
    """Three deals of one seller; the manager may what the seller may, the stranger nothing."""

    firm: ClassVar[Any] = None

    @initialize()
    def begin(self) -> None:
        """Everything that any stage asks for is filled in."""
        self.block = transaction.atomic()
        self.block.__enter__()
        seller = self.firm.actor("seller")
        account = records.create(seller, get("account"), {"name": "客户"})
        given = {"account": account.pk, "amount": "100", "expected_close_on": "2026-12-31", "expected_on": "2026-12-31"}
        known = {k: v for k, v in given.items() if k in DEAL.attributes}
        self.ids: list[UUID] = []
        self.stage: list[Any] = []
        self.back: list[Any] = []  # where reopening leads to
        self.deleted = [False] * MOST
        self.events = [1] * MOST
        self.version = [1] * MOST
        for n in range(MOST):
            made = records.create(seller, DEAL, {"name": f"商机{n}", **known})
            self.ids.append(made.pk)
            self.order = stages.of(made.pipeline_id)
            self.stage.append(next(s for s in self.order if s.pk == made.stage_id))
            self.back.append(None)

    def teardown(self) -> None:
        """Compare once more, and take all back."""
        if hasattr(self, "block"):
            try:
                self.compare()
            finally:
                transaction.set_rollback(True)
                self.block.__exit__(None, None, None)

    def attempt(self, person: str, n: int, expected: bool, run: Any) -> bool:
        """Do it; what is refused changes nothing."""
        allowed = person != "stranger" and expected
        try:
            with transaction.atomic():
                run(self.firm.actor(person), self.ids[n])
        except WRONG:
            assert not allowed
            self.compare()
            return False
        assert allowed
        return True

    @rule(n=number, person=who, to=st.integers(0, 5), stale=st.booleans())
    def move(self, n: int, person: str, to: int, stale: bool) -> None:
        """A card dropped on a stage, from a page that may be old."""
        stage = self.order[to % len(self.order)]
        if stage.status == "lost" or (stage.status == "won" and stage != self.stage[n]):
            return  # closing asks for reasons: by its own actions below
        version = self.version[n] - (1 if stale else 0)

        def run(actor: Any, pk: UUID) -> None:
            records.update_many(actor, DEAL, {pk: {"stage": stage.pk}}, versions={pk: version})

        possible = not self.deleted[n] and not stale and self.stage[n].status == "open"
        if self.stage[n].status != "open" and not stale and not self.deleted[n]:
            return  # moving a closed deal is a way to reopen it that firms set up differently
        if self.attempt(person, n, possible, run):
            self.version[n] += 1
            if stage != self.stage[n]:
                self.events[n] += 1
                self.stage[n] = stage

    @rule(n=number, person=who, how=st.sampled_from(("win", "lose", "reopen")))
    def act(self, n: int, person: str, how: str) -> None:
        """Close and open again."""
        is_open = self.stage[n].status == "open"
        given = {"lost_reason": DEAL.attributes["lost_reason"].choices[0][0]} if how == "lose" else {}

        def run(actor: Any, pk: UUID) -> None:
            records.act(actor, DEAL, pk, how, given)

        if self.attempt(person, n, not self.deleted[n] and is_open is (how != "reopen"), run):
            self.version[n] += 1
            self.events[n] += 1
            if how == "reopen":
                self.stage[n] = self.back[n]
            else:
                self.back[n] = self.stage[n]
                self.stage[n] = next(s for s in self.order if s.status == {"win": "won", "lose": "lost"}[how])

    @rule(n=number, person=who)
    def delete(self, n: int, person: str) -> None:
        """Into the recycle bin."""
        if self.attempt(person, n, not self.deleted[n], lambda actor, pk: records.delete_many(actor, DEAL, [pk])):
            self.deleted[n] = True

    @rule(n=number, person=who)
    def undo(self, n: int, person: str) -> None:
        """And back."""
        done = records.restore_many(self.firm.actor(person), DEAL, [self.ids[n]])
        assert bool(done) is (self.deleted[n] and person != "stranger")
        if done:
            self.deleted[n] = False

    @rule(person=who)
    def look(self, person: str) -> None:
        """What everybody sees."""
        seen = set(query.visible(self.firm.actor(person), DEAL).values_list("pk", flat=True))
        there = {pk for pk, gone in zip(self.ids, self.deleted, strict=True) if not gone}
        assert seen == (set() if person == "stranger" else there)

    def compare(self) -> None:
        """The rows, the steps that funnels count from, and the history, against the model."""
        rows = guard.rows(DEAL.model, "test").in_bulk(self.ids)
        for n, pk in enumerate(self.ids):
            row = rows[pk]
            assert (row.stage_id, row.status, row.version) == (self.stage[n].pk, self.stage[n].status, self.version[n])
            assert (row.deleted_at is not None, row.closed_at is not None) == (
                self.deleted[n],
                self.stage[n].status != "open",
            )
            steps = list(
                StageEvent.objects.filter(record=pk).order_by("at", "id").values_list("from_stage", "to_stage")
            )
            assert len(steps) == self.events[n]
            assert [a for a, _b in steps[1:]] == [b for _a, b in steps[:-1]]
            assert steps[-1][1] == self.stage[n].pk
            assert History.objects.filter(record=pk).count() >= self.events[n]


def run(firm: Any, examples: int, steps: int) -> None:
    """Draw and run."""
    Moves.firm = firm
    run_state_machine_as_test(
        Moves,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_stages_against_the_model(firm: Any) -> None:
    run(firm, 25, 30)


@pytest.mark.long
def test_stages_against_the_model_at_length(firm: Any) -> None:
    run(firm, 200, 80)  # 5,000 would take hours on two cores; trust.md has this scaled to the machine
