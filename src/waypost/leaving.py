"""What leaves for the chain: one body in one form for all attempts, and what a provider cannot take of it.

Rule 1: the client's own bytes go out where every provider of the chain speaks its form and nothing is
edited; else the neutral form does, and each attempt makes it its provider's.
Rule 2: a provider that cannot be sent the request is left out before anything is sent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from waypost.dialects import digits, openai_plain, signatures
from waypost.dialects.openai_chat import wants_usage
from waypost.dialects.servers import SERVERS
from waypost.dialects.spans import replace_model
from waypost.dialects.splice import Put, splice
from waypost.errors import RequestError
from waypost.mutations.shape import Shaped
from waypost.mutations.target import Target
from waypost.policy import Policy
from waypost.providers.chain import expanded
from waypost.providers.provider import Endpoint
from waypost.request.chat import ChatRequest, Dialect

_MARKS: Final = (signatures.MARK.encode(), b'"thinking_blocks"')
"""What a client that speaks OpenAI's form sends back of another provider's answer."""

_THOUGHTS: Final = (b'"reasoning_content"', b'"native_blocks"', b'"extra_content"')
"""What OpenAI itself refuses of that, and other servers of its form may want."""

_ADDRESS: Final = b'"file_url"'
"""A file that only its address is known of, which those of OpenAI's form cannot be sent."""

_USAGE: Final = ("stream_options", "include_usage")


@dataclass(frozen=True, slots=True)
class Leaving:
    """A request as it leaves.

    Attributes:
        form: of the body.
        body: None = as the client sent it.
        targets: one for each attempt, in order; a provider with several keys or addresses comes again.
        dropped: what each of them is not told, as `parameter: what became of it`, by the key of the target.
        chain: all candidates in order, with those that cannot be sent it.
        mixed: the neutral form may hold what OpenAI has no word for.
        native: it may name what only a provider keeps, such as an earlier answer.
        fitted: one of OpenAI's own models, which the client did not name, refuses something of it.
    """

    form: Dialect
    body: bytes | None
    targets: tuple[Target, ...]
    dropped: Mapping[str, tuple[str, ...]]
    chain: tuple[Target, ...]
    mixed: bool = False
    native: bool = False
    fitted: bool = False

    def spoken(self, target: Target) -> Dialect:
        """The form in which a target is asked, and answers."""
        provider = target.endpoint.provider
        return self.form if provider.speaks(self.form) else provider.foreign(self.form) or self.form


NOTHING: Final = Leaving("openai_chat", None, (), {}, ())


def leave(
    policy: Policy, request: ChatRequest, targets: Sequence[Target], shaped: Shaped, *, masked: bool
) -> Leaving:
    """Decide what leaves.

    Args:
        policy: in force.
        request: of the client.
        targets: the chain, at least one.
        shaped: the neutral form as it leaves.
        masked: personal data is hidden in the neutral form; the client's own bytes still hold it.

    Raises:
        RequestError: 400, no provider of the chain can be sent it; the first one's reason.
    """
    if (sent := request.sent) is not None:
        own = [t for t in targets if t.endpoint.provider.speaks(request.dialect) and not t.says_more]
        untouched = shaped.body is None and not masked
        fits = sent.native is not None or (len(own) == len(targets) and not sent.is_mixed)
        if untouched and own and fits:
            body = _named(sent.body, request.model, own[0].model)
            # Any item of Responses may be known by its id alone.
            names_items = request.dialect == "openai_responses" and b'"id"' in sent.body
            native = sent.native is not None or names_items
            return Leaving(request.dialect, body, expanded(own), {}, tuple(targets), native=native)
        if sent.native is not None:
            raise _unservable(sent.native, edited=bool(own))
    return _neutral(policy, request, targets, shaped)


def _neutral(policy: Policy, request: ChatRequest, targets: Sequence[Target], shaped: Shaped) -> Leaving:
    form: Dialect = "openai_embeddings" if request.dialect == "openai_embeddings" else "openai_chat"
    body = shaped.body or request.original
    mixed = request.sent is not None or _is_mixed(body, targets)
    asked = None if request.model in policy.auto_names else policy.named(request.model)
    reading = _Reading(body, form, asked[0] if asked else None, strict=policy.strict, mixed=mixed)
    dropped: dict[str, tuple[str, ...]] = {}
    kept: list[Target] = []
    refused: list[RequestError] = []
    for target in targets:
        try:
            dropped[target.key] = reading.check(target)
            kept.append(target)
        except RequestError as wrong:
            refused.append(wrong)
    if not kept:
        raise refused[0]
    if _adds_usage(policy, request, targets):
        body = splice(body, (Put(_USAGE, value=True),))
    named = _named(body, request.model, kept[0].model)
    if named is None and (body is not request.original or request.sent is not None):
        named = body
    return Leaving(form, named, expanded(kept), dropped, tuple(targets), mixed, fitted=reading.edits)


class _Reading:
    """A neutral body, parsed at most once for all who are sent it in another form.

    Attributes:
        edits: somebody who speaks its form is sent it edited.
    """

    def __init__(
        self, body: bytes, form: Dialect, asked: Endpoint | None, *, strict: bool, mixed: bool
    ) -> None:
        self.edits = False
        self._body = body
        self._form: Dialect = form
        self._asked = asked  # by its name, so that it gets what the client wrote for it
        self._strict = strict
        self._mixed = mixed
        self._document: Mapping[str, Any] | None = None

    def check(self, target: Target) -> tuple[str, ...]:
        """What a target is not told.

        Raises:
            RequestError: it cannot be sent the request at all.
        """
        provider = target.endpoint.provider
        if provider.speaks(self._form):
            if self._mixed and _ADDRESS in self._body:
                openai_plain.write_request(self._read())
            if not provider.is_exact:
                return ()
            if self._mixed:
                return openai_plain.exactly(self._read(), target.model, strict=self._strict)[1]
            return self._fit(target)
        foreign = provider.foreign(self._form)
        if foreign is None:
            message = f"Model {target.endpoint.name!r} cannot serve this kind of request."
            raise RequestError(message, 400, "unsupported_operation", "model")
        most = target.endpoint.max_output_tokens
        return SERVERS[foreign].write_request(self._read(), target.model, self._strict, most).warnings

    def _fit(self, target: Target) -> tuple[str, ...]:
        if self._form != "openai_chat" or target.endpoint == self._asked:
            return ()
        body = splice(self._body, target.edits(self._read())) if target.says_more else self._body
        made, notes = openai_plain.fitted(body, target.model, strict=self._strict)
        self.edits = self.edits or made is not body
        return notes

    def _read(self) -> Mapping[str, Any]:
        if self._document is None:
            self._document = cast("Mapping[str, Any]", digits.loads(self._body))
        return self._document


def _is_mixed(body: bytes, targets: Sequence[Target]) -> bool:
    """Whether a client of OpenAI's form sends back what another provider said, as far as it matters."""
    if any(mark in body for mark in _MARKS):
        return True
    return any(t.endpoint.provider.is_exact for t in targets) and any(mark in body for mark in _THOUGHTS)


def _named(body: bytes, model: str, wanted: str) -> bytes | None:
    """The body with the first target's model; None = it has that already."""
    return None if model == wanted else replace_model(body, wanted)


def _adds_usage(policy: Policy, request: ChatRequest, targets: Sequence[Target]) -> bool:
    """Whether what a stream costs has to be asked for."""
    if not request.stream or request.dialect != "openai_chat":
        return False
    priced = any(t.endpoint.name in policy.costs.prices for t in targets)
    return priced and not wants_usage(request)


def _unservable(param: str, *, edited: bool) -> RequestError:
    why = (
        "the gateway edits this request, and cannot do so in its own form"
        if edited
        else "no model that may serve this request speaks the form it belongs to"
    )
    return RequestError(f"`{param}` cannot be sent on: {why}.", 400, "unsupported_parameter", param)
