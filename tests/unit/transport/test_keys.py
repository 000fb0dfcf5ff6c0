"""Whose turn it is among credentials, and what is remembered of providers."""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from waypost.mutations.target import Target, Use, target
from waypost.providers.provider import Account, Credential, Endpoint, Host, Provider, Secret, SecretFile
from waypost.providers.refusals import Reason
from waypost.transport.keys import (
    ABSENT_SECONDS,
    CHECK_SECONDS,
    LIMITED_SECONDS,
    MAX_SECRET_BYTES,
    MOST_SECONDS,
    Keys,
    SecretFiles,
)


@dataclass
class Clock:
    """Time that passes when a test says so."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def at(name: str, *keys: Credential | str, model: str = "m") -> Target:
    """A model at a provider with these keys."""
    account = Account(tuple(Secret(key) if isinstance(key, str) else key for key in keys))
    provider = Provider(name, "openai", "https", (Host(f"{name}.invalid", 443),), "/v1", account=account)
    return target(Endpoint(model, provider, model), Use(), None)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(clock: Clock) -> Keys:
    return Keys(clock)


def test_without_a_key_there_is_none(keys: Keys) -> None:
    assert keys.pick(at("p")) is None


def test_the_first_key_is_used_until_it_is_over_its_limit(keys: Keys, clock: Clock) -> None:
    three = at("p", "one", "two", "three")
    assert keys.pick(three) == "one"
    keys.told(three, 429, key="one")
    assert keys.pick(three) == "two"
    clock.now += 1
    keys.told(three, 429, key="two")
    assert keys.pick(three) == "three"
    clock.now += LIMITED_SECONDS - 1
    assert keys.pick(three) == "one"


def test_where_all_are_over_it_the_one_that_is_ready_first_is_used(keys: Keys, clock: Clock) -> None:
    two = at("p", "one", "two")
    keys.told(two, 429, 30, key="one")
    keys.told(two, 429, 10, key="two")
    assert keys.pick(two) == "two"
    assert keys.cooling(two.endpoint) == 10
    clock.now += 10
    assert keys.cooling(two.endpoint) == 0


@pytest.mark.parametrize(
    ("wait", "seconds"), [(None, LIMITED_SECONDS), (0.0, 0.0), (7.5, 7.5), (1e9, MOST_SECONDS)]
)
def test_a_limit_lasts_as_long_as_the_provider_says_within_reason(
    keys: Keys, wait: float | None, seconds: float
) -> None:
    one = at("p", "one")
    keys.told(one, 429, wait)
    assert keys.cooling(one.endpoint) == seconds


@pytest.mark.parametrize(
    ("most", "limited", "refused"), [(0.0, 0.0, 0.0), (2.0, 2.0, 2.0), (600.0, 9.0, 600.0)]
)
def test_the_operator_says_how_long_at_most(
    clock: Clock, most: float, limited: float, refused: float
) -> None:
    keys, one = Keys(clock, most_seconds=most), at("p", "one")
    keys.told(one, 429, 9.0)
    assert keys.cooling(one.endpoint) == limited
    keys.told(one, 401)
    assert keys.cooling(one.endpoint) == refused


def test_limits_are_of_a_model_and_refusals_of_the_key(keys: Keys) -> None:
    small, large = at("p", "one", model="small"), at("p", "one", model="large")
    keys.told(small, 429)
    keys.told(small, 403)
    assert keys.cooling(large.endpoint) == 0
    keys.told(small, 401)
    assert keys.cooling(large.endpoint) == MOST_SECONDS


@pytest.mark.parametrize(
    ("status", "reason", "seconds"),
    [
        (401, None, MOST_SECONDS),
        (402, None, MOST_SECONDS),
        (400, "credential", MOST_SECONDS),
        (429, "quota", MOST_SECONDS),
        (400, "context", 0),
        (408, None, 0),
        (200, None, 0),
        (400, None, 0),
        (500, None, 0),
    ],
)
def test_what_is_held_against_a_key(keys: Keys, status: int, reason: Reason | None, seconds: float) -> None:
    one, other = at("p", "one"), at("p", "one", model="other")
    keys.told(one, status, 2.0, reason=reason)
    assert keys.cooling(other.endpoint) == seconds


@pytest.mark.parametrize("status", [503, 529])
def test_a_busy_provider_is_left_alone_where_it_says_for_how_long(keys: Keys, status: int) -> None:
    one = at("p", "one")
    keys.told(one, status)
    assert keys.cooling(one.endpoint) == 0
    keys.told(one, status, 4.0)
    assert keys.cooling(one.endpoint) == 4


def test_a_provider_without_keys_is_left_alone_as_a_whole(keys: Keys) -> None:
    keys.told(at("p"), 429, 3)
    assert keys.cooling(at("p").endpoint) == 3
    assert keys.cooling(at("q").endpoint) == 0


def test_who_does_not_know_which_key_it_was_says_nothing(keys: Keys) -> None:
    two = at("p", "one", "two")
    keys.told(two, 429)
    assert keys.pick(two) == "one"
    keys.told(two, 429, key="gone by now")
    assert keys.pick(two) == "one"


def test_keys_of_two_providers_are_two_even_if_they_read_alike(keys: Keys) -> None:
    keys.told(at("p", "same"), 401)
    assert keys.cooling(at("q", "same").endpoint) == 0


def test_a_refusal_is_told_once_a_minute_and_never_with_the_key(
    keys: Keys, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    two = at("p", "secret-one", "secret-two")
    for _ in range(5):
        keys.told(two, 401, key="secret-two")
    assert caplog.messages == ["provider 'p' refuses key 2 of 2 (status 401)"]
    clock.now += MOST_SECONDS
    keys.told(two, 403, key="secret-two", reason="credential")
    keys.told(at("bare"), 403, reason="credential")
    assert caplog.messages[1:] == [
        "provider 'p' refuses key 2 of 2 (status 403)",
        "provider 'bare' refuses requests (status 403)",
    ]


def test_a_limit_is_no_news(keys: Keys, caplog: pytest.LogCaptureFixture) -> None:
    keys.told(at("p", "one"), 429)
    assert not caplog.messages


def test_a_model_that_is_not_there_comes_back(
    keys: Keys, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    new, old = at("p", "one", model="new"), at("p", "one", model="old")
    for _ in range(3):
        keys.told(new, 404)
    assert (keys.is_absent(new.endpoint), keys.is_absent(old.endpoint)) == (True, False)
    assert [(r.levelno, r.message) for r in caplog.records] == [
        (logging.WARNING, "provider 'p' does not know model 'new'")
    ]
    assert keys.cooling(new.endpoint) == 0
    clock.now += ABSENT_SECONDS
    assert not keys.is_absent(new.endpoint)


def test_memory_is_bounded(keys: Keys) -> None:
    for number in range(5000):
        keys.told(at("p", f"key {number}"), 429)
    assert keys.cooling(at("p", "key 0").endpoint) == 0
    assert keys.cooling(at("p", "key 4999").endpoint) == LIMITED_SECONDS


# --- files ------------------------------------------------------------------------------------------------


@pytest.fixture
def files(clock: Clock) -> SecretFiles:
    return SecretFiles(clock)


def test_a_file_is_read_again_when_it_changes(files: SecretFiles, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("first\n")
    assert files.read(str(file)) == "first"
    file.write_text("  second")
    assert files.read(str(file)) == "first", "looked at too often"
    clock.now += CHECK_SECONDS
    assert files.read(str(file)) == "second"


def test_a_file_that_is_replaced_by_another_of_its_age_is_seen(
    files: SecretFiles, clock: Clock, tmp_path: Path
) -> None:
    file, other = tmp_path / "key", tmp_path / "new"
    file.write_text("first")
    other.write_text("again")
    files.read(str(file))
    os.utime(other, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    other.rename(file)
    clock.now += CHECK_SECONDS
    assert files.read(str(file)) == "again"


@pytest.mark.parametrize(
    "broken", [b"", b"\n", b"two words", b"caf\xc3\xa9", b"a\x00b", b"x" * (MAX_SECRET_BYTES + 1), None]
)
def test_a_file_that_cannot_be_used_leaves_the_last_good_one(
    files: SecretFiles, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: bytes | None
) -> None:
    file = tmp_path / "key"
    file.write_text("good")
    assert files.read(str(file)) == "good"
    for _ in range(3):
        clock.now += CHECK_SECONDS
        if broken is None:
            file.unlink(missing_ok=True)
        else:
            file.write_bytes(broken)
        assert files.read(str(file)) == "good"
    (said,) = caplog.messages
    assert "the last good one stays in use" in said
    assert str(file) in said
    assert "words" not in said
    file.write_text("better")
    clock.now += CHECK_SECONDS
    assert files.read(str(file)) == "better"


def test_a_file_that_never_was_is_no_credential(
    files: SecretFiles, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "key"
    assert files.read(str(file)) == ""
    assert "there is no other" in caplog.text
    file.write_text("good")
    clock.now += CHECK_SECONDS
    assert files.read(str(file)) == "good"


def test_a_key_in_a_file_that_is_replaced_begins_anew(keys: Keys, clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    one = at("p", SecretFile(str(file)), SecretFile(str(tmp_path / "missing")))
    assert keys.pick(one) == "old"
    keys.told(one, 401, key="old")
    assert keys.cooling(one.endpoint) == MOST_SECONDS
    file.write_text("new")
    clock.now += CHECK_SECONDS
    assert keys.pick(one) == "new"
    assert keys.cooling(one.endpoint) == 0


def test_who_listens_hears_for_how_long_nobody_may_be_asked(clock: Clock) -> None:
    heard: list[tuple[str, float]] = []
    keys = Keys(clock, lambda provider, seconds: heard.append((provider, seconds)))
    two = at("p", "one", "two")
    keys.told(two, 429, 30, key="one")
    keys.told(two, 429, 10, key="two")
    keys.told(two, 400, key="two")
    assert heard == [("p", 0), ("p", 10)]
