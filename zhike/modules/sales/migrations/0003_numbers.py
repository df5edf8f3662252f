from django.db import migrations

from zhike.engine.numbering import sequence


class Migration(migrations.Migration):
    dependencies = [
        ("sales", "0002_pipeline"),
        ("engine", "0001_initial"),
    ]

    operations = [
        sequence("deal"),
    ]
