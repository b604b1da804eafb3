"""What Django would log on top of our own lines."""

import logging

from django.db import InterfaceError, OperationalError


class Unexpected(logging.Filter):
    """Keeps errors that nobody expected: not a 503 that we return on purpose, nor an outage, which has its own line."""

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        return error is not None and not isinstance(error, OperationalError | InterfaceError)
