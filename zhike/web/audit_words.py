"""Steps of the history in words."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from zhike.engine import history
from zhike.engine.entity import entities


def action(name: str, entity: str = "") -> str:
    """What was done, in words."""
    known = entities().get(entity)
    if known and name in known.actions:
        return str(known.actions[name].label)
    return {
        "create": _("Created"),
        "insert": _("Created"),
        "update": _("Changed"),
        "delete": _("Deleted"),
        "restore": _("Restored"),
        "merge": _("Merged"),
        "undo": _("Undone"),
        "import": _("Imported"),
        "bulk": _("Many changed at once"),
        "erase": _("Erased for good"),
        "redact": _("Personal data erased"),
        "reveal": _("Revealed"),
        "export": _("Exported"),
        "print": _("Printed"),
        "share": _("Shared"),
        "unshare": _("Sharing ended"),
        "delegate": _("Delegated"),
        "undelegate": _("Delegation ended"),
        "act_for": _("Worked for somebody else"),
        "view_as": _("Looked as somebody else"),
        "token": _("Key made"),
        "token_end": _("Key ended"),
        "api": _("Read or written by a key"),
        "pipeline": _("Pipeline changed"),
        "sign_in": _("Signed in"),
        "sign_out": _("Signed out"),
        "sign_in_failed": _("Sign-in failed"),
        "proved_again": _("Proved again who they are"),
        "sessions_ended": _("Sessions ended"),
        "password_changed": _("Password changed"),
        "contact_changed": _("Mail address or phone changed"),
        "factor_added": _("Second factor added"),
        "factor_removed": _("Second factor removed"),
        "recovery_codes_made": _("Recovery codes made"),
        "sso_bound": _("Single sign-on bound"),
        "sso_unbound": _("Single sign-on unbound"),
        "invited": _("Invited"),
        "comment": _("Commented"),
        "comment.edit": _("Comment changed"),
        "comment.delete": _("Comment deleted"),
        "attach": _("File added"),
        "detach": _("File removed"),
        "retention": _("Retention rules applied"),
        "webhook.off": _("Webhook switched off"),
        "calendar.account": _("Calendar on a server set up"),
        "calendar.on": _("Calendar sync switched on"),
        "calendar.off": _("Calendar sync paused"),
        "calendar.remove": _("Calendar on a server removed"),
        "calendar.feed": _("Calendar address made"),
        "calendar.feed_end": _("Calendar address withdrawn"),
        "password_set": _("Password set"),
        "policy_changed": _("Security policy changed"),
        "verify": _("Log verified"),
        "expire": _("Old steps archived"),
        "chain": _("Chain begun anew"),
        "audit_export": _("Log exported"),
        "propose": _("Change proposed by an assistant"),
        "decide": _("Proposed change decided"),
        "plan.save": _("Activity plan saved"),
        "plan.delete": _("Activity plan deleted"),
        "personfile": _("Person file taken"),
        "rights": _("Rights changed"),
        "transfer": _("Handed over"),
        "handover": _("Handed over by plan"),
        "handover.plan": _("Hand-over planned"),
        "handover.begin": _("Hand-over begun"),
        "handover.drop": _("Hand-over given up"),
        "export_ask": _("Large export asked for"),
        "retention_start": _("Retention rules started"),
        "invitation_used": _("Invitation used"),
        "reset_used": _("Reset link used"),
        "act_end": _("Working for somebody else ended"),
        "view_end": _("Looking as somebody else ended"),
    }.get(name, name)


def thing(entity: str) -> str:
    """A kind of record in words."""
    known = entities().get(entity)
    if known:
        return str(known.label)
    return {
        "grant": _("Permission"),
        "fieldgrant": _("Field level"),
        "policy": _("Security policy"),
        "assignmentrule": _("Assignment rule"),
        "sheet": _("What a person gets by rules"),
        "share": _("Sharing"),
        "delegation": _("Delegation"),
        "token": pgettext("of a program", "Key"),
        "webhook": _("Webhook"),
        "calendar": _("Calendar"),
        "retention": _("Retention rule"),
        "configuration": _("Configuration"),
    }.get(entity, entity)


def field(entity: str, column: str) -> str:
    """A field in words, by its column."""
    known = entities().get(entity)
    for a in known.attributes.values() if known else ():
        if column in (a.column, a.key, history.place(a)):
            return str(a.label)
    return column


def channel(name: str) -> str:
    """A way in, in words."""
    return {
        "web": _("Page"),
        "api": _("API"),
        "mcp": _("Assistant program"),
        "import": _("Import"),
        "export": _("Export"),
        "caldav": _("Calendar sync"),
        "job": _("Background work"),
        "demo": _("Demo firm"),
        "console": _("Command line"),
        "sql": _("Database"),
    }.get(name, name)
