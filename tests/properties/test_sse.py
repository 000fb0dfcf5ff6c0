"""However a stream of events is cut, its events are the same."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.sse import MAX_EVENT, Event, SseReader, write

lines = st.sampled_from(
    [
        b"",
        b"data: x",
        b"data:",
        b"data",
        b"event: e",
        b": c",
        b"id: 1",
        b"\xef\xbb\xbf",
        b"\xe2\x82\xac",
        b"x",
    ]
)
ends = st.sampled_from([b"\n", b"\r", b"\r\n", b""])
streams = st.lists(st.tuples(lines, ends).map(b"".join), max_size=30).map(b"".join)


def read(pieces: list[bytes]) -> list[Event]:
    reader = SseReader()
    return [*(event for piece in pieces for event in reader.feed(piece)), *reader.end()]


def cut(stream: bytes, cuts: set[int]) -> list[bytes]:
    places = [0, *sorted(cut for cut in cuts if cut < len(stream)), len(stream)]
    return [stream[start:end] for start, end in pairwise(places)]


@given(streams | st.binary(max_size=80), st.sets(st.integers(0, 200)))
def test_any_split_gives_the_same_events(stream: bytes, cuts: set[int]) -> None:
    assert read(cut(stream, cuts)) == read([stream])


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(blacklist_characters="\r\n", codec="utf-8"), max_size=9).filter(
                lambda name: not name.startswith(" ")
            ),
            st.binary(max_size=40).map(lambda data: data.replace(b"\r", b"")),
        )
    ),
    st.sets(st.integers(0, 400)),
)
def test_what_is_written_is_read(events: list[tuple[str, bytes]], cuts: set[int]) -> None:
    stream = b"".join(write(data, name) for name, data in events)
    assert read(cut(stream, cuts)) == [Event(name, data) for name, data in events]
    assert len(stream) < MAX_EVENT
