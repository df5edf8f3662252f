from django.db import migrations

from zhike.modules.activities import business


def forwards(apps, schema_editor):
    """The roles of the role file get their rights over promises; what was given already, stays."""
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    for role in roles.objects.filter(key__in=business.BUSINESS.roles):
        for entity, action, scope in business.BUSINESS.rows(role.key):
            if entity == "promise":
                grants.objects.get_or_create(role=role, entity=entity, action=action, defaults={"scope": scope})


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0009_merging"),
        ("promises", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
