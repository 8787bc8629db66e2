"""Run a small BERT sentence model (MiniLM) in NumPy, from its safetensors file.

Mean of the last layer, unit length, as the sentence-transformers project does it for
all-MiniLM-L6-v2. Texts of equal length go together, so that nothing is padded.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.special import erf

Floats = npt.NDArray[np.float32]

TOKENS_AT_ONCE = 4096
LONGEST = 256


class SentenceModel:
    """A model's folder: ``model.safetensors``, ``config.json``, ``tokenizer.json``."""

    def __init__(self, folder: Path) -> None:
        from tokenizers import Tokenizer  # noqa: PLC0415 (only who makes a table needs it)

        self._weights = _tensors(folder / "model.safetensors")
        config = json.loads((folder / "config.json").read_text())
        self._heads, self._layers = config["num_attention_heads"], config["num_hidden_layers"]
        self._width = config["hidden_size"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.no_padding()

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return one unit row per text."""
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(list(texts))]
        by_length: dict[int, list[int]] = defaultdict(list)
        for number, one in enumerate(ids):
            by_length[len(one)].append(number)
        found = np.zeros((len(texts), self._width), dtype=np.float32)
        for length, numbers in sorted(by_length.items()):
            size = max(1, TOKENS_AT_ONCE // length)
            for start in range(0, len(numbers), size):
                some = numbers[start : start + size]
                found[some] = self._forward(np.array([ids[n] for n in some]))
        return found

    def _forward(self, ids: npt.NDArray[np.int64]) -> Floats:
        w = self._weights
        rows = w["embeddings.word_embeddings.weight"][ids]
        rows = rows + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        rows = rows + w["embeddings.token_type_embeddings.weight"][0]
        rows = self._normed(rows, "embeddings.LayerNorm")
        for layer in range(self._layers):
            rows = self._layer(rows, f"encoder.layer.{layer}.")
        mean = rows.mean(axis=1)
        return np.asarray(mean / np.linalg.norm(mean, axis=1, keepdims=True), dtype=np.float32)

    def _layer(self, rows: Floats, name: str) -> Floats:
        count, length, width = rows.shape
        shape = (count, length, self._heads, width // self._heads)
        query, key, value = (
            self._linear(rows, f"{name}attention.self.{part}").reshape(shape).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(shape[-1]))
        weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        seen = (weights @ value).transpose(0, 2, 1, 3).reshape(rows.shape)
        seen = rows + self._linear(seen, f"{name}attention.output.dense")
        rows = self._normed(seen, f"{name}attention.output.LayerNorm")
        inner = self._linear(rows, f"{name}intermediate.dense")
        inner = inner * 0.5 * (1 + erf(inner / np.float32(np.sqrt(2))))
        return self._normed(
            rows + self._linear(inner, f"{name}output.dense"), f"{name}output.LayerNorm"
        )

    def _linear(self, rows: Floats, name: str) -> Floats:
        found = rows @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return np.asarray(found, dtype=np.float32)

    def _normed(self, rows: Floats, name: str) -> Floats:
        rows = rows - rows.mean(axis=-1, keepdims=True)
        rows = rows / np.sqrt((rows * rows).mean(axis=-1, keepdims=True) + 1e-12)
        scaled = rows * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
        return np.asarray(scaled, dtype=np.float32)


def _tensors(file: Path) -> dict[str, Floats]:
    """Read float32 tensors (format: https://huggingface.co/docs/safetensors)."""
    content = file.read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    found = {}
    for name, told in json.loads(content[8:start]).items():
        if name == "__metadata__" or told["dtype"] != "F32":
            continue
        first, last = told["data_offsets"]
        values = np.frombuffer(content[start + first : start + last], dtype="<f4")
        found[name] = values.reshape(told["shape"])
    return found
