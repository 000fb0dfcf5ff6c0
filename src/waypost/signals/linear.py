"""Regular expressions in time linear in the text, whatever the pattern: characters in, characters out."""

from collections.abc import Iterator

import re2


def compiled(pattern: str, *, case_sensitive: bool = True) -> "re2.Pattern":
    """The engine's pattern.

    Raises:
        re2.error: the engine refuses the pattern.
    """
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = case_sensitive
    return re2.compile(pattern, options)


def encode(text: str) -> bytes:
    """UTF-8 for the engine; a lone surrogate, which JSON escapes can make, becomes one `?`."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return text.encode(errors="replace")


def spans(pattern: "re2.Pattern", text: bytes) -> Iterator[tuple[int, int]]:
    """Matches one after the other, in characters of the encoded text; a match of nothing is an empty span."""
    is_ascii = text.isascii()
    chars = at = 0
    for found in pattern.finditer(text):
        first, last = found.span()
        if is_ascii:
            yield first, last
        elif first == last:
            yield chars, chars
        else:
            start = chars + len(text[at:first].decode(errors="replace"))
            chars, at = start + len(text[first:last].decode(errors="replace")), last
            yield start, chars
