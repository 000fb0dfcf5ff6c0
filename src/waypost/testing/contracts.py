"""What every implementation of an interface must keep, as one call per interface.

A plugin's test is one line: `contracts.signal(MySignal(...))`. A broken promise is an
`AssertionError` that names it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace

from waypost.asking import need_of
from waypost.configurable import schema
from waypost.needs import Encode, Failed
from waypost.request.chat import ChatRequest, Identity, Message, Part
from waypost.signals.base import Encoded, Signal, Verdict

CANARY = "zq7canary"
"""A word of the client's that must never come back in a verdict."""

MAX_MATCHES = 100


def signal(
    subject: Signal,
    *,
    encoded: Sequence[Encoded | Callable[[Encode], Encoded | Failed]] = (),
    lists: Mapping[str, Sequence[str]] | None = None,
    requests: Sequence[ChatRequest] = (),
) -> None:
    """Hold a signal to its contract, over requests that are empty, huge, unreadable and strange.

    Args:
        subject: the signal as the file would configure it, not yet bound.
        encoded: for a learned signal: what the encoder may have found, at least one; or encoders, for example
            a `FakeEncoder`, which are asked what the journey would ask for each request.
        lists: named keyword lists, as `bind` would be given.
        requests: further requests, for example some on which the condition holds.

    Raises:
        AssertionError: the first promise that is broken.
    """
    kind = type(subject)
    frozen = getattr(getattr(kind, "__dataclass_params__", None), "frozen", False)
    _promise(frozen, f"{kind.__name__} must be frozen: use @configurable")
    _promise(_is_hashable(subject), f"{kind.__name__} must be hashable: equal conditions share one answer")
    undescribed = [
        name for name, row in schema(kind).get("properties", {}).items() if not row.get("description")
    ]
    _promise(not undescribed, f"{kind.__name__} leaves fields without a docstring: {', '.join(undescribed)}")
    _promise(subject.sentence().strip(), f"{kind.__name__}.sentence() must read the condition back")
    bound = kind.bind([subject], lists or {})
    _promise(len(bound) == 1, f"{kind.__name__}.bind must return as many signals as it was given")
    _promise(bool(encoded) == bool(bound[0].heads), "give `encoded` for a learned signal, and only for one")
    for request in (*strange_requests(), *requests):
        for given in encoded or (None,):
            found = _told(given, request, bound[0])
            verdict = bound[0].evaluate(request, found)
            _is_sound(verdict, request)
            fresh = replace(request, memo={})
            _promise(bound[0].evaluate(fresh, found) == verdict, "the same question must get the same answer")
            _is_kept_early(bound[0], request, verdict)


def _told(
    given: Encoded | Callable[[Encode], Encoded | Failed] | None, request: ChatRequest, subject: Signal
) -> Encoded | None:
    """What was found beforehand, or what an encoder finds that is asked as the journey asks."""
    if not callable(given):
        return given
    match given(need_of(request, [subject])):
        case Failed(reason):
            raise AssertionError(f"the encoder did not answer: {reason}")
        case Encoded() as found:
            return found


def _is_kept_early(subject: Signal, request: ChatRequest, verdict: Verdict) -> None:
    """What a learned signal says before the encoder is asked, or without it, is no other answer."""
    if not subject.heads:
        return
    early = subject.early(request)
    if early is not None:
        _is_sound(early, request)
        kept = early.holds is not None and early.holds is verdict.holds
        _promise(kept, "an early answer must be one that no model can change")
    unread = subject.evaluate(request, None)
    _is_sound(unread, request)
    _promise(unread.holds is not False, "without the encoder the question is open: `failed` must say so")


def strange_requests() -> Iterator[ChatRequest]:
    """Requests that have broken somebody's parser before."""
    texts = (
        "",
        " ",
        "\u200b",
        "\ufb01n\u00e9 \u212a",
        "\ud800",
        "\U0001f9d1\u200d\U0001f4bb",
        "a" * 100_000,
        "\0\r\n\t",
    )
    for text in texts:
        yield _request(
            Message("user", (Part("text", f"{CANARY} {text}" if text else "", "messages[0].content"),))
        )
    yield ChatRequest("openai_chat", b"{}", "auto")
    yield _request(Message("user", (Part("image", "", "messages[0].content[0].image_url"),)))
    yield _request(
        Message("system", (Part("text", CANARY, "messages[0].content"),)),
        Message(
            "assistant",
            (Part("tool_call", f'{{"a": "{CANARY}"}}', "messages[1].tool_calls[0].function.arguments"),),
        ),
        Message("tool", (Part("text", CANARY, "messages[2].content"),)),
        Message(CANARY, (Part("unknown", "", "messages[3].content"),)),
    )
    yield ChatRequest(
        "openai_embeddings", b"{}", "auto", messages=(Message("user", (Part("tokens", "", "input"),)),)
    )
    yield ChatRequest(
        "openai_chat",
        b"{}",
        "auto",
        fields=(Part("text", CANARY, "metadata.a"),),
        tools=(CANARY,),
        identity=Identity(trusted=True, team=CANARY, tenant=CANARY, user=CANARY),
        headers=(("x-note", CANARY),),
    )


def _promise(kept: object, broken: str) -> None:  # not `assert`: it vanishes under -O
    if not kept:
        raise AssertionError(broken)


def _request(*messages: Message) -> ChatRequest:
    return ChatRequest("openai_chat", b"{}", "auto", messages=messages)


def _is_hashable(subject: Signal) -> bool:
    try:
        return hash(subject) == hash(copy(subject))
    except TypeError:
        return False


def _is_sound(verdict: Verdict, request: ChatRequest) -> None:
    _promise(0 <= verdict.score <= 1, f"score {verdict.score} is outside [0, 1]")
    _promise(verdict.because.strip(), "a verdict must say why, also when the condition does not hold")
    _promise(CANARY not in verdict.because, "a verdict must not quote the client's text")
    _promise(
        verdict.label is None or not verdict.failed, "a failed question has no answer: label must be None"
    )
    _promise(len(verdict.matches) <= MAX_MATCHES, f"{len(verdict.matches)} matches; {MAX_MATCHES} at most")
    length = {part.where: len(part.text) for part in _parts(request)}
    for match in verdict.matches:
        _promise(CANARY not in match.term, "a match names the operator's term, never the client's text")
        _promise(match.where in length, f"match at {match.where!r}, where the request has no part")
        _promise(0 <= match.start < match.end <= length[match.where], f"match {match} lies outside its text")


def _parts(request: ChatRequest) -> Iterator[Part]:
    for message in request.messages:
        yield from message.parts
    yield from request.fields
