from django.db import models


class SearchDocument(models.Model):
    """What can be searched: a message's text, or a conversation's title if there is no message.

    The database keeps it up to date with triggers (`chat/search/index.py`); a later id means a newer text. Plain ids
    instead of foreign keys: deleting a message checks nothing here.
    """

    id = models.BigAutoField(primary_key=True)
    conversation = models.UUIDField()
    message = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["message"], name="searchdocument_message_unique"),
            models.UniqueConstraint(
                fields=["conversation"], condition=models.Q(message=None), name="searchdocument_title_unique"
            ),
        ]
