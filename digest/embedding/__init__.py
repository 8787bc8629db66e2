"""Sentence models of the owner's choice: texts in, unit vectors out.

``[ranking] model`` names a folder with an ONNX model (``model.onnx`` or ``onnx/model.onnx``,
``tokenizer.json``), a model of that kind in the Hugging Face cache, or, with ``model_url``, a
model behind an OpenAI-compatible endpoint. Nothing is downloaded. Stores nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from digest.config.sections import RankingSection

__all__ = ["TextModel", "open_model"]

Floats = npt.NDArray[np.float32]


class TextModel(Protocol):
    """One row of length one per text."""

    name: str

    def encode(self, texts: Sequence[str]) -> Floats:
        """Return the rows. Raises DigestError where the model cannot be used."""
        ...


def open_model(settings: RankingSection) -> TextModel | None:
    """Return the model that the configuration names; None where it names none.

    Raises ConfigError where there is no such model, or what runs it is not installed.
    """
    if not settings.model:
        return None
    if settings.model_url:
        from digest.embedding.endpoint import EndpointModel  # noqa: PLC0415 (httpx only if used)

        key = settings.model_key.get_secret_value() if settings.model_key else ""
        return EndpointModel(settings.model, settings.model_url, key)
    from digest.embedding.onnx import OnnxModel  # noqa: PLC0415 (an optional extra)

    return OnnxModel(settings.model)
