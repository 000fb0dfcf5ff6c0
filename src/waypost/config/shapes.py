"""What rules and categories say about their requests: how a model is chosen, and how requests are shaped."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path as File
from typing import Final

from waypost.config import schema
from waypost.config.book import Book
from waypost.config.catalogue import read_catalogue
from waypost.config.document import Findings, Node, Path
from waypost.config.guards import Level
from waypost.config.prompts import builtin_prompts
from waypost.config.validate import check_tagged, nearest
from waypost.decision.engine import Route, Rule
from waypost.errors import ConfigError
from waypost.mutations import headers, parameters, system_prompt
from waypost.mutations.reasoning import FAMILIES, Lora, ReasoningFamily, at_host
from waypost.mutations.shape import Shape
from waypost.mutations.target import Use
from waypost.mutations.tools import Catalogue, ToolSettings
from waypost.selection.base import Candidate, Method
from waypost.selection.capabilities import Profile
from waypost.selection.choosing import Choosing
from waypost.selection.methods import METHODS
from waypost.selection.static import Static
from waypost.selection.sticky import Sticky
from waypost.signals.base import Lint

_SHAPING: Final = frozenset(each.name for each in fields(schema.Shaping))


@dataclass(frozen=True, slots=True)
class Picked:
    """A candidate as written: by a rule or by a category."""

    endpoint: str
    path: Path
    score: float | None
    percent: float | None
    reasons: schema.Reasons
    optional: bool = False


@dataclass(slots=True)
class Shapes:
    """Where blocks become shapes and choices, by the key of their rule.

    Attributes:
        folder: relative paths start there.
        families: how each endpoint is told to think; one that is missing is not.
        levels: what they say about guards.
        adapters: endpoint and adapter by the name that clients may ask for.
    """

    document: schema.Document
    book: Book
    folder: File
    families: dict[str, ReasoningFamily] = field(default_factory=dict[str, ReasoningFamily])
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    choices: dict[str, Choosing] = field(default_factory=dict[str, Choosing])
    levels: dict[str, Level] = field(default_factory=dict[str, Level])
    adapters: dict[str, tuple[str, Lora]] = field(default_factory=dict[str, tuple[str, Lora]])
    catalogues: dict[File, Catalogue] = field(default_factory=dict[File, Catalogue])

    @classmethod
    def open(cls, document: schema.Document, book: Book, folder: File) -> "Shapes":
        """Read what belongs to models and to the whole file."""
        made = cls(document, book, folder)
        known = {**FAMILIES, **document.reasoning_families}
        for name, family in document.reasoning_families.items():
            made._say(family.lint(), ("reasoning_families", name))
        for name, block in book.blocks.items():
            family = known.get(block.reasoning_family or "")
            if family is not None:
                made.families[name] = at_host(family, book.endpoints[name].provider.hosts[0].host)
            elif block.reasoning_family is not None:
                path: Path = ("models", name, "reasoning_family")
                remedy = nearest(block.reasoning_family, known)
                book.findings.error(path, f"{block.reasoning_family!r} is no reasoning family", remedy)
            made._adapters(name, block)
        if document.tools is not None:
            made.shapes[""] = Shape(
                tools=document.tools, catalogue=made._catalogue(document.tools, ("tools",))
            )
        return made

    def _adapters(self, name: str, block: schema.Model) -> None:
        """Give adapters their names, which are those of models to clients."""
        taken = {*self.book.declared["models"], *self.document.auto_model_names}
        for number, lora in enumerate(block.loras):
            path: Path = ("models", name, "loras", number, "name")
            if lora.name in taken or lora.name in self.adapters:
                self.book.findings.error(
                    path, f"{lora.name!r} is the name of something else already", "choose another"
                )
            elif not lora.name.strip() or not lora.name.isprintable():
                self.book.findings.error(path, "an adapter needs a printable name")
            else:
                self.adapters[lora.name] = name, lora

    def enter(
        self,
        key: str,
        block: schema.Shaping,
        node: Node | None,
        path: Path,
        picks: Sequence[Picked],
        labels: Sequence[str] = (),
    ) -> None:
        """Take in what one rule or category says.

        Args:
            key: of the rule.
            block: as checked.
            node: as written.
            path: of the block.
            picks: its candidates, in order; none = it sends nothing, so there is nothing to shape.
            labels: domains and intents it stands for.
        """
        if not picks:
            self._idle(node, path)
            return
        if block.pii or block.prompt_guard:
            self.levels[key] = Level(path, block.pii, block.prompt_guard)
        uses = {pick.endpoint: use for pick in picks if (use := self._use(pick)) != Use()}
        shape = self._shape(block, path, labels, uses)
        if shape != self.shapes.get("", Shape()):
            self.shapes[key] = shape
        candidates = tuple(
            Candidate(self.book.endpoints[p.endpoint], self.profile(p.endpoint), p.score, p.percent)
            for p in picks
        )
        choosing = Choosing(candidates, self._method(node, path), _sticky(block.sticky), block.requires)
        self._say(choosing.method.lint(candidates), (*path, "select"))
        if choosing.sticky:
            self._say(choosing.sticky.lint(), (*path, "sticky"))
        if choosing.remembers or block.requires or any(c.profile != Profile() for c in candidates):
            self.choices[key] = choosing

    def _idle(self, node: Node | None, path: Path) -> None:
        """Name every key of a rule that blocks or answers which is about what a model would get."""
        for key in node.mapping if node is not None else ():
            if key in _SHAPING:
                message = f"{key!r} has no effect: the rule sends nothing to a model"
                self.book.findings.add("warning", (*path, key), message, "remove it", key=True)

    def default(self, rule: Rule) -> None:
        """The default rule has no block of its own, but its model may lack what a request needs."""
        names = rule.action.endpoints if isinstance(rule.action, Route) else ()
        candidates = tuple(Candidate(self.book.endpoints[name], self.profile(name)) for name in names)
        if any(candidate.profile != Profile() for candidate in candidates):
            self.choices[rule.key] = Choosing(candidates)

    def profile(self, name: str) -> Profile:
        """What the file says about an endpoint."""
        block = self.book.blocks[name]
        return Profile(block.context_window, block.max_output_tokens, block.capabilities, block.price)

    def _shape(
        self, block: schema.Shaping, path: Path, labels: Sequence[str], uses: Mapping[str, Use]
    ) -> Shape:
        prompt, edits = block.system_prompt, block.headers
        text, mode = "", "insert"
        if prompt is not None:
            self._say(system_prompt.problems(prompt, labels), (*path, "system_prompt"))
            if not self.book.findings.failed:
                text, mode = system_prompt.text_of(prompt, labels, builtin_prompts()), prompt.mode
        if block.parameters is not None:
            self._say(parameters.problems(block.parameters), (*path, "parameters"))
        if edits is not None:
            self._say(headers.problems(edits), (*path, "headers"))
        tools = block.tools if block.tools is not None else self.document.tools
        at = (*path, "tools") if block.tools is not None else ("tools",)
        return Shape(
            text,
            mode,
            block.parameters,
            headers.headers_of(edits.request) if edits else headers.Headers(),
            headers.headers_of(edits.response) if edits else headers.Headers(),
            tools,
            self._catalogue(tools, at) if tools else None,
            uses,
        )

    def _use(self, pick: Picked) -> Use:
        reasons = pick.reasons
        lora = self._lora(pick)
        thinks = reasons.use_reasoning is not None
        if thinks and pick.endpoint not in self.families:
            message = f"nothing says how {pick.endpoint!r} is told to think"
            remedy = f"give it a reasoning_family: {', '.join(FAMILIES)}"
            self.book.findings.warn((*pick.path, "use_reasoning"), message, remedy)
        if reasons.reasoning_effort is not None and not thinks:
            message = "an effort without use_reasoning has no effect"
            self.book.findings.warn((*pick.path, "reasoning_effort"), message, "add use_reasoning: true")
        effort = reasons.reasoning_effort or self.document.default_reasoning_effort
        return Use(reasons.use_reasoning, effort if thinks else None, lora)

    def _lora(self, pick: Picked) -> Lora | None:
        if pick.reasons.lora is None:
            return None
        known = {lora.name: lora for lora in self.book.blocks[pick.endpoint].loras}
        if pick.reasons.lora not in known:
            message = f"{pick.reasons.lora!r} is no adapter of {pick.endpoint!r}"
            remedy = nearest(pick.reasons.lora, known) or f"list it in `loras` of {pick.endpoint!r}"
            self.book.findings.error((*pick.path, "lora"), message, remedy)
        return known.get(pick.reasons.lora)

    def _method(self, node: Node | None, path: Path) -> Method:
        """The method of `select`: a name alone stands for a block with nothing else in it."""
        written = node.mapping.get("select") if node is not None else None
        if written is None or written.value is None:
            return Static()
        if isinstance(written.value, str):
            written = Node(written.at, {"type": replace(written)}, written.key)
        made = check_tagged(METHODS, written, (*path, "select"), self.book.findings, noun="method")
        return made or Static()

    def _catalogue(self, tools: ToolSettings, path: Path) -> Catalogue | None:
        """The tools of a file, read once however many blocks name it."""
        if tools.catalogue is None or tools.mode != "add":
            return None
        file = self.folder / tools.catalogue.expanduser()
        if file not in self.catalogues:
            try:
                self.catalogues[file] = read_catalogue(file)
            except ConfigError as error:
                for problem in error.problems:
                    where = (
                        f"{problem.file}:{problem.line}:{problem.column}" if problem.line else problem.file
                    )
                    message = f"{where} {problem.message}" if where else problem.message
                    self.book.findings.error((*path, "catalogue"), message, problem.help)
        return self.catalogues.get(file)

    def _say(self, lints: Iterable[Lint], path: Path) -> None:
        say(lints, path, self.book.findings)


def optional(picks: Sequence[Picked], findings: Findings) -> frozenset[str]:
    """Endpoints that may be passed over; somebody must be asked in any case."""
    found = [pick for pick in picks if pick.optional]
    if found and len(found) == len(picks):
        message = "every model is optional, so they are asked all the same"
        findings.warn((*found[-1].path, "optional"), message, "name one that is always there")
    return frozenset(pick.endpoint for pick in found)


def say(lints: Iterable[Lint], path: Path, findings: Findings) -> None:
    """Pass on what a block says about itself."""
    for lint in lints:
        findings.add(lint.severity, (*path, *_steps(lint.field)), lint.message, lint.help)


def _steps(field: str) -> Iterator[str | int]:
    for step in field.replace("[", ".").replace("]", "").split("."):
        yield int(step) if step.isdigit() else step


def _sticky(written: bool | Sticky) -> Sticky | None:  # noqa: FBT001 - a value of the file
    if isinstance(written, Sticky):
        return written
    return Sticky() if written else None
