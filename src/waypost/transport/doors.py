"""Where clients knock: which path takes which form, and what is answered without a body."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from waypost.dialects import anthropic_messages
from waypost.dialects.openai_chat import model_object, models_list
from waypost.errors import RequestError
from waypost.policy import Policy
from waypost.request.chat import Dialect
from waypost.transport.messages import Reply

CHAT: Final = "/v1/chat/completions"
EMBEDDINGS: Final = "/v1/embeddings"
MODELS: Final = "/v1/models"
COUNT_TOKENS: Final = "/v1/messages/count_tokens"

DIALECTS: Final[Mapping[str, Dialect]] = {
    CHAT: "openai_chat",
    "/v1/responses": "openai_responses",
    "/v1/completions": "openai_completions",
    EMBEDDINGS: "openai_embeddings",
    "/v1/messages": "anthropic_messages",
    COUNT_TOKENS: "anthropic_messages",
}
"""What is posted where."""

_ANTHROPIC: Final = "anthropic-version"
"""A header that every client of Anthropic's form sends."""


@dataclass(frozen=True, slots=True)
class Door:
    """One request's way in.

    Attributes:
        path: without the query.
        method: HTTP method.
        dialect: form of the answer, errors included.
    """

    path: str
    method: str
    dialect: Dialect

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> "Door":
        """The door that a request's headers name, known or not."""
        path = headers.get(":path", "").partition("?")[0]
        other: Dialect = "anthropic_messages" if _ANTHROPIC in headers else "openai_chat"
        return cls(path, headers.get(":method", ""), DIALECTS.get(path, other))

    @property
    def is_known(self) -> bool:
        """Whether anything is served here."""
        return self.path in DIALECTS or self.path == MODELS or self.path.startswith(f"{MODELS}/")

    @property
    def allowed(self) -> str:
        """The method that is served here."""
        return "POST" if self.path in DIALECTS else "GET"

    def at_once(self, policy: Policy, created: int) -> Reply | None:
        """The answer that needs no body; None = there is a body to wait for.

        Args:
            policy: in force.
            created: Unix seconds, of every listed model.

        Raises:
            RequestError: nothing is served here, or not with this method.
        """
        if self.method != self.allowed and self.is_known:
            message = f"{self.method} is not served here; {self.allowed} is."
            raise RequestError(message, 405, "method_not_allowed")
        if self.path in DIALECTS:
            return None
        if not self.is_known:
            posted = ", ".join(f"POST {path}" for path in DIALECTS)
            raise RequestError(
                f"Nothing is served at this path. There are: {posted}, GET {MODELS}.", 404, "not_found"
            )
        if self.path == MODELS:
            return Reply(200, "models", self._list(policy, created))
        name = unquote(self.path.removeprefix(f"{MODELS}/"))
        owner = dict(_models(policy)).get(name)
        if owner is None:
            raise unknown_model(name)
        if self.dialect == "anthropic_messages":
            return Reply(200, "models", anthropic_messages.write_model(name, created))
        return Reply(200, "models", model_object(name, owner, created))

    def _list(self, policy: Policy, created: int) -> bytes:
        models = list(_models(policy))
        if self.dialect == "anthropic_messages":
            return anthropic_messages.write_models([name for name, _ in models], created)
        return models_list(models, created)


def unknown_model(name: str) -> RequestError:
    """A client's model that there is not."""
    message = (
        f"There is no model {name[:100]!r} here. GET {MODELS} lists them; `auto` lets the router choose."
    )
    return RequestError(message, 404, "model_not_found", "model")


def _models(policy: Policy) -> Iterator[tuple[str, str]]:
    """Names that clients may ask for, with their owners."""
    yield from ((name, "waypost") for name in sorted(policy.auto_names))
    yield from ((name, endpoint.provider.name) for name, endpoint in policy.endpoints.items())
    yield from ((name, policy.endpoints[of].provider.name) for name, (of, _) in policy.adapters.items())
