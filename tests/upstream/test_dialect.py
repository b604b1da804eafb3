"""What `check_upstream` reads from the bytes of an answer."""

from collections.abc import Callable

import pytest

from chat.upstream import dialect
from tests.support.fake_upstream.chunks import sse
from tests.support.wire_rows import ROWS
from tests.support.wire_rows.base import body_of


@pytest.mark.parametrize(
    ("reader", "row", "seen"),
    [
        (dialect.line_endings, "X1", "LF"),
        (dialect.line_endings, "W1", "CRLF"),
        (dialect.line_endings, "W2", "CR"),
        (dialect.line_endings, "W3", "CRLF and LF and CR"),
        (dialect.line_endings, "W25", "none"),
        (dialect.comments, "X1", "none"),
        (dialect.comments, "W13c", "such as ': OPENROUTER PROCESSING'"),
        (dialect.comments, "W22", "such as 'data: : PING'"),
        (dialect.ends_with_done, "X1", "yes"),
        (dialect.ends_with_done, "W20b", "yes"),
        (dialect.ends_with_done, "W19", "no"),
        (dialect.usage_place, "X1", "in a chunk of its own"),
        (dialect.usage_place, "W44a", "chunks"),
        (dialect.usage_place, "W44b", "in the chunk of the finish_reason"),
        (dialect.usage_place, "W44c", "in the chunk of the finish_reason, as x_groq.usage"),
        (dialect.usage_place, "W42", "none"),
        (dialect.reasoning_keys, "X1", "none seen"),
        (dialect.reasoning_keys, "W37a", "a list of parts as content"),
        (dialect.reasoning_keys, "W48", "reasoning_content"),
        (dialect.reasoning_keys, "W50a", "reasoning_content, reasoning"),
        (dialect.reasoning_keys, "W52a", "<think> tags in the content"),
        (dialect.error_shape, "X1", "not JSON"),
        (dialect.error_shape, "W25", "empty"),
        (dialect.error_shape, "W27a", "a web page"),
        (dialect.error_shape, "W26b", '{"error": {"message": text'),
    ],
)
def test_it_reads_the_dialect_of_a_body(reader: Callable[[bytes], str], row: str, seen: str) -> None:
    said = reader(body_of(ROWS[row]))
    assert said.startswith(seen) or said.endswith(seen)


@pytest.mark.parametrize("name", ROWS)
def test_it_reads_every_body_of_the_table(name: str) -> None:
    body = body_of(ROWS[name])
    for reader in (dialect.line_endings, dialect.comments, dialect.usage_place, dialect.reasoning_keys):
        assert reader(body)


@pytest.mark.parametrize("value", [1, [], [1], {"choices": 1}, {"choices": [1, {"delta": 1}]}, {"x_groq": 1}])
def test_it_bears_what_is_no_chunk(value: object) -> None:
    assert dialect.usage_place(sse(value)) == "none"
    assert dialect.reasoning_keys(sse(value)) == "none seen"


def test_an_error_is_shown_by_its_kinds_only() -> None:
    error = b'{"error": {"message": "sk-1", "code": 400, "param": null, "more": [{"ok": true}, 2]}, "list": []}'
    kinds = '{"error": {"message": text, "code": number, "param": null, "more": [{"ok": true or false}]}, "list": []}'
    assert dialect.error_shape(error) == kinds
