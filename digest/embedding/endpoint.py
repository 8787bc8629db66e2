"""A model behind an OpenAI-compatible ``/embeddings`` endpoint (Ollama, vLLM, llama.cpp, ...).

API: https://platform.openai.com/docs/api-reference/embeddings/create
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx
import numpy as np
import numpy.typing as npt

from digest.errors import ConfigError
from digest.ranking.space import unit

AT_ONCE = 64
TIMEOUT_S = 60.0
LONGEST = 8000
"""Characters of a text that are sent."""


class EndpointModel:
    """See the module."""

    def __init__(self, model: str, url: str, key: str = "") -> None:
        self.name = model[-100:]
        self._model = model
        self._url = f"{url.rstrip('/')}/embeddings"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    def encode(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return one unit row per text, in order.

        Raises ConfigError naming the endpoint where an answer is not of that kind.
        """
        rows: list[list[float]] = []
        with httpx.Client(timeout=TIMEOUT_S, headers=self._headers) as client:
            for start in range(0, len(texts), AT_ONCE):
                rows += self._ask(client, [t[:LONGEST] for t in texts[start : start + AT_ONCE]])
        found = np.array(rows, dtype=np.float32)
        if len(texts) and (found.ndim != 2 or not np.isfinite(found).all()):
            raise ConfigError(f"{self._url}: the vectors are not all of one length, or not finite")
        return unit(found)

    def _ask(self, client: httpx.Client, texts: Sequence[str]) -> list[list[float]]:
        try:
            answer = client.post(self._url, json={"model": self._model, "input": list(texts)})
            answer.raise_for_status()
            told = {int(item["index"]): item["embedding"] for item in answer.json()["data"]}
            # By their index and never by their place: an answer may be in any order, and no
            # paper may get another's vector.
            return [[float(value) for value in told[n]] for n in range(len(texts))]
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as exc:
            raise ConfigError(f"{self._url}: no vectors for {len(texts)} texts ({exc!r})") from exc
