"""What may stand in a request to a provider, and what of another provider must not."""

import re
from collections.abc import Iterable

from tests.envoy.faulty import Request
from tests.envoy.world import MIXED, Site

HOPS = {f"x-waypost-hop-{number}" for number in range(1, 9)}
OPAQUE = HOPS | {"x-waypost-form"}
"""Internal headers that reach the earlier providers of a chain; their values must tell nothing."""

_COMMON = {
    *("host", "content-length", "content-type", "accept", "accept-encoding", "user-agent"),
    *("x-request-id", "x-forwarded-proto", "x-envoy-attempt-count", "traceparent", "tracestate"),
}
_CREDENTIALS = {
    *("authorization", "x-api-key", "api-key", "x-goog-api-key", "anthropic-version", "anthropic-beta"),
    *("openai-organization", "openai-project"),
}

_KEY_NUMBER = re.compile(r"-k\d\d$")
_DATE = re.compile(r"^20\d\d-\d\d-\d\d$")


def _own_headers(site: Site) -> dict[str, str]:
    """What tells this provider who calls; of its keys only what all of them begin with."""
    extra = dict(site.extra)
    named = {f"openai-{name}": extra[name] for name in ("organization", "project") if name in extra}
    version = {"anthropic-version": "DATE"} if site.kind == "anthropic" else {}
    bearer = "Bearer " if site.key_header == "authorization" else ""
    return {site.key_header: f"{bearer}{site.key}"} | named | version


def marks(name: str) -> list[str]:
    """What nobody but this provider has: key, names of the account, model, and a path of its own."""
    site = MIXED[name]
    path = [site.path] if site.path.count("/") > 1 and name != "azure" else []
    return [site.key, site.wire, *(value for _, value in site.extra), *path]


def leaks(request: Request, name: str, others: Iterable[str]) -> list[str]:
    """Marks of others, headers nobody asked for, and credentials that are not its own."""
    site = MIXED[name]
    found = [mark for other in others if other != name for mark in marks(other) if request.mentions(mark)]
    names = [key for key, _ in request.headers]
    found += [key for key in names if key not in _COMMON | _CREDENTIALS | OPAQUE]
    found += [f"{key} twice" for key in set(names) if names.count(key) > 1]
    sent = {
        key: _DATE.sub("DATE", _KEY_NUMBER.sub("", value))
        for key, value in request.headers
        if key in _CREDENTIALS
    }
    if sent != _own_headers(site):
        found.append(f"credentials {sent}")
    if not request.path.startswith(f"{site.path}/"):
        found.append(f"path {request.path}")
    found += [
        f"{key}: {value}"
        for key, value in request.headers
        if key in OPAQUE and (len(value) != 20 or not value.isalnum())
    ]
    if request.header("content-length") != str(len(request.body)):
        found.append(f"content-length {request.header('content-length')} of {len(request.body)}")
    return found
