import datetime

import django.contrib.postgres.fields
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# What was told before there were kinds; titles of records that stood in notices are asked of the gate from now on.
KINDS = """
UPDATE engine_notice SET kind = CASE split_part(cause, ':', 1)
    WHEN 'handed' THEN 'handed' WHEN 'won' THEN 'won' WHEN 'proposal' THEN 'proposal'
    WHEN 'shared' THEN 'shared' WHEN 'unshared' THEN 'shared' WHEN 'bulk' THEN 'work'
    WHEN 'delegated' THEN 'rights' WHEN 'undelegated' THEN 'rights' WHEN 'own' THEN 'rights' WHEN 'view' THEN 'rights'
    WHEN 'export' THEN 'export' WHEN 'export_ask' THEN 'export' WHEN 'export_said' THEN 'export'
    WHEN 'request-late' THEN 'request' WHEN 'request-soon' THEN 'request' WHEN 'webhook-off' THEN 'webhook'
    ELSE 'other' END
"""
TITLES = """
UPDATE engine_notice SET entity = split_part(url, '/', 2), record = split_part(url, '/', 3)::uuid,
    params = params - 'title'
WHERE params ? 'title' AND url ~ '^/[a-z_0-9]+/[0-9a-f]{8}-[0-9a-f-]{27}$'
"""


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0019_pools'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='notice',
            name='kind',
            field=models.CharField(default='other', max_length=40),
        ),
        migrations.AddField(
            model_name='notice',
            name='entity',
            field=models.CharField(blank=True, default='', max_length=40),
        ),
        migrations.AddField(
            model_name='notice',
            name='record',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='notice',
            name='page',
            field=models.BooleanField(default=True, help_text="whether the inbox shows it: the person's switch of that kind"),
        ),
        migrations.AlterField(
            model_name='notice',
            name='at',
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.RunSQL(KINDS, ''),
        migrations.RunSQL(TITLES, ''),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('page', True), ('read_at', None)), fields=['user', 'at'], name='notice_unread'),
        ),
        migrations.AddIndex(
            model_name='notice',
            index=models.Index(condition=models.Q(('read_at', None), ('record__isnull', False)), fields=['record'], name='notice_record'),
        ),
        migrations.CreateModel(
            name='SealedSecret',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('value', models.TextField()),
            ],
        ),
        migrations.CreateModel(
            name='NoticeSettings',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('zone', models.CharField(blank=True, default='', max_length=64, verbose_name='Time zone')),
                ('quiet_from', models.TimeField(default=datetime.time(21, 0), verbose_name='Quiet from')),
                ('quiet_to', models.TimeField(default=datetime.time(8, 0), verbose_name='Quiet until')),
                ('quiet_days_off', models.BooleanField(default=True, verbose_name='Quiet on days off')),
                ('pushes_a_day', models.PositiveSmallIntegerField(default=8, verbose_name='Pushes a day at most')),
                ('digest', models.BooleanField(default=True, verbose_name='Gather mails once a day')),
                ('mail_at', models.TimeField(default=datetime.time(8, 30), verbose_name='Time of gathered mails')),
                ('before_minutes', models.PositiveSmallIntegerField(default=15, verbose_name='Remind minutes before')),
                ('switches', models.JSONField(default=dict, help_text="{kind: {page, mail, push: on or off}}, only what differs from the kind's own")),
            ],
        ),
        migrations.CreateModel(
            name='PushSubscription',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('endpoint', models.CharField(max_length=1000, unique=True)),
                ('p256dh', models.CharField(max_length=100)),
                ('auth', models.CharField(max_length=40)),
                ('agent', models.CharField(blank=True, max_length=80)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Sending',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('channel', models.CharField(choices=[('mail', 'Mail'), ('push', 'Push')], max_length=4)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('done', 'Sent'), ('dead', 'Given up')], default='waiting', max_length=7)),
                ('next_at', models.DateTimeField()),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('done_at', models.DateTimeField(help_text='the same for all that went in one message', null=True)),
                ('given', django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, help_text='subscriptions that have it already', size=None)),
                ('error', models.CharField(blank=True, default='', max_length=200)),
                ('notice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='sendings', to='engine.notice')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('state', 'waiting')), fields=['next_at', 'user'], name='sending_due'), models.Index(condition=models.Q(('state', 'done')), fields=['user', 'channel', 'done_at'], name='sending_done')],
                'constraints': [models.UniqueConstraint(fields=('notice', 'channel'), name='sending_once')],
            },
        ),
    ]
