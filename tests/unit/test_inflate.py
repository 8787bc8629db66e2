import gzip
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.sources._http.inflate import PIECE, BadEncodingError, decoded


def cut(content, size):
    return [content[start : start + size] for start in range(0, len(content), size)]


def bare(content):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(content) + packer.flush()


@given(st.binary(max_size=5000), st.integers(1, 700))
def test_every_encoding_comes_back_however_it_is_cut(content, size):
    for encoding, packed in (
        ("", content),
        ("identity", content),
        ("gzip", gzip.compress(content)),
        ("x-gzip", gzip.compress(content)),
        ("deflate", zlib.compress(content)),
        ("deflate", bare(content)),
        ("gzip, gzip", gzip.compress(gzip.compress(content))),
        ("deflate, gzip", gzip.compress(zlib.compress(content))),
    ):
        assert b"".join(decoded(cut(packed, size), encoding)) == content


def test_members_of_a_gzip_follow_each_other():
    packed = gzip.compress(b"one ") + gzip.compress(b"two") + b"\0" * 512
    assert b"".join(decoded(cut(packed, 7), "gzip")) == b"one two"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_cut_stream_is_an_error(encoding):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    packed = pack(bytes(range(256)) * 40)
    with pytest.raises(BadEncodingError, match="cut short"):
        list(decoded([packed[:-12]], encoding))


@pytest.mark.parametrize(
    ("content", "encoding"),
    [(b"<feed/>", "gzip"), (b"\xff\xff\xff", "deflate"), (b"x", "br"), (b"x", "gzip, gzip, gzip")],
)
def test_what_is_not_encoded_so_is_an_error(content, encoding):
    with pytest.raises(BadEncodingError):
        list(decoded([content], encoding))


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "gzip, gzip"])
def test_a_bomb_is_seen_one_small_piece_at_a_time(encoding):
    packer = zlib.compressobj(9, wbits=15 if encoding == "deflate" else 31)
    bomb = b"".join(packer.compress(bytes(1 << 20)) for _ in range(100)) + packer.flush()
    if "," in encoding:
        bomb = gzip.compress(bomb)
    tracemalloc.start()
    try:
        pieces = decoded([bomb], encoding)
        count = 0
        while count < 1 << 20:
            piece = next(pieces)
            assert len(piece) <= PIECE
            count += len(piece)
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()
