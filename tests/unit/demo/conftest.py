"""The demo's providers, served on free ports in a thread, and who may speak to them."""

import socket
import threading
from collections.abc import Iterator, Mapping
from types import SimpleNamespace

import anthropic
import openai
import pytest
from google import genai
from google.genai.types import HttpOptions

from waypost.demo.providers import PROVIDERS, server

ONPREM, CLOUD, SEARCH, ANTHROPIC, GEMINI = PROVIDERS


@pytest.fixture(scope="session")
def ports() -> Iterator[Mapping[str, int]]:
    """Where each provider listens, by name."""
    sockets = {socket.create_server(("127.0.0.1", 0)): provider for provider in PROVIDERS}
    serving = server(sockets, pause=0)
    thread = threading.Thread(target=serving.run, kwargs={"sockets": list(sockets)})
    thread.start()
    yield {provider.name: listener.getsockname()[1] for listener, provider in sockets.items()}
    serving.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def sdks(ports: Mapping[str, int]) -> Iterator[SimpleNamespace]:
    """The official SDKs, each at its provider."""
    google = HttpOptions(base_url=f"http://127.0.0.1:{ports['gemini']}", api_version="v1beta")
    with (
        openai.OpenAI(
            base_url=f"http://127.0.0.1:{ports['cloud']}/v1", api_key=CLOUD.api_key, max_retries=0
        ) as cloud,
        openai.OpenAI(
            base_url=f"http://127.0.0.1:{ports['onprem']}/v1", api_key=ONPREM.api_key, max_retries=0
        ) as onprem,
        anthropic.Anthropic(
            base_url=f"http://127.0.0.1:{ports['anthropic']}", api_key=ANTHROPIC.api_key, max_retries=0
        ) as claude,
        genai.Client(api_key=GEMINI.api_key, http_options=google) as gemini,
    ):
        yield SimpleNamespace(cloud=cloud, onprem=onprem, anthropic=claude, gemini=gemini)
