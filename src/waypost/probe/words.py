"""What was found, and what to do about it: sentences without a provider's words and without credentials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Final, Literal

from waypost.probe.calls import Answer
from waypost.probe.wire import Fault, Line
from waypost.providers.provider import Endpoint, Provider

Status = Literal["ok", "warn", "fail"]

_VARIABLES: Final = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "azure_openai": "AZURE_OPENAI_API_KEY",
}
_SERVED: Final = {"ollama": "`ollama serve`", "vllm": "`vllm serve`"}


@dataclass(frozen=True, slots=True)
class Check:
    """What became of one check.

    Attributes:
        name: provider, and what of it: an address, its key, a model.
        found: what is there, or what is wrong with it.
        fix: what to do; empty where all is well.
        figures: what was measured, for scripts.
    """

    name: str
    status: Status
    found: str
    fix: str = ""
    figures: Mapping[str, object] = field(default_factory=dict[str, object])


def fault(line: Line, found: Fault) -> tuple[str, str]:
    """What a connection failed at, and what to do."""
    provider, host = line.provider, line.host
    key = f"providers.{provider.name}"
    at, seconds = f"{host.host}:{host.port}", line.patience
    server = _SERVED.get(provider.kind, "the server")
    told: dict[Fault, tuple[str, str]] = {
        "ca_file": (
            f"the CA bundle {provider.tls.ca_file or 'of this system'!r} cannot be read",
            f"name a PEM file in `{key}.tls.ca_file`",
        ),
        "client_certificate": (
            f"the client certificate {provider.tls.cert_file!r} and its key cannot be used together",
            f"name PEM files that belong together in `{key}.tls`",
        ),
        "dns": (
            f"the name {host.host!r} does not resolve here",
            f"check the host in `{key}.base_url`, and this machine's name server",
        ),
        "refused": (f"nothing listens on {at}", f"start {server} there, or correct `{key}.base_url`"),
        "unreachable": (f"{at} cannot be reached from here", "check route and firewall"),
        "connect_timeout": (
            f"{at} does not accept a connection within {seconds.connect:g} s",
            "check address and firewall: packets are dropped on the way",
        ),
        "untrusted": (
            f"{at} shows a certificate that no known CA signed",
            f"name the CA's PEM file in `{key}.tls.ca_file`",
        ),
        "wrong_name": (
            f"the certificate of {at} is not for the name {line.server_name!r}",
            f"set `{key}.tls.server_name` to a name in the certificate, if it is the right server",
        ),
        "expired": (
            f"the certificate of {at} is out of date, or the clock here is",
            "have the certificate renewed; `waypost doctor` checks the clock",
        ),
        "not_tls": (f"{at} does not speak TLS", f"write http:// in `{key}.base_url`, or use its TLS port"),
        "wants_certificate": (
            f"{at} wants a client certificate, and takes none or not this one",
            f"name it in `{key}.tls.cert_file` and `key_file`",
        ),
        "tls": (f"{at} breaks the TLS handshake off", "look at the log of the server for the reason"),
        "timeout": (
            f"no answer from {at} within {seconds.answer:g} s",
            "see whether it is overloaded or still loading the model; `timeouts.idle_seconds` is the limit",
        ),
        "cut": (f"{at} breaks the connection off without an answer", "look at the log of the server"),
        "too_long": (f"the answer of {at} does not end", f"check the path in `{key}.base_url`"),
    }
    return told[found]


def key_refused(provider: Provider, status: int, label: str, place: str) -> tuple[str, str]:
    """401 or 403 to a key.

    Args:
        provider: whose.
        status: of the answer.
        label: which key; empty = none is configured.
        place: where it comes from.
    """
    if not label:
        variable = _VARIABLES.get(provider.kind, "PROVIDER_KEY")
        return f"wants a key ({status})", f'set `providers.{provider.name}.api_key`: "${{{variable}}}"'
    if status == 403:  # noqa: PLR2004
        return f"{label} may not do this (403)", "check the rights of the key, and where it may be used from"
    return f"{label} is refused ({status})", f"make a new key and put it into {place}"


def model(provider: Provider, endpoint: Endpoint, answer: Answer) -> tuple[Status, str, str]:
    """What an answer about a model says, but for 401, 403 and 404."""
    name = f"{endpoint.model!r}"
    match answer:
        case Answer(status=200, understood=True):
            return "ok", f"{name} answers", ""
        case Answer(status=200):
            told = f"{name} is answered, but not as kind {provider.kind!r} answers"
            return "fail", told, f"check kind and path in `providers.{provider.name}`"
        case Answer(code="insufficient_quota" | "billing_hard_limit_reached") | Answer(status=402):
            return "fail", f"the account has no credit left ({answer.status})", "check plan and billing there"
        case Answer(status=429):
            return (
                "warn",
                f"{name} is over its limit at the moment (429)",
                "try again, or add a key or a model",
            )
        case _:
            return "fail", *_failed(provider, name, answer.status)


def _failed(provider: Provider, name: str, status: int) -> tuple[str, str]:
    key = f"providers.{provider.name}"
    if status >= 500:  # noqa: PLR2004
        return f"{name}: the provider fails ({status})", "try again; look at its status page or log"
    if 300 <= status < 400:  # noqa: PLR2004
        told = f"{name} is answered with a redirect ({status})"
        return told, f"write the address it leads to in `{key}.base_url`"
    told = f"{name} refuses the smallest request there is ({status})"
    return told, f"check kind, path and `api_version` of `{key}`"


def unknown_model(
    provider: Provider, endpoint: Endpoint, path: str, listed: Sequence[str] | None
) -> tuple[str, str]:
    """404, and what to do.

    Args:
        provider: who said so.
        endpoint: of which model.
        path: that was asked.
        listed: models the provider has; None = it does not say.
    """
    name, key = endpoint.model, f"`models.{endpoint.name}.name`"
    if listed is None:
        what = "deployment" if provider.kind == "azure_openai" else "model"
        told = f"{name!r} or the path {path.partition('?')[0]} is unknown (404)"
        return told, f"check the {what} in {key}, and the path in `providers.{provider.name}.base_url`"
    if name in listed:
        told = f"{name!r} is listed, but not served to chat, embed or respond (404)"
        return told, f"choose another model in {key}"
    told = f"{name!r} is unknown there (404)"
    if near := get_close_matches(name, listed, 3, 0.5):
        return told, f"there are {', '.join(near)}: correct {key}"
    if provider.kind == "ollama":
        return told, f"`ollama pull {name}`, or correct {key}"
    return told, f"correct {key}: none of the {len(listed)} models there has such a name"
