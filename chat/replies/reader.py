"""One subscriber of a growing reply: a stream of SSE events from its own cursor to the end.

Invariant: text leaves once. It has two exits, the generator's `yield` and, while the generator waits, the push to the
socket; both take the text with `_text_due`, which moves the one cursor they share. An `await` between taking a text and
handing it on would break it: another exit could overtake. tests/replies/test_reading.py reads through both at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

from django.utils import translation
from django.utils.translation import gettext as _

from chat import sse
from chat.events import PING_JSON, Cursor, Retrying, end_json, login_ended_json, retrying_json, start_json, text_json
from chat.models.endings import ending_of, sentence_of_retry
from chat.replies.blocks import BlocksOfReader
from chat.replies.growing import Growing

RECONNECT_MS = 1000
PING_SECONDS = 15.0
# Code points of each text in one event: 16 KB of UTF-8 at most, whatever the script.
MOST_AT_ONCE = 4096

# Sends to the socket, past everything in between. Returns False if the socket can't take it now.
Push = Callable[[bytes], bool]


class Reader:
    """Owns nothing, so nothing is lost when it is cut off.

    While it waits, each append pushes the text straight to its socket, at half the cost of waking it up. It wakes up
    for everything else, and when the socket can't take more.
    """

    def __init__(
        self,
        growing: Growing,
        cursor: Cursor,
        language: str,
        push: Push | None = None,
        blocks: BlocksOfReader | None = None,
    ) -> None:
        self._growing, self._language, self._push, self._blocks = growing, language, push, blocks
        self._reasoning, self._answer = cursor.reasoning, cursor.answer
        self._told: Retrying | None = None
        self._is_over = self._is_dismissed = False
        self._waiter: asyncio.Future[bool] | None = None

    async def events(self) -> AsyncIterator[bytes]:
        yield sse.encode_retry(RECONNECT_MS) + self._event(start_json(self._growing.start))
        if self._blocks:
            await self._blocks.catch_up(self._answer)
        while not self._is_over:
            if due := self._farewell_due() or self._text_due() or self._block_due() or self._other_due():
                yield due
                # There may be much to catch up with: let everyone else have a turn.
                await asyncio.sleep(0)
            elif not await self._is_news():
                yield self._event(PING_JSON)

    def dismiss(self) -> None:
        """End this stream, because its login has ended. The reply goes on."""
        self._is_dismissed = True
        self._wake()

    def _event(self, data: str) -> bytes:
        return sse.encode(data, id=f"{self._reasoning}.{self._answer}")

    def _farewell_due(self) -> bytes:
        if not self._is_dismissed:
            return b""
        self._is_over = True
        with translation.override(self._language):
            sentence = _("Your login has ended. Log in again to read on.")
        return self._event(login_ended_json(sentence))

    def _text_due(self) -> bytes:
        """Take some of the text that the reader lacks, as events; nothing if it has all of it."""
        growing, due = self._growing, b""
        if reasoning := growing.reasoning.read(self._reasoning, MOST_AT_ONCE):
            self._reasoning += len(reasoning)
            due = self._event(text_json("reasoning", reasoning))
        if answer := growing.answer.read(self._answer, MOST_AT_ONCE):
            self._answer += len(answer)
            due += self._event(text_json("delta", answer))
        return due

    def _block_due(self) -> bytes:
        block = self._blocks.take(self._answer, self._wake) if self._blocks else None
        return self._event(block) if block else b""

    def _other_due(self) -> bytes:
        """Take the end, or a notice of a retry. The end waits for blocks that are being rendered; text does not."""
        growing = self._growing
        if self._is_block_missing():
            return b""
        if end := growing.end:
            self._is_over = True
            with translation.override(self._language):
                sentence = str(ending_of(end.status, error_code=end.code, detail=end.detail, timer=end.timer).sentence)
            return sse.encode(end_json(end, sentence), id=str(growing.cursor))
        if untold := self._untold_try():
            self._told = untold
            with translation.override(self._language):
                return self._event(retrying_json(untold, str(sentence_of_retry(untold.reason))))
        return b""

    def _is_block_missing(self) -> bool:
        return bool(self._blocks and self._blocks.is_due(self._answer))

    def _untold_try(self) -> Retrying | None:
        growing = self._growing
        return None if growing.has_text or growing.retrying == self._told else growing.retrying

    async def _is_news(self) -> bool:
        """Wait for something that can't be pushed. Returns False after a silence."""
        self._loop = asyncio.get_running_loop()
        self._waiter = self._loop.create_future()
        self._grew_at = self._loop.time()
        self._look_for_silence()
        self._growing.listeners.add(self._on_growth)
        try:
            return await self._waiter
        finally:
            self._waiter = None
            self._growing.listeners.discard(self._on_growth)
            self._alarm.cancel()

    def _on_growth(self) -> None:
        """Push what has grown; the growing reply calls this on every change."""
        self._grew_at = self._loop.time()
        if not self._is_all_pushed():
            self._wake()

    def _wake(self, is_news: bool = True) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(is_news)

    def _is_all_pushed(self) -> bool:
        while self._push and self._waiter and not self._waiter.done():
            have = self._reasoning, self._answer
            text = self._text_due()
            if not text:
                return not (self._growing.end or self._untold_try() or self._is_block_missing())
            if not self._push(text):
                self._reasoning, self._answer = have
                break
        return False

    def _look_for_silence(self) -> None:
        left = self._grew_at + PING_SECONDS - self._loop.time()
        if left > 0:
            self._alarm = self._loop.call_later(left, self._look_for_silence)
        else:
            self._wake(False)
