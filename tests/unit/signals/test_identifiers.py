import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.signals.candidates import Budget
from waypost.signals.identifiers import TYPES, detect


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
        ("AB 12 34 56 C", ["AB 12 34 56 C"]),
        ("ab-12-34-56-c, JG103759A.", ["ab-12-34-56-c", "JG103759A"]),
        ("her NI number is jg103759a", ["jg103759a"]),
        ("national insurance no. XX 61 65 95 E", ["XX 61 65 95 E"]),
        ("BG 12 34 56 A, GB 12 34 56 A, ZZ 12 34 56 A, AO 12 34 56 A, QA 12 34 56 A, AB 12 34 56 E", []),
        ("part number JG103759A", []),
        ("jg103759a", []),
        ("KLM 12 34 56 A, AB 12 34 56 7, AB 12 34 5 C, 1AB123456C, AB123456CD, AB-123456-C", []),
    ],
)
def test_insurance_numbers(text: str, stretches: list[str]) -> None:
    assert counting("UK_NINO", text) == stretches


@pytest.mark.parametrize(
    ("text", "stretches"),
    [
        ("00:1b:63:84:45:e6, 00-1B-63-84-45-E6.", ["00:1b:63:84:45:e6", "00-1B-63-84-45-E6"]),
        ("switch 001b.6384.45e6 port 4", ["001b.6384.45e6"]),
        ("12:34:56:78:90:12", ["12:34:56:78:90:12"]),
        ("MAC 12-34-56-78-90-12", ["12-34-56-78-90-12"]),
        ("12-34-56-78-90-12 and 1234.5678.9012", []),
        ("ff:ff:ff:ff:ff:ff 00:00:00:00:00:00", []),
        ("50:06:01:60:3b:a0:11:22", []),
        ("SHA1 12:f8:7e:78:61:b4:bf:e2:de:24:15:96:4e:d4:72:53", []),
        ("550e8400-e29b-41d4-a716-446655440000", []),
        ("00:1b:63-84:45:e6, 00:1b:63:84:45, a00:1b:63:84:45:e6, 001b.6384.45e6.1234", []),
    ],
)
def test_mac_addresses(text: str, stretches: list[str]) -> None:
    assert counting("MAC_ADDRESS", text) == stretches


def test_keys_are_identifiers_too() -> None:
    assert counting("API_KEY", "use ghp_9aXk2LmQ7rT4vB8nWc3dYf6hJ1sPzE5uGo0i now") == [
        "ghp_9aXk2LmQ7rT4vB8nWc3dYf6hJ1sPzE5uGo0i"
    ]


@pytest.mark.parametrize("kind", TYPES)
@given(text=st.text(st.sampled_from("0149 +-.:()/@aAfDEsk_=89\u00e9x"), max_size=80))
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
        ("UK_NINO", "GB123456A "),
        ("MAC_ADDRESS", "00:00:00:00:00:00 "),
        ("API_KEY", "sk-this-is-only-an-example-of-one "),
    ],
)
def test_a_crowd_of_candidates_ends_with_the_budget(kind: str, crowd: str) -> None:
    budget = Budget(100)
    list(detect(kind, crowd * 1000, ("US",), budget))
    assert budget.left < 0
