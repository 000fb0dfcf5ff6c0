import pytest

from waypost.config.document import parse
from waypost.config.secrets import MASK, blanked, secrets_in


def shown_of(text: str) -> str:
    root = parse(text, "f.yaml", {"KEY": "hush"}).root
    spans = [secret.span for secret in secrets_in(root, text)] if root else []
    return blanked(text, spans, is_yaml=root is not None and isinstance(root.value, dict))


def words_of(text: str) -> dict[str, str]:
    root = parse(text, "f.yaml", {"KEY": "hush"}).root
    assert root is not None
    return {secret.text: secret.shown for secret in secrets_in(root, text)}


@pytest.mark.parametrize(
    "text",
    [
        "providers: {p: {api_key: CANARY}}",
        "providers: {p: {api_kye: CANARY}}",
        "providers: {p: {api_key_: CANARY}}",
        "providers: {p: {api_keyes: [CANARY]}}",
        "providers: {p: {token: CANARY}}",
        "providers: {p: {extra: {deep: [CANARY]}}}",
        "providers: {p: {api_keys: [CANARY, '${KEY}', CANARY]}}",
        "providers: {p: {api_keys: CANARY}}",
        "providers: {p: {headers: {x-token: CANARY, x-auth: 'Bearer ${KEY}CANARY'}}}",
        "providers: {p: {tls: {password: CANARY}}}",
        "providers: {p: {tls: CANARY}}",
        "providers: {p: {limits: [CANARY]}}",
        "providers: {p: {endpoints: [{url: 'http://h/v1', api_key: CANARY}]}}",
        "providers: {p: {endpoints: [{url: 'https://CANARY:CANARY@h/v1'}]}}",
        "providers: {p: {endpoints: ['https://CANARY:CANARY@h/v1']}}",
        "providers:\n  p:\napi_key: CANARY",
        "providers: {p: api_key=CANARY}",
        "providers: CANARY",
        "models: {m: {provider: p, api_key: CANARY}}",
        'providers: {p: {api_key: "CANARY # x, y}"}}',
        "providers:\n  p:\n    api_key: |\n      CANARY\n      CANARY\n",
        "providers:\n  p:\n    api_key: >-\n      CANARY\n\n      CANARY\n",
        "providers: {p: {base_url: 'https://CANARY:CANARY@h/v1'}}",
        'providers: {p: {api_key: "${NOPE:-CANARY}"}}',
        "a: 1 # old key: CANARY",
        "a: 1 # sk-CANARY123",
        "providers: [\napi_key: CANARY CANARY",
        "providers: [\napi_key:CANARY",
        "providers: [\n  api_key: |\n    CANARY\n    CANARY\n",
        "providers: [\n'api_key' = \"CANARY\"",
        "api_key CANARY: [",
        "OPENAI_API_KEY=CANARY\n]",
    ],
)
def test_credentials_are_blanked_out_of_what_may_be_shown(text: str) -> None:
    shown = shown_of(text)
    assert "CANARY" not in shown
    assert len(shown) == len(text)
    assert shown.count("\n") == text.count("\n")


@pytest.mark.parametrize(
    "text",
    [
        'providers: {p: {kind: openai, api_key: "${KEY}", base_ur: "http://h"}}',
        'providers: {p: {kind: openai, api_keys: ["${KEY}", "${B}"], headers: {x-token: "${KEY}"}}}',
        "providers: {p: {api_key_file: /run/secrets/openai, api_key_files: [a, b]}}",
        "providers: {p: {endpoints: [http://a/v1, {url: http://b/v1, weight: 2}], limits: {requests: 3}}}",
        "providers: {p: {tls: {ca_file: ca.pem, server_name: n}, paths: {chat: /chat}}}",
        "keywords: {secret: [internal, token]}",
        "bank_keywords:\n  secrecy: [confidential]",
    ],
)
def test_what_is_no_credential_stays_readable(text: str) -> None:
    assert shown_of(text) == text


def test_key_that_lost_its_space_is_shown_without_the_value() -> None:
    assert words_of("providers: {p: {kind: openai, api_key:sk-1}}") == {"api_key:sk-1": f"api_key{MASK}"}


def test_key_without_a_value_may_be_one() -> None:
    assert words_of('providers: {p: {!api_key: "hush"}}') == {"hush": MASK}


def test_variables_are_no_secret_in_the_file() -> None:
    assert words_of('providers: {p: {api_key: "${KEY}${KEY}"}}') == {}


def test_default_of_a_variable_may_be_one() -> None:
    assert words_of('providers: {p: {api_key: "${NOPE:-hush}"}}') == {"hush": MASK}
