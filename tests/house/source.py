"""The source tree as the house rules see it: modules, their syntax trees and what they import."""

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src"
GENERATED = frozenset({"waypost.transport.wire_pb2"})


@dataclass(frozen=True)
class Module:
    """One file of the package."""

    name: str
    path: Path
    tree: ast.Module

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"


@cache
def modules() -> tuple[Module, ...]:
    """Every module under src but the generated one, sorted by name."""
    return tuple(sorted(_modules(), key=lambda module: module.name))


def _modules() -> Iterator[Module]:
    for path in SRC.rglob("*.py"):
        parts = path.relative_to(SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name not in GENERATED:
            yield Module(name, path, ast.parse(path.read_text(), str(path)))


def imports(module: Module) -> Iterator[str]:
    """Modules of the package that `module` names in an import, lazy and typing imports included."""
    known = {other.name for other in modules()}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & known
            yield from inner
            if node.module in known and len(inner) < len(node.names):
                yield node.module


@cache
def tracked() -> tuple[Path, ...]:
    """Files git knows, or would know after an `add`, that are text."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    paths = (ROOT / name for name in listed.split("\0") if name)
    return tuple(path for path in paths if path.is_file() and b"\0" not in path.read_bytes()[:8000])
