"""Marks in a prompt, and what they do to the bytes of an answer."""

import gzip
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.demo.faults import INSTEAD, NONE, SLOW, WITHIN, Course, Faults, course, marked

STREAM = [b"role", b"one", b"two", b"three", b"end"]


def of(*words: str) -> Faults:
    return Faults(frozenset(words))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nothing", NONE),
        ("[[fault 503]]", Faults(status=503)),
        ("a [[fault 429 retry-after=2]] b", Faults(status=429, retry_after=2)),
        ("[[fault @cloud 500]]", Faults(status=500)),
        ("[[fault @search 500]]", NONE),
        ("[[fault @search @cloud 500]]", Faults(status=500)),
        ("[[fault split]] [[fault cut]] [[fault @search 500]]", of("split", "cut")),
        ("[[fault slow error]]", of("slow", "error")),
        ("[[fault slwo]]", Faults(unknown="slwo")),
        ("[[fault 302]]", Faults(unknown="302")),
        ("[[fault]] [[ fault 503]] [fault 503]", NONE),
        ("[[fault [[fault 503]]", Faults(status=503)),
    ],
)
def test_marks(text: str, expected: Faults) -> None:
    assert marked(text, "cloud") == expected


@given(st.text())
def test_no_text_is_too_odd_to_read(text: str) -> None:
    assert marked(f"[[fault {text}]]", "cloud").status in {0, *range(400, 600)}


def test_every_word_is_known() -> None:
    for word in INSTEAD | WITHIN:
        assert marked(f"[[fault {word}]]", "cloud") == of(word)


def test_every_word_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/try-failures.md").read_text()
    assert {word for word in INSTEAD | WITHIN if f"`[[fault {word}]]`" not in page} == set()


def test_without_faults_all_goes_out_as_it_is() -> None:
    assert course(STREAM, NONE, lead=3) == Course(tuple(STREAM))
    assert course([b"{}"], NONE) == Course((b"{}",), length=2)


@pytest.mark.parametrize(
    ("word", "pieces", "ending"),
    [
        ("error", (b"role", b"one", b"two", b"E"), "end"),
        ("early", (b"role", b"one", b"two"), "end"),
        ("cut", (b"role", b"one", b"two"), "cut"),
        ("stall", (b"role", b"one", b"two"), "stall"),
    ],
)
def test_a_stream_goes_wrong_behind_its_second_token(
    word: str, pieces: tuple[bytes, ...], ending: str
) -> None:
    way = course(STREAM, of(word), lead=3, error=b"E")
    assert (way.pieces, way.ending, way.length) == (pieces, ending, None)


def test_garbage_stands_between_tokens() -> None:
    way = course(STREAM, of("garbage"), lead=3)
    assert way.pieces[3].startswith(b'data: {"half"')
    assert way.pieces[:3] + way.pieces[4:] == tuple(STREAM)


@pytest.mark.parametrize(
    ("word", "ending", "length"),
    [("cut", "cut", 4), ("stall", "stall", 4), ("early", "end", 2), ("garbage", "end", 2)],
)
def test_half_of_a_json_answer(word: str, ending: str, length: int) -> None:
    way = course([b"{12}"], of(word))
    assert (way.pieces, way.ending, way.length) == ((b"{1",), ending, length)


def test_slow_waits_and_split_does_not() -> None:
    assert course(STREAM, of("slow"), lead=3).pause == SLOW
    way = course(STREAM, of("split", "error"), lead=3, error=b"E")
    assert way.pause == 0
    assert b"".join(way.pieces) == b"roleonetwoE"
    assert {len(piece) for piece in way.pieces} == {1}


def test_what_is_long_is_not_split() -> None:
    assert len(course([b"x" * 200_000], of("split")).pieces) == 1


def test_gzip_only_for_who_takes_it_and_each_piece_can_be_unpacked() -> None:
    assert course(STREAM, of("gzip"), lead=3).packed is False
    way = course(STREAM, of("gzip"), lead=3, gzip=True)
    assert way.packed
    unpack = zlib.decompressobj(wbits=31)
    assert [unpack.decompress(piece) for piece in way.pieces] == STREAM
    whole = course([b"{}"], of("gzip"), gzip=True)
    assert gzip.decompress(whole.pieces[0]) == b"{}"
    assert whole.length == len(whole.pieces[0])
