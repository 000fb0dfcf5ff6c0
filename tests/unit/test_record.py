import json
from dataclasses import asdict, fields

from waypost.record import AuditRecord, Matched


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
