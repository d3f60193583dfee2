"""Convert content blocks of LangChain and of other providers to OpenAI's content parts.

All engines accept these.
"""

import base64
import binascii
import json
import mimetypes
import re
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping
from typing import Any, Final

from langchain_core.messages import BaseMessage

from langchain_localllm.errors import InvalidRequestError

Part = dict[str, Any]
"""A part in OpenAI's form, with `type` being one of `PARTS`."""

PARTS: Final[Mapping[str, str]] = {
    "text": "text",
    "image_url": "an image",
    "input_audio": "audio",
    "video_url": "a video",
    "file": "a file",
}
"""The types of parts, and what each is called in an error."""
_PLURALS: Final = {
    "text": "text",
    "image_url": "images",
    "input_audio": "audio",
    "video_url": "videos",
}

THOUGHTS: Final = frozenset({"reasoning", "reasoning_content", "thinking", "redacted_thinking"})
"""Types of blocks that hold a model's reasoning."""
CALLS: Final = frozenset(
    {"tool_call", "tool_call_chunk", "invalid_tool_call", "tool_use", "function_call"}
)
"""Types of blocks that hold a tool call."""

_TEXT: Final = re.compile(
    r"^text/|^application/(x-)?(json|jsonl|ndjson|xml|yaml|toml|javascript|sql|sh)\b|\+(json|xml)\b"
)
"""MIME types of files that are text."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_\-\s]*=*\s*")
_MAGIC: Final = (
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"OggS", "audio/ogg"),
    (b"fLaC", "audio/flac"),
    (b"%PDF", "application/pdf"),
)
"""How files begin, and their MIME types, for blocks that do not name one."""
_RIFF: Final = {b"WAVE": "audio/wav", b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}
_AUDIO_FORMATS: Final = {
    "mpeg": "mp3",
    "x-wav": "wav",
    "wave": "wav",
    "vnd.wave": "wav",
    "x-mp3": "mp3",
    "x-flac": "flac",
}


def to_parts(content: str | list[Any] | None) -> list[Part]:
    """Convert the content of a message to parts: texts, images, audio, video and files.

    Accepts content blocks of LangChain (version 0 and 1), OpenAI, Anthropic, Bedrock Converse and
    Vertex AI.

    Raises:
        InvalidRequestError: A block has an unknown type, lacks its data, or refers to data that is
            elsewhere.

    Example:
        >>> image = {"type": "image", "base64": "iVBORw0KGgo=", "mime_type": "image/png"}
        >>> to_parts(["What is it?", image])[1]
        {'type': 'image_url', 'image_url': {'url': 'data:image/png;base64,iVBORw0KGgo='}}
    """
    if isinstance(content, str):
        return [_text(content)] if content else []
    if not isinstance(content, list | None):
        raise InvalidRequestError(
            f"The content of a message is a {type(content).__name__}. It may be a text or a list "
            "of content blocks."
        )
    return [part for block in content or () for part in _parts_of(block)]


def with_readable_blocks(message: BaseMessage) -> BaseMessage:
    """Return a message whose blocks LangChain's own tracing can read.

    Tracing needs MIME types, and all keys of blocks of version 0.

    Raises:
        InvalidRequestError: Such a block lacks its data, or a block's type is not a text.
    """
    if not isinstance(message.content, list):
        return message
    blocks: list[Any] = [_readable(block) for block in message.content]
    return message if blocks == message.content else message.model_copy(update={"content": blocks})


def with_text_only(message: BaseMessage) -> BaseMessage:
    """Return a message whose content is text, for text models.

    LangChain drops all blocks but texts.

    Raises:
        InvalidRequestError: It holds an image, audio, a video, a file that is not text, or an
            unknown block.
    """
    blocks = message.content if isinstance(message.content, list) else ()
    kinds = [block.get("type") if isinstance(block, dict) else "text" for block in blocks]
    if {"text", *THOUGHTS, *CALLS}.issuperset(kinds):
        return message
    texts = [
        block for block, kind in zip(blocks, kinds, strict=True) if kind not in THOUGHTS | CALLS
    ]
    parts = [part for block in texts for part in _parts_of(block)]
    check_parts([{"content": parts}], ("text",), "a text class")
    return message.model_copy(update={"content": "\n".join(part["text"] for part in parts)})


def _readable(block: Any) -> Any:
    if not isinstance(block, dict):
        return block
    if not isinstance(kind := block.get("type", ""), str):
        raise InvalidRequestError(
            f"A message holds a content block whose type is a {type(kind).__name__}: {kind!r}."
        )
    inner = block.get("file")
    # LangChain takes each for a PDF
    if kind == "file" and isinstance(inner, dict) and is_data_url(str(inner.get("file_data"))):
        data, mime = _data(inner, "file")
        return {
            "type": "file",
            "base64": data,
            "mime_type": mime,
            "filename": inner.get("filename"),
        }
    old = "source_type" in block and kind in {"image", "audio", "file"}
    return (
        _BLOCKS[kind](block)
        if old or (kind == "image" and "base64" in block and not block.get("mime_type"))
        else block
    )


def joined(parts: list[Part]) -> str | list[Part]:
    """Return a text where all parts are texts, joined by line breaks as LangChain joins them.

    Else the parts.
    """
    if all(part["type"] == "text" for part in parts):
        return "\n".join(part["text"] for part in parts)
    return parts


def is_data_url(url: str) -> bool:
    """Return whether a URL holds its data."""
    return url[:5].lower() == "data:"


def unwrapped(block: Any) -> Any:
    """Return the block inside a `non_standard` block, where it is one that is known.

    Else the block.
    """
    if (
        isinstance(block, dict)
        and block.get("type") == "non_standard"
        and isinstance(value := block.get("value"), dict)
    ):
        return value if str(value.get("type")) in _BLOCKS else block
    return block


def thought_of(block: Mapping[str, Any]) -> str:
    """Return the text of a reasoning block.

    Empty where a provider encrypted it, so that no other model can read it.
    """
    text = block.get("reasoning") or block.get("thinking")
    if isinstance(inner := block.get("reasoning_content"), dict):  # Bedrock Converse
        text = inner.get("text")
    if not text and isinstance(summary := block.get("summary"), list):  # OpenAI's Responses API
        text = "\n".join(str(item.get("text", "")) for item in summary if isinstance(item, dict))
    return text if isinstance(text, str) else ""


def check_parts(
    messages: Iterable[Mapping[str, Any]], accepted: Collection[str], engine: str
) -> None:
    """Check that an engine accepts the parts of all messages.

    Args:
        messages: The conversation.
        accepted: The types of parts that the engine accepts.
        engine: What the engine is called in the error, such as `Ollama`.

    Raises:
        InvalidRequestError: A message holds a part of another type.
    """
    for part in (part for message in messages for part in _listed(message)):
        if part["type"] not in accepted:
            raise InvalidRequestError(
                f"A message holds {PARTS[part['type']]}, which {engine} does not accept. It "
                "accepts only "
                f"{_listing([plural for kind, plural in _PLURALS.items() if kind in accepted])}."
            )


def _listing(words: list[str]) -> str:
    """Return words as a sentence lists them."""
    return " and ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def hold_parts(messages: Iterable[Mapping[str, Any]], kind: str) -> bool:
    """Return whether a message holds a part of a type."""
    return any(part["type"] == kind for message in messages for part in _listed(message))


def image_data(part: Part) -> str:
    """Return the base64 text of an image."""
    return str(part["image_url"]["url"]).partition(",")[2]


def image_bytes(part: Part) -> bytes:
    """Return the bytes of an image.

    Raise `InvalidRequestError` where its base64 text is damaged.
    """
    try:
        return base64.b64decode("".join(image_data(part).split()), validate=True)
    except ValueError:
        raise InvalidRequestError(
            "An image's base64 text is damaged. Give the image's bytes, encoded as base64."
        ) from None


def join_with_markers(texts: list[str], markers: Container[str]) -> str:
    """Join texts by line breaks.

    A marker of an image is joined directly, as llama.cpp's server does.
    """
    result = ""
    for before, text in zip(["", *texts], texts, strict=False):
        between = "\n" if result and before not in markers and text not in markers else ""
        result += between + text
    return result


def _listed(message: Mapping[str, Any]) -> list[Part]:
    content = message.get("content")
    return content if isinstance(content, list) else []


# --- blocks ---


def _parts_of(block: Any) -> Iterator[Part]:
    if isinstance(block, str):
        yield _text(block)
        return
    if not isinstance(block, dict):
        raise InvalidRequestError(
            f"A message's content holds a {type(block).__name__}. It may hold texts and "
            "content blocks."
        )
    block = unwrapped(block)
    kind = block.get("type") or next((key for key in _UNTYPED if key in block), None)
    if kind in _CACHE_MARKS:
        return
    if kind is None:
        raise InvalidRequestError(
            f"A message holds a content block of unknown type, with the keys {_keys(block)}."
        )
    if not isinstance(kind, str) or kind not in _BLOCKS:
        raise InvalidRequestError(
            f"A message holds a content block of the type {kind!r}, which local models do not "
            "accept."
        )
    yield _BLOCKS[kind](block)


def _text(text: str) -> Part:
    return {"type": "text", "text": text}


def _text_block(block: Part) -> Part:
    return _text(_string(block, "text"))


def _guard_block(block: Part) -> Part:
    guarded = block.get("guard_content")
    inner = guarded.get("text") if isinstance(guarded, dict) else None
    return _text_block(
        {"type": "guard_content", **(inner if isinstance(inner, dict) else {"text": inner})}
    )


def _json_block(block: Part) -> Part:
    return _text(json.dumps(block.get("json"), ensure_ascii=False, default=str))


def _non_standard_block(block: Part) -> Part:
    value = block.get("value", "")
    return _text(
        value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    )


def _thought_block(block: Part) -> Part:
    return _text(thought_of(block))


def _image_block(block: Part) -> Part:
    inner = block.get("image_url", block.get("image"))
    given = (
        {"url": inner} if isinstance(inner, str) else inner if isinstance(inner, dict) else block
    )
    data, mime = _data(given, "image")
    detail = (
        {"detail": value}
        if isinstance(value := given.get("detail") or block.get("detail"), str)
        else {}
    )
    return {
        "type": "image_url",
        "image_url": {"url": f"data:{mime or 'image/jpeg'};base64,{data}", **detail},
    }


def _audio_block(block: Part) -> Part:
    inner = block.get("input_audio", block.get("audio_url"))
    given = (
        {"url": inner} if isinstance(inner, str) else inner if isinstance(inner, dict) else block
    )
    data, mime = _data(given, "audio")
    subtype = given.get("format") or mime.partition(";")[0].partition("/")[2].lower()
    return {
        "type": "input_audio",
        "input_audio": {"data": data, "format": _AUDIO_FORMATS.get(subtype, subtype or "wav")},
    }


def _video_block(block: Part) -> Part:
    inner = block.get("video_url", block.get("video"))
    given = (
        {"url": inner} if isinstance(inner, str) else inner if isinstance(inner, dict) else block
    )
    data, mime = _data(given, "video")
    return {"type": "video_url", "video_url": {"url": f"data:{mime or 'video/mp4'};base64,{data}"}}


def _file_block(block: Part) -> Part:
    """Convert a file: one that holds text becomes a text."""
    inner = block.get("file", block.get("document"))
    given = inner if isinstance(inner, dict) else block
    if isinstance(text := _text_of_file(given), str):
        return _text(
            "\n".join(
                str(value) for value in (given.get("title"), given.get("context"), text) if value
            )
        )
    data, mime = _data(given, "file")
    extras = given.get("extras") or given.get("metadata") or {}
    name = (
        given.get("filename")
        or given.get("name")
        or (extras.get("filename") if isinstance(extras, dict) else None)
    )
    if _TEXT.search(mime or mimetypes.guess_type(str(name))[0] or ""):
        return _text(_decoded(data).decode("utf-8", "replace"))
    url = f"data:{mime or 'application/octet-stream'};base64,{data}"
    return {"type": "file", "file": {"file_data": url, "filename": name or "file"}}


def _text_of_file(given: Mapping[str, Any]) -> Any:
    """Return the text of a file that is given as text, else something else.

    The forms are LangChain's, Bedrock's and Anthropic's.
    """
    source = given.get("source")
    if not isinstance(source, dict) or isinstance(given.get("text"), str):
        return given.get("text")
    if source.get("type") == "content":
        return joined(to_parts(source.get("content")))
    return source.get("data") if source.get("type") == "text" else source.get("text")


def _search_result_block(block: Part) -> Part:
    """Convert Anthropic's block for a search result: its title, source and texts."""
    found = joined(to_parts(block.get("content")))
    return _text(
        "\n".join(str(value) for value in (block.get("title"), block.get("source"), found) if value)
    )


def _media_block(block: Part) -> Part:
    """Convert Vertex AI's block for data of any kind."""
    mime = str(block.get("mime_type", ""))
    return next((make for kind, make in _BY_MIME.items() if mime.startswith(kind)), _file_block)(
        block
    )


_BLOCKS: Final[dict[Any, Callable[[Part], Part]]] = {
    "text": _text_block,
    "input_text": _text_block,
    "output_text": _text_block,
    "refusal": lambda block: _text(_string(block, "refusal")),
    "json": _json_block,
    "guard_content": _guard_block,
    "non_standard": _non_standard_block,
    **dict.fromkeys(THOUGHTS, _thought_block),
    **dict.fromkeys(("image", "image_url", "input_image"), _image_block),
    **dict.fromkeys(("audio", "input_audio", "audio_url"), _audio_block),
    **dict.fromkeys(("video", "video_url"), _video_block),
    **dict.fromkeys(("file", "input_file", "document", "text-plain"), _file_block),
    "media": _media_block,
    "search_result": _search_result_block,
}
"""How blocks of each type are converted."""
_UNTYPED: Final = ("text", "image", "video", "document", "json", "guard_content", "cachePoint")
"""Keys that name the kind of a block without a type, as Bedrock Converse writes them."""
_CACHE_MARKS: Final = ("cachePoint", "cache_point")
"""Blocks of Bedrock that say what to cache and hold nothing for the model."""
_BY_MIME: Final = {"image/": _image_block, "audio/": _audio_block, "video/": _video_block}


# --- data ---


def _data(block: Mapping[str, Any], kind: str) -> tuple[str, str]:
    """Return the base64 text of a block's data (empty if unknown), and its MIME type."""
    source = block.get("source")
    if isinstance(source, dict):  # Anthropic's and Bedrock's
        mime = (
            block.get("mime_type")
            or source.get("media_type")
            or _mime_of_format(block.get("format"), kind)
        )
        block = {**source, "mime_type": mime}
    key = next(
        (
            key
            for key in ("base64", "data", "bytes", "file_data", "url", "file_url")
            if block.get(key) is not None
        ),
        None,
    )
    value = block[key] if key else None
    mime = str(block.get("mime_type") or block.get("media_type") or "")
    if isinstance(value, bytes):
        value = base64.b64encode(value).decode()
    if not isinstance(value, str):
        raise InvalidRequestError(_missing(block, kind))
    if is_data_url(value):
        header, _, value = value.partition(",")
        mime = mime or header[len("data:") :].partition(";")[0]
        if not header.lower().endswith(";base64"):
            raise InvalidRequestError(
                f"{_named(kind)} is given as a data URL that is not base64. Encode it as base64."
            )
    elif not _BASE64.fullmatch(value):
        if key in {"base64", "data"}:
            raise InvalidRequestError(
                f"{_named(kind)}: the base64 text is damaged. Give the data, encoded as base64."
            )
        raise InvalidRequestError(
            f"{_named(kind)} is given as an address or a path ({value[:60]!r}). Give its data as "
            "base64: nothing is downloaded."
        )
    if not value and kind != "file":  # an empty text file is a text
        raise InvalidRequestError(_missing(block, kind))
    return value, mime or _guessed(value)


def _missing(block: Mapping[str, Any], kind: str) -> str:
    if "file_id" in block or block.get("source_type") == "id":
        return (
            f"{_named(kind)} is given by the id of a file on a provider's server. Give its data "
            "as base64."
        )
    return (
        f"{_named(kind)} has no data: its block holds {_keys(block)}. Give `base64` and "
        "`mime_type`."
    )


def _keys(block: Mapping[str, Any]) -> str:
    return (
        ", ".join(
            f"an empty {name!r}" if value == "" else repr(name) for name, value in block.items()
        )
        or "nothing"
    )


def _named(kind: str) -> str:
    return {"audio": "Audio", "image": "An image", "video": "A video", "file": "A file"}[kind]


def _mime_of_format(form: Any, kind: str) -> str:
    if not isinstance(form, str):
        return ""
    return (
        f"{kind}/{form}"
        if kind != "file"
        else {"txt": "text/plain", "md": "text/markdown"}.get(form, f"application/{form}")
    )


def _guessed(data: str) -> str:
    """Return the MIME type by the first bytes."""
    try:
        start = base64.b64decode("".join(data[:64].split())[:32])
    except (binascii.Error, ValueError):
        return ""
    if start.startswith(b"RIFF"):
        return _RIFF.get(start[8:12], "")
    return next((mime for magic, mime in _MAGIC if start.startswith(magic)), "")


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode(data)
    except ValueError:
        raise InvalidRequestError(
            "A file's base64 text is damaged. Give the file's bytes, encoded as base64."
        ) from None


def _string(block: Mapping[str, Any], key: str) -> str:
    if not isinstance(value := block.get(key), str):
        raise InvalidRequestError(
            f"A content block of the type {block.get('type')!r} has no text under {key!r}."
        )
    return value
