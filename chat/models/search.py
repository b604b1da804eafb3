from django.db import models


class SearchDocument(models.Model):
    """What the search knows: a message's text, or a conversation's title where there is no message.

    The database itself keeps it in step, by triggers (`chat/search/index.py`); the later the id, the newer the text.
    Plain ids without foreign keys: nothing is asked about it when a message is deleted.
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
