"""Columns for what all spellings of a name have in common. `0008` fills them in."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0007_processes_and_trace_ids")]

    operations = [
        migrations.AlterModelManagers(name="user", managers=[]),
        # Nullable: the version before writes rows without them while this runs.
        migrations.AddField("preset", "name_key", models.CharField(editable=False, max_length=700, null=True)),
        migrations.AddField("user", "email_key", models.CharField(editable=False, max_length=700, null=True)),
        migrations.AddField("user", "username_key", models.CharField(editable=False, max_length=700, null=True)),
        # Before they are filled: an index of empty columns is made at once.
        migrations.AddConstraint(
            "preset",
            models.UniqueConstraint(models.F("owner"), models.F("name_key"), name="preset_name_key_unique"),
        ),
        migrations.AddConstraint(
            "user", models.UniqueConstraint(models.F("username_key"), name="user_username_key_unique")
        ),
        migrations.AddConstraint("user", models.UniqueConstraint(models.F("email_key"), name="user_email_key_unique")),
    ]
