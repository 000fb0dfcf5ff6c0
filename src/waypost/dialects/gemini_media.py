"""Pictures, sounds and files of a request, as parts of a Gemini request.

Rule 1: nothing is fetched. What a client only points to is sent on where Gemini reads it itself, and refused
elsewhere.
"""

import re
from typing import Any, Final, NoReturn

from waypost.dialects.foreign import mapping
from waypost.errors import RequestError

_HEAD: Final = 300
_TYPE: Final = re.compile(r"[\w.+-]{1,100}/[\w.+-]{1,100}", re.ASCII)
_READ_BY_GEMINI: Final = (
    "https://generativelanguage.googleapis.com/",
    "https://www.youtube.com/watch?",
    "https://youtu.be/",
)
_AUDIO: Final = frozenset({"wav", "mp3", "aiff", "aac", "ogg", "flac"})
_TYPES: Final = {
    "pdf": "application/pdf",
    "txt": "text/plain",
    "md": "text/markdown",
    "csv": "text/csv",
    "html": "text/html",
    "json": "application/json",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "mp3": "audio/mp3",
    "wav": "audio/wav",
    "mp4": "video/mp4",
}
_DETAILS: Final = {"low": 1, "medium": 2, "high": 3, "original": 3, "auto": 0}
RESOLUTIONS: Final = ("", "MEDIA_RESOLUTION_LOW", "MEDIA_RESOLUTION_MEDIUM", "MEDIA_RESOLUTION_HIGH")
"""By what `detail` gives."""

MEDIA: Final = frozenset({"image_url", "video_url", "audio_url", "input_audio", "file"})
"""Types of parts that `media` writes."""


def media(part: dict[str, Any], where: str) -> dict[str, Any]:
    """The part as Gemini has it.

    Raises:
        RequestError: 400; it is not there, or lies where Gemini does not read.
    """
    kind = part["type"]
    body = mapping(part.get(kind)) or {}
    if kind == "input_audio":
        return _audio(body, where)
    if kind == "file":
        return _file(body, where)
    url = part.get(kind) if isinstance(part.get(kind), str) else body.get("url")
    if not isinstance(url, str):
        _refuse("has no `url`", where)
    if url[:5].lower() == "data:":
        return _data(url, where)
    return _fetched(url, where)


def detail(part: dict[str, Any]) -> int:
    """How closely a picture is to be looked at, as an index of `RESOLUTIONS`; 0 = as the model likes."""
    asked = (mapping(part.get("image_url")) or {}).get("detail")
    return _DETAILS.get(asked, 0) if isinstance(asked, str) else 0


def _fetched(url: str, where: str) -> dict[str, Any]:
    if not url.startswith(_READ_BY_GEMINI):
        _refuse(
            "points to what this provider does not fetch; send it as a data: URL", where, "url_not_fetched"
        )
    return {"fileData": {"fileUri": url}}


def _audio(body: dict[str, Any], where: str) -> dict[str, Any]:
    data, form = body.get("data"), body.get("format")
    if not isinstance(data, str) or not isinstance(form, str) or form not in _AUDIO:
        _refuse(f"must have `data` and a `format`, one of {', '.join(sorted(_AUDIO))}", where)
    return _inline(f"audio/{form}", data)


def _file(body: dict[str, Any], where: str) -> dict[str, Any]:
    data, name, url = body.get("file_data"), body.get("filename"), body.get("file_url")
    if isinstance(url, str) and data is None:
        return _fetched(url, where)
    if not isinstance(data, str):
        _refuse("must have `file_data`; this provider does not know the files of others", where)
    if data[:5].lower() == "data:":
        return _data(data, where)
    ending = name.rpartition(".")[2].lower() if isinstance(name, str) else ""
    if ending not in _TYPES:
        _refuse("must say its media type: send `file_data` as a data: URL", where)
    return _inline(_TYPES[ending], data)


def _data(url: str, where: str) -> dict[str, Any]:
    comma = url.find(",", 0, _HEAD)
    media_type, *options = url[5 : max(comma, 5)].split(";")
    if comma < 0 or "base64" not in options or not _TYPE.fullmatch(media_type):
        _refuse("must be a data: URL with a media type and base64", where)
    return _inline(media_type.lower(), url[comma + 1 :])


def _inline(media_type: str, data: str) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data}}


def _refuse(message: str, where: str, code: str = "invalid_value") -> NoReturn:
    raise RequestError(f"`{where}` {message}.", 400, code, where)
