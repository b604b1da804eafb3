"""Replies that grow elsewhere, or have ended: their text as the database has it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from django.db import InterfaceError, OperationalError

from chat import models
from chat.database_threads import InDatabase
from chat.events import Cursor, End, Start, Text, Usage
from chat.replies.growing import Growing
from chat.replies.relay import Relay

# As often as the writers save.
LOOK_SECONDS = 1.0
# What came through the relay a moment ago need not be asked for.
FED_SECONDS = 2.0
# The end of a swept reply is looked up again after this long.
SWEPT_SECONDS = 2.0


class Follower:
    """All readers of one reply share its text, and it goes with the last of them."""

    def __init__(
        self,
        in_database: InDatabase,
        spawn: Callable[[Coroutine[Any, Any, None]], Any],
        relaying: Relay | None = None,
    ) -> None:
        self._in_database, self._spawn, self._relaying = in_database, spawn, relaying
        self._growing: WeakValueDictionary[UUID, Growing] = WeakValueDictionary()
        self._one_looks = asyncio.Lock()

    async def growing(self, start: Start) -> Growing:
        """Whole if it has ended, else its snapshots as they come, to its end."""
        # A hundred readers who come back at once make one text of it, not a hundred.
        async with self._one_looks:
            if shared := self._growing.get(start.reply):
                return shared
            growing = Growing(start)
            writer = await self._look(growing)
            self._growing[start.reply] = growing
        if growing.end:
            self._forget_if_swept(growing)
        else:
            if self._relaying:
                self._relaying.receive(growing, writer)
            self._spawn(self._keep_looking(growing))
        return growing

    def _forget_if_swept(self, growing: Growing) -> None:
        """Soon: its writer may have been only cut off, and replace that end by its own."""
        if growing.end and growing.end.status == "interrupted":
            asyncio.get_running_loop().call_later(SWEPT_SECONDS, self._growing.pop, growing.start.reply, None)

    async def _keep_looking(self, growing: Growing) -> None:
        now = asyncio.get_running_loop().time
        while not growing.end:
            await asyncio.sleep(LOOK_SECONDS)
            if not self._relaying or now() - self._relaying.fed_at(growing.start.reply) > FED_SECONDS:
                await self._look(growing)
        self._forget_if_swept(growing)

    async def _look(self, growing: Growing) -> str:
        """Take over what the database has beyond what is here; tells who writes it, if the database can be asked."""
        text = growing.text_after(Cursor())
        known = {"text": text.answer, "reasoning": text.reasoning}
        try:
            state = await self._in_database(models.Generation.objects.state_of, growing.start.reply, known)
        except (OperationalError, InterfaceError):
            return ""
        except models.Generation.DoesNotExist:
            growing.finish(End("interrupted"))
            return ""
        have = growing.cursor
        growing.append(Text(state.reasoning[have.reasoning :], state.text[have.answer :]))
        if state.end:
            growing.finish(End(**state.end, usage=Usage(**state.usage) if state.usage else None))
        return state.writer
