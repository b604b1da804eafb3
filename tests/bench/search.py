"""`make bench ARGS="--parts search"`: the search over 100,000 messages, on an SQLite file and on PostgreSQL.

Each database gets a process of its own:  DATABASE_URL=… python -m tests.bench.search
"""

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path

MESSAGES = 100_000
PER_CONVERSATION = 20
# The share of the messages that belongs to a user with few of them.
FEW = 1_000
TIMES = 7
AIM_MS = 150
LENGTHS = (8, 15, 60, 150, 200)
SYLLABLES = (
    "ka lo mi ren ta vo shi den pra lun gor bel ost nik fa zu er on al im",
    "ка ло ми рен та во ши ден пра лун гор бел ост ник фа зу ер он ал им",
)


# Chinese words are of one or two characters out of as many as a newspaper uses.
CHARACTERS = "".join(map(chr, range(0x4E00, 0x4E00 + 3_000)))


class Language:
    """Words of two alphabets and of Chinese, as often as words are in life: the tenth a tenth as often as the first.

    Every third text is Chinese, without a space.
    """

    def __init__(self) -> None:
        self._random = random.Random(1)
        words = {self._word(syllables.split()) for syllables in SYLLABLES for _ in range(30_000)}
        self.words = sorted(words, key=lambda word: (len(word), word))
        self._random.shuffle(self.words)
        self._weights = list(accumulate(1 / (place + 1) for place in range(len(self.words))))
        self.chinese = ["".join(self._random.choices(CHARACTERS, k=1 + (place > 50))) for place in range(20_000)]
        self._chinese_weights = list(accumulate(1 / (place + 1) for place in range(len(self.chinese))))

    def _word(self, syllables: list[str]) -> str:
        return "".join(self._random.choice(syllables) for _ in range(self._random.randint(1, 4)))

    def text(self) -> str:
        if self._random.randrange(3) == 0:
            length = self._random.choice(LENGTHS)
            return "".join(self._random.choices(self.chinese, cum_weights=self._chinese_weights, k=length))
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=self._random.choice(LENGTHS)))

    def queries(self) -> dict[str, str]:
        common, next_one, third, fourth = self.words[:4]
        rare = self.words[12_000]
        return {
            "a rare word": rare,
            "a common word": common,
            "two words": f"{next_one} {common}",
            "common and rare": f"{common} {rare}",
            "a phrase": f'"{common} {next_one}"',
            "a rare phrase": f'"{common} {next_one} {third} {fourth}"',
            "a letter": common[0],
            "two letters": next_one[:2],
            "a beginning": rare[:3],
            "nothing like it": "xyzzy",
            "a Chinese word": self.chinese[5_000],
            "common Chinese": self.chinese[60],
            "two Chinese words": self.chinese[100] + self.chinese[200],
            "common characters": self.chinese[0] + self.chinese[1] + self.chinese[2],
            "a character": self.chinese[0],
            "a rare character": self.chinese[9_000][0],
        }


def fill(language: Language) -> None:
    from chat.models import Conversation, Message, User

    for name, count in (("bench-many", MESSAGES - FEW), ("bench-few", FEW)):
        owner = User.objects.create_user(name)
        conversations = [
            Conversation(owner=owner, title=language.text()[:60]) for _ in range(count // PER_CONVERSATION)
        ]
        Conversation.objects.bulk_create(conversations, batch_size=1_000)
        Message.objects.bulk_create(_messages(Message, conversations, language), batch_size=1_000)


def _messages(model: type, conversations: list, language: Language) -> Iterator:  # type: ignore[type-arg]
    for conversation in conversations:
        for number in range(PER_CONVERSATION):
            role = ("user", "assistant")[number % 2]
            yield model(
                conversation=conversation,
                owner_id=conversation.owner_id,
                number=number,
                role=role,
                text=language.text(),
            )


def measure(language: Language) -> float:
    from chat import search
    from chat.models import User

    worst = 0.0
    for name, who in (("bench-many", "who owns nearly all"), ("bench-few", "who owns few among many")):
        owner = User.objects.get(username=name)
        for what, text in language.queries().items():
            times = []
            for _ in range(TIMES):
                began = time.perf_counter()
                page = search.search(owner, text)
                times.append((time.perf_counter() - began) * 1000)
            worst = max(worst, *times)
            middle = statistics.median(times)
            print(f"  {who:24} {what:16} {middle:7.1f} ms, worst {max(times):7.1f}; conversations {len(page.found)}")
    return worst


def run() -> None:
    """Fill the database that the environment names, and measure there."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    language = Language()
    began = time.perf_counter()
    fill(language)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    print(f"\nsearch over {MESSAGES:,} messages, {connection.vendor} (filled in {time.perf_counter() - began:.0f} s)")
    print(f"  worst of all {measure(language):.0f} ms, aim {AIM_MS} ms")


def on_both() -> None:
    """Measure on a fresh database of each kind."""
    from tests.support.postgres_server import PostgresServer

    with tempfile.TemporaryDirectory() as folder:
        _run_on(f"sqlite:///{Path(folder) / 'search.sqlite3'}")
    with PostgresServer() as postgres:
        _run_on(postgres.url())


def _run_on(database: str) -> None:
    environment = os.environ | {"DATABASE_URL": database, "SECRET_KEY": "only for the bench"}
    environment["DJANGO_SETTINGS_MODULE"] = "config.settings"
    subprocess.run([sys.executable, "-m", "tests.bench.search"], check=True, env=environment)


if __name__ == "__main__":
    run()
