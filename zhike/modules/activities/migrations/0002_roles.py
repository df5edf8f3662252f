from django.db import migrations

from zhike.engine.roles import Business, ensure_roles

BUSINESS = Business(
    records=("lead", "account", "contact", "deal", "activity"),
    parts=("affiliation", "contactpoint", "address", "dealcontact", "dealcompetitor"),
    shared=("product", "competitor", "tag"),
    growing=("competitor", "tag"),
)


def forwards(apps, schema_editor):
    ensure_roles(apps, BUSINESS)


class Migration(migrations.Migration):
    dependencies = [
        ("activities", "0001_initial"),
        ("base", "0001_initial"),
    ]

    operations = [
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
