"""The condition types Waypost brings along, by their name in YAML."""

from typing import Final

from waypost.signals.base import Signal
from waypost.signals.keyword import KeywordMatch

BUILT_IN: Final[dict[str, type[Signal]]] = {
    "keyword_match": KeywordMatch,
}
