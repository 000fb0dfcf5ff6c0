from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.certificates import authority, locked
from tests.unit.config.world import ENVIRON, errors, loads, problems
from waypost.config.providers import USUAL, is_host, is_key
from waypost.providers.provider import Host, Limits, Provider, Secret, SecretFile, Tls

SHAPE = "base_url must be http://host[:port]/path or https://host[:port]/path"
USER = "base_url must not hold a user, a query or a fragment"


def made(tmp_path: Path, text: str, **environ: str) -> Provider:
    return loads(tmp_path, f"providers:\n  p: {text}\n", ENVIRON | environ).policy.providers["p"]


def wrong(tmp_path: Path, text: str, **environ: str) -> list[tuple[str, str, str]]:
    """Path below the provider, message and remedy of each error."""
    found = problems(tmp_path, f"providers:\n  p: {text}\n", ENVIRON | environ)
    return [
        (p.path.removeprefix("providers.p").removeprefix("."), p.message, p.help)
        for p in found
        if p.severity == "error"
    ]


# --- addresses --------------------------------------------------------------------------------------------


def test_provider_takes_its_address_apart(tmp_path: Path) -> None:
    found = made(tmp_path, '{kind: vllm, base_url: "https://h.example:8443/a/v1/", zone: eu}')
    assert (found.scheme, found.hosts, found.base_path, found.zone) == (
        "https",
        (Host("h.example", 8443),),
        "/a/v1",
        "eu",
    )
    assert found.authority == "h.example:8443"


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("openai", "https://api.openai.com:443/v1"),
        ("anthropic", "https://api.anthropic.com:443/v1"),
        ("gemini", "https://generativelanguage.googleapis.com:443/v1beta"),
        ("vllm", "http://127.0.0.1:8000/v1"),
        ("ollama", "http://127.0.0.1:11434/v1"),
    ],
)
def test_known_kinds_know_their_address(tmp_path: Path, kind: str, url: str) -> None:
    found = made(tmp_path, f"{{kind: {kind}}}")
    (host,) = found.hosts
    assert f"{found.scheme}://{host.host}:{host.port}{found.base_path}" == url
    assert kind in USUAL


def test_ipv6_address(tmp_path: Path) -> None:
    found = made(tmp_path, '{kind: vllm, base_url: "http://[::1]:8000/v1"}')
    assert (found.hosts, found.authority) == ((Host("::1", 8000),), "[::1]:8000")


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("{kind: openai_compatible}", 3, "a provider of kind 'openai_compatible' needs a base_url"),
        ("{kind: azure_openai}", 3, "a provider of kind 'azure_openai' needs a base_url"),
        ("{kind: vllm, base_url: 'h:80'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://h:99999'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://h:0'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://[::1/'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://[fe80::1%25eth0]/'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://h/a b'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://h$x/v1'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'ftp://h/v1'}", 29, SHAPE),
        ("{kind: vllm, base_url: 'http://u:pw@h/'}", 29, USER),
        ("{kind: vllm, base_url: 'http://h/?k=1'}", 29, USER),
        ("{kind: vllm, base_url: 'http://h/#k'}", 29, USER),
        ('{kind: openai, api_key: "a\\nb"}', 30, "api_key holds a character that a header cannot carry"),
    ],
)
def test_wrong_provider(tmp_path: Path, text: str, column: int, message: str) -> None:
    assert errors(tmp_path, f"providers:\n  p: {text}\n") == [(2, column, message)]


def test_a_url_pasted_with_azures_version_is_told_where_that_goes(tmp_path: Path) -> None:
    url = "https://n.openai.azure.com/openai?api-version=2024-10-21"
    ((_, _, remedy),) = wrong(tmp_path, f"{{kind: azure_openai, base_url: '{url}'}}")
    assert remedy == "write the version as `api_version`"


@pytest.mark.parametrize(
    ("text", "base_path", "path"),
    [
        ("base_url: 'https://n.openai.azure.com'", "/openai/v1", "/openai/v1/chat/completions"),
        ("base_url: 'https://n.openai.azure.com/'", "/openai/v1", "/openai/v1/chat/completions"),
        (
            "base_url: 'https://n.openai.azure.com', api_version: '2024-10-21'",
            "/openai",
            "/openai/deployments/g%2F1/chat/completions?api-version=2024-10-21",
        ),
        ("base_url: 'https://gw.example/azure'", "/azure", "/azure/chat/completions"),
    ],
)
def test_azures_paths_follow_its_version(tmp_path: Path, text: str, base_path: str, path: str) -> None:
    found = made(tmp_path, f"{{kind: azure_openai, {text}}}")
    assert (found.base_path, found.path("openai_chat", "g/1")) == (base_path, path)


def test_a_version_is_azures(tmp_path: Path) -> None:
    assert wrong(tmp_path, "{kind: openai, api_version: '2024-10-21'}") == [
        ("api_version", "'api_version' is for the kind 'azure_openai'", "remove it")
    ]


def test_several_addresses_have_weights(tmp_path: Path) -> None:
    found = made(
        tmp_path,
        "{kind: vllm, endpoints: [{url: 'http://gpu1:8000/v1/', weight: 3}, 'http://10.0.0.6/v1',"
        " {address: '10.0.0.7:8001'}, {address: '[::1]:9'}]}",
    )
    assert found.hosts == (
        Host("gpu1", 8000, 3),
        Host("10.0.0.6", 80),
        Host("10.0.0.7", 8001),
        Host("::1", 9),
    )
    assert (found.scheme, found.base_path, found.authority) == ("http", "/v1", "gpu1:8000")


def test_an_address_alone_has_the_scheme_and_path_of_its_kind(tmp_path: Path) -> None:
    found = made(tmp_path, "{kind: gemini, endpoints: [{address: 'proxy.example:8443'}]}")
    assert (found.scheme, found.hosts, found.base_path) == (
        "https",
        (Host("proxy.example", 8443),),
        "/v1beta",
    )


TWO = "the addresses of a provider have one scheme and one path"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[{weight: 2}]", "endpoints[0]", "an endpoint has a `url` or an `address`"),
        ("[{url: 'http://h/v1', address: 'h:1'}]", "endpoints[0]", "an endpoint has a `url` or an `address`"),
        ("['http://h/v1', 'https://h/v1']", "endpoints[1]", TWO),
        ("['http://h/v1', {url: 'http://i/v2'}]", "endpoints[1].url", TWO),
        ("['http://h/v1', {url: 'http://h:80/v1'}]", "endpoints[1].url", "this address stands here twice"),
        ("['h:80']", "endpoints[0]", SHAPE.replace("base_url", "url")),
        ("[{address: 'h:80/v1'}]", "endpoints[0].address", "address must be host:port"),
        ("[{address: 'u@h:80'}]", "endpoints[0].address", "address must be host:port"),
        ("[{address: 'h:port'}]", "endpoints[0].address", "address must be host:port"),
        ("[{address: ''}]", "endpoints[0].address", "must not be empty"),
        ("[]", "endpoints", "must not be empty"),
        ("http://h/v1", "endpoints", "must be a list, not text"),
    ],
)
def test_wrong_addresses(tmp_path: Path, text: str, place: str, message: str) -> None:
    assert [w[:2] for w in wrong(tmp_path, f"{{kind: vllm, endpoints: {text}}}")] == [(place, message)]


def test_one_address_and_several_do_not_go_together(tmp_path: Path) -> None:
    text = "{kind: vllm, base_url: 'http://h/v1', endpoints: ['http://h/v1']}"
    assert [w[:2] for w in wrong(tmp_path, text)] == [
        ("base_url", "'base_url' and 'endpoints' are both given")
    ]


def test_an_address_alone_needs_a_kind_with_usual_ones(tmp_path: Path) -> None:
    text = "{kind: openai_compatible, endpoints: [{address: 'h:1'}]}"
    assert wrong(tmp_path, text) == [
        (
            "endpoints[0].address",
            "the kind 'openai_compatible' has no usual scheme and path",
            "write `url: http://10.0.0.5:8000/v1`",
        )
    ]


@given(st.text(max_size=40))
def test_what_may_be_a_host_has_nothing_that_ends_one(text: str) -> None:
    if is_host(text):
        assert text.isascii()
        assert not set(text) & set(" /?#@%[]\\\n")


# --- credentials ------------------------------------------------------------------------------------------


def test_keys_are_taken_from_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(" sk-in-a-file\n")
    (tmp_path / "key2").write_text("sk-2")
    file, other = SecretFile(str(tmp_path / "key")), SecretFile(str(tmp_path / "key2"))
    cases: dict[str, tuple[object, ...]] = {
        "{kind: openai}": (),
        "{kind: openai, api_key: '${NONE:-}'}": (),
        "{kind: openai, api_key: ' ${KEY} '}": (Secret("sk-from-environment"),),
        "{kind: openai, api_keys: ['${A}', '${B}', '${A}', '${NONE:-}']}": (Secret("sk-a"), Secret("sk-b")),
        "{kind: openai, api_key_file: key}": (file,),
        "{kind: openai, api_key_files: [key, './key2']}": (file, other),
    }
    for text, keys in cases.items():
        assert made(tmp_path, text, A="sk-a", B="sk-b").account.keys == keys


def test_keys_stand_in_one_place(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k")
    text = "{kind: openai, api_key: '${KEY}', api_key_file: key}"
    assert wrong(tmp_path, text) == [
        (
            "api_key_file",
            "'api_key' and 'api_key_file' are both given",
            "write all keys under `api_keys`, or all files under `api_key_files`",
        )
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the file holds no key"),
        (b" \n", "the file holds no key"),
        (b"sk-CANARY sk-CANARY", "the file holds more than a key, or a character that a header cannot carry"),
        (b"\xff\xfeCANARY", "the file holds more than a key, or a character that a header cannot carry"),
        (b"CANARY" * 5000, "the file holds more than a key, or a character that a header cannot carry"),
    ],
)
def test_a_file_that_is_no_key(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "key").write_bytes(content)
    ((place, told, remedy),) = wrong(tmp_path, "{kind: openai, api_key_files: [key]}")
    assert (place, told) == ("api_key_files[0]", message)
    assert "CANARY" not in told + remedy


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    ((place, message, _),) = wrong(tmp_path, "{kind: openai, api_key_file: nowhere}")
    assert place == "api_key_file"
    assert message == f"{str(tmp_path / 'nowhere')!r} cannot be read: No such file or directory"
    ((_, message, _),) = wrong(tmp_path, "{kind: openai, api_key_file: .}")
    assert message == f"{str(tmp_path)!r} is not a file"


def test_the_wrong_one_of_several_keys_is_named(tmp_path: Path) -> None:
    assert [w[:2] for w in wrong(tmp_path, "{kind: openai, api_keys: [k, 'CANARY é']}")] == [
        ("api_keys[1]", "api_keys holds a character that a header cannot carry")
    ]


def test_headers_have_names_in_lower_case_and_values_that_may_be_secrets(tmp_path: Path) -> None:
    text = "{kind: vllm, headers: {X-Team: red team, x-token: '${TOKEN}', x-none: '${NONE:-}'}}"
    account = made(tmp_path, text, TOKEN="t0ps3cr3t").account
    assert account.headers == (("x-team", Secret("red team")), ("x-token", Secret("t0ps3cr3t")))
    assert "t0ps3cr3t" not in repr(account)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("vllm", "{Authorization: k}", "'Authorization' carries credentials"),
        ("vllm", "{x-api-key: k}", "'x-api-key' carries credentials"),
        ("anthropic", "{anthropic-beta: k}", "'anthropic-beta' carries credentials"),
        ("vllm", "{':path': /}", "':path' is a pseudo-header"),
        ("vllm", "{content-length: '1'}", "'content-length' belongs to the connection or to the body"),
        ("vllm", "{accept-encoding: gzip}", "'accept-encoding' belongs to the connection or to the body"),
        ("vllm", "{host: h}", "'host' belongs to the connection or to the body"),
        ("vllm", "{x-envoy-max-retries: '9'}", "'x-envoy-max-retries' is the gateway's own"),
        ("vllm", "{X-Waypost-Hop-1: a}", "'X-Waypost-Hop-1' is the gateway's own"),
        ("vllm", "{x y: a}", "'x y' is no name of a header"),
        ("vllm", "{x-a: v, X-A: w}", "'X-A' is there twice; case makes no difference"),
        ("vllm", '{x-a: "v\\n"}', "a value must be printable ASCII without a space at either end"),
        ("vllm", "{x-a: é}", "a value must be printable ASCII without a space at either end"),
    ],
)
def test_headers_that_are_not_the_operators(tmp_path: Path, kind: str, text: str, message: str) -> None:
    assert [w[1] for w in wrong(tmp_path, f"{{kind: {kind}, headers: {text}}}")] == [message]


def test_a_header_has_a_longest_value(tmp_path: Path) -> None:
    text = f"{{kind: vllm, headers: {{x-a: {'v' * 8193}}}}}"
    assert [w[1] for w in wrong(tmp_path, text)] == ["a value has at most 8,192 characters"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=40))
def test_a_key_is_what_a_header_can_carry(text: str) -> None:
    assert is_key(text) == (bool(text) and all(0x21 <= ord(c) <= 0x7E for c in text))


# --- paths, retries, limits -------------------------------------------------------------------------------


def test_paths_are_by_form_and_say_what_is_spoken(tmp_path: Path) -> None:
    text = "{kind: vllm, paths: {chat: /chat, responses: /responses, messages: /anthropic/messages}}"
    found = made(tmp_path, text)
    assert found.path("openai_chat", "m") == "/v1/chat"
    assert found.path("openai_embeddings", "m") == "/v1/embeddings"
    assert found.speaks("openai_responses")
    assert found.speaks("anthropic_messages")
    assert not made(tmp_path, "{kind: vllm}").speaks("openai_responses")


@pytest.mark.parametrize(
    ("kind", "key"),
    [("anthropic", "chat"), ("anthropic", "embeddings"), ("gemini", "chat"), ("gemini", "messages")],
)
def test_a_kind_with_one_form_has_no_other_path(tmp_path: Path, kind: str, key: str) -> None:
    assert wrong(tmp_path, f"{{kind: {kind}, paths: {{{key}: /x}}}}") == [
        (
            f"paths.{key}",
            f"the kind {kind!r} does not speak this form",
            "its OpenAI form is the kind `openai_compatible`",
        )
    ]


@pytest.mark.parametrize(
    ("text", "retries"),
    [
        ("{kind: vllm}", 0),
        ("{kind: openai, api_key: k}", 0),
        ("{kind: openai, api_keys: [k]}", 0),
        ("{kind: openai, api_keys: [k, l]}", 1),
        ("{kind: vllm, endpoints: ['http://a/v1', 'http://b/v1']}", 1),
        ("{kind: vllm, endpoints: ['http://a/v1', 'http://b/v1'], retries: 0}", 0),
        ("{kind: vllm, retries: 3}", 3),
    ],
)
def test_retries_follow_from_what_there_is_to_try(tmp_path: Path, text: str, retries: int) -> None:
    assert made(tmp_path, text).retries == retries


def test_limits(tmp_path: Path) -> None:
    assert made(tmp_path, "{kind: vllm}").limits == Limits()
    found = made(tmp_path, "{kind: vllm, limits: {connections: 1, pending: 2, requests: 3, retries: 4}}")
    assert found.limits == Limits(1, 2, 3, 4)


# --- TLS --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate and its key, and another pair."""
    folder = tmp_path_factory.mktemp("pem")
    authority(folder, "other")
    locked(authority(folder, "one"), folder / "locked.key")
    (folder / "text").write_text("no PEM at all")
    return folder


URL = "kind: vllm, base_url: 'https://h.example/v1'"


def test_tls_files_are_found_beside_the_file(tmp_path: Path, pem: Path) -> None:
    for name in ("one.pem", "one.key"):
        (tmp_path / name).write_bytes((pem / name).read_bytes())
    tls = f"ca_file: {pem}/other.pem, cert_file: one.pem, key_file: ./one.key, server_name: n.example"
    found = made(tmp_path, f"{{{URL}, tls: {{{tls}}}}}")
    assert found.tls == Tls(f"{pem}/other.pem", f"{tmp_path}/one.pem", f"{tmp_path}/one.key", "n.example")
    assert found.authority == "n.example"


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("{ca_file: PEM/nowhere}", "tls.ca_file", "'PEM/nowhere' cannot be read: No such file or directory"),
        ("{ca_file: PEM}", "tls.ca_file", "'PEM' is not a file"),
        ("{ca_file: PEM/text}", "tls.ca_file", "'PEM/text' holds no certificate"),
        ("{ca_file: PEM/one.key}", "tls.ca_file", "'PEM/one.key' holds no certificate"),
        ("{cert_file: PEM/one.pem}", "tls", "`cert_file` and `key_file` go together"),
        ("{key_file: PEM/one.key}", "tls", "`cert_file` and `key_file` go together"),
        ("{cert_file: PEM/one.pem, key_file: PEM/x}", "tls.key_file",
         "'PEM/x' cannot be read: No such file or directory"),
        ("{cert_file: PEM/one.pem, key_file: PEM/other.key}", "tls",
         "`cert_file` and `key_file` are no certificate and its key"),
        ("{cert_file: PEM/one.pem, key_file: PEM/locked.key}", "tls",
         "`cert_file` and `key_file` are no certificate and its key"),
        ("{server_name: 'a b'}", "tls.server_name", "server_name must be the name of a host"),
        ("{ca_file: \"PEM/\\0\"}", "tls.ca_file", "'PEM/\\x00' cannot be read: no name of a file"),
    ],
)  # fmt: skip
def test_wrong_tls(tmp_path: Path, pem: Path, text: str, place: str, message: str) -> None:
    found = wrong(tmp_path, f"{{{URL}, tls: {text.replace('PEM', str(pem))}}}")
    assert [(w[0], w[1].replace(str(pem), "PEM")) for w in found] == [(place, message)]


def test_tls_is_for_https(tmp_path: Path) -> None:
    text = "{kind: vllm, base_url: 'http://h/v1', tls: {server_name: h}}"
    assert wrong(tmp_path, text) == [("tls", "`tls` is for https addresses", "write https://, or remove it")]


# --- whatever stands there --------------------------------------------------------------------------------

VALUES: Any = st.sampled_from(
    ["", "a", "http://h/v1", "https://h", "h:1", "${KEY}", "/x", "é", "0", "-1", "true", "~", "[]", "{}",
     "[a]", "{url: http://h/v1}", "[{address: 'h:1'}]", "{ca_file: x}", "{chat: /x}", "{x-a: b}", "[~]",
     "{a: b}"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["kind", "base_url", "endpoints", "api_key", "api_keys", "api_key_file", "api_key_files", "headers",
     "paths", "tls", "retries", "limits", "api_version", "zone"]
)  # fmt: skip
KINDS = st.sampled_from(
    ["openai", "anthropic", "gemini", "azure_openai", "vllm", "ollama", "openai_compatible", "x"]
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(kind=KINDS, block=st.dictionaries(KEYS, VALUES, max_size=5))
def test_any_block_is_a_provider_or_an_error_in_words(
    tmp_path: Path, kind: str, block: dict[str, str]
) -> None:
    lines = "".join(f"    {key}: {value}\n" for key, value in ({"kind": kind} | block).items())
    text = f"providers:\n  p:\n{lines}"
    assert all(p.message for p in problems(tmp_path, text))


def test_a_key_where_its_file_belongs_is_not_repeated(tmp_path: Path) -> None:
    ((place, message, remedy),) = wrong(tmp_path, "{kind: openai, api_key_file: sk-CANARY-0123456789}")
    assert place == "api_key_file"
    assert "CANARY" not in message + remedy
    assert "`api_key`" in remedy
