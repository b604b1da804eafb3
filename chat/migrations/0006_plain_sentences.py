"""New sentences for names that are taken; the database itself does not change."""

from django.db import migrations, models
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    dependencies = [("chat", "0005_two_names_for_two_ids")]

    operations = [
        migrations.AlterConstraint(
            model_name="preset",
            name="preset_name_unique_whatever_its_case",
            constraint=models.UniqueConstraint(
                models.F("owner"),
                Lower("name"),
                name="preset_name_unique_whatever_its_case",
                violation_error_message="You already have a preset with this name.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="user_email_unique",
            constraint=models.UniqueConstraint(
                Lower("email"),
                condition=~models.Q(email=""),
                name="user_email_unique",
                violation_error_message="Another account uses this email address.",
            ),
        ),
        migrations.AlterConstraint(
            model_name="user",
            name="user_username_unique_whatever_its_case",
            constraint=models.UniqueConstraint(
                Lower("username"),
                name="user_username_unique_whatever_its_case",
                violation_error_message="Another account uses this name.",
            ),
        ),
    ]
