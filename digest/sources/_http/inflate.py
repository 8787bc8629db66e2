"""Decode ``Content-Encoding`` piece by piece, never holding more than the limit. Pure.

httpx's own decoding inflates a whole network chunk before anybody can count: 194 kB of gzip
become 67 MB in one step. Here each step gives at most one small piece.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

PIECE = 65_536
MAX_LAYERS = 2
_READ = frozenset({"gzip", "deflate"})
_UNREAD = frozenset({
    "br", "zstd", "compress", "dcb", "dcz", "exi", "pack200-gzip", "aes128gcm", "bzip2", "xz",
    "lzma", "lz4", "snappy",
})  # fmt: skip
"""Registered codecs (https://www.iana.org/assignments/http-parameters), and others that are met."""
_GZIP_MAGIC = b"\x1f\x8b"


class BadEncodingError(ValueError):
    """The body is not encoded as its header says, or ends too early."""


def decoded(chunks: Iterable[bytes], encodings: str) -> Iterator[bytes]:
    """Return the pieces of a body with its encodings (a header's value) undone.

    Pieces of an encoded body are at most ``PIECE`` long, so the caller can stop in time. Raises
    BadEncodingError for rubbish, a cut stream, a codec that was not asked for, or too many layers.
    A token that names no codec (``UTF-8``, ``none``) says nothing.
    """
    names = [name.strip().lower() for name in encodings.split(",")]
    names = [name.removeprefix("x-") for name in names]
    names = [name for name in names if name in _READ or name in _UNREAD]
    if len(names) > MAX_LAYERS:
        raise BadEncodingError(f"it is encoded {len(names)} times over")
    pieces: Iterable[bytes] = chunks
    for name in reversed(names):
        if name == "gzip":
            pieces = _gunzipped(pieces)
        elif name == "deflate":
            pieces = _inflated(pieces)
        else:
            raise BadEncodingError(f"its encoding {name[:20]!r} was not asked for")
    return iter(pieces)


def _gunzipped(chunks: Iterable[bytes]) -> Iterator[bytes]:
    stream: zlib._Decompress | None = None
    begun = False
    for chunk in chunks:
        waiting = chunk
        while waiting:
            if stream is None:
                if begun and not waiting.startswith(_GZIP_MAGIC[: len(waiting)]):
                    return  # zero padding or rubbish after the last member: gzip(1) ignores it
                stream, begun = zlib.decompressobj(wbits=31), True
            piece = _step(stream, waiting)
            if piece:
                yield piece
            waiting = stream.unused_data if stream.eof else stream.unconsumed_tail
            if stream.eof:
                stream = None
            elif not waiting and not piece:
                break
    if stream is not None:
        yield from _rest(stream)


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    stream: zlib._Decompress | None = None
    for chunk in chunks:
        waiting = chunk
        while waiting:
            if stream is None:
                # "deflate" means zlib's format; some servers send the bare stream.
                is_zlib = waiting[0] & 0x0F == 8 and waiting[0] >> 4 <= 7
                stream = zlib.decompressobj(wbits=15 if is_zlib else -15)
            if stream.eof:
                return
            if piece := _step(stream, waiting):
                yield piece
            waiting = stream.unconsumed_tail
    if stream is not None:
        yield from _rest(stream)


def _step(stream: zlib._Decompress, waiting: bytes) -> bytes:
    try:
        return stream.decompress(waiting, PIECE)
    except zlib.error as exc:
        raise BadEncodingError(f"it is not compressed as it says ({exc})") from exc


def _rest(stream: zlib._Decompress) -> Iterator[bytes]:
    while not stream.eof:
        piece = _step(stream, stream.unconsumed_tail)
        if not piece:
            raise BadEncodingError("its compressed stream is cut short")
        yield piece
