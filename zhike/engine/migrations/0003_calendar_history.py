from django.db import migrations

import zhike.engine.history


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0002_calendar"),
        ("engine", "0002_notices"),
    ]

    operations = [
        zhike.engine.history.track("base_calendarday", "calendarday"),
    ]
