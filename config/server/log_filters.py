"""What Django would log on top of our own lines."""

import logging

from django.db import InterfaceError, OperationalError

# Of what strangers wrote, such as the name of a host.
MOST_CHARS = 200


class Unexpected(logging.Filter):
    """Keeps errors that nobody expected: not a 503 that we return on purpose, nor an outage, which has its own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is not None and not isinstance(error, OperationalError | InterfaceError)


class BriefRefusals(logging.Filter):
    """Makes what Django refuses, such as a foreign Host header, a short warning: anyone can cause any number."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("django.security."):
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.msg, record.args = record.getMessage()[:MOST_CHARS], ()
            record.exc_info = record.exc_text = None
            # Django adds the whole request, with an address of any length.
            vars(record).pop("request", None)
        return True
