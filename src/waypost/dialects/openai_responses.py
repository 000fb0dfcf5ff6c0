"""OpenAI's Responses, from a client and back to it."""

from waypost.dialects.openai_responses_request import read_request
from waypost.dialects.openai_responses_response import write_error, write_response
from waypost.dialects.openai_responses_stream import StreamWriter

__all__ = ["StreamWriter", "read_request", "write_error", "write_response"]
