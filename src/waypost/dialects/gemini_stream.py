"""Gemini's event streams as those of OpenAI.

Rule 1: text goes out with the event that brought it. Only the finish reason, usage and `[DONE]` wait for the
end: a call may come behind `STOP`, and usage is counted anew in each event.
Rule 2: a stream that broke off never ends as one that is whole.

Source: Gemini API reference, `streamGenerateContent` with `alt=sse` (v1beta, 2026).
"""

from typing import Any

from waypost.dialects import failures, sse
from waypost.dialects.failures import ENDED_EARLY, broken
from waypost.dialects.foreign import Reply, dump, encode
from waypost.dialects.gemini_response import Answer, Choice, Json, Piece, ending, load, signed
from waypost.dialects.sse import SseReader


class StreamReader:
    """Reads one stream. After an error, what still comes is passed over."""

    def __init__(self, reply: Reply) -> None:
        self._answer = Answer(reply)
        self._events = SseReader()
        self._begun: set[int] = set()  # choices whose role was told
        self._calls: dict[int, int] = {}
        self._has_ended = False

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes, cut anywhere: what they mean to the client."""
        return b"" if self._has_ended else b"".join(map(self._event, self._events.feed(chunk)))

    def end(self) -> bytes:
        """The provider ended the stream: what the client gets to end its own."""
        if self._has_ended:
            return b""
        out = b"".join(map(self._event, self._events.end()))
        if self._has_ended:
            return out
        choices = self._answer.choices
        if not choices or not all(choice.native for choice in choices.values()):
            self._answer.error = broken(ENDED_EARLY)
            return out + self._failed()
        self._has_ended = True
        last = b"".join(self._finish(index, choice) for index, choice in choices.items())
        return out + last + self._usage() + sse.DONE

    @property
    def has_failed(self) -> bool:
        """The client was told of an error."""
        return self._answer.error is not None

    @property
    def usage(self) -> dict[str, Any] | None:
        """As OpenAI counts it; what is known so far, also of a stream that broke off."""
        return self._answer.usage

    def _event(self, event: sse.Event) -> bytes:
        if self._has_ended or event.data == b"[DONE]":
            return b""
        candidates = self._answer.take(load(event.data) if event.data is not None else None)
        if self._answer.error is not None:
            return self._failed()
        return b"".join(self._pieces(*candidate) for candidate in candidates)

    def _failed(self) -> bytes:
        self._has_ended = True
        return sse.write(failures.body(self._answer.error or broken()))

    def _pieces(self, index: int, pieces: list[Piece], logprobs: object) -> bytes:
        out = [self._role(index)] if pieces else []
        for n, piece in enumerate(pieces):
            delta: Json
            if piece.kind == "tool_calls":
                number = self._calls.get(index, 0)
                self._calls[index] = number + 1
                delta = {"tool_calls": [{"index": number, **piece.value}]}
            elif piece.kind == "images":
                delta = {"images": [piece.value]}
            else:
                delta = {piece.kind: piece.value}
            if piece.signature:
                delta["extra_content"] = signed(piece.signature)
            out.append(self._chunk([_choice(index, delta, None if n else logprobs)]))
        return b"".join(out)

    def _role(self, index: int) -> bytes:
        if index in self._begun:
            return b""
        self._begun.add(index)
        return self._chunk([_choice(index, {"role": "assistant", "content": ""}, None)])

    def _finish(self, index: int, choice: Choice) -> bytes:
        last = {**_choice(index, {}, None), **ending(choice)}
        return self._role(index) + self._chunk([last])

    def _usage(self) -> bytes:
        counted = self._answer.usage
        return self._chunk([], counted) if self._answer.reply.include_usage and counted is not None else b""

    def _chunk(self, choices: list[Json], counted: Json | None = None) -> bytes:
        reply = self._answer.reply
        document: Json = {
            "id": self._answer.ident,
            "object": "chat.completion.chunk",
            "created": reply.created,
            "model": self._answer.model,
            "choices": choices,
        }
        if reply.include_usage:
            document["usage"] = counted
        return sse.write(encode(dump(document)))


def _choice(index: int, delta: Json, logprobs: object) -> Json:
    return {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
