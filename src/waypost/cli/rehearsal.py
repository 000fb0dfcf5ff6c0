"""A gateway of its own for one drill: Envoy and worker on free ports, in a folder that is gone afterwards."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import httpx

from waypost.admin.server import serving
from waypost.cli.drill import PLAYED, STAND_IN_KEY, Row, Seen, failing, fixed, judge, name_limit, played
from waypost.config.settings import Address, Settings
from waypost.decision.engine import Rule
from waypost.demo.providers import App
from waypost.demo.wire import DemoProvider, Form
from waypost.dialects.foreign import mapping
from waypost.envoy.briefly import Brief, with_envoy
from waypost.envoy.child import Tell
from waypost.envoy.ports import bind, numeric
from waypost.envoy.resources import Wiring, resources
from waypost.envoy.roots import find_ca_file
from waypost.policy import Policy
from waypost.providers.provider import Host, ProviderKind
from waypost.runtime import Policies, worker

MOST_TOKENS: Final = 16
_FORMS: Final[Mapping[ProviderKind, Form]] = {
    "openai": "openai",
    "azure_openai": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
}
_LOOPBACK: Final = "127.0.0.1"
_DOWN: Final = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Drill:
    """What is to be tried.

    Attributes:
        policy: with the rule as it is to decide `text`.
        rule: whose chain it is.
        chain: its endpoints, in order.
        wires: what they are called by their providers, in the same order.
        text: what is asked.
        through: how many endpoints fail at most.
        plays: providers are played by stand-ins.
    """

    policy: Policy
    rule: Rule
    chain: tuple[str, ...]
    wires: tuple[str, ...]
    text: str
    through: int
    plays: bool = False


async def run(drill: Drill, settings: Settings, binary: Path, folder: Path, tell: Tell) -> list[Row]:
    """Ask once for each number of failing endpoints, from none on.

    Args:
        drill: what to try.
        settings: of the configuration; addresses and folders are the drill's own.
        binary: Envoy.
        folder: ours alone.
        tell: where events go.

    Raises:
        WaypostError: the gateway does not start.
    """
    listener = bind(Address(_LOOPBACK, 0), "listen")
    settings = replace(settings, listen=numeric(listener), state_dir=folder / "state")
    listener.close()  # only a free port is wanted
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(_stand_ins(drill)) if drill.plays else {}
        faults = await stack.enter_async_context(_faults())
        policy = fixed(played(drill.policy, ports), drill.rule, drill.chain)
        policies = [failing(policy, drill.chain, faults, k) for k in range(drill.through + 1)]
        router, upstream = (f"unix:{folder / name}.sock" for name in ("router", "upstream"))
        held = await stack.enter_async_context(worker(policies[0], settings, router, upstream, "h2"))
        wiring = Wiring(router, upstream, find_ca_file())
        made = resources(policies, settings, wiring, folder / "rds")
        real = {policy.endpoints[name].provider.name: policy.endpoints[name].provider for name in drill.chain}
        brief = Brief(binary, folder, made, settings.listen, tuple(real.values()))
        return await with_envoy(brief, tell, lambda: _rows(drill, policies, held, settings))


async def _rows(drill: Drill, policies: Sequence[Policy], held: Policies, settings: Settings) -> list[Row]:
    limits = settings.timeouts
    patience = len(drill.chain) * (limits.connect_seconds + limits.idle_seconds) + 10
    rows: list[Row] = []
    async with httpx.AsyncClient(trust_env=False, timeout=patience) as client:
        for k, policy in enumerate(policies):
            held.install(policy)
            seen = await _ask(client, f"http://{settings.listen}/v1/chat/completions", _body(drill))
            rows.append(judge(drill.policy, drill.rule, drill.chain, k, seen))
    return rows


def _body(drill: Drill) -> dict[str, Any]:
    policy = drill.policy
    limit = name_limit(policy.endpoints[name] for name in drill.chain)
    model = min(policy.auto_names)
    return {"model": model, "messages": [{"role": "user", "content": drill.text}], limit: MOST_TOKENS}


async def _ask(client: httpx.AsyncClient, url: str, body: Mapping[str, Any]) -> Seen:
    began = time.perf_counter()
    try:
        response = await client.post(url, json=body)
    except httpx.HTTPError as error:
        return Seen(0, None, 0, _since(began), type(error).__name__)
    attempts = int(response.headers.get("x-waypost-attempts", "0"))
    answered = response.headers.get("x-waypost-model") if response.is_success else None
    return Seen(response.status_code, answered, attempts, _since(began), _code(response))


def _since(began: float) -> float:
    return round(1000 * (time.perf_counter() - began), 1)


def _code(response: httpx.Response) -> str:
    """Of an error: the gateway's word for it."""
    if response.is_success:
        return ""
    try:
        error = mapping((mapping(json.loads(response.content)) or {}).get("error")) or {}
    except ValueError:
        return ""
    return str(error.get("code") or error.get("type") or "")


@asynccontextmanager
async def _faults() -> AsyncGenerator[list[Host]]:
    """An address that answers 503, and one that refuses every connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(_DOWN)
        await writer.drain()
        writer.close()

    with socket.socket() as closed:
        closed.bind((_LOOPBACK, 0))  # and never listens
        server = await asyncio.start_server(answer, _LOOPBACK, 0)
        async with server:
            yield [Host(_LOOPBACK, each.getsockname()[1]) for each in (server.sockets[0], closed)]


@asynccontextmanager
async def _stand_ins(drill: Drill) -> AsyncGenerator[dict[str, int]]:
    """A demo provider for each provider of the chain, on a free port; ports by provider."""
    ports: dict[str, int] = {}
    async with AsyncExitStack() as stack:
        for name in dict.fromkeys(drill.policy.endpoints[each].provider.name for each in drill.chain):
            provider = drill.policy.providers[name]
            wires = zip(drill.chain, drill.wires, strict=True)
            own = (wire for each, wire in wires if drill.policy.endpoints[each].provider.name == name)
            models = (PLAYED[provider.kind],) if provider.kind in PLAYED else tuple(own)
            listener = bind(Address(_LOOPBACK, 0), "stand-in")
            ports[name] = numeric(listener).port
            form: Form = _FORMS.get(provider.kind, "compatible")
            played = DemoProvider(name, "", ports[name], STAND_IN_KEY, models, form)
            await stack.enter_async_context(serving(App({ports[name]: played}), listener))
        yield ports
