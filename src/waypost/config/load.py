"""`load`: the operator's files become a `Loaded`, or a `ConfigError` that says everything that is wrong."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_type_hints

from waypost.cases import Case
from waypost.config import schema
from waypost.config.book import Book, blocks, keyword_lists
from waypost.config.compile import compile_policy
from waypost.config.conditions import Conditions
from waypost.config.document import Findings
from waypost.config.files import gather
from waypost.config.foreign import foreign_models
from waypost.config.lint import lint
from waypost.config.settings import MESSAGE_SECONDS, Address, Settings, default_state_dir
from waypost.config.show import effective
from waypost.config.validate import check, nearest
from waypost.decision.engine import SEMANTIC
from waypost.errors import ConfigError, Problem
from waypost.policy import Policy
from waypost.request.chat import Identity
from waypost.signals.registry import BUILT_IN

_FOREIGN: Final = frozenset({
    "decisions", "entrypoints", "global", "keyword_rules", "listeners", "model_config", "recipes", "routing",
    "semantic_cache", "signals", "version", "vllm_endpoints",
})  # fmt: skip
"""Keys of vLLM Semantic Router files."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration that can be used.

    Attributes:
        problems: warnings and remarks, sorted by position.
        sources: text of each file, secrets blanked out.
        texts: text of each file as it is, secrets included, by absolute path: what `load` takes.
        document: what took effect: files merged, variables put in, defaults filled in, credentials masked.
    """

    policy: Policy
    settings: Settings
    problems: tuple[Problem, ...] = ()
    test_cases: tuple[Case, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    document: Mapping[str, Any] = field(default_factory=dict[str, Any])
    texts: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)


def load(paths: Sequence[Path], environ: Mapping[str, str], texts: Mapping[str, str] | None = None) -> Loaded:
    """Read, check and compile a configuration of one or several files.

    Args:
        paths: files in order, at least one; includes follow the file that names them.
        environ: where `${VAR}` looks; also `XDG_STATE_HOME` and `HOME`.
        texts: what stood in the files once (`Loaded.texts`); None = they are read.

    Raises:
        ConfigError: with all problems, sorted, no secret in any of them.
    """
    gathered = gather(paths, environ, texts)
    findings = Findings(gathered.root)
    findings.problems += gathered.problems
    if not gathered.complete:
        raise ConfigError([gathered.masked(p) for p in findings.problems], gathered.sources)
    document = _document(findings)
    book = Book.open(findings, keyword_lists(findings), paths[0].parent)
    hops = document.identity_headers
    conditions = Conditions(
        BUILT_IN,
        book.lists,
        findings,
        ignores_unreadable=document.unscannable == "allow",
        identity_headers=frozenset(name.lower() for name in (hops.team, hops.tenant, hops.user)),
    )
    conditions.thresholds = {
        "similarity": document.bert_model.threshold,
        "pii_detection": document.classifier.pii_model.threshold,
        "jailbreak_detection": document.prompt_guard.threshold,
    }
    policy = compile_policy(document, book, conditions, paths[0].parent)
    settings = _settings(document, paths[0].parent, environ, findings)
    cases = tuple(_cases(policy, findings))
    if not findings.failed:
        lint(policy, book, conditions)
    problems = [gathered.masked(p) for p in sorted(findings.problems)]
    if findings.failed:
        raise ConfigError(problems, gathered.sources)
    shown = effective(gathered.root, document, settings)
    return Loaded(policy, settings, tuple(problems), cases, gathered.sources, shown, gathered.texts)


def _document(findings: Findings) -> schema.Document:
    """The top-level values that are not collections of blocks; what is wrong keeps its default."""
    hints: dict[str, Any] = get_type_hints(schema.Document, include_extras=True)
    values: dict[str, Any] = {}
    for key, node in findings.root.mapping.items():
        if key in schema.BLOCKS or key.endswith(schema.LIST_SUFFIX):
            continue
        if key not in hints:
            remedy = nearest(key, hints)
            if key in _FOREIGN:
                remedy = "this is a key of vLLM Semantic Router files, which this version does not load"
            findings.error((key,), f"unknown key {key!r}", remedy, key=True)
        elif node.value is not None:
            value = check(hints[key], node, (key,), findings)
            values |= {} if value is None else {key: value}
    return schema.Document(**values)


def _settings(
    document: schema.Document, folder: Path, environ: Mapping[str, str], findings: Findings
) -> Settings:
    defaults = Settings()
    listen = _address(document.listen, "listen", findings) or defaults.listen
    admin = _address(document.admin, "admin", findings) or defaults.admin
    if listen == admin:
        findings.error(("admin",), "'listen' and 'admin' are the same address", "choose another port for one")
    own = document.state_dir
    state_dir = default_state_dir(environ) if own is None else folder / Path(own).expanduser()
    encoder = document.encoder
    if encoder.deadline_seconds >= MESSAGE_SECONDS:
        message = f"Envoy waits {MESSAGE_SECONDS} s for an answer, so a later one of a guard is a 504"
        findings.warn(("encoder", "deadline_seconds"), message, "give less")
    if encoder.artefact is not None:
        encoder = replace(encoder, artefact=folder / encoder.artefact.expanduser())
    return Settings(
        listen,
        admin,
        state_dir,
        document.audit,
        document.timeouts,
        document.max_body_bytes,
        encoder,
        foreign_models(document, folder, findings),
    )


_ADDRESS: Final = re.compile(r"(?:\[([0-9A-Fa-f:.%]+)\]|([A-Za-z0-9.-]+)):([0-9]{1,5})")


def _address(text: str, key: str, findings: Findings) -> Address | None:
    parts = _ADDRESS.fullmatch(text)
    if parts is None or not 0 < int(parts[3]) < 1 << 16:
        findings.error((key,), f"{key} must be host:port", "for example 127.0.0.1:8801 or [::1]:8801")
        return None
    return Address(parts[1] or parts[2], int(parts[3]))


def _cases(policy: Policy, findings: Findings) -> Sequence[Case]:
    """The test cases. A name that does not exist is a warning: a wrong test must not stop a reload.

    Beside errors no name is looked for: it may be that of a block that failed.
    """
    cases: list[Case] = []
    is_complete = not findings.failed
    guards = {check.guard for by in policy.guards.values() for checks in by.values() for check in checks}
    rules = [*(rule.name for rule in policy.rules), *sorted(guards)]
    categories = [rule.category for rule in policy.rules if rule.category]
    endpoints = [*policy.endpoints, *policy.providers, SEMANTIC]
    models = [*policy.auto_names, *policy.endpoints]
    for path, block in blocks(schema.Case, "test_cases", findings):
        for key, value, known in (
            ("model", block.model, models),
            ("expected_endpoint", block.expected_endpoint, endpoints),
            ("expected_rule", block.expected_rule, rules),
            ("expected_category", block.expected_category, categories),
        ):
            if is_complete and value is not None and value not in known:
                findings.warn((*path, key), f"{value!r} does not exist", nearest(value, known))
        messages = block.input
        if isinstance(messages, str):
            messages = ({"role": "user", "content": messages},)
        for n, message in enumerate(messages):
            if not isinstance(message.get("role"), str):
                findings.error(
                    (*path, "input", n), "a message needs a 'role'", "for example role: user", key=True
                )
        expected = (
            block.expected_endpoint,
            block.expected_reasoning,
            block.expected_rule,
            block.expected_action,
            block.expected_category,
        )
        if not any(expected):
            findings.error(
                path, "the case expects nothing", "add expected_endpoint or expected_rule", key=True
            )
        known_caller = any((block.team, block.tenant, block.user))
        identity = Identity(known_caller, block.team, block.tenant, block.user)
        cases.append(Case(messages, *expected, block.strict, block.model, identity))
    return cases
