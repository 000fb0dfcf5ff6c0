"""Gemini's answers as chat completions; what JSON and streams have in common is here.

Rule 1: what cannot be understood becomes an error, never an answer that looks whole.
Rule 2: arguments of tools keep the digits of their numbers.

Source: Gemini API reference, `GenerateContentResponse` (v1beta, 2026); types of google-genai 3.4.0.
"""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from waypost.dialects import digits, failures, signatures
from waypost.dialects.failures import broken
from waypost.dialects.foreign import Reply, dump, encode, mapping, sequence
from waypost.dialects.gemini_errors import told

Finish = Literal["stop", "length", "content_filter", "tool_calls"]
Json = dict[str, Any]

MAX_CHOICES: Final = 128

_FILTERED: Final = frozenset(
    {
        *("SAFETY", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "RECITATION", "LANGUAGE", "IMAGE_SAFETY"),
        *("IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "MODEL_ARMOR", "ESCALATION"),
        "PUP_LIMITED_DISABLED",
    }
)
_ENDED: Final = frozenset({"", "STOP", "FINISH_REASON_UNSPECIFIED"})
_CUT: Final = frozenset({"MAX_TOKENS", "CONTINUATION"})
_BROKEN: Final = frozenset(
    {
        *("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"),
        *("MISSING_THOUGHT_SIGNATURE", "MALFORMED_RESPONSE"),
    }
)
_LONGEST_REASON: Final = 64
_SIGNATURE: Final = "thoughtSignature"


def load(data: bytes) -> Json | None:
    """The JSON object in the data; None if there is none."""
    try:
        return mapping(digits.loads(data))
    except ValueError:
        return None


# --- one answer, whole or a piece of it -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Piece:
    """What one part of a candidate says.

    Attributes:
        kind: key of an OpenAI message.
        value: text, or the item of a list.
        signature: of a text.
    """

    kind: Literal["content", "reasoning_content", "tool_calls", "images"]
    value: Any
    signature: str | None = None


@dataclass(slots=True)
class Choice:
    """What is known of one choice so far.

    Attributes:
        calls: tool calls so far.
        is_empty: nothing was said yet; thoughts are nothing.
        native: Gemini's finish reason; empty = it has not ended.
        is_blocked: the prompt was not let through.
    """

    calls: int = 0
    is_empty: bool = True
    native: str = ""
    is_blocked: bool = False

    @property
    def finish(self) -> Finish:
        """As OpenAI names it."""
        if self.is_blocked or self.native in _FILTERED:
            return "content_filter"
        if self.native in _CUT:
            return "length"
        return "tool_calls" if self.calls and self.native in _ENDED else "stop"

    @property
    def is_broken(self) -> bool:
        """It ended because the model did not manage to say what it meant, and nothing was said."""
        return self.native in _BROKEN and self.is_empty


@dataclass(slots=True)
class Answer:
    """What is known of one answer so far; `take` is fed with each document of it.

    Attributes:
        ident: of the answer, empty until something came of it.
        model: likewise.
        choices: by index.
        usage: as OpenAI counts, from the last document that had it.
        error: what the client gets instead; nothing may follow it.
    """

    reply: Reply
    ident: str = ""
    model: str = ""
    choices: dict[int, Choice] = field(default_factory=dict[int, Choice])
    usage: Json | None = None
    error: dict[str, object] | None = None

    def take(self, document: Json | None) -> list[tuple[int, list[Piece], object]]:
        """Index, pieces and log probabilities of each candidate in the next document.

        What came before a part that cannot be read is lost with it, and `error` is set.
        """
        try:
            found = self._take(document) if document is not None else None
        except ValueError:  # nested too deeply to be written
            found = None
        if found is None and self.error is None:
            self.error = broken()
        return found or []

    def _take(self, document: Json) -> list[tuple[int, list[Piece], object]] | None:
        if document.get("error"):
            self.error = told(mapping(document["error"]))[1]
            return None
        if not self.ident:
            ident = document.get("responseId")
            self.ident = ident if isinstance(ident, str) and ident else self.reply.ident
            self.model = self.reply.model_of(document.get("modelVersion"))
        counted = mapping(document.get("usageMetadata"))
        if counted:
            self.usage = usage(counted)
        candidates = sequence(document.get("candidates") or [])
        if candidates is None or len(candidates) > MAX_CHOICES:
            return None
        if not candidates:
            self._blocked(document)
        found: list[tuple[int, list[Piece], object]] = []
        for n, item in enumerate(candidates):
            candidate = mapping(item)
            pieces = self._candidate(candidate, n) if candidate is not None else None
            if candidate is None or pieces is None:
                return None
            found.append((_index(candidate, n), pieces, _logprobs(candidate.get("logprobsResult"))))
        return found

    def _blocked(self, document: Json) -> None:
        reason = (mapping(document.get("promptFeedback")) or {}).get("blockReason")
        if isinstance(reason, str) and reason and not self.choices:
            self.choices[0] = Choice(native=reason[:_LONGEST_REASON], is_blocked=True)

    def _candidate(self, candidate: Json, n: int) -> list[Piece] | None:
        index = _index(candidate, n)
        if index not in self.choices and len(self.choices) >= MAX_CHOICES:
            return None
        choice = self.choices.setdefault(index, Choice())
        content = mapping(candidate.get("content") or {})
        parts = sequence((content or {}).get("parts") or [])
        if content is None or parts is None:
            return None
        pieces: list[Piece] = []
        for item in parts:
            part = mapping(item)
            if part is None or not self._part(part, index, choice, pieces):
                return None
        choice.is_empty &= all(piece.kind == "reasoning_content" for piece in pieces)
        reason = candidate.get("finishReason")
        if isinstance(reason, str) and reason:
            choice.native = reason[:_LONGEST_REASON]
        if choice.is_broken:
            self.error = broken(f"The model's answer could not be used ({choice.native}).")
            return None
        return pieces

    def _part(self, part: Json, index: int, choice: Choice, pieces: list[Piece]) -> bool:
        """Read one part; False = it cannot be read. Kinds that nobody asked for are left out."""
        signature = part.get(_SIGNATURE)
        signed = signature if isinstance(signature, str) and signatures.is_signature(signature) else None
        if "functionCall" in part:
            call = mapping(part["functionCall"])
            # Arguments in pieces come only to those who ask for them, and no half of them may look whole.
            if call is None or call.get("partialArgs") or call.get("willContinue"):
                return False
            tool_call = self._call(call, f"{index}.{choice.calls}", signed)
            if tool_call is None:
                return False
            choice.calls += 1
            pieces.append(Piece("tool_calls", tool_call))
        elif "inlineData" in part:
            blob = mapping(part["inlineData"]) or {}
            media_type, data = blob.get("mimeType"), blob.get("data")
            if not isinstance(media_type, str) or not isinstance(data, str):
                return False
            url = f"data:{media_type};base64,{data}"
            pieces.append(Piece("images", {"type": "image_url", "image_url": {"url": url}}))
        elif "text" in part:
            text = part["text"]
            if not isinstance(text, str):
                return False
            is_thought = part.get("thought") is True
            if text or (signed and not is_thought):
                kind = "reasoning_content" if is_thought else "content"
                pieces.append(Piece(kind, text, None if is_thought else signed))
        return True

    def _call(self, call: Json, number: str, signature: str | None) -> Json | None:
        name, given, args = call.get("name"), call.get("id"), call.get("args")
        given_arguments = mapping({} if args is None else args)
        if not isinstance(name, str) or not name or given_arguments is None:
            return None
        ident = given if isinstance(given, str) and given else _made_up(self.reply.ident, number)
        function = {"name": name, "arguments": digits.dumps(given_arguments)}
        if signature is None:
            return {"id": ident, "type": "function", "function": function}
        extra = signed(signature)
        return {
            "id": signatures.hide(ident, signature),
            "type": "function",
            "function": function,
            "extra_content": extra,
        }


def signed(signature: str) -> Json:
    """`extra_content`, where Google's own OpenAI-compatible API puts signatures."""
    return {"google": {"thought_signature": signature}}


def _made_up(ident: str, number: str) -> str:
    return "call_" + hashlib.sha256(f"{ident}\0{number}".encode(errors="replace")).hexdigest()[:24]


def _index(candidate: Json, n: int) -> int:
    index = candidate.get("index")
    return index if isinstance(index, int) and 0 <= index < MAX_CHOICES else n


# --- usage and log probabilities --------------------------------------------------------------------------


def usage(counted: Json) -> Json:
    """Usage as OpenAI counts it: totals include what was cached and what was thought."""

    def count(name: str) -> int | None:
        value = counted.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None

    prompt = (count("promptTokenCount") or 0) + (count("toolUsePromptTokenCount") or 0)
    thoughts, said, total = (
        count("thoughtsTokenCount"),
        count("candidatesTokenCount"),
        count("totalTokenCount"),
    )
    completion = (said or 0) + (thoughts or 0)
    if said is None and total is not None:  # Google leaves out what is 0, and sometimes what is not
        completion = max(completion, total - prompt)
    found: Json = {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
    cached = count("cachedContentTokenCount")
    if cached is not None:
        found["prompt_tokens_details"] = {"cached_tokens": cached}
    if thoughts is not None:
        found["completion_tokens_details"] = {"reasoning_tokens": thoughts}
    return found


def _logprobs(value: object) -> object:
    """`choice.logprobs`, or None."""
    result = mapping(value)
    chosen = sequence((result or {}).get("chosenCandidates"))
    if result is None or chosen is None:
        return None
    tops = sequence(result.get("topCandidates")) or []
    content: list[Json] = []
    for n, item in enumerate(chosen):
        others = sequence((mapping(tops[n]) or {}).get("candidates")) if n < len(tops) else None
        content.append({**_token(item), "top_logprobs": [_token(other) for other in others or ()]})
    return {"content": content, "refusal": None}


def _token(value: object) -> Json:
    found = mapping(value) or {}
    token, probability = found.get("token"), found.get("logProbability", 0.0)
    text = token if isinstance(token, str) else ""
    is_number = isinstance(probability, int | float) and abs(probability) < _INFINITE
    return {
        "token": text,
        "logprob": probability if is_number else -9999.0,
        "bytes": list(text.encode(errors="replace")),
    }


_INFINITE: Final = float("inf")


# --- JSON answers -----------------------------------------------------------------------------------------


def read_response(body: bytes, reply: Reply) -> bytes:
    """An answer as a chat completion, or an error of OpenAI's shape if it is none."""
    answer = Answer(reply)
    candidates = answer.take(load(body))
    if answer.error is None and not answer.choices:
        answer.error = broken("The provider's answer is empty.")
    if answer.error is not None:
        return failures.body(answer.error)
    found = {index: (pieces, logprobs) for index, pieces, logprobs in candidates}
    choices = [
        _choice(index, choice, *found.get(index, ([], None))) for index, choice in answer.choices.items()
    ]
    document: Json = {
        "id": answer.ident,
        "object": "chat.completion",
        "created": reply.created,
        "model": answer.model,
        "choices": choices,
    }
    if answer.usage is not None:
        document["usage"] = answer.usage
    return encode(dump(document))


def _choice(index: int, choice: Choice, pieces: list[Piece], logprobs: object) -> Json:
    values: dict[str, list[Any]] = {}
    for piece in pieces:
        values.setdefault(piece.kind, []).append(piece.value)
    calls = values.get("tool_calls")
    content = "".join(values.get("content", ()))
    message: Json = {
        "role": "assistant",
        "content": None if calls and not content else content,
        "refusal": None,
    }
    if "reasoning_content" in values:
        message["reasoning_content"] = "".join(values["reasoning_content"])
    message |= {name: values[name] for name in ("images", "tool_calls") if name in values}
    signatures_found = [piece.signature for piece in pieces if piece.signature]
    if signatures_found:
        message["extra_content"] = signed(signatures_found[-1])
    return {"index": index, "message": message, "logprobs": logprobs, **ending(choice)}


def ending(choice: Choice) -> Json:
    """How a choice ended, in both words."""
    return {"finish_reason": choice.finish, "native_finish_reason": choice.native or None}
