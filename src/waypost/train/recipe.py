"""What is mixed, altered and fitted, as numbers. No module of this package has others of its own."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

from waypost.train.rows import Row

Task = Literal["topic", "guard", "personal"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the twin is fitted.

    Attributes:
        steps: batches in all.
        cycle: kinds of batches, in turn.
        tokens: padded size of a batch.
        rate: learning rate of the transformer layers.
        head_rate: of everything that starts from nothing.
        warmup: steps until the rate is reached.
        average: decay of the moving average of the weights, which is what is kept.
        attacks: share of attacks in a guard batch.
        clean: share of documents without personal data in a PII batch.
        smoothing: of the labels of domain and intent.
    """

    steps: int = 3600
    cycle: tuple[Task, ...] = (
        "topic", "guard", "personal", "topic", "guard", "topic", "personal", "topic", "guard",
    )  # fmt: skip
    tokens: int = 2560
    rate: float = 3e-4
    head_rate: float = 2e-3
    warmup: int = 50
    decay: float = 0.01
    average: float = 0.998
    attacks: float = 0.4
    clean: float = 0.5
    smoothing: float = 0.05
    seed: int = 1


@dataclass(frozen=True, slots=True)
class Shares:
    """How many of the rows that an alteration suits get a copy altered so; what is altered stays as well.

    Attributes:
        typos: slips of the fingers, in short texts without marked personal data.
        case: lower, upper or title case, in the same.
        personal_case: lower or upper case in documents with marked personal data, marks kept.
        padded: harmless text around an attack, and as many pairs of harmless texts put together likewise.
        inserted: an attack inside a long harmless document, cut so that one window holds it, and as many
            documents with a stretch of another document in its place.
        cropped: a stretch from inside a long harmless text, as an inner window shows it.
        chat: an exam question asked as in a chat.
    """

    typos: float = 0.05
    case: float = 0.05
    personal_case: float = 0.12
    padded: float = 0.3
    inserted: float = 0.45
    cropped: float = 0.3
    chat: float = 0.15


@dataclass(frozen=True, slots=True)
class Generated:
    """Rows of a generator of ours.

    Attributes:
        module: in `waypost.train.synth`.
        function: takes a seed and a count.
    """

    module: str
    function: str
    count: int

    @property
    def name(self) -> str:
        """As `--without` and `--set` name it."""
        return (
            f"synth:{self.module}" if self.function == "generate" else f"synth:{self.module}:{self.function}"
        )


@dataclass(frozen=True, slots=True)
class Emphasis:
    """Rows of a source that count more than the others of it, or less.

    Attributes:
        source: as the rows name it.
        kinds: only rows of these kinds; () = of all.
        foreign: only rows in other languages than English.
        factor: of their weight; several that match are multiplied.
    """

    source: str
    factor: float
    kinds: tuple[str, ...] = ()
    foreign: bool = False

    def suits(self, row: Row) -> bool:
        """Whether a row is meant."""
        kind = not self.kinds or row.kind in self.kinds
        return row.source == self.source and kind and not (self.foreign and row.language == "en")


@dataclass(frozen=True, slots=True)
class Aims:
    """What calibration on rows that were held back aims at.

    Attributes:
        hard: sources of harmless texts that look like attacks; they fix where P(attack) is 0.5.
        alarms: share of them that may reach it.
        long_alarms: share of long harmless documents that may.
        clean: share of documents without personal data in which some may be found.
        slope: of the likeness to examples.
        middle: cosine at which that likeness is 0.5.
    """

    hard: tuple[str, ...] = (
        "awesome_prompts", "gpteacher_roleplay", "guard_mitre_frr_benign", "guard_benign_hardneg",
        "self_instruct", "exercism", "synth:benign", "synth:attacks",
    )  # fmt: skip
    alarms: float = 0.015
    long_alarms: float = 0.04
    clean: float = 0.03
    slope: float = 24.0
    middle: float = 0.36


@dataclass(frozen=True, slots=True)
class Course:
    """A whole training.

    Attributes:
        sets: public sets by name, in order; () = all of the data manifest.
        rows: most rows taken of one of them; 0 = all.
        generated: rows of our own generators.
        held: most rows of one source that calibration and report read; training never sees more of them.
        compared: most held rows that the network reads in 32-bit floats as well.
        weights: of sources, 1 where none is given; 0 = not trained on.
        emphases: of rows within a source.
        without: sources or families that are left out, and reported as such.
    """

    name: str
    sets: tuple[str, ...] = ()
    rows: int = 0
    generated: tuple[Generated, ...] = ()
    shares: Shares = field(default_factory=Shares)
    recipe: Recipe = field(default_factory=Recipe)
    aims: Aims = field(default_factory=Aims)
    held: int = 600
    compared: int = 3000
    weights: tuple[tuple[str, float], ...] = ()
    emphases: tuple[Emphasis, ...] = ()
    without: tuple[str, ...] = ()


_FULL: Final = Course(
    "full",
    generated=(
        Generated("attacks", "generate", 5000),
        Generated("benign", "generate", 7000),
        Generated("benign", "long_documents", 800),
        Generated("sciences", "generate", 6000),
        Generated("humanities", "generate", 6000),
        Generated("tasks", "generate", 6500),
        Generated("personal", "generate", 6000),
    ),
    recipe=Recipe(steps=8400, tokens=1536, average=0.999),
    weights=(
        ("mmlu_pro", 4.0), ("mmlu", 2.0), ("clinc150", 0.6), ("hwu64", 0.6), ("banking77", 0.6),
        ("gpteacher_roleplay", 0.7), ("gsm8k", 0.6), ("medquad", 0.6), ("mbpp", 0.6),
        ("gpteacher_codegen", 0.7), ("synth:attacks", 2.0), ("synth:benign", 4.0), ("synth:personal", 1.5),
        ("synth:sciences", 1.5), ("synth:humanities", 1.5), ("synth:tasks", 1.5),
    ),
    emphases=(
        Emphasis("synth:benign", 5.0, foreign=True),
        Emphasis("synth:benign", 1.6, ("roleplay", "trigger_words", "prompting", "security")),
        Emphasis("pii_synth", 2.5, foreign=True),
    ),
)  # fmt: skip
_SMOKE: Final = Course(
    "smoke",
    ("mmlu_pro", "gsm8k", "clinc150", "guard_deepset", "guard_benign_hardneg", "pii_synth"),
    120,
    (
        Generated("attacks", "generate", 150),
        Generated("benign", "generate", 150),
        Generated("benign", "long_documents", 8),
        Generated("personal", "generate", 150),
        Generated("tasks", "generate", 120),
    ),
    recipe=Recipe(steps=60, tokens=1280, warmup=10, average=0.9),
    held=30,
    compared=100,
)  # fmt: skip

COURSES: Final[Mapping[str, Course]] = MappingProxyType({"full": _FULL, "smoke": _SMOKE})
"""By the name that `--recipe` takes; `smoke` shows in a minute that everything works, and learns little."""
