"""Changing rules, and what they know of people: checked, then saved with a trace."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import regions
from zhike.base.models import Role, User
from zhike.engine import history
from zhike.engine.access import Actor
from zhike.engine.entity import AnyEntity, get
from zhike.engine.errors import Invalid, Missing, Refused, Wrong
from zhike.engine.pools import known

from . import deciding, document
from .document import Document, Span
from .models import AssignmentRule, Offer, Sheet

OFFICES = (Role.Office.ALL, Role.Office.SYSTEM)
WORDS = 20


def required(actor: Actor) -> None:
    """Refused without an administrator's office."""
    if actor.office not in OFFICES:
        raise Refused("assignment rules")


def find(pk: UUID) -> AssignmentRule:
    """A rule, in use or not; Missing."""
    found = AssignmentRule.objects.filter(pk=pk, deleted_at=None).first()
    if found is None:
        raise Missing
    return found


def traits(entity: AnyEntity) -> frozenset[str]:
    """What a rule can ask of people for these records: a product only where the record names one."""
    some = {"territory", "on_duty", "tenure_least", "tenure_most"}
    return frozenset(some | ({"skill"} if entity.key == "lead" else set()))


def checked(entity: AnyEntity, name: str, given: Any) -> Document:
    """What an administrator gave for a rule; Invalid with what is wrong by its place."""
    said = document.checked(
        given, traits=traits(entity), has_pool=bool(known.of(entity)), has_answer=entity.key == "lead"
    )
    wrong: dict[str, list[Wrong]] = {} if name.strip() else {"name": [Wrong(_("Give it a name."), "required")]}
    try:
        entity.rows("whether conditions can be asked").filter(known.meeting(entity, said.conditions)).exists()
    except Invalid as invalid:
        wrong["conditions"] = [w for found in invalid.first.values() for w in found]
    if wrong:
        raise Invalid([wrong])
    return said


def save(actor: Actor, rule: AssignmentRule, said: Document) -> None:
    """Keep a rule."""
    required(actor)
    with transaction.atomic():
        AssignmentRule.objects.select_for_update().filter(pk=rule.pk).first()  # who gives by it ends first
        history.acting(actor, "update")
        rule.document, rule.updated_at = document.stored(said), timezone.now()
        fields = ["name", "order", "is_active", "document", "updated_at"]
        if rule._state.adding:
            rule.save()
        else:
            rule.save(update_fields=fields)


def remove(actor: Actor, rule: AssignmentRule) -> None:
    """It gives nothing any more; what it gave stays where it is, and nobody has to accept it."""
    required(actor)
    with transaction.atomic():
        now = timezone.now()
        history.acting(actor, "delete")
        AssignmentRule.objects.filter(pk=rule.pk).update(deleted_at=now, is_active=False)
        Offer.objects.filter(rule=rule, state=Offer.State.WAITING).update(state=Offer.State.MOVED, answered_at=now)


def keep_sheet(actor: Actor, person: User, given: Mapping[str, Any]) -> Sheet:
    """What rules are to know of somebody; Invalid with what is wrong by its place.

    `given`: is_receiving, daily, open_limit, territories [codes], skills [words], hours (text), away_from, away_until.
    """
    required(actor)
    wrong: dict[str, list[Wrong]] = {}
    hours = document.hours_of(given["hours"])
    if not document.are_hours(msgspec.convert(hours, list[Span])):
        wrong["hours"] = [Wrong(_("Write hours as 09:00-12:00, 13:30-18:00, one after the other."))]
    if any(regions.problem(code) == "unknown" for code in given["territories"]):
        wrong["territories"] = [Wrong(_("Choose one of the values offered."))]
    if given["away_from"] and given["away_until"] and given["away_until"] < given["away_from"]:
        wrong["away_until"] = [Wrong(_("This day is before the first one."))]
    if len(given["skills"]) > WORDS or any(len(word) > 40 for word in given["skills"]):
        wrong["skills"] = [Wrong(_("Something here is missing, or too large or too small."))]
    if wrong:
        raise Invalid([wrong])
    values = {**given, "hours": hours, "updated_at": timezone.now()}
    with transaction.atomic():
        history.acting(actor, "update")
        found, _made = Sheet.objects.update_or_create(person=person, defaults=values)
    return found


def of(key: str) -> AnyEntity:
    """The entity of a key whose records rules can give; Missing."""
    if key not in deciding.ENTITIES:
        raise Missing
    return get(key)
