import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.signals.identifiers import TYPES, Budget, detect


def found(kind: str, text: str, *regions: str) -> list[tuple[str, float]]:
    spans = detect(kind, text, regions or ("US",), Budget())
    return [(text[start:end], score) for start, end, score in spans]


def counting(kind: str, text: str, *regions: str) -> list[str]:
    """What counts at the default threshold."""
    return [stretch for stretch, score in found(kind, text, *regions) if score >= 0.7]


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("write to ann.lee+x@mail.example.com.", ["ann.lee+x@mail.example.com"]),
        ("'jos\u00e9@correo.es',b_c@d.co", ["jos\u00e9@correo.es", "b_c@d.co"]),
        ("git@host.org:team/repo and icon@2x.png", []),
        ("user@localhost, @name, a@b, left-pad@1.3.0", []),
    ],
)
def test_mail_addresses(text: str, stretches: list[str]) -> None:
    assert counting("EMAIL_ADDRESS", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("card 4111 1111 1111 1111 exp 12/30", ["4111 1111 1111 1111"]),
        ("4111-1111-1111-1111", ["4111-1111-1111-1111"]),
        ("order 2024 4111 1111 1111 1111 2025", ["4111 1111 1111 1111"]),
        ("card #5555555555554444.", ["5555555555554444"]),
        ("amex 3782 822463 10005", ["3782 822463 10005"]),
        ("4111111111111111 5555555555554444", ["4111111111111111", "5555555555554444"]),
        ("4111 1111 1111 1112", []),
        ("9999 9999 9999 9995", []),
        ("0.4111111111111111 and 14111111111111111", []),
        ("IBAN DE42 4111 1111 1111 1111 90", []),
        ("4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1", []),
    ],
)
def test_cards(text: str, stretches: list[str]) -> None:
    assert counting("CREDIT_CARD", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("pay DE89 3704 0044 0532 0130 00 now", ["DE89 3704 0044 0532 0130 00"]),
        ("gb82west12345698765432", ["gb82west12345698765432"]),
        ("NL91-ABNA-0417-1643-00", ["NL91-ABNA-0417-1643-00"]),
        ("DE89 3704 0044 0532 0130 01", []),
        ("DE89 3704 0044 0532 0130 00X", []),
        ("XX89 3704 0044 0532 0130 00", []),
        ("ABDE89370400440532013000", []),
        ("DE89 3704", []),
    ],
)
def test_ibans(text: str, stretches: list[str]) -> None:
    assert counting("IBAN_CODE", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("SSN 219-09-1234", ["219-09-1234"]),
        ("219-09-1234", ["219-09-1234"]),
        ("social security number: 219 09 1234", ["219 09 1234"]),
        ("my ssn is 219091234", ["219091234"]),
        ("219 09 1234 apples", []),
        ("219091234", []),
        ("000-12-3456, 666-12-3456, 900-12-3456, 219-00-1234, 219-09-0000", []),
        ("1219-09-1234, 219-09-12345, 219-09-1234-5", []),
        ("219-09 1234", []),
    ],
)
def test_social_security_numbers(text: str, stretches: list[str]) -> None:
    assert counting("US_SSN", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("from 10.72.11.169, 8.8.8.8:53.", ["10.72.11.169", "8.8.8.8"]),
        ("host fe80::1ff:fe23:4567:890a.", ["fe80::1ff:fe23:4567:890a"]),
        ("2001:db8:0:1:1:1:1:1", ["2001:db8:0:1:1:1:1:1"]),
        ("version 10.2.3.4, v1.2.3.4, Chrome/120.0.0.0", []),
        ("upgrade from version 1.2.3 to 4.5.6.7", []),
        ("127.0.0.1 0.0.0.0 255.255.255.0 ::1 10.0.0.0/8", []),
        ("1.2.3, 256.1.1.1, 1.2.3.4.5, 12:30:45, std::cout, a::b, dead::", []),
        ("00:1b:63:84:45:e6 50:06:01:60:3b:a0:11:22", []),
    ],
)
def test_ip_addresses(text: str, stretches: list[str]) -> None:
    assert counting("IP_ADDRESS", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("call +49 30 901820 now", ["+49 30 901820"]),
        ("+44 20 7946 0958 2 people", ["+44 20 7946 0958"]),
        ("(212) 555-0123 or 646.555.0198x12", ["(212) 555-0123", "646.555.0198x12"]),
        ("212-555-0123 646-555-0198 917-555-0111", ["212-555-0123", "646-555-0198", "917-555-0111"]),
        ("phone: 5403926876", ["5403926876"]),
        ("my number is 030 901820", ["030 901820"]),
        ("5403926876", []),
        ("030 901820", []),
        ("on 2024-01-15, 15/01/2024 and 1999-2003", []),
        ("$212-555-0123, 3.14159265358, 1,234,567", []),
        ("1 2 3 4 5 6 7 8 9 10", []),
        ("96 95 5950 6000 255 241 6950 7000 12 14", []),
        ("call about SSN 219-09-1234", []),
        ("call 10.72.11.169", []),
    ],
)
def test_phone_numbers(text: str, stretches: list[str]) -> None:
    assert counting("PHONE_NUMBER", text) == stretches


def test_national_phone_numbers_need_their_region() -> None:
    assert counting("PHONE_NUMBER", "bei 030 901820 an", "US", "DE") == ["030 901820"]
    assert counting("PHONE_NUMBER", "at 212-555-0123", "FR") == []


@pytest.mark.parametrize("kind", TYPES)
@given(text=st.text(st.sampled_from("0149 +-.:()/@aAfDE89\u00e9x"), max_size=80))
def test_any_text_is_read_within_its_bounds(kind: str, text: str) -> None:
    for start, end, score in detect(kind, text, ("US", "DE"), Budget()):
        assert 0 <= start < end <= len(text)
        assert 0 < score <= 1


@pytest.mark.parametrize(
    ("kind", "crowd"),
    [
        ("EMAIL_ADDRESS", "a@b.png "),
        ("PHONE_NUMBER", "call 12345678 "),
        ("CREDIT_CARD", "4111 1111 1111 1112 "),
        ("IBAN_CODE", "DE89370400440532013001 "),
        ("US_SSN", "000-12-3456 "),
        ("IP_ADDRESS", "300.1.1.1 "),
    ],
)
def test_a_crowd_of_candidates_ends_with_the_budget(kind: str, crowd: str) -> None:
    budget = Budget(100)
    list(detect(kind, crowd * 1000, ("US",), budget))
    assert budget.left < 0
