"""The condition types Waypost brings along, by their name in YAML."""

from typing import Final

from waypost.signals.base import Signal
from waypost.signals.complexity import Complexity
from waypost.signals.context_length import ContextLength
from waypost.signals.conversation import Conversation
from waypost.signals.domain import Domain
from waypost.signals.intent import Intent
from waypost.signals.jailbreak import JailbreakDetection
from waypost.signals.keyword import KeywordMatch
from waypost.signals.language import Language
from waypost.signals.metadata import Metadata
from waypost.signals.pii import PiiDetection
from waypost.signals.regex import RegexMatch
from waypost.signals.similarity import Similarity

BUILT_IN: Final[dict[str, type[Signal]]] = {
    "keyword_match": KeywordMatch,
    "regex_match": RegexMatch,
    "pii_detection": PiiDetection,
    "jailbreak_detection": JailbreakDetection,
    "domain": Domain,
    "intent": Intent,
    "complexity": Complexity,
    "similarity": Similarity,
    "language": Language,
    "context_length": ContextLength,
    "conversation": Conversation,
    "metadata": Metadata,
}
