"""The decoder of Server-Sent Events, rule by rule of WHATWG HTML 9.2, and at any split of the bytes."""

import re
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chat.sse import Decoder, Event, LineTooLong, encode, encode_retry
from tests.support.fake_upstream.cuts import at, every_byte

THOROUGHLY = settings(max_examples=300)


def decoded(*pieces: bytes, flush: bool = False) -> list[Event]:
    decoder = Decoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return [*events, *decoder.flush()] if flush else events


def data_of(*pieces: bytes, flush: bool = False) -> list[str]:
    return [event.data for event in decoded(*pieces, flush=flush)]


def test_it_reads_an_event() -> None:
    assert decoded(b"event: greeting\nid: 7\ndata: hello\n\n") == [Event("hello", "greeting", "7")]


# --- The examples of the standard -----------------------------------------------------------------------------------


def test_it_joins_the_lines_of_one_event() -> None:
    assert decoded(b"data: YHOO\ndata: +2\ndata: 10\n\n") == [Event("YHOO\n+2\n10")]


def test_it_reads_four_blocks() -> None:
    stream = b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n"

    assert decoded(stream) == [Event("first event", id="1"), Event("second event", id="")]
    assert decoded(stream, b"\n")[2:] == [Event(" third event", id="")]


def test_it_dispatches_empty_data_and_drops_the_unfinished_block() -> None:
    assert data_of(b"data\n\ndata\ndata\n\ndata:") == ["", "\n"]


def test_it_removes_one_space() -> None:
    assert data_of(b"data:test\n\ndata: test\n\n") == ["test", "test"]


# --- Lines ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"], ids=["LF", "CR", "CRLF"])
def test_a_line_ends_by(end: bytes) -> None:
    assert data_of(b"data: a" + end + b"data: b" + end * 2 + b"data: c" + end * 2) == ["a\nb", "c"]


def test_endings_may_be_mixed() -> None:
    assert data_of(b"data: a\rdata: b\r\ndata: c\n\r\ndata: d\n\r") == ["a\nb\nc", "d"]


def test_a_crlf_split_over_two_reads_is_one_ending() -> None:
    assert data_of(b"data: a\r", b"\ndata: b\r", b"\n\r", b"\n") == ["a\nb"]


def test_an_empty_read_between_cr_and_lf_changes_nothing() -> None:
    assert data_of(b"data: a\r", b"", b"\ndata: b\r", b"", b"\n\r\n") == ["a\nb"]


@pytest.mark.parametrize("character", ["\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c", "\x1d", "\x1e"])
def test_nothing_else_ends_a_line(character: str) -> None:
    assert data_of(f"data: a{character}b\n\n".encode()) == [f"a{character}b"]


def test_one_byte_order_mark_is_stripped_from_the_start() -> None:
    assert data_of(b"\xef\xbb\xbfdata: a\n\n") == ["a"]
    assert data_of(b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n") == []
    assert data_of(b"data: a\n\n\xef\xbb\xbfdata: b\n\n") == ["a"]


def test_it_is_always_utf_8() -> None:
    assert data_of("data: naïve 👋🏽\n\n".encode()) == ["naïve 👋🏽"]
    assert data_of(b"data: caf\xe9 \xff \xe4\xbd.\n\n") == ["caf\ufffd \ufffd \ufffd."]


def test_a_character_split_over_reads_is_whole() -> None:
    assert data_of(b"data: \xf0\x9f", b"\x91\x8b\n\n") == ["👋"]


# --- Fields ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comment", [b":", b": ping", b": OPENROUTER PROCESSING", b":data: no"])
def test_a_colon_first_is_a_comment(comment: bytes) -> None:
    assert data_of(comment + b"\n\ndata: a\n" + comment + b"\n\n") == ["a"]


def test_the_value_begins_behind_the_first_colon_and_at_most_one_space() -> None:
    assert data_of(b"data:  a: b \n\n") == [" a: b "]


def test_a_line_without_a_colon_is_a_name_with_an_empty_value() -> None:
    assert data_of(b"data\n\n") == [""]


@pytest.mark.parametrize("line", [b"Data: a", b"DATA: a", b" data: a", b"data : a", b"dat: a", b"datax", b"\xff: a"])
def test_an_unknown_name_is_ignored(line: bytes) -> None:
    assert data_of(line + b"\n\n") == []


def test_a_block_without_data_is_not_dispatched_and_its_type_is_forgotten() -> None:
    assert decoded(b"event: ping\n\ndata: a\n\n") == [Event("a")]


def test_the_last_type_of_a_block_counts_and_an_empty_one_is_a_message() -> None:
    assert decoded(b"event: a\nevent: b\ndata\n\nevent: a\nevent\ndata\n\n") == [Event("", "b"), Event("")]


def test_an_id_stays_until_the_next() -> None:
    ids = [event.id for event in decoded(b"id: 1\ndata\n\ndata\n\nid: 2\n\ndata\n\nid\ndata\n\n")]
    assert ids == ["1", "1", "2", ""]


def test_an_id_with_nul_is_ignored() -> None:
    assert decoded(b"id: 1\nid: 2\0\ndata\n\n") == [Event("", id="1")]


@pytest.mark.parametrize("value", [b"soon", b"+5", b"-5", b"5.0", b"0x5", b"", b" 5", "٥".encode(), b"9" * 5_000])
def test_a_retry_that_is_no_number_is_ignored(value: bytes) -> None:
    decoder = Decoder()
    assert list(decoder.feed(b"retry: 3000\nretry: " + value + b"\n\n")) == []
    assert decoder.retry == 3000


# --- Where we are more tolerant than the standard -------------------------------------------------------------------


def test_a_last_event_needs_no_blank_line() -> None:
    assert data_of(b"data: a\n\ndata: b\n", flush=True) == ["a", "b"]


def test_a_last_line_needs_no_end() -> None:
    assert data_of(b"data: a\n\ndata: b", flush=True) == ["a", "b"]


def test_after_a_whole_event_nothing_is_left() -> None:
    assert data_of(b"data: a\r\n\r\n", flush=True) == ["a"]
    assert data_of(b": ping", flush=True) == []
    assert data_of(flush=True) == []


def test_a_field_named_error_is_an_event_of_that_type() -> None:
    assert decoded(b'error: {"code": 500}\n\n') == [Event('{"code": 500}', "error")]


def test_json_may_stand_on_the_line_behind_an_empty_data() -> None:
    assert data_of(b'data:\n {"a": 1}\n\ndata:\n{"b": 2}\n\n') == ['\n {"a": 1}', '\n{"b": 2}']


def test_json_is_nothing_without_that_data() -> None:
    assert data_of(b'{"a": 1}\n\ndata: x\n{"b": 2}\n\n') == ["x"]


# --- Limits ---------------------------------------------------------------------------------------------------------


def test_a_line_of_just_the_limit_is_read() -> None:
    assert [event.data for event in Decoder(max_line=10).feed(b"data: 6789\n\n")] == ["6789"]


@pytest.mark.parametrize("tail", [b"", b"\n", b"\n\n"])
def test_a_longer_line_is_refused_behind_the_events_before_it(tail: bytes) -> None:
    decoder = Decoder(max_line=10)
    events = decoder.feed(b"data: 1\n\ndata: 67890" + tail)

    assert next(events) == Event("1")
    with pytest.raises(LineTooLong):
        next(events)


def test_an_event_of_endless_lines_is_refused() -> None:
    decoder = Decoder(max_line=10)
    with pytest.raises(LineTooLong):
        list(decoder.feed(b"data: 123\n" * 4))


def test_many_short_events_are_no_long_one() -> None:
    assert len(list(Decoder(max_line=10).feed(b"data: 123\n\n" * 100))) == 100


def test_a_long_line_byte_by_byte_is_collected_without_copying_it_each_time() -> None:
    text = "x" * 300_000
    assert data_of(*(bytes([byte]) for byte in f"data: {text}\n\n".encode())) == [text]


# --- Writing --------------------------------------------------------------------------------------------------------


@given(
    data=st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])),
    id=st.from_regex(r"\A[0-9]+\.[0-9]+(\.end)?\Z"),
)
def test_what_is_encoded_is_decoded(data: str, id: str) -> None:
    assert decoded(encode(data, id=id)) == [Event(data, id=id)]


def test_a_retry_is_no_event() -> None:
    decoder = Decoder()
    assert list(decoder.feed(encode_retry(1500) + encode("a", id="1"))) == [Event("a", id="1")]
    assert decoder.retry == 1500


# --- Any stream, split anywhere -------------------------------------------------------------------------------------

NAMES = st.sampled_from([b"data", b"event", b"id", b"retry", b":", b"unknown", b"Data", b"\xef\xbb\xbfdata"])
LENIENT_NAMES = st.sampled_from([b"error", b'{"a"', b' {"a"'])
SEPARATORS = st.sampled_from([b":", b": ", b":  ", b""])
NO_LINE_ENDS = ("\0", "\v", "\f", "\x1c", "\u0085", "\u2028", "\u2029", "й", "👋", "\ufeff")
SHORT = (b"", b"0", b"3000", b"[DONE]", b":", b" ", b'{"a":1}', b"\xff", b"\xe4\xbd")
WORDS = st.sampled_from([*SHORT, *(character.encode() for character in NO_LINE_ENDS)])
BYTES = st.binary(max_size=6).map(lambda value: value.translate(None, b"\r\n"))
VALUES = st.lists(WORDS, max_size=4).map(b"".join) | BYTES
ENDS = st.sampled_from([b"\n", b"\r", b"\r\n"])


def streams(names: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    lines = st.one_of(st.just(b""), st.tuples(names, SEPARATORS, VALUES).map(b"".join))
    body = st.lists(st.tuples(lines, ENDS).map(b"".join), max_size=12).map(b"".join)
    return st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), body, VALUES).map(b"".join)


PLACES = st.lists(st.integers(0, 120), max_size=8)


def everything(pieces: Iterable[bytes], max_line: int = 1_000) -> tuple[list[Event], int | None, bool]:
    """Return the events, the time to reconnect, and whether a line was too long."""
    decoder = Decoder(max_line=max_line)
    events: list[Event] = []
    try:
        for piece in pieces:
            for event in decoder.feed(piece):
                events.append(event)
        events += decoder.flush()
    except LineTooLong:
        return events, decoder.retry, True
    return events, decoder.retry, False


@THOROUGHLY
@given(streams(NAMES | LENIENT_NAMES), PLACES)
@example(b"\xef\xbb\xbfdata: a\r\n\r\ndata: b", [1, 2, 12, 13, 14])
def test_any_split_gives_the_same_events(stream: bytes, places: list[int]) -> None:
    whole = everything([stream])

    assert everything(at(places)(stream)) == whole
    assert everything(every_byte(stream)) == whole


@THOROUGHLY
@given(streams(NAMES | LENIENT_NAMES), PLACES, st.integers(1, 20))
def test_any_split_finds_the_same_line_too_long(stream: bytes, places: list[int], max_line: int) -> None:
    whole = everything([stream], max_line)

    assert everything(at(places)(stream), max_line) == whole
    assert everything(every_byte(stream), max_line) == whole


def as_the_standard_says(stream: bytes) -> list[Event]:
    """Parse a complete stream by 9.2.5 and 9.2.6, word for word."""
    text = stream.decode("utf-8", "replace").removeprefix("\ufeff")
    *lines, _ = re.split("\r\n|\r|\n", text)  # the rest is not terminated, and is discarded
    events: list[Event] = []
    data = type_ = last_id = ""
    for line in lines:
        if line == "":
            if data != "":
                events.append(Event(data.removesuffix("\n"), type_ or "message", last_id))
            data, type_ = "", ""
            continue
        if line.startswith(":"):
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            type_ = value
        elif name == "data":
            data += value + "\n"
        elif name == "id" and "\0" not in value:
            last_id = value
    return events


@THOROUGHLY
@given(streams(NAMES), PLACES)
def test_it_reads_what_the_standard_says(stream: bytes, places: list[int]) -> None:
    assert decoded(*at(places)(stream)) == as_the_standard_says(stream)
