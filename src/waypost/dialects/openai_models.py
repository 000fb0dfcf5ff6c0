"""What families of OpenAI's own models understand, by name.

Source: OpenAI API reference and guides, Reasoning models, Using GPT-5 and its successors (2026).
"""

import re
from dataclasses import dataclass
from typing import Final, Literal

Samples = Literal["always", "unthinking", "never"]

_PLAIN: Final = re.compile(r"(?:chatgpt|gpt)-[34](?!\d)|gpt-5(?:\.\d+)?-chat")
_THINKING: Final = re.compile(r"(?:o[134]|gpt-5)(?![\w.])")
_LATER: Final = re.compile(r"gpt-5\.\d")


@dataclass(frozen=True, slots=True)
class Family:
    """One kind of model; a name that says nothing, such as a deployment's, stands for one that takes it all.

    Attributes:
        thinks: takes `reasoning_effort`; others refuse it.
        samples: takes `temperature`, `top_p`, penalties, `logit_bias` and `logprobs`; `unthinking` = as long
            as it is not told to think.
        stops: takes `stop`.
        old_limit: takes `max_tokens`; others want `max_completion_tokens` in its place.
    """

    thinks: bool = True
    samples: Samples = "always"
    stops: bool = True
    old_limit: bool = True


def family_of(model: str) -> Family:
    """The family; a fine-tuned model is of its base's."""
    name = model.lower().removeprefix("ft:")
    if _PLAIN.match(name):
        return Family(thinks=False)
    if _THINKING.match(name):
        return Family(samples="never", stops=False, old_limit=False)
    return Family(samples="unthinking", stops=False, old_limit=False) if _LATER.match(name) else Family()
