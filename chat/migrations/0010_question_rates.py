"""Count questions by the minute. Reversible; the version before does not count, and may go on running."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0009_fill_keys_of_names")]

    operations = [
        migrations.CreateModel(
            name="Rate",
            fields=[
                ("key", models.CharField(max_length=80, primary_key=True, serialize=False)),
                ("minute", models.PositiveBigIntegerField()),
                ("count", models.PositiveIntegerField()),
            ],
        ),
    ]
