"""What hands and keyboards do to a text: slips, lost capitals, greetings and thanks around a question."""

import re
from typing import Final

from waypost.train.synth.draw import Generator, chance, pick

_NEIGHBOURS: Final = {
    "a": "qs", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo",
    "j": "hk", "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "w", "r": "et", "s": "ad",
    "t": "ry", "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip
_WORD = re.compile(r"[A-Za-z]{4,}")
_SENTENCE_START = re.compile(r"[A-Z][a-z]")  # neither "I" nor an abbreviation
_FORMAL = re.compile(r"[\\$`{}<>=_]|\n[ \t]")
_SHORTHAND: Final = (
    (" you ", " u "), (" are ", " r "), (" please", " pls"), (" because ", " cuz "), (" with ", " w/ "),
    (" without ", " w/o "), (" and ", " & "), (" thanks", " thx"), (" about ", " abt "),
)  # fmt: skip

_SHOUTED = 100  # characters; nobody shouts a whole post

_OPENERS: Final = (
    "hi, ", "Hi! ", "Hello, ", "hey ", "Hey there, ", "Good morning. ", "Good evening, ", "quick question: ",
    "Quick one: ", "question - ", "Another question: ", "ok so ", "So, ", "Sorry if this is obvious, but ",
    "Dumb question maybe, but ", "Not sure this is the right place, but ", "Serious question: ",
    "Could you help me with this? ", "I have been wondering: ", "Just curious: ", "one more thing, ",
    "Following up on yesterday: ", "For my notes: ", "Asking for a friend: ", "please help. ", "Hmm, ",
)  # fmt: skip
_CLOSERS: Final = (
    " Thanks!", " thanks", " Thank you in advance.", " Please keep it short.", " Answer in two sentences.",
    " Explain it step by step, please.", " I'm a complete beginner.", " Please give an example.",
    " Bullet points are fine.", " No long lecture please.", " Cite sources if you can.", " cheers",
    " (I searched and found nothing useful)", " Be precise.", " In plain language please.",
    " I need it by tonight.", " Any help appreciated!", " tia", " ASAP", " I can handle technical detail.",
    " A rough idea is enough.", " Please double-check your answer.", " Thanks a lot, really stuck here.",
)  # fmt: skip


def is_formal(text: str) -> bool:
    """Whether the text holds code or formulas, which a slip would turn into something else."""
    return bool(_FORMAL.search(text))


def frame_politely(rng: Generator, text: str) -> str:
    """`text` with a greeting in front, a wish behind, or both."""
    which = int(rng.integers(3))
    if which != 1:
        opener = pick(rng, _OPENERS)
        text = opener + (text if opener[-2] in ".!?:" else _lower_first(text))
    return text + pick(rng, _CLOSERS) if which else text


def roughen(rng: Generator, text: str) -> str:
    """`text` as typed in haste: slips of the finger, no capitals, shorthand, or (seldom) all capitals."""
    if chance(rng, 0.5):
        return slip(rng, text)
    if len(text) < _SHOUTED and chance(rng, 0.15):
        return text.upper()
    text = text.lower().replace("'", "")
    if chance(rng, 0.4):
        text = text.rstrip(".?!")
    if chance(rng, 0.3):
        for long, short in _SHORTHAND:
            text = text.replace(long, short)
    return slip(rng, text) if chance(rng, 0.3) else text


def slip(rng: Generator, text: str) -> str:
    """`text` with one to four words misspelled: letters swapped, lost, doubled or hit beside."""
    words = list(_WORD.finditer(text))
    if not words:
        return text
    wanted = 1 + min(3, len(text) // 150)
    order: list[int] = rng.permutation(len(words)).tolist()
    for at in sorted(order[:wanted], reverse=True):  # from the back, so that the offsets in front still hold
        word = words[at]
        text = text[: word.start()] + _misspell(rng, word[0]) + text[word.end() :]
    return text


def _misspell(rng: Generator, word: str) -> str:
    at = int(rng.integers(1, len(word) - 1))
    before, letter, behind = word[:at], word[at], word[at + 1 :]
    match int(rng.integers(4)):
        case 0:
            return before + behind[0] + letter + behind[1:]
        case 1:
            return before + behind
        case 2:
            return before + letter + letter + behind
        case _:
            return before + pick(rng, _NEIGHBOURS[letter.lower()]) + behind


def _lower_first(text: str) -> str:
    return text[0].lower() + text[1:] if _SENTENCE_START.match(text) else text
