"""Thoughts with their signatures, carried by clients of OpenAI's Responses in what they cannot read.

Nothing is kept here between requests. A client sends a `reasoning` item back as it got it; its
`encrypted_content` has the blocks that the provider wants to see again.

Rule 1: what is found in it was not kept secret, and may be anybody's; it is read like the rest of a request.
"""

import base64
from typing import Any, Final

from waypost.dialects import digits
from waypost.dialects.anthropic_request import thoughts_of
from waypost.dialects.foreign import encode
from waypost.dialects.spans import check_size

_MARK: Final = "waypost.1."


def seal(blocks: list[dict[str, Any]]) -> str:
    """Whole blocks of thinking as one word; none of them = only that Waypost wrote it."""
    return _MARK + base64.urlsafe_b64encode(encode(digits.dumps(blocks))).decode("ascii")


def is_sealed(text: str) -> bool:
    """Whether Waypost wrote it, not a provider."""
    return text.startswith(_MARK)


def unseal(text: str) -> list[dict[str, Any]]:
    """The blocks; none, if it was cut or changed.

    Raises:
        RequestError: 400; there is more in it than any thought has.
    """
    try:
        inner = base64.b64decode(text.removeprefix(_MARK), b"-_", validate=True)
        check_size(inner)
        return thoughts_of({"thinking_blocks": digits.loads(inner)})
    except ValueError:
        return []
