"""A text within a PNG: what a picture is of, so that a picture of an older page can be told from one of today's.

Chunks are as https://www.w3.org/TR/png-3/#5Chunk-layout says: length, type, content, checksum of the two.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def with_text(picture: bytes, name: str, text: str) -> bytes:
    """The picture with the text under that name, which is the only one."""
    others = [(kind, content) for kind, content in _chunks(picture) if kind != b"tEXt"]
    named = (b"tEXt", f"{name}\0{text}".encode("latin-1"))
    return _SIGNATURE + b"".join(_chunk(*one) for one in (*others[:-1], named, others[-1]))


def text_in(picture: bytes, name: str) -> str:
    """What stands under a name; ``""`` if nothing does."""
    for kind, content in _chunks(picture):
        known, _, text = content.decode("latin-1").partition("\0")
        if kind == b"tEXt" and known == name:
            return text
    return ""


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    assert picture.startswith(_SIGNATURE)
    at = len(_SIGNATURE)
    while at < len(picture):
        length, kind = struct.unpack_from(">I4s", picture, at)
        yield kind, picture[at + 8 : at + 8 + length]
        at += length + 12


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
