"""Packs: what an installation of a trade begins with. They go in by the way that every configuration goes in.

What the firm has already stays as it is; a second time changes nothing. Samples are records like any others, remembered
by their idempotency keys, so that they can be taken away again.
"""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from django.utils import timezone
from django.utils.translation import gettext as _

import zhike.packs
from zhike.base.models import Role
from zhike.engine import records
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Invalid, Missing, Wrong
from zhike.engine.models import IdempotencyKey, Pipeline

from . import changes, lifecycle, rolesfile, rows
from .changes import Change

LANGUAGES = ("zh-hans", "zh-hant", "en")
TEXTS = ("labels", "plural", "help")
FOLDER = Path(next(iter(zhike.packs.__path__)))


@dataclass(frozen=True)
class Pack:
    """A pack as its file says: names in three languages, a document, roles, samples in the order of their making."""

    name: str
    labels: Mapping[str, str]
    help: Mapping[str, str]
    document: Mapping[str, Any]
    roles: Mapping[str, Any]
    samples: Sequence[Mapping[str, Any]]


@dataclass
class Applied:
    """What applying a pack has done: the version in force then (0 for none made), and how much is new."""

    number: int = 0
    steps: list[Change] = field(default_factory=list)
    roles: list[str] = field(default_factory=list)
    samples: int = 0


def names() -> list[str]:
    """The packs there are."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def read(name: str) -> Pack:
    """One of them; Missing for an unknown name."""
    if name not in names():
        raise Missing
    said = tomllib.loads((FOLDER / f"{name}.toml").read_text("utf-8"))
    labels, help_ = _three(said.pop("labels")), _three(said.pop("help"))
    roles, samples = said.pop("roles", {}), said.pop("samples", [])
    return Pack(name, labels, help_, _opened(said), roles, samples)


def _three(text: str) -> dict[str, str]:
    """ "简体|繁體|English" by language; one text alone stands for all."""
    parts = text.split("|")
    return dict(zip(LANGUAGES, parts if len(parts) == 3 else parts[:1] * 3, strict=True))


def _opened(value: Any, key: str = "") -> Any:
    """A document with its short texts, choices and stages written out."""
    if isinstance(value, dict):
        return {k: _opened(v, k) for k, v in value.items()}
    if isinstance(value, list):
        opener = {"choices": _choice, "stages": _stage}.get(key, _opened)
        return [opener(item) for item in value]
    return _three(value) if key in TEXTS and isinstance(value, str) else value


def _choice(text: str) -> dict[str, Any]:
    key, *rest = text.split("|")
    tone = {"tone": rest[3]} if len(rest) > 3 else {}
    return {"key": key, "labels": _three("|".join(rest[:3])), **tone}


def _stage(text: str) -> dict[str, Any]:
    key, hans, hant, english, status, percent, *days = text.split("|")
    tone = {"won": "green", "lost": "red"}.get(status, "blue")
    found: dict[str, Any] = {"key": key, "labels": _three(f"{hans}|{hant}|{english}"), "status": status}
    found |= {"win_percent": int(percent), "tone": tone}
    return found | ({"days_allowed": int(days[0])} if days else {})


# applying


@transaction.atomic
def apply(actor: Actor, name: str, *, samples: bool = True) -> Applied:
    """Put a pack in force, as a whole or not at all, and its samples in.

    Raises Missing for an unknown pack, Refused for who may not configure, Unfit or Invalid where it does not fit here.
    """
    lifecycle.check_office(actor)
    pack = read(name)
    done = Applied()
    roles = {key: said for key, said in pack.roles.items() if not Role.objects.filter(key=key).exists()}
    rolesfile.make(actor, roles)
    wanted = merged(pack)
    done.steps = changes.diff(lifecycle.before(wanted), wanted)
    if done.steps:
        made = lifecycle.put_in_force(actor, wanted, _("Pack “%(name)s”") % {"name": name})
        done.number = made.number or 0
    rolesfile.write(actor, roles)
    done.roles = list(roles)
    done.samples = _add_samples(actor, pack) if samples else 0
    return done


def merged(pack: Pack) -> dict[str, Any]:
    """What is in force with what the pack adds; what is there already stays as it is."""
    found = lifecycle.in_force()
    there = rows.read()
    for section, part in pack.document.items():
        held = there if section in rows.SECTIONS else found
        added = dict(_new(section, part, held.get(section, {})))
        if section in rows.SECTIONS:
            if added:
                found[section] = added
        else:
            found[section] = {**found.get(section, {}), **added}
    return {k: v for k, v in found.items() if v}


def _new(section: str, part: Mapping[str, Any], held: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The entries of a section that are not there yet, with those beside them where they are written together."""
    for place, entries in part.items():
        if section not in ("fields", "layouts", *rows.SECTIONS):
            if place not in held:
                yield place, entries
            continue
        known = held.get(place, {})
        called = [v["labels"] for v in known.values()] if section == "views" else []
        fresh = {k: v for k, v in entries.items() if k not in known and (not called or v["labels"] not in called)}
        if section in rows.SECTIONS:
            if fresh:
                yield place, fresh
        else:
            yield place, {**known, **fresh}


# samples


def _prefix(name: str) -> str:
    return f"pack:{name}:"


def _made(name: str) -> dict[str, IdempotencyKey]:
    """The samples of a pack that were made, whoever made them."""
    found = IdempotencyKey.objects.filter(key__startswith=_prefix(name)).order_by("pk")
    return {row.key.removeprefix(_prefix(name)): row for row in found}


def count_samples(name: str) -> int:
    """How many samples of a pack there are."""
    return len(_made(name))


def _add_samples(actor: Actor, pack: Pack) -> int:
    ids = {key: row.record for key, row in _made(pack.name).items()}
    new = [said for said in pack.samples if said["key"] not in ids]
    for said in new:
        entity = get(said["entity"])
        values = {k: _value(v, ids) for k, v in said["values"].items()}
        ids[said["key"]] = records.create(actor, entity, values, key=_prefix(pack.name) + said["key"]).pk
    return len(new)


def _value(value: Any, ids: Mapping[str, UUID]) -> Any:
    """A value of a sample: "@key" is another sample, "today+5" a day, "pipeline:key" a pipeline."""
    if not isinstance(value, str):
        return value
    if value.startswith("@"):
        return ids[value[1:]]
    if value.startswith("today"):
        return timezone.localdate() + dt.timedelta(days=int(value.removeprefix("today") or 0))
    if value.startswith("pipeline:"):
        return Pipeline.objects.get(entity="deal", key=value.removeprefix("pipeline:"), is_current=True).pk
    return value


@transaction.atomic
def remove_samples(actor: Actor, name: str) -> int:
    """Take the samples of a pack away for good, past the recycle bin; gives how many there were.

    Raises Refused, or Invalid where records of the firm hang on one of them; then all stay.
    """
    lifecycle.check_office(actor)
    read(name)
    made = list(_made(name).values())[::-1]
    for row in made:
        entity = get(row.entity)
        record = entity.rows("samples of a pack").filter(pk=row.record).first()
        if record is None:
            continue
        if record.deleted_at is None:
            records.delete_many(actor, entity, [record.pk])
        try:
            with transaction.atomic():
                record.delete()
        except (ProtectedError, IntegrityError):
            text = _("Records of your own hang on the sample “%(name)s”. Move or delete those first.")
            raise Invalid([{"": [Wrong(text % {"name": record}, "needed")]}]) from None
    IdempotencyKey.objects.filter(pk__in=[row.pk for row in made]).delete()
    return len(made)
