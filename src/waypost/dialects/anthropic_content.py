"""Content of messages in the neutral form as blocks of Anthropic's: text, images and documents.

Source: Anthropic Messages API, version 2023-06-01, as the types of SDK 2.11.0 have it.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any, Final, NoReturn

from waypost.dialects.foreign import Notes, mapping, sequence
from waypost.errors import RequestError

_IMAGES: Final = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_LONGEST_HEAD: Final = 300  # of a `data:` URL; what stands in front of its comma


def invalid(message: str, param: str, code: str = "invalid_value") -> NoReturn:
    """Refuse the request with 400; `param` is a JSON path in it."""
    raise RequestError(message, 400, code, param)


def texts(content: object, where: str, notes: Notes) -> Iterator[dict[str, Any]]:
    """Blocks of content that may hold nothing but text."""
    for block in blocks(content, where, notes):
        if block["type"] != "text":
            invalid(f"`{where}` must hold text only.", where)
        yield block


def blocks(content: object, where: str, notes: Notes) -> Iterator[dict[str, Any]]:
    """Blocks of a message's content; text of nothing but white space is refused by the API, and left out."""
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else sequence(content)
    if parts is None and content is not None:
        invalid(f"`{where}` must be a string, a list or null.", where)
    for number, item in enumerate(parts or ()):
        place = f"{where}[{number}]"
        part = {"type": "text", "text": item} if isinstance(item, str) else mapping(item) or {}
        block = _block(part, place, notes)
        if block is not None:
            yield marked([block], part)[0]


def _block(part: dict[str, Any], where: str, notes: Notes) -> dict[str, Any] | None:
    match part:
        case {"type": "text", "text": str(text)} | {"type": "refusal", "refusal": str(text)}:
            return {"type": "text", "text": text} if text and not text.isspace() else None
        case {"type": "image_url", "image_url": {"url": str(url)}} | {
            "type": "image_url",
            "image_url": str(url),
        }:
            if (mapping(part["image_url"]) or {}).get("detail") not in (None, "auto"):
                notes.add(f"{where}.image_url.detail", "not sent, the API has no such parameter")
            return {"type": "image", "source": _image(url, f"{where}.image_url")}
        case {"type": "file", "file": dict()}:
            return _document(part["file"], f"{where}.file")
        case {"type": "input_audio"}:
            invalid("This model takes no audio.", where, "unsupported_content")
        case _:
            invalid(f"`{where}` is no content that the API knows.", where, "unsupported_content")


def _image(url: str, where: str) -> dict[str, str]:
    if _is_web(url):
        return {"type": "url", "url": url}
    kind, data = _data_url(url, where)
    if kind not in _IMAGES:
        invalid("An image must be JPEG, PNG, GIF or WebP.", where, "unsupported_content")
    return {"type": "base64", "media_type": _IMAGES[kind], "data": data}


def _document(file: Mapping[str, Any], where: str) -> dict[str, Any]:
    match file:
        case {"file_data": str(data)} if data:
            source = _document_source(data, where)
        case {"file_url": str(url)} if _is_web(url):
            source = {"type": "url", "url": url}
        case _:
            invalid(
                "A file must be sent as `file_data`; files stored elsewhere are not known here.",
                where,
                "unsupported_content",
            )
    name = file.get("filename")
    return {"type": "document", "source": source} | (
        {"title": name} if isinstance(name, str) and name else {}
    )


def _document_source(data: str, where: str) -> dict[str, str]:
    kind, data = _data_url(data, where)
    if kind == "application/pdf":
        return {"type": "base64", "media_type": kind, "data": data}
    if not kind.startswith("text/"):
        invalid("A file must be PDF or text.", where, "unsupported_content")
    try:
        text = base64.b64decode(data, validate=True).decode()
    except ValueError:
        invalid("A text file must be UTF-8 in base64.", where)
    return {"type": "text", "media_type": "text/plain", "data": text}


def _is_web(url: str) -> bool:
    return url[:8].lower().startswith(("https://", "http://"))


def _data_url(url: str, where: str) -> tuple[str, str]:
    """Media type, in lower case and without parameters, and base64."""
    comma = max(0, url.find(",", 0, _LONGEST_HEAD))
    kind, _, parameters = url[5:comma].partition(";")
    if url[:5].lower() != "data:" or not parameters.lower().endswith("base64"):
        invalid(f"`{where}` must be a web address or a base64 `data:` URL.", where)
    return kind.strip().lower(), url[comma + 1 :]


def marked(blocks: list[dict[str, Any]], source: Mapping[str, Any]) -> list[dict[str, Any]]:
    """With the mark of the source that says up to here it may be cached, on the last block."""
    mark = mapping(source.get("cache_control"))
    if blocks and mark and mark.get("type") == "ephemeral":
        ttl = {"ttl": mark["ttl"]} if mark.get("ttl") in ("5m", "1h") else {}
        blocks[-1]["cache_control"] = {"type": "ephemeral"} | ttl
    return blocks
