"""Gemini's API as the demo serves it: `generateContent` and its stream, embeddings, models."""

import re
from collections.abc import Iterator
from typing import Final

from waypost.demo.checks import read
from waypost.demo.faults import Faults, marked
from waypost.demo.gemini_shapes import TRAITS, Batch, Body, Content, CountBody, Embedded, Traits, check, sign
from waypost.demo.model import Called, Prompt, Said, Toolbox, say, tokens, vector, words
from waypost.demo.wire import (
    CONTEXT,
    QUOTA,
    Answer,
    Call,
    DemoProvider,
    Json,
    RefusedError,
    dump,
    identifier,
    refuse_marked,
    refuse_strangers,
    whole,
)

DIMENSIONS: Final = 256
OWN: Final = frozenset({"x-goog-api-key"})

_PATH: Final = re.compile(r"/v1beta/models/([\w.-]+)(?::(\w+))?", re.ASCII)
_STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    429: "RESOURCE_EXHAUSTED",
    499: "CANCELLED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
_FINISH: Final = {"stop": "STOP", "sequence": "STOP", "length": "MAX_TOKENS", "calls": "STOP"}
_TYPE: Final = "type.googleapis.com/google.rpc."
_SERVICE: Final = "generativelanguage.googleapis.com"
_JSON_TYPE: Final = ("content-type", "application/json; charset=UTF-8")
_BAD_KEY: Final = "API_KEY_INVALID"


def serve(provider: DemoProvider, call: Call) -> Answer:
    """Answer one call.

    Raises:
        RefusedError: as `refusal` words it.
    """
    refuse_strangers(call, OWN)
    key = call.headers.get("x-goog-api-key")
    if key is None:
        raise RefusedError(403, "The call does not say who calls.")
    if key != provider.api_key:
        raise RefusedError(400, f"This is no key of the demo provider {provider.name!r}.", code=_BAD_KEY)
    if call.operation == "GET /v1beta/models":
        return whole({"models": [_model(name) for name in provider.models]})
    found = _PATH.fullmatch(call.path)
    if found is None:
        raise RefusedError(404, f"There is no {call.operation}.")
    model, method = found[1], found[2]
    embeds = method in {"embedContent", "batchEmbedContents"}
    is_able = method in {None, "countTokens"} or embeds is (model not in TRAITS)
    if model not in provider.models or (call.method == "GET") != (method is None) or not is_able:
        raise RefusedError(404, f"models/{model} is not found, or does not do this.")
    return _do(provider, call, model, method)


def _do(provider: DemoProvider, call: Call, model: str, method: str | None) -> Answer:
    match method:
        case None:
            return whole(_model(model))
        case "generateContent":
            return _generate(provider, call, model)
        case "streamGenerateContent":
            return _stream(provider, call, model)
        case "countTokens":
            body = read(CountBody, call.body)
            return whole({"totalTokens": tokens("\n".join(turn.text for turn in body.contents))})
        case "embedContent":
            return _embed(provider, call)
        case "batchEmbedContents":
            return _embed_all(provider, call, model)
        case _:
            raise RefusedError(404, f"There is no {method}.")


def refusal(error: RefusedError) -> Answer:
    """An error in Google's shape; it tells when to come back in the body."""
    message = error.message
    if error.code == CONTEXT:
        message = "The count of input tokens exceeds the maximum number of tokens allowed."
    details: list[Json] = []
    if error.code == _BAD_KEY:
        details.append({"@type": f"{_TYPE}ErrorInfo", "reason": _BAD_KEY, "domain": "googleapis.com"})
    if error.code == QUOTA:
        violation = {"quotaMetric": f"{_SERVICE}/requests", "quotaId": "RequestsPerDay"}
        details.append({"@type": f"{_TYPE}QuotaFailure", "violations": [violation]})
    if error.retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{error.retry_after}s"})
    if error.param:
        message = f"{error.param}: {message.removeprefix(f'{error.param}: ')}"
        violation = {"field": error.param, "description": message}
        details.append({"@type": f"{_TYPE}BadRequest", "fieldViolations": [violation]})
    body: Json = {"code": error.status, "message": message, "status": _STATUSES.get(error.status, "UNKNOWN")}
    if details:
        body["details"] = details
    return Answer((dump({"error": body}),), error.status, (_JSON_TYPE,))


# --- content ----------------------------------------------------------------------------------------------


def _generate(provider: DemoProvider, call: Call, model: str) -> Answer:
    body, faults = _asked(provider, call, model, streams=False)
    said = _say(provider, body, model, faults)
    parts = [part for piece in _pieces(said, body, TRAITS[model], apart=False) for part in piece]
    return whole(_document(model, said, parts, is_last=True, count=_count(body)), (), faults)


def _stream(provider: DemoProvider, call: Call, model: str) -> Answer:
    body, faults = _asked(provider, call, model, streams=True)
    said = _say(provider, body, model, faults)
    ident = identifier("", 22)
    pieces = list(_pieces(said, body, TRAITS[model], apart=True))
    pairs = [*((parts, False) for parts in pieces), ([{"text": ""}], True)]
    documents = [
        _document(model, said, parts, is_last=is_last, ident=ident, count=_count(body))
        for parts, is_last in pairs
    ]
    failed = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    if call.query.get("alt") == "sse":
        events = tuple(b"data: %b\r\n\r\n" % dump(document) for document in documents)
        kind = ("content-type", "text/event-stream")
        error = b"data: %b\r\n\r\n" % dump(failed)
        return Answer(events, 200, (kind,), faults, lead=min(2, len(events)), error=error)
    items = [(b",\r\n" if n else b"[") + dump(document) for n, document in enumerate(documents)]
    error = b",\r\n" + dump(failed) + b"]"
    return Answer((*items, b"]"), 200, (_JSON_TYPE,), faults, lead=min(2, len(items)), error=error)


def _asked(provider: DemoProvider, call: Call, model: str, *, streams: bool) -> tuple[Body, Faults]:
    if call.query.get("alt") not in {None, "json", "sse"}:
        raise RefusedError(400, "The form of the answer is json or sse.", param="alt")
    body = read(Body, call.body)
    check(body, TRAITS[model])
    spoken = [turn.said for turn in body.contents if turn.role != "model" and turn.said]
    faults = marked(spoken[-1] if spoken else "", provider.name)
    refuse_marked(faults, streams=streams)
    return body, faults


def _say(provider: DemoProvider, body: Body, model: str, faults: Faults) -> Said:
    config, calling, last = body.generation_config, body.calling, body.contents[-1]
    schemas = {function.name: function.schema_of for function in body.functions}
    forced = tuple(calling.allowed_function_names or schemas) if calling.mode == "ANY" else ()
    return say(
        Prompt(
            model,
            provider.name,
            body.text,
            last=last.said if last.role != "model" and not last.results else "",
            tools=Toolbox(schemas, forced=forced, closed=calling.mode == "NONE"),
            schema=config.wanted if config else None,
            thinks=_thinks(body, TRAITS[model]),
            limit=config.max_output_tokens if config else None,
            stops=tuple((config and config.stop_sequences) or ()),
            is_refused=faults.has("refusal"),
        )
    )


def _count(body: Body) -> int:
    """How many answers were asked for; all of them say the same."""
    return (body.generation_config and body.generation_config.candidate_count) or 1


def _thinks(body: Body, traits: Traits) -> bool:
    """Those that are told by level always think; those with a budget do here only if they are told."""
    config = body.generation_config.thinking_config if body.generation_config else None
    if traits.thinking == "level":
        return True
    return config is not None and config.thinking_budget not in (None, 0)


def _pieces(said: Said, body: Body, traits: Traits, *, apart: bool) -> Iterator[list[Json]]:
    """Parts, word by word or not; calls come whole, and all at once."""
    split = words if apart else _together
    thinking = body.generation_config.thinking_config if body.generation_config else None
    if thinking and thinking.include_thoughts:
        for word in split(said.thoughts):
            yield [{"text": word, "thought": True}]
    for word in split(said.text):
        yield [{"text": word}]
    if said.calls:
        yield [_call(call, is_signed=traits.signed and n == 0) for n, call in enumerate(said.calls)]


def _together(text: str) -> list[str]:
    return [text] if text else []


def _call(call: Called, *, is_signed: bool) -> Json:
    part: Json = {"functionCall": {"id": identifier("", 8), "name": call.name, "args": call.arguments}}
    return {**part, "thoughtSignature": sign(call.name, call.arguments)} if is_signed else part


def _document(
    model: str, said: Said, parts: list[Json], *, is_last: bool, ident: str = "", count: int = 1
) -> Json:
    head = {"usageMetadata": _usage(said), "modelVersion": model, "responseId": ident or identifier("", 22)}
    if said.finish == "refusal":
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, **head}
    candidate: Json = {"content": {"parts": parts, "role": "model"} if parts else {"role": "model"}}
    if is_last:
        candidate["finishReason"] = _FINISH[said.finish]
    return {"candidates": [{**candidate, "index": n} for n in range(count)], **head}


def _usage(said: Said) -> Json:
    """Thoughts are counted apart from the answer; what is 0 is left out."""
    counted: Json = {
        "promptTokenCount": said.prompt,
        "candidatesTokenCount": said.answered,
        "totalTokenCount": said.prompt + said.answered + said.thought,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": said.prompt}],
        "thoughtsTokenCount": said.thought,
        "cachedContentTokenCount": said.cached,
    }
    return {name: count for name, count in counted.items() if count != 0}


# --- the others -------------------------------------------------------------------------------------------


def _embed(provider: DemoProvider, call: Call) -> Answer:
    body = read(Embedded, call.body)
    return whole({"embedding": _embedding(body)}, (), _embedding_faults(provider, [body.content]))


def _embed_all(provider: DemoProvider, call: Call, model: str) -> Answer:
    body = read(Batch, call.body)
    if any(request.model != f"models/{model}" for request in body.requests):
        raise RefusedError(400, "Each request must name the model of the path.", param="requests")
    faults = _embedding_faults(provider, [request.content for request in body.requests])
    return whole({"embeddings": [_embedding(request) for request in body.requests]}, (), faults)


def _embedding(request: Embedded) -> Json:
    return {"values": list(vector(request.content.text, request.output_dimensionality or DIMENSIONS))}


def _embedding_faults(provider: DemoProvider, contents: list[Content]) -> Faults:
    faults = marked("\n".join(content.text for content in contents), provider.name)
    refuse_marked(faults, streams=False)
    return faults


def _model(name: str) -> Json:
    does = ["generateContent", "streamGenerateContent", "countTokens"]
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": does if name in TRAITS else ["embedContent", "batchEmbedContents"],
    }
