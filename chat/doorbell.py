"""Tells every tab of a user that something has changed: a few ids, never a text.

Losing a message does no harm: tabs ask what has changed since the change number that they have, and are regularly sent
the current number.
"""

import asyncio
import contextvars
import logging
from typing import Any, Literal
from uuid import UUID

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# What a channel layer raises if it can't be reached.
AWAY = (RedisError, OSError)
SEND_SECONDS = 2.0

What = Literal["changed", "running", "gone"]


class Doorbell:
    """The doorbell of a process. All but `start` and `stop` can be called from any thread, and never wait."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self._is_away = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start sending, on the server's event loop. In processes without a server, nothing is sent."""
        self._loop = loop

    async def stop(self) -> None:
        """Stop, once the last messages have been sent."""
        self._loop = None
        await asyncio.gather(*self._tasks)
        await get_channel_layer().flush()

    def ring(
        self, owner: UUID, conversation: UUID, what: What, *, reply: UUID | None = None, change: int | None = None
    ) -> None:
        """Tell a user's tabs about a change, after its commit. `change`: the user's change number, if known."""
        self._tell(owner, {"type": "doorbell.news", "news": news(what, conversation, reply=reply, change=change)})

    def recheck(self, owner: UUID) -> None:
        """Ask all of a user's sockets to check whether their login is still valid."""
        self._tell(owner, {"type": "doorbell.recheck"})

    def _tell(self, owner: UUID, message: dict[str, Any]) -> None:
        if loop := self._loop:
            loop.call_soon_threadsafe(self._spawn, group_of(owner), message)

    def _spawn(self, group: str, message: dict[str, Any]) -> None:
        # With a context of its own, the task keeps nothing of the request alive.
        task = asyncio.get_running_loop().create_task(self.send(group, message), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, group: str, message: dict[str, Any]) -> bool:
        """Send to a group. Return False if the channel layer can't be reached, which is logged once."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await get_channel_layer().group_send(group, message)
        except AWAY as error:
            if not self._is_away:
                logger.warning("doorbell is away: tabs ask by themselves", extra={"reason": repr(error)})
            self._is_away = True
            return False
        if self._is_away:
            logger.info("doorbell is back")
        self._is_away = False
        return True


def group_of(owner: UUID) -> str:
    return f"user.{owner}"


def news(
    what: What, conversation: UUID | None = None, *, reply: UUID | None = None, change: int | None = None
) -> dict[str, Any]:
    """Return the message for a tab; without a conversation, only the change number matters."""
    return {
        "conversation": str(conversation) if conversation else None,
        "what": what,
        "reply": str(reply) if reply else None,
        "change": change,
    }


doorbell = Doorbell()
