"""Puts the light preset in force in the database at DATABASE_URL, or takes it out again, as a process of its own.

`light.py on` prints a new person's password as JSON; `light.py off` goes back to the configuration before.
"""

from __future__ import annotations

import json
import sys

import django

PERSON, PASSWORD = "five", "Travel-light-2026"


def main(step: str) -> None:
    """On or off."""
    django.setup()
    # Here, because all of it needs Django set up.
    from django.db import transaction

    from zhike.base.models import Role, User
    from zhike.engine import catalog
    from zhike.engine.config import lifecycle, packs
    from zhike.engine.config.persons import administrator
    from zhike.engine.models import Configuration

    with catalog.fresh():
        admin = administrator()
        if step == "on":
            if not Configuration.objects.filter(state="published").exists():
                with transaction.atomic():
                    lifecycle.put_in_force(admin, {}, "before the light preset")
            packs.apply(admin, "light")
            User.objects.create_user(
                PERSON, PASSWORD, name="五人", department=admin.user.department,
                roles=[Role.objects.get(key="light").pk], position="销售",
            )  # fmt: skip
            json.dump({PERSON: PASSWORD}, sys.stdout)
            return
        packs.remove_samples(admin, "light")
        before = Configuration.objects.filter(state="past").order_by("-number").first()
        lifecycle.roll_back(admin, before.number if before and before.number else 0)


if __name__ == "__main__":
    main(sys.argv[1])
