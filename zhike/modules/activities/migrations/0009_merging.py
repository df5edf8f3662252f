from django.db import migrations


def forwards(apps, schema_editor):
    """Managers merge whatever else they may do everything with; in a new installation the role file says so."""
    grants = apps.get_model("base", "Grant")
    for grant in list(grants.objects.filter(role__key="manager", action="*").exclude(entity="*")):
        grants.objects.get_or_create(
            role=grant.role, entity=grant.entity, action="merge",
            defaults={"scope": grant.scope, "conditions": grant.conditions},
        )


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0006_planned"),
        ("engine", "0016_merging"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
