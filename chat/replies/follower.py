"""Follows replies that are written in another process, or have ended, through the database."""

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

# As often as writers save.
LOOK_SECONDS = 1.0
# What came through the relay this recently need not be looked up.
FED_SECONDS = 2.0
# After this long the end of a swept reply is looked up again.
SWEPT_SECONDS = 2.0


class Follower:
    """Shares one text among all readers of a reply; it goes when the last of them does."""

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
        """Return the reply's text: whole if it has ended, otherwise growing with its snapshots until it ends."""
        # A hundred readers who come back at once share one text.
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
        """Forget a swept reply soon: its writer may only have been cut off, and may still replace that end."""
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
        """Append what the database has beyond the text here. Returns the writer, if the database can be asked."""
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
