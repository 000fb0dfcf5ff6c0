import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.signals.forms import endings, inflections, numbers


@pytest.mark.parametrize(
    ("keyword", "forms"),
    [
        ("salary", ["salaries"]),
        ("bonus", ["bonuses"]),
        ("key", ["keys"]),
        ("portfolio", ["portfolios"]),
        ("veto", ["vetos", "vetoes"]),
        ("analysis", ["analyses"]),
        ("index", ["indices", "indexes"]),
        ("salesman", ["salesmen"]),
        ("human", ["humans"]),
        ("colloquy", ["colloquies"]),
        ("child", ["children", "childs"]),
        ("children", ["child"]),
        ("women", ["woman"]),
        ("specimen", ["specimens"]),
        ("policies", ["policy", "policie"]),
        ("taxes", ["tax", "taxe"]),
        ("cases", ["case", "cas"]),
        ("clauses", ["clause", "claus"]),
        ("bonuses", ["bonus", "bonuse"]),
        ("analyses", ["analyse", "analysis"]),
        ("losses", ["loss"]),
        ("records", ["record"]),
        ("loss", ["losses"]),
        ("status", ["statuses"]),
        ("medical record", ["medical records"]),
        ("human resources", ["human resource"]),
        ("power of attorney", ["powers of attorney"]),
        ("terms of service", ["term of service"]),
        ("e-mail", ["e-mails"]),
        ("r\u00e9sum\u00e9", ["r\u00e9sum\u00e9s"]),
        ("Contract", ["Contracts"]),
        ("SALARY", ["SALARIES"]),
        ("NDA", ["NDAs"]),
        ("look up", []),
    ],
)
def test_plurals_and_singulars(keyword: str, forms: list[str]) -> None:
    assert list(numbers(keyword)) == forms


@pytest.mark.parametrize(
    ("keyword", "forms"),
    [
        ("trade", ["traded", "trading"]),
        ("agree", ["agreed", "agreeing"]),
        ("tie", ["tied", "tying"]),
        ("plan", ["planned", "planning"]),
        ("quit", ["quitting"]),
        ("audit", ["audited", "auditing", "auditted", "auditting"]),
        ("cancel", ["canceled", "canceling", "cancelled", "cancelling"]),
        ("tax", ["taxed", "taxing"]),
        ("leak", ["leaked", "leaking"]),
        ("apply", ["applied", "applying"]),
        ("deploy", ["deployed", "deploying"]),
        ("panic", ["panicked", "panicking"]),
        ("pay", ["paid", "paying"]),
        ("withdraw", ["withdrew", "withdrawn", "withdrawing"]),
        ("e-mail", ["e-mailed", "e-mailing"]),
        ("Trade", ["Traded", "Trading"]),
        ("look up", ["looks up", "looked up", "looking up"]),
        ("lay off", ["lays off", "laid off", "laying off"]),
        ("medical record", []),
        ("records", []),
        ("trading", []),
        ("encrypted", []),
        ("illness", []),
        ("r\u00e9sum\u00e9", []),
        ("NDA", []),
        ("children", []),
    ],
)
def test_verb_endings(keyword: str, forms: list[str]) -> None:
    assert list(endings(keyword)) == forms


@pytest.mark.parametrize(
    "keyword",
    [
        *(
            "",
            " ",
            "a",
            "us",
            "US",
            "12",
            "gpt4",
            "covid-19",
            "C++",
            ".NET",
            "my_key",
            "x/y",
            "log-in",
            "up up",
        ),
        *("\u673a\u5bc6", "\u0441\u0447\u0451\u0442", "caf\u00e9!", "of", "news", "physics", "customs"),
    ],
)
def test_what_has_no_forms(keyword: str) -> None:
    assert inflections(keyword) == ()


@pytest.mark.parametrize(
    ("keyword", "other"),
    [
        ("new", "news"),
        ("news", "new"),
        ("account", "accounting"),
        ("interest", "interesting"),
        ("plan", "planed"),
        ("plan", "plane"),
        ("trade", "trader"),
        ("security", "securities"),
        ("economics", "economic"),
        ("trading", "trade"),
        ("internal", "internals"),
        ("IT", "its"),
    ],
)
def test_other_words_are_no_forms(keyword: str, other: str) -> None:
    assert other not in inflections(keyword)


letters = st.text(alphabet="abceinosuxyz\u00e9", min_size=3, max_size=9)


@given(st.text(max_size=40))
def test_any_keyword_gets_few_forms_and_never_itself(keyword: str) -> None:
    made = inflections(keyword)
    assert keyword not in made
    assert len(made) == len(set(made)) <= 8
    assert all(len(form) <= len(keyword) + 6 for form in made)


@given(letters)
def test_a_form_keeps_the_case_of_its_keyword(word: str) -> None:
    assert [form.capitalize() for form in inflections(word)] == list(inflections(word.capitalize()))


@given(letters, letters)
def test_only_the_last_word_of_a_phrase_changes(first: str, last: str) -> None:
    assert inflections(f"{first} {last}") == tuple(f"{first} {form}" for form in numbers(last))
