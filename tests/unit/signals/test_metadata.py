import pytest

from waypost.configurable import build
from waypost.request.chat import ChatRequest, Identity
from waypost.signals.metadata import Metadata
from waypost.testing import contracts

STRANGER = Identity()
RISK = Identity(trusted=True, team="risk", tenant="bank")


def ask(*headers: tuple[str, str], identity: Identity = STRANGER) -> ChatRequest:
    return ChatRequest("openai_chat", b"", "auto", headers=headers, identity=identity)


def test_the_contract_of_a_signal_is_kept() -> None:
    contracts.signal(Metadata(team=("risk",)))
    contracts.signal(Metadata(header="x-note", equals="crm", present=True))


@pytest.mark.parametrize(
    ("signal", "request_", "holds"),
    [
        (Metadata(team=("risk", "trading")), ask(identity=RISK), True),
        (Metadata(team="risk"), ask(identity=RISK), True),
        (Metadata(team="hr"), ask(identity=RISK), False),
        (Metadata(team="risk", tenant="bank"), ask(identity=RISK), True),
        (Metadata(team="risk", tenant="shop"), ask(identity=RISK), False),
        (Metadata(user="ann"), ask(identity=RISK), None),
        (Metadata(team="risk"), ask(identity=Identity(trusted=False, team="risk")), None),
        (Metadata(header="X-App", equals="crm"), ask(("x-app", "crm")), True),
        (Metadata(header="x-app", equals=("crm", "erp")), ask(("x-app", " erp ")), True),
        (Metadata(header="x-app", equals="crm"), ask(("x-app", "CRM")), False),
        (Metadata(header="x-app", equals="crm"), ask(("x-app", "web"), ("x-app", "crm")), True),
        (Metadata(header="x-app", equals="crm"), ask(), False),
        (Metadata(header="x-app", present=True), ask(("x-app", "")), True),
        (Metadata(header="x-app", present=False), ask(("x-app", "")), False),
        (Metadata(header="x-app", present=False), ask(), True),
        (Metadata(header="x-tier", equals="gold", trusted=True), ask(("x-tier", "gold")), None),
        (
            Metadata(header="x-tier", equals="gold", trusted=True),
            ask(("x-tier", "gold"), identity=RISK),
            True,
        ),
        (
            Metadata(header="x-tier", equals="gold", trusted=True),
            ask(("x-tier", "gold"), ("x-tier", "none"), identity=RISK),
            None,
        ),
        (Metadata(header="x-authz-group", equals="a"), ask(("x-authz-group", "a")), None),
        (Metadata(header="x-authz-group", equals="a", trusted=False), ask(("x-authz-group", "a")), True),
        (Metadata(team="risk", header="x-app", equals="crm"), ask(("x-app", "web")), False),
        (Metadata(team="risk", header="x-app", equals="crm"), ask(("x-app", "crm")), None),
    ],
)
def test_identity_needs_a_trusted_hop_and_headers_do_not(
    signal: Metadata, request_: ChatRequest, *, holds: bool | None
) -> None:
    verdict = signal.evaluate(request_, None)
    assert verdict.holds is holds
    assert verdict.failed == ("identity_unknown" if holds is None else None)


@pytest.mark.parametrize(
    ("signal", "request_", "because"),
    [
        (Metadata(team="risk"), ask(identity=RISK), "team is 'risk'"),
        (Metadata(team="hr"), ask(identity=RISK), 'team is not "hr"'),
        (Metadata(team="risk"), ask(), "no trusted hop says which team is asking"),
        (
            Metadata(header="x-app", equals="crm"),
            ask(("x-app", "crm")),
            "header x-app is 'crm' (as sent by the client)",
        ),
        (
            Metadata(header="x-app", present=True),
            ask(("x-app", "1"), identity=RISK),
            "header x-app is there (from a trusted hop)",
        ),
        (
            Metadata(header="x-app", equals=("a", "b")),
            ask(("x-app", "secret")),
            'header x-app is not any of "a", "b" (as sent by the client)',
        ),
    ],
)
def test_the_sentence_says_who_says_so_and_quotes_only_the_rule(
    signal: Metadata, request_: ChatRequest, because: str
) -> None:
    assert signal.evaluate(request_, None).because == because


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        (Metadata(team=("risk", "hr")), 'the team, as a trusted hop says, is any of "risk", "hr"'),
        (Metadata(header="X-App", equals="crm"), 'header x-app, as sent by the client, is "crm"'),
        (
            Metadata(user="ann", header="x-app", present=False, trusted=True),
            'the user, as a trusted hop says, is "ann" and header x-app, sent by a trusted hop, is missing',
        ),
    ],
)
def test_the_condition_reads_back_as_a_clause(signal: Metadata, sentence: str) -> None:
    assert signal.sentence() == sentence


@pytest.mark.parametrize(
    ("signal", "remarks"),
    [
        (Metadata(team="risk"), []),
        (Metadata(), [("header", "error")]),
        (Metadata(equals="a"), [("header", "error"), ("header", "error")]),
        (Metadata(header="x-app"), [("header", "error"), ("header", "info")]),
        (Metadata(header="x-app", equals="a"), [("header", "info")]),
        (Metadata(header="x-app", equals="a", trusted=True), []),
        (Metadata(header="x app", equals="a", trusted=True), [("header", "error")]),
        (Metadata(header="X-Waypost-Hop-1", present=True, trusted=True), [("header", "error")]),
        (Metadata(header="Authorization", equals="a", trusted=True), [("equals", "warning")]),
        (Metadata(header="x-app", equals="a", present=False, trusted=True), [("present", "error")]),
    ],
)
def test_lint_finds_what_cannot_work(signal: Metadata, remarks: list[tuple[str, str]]) -> None:
    assert [(remark.field, remark.severity) for remark in signal.lint()] == remarks


def test_one_value_or_several_in_yaml() -> None:
    assert build(Metadata, {"team": "risk"}).team == "risk"
    assert build(Metadata, {"team": ["risk", "hr"]}).team == ("risk", "hr")
