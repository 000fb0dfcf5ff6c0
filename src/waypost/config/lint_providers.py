"""Remarks on providers that can be used but may not be what was meant."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from waypost.config.document import Findings, Node, Path
from waypost.policy import Policy
from waypost.providers.provider import DEFAULT_ZONE, Provider

_CHAT: Final = "/chat/completions"
_OPERATIONS: Final = (_CHAT, "/embeddings", "/completions", "/responses", "/messages", "/models")
_VERSION: Final = re.compile(r"v[0-9]+[a-z0-9]*")
_VENDORS: Final = ("api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com")
_AZURE: Final = ".openai.azure.com"


def lint_providers(policy: Policy, findings: Findings) -> None:
    """Add warnings and remarks about the providers of a policy without errors."""
    used = {endpoint.provider.name for endpoint in policy.endpoints.values()}
    nodes = findings.root.mapping["providers"].mapping
    for name, provider in policy.providers.items():
        path: Path = ("providers", name)
        if name not in used:
            findings.add("info", path, f"no model uses the provider {name!r}", key=True)
        place: Path = (*path, "endpoints" if "endpoints" in nodes[name].mapping else "base_url")
        _addresses(provider, place, findings)
        if not all(is_loopback(each.host) for each in provider.hosts):
            _credentials(provider, nodes[name], path, findings)
            if provider.scheme == "http" and provider.zone == DEFAULT_ZONE:
                message = f"requests to {provider.authority} are sent without encryption"
                findings.warn(place, message, "use https, or name the zone if the network is your own")


def is_loopback(host: str) -> bool:
    """Whether this host is the machine itself."""
    return ip_address(host).is_loopback if _is_address(host) else host == "localhost"


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _addresses(provider: Provider, place: Path, findings: Findings) -> None:
    if told := _PATHS.get(provider.kind, _usual)(provider):
        findings.warn(place, *told)
    names = {each.host for each in provider.hosts if not _is_address(each.host)}
    if len(names) > 1 and provider.scheme == "https" and not provider.tls.server_name:
        message = f"all of these are asked for {provider.authority!r}: their `host` header is the first one's"
        findings.note(place, message, "make a provider of its own for one that answers to its own name only")


def _usual(provider: Provider, operation: str = _CHAT, version: str = "") -> tuple[str, str] | None:
    """What looks wrong with a base path, and what to do.

    Args:
        provider: any.
        operation: where its requests go, behind the base path.
        version: what the base path must end with; empty = there need only be one.
    """
    base = provider.base_path
    told = f"requests go to {base or provider.authority}{operation}"
    if base.endswith(_OPERATIONS):
        return told, "end base_url before the operation"
    if version and not _VERSION.fullmatch(base.rpartition("/")[2]):
        return told, f"end base_url with {version}"
    return None if base else (told, "most servers want /v1 at the end of base_url")


def _anthropic(provider: Provider) -> tuple[str, str] | None:
    return _usual(provider, "/messages", "/v1")


def _gemini(provider: Provider) -> tuple[str, str] | None:
    told = _usual(provider, "/models/MODEL:generateContent", "/v1beta")
    if told and provider.base_path.endswith("/openai"):
        return told[0], "end base_url with /v1beta; Gemini's OpenAI form is the kind `openai_compatible`"
    return told


def _azure(provider: Provider) -> tuple[str, str] | None:
    base = provider.base_path
    if "/deployments/" in f"{base}/":
        told = f"requests go to a path below {base}"
        return told, "end base_url before /openai: a model's `name` is its deployment"
    is_versioned = _VERSION.fullmatch(base.rpartition("/")[2])
    if provider.api_version and is_versioned:
        told = f"with api_version requests go to {base}/deployments/NAME"
        return told, "end base_url before /openai, or remove `api_version`"
    if not provider.api_version and base == "/openai":
        return _usual(provider, version="/openai/v1, or add `api_version`")
    return _usual(provider)


_PATHS: Final = {"anthropic": _anthropic, "gemini": _gemini, "azure_openai": _azure}


def _credentials(provider: Provider, node: Node, path: Path, findings: Findings) -> None:
    for key, written in _written_keys(node):
        if not written.from_env:
            remedy = 'write "${VARIABLE}" and export it; replace the key if the file was shared'
            findings.warn((*path, *key), "a credential stands in the file", remedy)
    strict = [h.host for h in provider.hosts if h.host in _VENDORS or h.host.endswith(_AZURE)]
    if strict and not provider.account.keys:
        findings.add("warning", path, f"no api_key: {strict[0]} will refuse every request", key=True)


def _written_keys(provider: Node) -> Iterator[tuple[Path, Node]]:
    """The credentials that the block itself gives, and where."""
    one, several = (provider.mapping.get(key) for key in ("api_key", "api_keys"))
    if one is not None and one.value:
        yield ("api_key",), one
    for number, node in enumerate(several.items if several is not None else ()):
        if node.value:
            yield ("api_keys", number), node
