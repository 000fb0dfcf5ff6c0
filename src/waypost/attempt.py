"""One attempt at one provider: what must change in the request so that this provider understands it.

Rule 1: pure and stateless. It is built from what Envoy says about this attempt; it never refers to another.
Rule 2: attempts share one header map, so each one says everything again: path, authority, all credentials.
Rule 3: each starts from the body that the router filter left, never from what another attempt made of it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast, get_args

from waypost.dialects import digits
from waypost.dialects.foreign import mapping
from waypost.dialects.openai_plain import fitted, plain_request
from waypost.dialects.servers import SERVERS
from waypost.dialects.spans import replace_model
from waypost.dialects.splice import splice
from waypost.errors import ProtocolError, RequestError
from waypost.mutations.shape import read
from waypost.mutations.target import Target
from waypost.policy import Policy
from waypost.providers.chain import MAX_CHAIN, hop_id
from waypost.providers.sign import CLIENTS_OWN, CREDENTIALS, credentials
from waypost.request.chat import Dialect

ATTEMPT_COUNT: Final = "x-envoy-attempt-count"
HOPS: Final = tuple(f"x-waypost-hop-{k}" for k in range(1, MAX_CHAIN + 1))
"""Headers that carry the chain, in order."""

FORM: Final = "x-waypost-form"
"""Header that names the form of the body, by a `form_id`."""

_NUMBERS: Final = frozenset(str(n) for n in range(1, MAX_CHAIN + 1))
_EDITED: Final = frozenset({"openai_chat", "openai_completions", "openai_embeddings"})
"""Forms in which a target may say more than its model."""


@dataclass(frozen=True, slots=True)
class Form:
    """What the body of a request is that is on its way.

    Attributes:
        mixed: the neutral form, made of another client's: it may hold what OpenAI has no word for.
        strict: what a provider cannot be told is refused, not left out.
        native: it may name what only a provider keeps, so that what is not found may be that.
        fitted: OpenAI's own models refuse something of it; the client did not name them, so it is taken out.
    """

    dialect: Dialect
    mixed: bool = False
    strict: bool = False
    native: bool = False
    fitted: bool = False


@dataclass(frozen=True, slots=True)
class Hops:
    """What attempts look up, of every revision still in use.

    Attributes:
        targets: by hop id.
        forms: by form id.
        headers: every header that any provider's requests carry; an attempt takes away what it does not set.
    """

    targets: Mapping[str, Target]
    forms: Mapping[str, Form]
    headers: tuple[str, ...] = CREDENTIALS


@dataclass(frozen=True, slots=True)
class Sent:
    """The body of one attempt, and headers besides those of `Attempt.headers`."""

    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """What Envoy is told about one attempt.

    Attributes:
        number: 1-based.
        target: who is tried, and how.
        later: who is tried when this one fails, in order.
        form: of the body that the router filter left.
        written: what the body becomes for this provider; None = it speaks the form.
        managed: headers that are taken away where `headers` does not set them.
    """

    number: int
    target: Target
    later: tuple[Target, ...]
    form: Form
    written: Dialect | None
    managed: tuple[str, ...]

    @property
    def needs_body(self) -> bool:
        """Whether the body is another one than the router filter left: that holds the first model's name."""
        is_other = self.number > 1 or self.written is not None or self.target.says_more
        return is_other or self.form.mixed or (self.form.fitted and self._is_exact)

    @property
    def spoken(self) -> Dialect:
        """Form in which the provider answers."""
        return self.written or self.form.dialect

    @property
    def has_room_later(self) -> bool:
        """Whether anybody who comes later may take a longer request, as far as it is known."""
        own = self.target.endpoint.context_window
        windows = [
            each.endpoint.context_window for each in self.later if each.endpoint != self.target.endpoint
        ]
        return any(own is None or window is None or window > own for window in windows)

    def headers(self, key: str | None) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """Headers to set, with credentials in clear text, and headers to remove.

        Args:
            key: of the provider, whose turn it is; None = it has none.
        """
        provider = self.target.endpoint.provider
        path = provider.base_path or "/"  # the body brings the rest
        if self.written is None:
            path = provider.path(self.form.dialect, self.target.model)
        changed = {":path": path, ":authority": provider.authority, **credentials(provider, key)}
        gone = () if self.later else (*HOPS, FORM)
        kept = {*changed, *(CLIENTS_OWN.get(self.form.dialect, ()) if self.written is None else ())}
        return tuple(changed.items()), (*(name for name in self.managed if name not in kept), *gone)

    def body(self, left: bytes) -> Sent:
        """What this provider gets; `left` is what the router filter left.

        Raises:
            RequestError: 400; it cannot be said to this provider.
        """
        if self.written is None:
            edited = self._edited(left)
            exact = self.target.model if self._is_exact else None
            if self.form.fitted and exact is not None:
                body, warnings = fitted(edited, exact)
                return Sent(body, warnings=warnings)
            return Sent(plain_request(edited, exact) if self.form.mixed else edited)
        document = _document(splice(left, self._edits(left)))
        endpoint = self.target.endpoint
        most = endpoint.max_output_tokens
        made = SERVERS[self.written].write_request(document, self.target.model, self.form.strict, most)
        provider = endpoint.provider
        path = provider.base_path + made.path
        if provider.speaks(self.written):
            path = provider.path(self.written, self.target.model)
        return Sent(made.body, ((":path", path), *made.headers), made.warnings)

    @property
    def _is_exact(self) -> bool:
        return self.target.endpoint.provider.is_exact

    def _edited(self, left: bytes) -> bytes:
        if not self.target.says_more or self.form.dialect not in _EDITED:
            return replace_model(left, self.target.model)
        return splice(left, self._edits(left))

    def _edits(self, left: bytes) -> tuple[Any, ...]:
        return self.target.edits(read(left)) if self.target.says_more else ()


def form_id(
    revision: str, dialect: Dialect, *, mixed: bool = False, native: bool = False, fitted: bool = False
) -> str:
    """Opaque value of the header `FORM`; as telling as a hop id."""
    flags = f"{'+' if mixed else ''}{'!' if native else ''}{'~' if fitted else ''}"
    return hop_id(revision, f"form\0{dialect}{flags}")


def hops_of(policies: Sequence[Policy]) -> Hops:
    """What attempts of these revisions look up; of equal ids the first policy's count."""
    targets: dict[str, Target] = {}
    forms: dict[str, Form] = {}
    headers = dict.fromkeys(CREDENTIALS)
    for policy in reversed(policies):
        targets |= {hop_id(policy.revision, target.key): target for target in policy.targets()}
        forms |= dict(_forms(policy))
        for provider in policy.providers.values():
            headers |= dict.fromkeys(name for name, _ in provider.account.headers)
    return Hops(targets, forms, tuple(headers))


def _forms(policy: Policy) -> Iterator[tuple[str, Form]]:
    for dialect in cast("tuple[Dialect, ...]", get_args(Dialect)):
        yield form_id(policy.revision, dialect), Form(dialect, strict=policy.strict)
        native = Form(dialect, strict=policy.strict, native=True)
        yield form_id(policy.revision, dialect, native=True), native
    mixed = Form("openai_chat", mixed=True, strict=policy.strict)
    yield form_id(policy.revision, "openai_chat", mixed=True), mixed
    own = Form("openai_chat", strict=policy.strict, fitted=True)
    yield form_id(policy.revision, "openai_chat", fitted=True), own


def attempt(hops: Hops, cluster: str, headers: Mapping[str, str]) -> Attempt:
    """Plan the attempt that these headers announce.

    Args:
        hops: of every policy revision still in use.
        cluster: where Envoy is about to send it.
        headers: request headers as they stand, names in lower case.

    Raises:
        ProtocolError: they name nobody, or somebody who does not live at `cluster`, or a form of the body
            that nobody there can be told; nothing may be sent.
    """
    count = headers.get(ATTEMPT_COUNT, "")
    number = int(count) if count in _NUMBERS else 0
    target = hops.targets.get(headers.get(HOPS[number - 1], "")) if number else None
    if target is None:
        raise ProtocolError(f"attempt {count!r} at cluster {cluster!r} names no endpoint of a known revision")
    endpoint = target.endpoint
    provider = endpoint.provider
    if provider.cluster != cluster:
        raise ProtocolError(f"endpoint {endpoint.name!r} lives at {provider.cluster!r}, not at {cluster!r}")
    form = hops.forms.get(headers.get(FORM, ""))
    if form is None:
        raise ProtocolError("the form of the body is none of a known revision")
    written = None if provider.speaks(form.dialect) else provider.foreign(form.dialect)
    if written not in SERVERS and not provider.speaks(form.dialect):
        raise ProtocolError(f"endpoint {endpoint.name!r} cannot be told what is in form {form.dialect!r}")
    named = (hops.targets.get(headers[header]) for header in HOPS[number:] if header in headers)
    return Attempt(
        number=number,
        target=target,
        later=tuple(each for each in named if each is not None),
        form=form,
        written=written,
        managed=hops.headers,
    )


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = mapping(digits.loads(body))
    except ValueError as error:
        raise RequestError("The request body is not valid JSON.", 400, "invalid_json") from error
    if found is None:
        raise RequestError("The request body must be a JSON object.", 400, "invalid_json")
    return found
