import pytest

from waypost.config.document import MAX_DEPTH, Findings, Mark, Node, Parsed, parse, plain, written


def read(text: str, **environ: str) -> Parsed:
    return parse(text, "f.yaml", environ)


def root(text: str, **environ: str) -> Node:
    parsed = read(text, **environ)
    assert parsed.problems == []
    assert parsed.root is not None
    return parsed.root


def only_problem(text: str, **environ: str) -> tuple[int, int, str]:
    (problem,) = read(text, **environ).problems
    return problem.line, problem.column, problem.message


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("~", None),
        ("", None),
        ("null", None),
        ("true", True),
        ("False", False),
        ("-12", -12),
        ("0123", 123),
        ("1.5e3", 1500.0),
        (".5", 0.5),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("2024-01-31", "2024-01-31"),
        ("0x1f", "0x1f"),
        (".inf", ".inf"),
        ("1e999", "1e999"),
        ("9" * 5000, "9" * 5000),
        ("'12'", "12"),
        ("!!str 12", "12"),
        ("! 12", "12"),
    ],
)
def test_scalars_follow_the_core_schema(text: str, value: object) -> None:
    assert plain(root(f"a: {text}")) == {"a": value}


def test_keys_are_text() -> None:
    assert plain(root("on: 1\n12: 2\n'null': 3")) == {"on": 1, "12": 2, "null": 3}


def test_keys_and_values_know_their_place() -> None:
    tree = root("é: 1\nb:\n  - {c: x}\n")
    c = tree.mapping["b"].items[0].mapping["c"]
    assert c.key == Mark("f.yaml", 3, 6)
    assert c.at == Mark("f.yaml", 3, 9)
    assert tree.mapping["é"].at == Mark("f.yaml", 1, 4)


def test_key_given_twice_names_both_places() -> None:
    (problem,) = read("a: 1\nb: {c: 1,\n  c: 2}\n").problems
    assert (problem.line, problem.column, problem.path) == (3, 3, "b.c")
    assert problem.message == "key 'c' is given twice"
    assert "f.yaml:2:5" in problem.help


@pytest.mark.parametrize(
    ("text", "environ", "value"),
    [
        ("${A}", {"A": "x"}, "x"),
        ("'${A}-${B:-d}'", {"A": "x"}, "x-d"),
        ("${A:-d}", {"A": ""}, "d"),
        ("${A}", {"A": ""}, ""),
        ("${A:-}", {}, ""),
        ("$${A} costs $5", {"A": "x"}, "${A} costs $5"),
        ("${A}", {"A": "[1, 2]"}, "[1, 2]"),
        ("${A}", {"A": "12"}, "12"),
        ("${A}", {"A": "${B}"}, "${B}"),
    ],
)
def test_variables_are_put_in_as_text(text: str, environ: dict[str, str], value: str) -> None:
    assert plain(root(f"a: {text}", **environ)) == {"a": value}


def test_variable_that_is_not_set_is_named_with_a_remedy() -> None:
    (problem,) = read("a:\n  b: 'x${NOPE}'\n").problems
    assert (problem.line, problem.column, problem.path) == (2, 6, "a.b")
    assert problem.message == "environment variable NOPE is not set"
    assert problem.help == "export NOPE=… or write ${NOPE:-default}"


@pytest.mark.parametrize("text", ["'${'", "'${}'", "'${1A}'", "'${A-b}'", "'${A'"])
def test_malformed_variable_is_a_problem(text: str) -> None:
    assert only_problem(f"a: {text}", A="x")[2] == "this ${ starts no variable"


def test_what_came_from_the_environment_is_remembered_for_masking() -> None:
    parsed = read("a: ${A}\nb: ${B:-public}", A="hush")
    assert parsed.expanded == {"hush": "${A}"}
    assert parsed.root is not None
    assert parsed.root.mapping["a"].from_env
    assert not parsed.root.mapping["b"].from_env


def test_alias_stands_where_it_is_written() -> None:
    tree = root("a: &x {k: 1}\nb: *x\n")
    b = tree.mapping["b"]
    assert (b.at.line, b.at.column) == (2, 4)
    assert b.anchor == Mark("f.yaml", 1, 4)
    assert plain(b) == {"k": 1}


def test_merge_key_fills_in_what_is_missing() -> None:
    tree = root("a: &x {k: 1, l: 2}\nc: &y {m: 3}\nb:\n  l: 5\n  <<: [*x, *y]\n")
    assert plain(tree.mapping["b"]) == {"l": 5, "k": 1, "m": 3}
    assert tree.mapping["b"].mapping["k"].at.line == 5


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("a: [", 2, 1, "not valid YAML: did not find expected node content"),
        ("a:\n\t- b", 2, 1, "a tab cannot indent YAML"),
        ("a: b: c", 1, 5, "not valid YAML: mapping values are not allowed in this context"),
        ("a: x\x00", 1, 5, "a control character cannot stand in YAML"),
        ("a: 1\n---\nb: 1", 2, 1, "a second YAML document starts here"),
        ("? [a]\n: b", 1, 3, "a list or mapping cannot be a key"),
        ("a: &x 1\n*x : 2", 2, 1, "an alias cannot be a key"),
        ("a: *x", 1, 4, "this alias refers to nothing before it"),
        ("a: &x [*x]", 1, 8, "this alias stands inside the block it refers to"),
        (
            "a: !!python/name:os.system x",
            1,
            4,
            "tags such as !name are not used here",
        ),
        ("!x a: 1", 1, 1, "tags such as !name are not used here"),
        ("a: !x {b: 1}", 1, 4, "tags such as !name are not used here"),
        ("a: {<<: 1}", 1, 9, "`<<` takes a mapping, usually an alias of one"),
    ],
)
def test_what_cannot_be_read_is_said_at_its_place(text: str, line: int, column: int, message: str) -> None:
    assert only_problem(text) == (line, column, message)


def test_unquoted_variable_in_braces_gets_a_hint() -> None:
    (problem,) = read("a: {b: ${C}}").problems
    assert problem.help == 'inside { } or [ ] a variable needs quotes: "${VAR}"'


def test_every_problem_before_a_syntax_error_is_kept() -> None:
    lines = [p.line for p in read("a: ${A}\nb: 1\nb: 2\nc: [\n").problems]
    assert lines == [1, 3, 5]


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000])
def test_deep_nesting_ends_with_a_problem(text: str) -> None:
    assert only_problem(text)[2] == f"nested more than {MAX_DEPTH} levels deep"


def test_alias_bomb_ends_with_a_problem() -> None:
    levels = [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(9)]
    text = "\n".join(["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]", *levels])
    assert only_problem(text)[2] == "more than 500,000 values once aliases are followed"


def test_path_is_written_as_people_write_it() -> None:
    assert (
        written(("routing_rules", 3, "conditions", 0, "keywords"))
        == "routing_rules[3].conditions[0].keywords"
    )
    assert written(("a\x1b[31m",)) == "a�[31m"


def test_finding_points_at_the_deepest_place_there_is() -> None:
    findings = Findings(root("a:\n  b: {c: 1}\n"))
    findings.error(("a", "b", "c"), "value")
    findings.error(("a", "b", "c"), "key", key=True)
    findings.error(("a", "b", "nope", 3), "missing")
    findings.error(("x",), "top")
    assert [(p.line, p.column) for p in findings.problems] == [(2, 10), (2, 7), (2, 3), (1, 1)]
    assert findings.failed


def test_finding_behind_an_alias_names_the_alias_and_the_anchor() -> None:
    findings = Findings(root("a: &x\n  k: 1\nb: *x\n"))
    findings.warn(("b", "k"), "odd", "do this")
    (problem,) = findings.problems
    assert (problem.line, problem.column) == (3, 4)
    assert problem.help == "do this; the block comes from f.yaml:1:4"
    assert not findings.failed


def test_nothing_more_is_said_about_a_broken_value() -> None:
    parsed = read("a: ${NOPE}")
    assert parsed.root is not None
    findings = Findings(parsed.root)
    findings.error(("a",), "wrong")
    assert findings.problems == []


def test_the_same_finding_is_said_once() -> None:
    findings = Findings(root("a: 1"))
    findings.note(("a",), "odd")
    findings.note(("a",), "odd")
    assert len(findings.problems) == 1
