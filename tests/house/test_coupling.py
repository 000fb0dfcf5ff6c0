"""What separates code that can be changed from code that cannot is coupling; `budget.json` only goes down."""

import ast
import json
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.house.source import ROOT, Module, imports, modules

BUDGET = json.loads((ROOT / "tests/house/budget.json").read_text())
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)


def classes() -> Iterator[tuple[Module, ast.ClassDef]]:
    for module in modules():
        for node in ast.walk(module.tree):
            if isinstance(node, ast.ClassDef):
                yield module, node


def is_value(node: ast.ClassDef) -> bool:
    decorators = " ".join(ast.unparse(decorator) for decorator in node.decorator_list)
    return "dataclass" in decorators or "configurable" in decorators


def fields(node: ast.ClassDef) -> int:
    return sum(
        isinstance(n, ast.AnnAssign) and "ClassVar" not in ast.unparse(n.annotation) for n in node.body
    )


def is_verb(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """A click command: its parameters are the options a user may give."""
    return any(".command" in ast.unparse(d) or ".group" in ast.unparse(d) for d in node.decorator_list)


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(arg.arg not in {"self", "cls"} for arg in given)


def test_no_class_has_too_many_methods() -> None:
    found = {f"{m.name}.{c.name}": sum(isinstance(n, FUNCTION) for n in c.body) for m, c in classes()}
    assert not {name: n for name, n in found.items() if n > BUDGET["methods_per_class"]}


def test_no_dataclass_has_too_many_fields() -> None:
    found = {f"{m.name}.{c.name}": fields(c) for m, c in classes() if is_value(c)}
    wide = {name for name, n in found.items() if n > BUDGET["fields_per_dataclass"]}
    assert wide == set(BUDGET["wide_dataclasses"]), "split it, or list it with a reason"


def test_no_function_has_too_many_parameters() -> None:
    found = {
        f"{m.name}:{n.lineno} {n.name}": parameters(n)
        for m in modules()
        for n in ast.walk(m.tree)
        if isinstance(n, FUNCTION) and not is_verb(n)
    }
    assert not {name: n for name, n in found.items() if n > BUDGET["parameters"]}


def test_broad_excepts_stand_only_at_boundaries() -> None:
    found = [
        f"{m.name}:{n.lineno}"
        for m in modules()
        for n in ast.walk(m.tree)
        if isinstance(n, ast.ExceptHandler)
        and (n.type is None or ast.unparse(n.type) in {"Exception", "BaseException"})
    ]
    assert len(found) <= BUDGET["broad_excepts"], found


def test_nothing_is_global() -> None:
    found = [f"{m.name}:{n.lineno}" for m in modules() for n in ast.walk(m.tree) if isinstance(n, ast.Global)]
    assert len(found) <= BUDGET["global_statements"], found


def test_imports_have_no_cycle() -> None:
    graph = {m.name: set(imports(m)) - {m.name} for m in modules()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    "module", [m for m in modules() if m.path.name != "__main__.py"], ids=lambda module: module.name
)
def test_importing_a_module_does_nothing(module: Module) -> None:
    acts = [
        n
        for n in module.tree.body
        if isinstance(n, (ast.For, ast.While, ast.With, ast.Try))
        or (isinstance(n, ast.Expr) and not isinstance(n.value, ast.Constant))
    ]
    assert not [f"{module.name}:{n.lineno}" for n in acts]
