"""`MODEL_CARD.md` and `NOTICE`; their prose stands beside this module, here are the tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from waypost.encoder.manifest import Heads
from waypost.evaluate.report import called, shown
from waypost.evaluate.run import Report
from waypost.signals.pii import PRIVATE
from waypost.train.base import MODEL
from waypost.train.compare import Compared
from waypost.train.measure import HEADLINES, figure
from waypost.train.prepare import Corpus
from waypost.train.recipe import COURSES, Course
from waypost.train.rows import DOMAINS, PII_TYPES
from waypost.train.sets import ROUTING, SETS

INTENTS_MEAN: Final[Mapping[str, str]] = {
    "knowledge_qa": "a question that knowledge answers",
    "math_problem": "a problem to be calculated or proved",
    "code_generation": "a program to be written",
    "code_debugging": "code to be corrected, reviewed or explained",
    "creative_writing": "fiction, verse, role-play",
    "business_writing": "a mail, report or offer to be written",
    "summarization": "a text to be made shorter",
    "translation": "a text to be put into another language",
    "extraction": "facts to be taken out of a text, or a text to be sorted into classes",
    "analysis": "something to be compared, weighed or researched",
    "customer_support": "a customer's trouble with an account, an order, a service",
    "assistant_command": "an order to an assistant: alarms, music, bookings",
    "general_chat": "small talk",
}


_FOLDER: Final = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Story:
    """Everything the card tells.

    Attributes:
        digest: of all training texts and labels.
        megabytes: size of the model file.
        errors: expected calibration errors by head, before and after calibration.
    """

    version: str
    digest: str
    megabytes: float
    course: Course
    corpus: Corpus
    heads: Heads
    reports: Mapping[str, Report]
    compared: Mapping[str, Compared]
    errors: tuple[Mapping[str, float], Mapping[str, float]]


def card(story: Story) -> str:
    """The model card, Markdown."""
    aims, domains = story.course.aims, story.heads.domain.labels
    own = [name for name in domains if name not in DOMAINS]
    return _filled(
        "card.md",
        version=story.version,
        megabytes=f"{story.megabytes:.1f}",
        base=MODEL,
        figures="\n".join(_figures(story)).strip(),
        calibration="\n".join(_calibration(story)),
        alarms=f"{100 * aims.alarms:g} %",
        long_alarms=f"{100 * aims.long_alarms:g} %",
        clean=f"{100 * aims.clean:g} %",
        eight_bits="\n".join(_eight_bits(story)),
        domains=", ".join(DOMAINS),
        own_domains=f" The operator's own: {', '.join(own)}." if own else "",
        intents="\n".join(f"  - `{name}`: {words}" for name, words in INTENTS_MEAN.items()),
        types=", ".join(PII_TYPES),
        private=", ".join(PRIVATE),
        data="\n".join(_data(story)),
        routing=f"{ROUTING.source}, {ROUTING.licence}",
        options=_options(story.course),
        digest=story.digest,
    )


def notice(story: Story) -> str:
    """Attributions that licences ask for."""
    sets = [*(SETS[name] for name in story.corpus.train if name in SETS), ROUTING]
    return _filled(
        "notice.txt", base=MODEL, data="\n".join(f"  {s.name}: {s.source}, {s.licence}" for s in sets)
    )


def _filled(name: str, **values: str) -> str:
    return Template((_FOLDER / name).read_text(encoding="utf-8")).substitute(values)


def _figures(story: Story) -> Iterator[str]:
    for name, report in story.reports.items():
        keys = HEADLINES[name]
        yield from ("", f"### {name}", "")
        yield from _header("source", "n", *map(called, keys))
        for part in (*report.parts, *([report.pooled] if report.pooled else [])):
            left = ", *left out*" if part.name in story.corpus.left_out else ""
            yield _row(part.name + left, part.whole.n, *(shown(figure(part, key)) for key in keys))


def _calibration(story: Story) -> Iterator[str]:
    before, after = story.errors
    domain, intent, guard = story.heads.domain, story.heads.intent, story.heads.jailbreak
    how = {
        "domain": f"temperature {domain.temperature:g}",
        "intent": f"temperature {intent.temperature:g}",
        "jailbreak": f"temperature {guard.temperature:g}, bias {guard.bias:g},"
        f" penalty for many windows {guard.length_penalty:g}",
    }
    yield from _header("head", "how", "ECE before", "ECE after")
    for name, words in how.items():
        if name in after:
            yield _row(name, words, f"{before[name]:.3f}", f"{after[name]:.3f}")


def _eight_bits(story: Story) -> Iterator[str]:
    yield from _header("head", "n", "accuracy in 8 bits", "in 32 bits", "points", "same answer")
    for name, found in story.compared.items():
        points = f"{found.points:+.2f}"
        yield _row(name, found.n, f"{found.eight:.4f}", f"{found.full:.4f}", points, f"{found.same:.3f}")


def _data(story: Story) -> Iterator[str]:
    yield from _header("source", "rows trained on", "held back", "licence", "published as")
    for name, held in story.corpus.held.items():
        trained = len(story.corpus.train.get(name, ()))
        if name in SETS:
            yield _row(name, trained, len(held), SETS[name].licence, SETS[name].source)
        elif name.startswith("own:"):
            yield _row(name, trained, len(held), "the operator's own", "")
        else:
            yield _row(name, trained, len(held), "as Waypost", "generated by `waypost.train.synth`")


def _options(course: Course) -> str:
    options = [f"--recipe {course.name}", f"--seed {course.recipe.seed}", f"--steps {course.recipe.steps}"]
    options += [f"--without {name}" for name in course.without]
    named = COURSES[course.name].weights if course.name in COURSES else ()
    options += [f"--set {name}={weight:g}" for name, weight in course.weights if (name, weight) not in named]
    return " ".join(options)


def _header(*cells: str) -> Iterator[str]:
    yield _row(*cells)
    yield f"|{'---|' * len(cells)}"


def _row(*cells: object) -> str:
    return f"| {' | '.join(map(str, cells))} |"
