"""Lists as people want to see them: declared, personal and shared views, always read with the rights of their reader.

A saved view is a question and a look, never rows: what somebody may not read any more is left out of the question and
counted, so that an old view neither fails nor tells anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.translation import gettext as _

from zhike.base import changes
from zhike.base.i18n import language
from zhike.base.models import Department, Grant, Role

from . import access, history, query
from .access import Actor
from .entity import AnyEntity
from .entity import View as BuiltIn
from .errors import Invalid, Missing, Refused, Wrong
from .labels import localized
from .models import SavedView, ViewChoice
from .query import View

Reach = SavedView.Reach
KINDS = ("list", "grid", "split", "board", "calendar")
DENSITIES = ("compact", "normal", "airy")
MOST = 200  # views of one person for one entity
LONGEST = 60
WIDTHS = (48, 900)  # pixels


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a list is drawn. Whatever is empty or None says nothing, and leaves it to the shape below (`over`)."""

    kind: str = ""
    columns: tuple[tuple[str, int], ...] = ()  # (field, width in pixels or 0)
    freeze: int | None = None
    density: str = ""
    group: str | None = None
    date: str = ""  # the field by which a calendar places records

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> Shape:
        """From stored or sent values; what makes no sense says nothing."""
        kind, density, freeze = str(data.get("kind") or ""), str(data.get("density") or ""), data.get("freeze")
        columns = [pair for c in data.get("columns") or () if (pair := _column(c))]
        group = data.get("group")
        return cls(
            kind=kind if kind in KINDS else "",
            columns=tuple(dict(columns).items())[:60],
            freeze=min(int(str(freeze)), 6) if str(freeze).isdecimal() and len(str(freeze)) < 3 else None,
            density=density if density in DENSITIES else "",
            group=None if group is None else str(group)[:60],
            date=str(data.get("date") or "")[:60],
        )

    def stored(self) -> dict[str, Any]:
        """What it says, for keeping."""
        said: dict[str, Any] = {"kind": self.kind, "density": self.density, "date": self.date}
        found = {k: v for k, v in said.items() if v}
        if self.columns:
            found["columns"] = [list(c) for c in self.columns]
        return found | {k: v for k, v in (("freeze", self.freeze), ("group", self.group)) if v is not None}

    def over(self, below: Shape) -> Shape:
        """This one, and what it does not say from the one below."""
        return Shape.of({**below.stored(), **self.stored()})


def _column(raw: Any) -> tuple[str, int] | None:
    if not isinstance(raw, (list, tuple)) or len(raw) != 2 or not isinstance(raw[1], int):
        return None
    return str(raw[0])[:60], max(WIDTHS[0], min(raw[1], WIDTHS[1])) if raw[1] else 0


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A view that is offered to somebody; `left` counts the parts of it that they may not use (any more)."""

    key: str
    label: Any
    view: View
    shape: Shape = Shape()
    saved: SavedView | None = None
    pinned: bool = True
    left: int = 0

    @property
    def is_shared(self) -> bool:
        """Whether others have it too."""
        return self.saved is not None and self.saved.reach != Reach.MINE


def stored(view: View) -> dict[str, Any]:
    """The question of a view, for keeping."""
    found: dict[str, Any] = {"where": [query.value(clause) for clause in view.clauses]}
    return found | {k: v for k, v in (("q", view.search), ("sort", view.sort)) if v}


def asked(data: Mapping[str, Any]) -> View:
    """The question that was kept."""
    view = View(search=str(data.get("q") or "")[:100], sort=str(data.get("sort") or ""))
    for part in data.get("where") or ():
        try:
            view = view.also(*query.clauses([part]))
        except Invalid:
            continue  # of another version of the language
    return view


def tabs(actor: Actor, entity: AnyEntity) -> list[Tab]:
    """Every view that somebody is offered, in their order: two queries, however many there are."""
    mine = ViewChoice.objects.filter(user=actor.user, entity=entity.key)
    chosen = changes.kept(("choices", entity.key, actor.user.pk), lambda: {c.view: c for c in mine})
    found = [_built_in(v) for v in entity.views]
    found += [_tab(v) for v in _offered(actor, entity)]
    ordered = sorted(enumerate(found), key=lambda pair: _place(chosen.get(pair[1].key), pair[0]))
    return [_chosen(tab, chosen.get(tab.key)) for _n, tab in ordered]


def _place(choice: ViewChoice | None, n: int) -> tuple[int, int]:
    return (choice.order if choice and choice.order is not None else 10_000, n)


def _built_in(said: BuiltIn) -> Tab:
    shape = Shape(columns=tuple((key, 0) for key in said.columns))
    return Tab(key=said.key, label=said.label, view=query.parse(said.query), shape=shape)


def _tab(saved: SavedView) -> Tab:
    return Tab(
        key=str(saved.pk),
        label=localized(saved.labels),
        view=asked(saved.query),
        shape=Shape.of(saved.query),
        saved=saved,
    )


def _chosen(tab: Tab, choice: ViewChoice | None) -> Tab:
    if choice is None:
        return tab
    pinned = tab.pinned if choice.pinned is None else choice.pinned
    return replace(tab, pinned=pinned, shape=Shape.of(choice.shape).over(tab.shape))


def _offered(actor: Actor, entity: AnyEntity) -> list[SavedView]:
    above = actor.user.department.ancestors if actor.user.department else []
    own = Q(owner=actor.user)
    given = Q(reach=Reach.ALL) | Q(reach=Reach.ROLE, target__in=actor.roles)
    given |= Q(reach=Reach.DEPARTMENT, target__in=above)
    saved = SavedView.objects.filter(own | given, entity=entity.key, deleted_at=None)
    rows = changes.kept(("saved", entity.key, actor.user.pk, actor.roles, *above), lambda: list(saved))
    return sorted(rows, key=lambda v: (v.reach == Reach.MINE, v.order, v.created_at))


def first(entity: AnyEntity, offered: Sequence[Tab]) -> str:
    """The view that opens when none is asked for: one's own, that of the role, of the department, everybody's."""
    rank = {Reach.MINE: 0, Reach.ROLE: 1, Reach.DEPARTMENT: 2, Reach.ALL: 3}
    said = [(rank[Reach(t.saved.reach)], n, t.key) for n, t in enumerate(offered) if t.saved and t.saved.is_default]
    if said:
        return min(said)[2]
    return next((t.key for t in offered if t.pinned), entity.views[0].key if entity.views else "")


def usable(actor: Actor, entity: AnyEntity, tab: Tab) -> Tab:
    """The view as far as its reader may use it: conditions and an order over fields they do not see are left out."""
    if tab.saved is None:
        return tab
    kept = [c for c in tab.view.clauses if _stands(actor, entity, View().also(c))]
    sort = tab.view.sort if _stands(actor, entity, View(sort=tab.view.sort)) else ""
    left = len(tab.view.clauses) - len(kept) + (sort != tab.view.sort)
    return replace(tab, view=View(search=tab.view.search, sort=sort).also(*kept), left=left)


def _stands(actor: Actor, entity: AnyEntity, view: View) -> bool:
    try:
        query.select(actor, entity, view)
    except Invalid:
        return False
    return True


def count(actor: Actor, entity: AnyEntity, tab: Tab) -> int:
    """How many records a view has for its reader, no further than the cap."""
    return query.how_many(actor, entity, usable(actor, entity, tab).view)


# ---- who may give a view to whom


def _desk(actor: Actor) -> None:
    """Nobody arranges another's lists, nor with less than their own rights."""
    if actor.by or actor.limit:
        raise Refused("views")


def configures(actor: Actor) -> bool:
    """Whether the actor shapes the system for everybody."""
    return actor.office in ("all", "system")


def may_share(actor: Actor, entity: AnyEntity, reach: str, target: UUID | None = None) -> bool:
    """Whether the actor may give views to others: who configures, to all; who hands over, as far as that right goes."""
    if actor.by or actor.limit:
        return False
    if configures(actor):
        return True
    width = access.scope(actor, entity, "transfer")
    if width == Grant.Scope.ALL:
        return True
    if reach != Reach.DEPARTMENT or width not in (Grant.Scope.DEPARTMENT, Grant.Scope.SUBTREE):
        return False
    own = actor.user.department
    if target is None or own is None:
        return own is not None
    below = Department.objects.filter(pk=target, ancestors__contains=[own.pk])
    return target == own.pk or (width == Grant.Scope.SUBTREE and below.exists())


def reaches(actor: Actor, entity: AnyEntity) -> list[str]:
    """Whom the actor may give a view to, besides themselves."""
    return [r for r in (Reach.DEPARTMENT, Reach.ROLE, Reach.ALL) if may_share(actor, entity, r)]


def may_change(actor: Actor, entity: AnyEntity, saved: SavedView) -> bool:
    """Whether the actor may rename, change and delete a view: its owner, and who configures where it is shared."""
    if actor.by or actor.limit:
        return False
    return saved.owner_id == actor.user.pk or (saved.reach != Reach.MINE and configures(actor))


# ---- keeping


def save(
    actor: Actor,
    entity: AnyEntity,
    *,
    name: str,
    view: View,
    shape: Shape,
    reach: str = Reach.MINE,
    target: UUID | None = None,
    is_default: bool = False,
) -> SavedView:
    """A new view; raises Refused, or Invalid with the keys of the arguments."""
    _desk(actor)
    access.require(actor, entity, "list")
    query.select(actor, entity, view)
    own = SavedView.objects.filter(owner=actor.user, entity=entity.key, deleted_at=None)
    if own.count() >= MOST:
        text = _("You have %(n)s views here already. Delete some first.") % {"n": MOST}
        raise Invalid([{"name": [Wrong(text)]}])
    last = own.aggregate(last=Max("order"))["last"] or 0
    made = SavedView(entity=entity.key, owner=actor.user, order=last + 1, query={**stored(view), **shape.stored()})
    return _keep(actor, entity, made, name=name, reach=reach, target=target, is_default=is_default)


def rename(
    actor: Actor, entity: AnyEntity, pk: UUID, *, name: str, reach: str, target: UUID | None, is_default: bool
) -> SavedView:
    """Another name, other readers; raises Missing, Refused, Invalid."""
    found = one(actor, entity, pk)
    return _keep(actor, entity, found, name=name, reach=reach, target=target, is_default=is_default)


def overwrite(actor: Actor, entity: AnyEntity, pk: UUID, view: View, shape: Shape) -> SavedView:
    """What is on the screen becomes the view, for all who have it; raises Missing, Invalid."""
    found = one(actor, entity, pk)
    query.select(actor, entity, view)
    found.query = {**stored(view), **shape.stored()}
    found.version += 1
    found.updated_at = timezone.now()
    found.save()
    ViewChoice.objects.filter(user=actor.user, entity=entity.key, view=str(pk)).update(shape={})
    return found


def one(actor: Actor, entity: AnyEntity, pk: UUID, *, deleted: bool = False) -> SavedView:
    """A view that the actor may change; Missing otherwise."""
    rows = SavedView.objects.filter(pk=pk, entity=entity.key, deleted_at__isnull=not deleted)
    found = rows.first()
    if found is None or not may_change(actor, entity, found):
        raise Missing
    return found


@transaction.atomic
def _keep(
    actor: Actor, entity: AnyEntity, saved: SavedView, *, name: str, reach: str, target: UUID | None, is_default: bool
) -> SavedView:
    name = " ".join(name.split())
    if not name or len(name) > LONGEST:
        raise Invalid([{"name": [Wrong(_("Give the view a name of at most %(n)s characters.") % {"n": LONGEST})]}])
    model: Any = {Reach.DEPARTMENT: Department, Reach.ROLE: Role}.get(reach)  # type: ignore[call-overload]
    if reach not in Reach.values or (model and not model.objects.filter(pk=target, deleted_at=None).exists()):
        raise Invalid([{"target": [Wrong(_("Choose with whom to share from the list."))]}])
    before = (saved.reach, saved.target)
    saved.target = target if model else None
    if reach != Reach.MINE and (reach, saved.target) != before and not may_share(actor, entity, reach, target):
        raise Refused("share views")
    saved.labels = {**(saved.labels if localized(saved.labels) == name else {}), language(): name}
    saved.reach, saved.is_default, saved.updated_at = reach, is_default, timezone.now()
    saved.save()
    if is_default:
        same = SavedView.objects.filter(entity=entity.key, reach=reach, target=saved.target, is_default=True)
        (same.filter(owner=actor.user) if reach == Reach.MINE else same).exclude(pk=saved.pk).update(is_default=False)
    if before != (reach, saved.target):
        told = {"with": reach, "target": saved.target, "view": saved.pk}
        history.note(actor, "share" if reach != Reach.MINE else "unshare", entity=entity.key, details=told)
    return saved


def delete(actor: Actor, entity: AnyEntity, pk: UUID) -> None:
    """Out of the way, until `restore`; raises Missing."""
    found = one(actor, entity, pk)
    found.deleted_at = timezone.now()
    found.save(update_fields=["deleted_at"])


def restore(actor: Actor, entity: AnyEntity, pk: UUID) -> None:
    """A deleted view comes back; raises Missing."""
    found = one(actor, entity, pk, deleted=True)
    found.deleted_at = None
    found.save(update_fields=["deleted_at"])


@transaction.atomic
def arrange(actor: Actor, entity: AnyEntity, order: Sequence[str], pinned: frozenset[str]) -> None:
    """The order of somebody's views, and which are tabs; keys that are not offered are passed over."""
    _desk(actor)
    known = {t.key for t in tabs(actor, entity)}
    for n, key in enumerate(k for k in order if k in known):
        ViewChoice.objects.update_or_create(
            user=actor.user, entity=entity.key, view=key, defaults={"order": n, "pinned": key in pinned}
        )


def reshape(actor: Actor, entity: AnyEntity, key: str, shape: Shape | None) -> None:
    """How somebody wants a view drawn, None for as it comes: kept in their own view, or beside a shared one."""
    _desk(actor)
    tab = next((t for t in tabs(actor, entity) if t.key == key), None)
    if tab is None and key:
        raise Missing
    said = shape.stored() if shape else {}
    if tab and tab.saved and not tab.is_shared:
        tab.saved.query = {**stored(asked(tab.saved.query)), **said}
        tab.saved.save(update_fields=["query"])
        return
    ViewChoice.objects.update_or_create(user=actor.user, entity=entity.key, view=key, defaults={"shape": said})
