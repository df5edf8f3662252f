from django.db import migrations

from zhike.engine.numbering import sequence


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0001_initial"),
        ("engine", "0001_initial"),
    ]

    operations = [
        sequence("account"),
    ]
