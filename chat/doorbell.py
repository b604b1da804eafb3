"""Tells every tab of a user that something has changed: a few ids, never a text.

A lost message does no harm: the tabs ask what has changed since the number that they have, and how the number stands
they hear every now and then.
"""

import asyncio
import contextvars
import logging
from typing import Any, Literal
from uuid import UUID

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

# What a channel layer raises when it can't be reached.
AWAY = (RedisError, OSError)
SEND_SECONDS = 2.0

What = Literal["changed", "running", "gone"]


class Doorbell:
    """One for each process. Everything but `start` and `stop` may be called from any thread, and never waits."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[bool]] = set()
        self._is_away = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Called on the loop that serves. In a process that serves nobody, nothing rings."""
        self._loop = loop

    async def stop(self) -> None:
        """What was rung last still goes out."""
        self._loop = None
        await asyncio.gather(*self._tasks)
        await get_channel_layer().flush()

    def ring(
        self, owner: UUID, conversation: UUID, what: What, *, reply: UUID | None = None, change: int | None = None
    ) -> None:
        """To be called after the commit. `change`: where the user's number stands, if it is known."""
        self._tell(owner, {"type": "doorbell.news", "news": news(what, conversation, reply=reply, change=change)})

    def recheck(self, owner: UUID) -> None:
        """Every socket of this user is to look again whether its login still stands."""
        self._tell(owner, {"type": "doorbell.recheck"})

    def _tell(self, owner: UUID, message: dict[str, Any]) -> None:
        if loop := self._loop:
            loop.call_soon_threadsafe(self._spawn, group_of(owner), message)

    def _spawn(self, group: str, message: dict[str, Any]) -> None:
        # A context of its own: nothing of the request that rang is kept.
        task = asyncio.get_running_loop().create_task(self.send(group, message), context=contextvars.Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def send(self, group: str, message: dict[str, Any]) -> bool:
        """False if the channel layer is away; the log says so once."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await get_channel_layer().group_send(group, message)
        except AWAY as error:
            if not self._is_away:
                logger.warning("doorbell is away: tabs ask by themselves", extra={"reason": repr(error)})
            self._is_away = True
            return False
        if self._is_away:
            logger.warning("doorbell is back")
        self._is_away = False
        return True


def group_of(owner: UUID) -> str:
    return f"user.{owner}"


def news(
    what: What, conversation: UUID | None = None, *, reply: UUID | None = None, change: int | None = None
) -> dict[str, Any]:
    """As it reaches the page; without a conversation only the number matters."""
    return {
        "conversation": str(conversation) if conversation else None,
        "what": what,
        "reply": str(reply) if reply else None,
        "change": change,
    }


doorbell = Doorbell()
