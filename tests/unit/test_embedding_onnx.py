"""A model of one Gather, written byte by byte (onnx.proto3), stands for a sentence model."""

import numpy as np
import pytest

from digest.config import load_config
from digest.embedding import open_model
from digest.errors import ConfigError

WORDS = {"[PAD]": 0, "[UNK]": 1, "tumour": 2, "cancer": 3, "river": 4}
TABLE = np.array([[0, 9], [0.1, 0.1], [1, 0], [0.8, 0.6], [0, 1]], dtype="<f4")
FLOAT, INT64 = 1, 7


def varint(value):
    found = b""
    while value > 127:
        found, value = found + bytes([value % 128 + 128]), value // 128
    return found + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    content = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(content)) + content


def tensor_value(name, kind, *axes):
    dims = b"".join(field(1, field(2, axis)) for axis in axes)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


@pytest.fixture
def model(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the semantic extra")
    tokenizers = pytest.importorskip("tokenizers", reason="needs the semantic extra")
    gather = field(1, "table") + field(1, "input_ids") + field(2, "tokens") + field(4, "Gather")
    sizes = b"".join(field(1, size) for size in TABLE.shape)
    table = sizes + field(2, FLOAT) + field(8, "table") + field(9, TABLE.tobytes())
    graph = field(1, gather) + field(2, "g") + field(5, table)
    graph += field(11, tensor_value("input_ids", INT64, "texts", "length"))
    graph += field(12, tensor_value("tokens", FLOAT, "texts", "length", "width"))
    content = field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 13))
    (tmp_path / "model.onnx").write_bytes(content)
    known = tokenizers.Tokenizer(tokenizers.models.WordLevel(WORDS, unk_token="[UNK]"))
    known.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    known.save(str(tmp_path / "tokenizer.json"))
    settings = load_config(overrides={"ranking": {"model": str(tmp_path)}}).settings.ranking
    return open_model(settings)


def test_a_local_model_gives_unit_rows_in_the_order_of_the_texts(model):
    rows = model.encode(["river", "tumour cancer", "cancer"])
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert rows[2] @ rows[1] > 0.9 > rows[0] @ rows[1]
    assert np.allclose(rows[0], [0, 1], atol=1e-5)


def test_padding_of_a_batch_changes_no_text(model):
    together = model.encode(["tumour", "river " * 50])
    assert np.allclose(together[0], model.encode(["tumour"])[0], atol=1e-6)


def test_a_folder_without_a_model_is_named(tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the semantic extra")
    settings = load_config(overrides={"ranking": {"model": str(tmp_path)}}).settings.ranking
    with pytest.raises(ConfigError, match=r"no model\.onnx and tokenizer\.json in"):
        open_model(settings)
