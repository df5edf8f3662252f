from django.db import migrations

from zhike.modules.sales.pipelines import ensure


def forwards(apps, schema_editor):
    ensure(apps)


class Migration(migrations.Migration):
    dependencies = [
        ("sales", "0001_initial"),
        ("engine", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
