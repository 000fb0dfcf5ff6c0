"""What providers that do not speak OpenAI's forms are sent, and how their answers are read."""

from collections.abc import Mapping
from typing import Final

from waypost.dialects import (
    anthropic_request,
    anthropic_response,
    anthropic_stream,
    gemini_embeddings,
    gemini_errors,
    gemini_request,
    gemini_response,
    gemini_stream,
)
from waypost.dialects.forms import ServerForm
from waypost.request.chat import Dialect

SERVERS: Final[Mapping[Dialect, ServerForm]] = {
    "anthropic_messages": ServerForm(
        write_request=lambda document, model, strict, most: anthropic_request.write_request(
            document, model, strict=strict, most=most
        ),
        read_response=anthropic_response.read_response,
        stream=anthropic_stream.StreamReader,
        read_error=anthropic_response.read_error,
    ),
    "gemini": ServerForm(
        write_request=lambda document, model, strict, most: gemini_request.write_request(
            document, model, strict=strict, most=most
        ),
        read_response=gemini_response.read_response,
        stream=gemini_stream.StreamReader,
        read_error=gemini_errors.read_error,
    ),
    "gemini_embeddings": ServerForm(
        write_request=lambda document, model, strict, _most: gemini_embeddings.write_request(
            document, model, strict=strict
        ),
        read_response=gemini_embeddings.read_response,
        stream=gemini_stream.StreamReader,  # embeddings have none; what comes as one becomes an error
        read_error=gemini_errors.read_error,
    ),
}
"""By the dialect that a provider is written to; Gemini has two, for its embeddings are another operation."""
