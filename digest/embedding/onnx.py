"""An ONNX sentence model on this machine, run by onnxruntime (the ``semantic`` extra).

Mean of the last layer over the tokens, unit length, as sentence-transformers does it for most of
its models; a model that has a ``sentence_embedding`` output is taken at its word.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digest.errors import ConfigError
from digest.ranking.space import unit

AT_ONCE = 32
LONGEST = 256
"""Tokens of a text that are read: title and most of an abstract."""


class OnnxModel:
    """See the module. ``model`` is a folder, or a name such as ``owner/model`` in the cache."""

    def __init__(self, model: str) -> None:
        try:
            import onnxruntime  # noqa: PLC0415 (an optional extra)
            from tokenizers import Tokenizer  # noqa: PLC0415
        except ImportError as exc:
            raise ConfigError(
                f"ranking.model: {model!r} needs the semantic extra: "
                "pip install 'paper-digest[semantic]'"
            ) from exc
        folder = _folder(model)
        file = next(
            (f for f in (folder / "model.onnx", folder / "onnx/model.onnx") if f.is_file()), None
        )
        if file is None or not (folder / "tokenizer.json").is_file():
            raise ConfigError(f"ranking.model: no model.onnx and tokenizer.json in {folder}")
        self.name = model[-100:]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = os.cpu_count() or 1
        self._session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = {one.name for one in self._session.get_inputs()}
        self._outputs = [one.name for one in self._session.get_outputs()]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(LONGEST)
        self._tokenizer.enable_padding()

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one unit row per text, in order."""
        order = sorted(range(len(texts)), key=lambda n: len(texts[n]))
        rows: dict[int, npt.NDArray[np.float32]] = {}
        for start in range(0, len(order), AT_ONCE):
            some = order[start : start + AT_ONCE]
            rows |= dict(zip(some, self._run([texts[n] for n in some]), strict=True))
        return unit(np.stack([rows[n] for n in range(len(texts))]))

    def _run(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        encoded = self._tokenizer.encode_batch(list(texts))
        mask = np.array([e.attention_mask for e in encoded], dtype=np.int64)
        given = {
            "input_ids": np.array([e.ids for e in encoded], dtype=np.int64),
            "attention_mask": mask,
            "token_type_ids": np.zeros_like(mask),
        }
        asked = {name: values for name, values in given.items() if name in self._inputs}
        if "sentence_embedding" in self._outputs:
            return np.asarray(self._session.run(["sentence_embedding"], asked)[0], np.float32)
        tokens = np.asarray(self._session.run(self._outputs[:1], asked)[0], np.float32)
        weights = mask[:, :, None].astype(np.float32)
        return np.asarray((tokens * weights).sum(axis=1) / weights.sum(axis=1), np.float32)


def _folder(model: str) -> Path:
    """Return the model's folder: as given, or the newest snapshot of it in the cache."""
    if Path(model).is_dir():
        return Path(model)
    home = Path(os.environ.get("HF_HOME", "~/.cache/huggingface")).expanduser()
    snapshots = home / "hub" / f"models--{model.replace('/', '--')}" / "snapshots"
    found = sorted(snapshots.glob("*/"), key=lambda f: f.stat().st_mtime)
    if not found:
        raise ConfigError(f"ranking.model: {model!r} is no folder, and not in {snapshots.parent}")
    return found[-1]
