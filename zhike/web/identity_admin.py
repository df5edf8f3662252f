"""For administrators: letting people in and out, the security policy, accounts that nobody uses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods

from zhike.base.i18n import language
from zhike.base.models import Policy, Role, User
from zhike.engine import history, query
from zhike.engine.access import Actor
from zhike.engine.entity import get
from zhike.engine.errors import Missing, Refused

from . import identity, identity_links, plugs, tasks
from .identity import fresh
from .templating import actor_of, render

ALL, SYSTEM, SECURITY = Role.Office.ALL, Role.Office.SYSTEM, Role.Office.SECURITY
BOUNDS = {
    "idle_minutes": (5, 480),
    "session_hours": (1, 168),
    "reveals_per_hour": (0, 10_000),
    "reveals_per_day": (0, 100_000),
    "export_tell_rows": (0, 1_000_000),
    "export_ask_rows": (0, 1_000_000),
    "export_rows_per_day": (0, 10_000_000),
    "history_days": (184, 36_500),
    "fiscal_month": (1, 12),
}
CHOICES = ("passwords", "second_factor")


def officer(request: HttpRequest, *offices: str) -> Actor:
    """The actor, if one of the offices is theirs; Refused otherwise."""
    actor = actor_of(request)
    if actor.office not in offices:
        raise Refused("settings")
    return actor


def may_hand_over(actor: Actor, user: User) -> bool:
    """Whether the actor may know how this person gets in: of a new person, or where one administrator does everything.

    Else one of three administrators could act as another, or as anybody, and GB/T 22239 has them apart.
    """
    return actor.office == ALL or (actor.office == SYSTEM and not identity_links.has_password(user))


def may_invite(actor: Actor, user: User) -> bool:
    """Whether the actor may have a link sent to the person's own address: not to another administrator in office."""
    other = identity.has_office(user) and identity_links.has_password(user)
    return actor.office == ALL or (actor.office == SYSTEM and not other)


# ---- one person's way in


@login_required
@require_http_methods(["GET", "POST"])
def entrance(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Whether and how a person signs in: invite, end their sessions, take away a lost second factor."""
    actor = officer(request, ALL, SYSTEM, SECURITY)
    user = query.visible(actor, get("user"), "read").filter(pk=pk).first()
    if not isinstance(user, User) or not user.is_active:
        raise Missing
    shown = ""
    if request.method == "POST":
        if not identity.is_fresh(request):
            return identity.go(request, f"/me/confirm?next={request.path}")
        shown = act(request, actor, user, request.POST.get("do", ""))
        if not shown:
            return HttpResponseRedirect(request.path, status=303)
    context = {
        "person": user,
        "url": request.path,
        "link": shown,
        "may_invite": may_invite(actor, user),
        "may_hand_over": may_hand_over(actor, user),
        "may_reset": actor.office in (ALL, SECURITY),
        "invited": not identity_links.has_password(user),
        "sessions": len(UserSession.objects.purge_and_list(user)),
        "factors": identity.has_factor(user),
    }
    return render(request, "web/settings_entrance.html", context)


def act(request: HttpRequest, actor: Actor, user: User, wanted: str) -> str:
    """Do what the button says; gives a one-time link to show, or ""."""
    if wanted in ("mail", "link"):
        if not (may_invite if wanted == "mail" else may_hand_over)(actor, user):
            raise Refused("invite")
        history.note(actor, "invited", entity="user", record=user.pk, details={"by": wanted})
        if wanted == "link":
            return identity_links.link(user, "invitation")
        tasks.mail.defer(purpose="invitation", who=user.username, lang=language())
        identity.toast(request, _("A mail to %(name)s is on its way.") % {"name": user.name})
    elif wanted == "end":
        rows = identity.end_all(user, but=request.session.session_key)
        history.note(actor, "sessions_ended", entity="user", record=user.pk, details={"rows": rows})
        identity.toast(request, _("The sessions of %(name)s are over.") % {"name": user.name})
    elif wanted == "factors":
        officer(request, ALL, SECURITY)
        Authenticator.objects.filter(user=user).delete()
        identity.end_all(user, but=request.session.session_key)
        history.note(actor, "factor_removed", entity="user", record=user.pk, details={"kind": "all"})
        identity.toast(
            request, _("%(name)s signs in without a second factor until a new one is set up.") % {"name": user.name}
        )
    return ""


# ---- accounts nobody uses


@login_required
@require_GET
def idle_people(request: HttpRequest) -> HttpResponse:
    """People whose accounts nobody has used for 90 days: GB/T 22239 wants them gone."""
    officer(request, ALL, SYSTEM, SECURITY)
    rows = [
        {"name": u.name, "username": u.username, "seen": u.last_seen_on, "url": f"/user/{u.pk}/edit"}
        for u in identity.unused().order_by("last_seen_on", "name")[:500]
    ]
    return render(request, "web/settings_unused.html", {"rows": rows})


# ---- the policy


@fresh
@require_http_methods(["GET", "POST"])
def policy_page(request: HttpRequest) -> HttpResponse:
    """The firm's security settings; what was changed is kept in the history."""
    actor = officer(request, ALL, SECURITY)
    policy = Policy.current()
    errors: dict[str, str] = {}
    if request.method == "POST":
        wanted, errors = read(request.POST)
        if not errors:
            save(actor, wanted)
            identity.toast(request, _("The security policy is saved and in force now."))
            return HttpResponseRedirect(request.path, status=303)
    return render(
        request, "web/settings_policy.html", page(policy, request.POST, errors), status=422 if errors else 200
    )


def column(name: str) -> Any:
    """The model's field."""
    return Policy._meta.get_field(name)


def read(posted: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The form's values, and what is wrong with them."""
    wanted: dict[str, Any] = {"separate_admins": posted.get("separate_admins") == "1"}
    errors: dict[str, str] = {}
    for name, (least, most) in BOUNDS.items():
        text = posted.get(name, "").strip()
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            errors[name] = _("A whole number from %(least)s to %(most)s.") % {"least": least, "most": most}
        else:
            wanted[name] = int(text)
    for name in CHOICES:
        wanted[name] = posted.get(name, "")
        if wanted[name] not in dict(column(name).flatchoices):
            errors[name] = _("Choose one of these.")
    return wanted, errors


def save(actor: Actor, wanted: Mapping[str, Any]) -> None:
    """Put the policy in force, and keep what changed."""
    with transaction.atomic():
        policy, _new = Policy.objects.select_for_update().get_or_create(pk=1)
        changed = {k: [getattr(policy, k), v] for k, v in wanted.items() if getattr(policy, k) != v}
        for name, (_before, after) in changed.items():
            setattr(policy, name, after)
        if changed:
            policy.save(update_fields=list(changed))
            history.note(actor, "policy_changed", details={"changes": changed})


def page(policy: Policy, posted: Mapping[str, str], errors: Mapping[str, str]) -> dict[str, Any]:
    """What the page of the policy shows: what was sent, where there is something wrong with it."""

    def value(name: str) -> Any:
        return posted.get(name, "") if errors else getattr(policy, name)

    def field(name: str) -> dict[str, Any]:
        model = column(name)
        found = {
            "name": name,
            "label": model.verbose_name,
            "value": value(name),
            "error": errors.get(name, ""),
            "help": model.help_text,
        }
        if name in CHOICES:
            options = [{"value": v, "label": label} for v, label in model.flatchoices]
            return found | {"kind": "radio", "options": options, "wide": True}
        if name == "separate_admins":
            return found | {"kind": "checkbox", "wide": True, "help": "", "hint": model.help_text}
        return found | {"kind": "integer", "required": True}

    groups = [
        (_("Signing in"), ("passwords", "second_factor", "idle_minutes", "session_hours")),
        (_("Administrators"), ("separate_admins",)),
        (_("Personal data"), ("reveals_per_hour", "reveals_per_day", "export_tell_rows", "export_ask_rows")),
        (_("Quotas and keeping"), ("export_rows_per_day", "history_days")),
        (_("Fiscal year"), ("fiscal_month",)),
    ]
    return {
        "sections": [{"title": title, "fields": [field(n) for n in names]} for title, names in groups],
        "errors": [{"name": n, "label": column(n).verbose_name, "text": t} for n, t in errors.items()],
    }


plugs.actions.setdefault("user", []).append(
    plugs.RecordAction(
        gettext_lazy("Sign-in and sessions"),
        "door-open",
        lambda pk: f"/settings/people/{pk}/entrance",
        lambda _values, may: may.get("update", False),
    )
)
urlpatterns = [
    path("settings/people/<uuid:pk>/entrance", entrance),
    path("settings/unused", idle_people),
    path("settings/policy", policy_page),
]
