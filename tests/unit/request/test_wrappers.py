"""Where the human's words end and a wrapper begins."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.request.wrappers import SHORT, Kind, pieces

LONG = "line of a file\n" * 40


def of(kind: Kind, text: str) -> list[str]:
    return [piece.strip() for each, piece in pieces(text) if each == kind and piece.strip()]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "How do I sort a list?",
        "Is a < b and c > d enough?",
        "Why is <b>this</b> bold?",
        "Fix it:\n```js\nconst a = 1\n```\nthanks",
        "<div>\n<p>short page</p>\n</div>\nWhy two lines?",
        "> quoted\nand my answer",
        "- logs\n- files\n\nWhat are these?",
        "The current date is wrong on my laptop.",
        "unclosed <system-reminder> and more",
        "closed </system-reminder> only",
        "in the middle: context\nof a line",
    ],
)
def test_a_turn_without_wrappers_is_said_as_a_whole(text: str) -> None:
    assert list(pieces(text)) == [("said", text)]


@pytest.mark.parametrize(
    "wrapper",
    [
        "<system-reminder>\nBe brief.\n</system-reminder>",
        "<environment_details>\n# Tabs\n<x>a</x>\n</environment_details>",
        '<tool_result id="7">ok</tool_result>',
        "<SYSTEM_REMINDER>\nshouted\n</system_reminder>",
        "<env>\nlinux\n</env>",
        "Current time: 10:15",
        "[Current date and time: 2026-11-20]",
        "The current date is 2026-11-20.",
    ],
)
def test_what_only_a_harness_says_is_noise(wrapper: str) -> None:
    text = f"{wrapper}\nWhy?"
    assert of("said", text) == ["Why?"]
    assert ("noise", "") in list(pieces(text))


@pytest.mark.parametrize("name", ["user_query", "user-request", "command-args"])
def test_a_tag_around_the_ask(name: str) -> None:
    assert of("tagged", f"Answer.\n<{name}>Why?</{name}>") == ["Why?"]


@pytest.mark.parametrize(
    "wrapper",
    [
        f'<file path="a.py">\n{LONG}</file>',
        f"<context>\n<file>{LONG}</file>\n<file>{LONG}</file>\n</context>",
        f"```\n{LONG}```",
        f"~~~ py\n{LONG}",
        "> quoted mail\n" * 40,
    ],
)
def test_what_was_handed_along_is_told_apart_if_it_is_long(wrapper: str) -> None:
    (given_along,) = of("given", f"Sum up:\n{wrapper}")
    assert len(given_along) > SHORT
    assert of("said", f"Sum up:\n{wrapper}") == ["Sum up:"]


@pytest.mark.parametrize(
    "heading",
    [
        "Context:",
        "## Documents",
        "**Sources:**",
        "[Search results]",
        "Retrieved documents:",
        "Kontext:",
        "Text 1:",
    ],
)
def test_a_heading_tells_what_follows(heading: str) -> None:
    text = f"Answer me.\n{heading}\nthe passage\n\nQuestion: Why?\nAnswer:"
    assert of("said", text) == ["Answer me."]
    assert of("given", text) == ["the passage"]
    assert of("asked", text) == ["Why?"]


@pytest.mark.parametrize(
    "start",
    [
        "-----Original Message-----",
        "On Mon, 16 Nov 2026, Carla wrote:",
        "Am 16.11.2026 um 10:12 schrieb Carla:",
        "Le 16 novembre 2026, Carla a écrit :",
        "From: Carla\nSent: Monday",
    ],
)
def test_a_mail_thread_goes_to_the_end(start: str) -> None:
    assert of("said", f"Say no.\n\n{start}\nHi Tom,\nwould you?") == ["Say no."]


def test_headings_inside_a_long_block_are_part_of_it() -> None:
    text = f"Why?\n```\nQuestion: what\n{LONG}```\nThanks"
    assert of("asked", text) == []
    assert of("said", text) == ["Why?", "Thanks"]


def test_results_of_a_tool_are_noise_up_to_the_next_heading() -> None:
    text = "[read_file for 'a.py'] Result:\nprint(1)\n\n# Task\nRename it"
    assert of("said", text) == []
    assert of("asked", text) == ["Rename it"]


@given(
    st.lists(
        st.sampled_from(["<a>", "</a>", "```\n", "\nContext:\n", "\n> q", "x", "\n", "<task>", "</task>"])
    )
)
def test_no_word_is_read_twice_and_none_is_made_up(parts: list[str]) -> None:
    text = "".join(parts)
    place = 0
    for _, piece in pieces(text):
        place = text.index(piece, place) + len(piece)
    assert place <= len(text)
