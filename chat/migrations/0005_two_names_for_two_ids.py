from django.db import migrations, models

# The client's key and the trace id were both called request_id. Only the names in Python change; the columns stay, so
# that the previous version can keep running meanwhile.


class Migration(migrations.Migration):
    dependencies = [("chat", "0004_search")]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.RemoveConstraint("message", "message_request_unique"),
                migrations.RenameField("message", "request_id", "idempotency_key"),
                migrations.AlterField(
                    "message",
                    "idempotency_key",
                    models.UUIDField(db_column="request_id", null=True, verbose_name="request of the client"),
                ),
                migrations.AddConstraint(
                    "message",
                    models.UniqueConstraint(fields=("owner", "idempotency_key"), name="message_request_unique"),
                ),
                migrations.RenameField("evidence", "request_id", "trace_id"),
                migrations.AlterField(
                    "evidence",
                    "trace_id",
                    models.CharField(blank=True, db_column="request_id", max_length=64, verbose_name="request"),
                ),
                migrations.RenameField("auditentry", "request_id", "trace_id"),
                migrations.AlterField(
                    "auditentry",
                    "trace_id",
                    models.CharField(blank=True, db_column="request_id", max_length=64, verbose_name="request"),
                ),
            ],
        ),
    ]
