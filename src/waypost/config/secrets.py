"""What must not be shown of a file: credentials by their place, or by their looks where there is no tree."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from typing import Final, NamedTuple

from waypost.config import schema
from waypost.config.document import Node

MASK: Final = "*****"

_CREDENTIALS: Final = ("api_key", "api_keys", "headers")
_KNOWN: Final[Mapping[str, tuple[str, ...]]] = {
    "": tuple(f.name for f in fields(schema.Document)),
    "providers": tuple(f.name for f in fields(schema.Provider) if f.name not in _CREDENTIALS),
    "models": tuple(f.name for f in fields(schema.Model)),
    "endpoints": tuple(f.name for f in fields(schema.ProviderAddress)),
    "limits": tuple(f.name for f in fields(schema.ProviderLimits)),
    "paths": tuple(f.name for f in fields(schema.ProviderPaths)),
    "tls": tuple(f.name for f in fields(schema.ProviderTls)),
}
"""Keys whose values may be shown; of the last four, which stand in a provider, those of their blocks."""


class Secret(NamedTuple):
    """A text that must not be shown.

    Attributes:
        span: its characters in the file.
        shown: what stands for it in messages.
    """

    span: tuple[int, int]
    text: str
    shown: str


def secrets_in(root: Node, text: str) -> Iterator[Secret]:
    """Credentials a file writes out, and whatever stands where one may: under keys that are unknown there."""
    doubtful = list(_unknown(root, ""))
    for section in ("providers", "models"):
        node = root.mapping.get(section)
        if node is not None:
            blocks = node.mapping or {section: node}
            doubtful += [entry for block in blocks.values() for entry in _unknown(block, section)]
            doubtful += [(key, Node(n.at, {}, key_span=n.key_span)) for key, n in node.mapping.items()]
    while doubtful:
        key, node = doubtful.pop()
        doubtful += [*node.mapping.items(), *(("", item) for item in node.items)]
        # `api_key:abc` lacks a space, so all of it is a key; `{!api_key: abc}` is a tag and a key.
        if head := _OPEN.match(key):
            yield Secret((node.key_span[0] + head.end(1), node.key_span[1]), key, head[1] + MASK)
        elif key and (node.value is None or _SHAPED.search(key)):
            yield Secret(node.key_span, key, MASK)
        start, end = node.span
        if start < end and not _VARIABLES.fullmatch(text[start:end]):
            yield Secret(node.span, str(node.value), MASK)


def _unknown(block: Node, section: str) -> Iterator[tuple[str, Node]]:
    """Entries whose key does not belong there; a whole block that is no mapping; a URL with a password."""
    if not block.mapping:
        yield "", block
    for key, node in block.mapping.items():
        near = get_close_matches(key, (*_KNOWN[section], *_CREDENTIALS), 1, 0.8)
        is_known = key.endswith(schema.LIST_SUFFIX) or (near and near[0] not in _CREDENTIALS)
        if not is_known or (section in _URLS and "@" in str(node.value)):
            yield key, node
        elif section == "providers" and key in _KNOWN:
            for inner in node.items or [node]:
                if inner.mapping or key != "endpoints":
                    yield from _unknown(inner, key)


_URLS: Final = ("providers", "endpoints")

# Every repeat has an end: a hostile file must not cost more than its size.
_VARIABLES: Final = re.compile(r"['\"]?(\$\{\w+\})+['\"]?")
_NAME: Final = (
    r"(?i:(?<![a-z])(?:api[_-]?k\w{0,30}|key|token|secret|passw\w{0,30}|credentials?|authorization)['\"]?)"
)
_OPEN: Final = re.compile(rf"([\w.-]{{0,60}}?{_NAME})[^\w.-]+\S")
_SHAPED: Final = re.compile(
    r"(?P<value>\b(?:sk|pk|rk|gsk|xai|hf|ghp|AKIA|AIza)[-_][\w-]{6,}|(?<=//)[^\s/@]{0,200}:[^\s/@]{0,200}(?=@))"
)

# Without a tree nobody knows which value is one: then everything behind a name that says so goes, up to the
# next key, and under `providers` whatever is not the first key of a line.
_IN_COMMENT: Final = re.compile(
    rf"(?m)(?:^|[ \t])#.{{0,200}}?{_NAME}[ \t]*[:=](?![ \t]*['\"]?\$\{{)(?P<value>.*)"
)
_ANYWHERE: Final = re.compile(
    rf"{_NAME}[ \t]*[:=\s](?![ \t]*['\"]?\$\{{)"
    r"(?P<value>[^\n]*(?:\n(?![ \t]*(?:- +)?[\w'\"-]+[ \t]*:(?:\s|\Z))[^\n]*)*)"
)


_PROVIDERS: Final = re.compile(r"(?m)^['\"]?providers\b.*(?:\n(?![A-Za-z]).*)*")
_VALUE: Final = re.compile(r"(?m)^[ \t]*(?:- +)?(?:[\w'\".-]+[ \t]*[:=])?[ \t]*(?P<value>.*)$")


def blanked(text: str, spans: Sequence[tuple[int, int]], *, is_yaml: bool) -> str:
    """`text` with secrets overwritten, every other character in its place.

    Args:
        text: of one file.
        spans: secrets that are known.
        is_yaml: the spans are all there are, but for comments.
    """
    guessed = [*_IN_COMMENT.finditer(text)] if is_yaml else [*_ANYWHERE.finditer(text)]
    if not is_yaml:
        parts = _PROVIDERS.finditer(text)
        guessed += [line for part in parts for line in _VALUE.finditer(text, part.start(), part.end())]
    characters = list(text)
    for start, end in (*spans, *(found.span("value") for found in (*guessed, *_SHAPED.finditer(text)))):
        characters[start:end] = [c if c in "\r\n" else "*" for c in characters[start:end]]
    return "".join(characters)
