"""Pictures, sounds and files, and what is refused of them."""

from typing import Any

import pytest

from waypost.dialects.gemini_media import detail, media
from waypost.errors import RequestError


def inline(media_type: str, data: str = "QUJD") -> dict[str, Any]:
    return {"inlineData": {"mimeType": media_type, "data": data}}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "image_url", "image_url": {"url": "data:image/PNG;base64,QUJD"}}, inline("image/png")),
        ({"type": "image_url", "image_url": "data:image/webp;x=1;base64,QUJD"}, inline("image/webp")),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "wav"}}, inline("audio/wav")),
        ({"type": "input_audio", "input_audio": {"data": "QUJD", "format": "mp3"}}, inline("audio/mp3")),
        (
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QUJD"}},
            inline("application/pdf"),
        ),
        ({"type": "file", "file": {"file_data": "QUJD", "filename": "a.b.PDF"}}, inline("application/pdf")),
        ({"type": "video_url", "video_url": {"url": "data:video/mp4;base64,QUJD"}}, inline("video/mp4")),
        (
            {"type": "file", "file": {"file_url": "https://youtu.be/abc"}},
            {"fileData": {"fileUri": "https://youtu.be/abc"}},
        ),
        (
            {"type": "video_url", "video_url": {"url": "https://youtu.be/abc"}},
            {"fileData": {"fileUri": "https://youtu.be/abc"}},
        ),
        (
            {
                "type": "image_url",
                "image_url": {"url": "https://generativelanguage.googleapis.com/v1beta/files/a"},
            },
            {"fileData": {"fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a"}},
        ),
    ],
)
def test_what_is_sent(part: dict[str, Any], expected: dict[str, Any]) -> None:
    assert media(part, "here") == expected


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url"},
        {"type": "file", "file": {"file_url": "https://example.org/a.pdf"}},
        {"type": "file", "file": {"file_url": 7}},
        {"type": "image_url", "image_url": {"url": 3}},
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
        {"type": "image_url", "image_url": {"url": "http://169.254.169.254/secret"}},
        {
            "type": "image_url",
            "image_url": {"url": "https://generativelanguage.googleapis.com.evil.example/"},
        },
        {"type": "image_url", "image_url": {"url": "file:///etc/passwd"}},
        {"type": "image_url", "image_url": {"url": "data:image/png,abc"}},
        {"type": "image_url", "image_url": {"url": "data:;base64,QUJD"}},
        {"type": "image_url", "image_url": {"url": "data:" + "a" * 1000}},
        {"type": "input_audio", "input_audio": {"data": "QUJD", "format": "exe"}},
        {"type": "input_audio", "input_audio": {"format": "wav"}},
        {"type": "file", "file": {"file_id": "file-1"}},
        {"type": "file", "file": {"file_data": "QUJD"}},
        {"type": "file", "file": {"file_data": "QUJD", "filename": "a.unknown"}},
        {"type": "file", "file": []},
    ],
)
def test_what_is_refused(part: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as caught:
        media(part, "messages[0].content[1]")
    assert (caught.value.status, caught.value.param) == (400, "messages[0].content[1]")
    assert "example" not in caught.value.message


def test_detail() -> None:
    asked = [{"image_url": {"url": "", "detail": name}} for name in ("low", "high", "auto", "odd", 3)]
    assert [detail(part) for part in [*asked, {"image_url": "x"}, {}]] == [1, 3, 0, 0, 0, 0, 0]
