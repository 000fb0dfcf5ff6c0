"""A signature comes back exactly as it was given out, or not at all."""

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.dialects.signatures import find, hide, is_signature


@given(st.text("abc_-0", min_size=1), st.binary(min_size=1))
def test_what_was_hidden_is_found(ident: str, secret: bytes) -> None:
    signature = base64.b64encode(secret).decode()
    hidden = hide(ident, signature)
    assert find(hidden) == (ident, signature)
    assert re.fullmatch(r"[A-Za-z0-9_-]+", hidden)


@given(st.binary(min_size=1), st.integers(1, 20))
def test_an_id_that_was_cut_has_no_signature(secret: bytes, lost: int) -> None:
    hidden = hide("call_1", base64.b64encode(secret).decode())
    assert find(hidden[:-lost])[1] is None


@given(st.text())
def test_any_id_is_an_id(ident: str) -> None:
    plain, signature = find(ident)
    assert ident.startswith(plain)
    assert signature is None or is_signature(signature)


@pytest.mark.parametrize("ident", ["call_1", "", "toolu_01-x", "call_1__thought_"])
def test_ids_of_others_stay_as_they_are(ident: str) -> None:
    assert find(ident) == (ident, None)


def test_an_id_with_a_damaged_signature_is_still_known() -> None:
    assert find("call_1__thought__00000000QUJD") == ("call_1", None)


@pytest.mark.parametrize("value", ["", "a b", "é", "=", "a\n", None, 1, "a==="])
def test_what_is_no_base64_is_no_signature(value: object) -> None:
    assert not is_signature(value)
