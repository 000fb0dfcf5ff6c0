from waypost.config.render import WIDTH, brief, render
from waypost.errors import Problem


def test_problem_shows_its_line_with_a_caret() -> None:
    problem = Problem(
        "a.yaml", 11, 7, "rules[0].keyword", "unknown key 'keyword'", "did you mean 'keywords'?"
    )
    source = "\n" * 10 + "      keyword: [internal]\n"
    assert render([problem], {"a.yaml": source}) == (
        "error: unknown key 'keyword'\n"
        "  --> a.yaml:11:7  (rules[0].keyword)\n"
        "   |\n"
        "11 |       keyword: [internal]\n"
        "   |       ^\n"
        "   = help: did you mean 'keywords'?"
    )


def test_problem_of_a_whole_file_has_no_excerpt() -> None:
    problem = Problem("a.yaml", 0, 0, "", "cannot be read")
    assert render([problem], {"a.yaml": "x"}) == "error: cannot be read\n --> a.yaml"


def test_position_behind_the_text_has_no_excerpt() -> None:
    assert "|" not in render([Problem("a.yaml", 9, 1, "", "ends")], {"a.yaml": "x"})


def test_several_problems_are_apart() -> None:
    two = [Problem("a", 1, 1, "", "one"), Problem("a", 1, 2, "", "two", severity="warning")]
    assert render(two, {"a": "xy"}).split("\n\n")[1].startswith("warning: two\n")


def test_long_line_is_cut_around_the_column() -> None:
    line = "".join(chr(97 + n % 26) for n in range(1000))
    for column in (1, 49, 500, 951, 1000):
        shown, caret = render([Problem("a", 1, column, "", "m")], {"a": line}).splitlines()[3:5]
        assert len(shown) <= WIDTH + 4
        assert shown[caret.index("^")] == line[column - 1]


def test_nothing_reaches_the_terminal_that_moves_its_cursor() -> None:
    problem = Problem("a\x1b[2J", 1, 3, "p\x07", "m\r", "h\x9b")
    text = render([problem], {"a\x1b[2J": "\tb\x1b[31m"}) + brief(problem)
    assert all(c.isprintable() or c == "\n" for c in text)


def test_brief_is_one_line() -> None:
    assert brief(Problem("a.yaml", 3, 7, "x", "odd", "do", "warning")) == "a.yaml:3:7: warning: odd"
    assert brief(Problem("a.yaml", 0, 0, "", "gone")) == "a.yaml: error: gone"
