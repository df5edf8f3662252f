"""Declarations of the people layer and of pipelines, which administrators edit like any record."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from zhike.base.models import CalendarDay, Department, Role, User

from .entity import Action, Entity, Related, Section, View, register
from .kinds import classes
from .leaving import keep_records, keep_records_left
from .models import Pipeline, Pool, Stage
from .people import (
    assign,
    follow_people,
    give_roles,
    keep_givers,
    keep_givers_left,
    keep_way_in,
    move_below,
    name_role,
    place_department,
    sort_by_pinyin,
)

USER = Entity(
    key="user",
    model=User,
    icon="users",
    columns=("name", "username", "department", "position", "roles", "manager", "phone", "is_active"),
    sections=(
        Section(_("Person"), ("name", "username", "phone", "email")),
        Section(_("Place in the firm"), ("department", "position", "manager", "hired_on", "roles", "is_active")),
    ),
    quick=("name", "username", "department", "position", "roles"),
    filters=("department", "is_active", "manager"),
    views=(View("active", _("Active"), "is_active__eq=1"), View("all", _("Everybody"))),
    unique=(("username",),),
    whole=("email",),
    match=(("username",), ("name",)),
    meanings={"name": "name", "phone": "phone", "email": "email", "title": "position", "department": "department"},
    privacy=classes(
        personal="name username phone position hired_on manager last_seen_on",
        internal="roles language name_order is_active must_change_password password_changed_at",
    ),
    before_save=(sort_by_pinyin, give_roles, keep_way_in, keep_records),
    actions={"assign": Action(_("Give roles"), assign, fields=("roles",), icon="shield-check")},
    after_save=(follow_people, keep_givers),
    after_remove=(keep_givers_left, keep_records_left),
)
DEPARTMENT = Entity(
    key="department",
    model=Department,
    icon="network",
    columns=("name", "parent", "head", "order"),
    sections=(Section(_("Department"), ("name", "parent", "head", "order")),),
    quick=("name", "parent", "head"),
    related=(
        Related("user", "department", ("name", "position", "phone")),
        Related("department", "parent", ("name", "head")),
    ),
    match=(("name",),),
    privacy=classes(internal="name parent head order"),
    before_save=(place_department,),
    after_save=(move_below,),
)
ROLE = Entity(
    key="role",
    model=Role,
    icon="shield",
    columns=("name", "home", "office"),
    sections=(Section(_("Role"), ("name", "home", "office")),),
    unique=(("key",),),
    privacy=classes(internal="key name home office"),
    before_save=(name_role,),
    after_save=(keep_givers,),
    after_remove=(keep_givers_left,),
)
PIPELINE = Entity(
    key="pipeline",
    model=Pipeline,
    title="labels",
    icon="git-branch",
    columns=("labels",),
    privacy=classes(internal="entity key labels number is_current is_default"),
)
STAGE = Entity(
    key="stage",
    model=Stage,
    title="labels",
    icon="milestone",
    columns=("labels", "status", "win_percent"),
    privacy=classes(internal="key labels order win_percent required_fields days_allowed tone"),
)
CALENDAR = Entity(
    key="calendarday",
    model=CalendarDay,
    icon="calendar-days",
    columns=("name", "day", "is_working"),
    sections=(Section(_("Day"), ("name", "day", "is_working")),),
    filters=("day", "is_working"),
    unique=(("day",),),
    match=(("day",),),
    privacy=classes(public="day is_working name"),
)
POOL = Entity(
    key="pool",
    model=Pool,
    icon="recycle",
    columns=("name", "is_active"),
    privacy=classes(internal="entity name order is_active"),
)
register(USER, DEPARTMENT, ROLE, PIPELINE, STAGE, CALENDAR, POOL)
