"""What Anna has when the screens are checked: conversations of several days, versions, presets, an archive."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from chat.models import Conversation, Message, Preset, User
from tests.support.factories import finish, make_conversation, retry

RICH = """\
A **fox** is a small to medium-sized animal of the *Canidae* family. There are about twelve true foxes, of the genus \
`Vulpes`; the best known is the [red fox](https://example.com/red-fox).[^1]

# How to tell them apart

| Species | Weight | Where |
|:--|--:|:--|
| Red fox | 8.5 kg | Europe, Asia, North America |
| Arctic fox | 3.5 kg | The far north |
| Fennec | 1.2 kg | Sahara |

1. Look at the **ears**: a fennec's are enormous.
2. Look at the tail.
    - A white tip: probably a red fox.
    - A black tip: probably a corsac.

- [x] Found a fox
- [ ] Fed it (don't)

> The fox knows many things, but the hedgehog knows one big thing.
>
> Archilochus

## Counting them

```python
def foxes(hills: list[Hill], *, quick: bool = True) -> int:
    \"\"\"How many foxes live on these hills, whatever their colour, their size or the time of the year.\"\"\"
    return sum(hill.count("fox") for hill in hills if quick or hill.is_near)  # 42 at most
```

Their number grows as $N(t) = N_0 e^{rt}$, until the hares are gone:

$$\\frac{dN}{dt} = rN\\left(1 - \\frac{N}{K}\\right)$$

[^1]: *Vulpes vulpes*, Linnaeus 1758.
"""
REASONING = "They want to know what a fox is. I should begin with the family, then compare the species in a table."
EVIDENCE: dict[str, Any] = {
    "model": "fox-1-large",
    "prompt_tokens": 1204,
    "completion_tokens": 611,
    "reasoning_tokens": 96,
    "reasoning_ms": 7200,
    "first_token_ms": 412,
    "duration_ms": 10_450,
}
OLDER = [
    ("A letter to the landlord about the heating", 0),
    ("Regular expressions for dates", 1),
    ("Ideas for a birthday of somebody who has everything and wants nothing, least of all a surprise", 1),
    ("Why is the sky blue?", 4),
    ("Pasta for eight", 12),
    ("Packing list: two weeks in the mountains", 40),
    ("Untangling a merge conflict", 75),
]


def furnish(anna: User) -> dict[str, Conversation]:
    """Create everything. Returns by name: `foxes`, a long answer with versions; `failed`, one that was cut."""
    for title, days in reversed(OLDER):
        _older(anna, title, days)
    _older(anna, "Names for a hamster", 20, archived_at=timezone.now())
    _older(anna, "Shopping", 200, pinned_at=timezone.now())
    failed = make_conversation(anna, [("How many hares does a fox eat?", "It depends")], status="timed_out", **EVIDENCE)
    foxes = make_conversation(anna, [("What is a fox? Compare a few of them, please.", RICH)], **EVIDENCE)
    finish(retry(foxes), RICH, reasoning=REASONING, **EVIDENCE)
    Conversation.objects.filter(pk=foxes.pk).update(title="What is a fox?", instructions="Be brief, cite sources.")
    for name in ("Copy editor", "Python reviewer", "Russian teacher"):
        Preset.objects.create(owner=anna, name=name, model="fox-1", instructions=f"You are a patient {name.lower()}.")
    return {"foxes": foxes, "failed": failed}


def _older(anna: User, title: str, days: int, **fields: Any) -> None:
    conversation = make_conversation(anna, [(title, "Of course. Here is a first draft.")])
    at = timezone.now() - timedelta(days=days, hours=1)
    Conversation.objects.filter(pk=conversation.pk).update(title=title, last_message_at=at, **fields)


def question_of(conversation: Conversation) -> Message:
    return conversation.messages.get(role=Message.Role.USER)
