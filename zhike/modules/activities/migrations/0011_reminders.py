import django.db.models.deletion
import django.utils.timezone
import zhike.base.ids
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('activities', '0010_imported_once'),
        ('engine', '0020_reminders'),
    ]

    operations = [
        migrations.AddField(
            model_name='activity',
            name='remind_minutes',
            field=models.PositiveSmallIntegerField(blank=True, help_text='Empty: as the person has set it. 0: only at the time. At most 1,440, a day.', null=True, verbose_name='Remind minutes before'),
        ),
        migrations.AddField(
            model_name='activity',
            name='repeat',
            field=models.CharField(blank=True, choices=[('day', 'By days'), ('workday', 'By working days'), ('week', 'By weeks'), ('month', 'By months')], default='', max_length=8, verbose_name='Repeats'),
        ),
        migrations.AddField(
            model_name='activity',
            name='repeat_every',
            field=models.PositiveSmallIntegerField(blank=True, null=True, verbose_name='Repeats every'),
        ),
        migrations.AddField(
            model_name='activity',
            name='repeat_until',
            field=models.DateField(blank=True, null=True, verbose_name='Repeats until'),
        ),
        migrations.AddField(
            model_name='activity',
            name='repeat_working',
            field=models.BooleanField(default=False, verbose_name='Move to working days'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(condition=models.Q(models.Q(('repeat', ''), _negated=True), ('deleted_at', None)), fields=['id'], name='activity_repeats'),
        ),
        migrations.CreateModel(
            name='Occurrence',
            fields=[
                ('activity', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='activities.activity')),
                ('series', models.UUIDField(default=zhike.base.ids.uuid7)),
                ('number', models.PositiveIntegerField(default=0)),
                ('anchor', models.DateField()),
                ('rule', models.CharField(help_text='unit and step; with another, the series begins anew', max_length=20)),
                ('continued', models.BooleanField(default=False, help_text='whether the next one was made, or the series is over')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('series', 'number'), name='occurrence_once')],
            },
        ),
        migrations.CreateModel(
            name='ActivityPlan',
            fields=[
                ('id', models.UUIDField(default=zhike.base.ids.uuid7, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='Created at')),
                ('updated_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='Last changed at')),
                ('version', models.PositiveIntegerField(default=1, editable=False)),
                ('deleted_at', models.DateTimeField(blank=True, editable=False, null=True, verbose_name='Deleted at')),
                ('name', models.CharField(max_length=80, verbose_name='Activity plan')),
            ],
            options={
                'verbose_name': 'Activity plan',
                'verbose_name_plural': 'Activity plans',
                'constraints': [models.UniqueConstraint(condition=models.Q(('deleted_at', None)), fields=('name',), name='plan_name_once')],
            },
        ),
        migrations.CreateModel(
            name='PlanStep',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('order', models.PositiveSmallIntegerField()),
                ('kind', models.CharField(choices=[('task', 'Task'), ('call', 'Call'), ('meeting', 'Meeting'), ('visit', 'Visit'), ('message', 'Message'), ('mail', 'Mail'), ('note', 'Note')], max_length=10)),
                ('subject', models.CharField(max_length=200)),
                ('days', models.PositiveSmallIntegerField(default=0)),
                ('working', models.BooleanField(default=True, help_text='whether the days are working days')),
                ('after', models.CharField(choices=[('start', 'after the start'), ('previous', 'after the step before')], default='start', max_length=8)),
                ('who', models.CharField(choices=[('self', 'Who applies the plan'), ('owner', 'Owner of the record'), ('manager', 'Manager of the owner')], default='owner', max_length=7)),
                ('plan', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='steps', to='activities.activityplan')),
            ],
            options={
                'ordering': ('order',),
                'constraints': [models.UniqueConstraint(fields=('plan', 'order'), name='plan_step_once')],
            },
        ),
        migrations.CreateModel(
            name='Reminder',
            fields=[
                ('pk', models.CompositePrimaryKey('due_at', 'stage', 'activity', blank=True, editable=False, primary_key=True, serialize=False)),
                ('stage', models.SmallIntegerField(choices=[(1, 'Before the time'), (2, 'At the time'), (3, 'Missed')])),
                ('due_at', models.DateTimeField()),
                ('told_at', models.DateTimeField()),
                ('activity', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='activities.activity')),
            ],
        ),
    ]
