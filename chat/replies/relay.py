"""Exchange text between processes, ten times a second: send what grew here, fetch what grew elsewhere."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from chat.events import Cursor, Retrying, Text
from chat.replies.growing import Growing
from chat.replies.redis_streams import Gain, RedisStreams, RelayAway

logger = logging.getLogger(__name__)

BATCH_SECONDS = 0.1
# While Redis is unreachable, readers elsewhere rely on the snapshots; trying more often would help nobody.
AWAY_SECONDS = 1.0


@dataclass
class Outgoing:
    """A reply that is written here, and how much of it has been sent."""

    growing: Growing
    sent: Cursor = Cursor()
    told: Retrying | None = None


@dataclass
class Incoming:
    """A reply that is read here and written elsewhere."""

    growing: Growing
    writer: str
    fed_at: float = 0.0


class Relay:
    def __init__(self, relay: RedisStreams, writer: str, stop: Callable[[UUID], object]) -> None:
        self._relay, self._writer, self._stop = relay, writer, stop
        self._out: dict[UUID, Outgoing] = {}
        self._in: dict[UUID, Incoming] = {}
        self._places: dict[str, str] = {}
        self._is_away = False

    def send(self, growing: Growing) -> None:
        """Send a reply's text from now until its end."""
        self._out[growing.start.reply] = Outgoing(growing)

    def receive(self, growing: Growing, writer: str) -> None:
        """Fetch a reply's text until its end, including what the writer's stream still holds of the past."""
        self._in[growing.start.reply] = Incoming(growing, writer)
        self._places[writer] = "0"

    def fed_at(self, reply: UUID) -> float:
        """Return when some of its text last came, on the loop's clock; 0 if none ever did."""
        incoming = self._in.get(reply)
        return incoming.fed_at if incoming else 0.0

    async def stop_elsewhere(self, writer: str, reply: UUID) -> None:
        """Tell the writer's process to stop a reply. Best effort: it finds the request in the database too."""
        try:
            await self._relay.request_stop(writer, reply)
        except RelayAway as error:
            self._note(error)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(AWAY_SECONDS if self._is_away else BATCH_SECONDS)
            try:
                await self._publish()
                await self._fetch_stops()
                await self._take_over()
            except RelayAway as error:
                self._note(error)
            else:
                self._note(None)

    def _note(self, error: RelayAway | None) -> None:
        """Log one line for an outage, and one for its end."""
        if error and not self._is_away:
            logger.warning("Redis is away: readers elsewhere follow the snapshots", extra={"reason": str(error)})
        elif self._is_away and not error:
            logger.info("Redis is back")
        self._is_away = error is not None

    async def _publish(self) -> None:
        if not self._out:
            if self._is_away:
                await self._relay.ping()
            return
        reached = {reply: outgoing.growing.cursor for reply, outgoing in self._out.items()}
        gains = [gain for outgoing in self._out.values() if (gain := _gain_of(outgoing))]
        if gains:
            await self._relay.publish(self._writer, gains)
        for reply, cursor in reached.items():
            outgoing = self._out[reply]
            outgoing.sent, outgoing.told = cursor, outgoing.growing.retrying
            if cursor.ended:
                del self._out[reply]

    async def _fetch_stops(self) -> None:
        if self._out:
            for reply in await self._relay.stop_requests(self._writer):
                self._stop(reply)

    async def _take_over(self) -> None:
        writers = {incoming.writer for incoming in self._in.values()}
        self._places = {writer: place for writer, place in self._places.items() if writer in writers}
        asked, now = dict(self._places), asyncio.get_running_loop().time()
        for writer, (place, gains) in (await self._relay.read(asked)).items():
            # Unless a reader has come since who needs it from the start.
            if self._places.get(writer) == asked[writer]:
                self._places[writer] = place
            for gain in gains:
                if incoming := self._in.get(gain.reply):
                    incoming.fed_at = now
                    take(incoming.growing, gain)
        self._in = {reply: incoming for reply, incoming in self._in.items() if not incoming.growing.end}


def _gain_of(outgoing: Outgoing) -> Gain | None:
    growing = outgoing.growing
    text = growing.text_after(outgoing.sent)
    retrying = growing.retrying if growing.retrying != outgoing.told else None
    if not (text or retrying or growing.end):
        return None
    return Gain.of(growing.start.reply, outgoing.sent, text, retrying, growing.end)


def take(growing: Growing, gain: Gain) -> None:
    """Append what is beyond the text here. After a gap, append nothing: the next snapshot closes it."""
    have = growing.cursor
    if have.ended or gain.reasoning_at > have.reasoning or gain.answer_at > have.answer:
        return
    if gain.retrying:
        growing.retry(gain.retrying)
    growing.append(
        Text(gain.reasoning[have.reasoning - gain.reasoning_at :], gain.answer[have.answer - gain.answer_at :])
    )
    if gain.end:
        growing.finish(gain.end)
