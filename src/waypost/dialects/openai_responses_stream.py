"""Streams of chunks of a chat completion as streams of OpenAI's Responses.

Rule 1: an event goes out with the byte that ends the chunk it comes from.
Rule 2: a stream ends as it should only if it came to its end. A fault becomes an `error` event, and neither
`response.completed` nor `response.incomplete` stands behind it.
Rule 3: the last event has the whole answer, so all of it is kept, up to `LONGEST`.

Source: OpenAI Responses API, streaming events, as the types of SDK 3.51.0 have them.
"""

from collections.abc import Iterator
from typing import Any, Final

from waypost.dialects import digits, sse
from waypost.dialects.chunks import TOO_LONG, Chunks, Done, Fault, Step, choice_of, is_preface
from waypost.dialects.failures import UNREADABLE
from waypost.dialects.foreign import dump, encode, mapping
from waypost.dialects.openai_responses_output import Event
from waypost.dialects.openai_responses_response import Output, begun, ended, plain_id, status_of

LONGEST: Final = sse.MAX_EVENT
"""Most characters of one answer."""


class StreamWriter:
    """One stream.

    Args:
        request: what the client sent.
    """

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._chunks = Chunks()
        self._number = 0  # of the next event
        self._begun: dict[str, Any] = {}  # the response as it began; empty = it did not
        self._output = Output("")
        self._choice: dict[str, Any] = {}  # the one that says why it ended
        self._usage: object = None

    def feed(self, chunk: bytes) -> bytes:
        """The next bytes of the stream."""
        return b"".join(map(self._write, self._chunks.feed(chunk)))

    def end(self) -> bytes:
        """The stream is over; had it not come to its end, this is said."""
        return b"".join(map(self._write, self._chunks.end()))

    def _write(self, step: Step) -> bytes:
        match step:
            case Done():
                return encode("".join(self._finish()))
            case Fault():
                members = {"code": step.code, "message": step.message, "param": None}
                return encode(self._event(("error", members)))
            case _:
                return self._read(step)

    def _read(self, document: dict[str, Any]) -> bytes:
        number = self._number
        try:
            out = encode("".join(self._chunk(document)))
        except ValueError:
            self._number = number
            return self._write(self._chunks.fail(Fault(UNREADABLE)))
        if self._output.size > LONGEST:
            self._number = number
            return self._write(self._chunks.fail(Fault(TOO_LONG)))
        return out

    def _chunk(self, document: dict[str, Any]) -> Iterator[str]:
        if document.get("usage"):
            self._usage = document["usage"]
        if not self._begun and not is_preface(document):
            self._output = Output(plain_id(document))
            self._begun = begun(document, self._request)
            yield self._whole("response.created", self._begun)
            yield self._whole("response.in_progress", self._begun)
        choice = choice_of(document)
        yield from map(self._event, self._output.add(mapping(choice.get("delta")) or {}))
        if isinstance(choice.get("finish_reason"), str):
            self._choice = choice

    def _finish(self) -> Iterator[str]:
        status = status_of(self._choice)
        yield from map(self._event, self._output.end(status))
        end = ended(self._choice, self._output.items(status), self._usage)
        yield self._whole(f"response.{status}", self._begun | end)

    def _event(self, event: Event) -> str:
        kind, members = event
        return self._numbered(kind, dump(members)[1:])

    def _whole(self, kind: str, response: dict[str, Any]) -> str:
        return self._numbered(kind, f'"response":{digits.dumps(response)}}}')

    def _numbered(self, kind: str, rest: str) -> str:
        number, self._number = self._number, self._number + 1
        return f'event: {kind}\ndata: {{"type":"{kind}","sequence_number":{number},{rest}\n\n'
