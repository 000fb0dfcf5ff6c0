from dataclasses import asdict, replace

import pytest

from waypost.providers.provider import DEFAULT_ZONE, Account, Endpoint, Host, Provider, Secret

KEY = Secret("sk-do-not-print")
OPENAI = Provider("openai", "openai", "https", (Host("api.openai.com", 443),), "/v1", account=Account((KEY,)))


@pytest.mark.parametrize(
    ("scheme", "host", "port", "authority"),
    [
        ("https", "api.openai.com", 443, "api.openai.com"),
        ("https", "api.openai.com", 8443, "api.openai.com:8443"),
        ("http", "10.0.0.5", 80, "10.0.0.5"),
        ("http", "10.0.0.5", 443, "10.0.0.5:443"),
        ("http", "::1", 8000, "[::1]:8000"),
        ("https", "fd00::5", 443, "[fd00::5]"),
    ],
)
def test_authority_names_the_port_only_where_it_is_not_the_schemes_own(
    scheme: str, host: str, port: int, authority: str
) -> None:
    assert replace(OPENAI, scheme=scheme, hosts=(Host(host, port),)).authority == authority


@pytest.mark.parametrize("shown", [repr, str, "{}".format, "{!r:>40}".format, "%s".__mod__])
@pytest.mark.parametrize("value", [KEY, OPENAI, Endpoint("gpt", OPENAI, "gpt-4o")])
def test_a_key_never_prints_itself(shown: object, value: object) -> None:
    assert callable(shown)
    assert KEY.reveal() not in shown(value)


def test_a_key_is_not_unpacked_with_what_holds_it() -> None:
    assert KEY.reveal() not in str(asdict(Endpoint("gpt", OPENAI, "gpt-4o")))


def test_a_key_is_revealed_on_request_and_compares_by_value() -> None:
    assert KEY.reveal() == "sk-do-not-print"
    assert Secret("sk-do-not-print") == KEY
    assert Secret("other") != KEY
    assert hash(Secret("sk-do-not-print")) == hash(KEY)
    assert KEY != "sk-do-not-print"


def test_an_endpoint_lies_in_the_zone_of_its_provider() -> None:
    assert Endpoint("gpt", OPENAI, "gpt-4o").zone == DEFAULT_ZONE
    assert Endpoint("ai", replace(OPENAI, zone="internal"), "qwen3-32b").zone == "internal"
