"""The Redis client of the relay: each process writes what its replies gained to a stream of its own.

Readers in the writer's process don't need it. A reader elsewhere begins with the snapshot in the database and goes on
with the writer's stream. If Redis loses something, the next snapshots fill the gap.
"""

from collections.abc import Iterable
from typing import Any, cast
from uuid import UUID

import msgspec
import redis.asyncio as redis
from redis.exceptions import RedisError

from chat.events import Cursor, End, Retrying, Text

# How many batches a stream keeps: more than a snapshot is ever behind.
BATCHES_KEPT = 200
# When the stream of a writer that is gone expires.
STREAM_SECONDS = 60
STOP_SECONDS = 60
TIMEOUT_SECONDS = 1.0


class RelayAway(Exception):
    """Redis can't be reached."""


class Gain(msgspec.Struct, array_like=True):
    """What one reply gained, and the cursor where that defaults."""

    reply: UUID
    reasoning_at: int
    answer_at: int
    reasoning: str
    answer: str
    retrying: Retrying | None = None
    end: End | None = None

    @classmethod
    def of(cls, reply: UUID, at: Cursor, text: Text, retrying: Retrying | None, end: End | None) -> "Gain":
        return cls(reply, at.reasoning, at.answer, text.reasoning, text.answer, retrying, end)


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Gain]).decode


class RedisStreams:
    """Every call raises RelayAway after one second at most."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)

    async def publish(self, writer: str, gains: list[Gain]) -> None:
        """Publish a batch of this process, for readers elsewhere."""
        key = _stream_of(writer)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.xadd(key, {b"g": _encode(gains)}, maxlen=BATCHES_KEPT, approximate=True)
                pipe.expire(key, STREAM_SECONDS)
                await pipe.execute()
        except (RedisError, OSError) as error:
            raise RelayAway(str(error)) from error

    async def read(self, places: dict[str, str]) -> dict[str, tuple[str, list[Gain]]]:
        """Return for each writer what came after a place in its stream ("0": all that is kept), and the new place."""
        if not places:
            return {}
        try:
            answer: Any = await self._redis.xread({_stream_of(writer): place for writer, place in places.items()})
        except (RedisError, OSError) as error:
            raise RelayAway(str(error)) from error
        return {_writer_of(key): _joined(batches) for key, batches in answer}

    async def request_stop(self, writer: str, reply: UUID) -> None:
        key = _stops_of(writer)
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.rpush(key, reply.bytes)
                pipe.expire(key, STOP_SECONDS)
                await pipe.execute()
        except (RedisError, OSError) as error:
            raise RelayAway(str(error)) from error

    async def stop_requests(self, writer: str) -> Iterable[UUID]:
        """Return the replies that others want stopped here, each once."""
        try:
            asked = await self._redis.lpop(_stops_of(writer), 1000)
        except (RedisError, OSError) as error:
            raise RelayAway(str(error)) from error
        return [UUID(bytes=reply) for reply in cast(list[bytes], asked or [])]

    async def ping(self) -> None:
        try:
            await self._redis.ping()
        except (RedisError, OSError) as error:
            raise RelayAway(str(error)) from error

    async def aclose(self) -> None:
        await self._redis.aclose()


def _stream_of(writer: str) -> str:
    return f"chat:gains:{writer}"


def _stops_of(writer: str) -> str:
    return f"chat:stops:{writer}"


def _writer_of(key: bytes) -> str:
    return key.decode().rpartition(":")[2]


def _joined(batches: Any) -> tuple[str, list[Gain]]:
    return batches[-1][0].decode(), [gain for _, fields in batches for gain in _decode(fields[b"g"])]
