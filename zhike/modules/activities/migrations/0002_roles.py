from django.db import migrations

from zhike.engine.roles import ensure_roles

from zhike.modules.activities import business


def forwards(apps, schema_editor):
    ensure_roles(apps, business.BUSINESS)


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0001_initial"),
        ("base", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
