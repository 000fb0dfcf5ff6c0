"""The admin API as its page tells it."""

import re
from collections.abc import Iterator
from typing import Any

from tests.docs.markdown import ROOT
from waypost.admin.app import create
from waypost.admin.providers import providers
from waypost.observe.metrics import METRICS
from waypost.observe.upstreams import HostState, Upstream
from waypost.testing import policies

PAGE = (ROOT / "docs/reference/admin-api.md").read_text()
POLICY = policies.policy({"a": "external"}, {}, ())


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from keys(inner)
    if isinstance(value, list):
        for inner in value:
            yield from keys(inner)


def test_every_field_of_the_providers_is_told() -> None:
    seen = [Upstream(name, (HostState("127.0.0.1:1"),)) for name in POLICY.providers]
    told = providers(POLICY, seen, {})
    assert [key for key in keys(told) if f"`{key}`" not in PAGE] == []


def test_every_path_is_told() -> None:
    async def nothing() -> Any:
        return None

    app = create(dict, nothing, nothing, nothing)
    assert [path for route in app.routes if f"\n## {(path := route.path)}\n" not in PAGE] == []  # type: ignore[attr-defined]


def test_metrics_that_pages_name_exist() -> None:
    text = (ROOT / "docs/how-to/check-providers.md").read_text()
    assert set(re.findall(r"waypost_[a-z_]+", text)) <= {each.name for each in METRICS}
