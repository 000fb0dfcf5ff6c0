"""Keys that are made up here, and what looks like one and is none."""

import base64
import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waypost.signals.candidates import Budget
from waypost.signals.credentials import api_keys, could_be_key, is_random

RANDOM = "9aXk2LmQ7rT4vB8nWc3dYf6hJ1sPzE5uGo0iKqV2tNx8wRbH"
CAPITALS = "Q7RT4VB2NWC3DYF6"
HEX = hashlib.sha256(b"waypost").hexdigest()
CLAIMS = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"4481"}', hashlib.sha256(b"signed").digest())
)
PICTURE = base64.b64encode(hashlib.sha512(b"picture").digest() * 12).decode()
BODY = base64.b64encode(hashlib.sha512(b"key").digest()).decode()


def found(text: str) -> list[tuple[str, float]]:
    return [(text[start:end], score) for start, end, score in api_keys(text, Budget())]


def counting(text: str) -> list[str]:
    """What counts at the default threshold."""
    return [stretch for stretch, score in found(text) if score >= 0.7]


@pytest.mark.parametrize(
    "key",
    [
        f"sk-{RANDOM}",
        f"sk-proj-{RANDOM[:20]}-{RANDOM[20:40]}_{RANDOM[40:]}",
        f"sk-ant-api03-{RANDOM}-{RANDOM}",
        f"sk-or-v1-{HEX}",
        f"sk_live_{RANDOM[:24]}",
        f"ghp_{RANDOM[:36]}",
        f"github_pat_{RANDOM[:22]}_{RANDOM}",
        f"glpat-{RANDOM[:20]}",
        f"AKIA{CAPITALS}",
        f"ASIA{CAPITALS}",
        f"AIza{RANDOM[:35]}",
        f"xoxb-123456789012-123456789012-{RANDOM[:24]}",
        f"hf_{RANDOM[:34]}",
        f"npm_{RANDOM[:36]}",
        f"gsk_{RANDOM}",
        f"dop_v1_{HEX}",
        f"SG.{RANDOM[:22]}.{RANDOM[:43]}",
        CLAIMS,
    ],
)
@pytest.mark.parametrize("around", ["{}", "use {} today", '{{"k": "{}"}}', "key={}, please", "({})"])
def test_keys_of_known_issuers(key: str, around: str) -> None:
    assert counting(around.format(key)) == [key]


@pytest.mark.parametrize(
    "text",
    [
        f"risk-{RANDOM}",
        "ask-me-about-the-2024-annual-report-of-the-board",
        "sk-this-is-where-your-own-key-belongs",
        "sk-learn-0-24-2-to-1-5-1-migration-notes-and-more",
        "sk-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "sk-...",
        "sk-" + RANDOM[:12],
        f"{RANDOM}AKIA{CAPITALS}{RANDOM}",
        "AKIAAAAAAAAAAAAAAAAA",
        "ghp_ and github_pat_ are prefixes, AIza too",
        f"eyJhbGciOiJIUzI1NiJ9.{RANDOM}",
        f"my_hf_{RANDOM}",
    ],
)
def test_what_only_begins_like_a_key(text: str) -> None:
    assert counting(text) == []


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (f"api_key={HEX}", HEX),
        (f'"apiKey": "{RANDOM[:32]}",', RANDOM[:32]),
        (f"export SERVICE_API_KEY='{RANDOM[:24]}'", RANDOM[:24]),
        (f"AWS_SECRET_ACCESS_KEY = {RANDOM[:20]}/{RANDOM[20:39]}", f"{RANDOM[:20]}/{RANDOM[20:39]}"),
        (f"x-api-key: {HEX[:32]}", HEX[:32]),
        (f"Authorization: Bearer {RANDOM}", RANDOM),
        (f"my api key is {RANDOM[:24]}.", RANDOM[:24]),
        (f"client secret: {RANDOM[:30]}", RANDOM[:30]),
        (f"--token={HEX[:40]}", HEX[:40]),
        (f"AccountKey={RANDOM}==;", f"{RANDOM}=="),
        ("access_token=550e8400-e29b-41d4-a716-44b655440c0f", "550e8400-e29b-41d4-a716-44b655440c0f"),
    ],
)
def test_random_values_that_something_named_a_key_is_set_to(text: str, value: str) -> None:
    assert found(text) == [(value, 0.8)]


@pytest.mark.parametrize(
    "text",
    [
        "git show 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "request id 550e8400-e29b-41d4-a716-446655440000",
        f"![](data:image/png;base64,{PICTURE})",
        f'"token": "{PICTURE}"',
        f"primary key: {HEX}, cache_key={HEX}, next_page_token={HEX}",
        "api_key = os.environ['OPENAI_API_KEY']",
        "api_key=settings.providers.openai_v2.api_key",
        "token = getAccessTokenFromOAuth2ProviderAndCache()",
        "api_key: your-api-key-goes-here-1234",
        "API_KEY=xxxxxxxxxxxxxxxxxxxxxxxx1",
        "API_KEY=1234567890123456789012345",
        "secret=/usr/lib/python3.11/site-packages/waypost/x2",
        "The secret of 20th-century-architecture is patience",
        "key=value, token=abc123, secret: 42",
    ],
)
def test_what_looks_random_without_being_a_key(text: str) -> None:
    assert counting(text) == []


def test_a_key_is_told_once() -> None:
    assert found(f"api_key={CLAIMS}") == [(CLAIMS, 0.95)]


@pytest.mark.parametrize(
    "name", ["PRIVATE KEY", "RSA PRIVATE KEY", "ENCRYPTED PRIVATE KEY", "OPENSSH PRIVATE KEY"]
)
def test_a_private_key_is_found_to_its_end(name: str) -> None:
    key = f"-----BEGIN {name}-----\n{BODY}\n{BODY}\n-----END {name}-----"
    assert counting(f"here:\n{key}\nthanks") == [key]
    assert counting(key.replace("\n", "\\n")) == [key.replace("\n", "\\n")]


def test_a_private_key_may_have_headers() -> None:
    headers = "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0123456789ABCDEF"
    key = f"-----BEGIN RSA PRIVATE KEY-----\n{headers}\n\n{BODY}\n-----END RSA PRIVATE KEY-----"
    assert counting(key) == [key]
    assert counting(key.replace("\n", "\\n")) == [key.replace("\n", "\\n")]


@pytest.mark.parametrize(
    "filler", ["a: " + "_" * 16_000, "a: b " * 4000, "a" * 15 + " ", "\\n" * 8000, "_" * 16_000]
)
def test_a_heading_in_front_of_anything_is_looked_through_once(filler: str) -> None:
    assert counting(f"-----BEGIN PRIVATE KEY----- {filler}" * 20) == []


def test_a_private_key_that_is_cut_off_is_one_still() -> None:
    assert counting(f"-----BEGIN PRIVATE KEY-----\n{BODY}\nand so on")[0].startswith("-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    "text",
    [
        "What does -----BEGIN PRIVATE KEY----- stand for?",
        f"-----BEGIN PUBLIC KEY-----\n{BODY}\n-----END PUBLIC KEY-----",
        f"-----BEGIN CERTIFICATE-----\n{BODY}\n-----END CERTIFICATE-----",
    ],
)
def test_a_heading_alone_and_public_keys_do_not_count(text: str) -> None:
    assert counting(text) == []


@pytest.mark.parametrize(
    ("value", "random"),
    [
        (RANDOM, True),
        (HEX, True),
        (CAPITALS, True),
        ("getAccessTokenFromOAuth2Provider", False),
        ("production2024database", False),
        ("PRODUCTION2024DATABASE", False),
        ("onlyletterswithoutdigits", False),
        ("12345678901234567890", False),
        ("a1a1a1a1a1a1a1a1a1", False),
        ("a1b2c3", False),
    ],
)
def test_what_was_drawn_changes_its_kind_of_character_often(value: str, *, random: bool) -> None:
    assert is_random(value) is random


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (RANDOM[:30], True),
        (f"pk_{RANDOM[:24]}", True),
        (HEX, False),
        (f"({HEX[:40]})", False),
        (HEX[:33], True),
        ("84a45ff0-068b-11df-825d-000ea68e967b", False),
        ("84A45FF0-068B-11DF-825D-000EA68E967B", False),
        ("DefaultAsyncHttpx2Client", False),
        ("x-", False),
        ("", False),
    ],
)
def test_a_hash_without_a_name_is_no_key(value: str, *, key: bool) -> None:
    assert could_be_key(value) is key


@given(st.text(st.sampled_from('skAKIAeyJ-_.=: \n"apitoken09zQ'), max_size=120))
def test_finds_lie_apart_and_inside_the_text(text: str) -> None:
    spans = sorted((start, end) for start, end, _ in api_keys(text, Budget()))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert all(one[1] <= other[0] for one, other in pairwise(spans))
