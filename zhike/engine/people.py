"""Rules of the organisation: names sorted by pinyin, the department tree, and records that follow their people."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from zhike.base import pinyin
from zhike.base.models import Department, Policy, Role, User

from . import notices
from .access import Actor
from .entity import entities
from .errors import Invalid, Wrong
from .records import Change

GIVING = ("all", "security")  # the offices that give roles
OWN_RIGHTS = gettext_noop("%(by)s changed their own rights")


def sort_by_pinyin(change: Change[User]) -> None:
    """Keep the sort key in step with the name."""
    change.record.pinyin = pinyin.person(change.record.name).sort_key[:200]


def name_role(change: Change[Role]) -> None:
    """A new role gets a key that nobody needs to think of; it never changes, whatever the role is called later."""
    if not change.record.key:
        base = re.sub(r"[^a-z0-9]+", "-", pinyin.plain(change.record.name))[:24].strip("-") or "role"
        change.record.key = f"{base}-{change.record.pk.hex[-6:]}"


def place_department(change: Change[Department]) -> None:
    """A department lies below its parent and never below itself."""
    department = change.record
    parent = Department.objects.filter(pk=department.parent_id).first() if department.parent_id else None
    if parent and department.pk in parent.ancestors:
        change.fail("parent", _("A department cannot lie below itself."))
        return
    department.ancestors = [*(parent.ancestors if parent else []), department.pk]


def move_below(changes: Sequence[Change[Department]]) -> None:
    """When a department moves, everything below moves along: departments and records."""
    for change in changes:
        if not change.is_new and change.changed("parent"):
            _replace(change.record)


def _replace(moved: Department) -> None:
    Department.objects.filter(pk=moved.pk).update(ancestors=moved.ancestors)
    below = Department.objects.filter(ancestors__contains=[moved.pk]).exclude(pk=moved.pk)
    for department in below:
        tail = department.ancestors[department.ancestors.index(moved.pk) + 1 :]
        department.ancestors = [*moved.ancestors, *tail]
        department.save(update_fields=["ancestors"])
    for department in (moved, *below):
        _refile({"department": department.pk}, department.pk, department.ancestors)


def follow_people(changes: Sequence[Change[User]]) -> None:
    """When a person changes department, the records that the person owns go along."""
    for change in changes:
        if not change.is_new and change.changed("department"):
            department = change.record.department
            path = list(department.ancestors) if department else []
            _refile({"owner": change.record.pk}, change.record.department_id, path)


def _refile(where: dict[str, Any], department: UUID | None, ancestors: list[UUID]) -> None:
    for entity in entities().values():
        if entity.has_owner:
            found = entity.rows("records follow their people, whoever moves those").filter(**where)
            for in_bin in (False, True):  # each by its own index
                found.filter(deleted_at__isnull=not in_bin).update(department=department, ancestors=ancestors)


def give_roles(change: Change[User]) -> None:
    """Roles are given by who administers rights and nobody else, through every channel."""
    if set(change.get("roles") or ()) != set(change.was("roles") or ()) and change.actor.office not in GIVING:
        change.fail("roles", _("Only an administrator of rights gives and takes roles."), "refused")


def keep_way_in(change: Change[User]) -> None:
    """Login name and mail lead to a new password: of somebody who has one, who may do everything, else nobody here.

    One's own are changed under My account, where the person proves again who they are (ASVS 7.5.1),
    so not in a form of records, by a key or by an import.

    Else the administrator of the system could get in as another administrator or, where the firm separates them as
    GB/T 22239 asks, as anybody.
    """
    user, actor = change.record, change.actor
    if change.is_new:
        return
    if actor.hand.pk == user.pk:
        for key in ("username", "email", "phone"):
            if change.changed(key):
                change.fail(key, _("Change your own login name, mail address and phone under My account."), "refused")
        return
    if not user.has_usable_password() or actor.office == GIVING[0]:
        return
    if not Policy.current().separate_admins and not Actor(user).office:
        return
    for key in ("username", "email"):
        if change.changed(key):
            change.fail(key, _("Only the person may change this: a new password can be asked for with it."), "refused")


def assign(change: Change[User]) -> None:
    """Give and take roles, for who may change nothing else of a person."""
    for key in change.values.keys() - {"roles"}:
        change.fail(key, _("Only roles are given here."), "refused")


def keep_givers(changes: Sequence[Change[Any]]) -> None:
    """Somebody stays who can give rights, and who changes their own, is seen to. Raises Invalid."""
    givers = set(_giving(deleted=True).values_list("pk", flat=True))
    for change in changes:
        user = change.entity.model is User
        if change.is_new or not any(change.changed(k) for k in (("roles", "is_active") if user else ("office",))):
            continue
        if givers & set(change.was("roles")) if user else change.was("office") in GIVING:
            require_giver()
        tell_own_rights(change.actor, {change.record.pk} if user else set(_holders([change.record.pk])))


def keep_givers_left(_ids: Sequence[UUID]) -> None:
    """The same after people or roles went to the recycle bin."""
    if _giving(deleted=True).exists():
        require_giver()


def _giving(*, deleted: bool = False) -> Any:
    offices = GIVING[1:] if Policy.current().separate_admins else GIVING
    found = Role.objects.filter(office__in=offices)
    return found if deleted else found.filter(deleted_at=None)


def _holders(roles: Sequence[UUID]) -> Any:
    found = User.objects.filter(is_active=True, deleted_at=None, roles__overlap=list(roles))
    return found.values_list("pk", flat=True)


def require_giver() -> None:
    """Raises Invalid when nobody is left who can give rights."""
    if not _holders(list(_giving().values_list("pk", flat=True))).exists():
        text = _("Nobody would be left who can give rights. Give that office to somebody else first.")
        raise Invalid([{"": [Wrong(text, "last")]}])


def tell_own_rights(actor: Actor, concerned: set[UUID]) -> None:
    """The other administrators of rights are told when somebody changes what they themselves may do."""
    if actor.hand.pk not in concerned:
        return
    others = _holders(list(Role.objects.filter(office__in=(*GIVING, "audit")).values_list("pk", flat=True)))
    now = timezone.now().isoformat()
    for pk in others.exclude(pk=actor.hand.pk):
        url = f"/user/{actor.hand.pk}/history"
        notices.tell(pk, OWN_RIGHTS, {"by": actor.hand.name}, url, f"own:{actor.hand.pk}:{pk}:{now}", kind="rights")
