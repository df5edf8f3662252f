"""Notices: what a person should know, told once for each cause, through the channels that this person wants."""

from .kinds import GROUPS, KINDS, Line, NoticeKind, kind_of, register
from .quiet import Clock, settings_of
from .saying import Said, said
from .telling import inbox, insert, put_off, read, settle, tell, tidy

__all__ = [
    "GROUPS",
    "KINDS",
    "Clock",
    "Line",
    "NoticeKind",
    "Said",
    "inbox",
    "insert",
    "kind_of",
    "put_off",
    "read",
    "register",
    "said",
    "settings_of",
    "settle",
    "tell",
    "tidy",
]
