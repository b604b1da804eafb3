"""A connection that gives up waiting when its server does not answer anybody."""

import time
from collections.abc import Generator
from typing import Any, TypeVar

import psycopg
from psycopg import waiting

from config.postgres.watch import PATIENCE_SECONDS, Away, Watch

T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """`watch` looks after the server; `longest` is how many seconds any answer may take, 0 for any time."""

    watch: Watch[Any] | None = None
    longest = 0.0

    def wait(self, gen: Generator[Any, Any, T], *args: Any, **kwargs: Any) -> T:
        try:
            return super().wait(self._while_it_may_answer(gen), *args, **kwargs)
        except Away:
            # Otherwise the next statement, such as a ROLLBACK, would wait too.
            self.close()
            raise

    def _while_it_may_answer(self, gen: Generator[Any, Any, T]) -> Generator[Any, Any, T]:
        """Pass everything on, and look at the clock whenever nothing has come for a while."""
        began = 0.0
        try:
            wish = next(gen)
            while True:
                answer = yield wish
                if answer == waiting.READY_NONE:
                    began = began or time.monotonic()
                    self._look_at(time.monotonic() - began)
                wish = gen.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result

    def _look_at(self, waited: float) -> None:
        """Raise Away if waiting for longer is of no use."""
        if not self.watch:
            return
        if waited >= PATIENCE_SECONDS:
            self.watch.suspect()
        if self.watch.is_away or 0 < self.longest < waited:
            raise Away
