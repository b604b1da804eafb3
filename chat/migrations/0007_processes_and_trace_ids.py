"""One heartbeat for each process, and the request's id in a reply's row from its birth on.

The version before goes on beside it: it fills neither, beats in its replies' rows, and leaves ours alone, because their
own heartbeat lies in the future.
"""

import chat.models.generation
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('chat', '0006_plain_sentences'),
    ]

    operations = [
        migrations.CreateModel(
            name='Process',
            fields=[
                ('name', models.CharField(max_length=32, primary_key=True, serialize=False, verbose_name='process that writes')),
                ('beat_at', models.DateTimeField(verbose_name='last sign of life')),
            ],
            options={
                'verbose_name': 'process',
                'verbose_name_plural': 'processes',
            },
        ),
        migrations.AddField(
            model_name='generation',
            name='trace_id',
            field=models.CharField(blank=True, db_default='', default='', max_length=64, verbose_name='request'),
        ),
        migrations.AlterField(
            model_name='generation',
            name='heartbeat_at',
            field=models.DateTimeField(default=chat.models.generation.reserved, verbose_name='heartbeat for the version before'),
        ),
        migrations.AlterField(
            model_name='generation',
            name='started_at',
            field=models.DateTimeField(default=django.utils.timezone.now, verbose_name='started'),
        ),
    ]
