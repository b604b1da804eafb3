"""POST /chat/stream: a question and its answer as it grows."""

from tests.site import Person, stored


def test_it_streams_an_answer_and_stores_it(anna: Person) -> None:
    told = anna.ask("What does a fox say?", model="echo")

    assert told.events[0]["type"] == "start"
    assert told.text() == "What does a fox say?"
    assert told.end["status"] == "complete"
    assert told.end["message"] is None
    assert stored(told.reply).text == "What does a fox say?"
    assert stored(told.reply).generation.status == "complete"
