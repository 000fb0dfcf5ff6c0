"""Generated Envoy documents, whole: a change of any of them is a visible diff.

`WAYPOST_GOLDEN=write` writes them again.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from waypost.config.settings import Settings
from waypost.decision.engine import SEMANTIC, Route, Rule
from waypost.decision.expr import All
from waypost.envoy import publish
from waypost.envoy.resources import Wiring, bootstrap, resources, static_bootstrap
from waypost.policy import Policy
from waypost.providers.provider import Endpoint, Host, Provider

HERE = Path(__file__).parent
RUN = Path("/run/waypost")

ONPREM = Provider("onprem", "vllm", "http", (Host("10.0.0.5", 8000),), "/v1", "internal")
CLOUD = Provider("cloud", "openai", "https", (Host("api.openai.com", 443),), "/v1")
ENDPOINTS = {"finance": Endpoint("finance", ONPREM, "qwen3-32b"), "gpt": Endpoint("gpt", CLOUD, "gpt-4o")}
POLICY = Policy(
    "golden",
    {"onprem": ONPREM, "cloud": CLOUD},
    ENDPOINTS,
    {},
    (Rule(SEMANTIC, All(()), Route(("finance", "gpt"))),),
)
BUNDLED = Wiring(f"unix:{RUN}/router.sock", f"unix:{RUN}/upstream.sock", "/etc/ssl/certs/ca-certificates.crt")
FOREIGN = Wiring("127.0.0.1:50051", "127.0.0.1:50052", "/etc/ssl/certs/ca-certificates.crt")


def documents() -> dict[str, Any]:
    served = resources((POLICY,), Settings(), BUNDLED, RUN / "rds")
    return {
        "bootstrap": bootstrap(RUN / "envoy.sock", RUN / "lds", RUN / "cds"),
        **{kind: list(listed) for kind, listed in publish.first(served)},
        "static": static_bootstrap(POLICY, Settings(), FOREIGN),
    }


@pytest.mark.parametrize("name", ["bootstrap", "lds", "cds", "rds", "static"])
def test_document_is_the_recorded_one(name: str) -> None:
    text = json.dumps(documents()[name], indent=1) + "\n"
    recorded = HERE / f"{name}.json"
    if os.environ.get("WAYPOST_GOLDEN") == "write":
        recorded.write_text(text)

    assert json.loads(text) == json.loads(recorded.read_text())
