"""Fills the empty database at DATABASE_URL for the journeys: tables, the demo firm in small, a few people apart.

Run as a process of its own; prints the accounts as JSON.
"""

from __future__ import annotations

import json
import sys

import django

SCALE = 0.15
SEED = 20260101
PASSWORD = "Travel-light-2026"
# People of their own for journeys that change what a person has (language, rights): the others stay as they are.
APART = {
    "polyglot": ("周多语", "seller"),
    "rival": ("吴对手", "manager"),
    "narrowed": ("郑受限", "seller"),
    "guarded": ("方守门", "seller"),  # with a second factor, once its test has been
    "arranging": ("白排列", "seller"),
    "leaver": ("孙离任", "seller"),
    "heir": ("何接手", "seller"),
    "keen": ("许勤快", "seller"),
    "quick": ("冯先手", "seller"),
}

# What the firm has made: on competitors, which no other journey touches.
CONDITION = ["x_known", "eq", "yes"]
OWN = {
    "fields": {
        "competitor": {
            "x_known": {
                "kind": "choice",
                "labels": {"zh-hans": "交过手", "zh-hant": "交過手", "en": "Met before"},
                "choices": [
                    {"key": "yes", "labels": {"zh-hans": "是", "zh-hant": "是", "en": "Yes"}},
                    {"key": "no", "labels": {"zh-hans": "否", "zh-hant": "否", "en": "No"}},
                ],
            },
            "x_lesson": {
                "kind": "text",
                "labels": {"zh-hans": "教训", "zh-hant": "教訓", "en": "Lesson"},
                "required": True,
                "visible_if": [CONDITION],
            },
            "x_paper": {
                "kind": "file",
                "labels": {"zh-hans": "资料", "zh-hant": "資料", "en": "Paper"},
            },
        }
    },
    "layouts": {
        "competitor": {"form": {"phone": [{"labels": {}, "keys": ["name", "x_known", "x_lesson", "x_paper"]}]}},
    },
}


def main() -> None:
    """Migrates, loads the firm, adds the people apart."""
    django.setup()
    # Here, because all of it needs Django set up.
    from django.core.management import call_command
    from django.db import transaction

    from zhike import demo
    from zhike.base.models import Role, User
    from zhike.engine.access import Actor
    from zhike.engine.config import lifecycle

    call_command("migrate", verbosity=0)
    accounts = demo.load(lang="zh-hans", seed=SEED, scale=SCALE)
    passwords = {account["username"]: account["password"] for account in accounts}
    roles = {role.key: role for role in Role.objects.all()}
    seller = User.objects.get(username="seller")
    for username, (name, role) in APART.items():
        User.objects.create_user(
            username, PASSWORD, name=name, department=seller.department, roles=[roles[role].pk], position="销售"
        )
        passwords[username] = PASSWORD
    with transaction.atomic():
        lifecycle.put_in_force(Actor(User.objects.get(username="admin"), "cli"), OWN, "own fields")
    json.dump(passwords, sys.stdout)


if __name__ == "__main__":
    main()
