"""Levels of the cache: each key from the narrowest that says something."""

import pytest
from pydantic import ValidationError

from waypost.cache.settings import MAX_TTL_SECONDS, CacheLevel, CacheSettings, merged
from waypost.configurable import build, schema


def test_nothing_is_cached_where_nobody_says_so() -> None:
    assert merged(()) == CacheSettings()
    assert not merged((CacheLevel(), CacheLevel(scope="global"))).enabled


def test_each_key_comes_from_the_first_level_that_says_something() -> None:
    rule = CacheLevel(similarity_threshold=0.95, enabled=False)
    file = CacheLevel(enabled=True, similarity_threshold=0.8, ttl_seconds=60.0, scope="user")
    assert merged((rule, file)) == CacheSettings(
        enabled=False, similarity_threshold=0.95, ttl_seconds=60.0, scope="user"
    )


def test_zero_is_something_that_a_level_says() -> None:
    assert merged((CacheLevel(max_temperature=0.0), CacheLevel(max_temperature=1.5))).max_temperature == 0


def test_a_block_is_read_strictly() -> None:
    assert build(CacheLevel, {"enabled": True, "scope": "global"}) == CacheLevel(enabled=True, scope="global")
    with pytest.raises(ValidationError):
        build(CacheLevel, {"scope": "everybody"})
    with pytest.raises(ValidationError):
        build(CacheLevel, {"threshold": 0.9})


def test_every_key_is_described_and_names_the_default_that_holds() -> None:
    described = schema(CacheLevel)["properties"]
    assert set(described) == set(CacheSettings.__dataclass_fields__)
    for name, about in described.items():
        default = CacheSettings.__dataclass_fields__[name].default
        told = {True: "true", False: "false"}.get(default, default) if isinstance(default, bool) else default
        told = f"{told:g}" if isinstance(told, float) else told
        assert about["description"].replace("`", "").endswith(f"Default: {told}."), name


@pytest.mark.parametrize(
    ("level", "field"),
    [
        (CacheLevel(similarity_threshold=0.0), "similarity_threshold"),
        (CacheLevel(similarity_threshold=1.01), "similarity_threshold"),
        (CacheLevel(similarity_threshold=float("nan")), "similarity_threshold"),
        (CacheLevel(error_budget=0.0), "error_budget"),
        (CacheLevel(ttl_seconds=0.0), "ttl_seconds"),
        (CacheLevel(ttl_seconds=MAX_TTL_SECONDS + 1.0), "ttl_seconds"),
        (CacheLevel(ttl_seconds=float("inf")), "ttl_seconds"),
        (CacheLevel(max_temperature=-0.1), "max_temperature"),
        (CacheLevel(max_temperature=2.5), "max_temperature"),
    ],
)
def test_numbers_out_of_range_are_told(level: CacheLevel, field: str) -> None:
    (lint,) = level.lint()
    assert lint.field == field
    assert lint.help


def test_numbers_at_the_edge_are_fine() -> None:
    assert not list(CacheLevel(similarity_threshold=1.0, error_budget=1.0, max_temperature=2.0).lint())
    assert not list(CacheLevel().lint())
