"""What the worker counts and the page shows; labels come from the configuration or from us."""

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from waypost.dialects.tap import StreamEnd
from waypost.observe.metrics import (
    METRICS,
    Metrics,
    attempt_outcome,
    cooling_seconds,
    page,
)
from waypost.observe.upstreams import HostState, Upstream
from waypost.testing import policies

POLICY = policies.policy({"a": "external", "b": "internal"}, {}, ())
PROVIDER = next(iter(POLICY.providers))
RULE = POLICY.rules[-1].name

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def series(text: str) -> Series:
    """Every sample of a page by name and labels."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(lambda: POLICY, lambda: 1000.0)


def test_what_ended_is_counted_by_its_decision_model_and_status(metrics: Metrics) -> None:
    metrics.ended(RULE, "a", 200)
    metrics.ended(RULE, "a", 201)
    metrics.ended("prompt_guard", None, 403)
    metrics.ended("explicit_model", "b", 0)
    name = "waypost_requests_total"
    assert value(metrics, name, decision=RULE, model="a", status_class="2xx") == 2
    assert value(metrics, name, decision="prompt_guard", model="none", status_class="4xx") == 1
    assert value(metrics, name, decision="explicit_model", model="b", status_class="none") == 1


def test_how_streams_end_is_told_in_the_words_that_are_counted(metrics: Metrics) -> None:
    """Who broke one off is not known, so no word says so."""
    for end in get_args(StreamEnd):
        metrics.streamed(PROVIDER, end)
        assert value(metrics, "waypost_stream_ends_total", provider=PROVIDER, end=end) == 1
    (told,) = (each.text for each in METRICS if each.name == "waypost_stream_ends_total")
    assert set(re.findall(r"complete|error|cut|aborted", told)) == set(get_args(StreamEnd))


def test_attempts_streams_tokens_and_money(metrics: Metrics) -> None:
    metrics.attempted(PROVIDER, "limited")
    metrics.streamed(PROVIDER, "cut")
    metrics.used("a", {"input": 12, "cached_input": 4, "output": 0})
    metrics.spent("a", 0.5, 0.25)
    metrics.spent("a", 0.5, -0.125)
    metrics.spent("a", 0.0)
    assert value(metrics, "waypost_attempts_total", provider=PROVIDER, outcome="limited") == 1
    assert value(metrics, "waypost_stream_ends_total", provider=PROVIDER, end="cut") == 1
    assert value(metrics, "waypost_tokens_total", model="a", kind="cached_input") == 4
    assert value(metrics, "waypost_cost_usd_total", model="a") == 1.0
    assert value(metrics, "waypost_saved_usd_total", model="a") == 0.25
    assert value(metrics, "waypost_overspent_usd_total", model="a") == 0.125


def test_a_key_rests_until_a_time(metrics: Metrics) -> None:
    metrics.cooling(PROVIDER, 30)
    assert value(metrics, "waypost_provider_cooling", provider=PROVIDER) == 1030
    metrics.cooling(PROVIDER, 0)
    assert value(metrics, "waypost_provider_cooling", provider=PROVIDER) == 0


@given(st.lists(st.tuples(st.text(), st.text(), st.integers(0, 999)), max_size=40))
def test_whatever_is_told_there_is_an_end_to_the_series(told: list[tuple[str, str, int]]) -> None:
    metrics = Metrics(lambda: POLICY)
    for decision, model, status in told:
        metrics.ended(decision, model, status)
        metrics.used(model, {"input": 1})
    found = {
        (sample.name, *sample.labels.values())
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.labels and not sample.name.endswith("_created")
    }
    allowed = {*POLICY.endpoints, *(rule.name for rule in POLICY.rules), "other", "none", "input"}
    allowed |= {"1xx", "2xx", "3xx", "4xx", "5xx", "semantic_classification", "explicit_model", "pii"}
    allowed |= {"prompt_guard"}
    assert {label for _, *labels in found for label in labels} <= allowed


def test_without_a_policy_every_name_is_other() -> None:
    metrics = Metrics()
    metrics.attempted("p", "ok")
    assert value(metrics, "waypost_attempts_total", provider="other", outcome="ok") == 1


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, "ok"),
        (304, "ok"),
        (400, "client_error"),
        (429, "limited"),
        (500, "error"),
        (529, "error"),
        (0, "error"),
    ],
)
def test_what_a_status_says_of_an_attempt(status: int, outcome: str) -> None:
    assert attempt_outcome(status) == outcome


COUNT = """
import sys
from pathlib import Path
from typing import get_args
from waypost.observe import metrics
from waypost.testing import policies
metrics.share(Path(sys.argv[1]))
policy = policies.policy({"a": "external", "b": "internal"}, {}, ())
made = metrics.Metrics(lambda: policy, lambda: 1000.0)
made.ended("semantic_classification", "a", 200)
made.attempted(next(iter(policy.providers)), "ok")
made.cooling(next(iter(policy.providers)), 30)
"""


def count(folder: Path) -> None:
    """A worker's life."""
    subprocess.run([sys.executable, "-c", COUNT, str(folder)], check=True, timeout=60)


def labelled(found: Series, name: str) -> Mapping[frozenset[tuple[str, str]], float]:
    return {labels: number for (sample, labels), number in found.items() if sample == name}


def test_a_worker_that_is_started_again_goes_on_counting(tmp_path: Path) -> None:
    folder = tmp_path / "metrics"
    count(folder)
    count(folder)
    text = page(folder, (), 1010.0).decode()
    found = series(text)
    assert list(labelled(found, "waypost_requests_total").values()) == [2]
    assert list(labelled(found, "waypost_provider_cooling").values()) == [20]
    assert cooling_seconds(folder, 1010.0) == {PROVIDER: 20}
    assert cooling_seconds(folder, 1031.0) == {}
    assert list(labelled(series(page(folder, (), 1031.0).decode()), "waypost_provider_cooling").values()) == [
        0
    ]
    assert len(list(folder.iterdir())) == 2  # not one more for each process
    assert "Multiprocess metric" not in text


def test_before_a_worker_has_counted_there_is_a_page(tmp_path: Path) -> None:
    up = Upstream("p", (HostState("127.0.0.1:1", True, 2, 9, 3, 4), HostState("127.0.0.1:2")), {}, 5, 6)
    found = series(page(tmp_path / "not-there", [up], 0.0).decode())

    def of(name: str, **labels: str) -> float:
        return found[(name, frozenset({"provider": "p", **labels}.items()))]

    assert of("waypost_provider_addresses", state="ejected") == 1
    assert of("waypost_provider_addresses", state="healthy") == 1
    assert of("waypost_provider_requests_active") == 2
    assert of("waypost_provider_connect_failures_total") == 4
    assert of("waypost_provider_retries_total") == 5
    assert of("waypost_provider_timeouts_total") == 6
    assert cooling_seconds(tmp_path / "not-there", 0.0) == {}


def test_what_an_earlier_version_wrote_is_not_shown(tmp_path: Path) -> None:
    script = "from prometheus_client import Counter; Counter('waypost_gone_total', 'x').inc()"
    environ = {"PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, env=environ)
    assert list(tmp_path.iterdir())
    assert "gone" not in page(tmp_path, (), 0.0).decode()


def test_names_follow_the_conventions() -> None:
    assert len({described.name for described in METRICS}) == len(METRICS)
    for described in METRICS:
        assert described.name.startswith("waypost_")
        assert described.name.endswith("_total") == (described.kind == "counter")
        assert described.text.endswith(".")


def test_the_page_shows_every_metric_of_the_table_and_no_other(tmp_path: Path) -> None:
    count(tmp_path)
    text = page(tmp_path, [Upstream("p", (HostState("127.0.0.1:1"),))], 0.0).decode()
    helped = {line.split()[2] for line in text.splitlines() if line.startswith("# HELP")}
    known = {described.name for described in METRICS}
    assert helped <= known
    assert {described.name for described in METRICS if described.source == "envoy"} <= helped
