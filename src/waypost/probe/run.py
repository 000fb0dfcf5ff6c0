"""The checks of one provider, in order: addresses, keys, models."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from waypost.probe import words
from waypost.probe.calls import Answer, Call, calls, listing, names, read
from waypost.probe.wire import Fault, FaultError, Line, Patience, ask, context, reach
from waypost.probe.words import Check
from waypost.providers.provider import Credential, Endpoint, Provider, SecretFile
from waypost.providers.sign import credentials

_NEXT: Final = frozenset({400, 404, 405, 422})
"""Statuses after which another wording of the request may still succeed."""

_REFUSED: Final = frozenset({401, 403})


@dataclass(frozen=True, slots=True)
class Probe:
    """How providers are asked.

    Attributes:
        ca_file: PEM bundle of whom to trust where a provider names none.
        patience: seconds.
        named: what the operator calls a key: its variable or its file; empty = it stands in the file.
        optional: endpoints that need not be there.
    """

    ca_file: str
    patience: Patience
    named: Callable[[Credential], str]
    optional: frozenset[str] = frozenset()

    async def provider(self, provider: Provider, endpoints: Sequence[Endpoint]) -> list[Check]:
        """Check one provider; costs as many short answers as it has models and keys."""
        checks: list[Check] = []
        line = await self._reach(provider, checks)
        if line is None:
            return checks
        if not endpoints:
            told = "no model names it, so nothing is asked"
            checks.append(Check(provider.name, "warn", told, "remove it, or add a model under `models`"))
            return checks
        keys, answers = self._keys(provider, checks), dict[str | None, _Asked]()
        for key in keys:
            answers[key.text] = await _model(line, endpoints[0], key.text)
            checks += _about_key(provider, answers[key.text], key)
        usable = [key.text for key in keys if answers[key.text].answer.status not in _REFUSED]
        if usable:
            first = answers[usable[0]]
            checks.append(await self._about_model(line, endpoints[0], usable[0], first))
            for endpoint in endpoints[1:]:
                asked = await _model(line, endpoint, usable[0])
                checks.append(await self._about_model(line, endpoint, usable[0], asked))
        return checks

    async def _reach(self, provider: Provider, checks: list[Check]) -> Line | None:
        """Every address; the first that can be reached is asked further."""
        reached: Line | None = None
        for host in provider.hosts:
            line = Line(provider, host, None, self.patience)
            began = time.perf_counter()
            try:
                line = Line(provider, host, context(provider, self.ca_file), self.patience)
                version = await reach(line)
            except FaultError as error:
                checks.append(Check(provider.name, "fail", *words.fault(line, error.fault)))
                continue
            milliseconds = round(1000 * (time.perf_counter() - began), 1)
            told = f"{line.url}{provider.base_path} is reached, {version or 'without TLS'}"
            figures = {"url": line.url, "tls": version, "ms": milliseconds}
            checks.append(Check(provider.name, "ok", told, figures=figures))
            reached = reached or line
        return reached

    def _keys(self, provider: Provider, checks: list[Check]) -> list["_Key"]:
        """Each key; a provider without keys has one that is nothing."""
        found: list[_Key] = []
        given = provider.account.keys
        for n, credential in enumerate(given, 1):
            named = self.named(credential)
            label = named or ("its key" if len(given) == 1 else f"key {n} of {len(given)}")
            try:
                found.append(_Key(label, named or f"`providers.{provider.name}`", _text(credential)))
            except (OSError, ValueError):
                fix = "let this user read it; it must hold the key alone"
                checks.append(Check(f"{provider.name} key", "fail", f"{label} cannot be used", fix))
        return found if given else [_Key("", "", None)]

    async def _about_model(self, line: Line, endpoint: Endpoint, key: str | None, asked: "_Asked") -> Check:
        provider, name = line.provider, f"{line.provider.name} {endpoint.name}"
        if asked.call is None:
            told = f"kind {provider.kind!r} is asked nothing that this check knows"
            return Check(name, "warn", told, "ask it through `waypost serve`")
        if asked.fault is not None:
            return Check(name, "fail", *words.fault(line, asked.fault))
        if asked.answer.status == HTTPStatus.NOT_FOUND:
            listed = await _listed(line, key)
            weight = "warn" if endpoint.name in self.optional else "fail"
            return Check(name, weight, *words.unknown_model(provider, endpoint, asked.call.path, listed))
        status, found, fix = words.model(provider, endpoint, asked.answer)
        figures: Mapping[str, object] = {
            "model": endpoint.model,
            "form": asked.call.written,
            "status": asked.answer.status,
            "ms": asked.milliseconds,
        }
        told = f"{found} in {asked.milliseconds:.0f} ms ({asked.call.written})" if status == "ok" else found
        return Check(name, status, told, fix, figures)


@dataclass(frozen=True, slots=True)
class _Key:
    """A credential and what to call it; all empty = none is sent."""

    label: str
    place: str
    text: str | None


@dataclass(frozen=True, slots=True)
class _Asked:
    """What became of a model.

    Attributes:
        call: the one that was answered best; the last.
        answer: status 0 = there was none.
        fault: why; None = there was one.
    """

    call: Call | None
    answer: Answer
    fault: Fault | None
    milliseconds: float


def _text(credential: Credential) -> str:
    """The key itself.

    Raises:
        OSError: its file cannot be read.
        ValueError: it cannot stand in a header.
    """
    if not isinstance(credential, SecretFile):
        return credential.reveal()
    text = Path(credential.path).read_text(encoding="utf-8").strip()
    if not text or not all("!" <= c <= "~" for c in text):
        raise ValueError("no key")
    return text


async def _model(line: Line, endpoint: Endpoint, key: str | None) -> _Asked:
    """Ask for a short answer, in other words where the usual ones are not understood."""
    first: _Asked | None = None
    for call in calls(line.provider, endpoint.model):
        asked = await _once(line, call, key)
        if asked.fault is not None or asked.answer.status not in _NEXT:
            return asked
        first = first or asked
    return first or _Asked(None, Answer(0), None, 0.0)


async def _once(line: Line, call: Call, key: str | None) -> _Asked:
    began = time.perf_counter()
    headers = {**dict(call.headers), **credentials(line.provider, key)}
    try:
        status, body = await ask(line, "POST", call.path, headers, call.body)
    except FaultError as error:
        return _Asked(call, Answer(0), error.fault, 0.0)
    answer = await asyncio.to_thread(read, call, status, body)
    return _Asked(call, answer, None, round(1000 * (time.perf_counter() - began), 1))


def _about_key(provider: Provider, asked: _Asked, key: _Key) -> list[Check]:
    status = asked.answer.status
    name = f"{provider.name} key"
    if status in _REFUSED:
        return [Check(name, "fail", *words.key_refused(provider, status, key.label, key.place))]
    if not key.label or not status or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return []  # nobody asked for it, or nobody knows
    return [Check(name, "ok", f"{key.label} is accepted")]


async def _listed(line: Line, key: str | None) -> Sequence[str] | None:
    """Models the provider says it has; None = it does not say."""
    question = listing(line.provider)
    if question is None:
        return None
    path, headers = question
    try:
        status, body = await ask(line, "GET", path, {**dict(headers), **credentials(line.provider, key)})
    except FaultError:
        return None
    return names(body) if status == HTTPStatus.OK else None
