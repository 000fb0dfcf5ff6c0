"""`context_length`: how much text there is, estimated from bytes until a tokenizer is there."""

from collections.abc import Iterator
from typing import ClassVar, Final

from waypost.configurable import configurable
from waypost.request.chat import ChatRequest
from waypost.signals.base import Lint, TextSignal, Verdict

_BYTES_PER_TOKEN: Final = 4


@configurable
class ContextLength(TextSignal):
    """Holds when the text is within a length, in tokens."""

    kind: ClassVar[str] = "context_length"

    min_tokens: int | None = None
    """Smallest number of tokens at which the condition holds."""

    max_tokens: int | None = None
    """Largest number of tokens at which the condition holds."""

    def evaluate(self, request: ChatRequest, encoded: object) -> Verdict:
        """Compare the estimate with both limits; text that cannot be read only adds to it."""
        tokens = request.once(("tokens", self.scope), lambda: self._estimate(request))
        is_long = self.min_tokens is None or tokens >= self.min_tokens
        is_over = self.max_tokens is not None and tokens > self.max_tokens
        because = f"about {tokens} token{'' if tokens == 1 else 's'} (estimated from bytes), {self._limits()}"
        verdict = Verdict("within", 1.0, because) if is_long and not is_over else Verdict(None, 0.0, because)
        is_certain = is_over or (is_long and self.max_tokens is None)
        return verdict if is_certain else self.unless_unread(request, verdict)

    def _estimate(self, request: ChatRequest) -> int:
        size = sum(len(part.text.encode(errors="replace")) for part in self.parts(request) if not part.again)
        return -(-size // _BYTES_PER_TOKEN)

    def _limits(self) -> str:
        if self.max_tokens is None:
            return f"at least {self.min_tokens} asked for"
        if self.min_tokens is None:
            return f"at most {self.max_tokens} asked for"
        return f"{self.min_tokens} to {self.max_tokens} asked for"

    def sentence(self) -> str:
        """The condition as a clause."""
        if self.max_tokens is None:
            return f"the text has {self.min_tokens} tokens or more"
        if self.min_tokens is None:
            return f"the text has {self.max_tokens} tokens or fewer"
        return f"the text has {self.min_tokens} to {self.max_tokens} tokens"

    def lint(self) -> Iterator[Lint]:
        """Limits that are missing, negative or the wrong way round."""
        if self.min_tokens is None and self.max_tokens is None:
            yield Lint("min_tokens", "no limit", "give `min_tokens`, `max_tokens` or both")
        for name, limit in (("min_tokens", self.min_tokens), ("max_tokens", self.max_tokens)):
            if limit is not None and limit < 0:
                yield Lint(name, f"{name} is {limit}", "give a number of tokens, 0 or more")
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            message = f"min_tokens {self.min_tokens} is above max_tokens {self.max_tokens}"
            yield Lint("min_tokens", message, "this condition can never hold")
