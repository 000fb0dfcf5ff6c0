"""Keys and tokens that open an account: by their issuer's first letters, or by the name they stand behind.

Hashes, identifiers and encoded pictures look just as random; without one of the two they are none.
"""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

from waypost.signals.candidates import CHECK, Budget, Found
from waypost.signals.linear import compiled


def api_keys(text: str, budget: Budget) -> Iterator[Found]:
    """API keys, signed tokens and private keys."""
    done: list[tuple[int, int]] = []
    for found in (*_private(text, budget), *_issued(text, budget), *_named(text, budget)):
        if all(found.end <= start or found.start >= end for start, end in done):
            done.append((found.start, found.end))
            yield found


def _private(text: str, budget: Budget) -> Iterator[Found]:
    """Private keys in PEM (RFC 7468), to their end where that is there; a heading alone is no key."""
    done = 0
    for start, end in budget.candidates(_HEADING, text):
        if start >= done and budget.spend(CHECK):
            body = _BODY.match(text, end, end + _LONGEST_KEY)
            done = body.end() if body else end
            yield Found(start, done, 0.95 if body else 0.5)


_HEADING: Final = compiled(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
_BODY: Final = re.compile(
    # Nothing is given back, so that no text takes long.
    r"(?:\s|\\n|[\w-]++: [^\s\\]++)*+[A-Za-z0-9+/=]{16,}+"
    r"(?:(?:\s|\\n|[A-Za-z0-9+/=])*+-----END [A-Z0-9 ]++-----)?"
)
_LONGEST_KEY: Final = 16_384


def _issued(text: str, budget: Budget) -> Iterator[Found]:
    """Keys that begin as their issuer lets them begin."""
    for start, end in budget.candidates(_ISSUED, text):
        before = text[start - 1 : start]
        key = text[start:end]
        if before.isalnum() or before == "_" or not budget.spend():
            continue
        if len(set(key)) >= _FEWEST_DIFFERENT and (not key.startswith(_WORDY) or _has_random_part(key)):
            yield Found(start, end, 0.95)


_FORMS: Final = (
    r"sk-[A-Za-z0-9_\-]{20,}",  # OpenAI, Anthropic and those who write keys as they do
    r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}",  # Stripe
    r"gh[oprsu]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{22,}",
    r"glpat-[A-Za-z0-9_\-]{20,}",
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",  # AWS
    r"AIza[A-Za-z0-9_\-]{35}",  # Google
    r"xox[abeoprs]-[A-Za-z0-9\-]{10,}|xapp-[A-Za-z0-9\-]{20,}",  # Slack
    r"hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|gsk_[A-Za-z0-9]{40,}|dop_v1_[a-f0-9]{64}",
    r"SG\.[A-Za-z0-9_\-]{16,}\.?[A-Za-z0-9_\-]{16,}|key-[a-f0-9]{32}\b",  # senders of mail
    r"eyJ[A-Za-z0-9_\-]{8,}\.eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-]{8,}",  # JSON web tokens, RFC 7519
)
_ISSUED: Final = compiled("|".join(_FORMS))
_FEWEST_DIFFERENT: Final = 10
_WORDY: Final = ("sk-", "xox", "xapp-")
"""Beginnings that words joined by dashes have, too."""


def _has_random_part(key: str) -> bool:
    """Words joined by dashes have no digits among their letters, the parts of a key have."""
    parts = key.split("-")
    return any(len(part) >= _RANDOM_PART and not part.isalpha() for part in parts[1:])


_RANDOM_PART: Final = 10


def _named(text: str, budget: Budget) -> Iterator[Found]:
    """Random values that something called a key, a token or a secret is set to."""
    for start, end in budget.candidates(_NAMED, text):
        value = _VALUE.search(text, start, end)
        if value and len(value[1]) <= _LONGEST_VALUE and budget.spend() and is_random(value[1]):
            yield Found(*value.span(1), 0.8)


_NAMES: Final = (
    r"(?:api|access|account|auth|client|encryption|private|secret|service|signing)"
    r"[ _\-]?(?:key|token|secret)s?"
)
_NAMED: Final = compiled(
    rf"(?i)(?:(?:^|[^A-Za-z0-9]){_NAMES}|(?:^|--|[^A-Za-z0-9_\-])(?:token|secret))(?:[ _]id)?"
    r"[\"'`\])]{0,3} ?(?:[:=]|:=|=>|->| is:?) ?[\"'`(]{0,2}(?:bearer )?[A-Za-z0-9+/_.~\-]{16,}={0,2}"
    r"|\bbearer [A-Za-z0-9+/_.~\-]{16,}={0,2}"
)
_VALUE: Final = re.compile(r"(?<![A-Za-z0-9+/_.~\-])([A-Za-z0-9+/_.~\-]{15,}[A-Za-z0-9+/_~\-]={0,2})\.?\Z")
_LONGEST_VALUE: Final = 200
"""What is longer is an encoded document or picture."""


def could_be_key(value: str) -> bool:
    """Whether what the classifiers take for a key may be one; hashes and UUIDs are not, without a name."""
    return is_random(value) and _NUMBERED.search(value) is None


_NUMBERED: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}"
    r"|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})(?![0-9A-Za-z])",
    re.IGNORECASE,
)


def is_random(value: str) -> bool:
    """Whether a value was drawn and not written: letters and digits in one long part, without order.

    Names change from small to capital letters where a word begins, random text at nearly every other place.
    """
    parts = _BETWEEN.split(_OF_BASE64.sub("", value))
    part = max(parts, key=len)
    if len(part) < _SHORTEST_PART or part.isalpha() or part.isdigit() or len(set(part)) < _FEWEST_OF_PART:
        return False
    kinds = _BEGIN.sub("a", part).translate(_KINDS)
    changes = sum(one != other for one, other in pairwise(kinds))
    fewest = _CHANGES if part.lower() == part or part.upper() == part else _CHANGES_MIXED
    return changes >= fewest * len(part)


_BETWEEN: Final = re.compile(r"[^A-Za-z0-9]+")
_OF_BASE64: Final = re.compile("[+/=]")
_BEGIN: Final = re.compile("[A-Z](?=[a-z])")
_KINDS: Final = str.maketrans(
    "123456789BCDEFGHIJKLMNOPQRSTUVWXYZbcdefghijklmnopqrstuvwxyz", "0" * 9 + "A" * 25 + "a" * 25
)
_SHORTEST_PART: Final = 12
_FEWEST_OF_PART: Final = 7
_CHANGES: Final = 0.15
_CHANGES_MIXED: Final = 0.22
