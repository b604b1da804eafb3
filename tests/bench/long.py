"""How fast a conversation of 1,000 messages opens, as a browser asks for it."""

import statistics
import time
from collections.abc import Iterator

import httpx

MESSAGES = 1_000
TIMES = 20
ANSWER = """## Answer {number}

Some *prose* with a [link](https://example.com/{number}), `code` and a formula $x_{{{number}}}^2$. {filler}

- one thing
- another thing, with **weight**

| name | value |
|---|---|
| a | {number} |

```python
def answer_{number}(question: str) -> str:
    return f"{{question}} {number}"
```
"""


def open_long_conversation(port: int, session: str) -> None:
    """Open the newest messages, cold and warm; then some in the middle; then earlier ones, as scripts ask for them."""
    conversation, middle = make(MESSAGES)
    print(f"\na conversation of {MESSAGES} messages, {sum(len(text) for text in texts(MESSAGES)) // 1000} KB")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies={"sessionid": session}, timeout=60) as browser:
        for what, query in (
            ("opens", ""),
            ("opens at one in the middle", f"?message={middle}"),
            ("earlier messages", f"?earlier_than={middle}&fragment=messages"),
        ):
            say(what, browser, f"/chat/{conversation}/{query}")


def say(what: str, browser: httpx.Client, path: str) -> None:
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        response = browser.get(path)
        taken.append((time.perf_counter() - began) * 1000)
        assert response.status_code == 200, response.status_code
    size = len(response.content) / 1000
    print(f"  {what:30} first {taken[0]:6.0f} ms   then p50 {statistics.median(taken[1:]):6.0f} ms   {size:5.0f} KB")


def texts(count: int) -> Iterator[str]:
    for number in range(count):
        filler = f"Words that say little, for the {number}th time. " * 20
        yield ANSWER.format(number=number, filler=filler) if number % 2 else f"Question {number}? {filler[:200]}"


def make(count: int) -> tuple[object, object]:
    """Create one branch for the first user. Returns (conversation, the message in the middle). Needs Django set up."""
    from chat.models import Conversation, Evidence, Generation, Message, User

    owner = User.objects.get(username="bench-0")
    conversation = Conversation.objects.create(owner=owner, title="A long one")
    messages: list[Message] = []
    for number, text in enumerate(texts(count)):
        message = Message(conversation=conversation, owner=owner, number=number + 1, text=text)
        message.role = Message.Role.ASSISTANT if number % 2 else Message.Role.USER
        message.parent = messages[-1] if messages else None
        messages.append(message)
    Message.objects.bulk_create(messages)
    replies = [message for message in messages if message.is_reply]
    Generation.objects.bulk_create(
        Generation(message=reply, conversation=conversation, status="complete", heartbeat_at=reply.created_at)
        for reply in replies
    )
    Evidence.objects.bulk_create(Evidence(message=reply, model="a model") for reply in replies)
    Conversation.objects.filter(pk=conversation.pk).update(leaf=messages[-1])
    return conversation.pk, messages[count // 2].pk
