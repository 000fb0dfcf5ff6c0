"""A request's own headers make the cache careful, never careless."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.cache.control import Control, control
from waypost.errors import RequestError
from waypost.request.chat import ChatRequest


def asked(*headers: tuple[str, str]) -> Control:
    return control(ChatRequest("openai_chat", b"{}", "auto", headers=headers))


def test_no_header_asks_for_nothing() -> None:
    assert asked() == Control()
    assert asked(("accept", "no-store"), ("x-other", "no-cache")) == Control()


@pytest.mark.parametrize("name", ["cache-control", "x-waypost-cache-control", "x-vsr-cache-control"])
def test_each_header_is_understood(name: str) -> None:
    assert asked((name, "no-cache")) == Control(lookup=False)
    assert asked((name, "No-Store")) == Control(lookup=False, store=False)
    assert asked((name, " max-age=60 ")) == Control(max_age_seconds=60)
    assert asked((name, "no-cache, max-age=5")) == Control(lookup=False, max_age_seconds=5)


def test_headers_that_stand_there_twice_all_count_and_the_most_careful_wins() -> None:
    said = asked(
        ("cache-control", "max-age=60"), ("cache-control", "no-cache"), ("cache-control", "max-age=9")
    )
    assert said == Control(lookup=False, max_age_seconds=9)
    both = asked(("x-waypost-cache-threshold", "0.95"), ("x-waypost-cache-threshold", "0.9"))
    assert both.threshold == 0.95


@pytest.mark.parametrize(
    "value", ["", "public", "max-age=", "max-age=-1", "max-age=1.5", "no-cache=x", ",,", "é"]
)
def test_what_libraries_send_is_passed_over(value: str) -> None:
    assert asked(("cache-control", value)) == Control()
    assert asked(("x-vsr-cache-control", value)) == Control()


@pytest.mark.parametrize(
    "value", ["public", "max-age=soon", "max-age=" + "9" * 19, "no cache", "max-age=\u0661"]
)
def test_what_makes_no_sense_in_our_own_header_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(RequestError) as refused:
        asked(("x-waypost-cache-control", value))
    assert refused.value.status == 400
    assert refused.value.param == "x-waypost-cache-control"
    assert value not in refused.value.message


@pytest.mark.parametrize(
    "value", ["", "high", "0", "0.0", "1.1", "-0.9", "nan", "inf", "1e-1", "0.9, 0.8", "." * 9]
)
def test_a_threshold_is_a_number_up_to_one(value: str) -> None:
    with pytest.raises(RequestError) as refused:
        asked(("x-waypost-cache-threshold", value))
    assert refused.value.param == "x-waypost-cache-threshold"


@given(st.floats(0.001, 1), st.floats(0.001, 1))
def test_a_threshold_is_only_raised(settings: float, wanted: float) -> None:
    assert Control(threshold=wanted).raised(settings) == max(settings, wanted)
    assert Control().raised(settings) == settings


def test_an_age_is_only_lowered() -> None:
    assert Control(max_age_seconds=60).lowered(3600) == 60
    assert Control(max_age_seconds=7200).lowered(3600) == 3600
    assert Control().lowered(3600) == 3600
    assert asked(("cache-control", "max-age=0")).lowered(3600) == 0


@given(st.text(max_size=60))
def test_any_value_is_read_or_refused(value: str) -> None:
    asked(("cache-control", value))
    for name in ("x-waypost-cache-control", "x-waypost-cache-threshold"):
        with suppress(RequestError):
            said = asked((name, value))
            assert said.threshold is None or 0 < said.threshold <= 1
