"""Exam questions as people ask them in a chat: the register in which no public set has labelled domains."""

import re
from dataclasses import replace
from typing import Final

from waypost.train.rows import Row
from waypost.train.synth.draw import Generator, chance, pick

EXAMS: Final = frozenset({"mmlu_pro", "mmlu", "scibench"})

_OPTIONS: Final = re.compile(r"\sA\. .*", re.DOTALL)
_STEM: Final = (
    r"which (?:one )?of (?:the|these) (?:following )?(?:statements?|claims?|sentences?|phrases?)?\s*"
)
_TRUE: Final = r"(?:is|are) (?:not )?(?:true|false|correct|incorrect)"
_TOPICS: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_STEM}(?:best|most accurately|correctly)?\s*(?:describe|explain|define|illustrate)s? (.+)\?",
        rf"{_STEM}(?:about|regarding|concerning) (.+?) {_TRUE}\?",
        rf"{_STEM}{_TRUE} (?:of|about|for|regarding) (.+)\?",
        rf"{_STEM}(?:is|are) (?:an?|the) (?:examples?|types?|kinds?|forms?|causes?) of (.+)\?",
        r"what (?:is|are) (?:meant by )?(.+)\?",
        r"what does (.+?) (?:refer to|mean|describe)\?",
    )
)
_FOLLOWING: Final = re.compile(_STEM, re.IGNORECASE)
_LONGEST_TOPIC: Final = 80

_EXPLAIN: Final = (
    "explain {}", "Explain {} to me.", "Can you explain {}?", "could you explain {} in simple terms",
    "I don't really get {}. Can you walk me through it?", "what exactly is meant by {}", "Tell me about {}.",
    "tell me more about {} please", "I need to understand {} for my exam on Friday.", "teach me {}",
    "How would you explain {} to a beginner?", "i keep mixing things up with {}, help",
    "Give me a short overview of {}.", "help me understand {}", "What's the idea behind {}?",
    "My tutor mentioned {} today and I was lost.", "quick question about {}: what should I remember?",
)  # fmt: skip
_HELP: Final = (
    "Help me with this: {}", "help me with this one please: {}", "Can you help me? {}", "hi! {}",
    "I'm stuck on this one. {}", "{} I have no idea where to start.", "Could you tell me: {}", "Homework: {}",
    "{} Please explain how you got there.", "{} Thanks!", "how would I answer this? {}", "so, {}",
    "My teacher asked us this today: {}", "{} Explain it step by step.", "I was wondering about this. {}",
    "Not sure about this one: {}", "{} Just the short answer, please.",
)  # fmt: skip


def asked_in_chat(rng: Generator, row: Row) -> Row:
    """The same question in other words.

    Where only its topic is left, how hard it was is unknown, and so is whether it still is a problem.
    """
    stem = _OPTIONS.sub("", row.text).strip()
    topic = _topic(stem)
    if topic and chance(rng, 0.75):
        intent = None if row.intent == "math_problem" else row.intent
        return replace(row, text=pick(rng, _EXPLAIN).format(topic), intent=intent, difficulty=None)
    question = _FOLLOWING.sub("what ", stem)
    if chance(rng, 0.5):
        question = question[:1].lower() + question[1:]
    return replace(row, text=pick(rng, _HELP).format(question))


def _topic(stem: str) -> str:
    """What a question is about, where its form says so."""
    for pattern in _TOPICS:
        found = pattern.fullmatch(stem)
        if found and len(found[1]) <= _LONGEST_TOPIC and "_" not in found[1]:
            return found[1].strip(" ,:")
    return ""
