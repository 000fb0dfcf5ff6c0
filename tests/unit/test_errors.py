import pytest

from waypost import errors
from waypost.errors import ConfigError, Exit, Problem, RequestError, WaypostError


def test_every_deliberate_exception_stands_under_one_root() -> None:
    raised = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, Exception)]
    assert len(raised) == 5
    assert all(issubclass(c, WaypostError) for c in raised)


def test_exit_codes_are_the_published_ones() -> None:
    assert {code.name: code.value for code in Exit} == {
        "OK": 0,
        "FINDINGS": 1,
        "USAGE": 2,
        "CONFIG": 3,
        "PROVIDER": 4,
        "INTEGRITY": 5,
        "INTERRUPTED": 130,
    }


def test_a_config_error_leads_with_its_first_finding_by_position() -> None:
    late = Problem("waypost.yaml", 41, 7, "routing_rules[3].action.endpoint", "unknown model 'gtp'")
    early = Problem("waypost.yaml", 9, 3, "provders", "unknown key 'provders'")
    error = ConfigError([late, early])
    assert error.problems == [early, late]
    assert str(error) == "waypost.yaml:9:3 unknown key 'provders' (and 1 more)"
    assert str(ConfigError([late])) == "waypost.yaml:41:7 unknown model 'gtp'"


def test_a_request_error_is_a_400_of_openai_type_unless_it_says_more() -> None:
    error = RequestError("messages is missing")
    assert (str(error), error.status, error.code) == ("messages is missing", 400, "invalid_request")
    assert (error.param, error.kind) == (None, "invalid_request_error")


def test_a_request_error_is_an_exception_like_any_other() -> None:
    error = RequestError("no such model", 404, "model_not_found", "model")
    assert {error: "hashable"}[error] == "hashable"
    assert error != RequestError("no such model", 404, "model_not_found", "model")
    with pytest.raises(RequestError, match="no such model"):
        raise error
