from django.db import migrations

from zhike.modules.activities import business

PERSONS = ("consent", "personrequest")


def forwards(apps, schema_editor):
    """The roles of the role file get their rights over what persons allowed and ask; what was given already, stays."""
    roles, grants = apps.get_model("base", "Role"), apps.get_model("base", "Grant")
    for role in roles.objects.filter(key__in=business.BUSINESS.roles):
        for entity, action, scope in business.BUSINESS.rows(role.key):
            if entity in PERSONS:
                grants.objects.get_or_create(role=role, entity=entity, action=action, defaults={"scope": scope})


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0003_access"),
        ("customers", "0004_consent"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
