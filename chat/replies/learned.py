"""What the servers' answers teach about the size of prompts; kept in memory, for a while."""

import re
from collections import OrderedDict
from uuid import UUID

from chat.events import Usage

MOST_CONVERSATIONS = 10_000
# Of a shorter prompt, most is the server's template.
FEWEST_TOKENS = 200
LEAST, MOST = 0.4, 3.0
# "maximum context length is 4096 tokens", "the available context size (1024 tokens)"
_WINDOW = re.compile(r"(?:context|maximum)\D{0,60}?(\d{3,8}) tokens", re.IGNORECASE)


class Learned:
    """By conversation: how many tokens the server counts for each that is estimated. By model: its window."""

    def __init__(self) -> None:
        self._ratios: OrderedDict[UUID, float] = OrderedDict()
        self._windows: dict[str, int] = {}

    def ratio_of(self, conversation: UUID) -> float:
        return self._ratios.get(conversation, 1.0)

    def window_of(self, model: str) -> int:
        """Return the window that a server named when it refused a prompt; 0 if it did not."""
        return self._windows.get(model, 0)

    def counted(self, conversation: UUID, estimate: int, usage: Usage | None) -> None:
        """Remember what a prompt was really counted as."""
        counted = usage.prompt_tokens if usage else None
        if not counted or counted < FEWEST_TOKENS or estimate < FEWEST_TOKENS:
            return
        self._ratios[conversation] = min(max(counted / estimate, LEAST), MOST)
        self._ratios.move_to_end(conversation)
        if len(self._ratios) > MOST_CONVERSATIONS:
            self._ratios.popitem(last=False)

    def refused(self, model: str, detail: str) -> None:
        """Remember the window that a refusal names."""
        if named := _WINDOW.search(detail):
            self._windows[model] = int(named[1])
