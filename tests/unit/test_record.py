import json
from dataclasses import asdict, fields
from decimal import Decimal

from waypost.record import AuditRecord, Matched
from waypost.usage import Charge, Usage


def test_a_record_survives_json_unchanged() -> None:
    match = Matched("keyword_match:words", "account", "messages[0].content", 4, 11)
    record = AuditRecord(
        "decision",
        "id",
        "forwarded",
        matched=(match,),
        target=("onprem",),
        boundary=("internal",),
        guards=("pii mask EMAIL_ADDRESS 0.950", "masked EMAIL_ADDRESS=2"),
    )
    again = json.loads(json.dumps(asdict(record)))
    rebuilt = AuditRecord(
        **{
            **again,
            "matched": tuple(Matched(**m) for m in again["matched"]),
            "target": tuple(again["target"]),
            "boundary": tuple(again["boundary"]),
            "guards": tuple(again["guards"]),
        }
    )
    assert rebuilt == record


def test_no_field_is_meant_for_what_the_client_wrote() -> None:
    names = {field.name for made in (AuditRecord, Matched) for field in fields(made)}
    assert not names & {"text", "prompt", "content", "message", "messages", "body", "input"}


def test_a_result_tells_what_the_answer_took_and_cost() -> None:
    record = AuditRecord("result", "id", "ok", target=("cloud",), status=200)
    charge = Charge(Usage(20, 8, 3, 9, 4), Decimal("0.00420"), Decimal("-0.1"))
    told = record.charged("gpt-4o-mini", charge, "complete")
    assert (told.request_id, told.target, told.status) == ("id", ("cloud",), 200)
    assert (told.model, told.stream_end) == ("gpt-4o-mini", "complete")
    counts = (told.prompt_tokens, told.cached_tokens, told.cache_write_tokens)
    assert (*counts, told.completion_tokens, told.reasoning_tokens) == (20, 8, 3, 9, 4)
    assert (told.cost_usd, told.saved_usd) == ("0.0042", "-0.1")


def test_what_is_unknown_is_not_told_as_nothing() -> None:
    record = AuditRecord("result", "id", "ok").charged("m", Charge())
    assert (record.prompt_tokens, record.cost_usd, record.saved_usd, record.stream_end) == (
        None,
        None,
        None,
        "",
    )
    assert AuditRecord("result", "id", "ok").charged("m", Charge(Usage(0), Decimal(0))).cost_usd == "0"
