"""The lines of the log: one of JSON for each event, which no terminal acts on, whoever wrote what is in it."""

import json
import logging

from pythonjsonlogger.json import JsonFormatter


class JsonLines(JsonFormatter):
    """JSON with every letter as it is, but control and format characters escaped, which terminals and editors obey."""

    def format(self, record: logging.LogRecord) -> str:
        line = str(super().format(record))
        return line if line.isprintable() else "".join(map(_escaped, line))


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]
