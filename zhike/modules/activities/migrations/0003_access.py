from django.db import migrations

from zhike.engine.roles import ensure_roles

from zhike.modules.activities import business

IMPLIED = {"read": ("list", "reveal"), "update": ("bulk",), "delete": ("restore",)}


def forwards(apps, schema_editor):
    """Rights that were part of another one become rows of their own, so that nobody loses what they could do.

    A role that can list knows these rights already: it was made from the role file of today.
    """
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    grants.objects.filter(scope="department").update(scope="subtree")
    knowing = set(grants.objects.filter(action="list").values_list("role", flat=True))
    for grant in list(grants.objects.filter(action__in=IMPLIED).exclude(role__in=knowing)):
        for action in IMPLIED[grant.action]:
            grants.objects.get_or_create(
                role=grant.role, entity=grant.entity, action=action, defaults={"scope": grant.scope}
            )
    roles.objects.filter(key="administrator", name="系统管理员").update(name="管理员")
    ensure_roles(apps, business.BUSINESS)
    for key in ("system", "security", "audit"):
        roles.objects.filter(key=key).update(office=key)


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0002_roles"),
        ("base", "0003_access"),
        ("engine", "0004_access"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
