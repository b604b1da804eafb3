"""Every wire row by name: W1 to W72, with letters where a row has variants, and the X rows."""

import re

from tests.support.wire_rows.base import Expect, Row, Usage, body_of
from tests.support.wire_rows.endings import ENDINGS
from tests.support.wire_rows.errors import ERRORS
from tests.support.wire_rows.extra import EXTRAS
from tests.support.wire_rows.framing import FRAMING
from tests.support.wire_rows.oddities import ODDITIES
from tests.support.wire_rows.reasoning import REASONING
from tests.support.wire_rows.shape import SHAPES

__all__ = ["ROWS", "Expect", "Row", "Usage", "body_of"]

W_NUMBERS = range(1, 73)
_ALL = FRAMING + SHAPES + REASONING + ERRORS + EXTRAS + ENDINGS + ODDITIES


def _number(name: str) -> tuple[str, int, str]:
    parts = re.fullmatch(r"([WX])(\d+)([a-z]?)", name)
    assert parts, f"no name for a row: {name!r}"
    return parts[1], int(parts[2]), parts[3]


ROWS: dict[str, Row] = {row.name: row for row in sorted(_ALL, key=lambda row: _number(row.name))}

assert len(ROWS) == len(_ALL), "two rows have the same name"
assert {_number(name)[1] for name in ROWS if name.startswith("W")} == set(W_NUMBERS), "a W-row is missing"
