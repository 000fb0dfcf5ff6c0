"""How signals put lists of the operator's words into sentences."""

from collections.abc import Sequence
from typing import Final

_NAMED: Final = 20


def quoted(words: Sequence[str]) -> str:
    """'a', 'b' and 'c'; after twenty words: and how many more."""
    names = [f"'{word}'" for word in words[:_NAMED]]
    if len(words) > _NAMED:
        return f"{', '.join(names)} and {len(words) - _NAMED} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def one_of(words: Sequence[str]) -> str:
    """For a clause that is read back: "a" or any of "a", "b"."""
    names = ", ".join(f'"{word}"' for word in words)
    return names if len(words) == 1 else f"any of {names}"
