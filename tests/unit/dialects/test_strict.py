"""Bodies that two readers could understand differently are refused."""

import pytest

from waypost.dialects.digits import Digits
from waypost.dialects.strict import load, one_case
from waypost.errors import RequestError


def test_numbers_are_floats_or_keep_their_digits() -> None:
    assert load(b'{"a":1,"b":1.10}') == {"a": 1.0, "b": 1.1}
    assert type(load(b'{"a":1}')["a"]) is float
    found = load(b'{"a":1,"b":1.10,"c":1e400,"d":12345678901234567890}', exact=True)
    assert type(found["a"]) is int
    assert [number.text for number in found.values() if isinstance(number, Digits)] == [
        "1.10",
        "1e400",
        "12345678901234567890",
    ]


def test_a_long_integer_is_read_at_once() -> None:
    assert load(b'{"a":' + b"9" * 100_000 + b"}")["a"] > 0


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"),
        (b"{", "invalid_json"),
        (b"[]", "invalid_json"),
        (b"7", "invalid_json"),
        (b'{"a":NaN}', "invalid_json"),
        (b'{"a":-Infinity}', "invalid_json"),
        (b'{"a":1}\n{}', "invalid_json"),
        (b"\xff", "invalid_encoding"),
        (b"\xef\xbb\xbf{}", "invalid_encoding"),
        ("{}".encode("utf-16"), "invalid_encoding"),
        ("{}".encode("utf-16-le"), "invalid_encoding"),
        (b'{"model":1,"model":2}', "duplicate_key"),
        (b'{"a":{"b":1,"\\u0062":2}}', "duplicate_key"),
        (b'{"a":' + b"[" * 40_000 + b"]" * 40_000 + b"}", "body_too_complex"),
        (b"{" + b",".join(b'"%d":1' % n for n in range(10_001)) + b"}", "body_too_complex"),
        (b'{"a":[' + b"{}," * 60_000 + b"1]}", "body_too_complex"),
    ],
)
def test_what_is_not_to_be_trusted_is_refused(*, body: bytes, code: str, exact: bool) -> None:
    with pytest.raises(RequestError) as refused:
        load(body, exact=exact)
    assert (refused.value.status, refused.value.code) == (400, code)


def test_an_odd_key_is_not_repeated() -> None:
    with pytest.raises(RequestError) as refused:
        load(b'{"my secret":1,"my secret":2}')
    assert refused.value.param is None
    assert "my secret" not in refused.value.message


def test_keys_that_differ_only_in_case() -> None:
    one_case(["model", "other", "OTHER"], {"model"})
    with pytest.raises(RequestError) as refused:
        one_case(["model", "Model"], {"model"})
    assert (refused.value.code, refused.value.param) == ("duplicate_key", "model")
