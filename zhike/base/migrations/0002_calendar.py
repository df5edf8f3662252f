import django.utils.timezone
import zhike.base.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("base", "0001_initial"),
    ]

    operations = [
        migrations.DeleteModel("CalendarDay"),
        migrations.CreateModel(
            name="CalendarDay",
            fields=[
                (
                    "id",
                    models.UUIDField(default=zhike.base.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="Created at"
                    ),
                ),
                (
                    "updated_at",
                    models.DateTimeField(
                        default=django.utils.timezone.now, editable=False, verbose_name="Last changed at"
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                (
                    "deleted_at",
                    models.DateTimeField(blank=True, editable=False, null=True, verbose_name="Deleted at"),
                ),
                ("day", models.DateField(unique=True, verbose_name="Day")),
                ("is_working", models.BooleanField(default=False, verbose_name="Working day")),
                ("name", models.CharField(max_length=80, verbose_name="Occasion")),
            ],
            options={
                "verbose_name": "Day of the firm's calendar",
                "verbose_name_plural": "Calendar of the firm",
                "ordering": ("day",),
            },
        ),
    ]
