"""Names that users meet are documented: verbs, make targets, response headers, error codes."""

import ast
import re
from collections.abc import Iterator
from dataclasses import fields

import pytest

from tests.docs.markdown import ROOT
from waypost.cli import VERBS
from waypost.decision.explain import Node, RuleTrace
from waypost.envoy.replies import replies
from waypost.envoy.resources import STRIPPED_HEADERS
from waypost.guards.judge import Finding
from waypost.record import AuditRecord
from waypost.selection.base import Considered
from waypost.signals.base import Match, Window
from waypost.trace import EncoderTrace, Hop, ScanTrace, SignalTrace, Trace

REFERENCE = ROOT / "docs" / "reference"
FILES = {path.relative_to(ROOT / "src/waypost"): path.read_text() for path in (ROOT / "src").rglob("*.py")}
SOURCES = FILES.values()
ANSWERING = [text for path, text in FILES.items() if path.parts[0] not in {"cli", "config", "demo", "envoy"}]
MAKE_ERRORS = {"RequestError", "Refuse", "Reply", "error", "_own", "_mistake"}


def error_words() -> Iterator[str]:
    """Codes and types: every `snake_case` word that is handed to what makes an error."""
    for reply in replies(1):
        yield from (reply.code, reply.kind)
    for node in (node for source in ANSWERING for node in ast.walk(ast.parse(source))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in MAKE_ERRORS:
            given = [*node.args, *(keyword.value for keyword in node.keywords)]
            words = (n.value for argument in given for n in ast.walk(argument) if isinstance(n, ast.Constant))
            yield from (word for word in words if re.fullmatch(r"[a-z]+(_[a-z]+)+", str(word)))


def test_headers_are_documented() -> None:
    text = (REFERENCE / "headers.md").read_text()
    named = {name for source in SOURCES for name in re.findall(r'"(x-(?:waypost|vsr)-[a-z-]*[a-z])"', source)}
    told = named.difference(STRIPPED_HEADERS)
    assert sorted(name for name in told if f"`{name}`" not in text) == []
    assert {"x-waypost-decision", "x-vsr-pii-violation"} <= told


def test_fields_of_the_audit_log_are_documented() -> None:
    text = (REFERENCE / "audit.md").read_text()
    assert [field.name for field in fields(AuditRecord) if f"`{field.name}`" not in text] == []


@pytest.mark.parametrize(
    "told",
    [Trace, Hop, Considered, Finding, RuleTrace, Node, SignalTrace, Match, EncoderTrace, ScanTrace, Window],
)
def test_fields_of_the_trace_are_documented(told: type) -> None:
    text = (REFERENCE / "trace.md").read_text()
    named = {word for code in re.findall(r"`([a-z_.\[\]]+)`", text) for word in re.findall("[a-z_]+", code)}
    assert [field.name for field in fields(told) if field.name not in named] == []


def test_error_codes_are_documented() -> None:
    text = (REFERENCE / "errors.md").read_text()
    made = set(error_words())
    assert sorted(word for word in made if f"`{word}`" not in text) == []
    assert {"model_not_found", "router_unavailable", "provider_timeout"} <= made, "the search finds no errors"


def test_documented_error_codes_exist() -> None:
    rows = re.findall(r"^\| (?:\d|as |5xx).*", (REFERENCE / "errors.md").read_text(), re.MULTILINE)
    documented = {code for row in rows for code in re.findall(r"`([a-z_]+)`", row.split("|")[2])}
    named = {f"missing_{field}" for field in ("model", "messages", "input")}  # made from the field's name
    unknown = [code for code in documented - named if not any(f'"{code}"' in source for source in SOURCES)]
    assert unknown == []


def test_verbs_are_documented() -> None:
    text = (REFERENCE / "cli.md").read_text()
    assert [verb for verb in VERBS if f"\n## waypost {verb}\n" not in text] == []


def test_make_targets_of_the_documentation_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    named = {target for page in pages for target in re.findall(r"`?make ([a-z]+)`", page.read_text())}
    assert [target for target in sorted(named) if f".PHONY: {target}\n" not in makefile] == []
    assert {"demo", "test", "check", "bench"} <= named
