"""Small gateways for one subject: each word is a rule that routes along its own models."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.envoy.faulty import Upstream
from tests.envoy.gateway import Gateway, Response, serve


def provider(upstream: Upstream, path: str = "/v1", **fields: Any) -> dict[str, Any]:
    """A provider of OpenAI's form unless `fields` say otherwise."""
    return {"kind": "openai_compatible", "base_url": f"http://127.0.0.1:{upstream.port}{path}"} | fields


def words(
    providers: Mapping[str, Mapping[str, Any]],
    routes: Mapping[str, Sequence[str | Mapping[str, Any]]],
    models: Mapping[str, Mapping[str, Any]] | None = None,
) -> dict[str, Any]:
    """The file.

    Args:
        providers: each serves one model of its name.
        routes: chain of models by word.
        models: further models, or what is to be said about one.
    """
    said = models or {}
    made = {name: {"provider": name, "name": f"wire-{name}"} | dict(said.get(name, {})) for name in providers}
    return {
        "providers": dict(providers),
        "models": made | {name: dict(each) for name, each in said.items() if name not in made},
        "default_model": next(iter(providers)),
        "routing_rules": [
            {
                "name": word,
                "conditions": [{"type": "keyword_match", "keywords": [word]}],
                "action": {"type": "route", "endpoints": list(chain)},
            }
            for word, chain in routes.items()
        ],
        "pii": {"action": "allow"},
        "timeouts": {"cooldown_seconds": 60},
    }


@contextmanager
def served(folder: Path, config: Mapping[str, Any], upstreams: Iterable[Upstream]) -> Iterator[Gateway]:
    """Run it, and see that Envoy refused no change of a header and did not crash."""
    with serve(folder, config) as gateway:
        first = gateway.envoy
        yield gateway
        assert gateway.envoy == first
        assert sum(gateway.stats("rejected_header_mutations").values()) == 0
    for upstream in upstreams:
        upstream.close()


def told(response: Response) -> tuple[int, str | None, str | None]:
    """Status, who answered, and at which attempt."""
    return response.status, response.header("x-waypost-model"), response.header("x-waypost-attempts")
